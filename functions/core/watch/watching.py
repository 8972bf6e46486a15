"""Watches a whole application: what was seen in five minutes in, what people should be told out.

    state, changes = observe(unpack(stored), start_ms, seen, wishes)
    stored = pack(state)

Bins come in order of time. One that was there already changes nothing. The state given is changed, and not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Literal

import msgspec

from functions.core.accounting import DAY_MS
from functions.core.detect.alerts import Alert
from functions.core.detect.model import VERSION as MODEL_VERSION
from functions.core.detect.wording import span
from functions.core.schema import HOUR_MS
from functions.core.watch import incidents, watched
from functions.core.watch.bars import MARGINAL, Bars
from functions.core.watch.errors import Errors
from functions.core.watch.incidents import Event, Incident, Member
from functions.core.watch.signals import BIN_MS, KINDS, MOST, Measure, Subject
from functions.core.watch.silence import Silence
from functions.core.watch.watched import ASPECTS, Aspect, Series
from functions.core.watch.wishes import DEFAULT, Wishes

VERSION = 1
MOST_SERIES = 2000
MOST_SUBJECTS = 5000
"""Known of which few are followed: the smallest are forgotten first."""

BEGINS = 12
"""Bins that a subject was seen in before it is followed: an hour."""

FORGOTTEN_MS = 14 * DAY_MS
UNFOLLOWED_MS = DAY_MS
"""Who was not seen for so long is forgotten; sooner where nothing of it is followed."""

STAYS = 2.0
"""Who is followed is only replaced by those that are twice as large: to begin anew costs days."""

NO_POINT_MS = 2 * HOUR_MS
"""An alert of a series of which nothing was seen for so long is over."""

MOST_CUSTOMERS = 100


class Followed(msgspec.Struct, array_like=True):
    """A subject: when it was first and last seen (ms), in how many bins, and how much of it there is in a bin.
    ``certain``: where it is absent there was none of it, and it was not left out as too small."""

    first_ms: int
    last_ms: int
    bins: int = 0
    level: float = 0.0
    certain: bool = True
    series: dict[Aspect, Series] = {}


class State(msgspec.Struct):
    """All that is kept between bins. ``until_ms`` is the end of the last one; ``left_out`` subjects are too many."""

    version: tuple[int, int] = (VERSION, MODEL_VERSION)
    first_ms: int = 0
    until_ms: int = 0
    left_out: int = 0
    subjects: dict[Subject, Followed] = {}
    incidents: list[Incident] = []
    errors: Errors = msgspec.field(default_factory=Errors)
    silence: Silence = msgspec.field(default_factory=Silence)
    bars: Bars = msgspec.field(default_factory=Bars)

    @property
    def series(self) -> int:
        """How many are followed."""
        return sum(len(each.series) for each in self.subjects.values())


class Customer(msgspec.Struct, frozen=True):
    """Requests of a customer in the bin, and how many of them failed."""

    tenant: str
    requests: int
    failed: int


class Change(msgspec.Struct, frozen=True):
    """Something to tell: an incident began, got worse, is back or ended; or nothing at all arrives any more.

    ``incident`` names it, the same in all that is told of it. ``members`` come in order of weight. ``customers`` are
    those with more failures in the bin than they usually have, the worst first. ``at_ms`` is the end of the bin that
    tells it.
    """

    event: Event
    kind: Literal["unusual", "new errors", "silence"]
    incident: str
    at_ms: int
    since_ms: int
    members: tuple[Member, ...] = ()
    services: tuple[str, ...] = ()
    customers: tuple[Customer, ...] = ()


def pack(state: State) -> bytes:
    """The state as bytes: about 3.6 kB for each series."""
    return msgspec.msgpack.encode(state)


def unpack(stored: bytes | None) -> State:
    """The state of bytes that `pack` made; a new one where there are none, or where this release cannot read them."""
    if stored:
        try:
            state = msgspec.msgpack.decode(stored, type=State)
        except (msgspec.DecodeError, RecursionError):
            return State()
        if state.version == (VERSION, MODEL_VERSION):
            return state
    return State()


def observe(
    state: State, start_ms: int, measures: Mapping[Subject, Measure], wishes: Wishes = DEFAULT
) -> tuple[State, list[Change]]:
    """Judges and learns what was seen in the bin that begins at ``start_ms``."""
    if start_ms < state.until_ms:
        return state, []
    at_ms = start_ms + BIN_MS
    state.first_ms = state.first_ms or start_ms
    state.until_ms = at_ms
    changes = []
    silence = state.silence.observe(start_ms, sum(measure.count for measure in measures.values()))
    if silence.changed:
        event: Event = "began" if silence.holds else "ended"
        changes.append(Change(event, "silence", f"silence-{silence.since_ms}", at_ms, silence.since_ms))
    if silence.holds:
        return state, changes
    _meet(state, start_ms, measures)
    begun, goes_on = _judge(state, start_ms, measures, wishes)
    edges = _neighbours(state)
    services = {subject.names[0] for subject in state.subjects if subject.kind == "service"}
    still = {
        (subject, aspect)
        for subject, each in state.subjects.items()
        for aspect, series in each.series.items()
        if series.state.incident and start_ms - 1000 * series.state.model.time < NO_POINT_MS
    }
    state.incidents, told = incidents.follow(state.incidents, begun, goes_on, at_ms, services, edges, still)
    for event, incident in told:
        # alone to its end
        if event == "ended" and len(incident.members) == 1 and incident.members[0].marginal:
            state.bars.raise_for([_sort(incident.members[0].subject, incident.members[0].what)])
    if start_ms % HOUR_MS == 0:
        _choose(state, start_ms)
    customers = _hit(state, measures) if told else ()
    return state, changes + [_change(event, incident, at_ms, customers) for event, incident in told]


def _meet(state: State, start_ms: int, measures: Mapping[Subject, Measure]) -> None:
    """Counts who was seen, and follows those that have been seen for long enough while there is room."""
    room = None
    for subject in measures:
        known = state.subjects.get(subject)
        if known is None:
            known = state.subjects[subject] = Followed(start_ms, start_ms)
        known.last_ms = start_ms
        known.bins += 1
        if known.bins >= BEGINS and not known.series:
            room = MOST_SERIES - state.series if room is None else room
            room -= len(ASPECTS[subject.kind])
            if room >= 0:
                known.series = {aspect: Series() for aspect in ASPECTS[subject.kind]}
    for subject, known in state.subjects.items():
        measure = measures.get(subject)
        bins = (start_ms - known.first_ms) // BIN_MS + 1
        known.level += ((measure.count if measure else 0) - known.level) / min(bins, DAY_MS // BIN_MS)


def _judge(
    state: State, start_ms: int, measures: Mapping[Subject, Measure], wishes: Wishes
) -> tuple[list[Member], dict[tuple[Subject, str], Alert]]:
    """What becomes unusual in the bin, and what gets worse or ends."""
    begun: list[Member] = []
    goes_on: dict[tuple[Subject, str], Alert] = {}
    nothing = Measure()
    time = start_ms / 1000
    # rounded, so that few options are made
    chance = round(watched.needed(state.series, wishes.per_week), 1)
    state.bars.sink(wishes.per_week)
    for subject, known in state.subjects.items():
        measure = measures.get(subject, nothing)
        if measure is nothing and not known.certain:
            continue
        for aspect, series in known.series.items():
            needed = chance + round(state.bars.of(_sort(subject, aspect)), 1)
            alerts, evidence = watched.follow(aspect, series, time, measure, needed)
            for alert in alerts:
                if alert.event == "begins" and not wishes.mutes(subject, start_ms):
                    marginal = evidence < needed + MARGINAL
                    begun.append(Member(subject, aspect, alert, example=measure.example, marginal=marginal))
                elif alert.event != "begins":
                    goes_on[subject, aspect] = alert
    for subject, measure, what, alert in state.errors.observe(start_ms, measures):
        if not wishes.mutes(subject, start_ms):
            begun.append(Member(subject, what, alert, open=False, example=measure.example))
    return begun, goes_on


def _sort(subject: Subject, what: str) -> str:
    return f"{subject.kind} {what}"


def _neighbours(state: State) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for subject in state.subjects:
        if subject.kind == "dependency":
            caller, callee = subject.names
            found.setdefault(caller, set()).add(callee)
            found.setdefault(callee, set()).add(caller)
    return found


def _choose(state: State, start_ms: int) -> None:
    """Forgets who is gone, and follows the largest."""
    subjects = {
        subject: each
        for subject, each in state.subjects.items()
        if start_ms - each.last_ms < (FORGOTTEN_MS if each.series else UNFOLLOWED_MS)
    }
    ranked = sorted(
        ((each.level * (STAYS if each.series else 1.0), subject) for subject, each in subjects.items()),
        key=itemgetter(0),
        reverse=True,
    )
    state.subjects = {subject: subjects[subject] for _, subject in ranked[:MOST_SUBJECTS]}
    state.left_out, room = 0, MOST_SERIES
    full = {kind: sum(s.kind == kind and start_ms - e.last_ms < HOUR_MS for s, e in subjects.items()) for kind in KINDS}
    rank = dict.fromkeys(KINDS, 0)
    for subject, each in state.subjects.items():
        kind = subject.kind
        rank[kind] += 1
        each.certain = full[kind] < MOST[kind] or rank[kind] <= MOST[kind] // 2
        if each.bins < BEGINS:
            continue
        room -= len(ASPECTS[kind])
        if room < 0:
            each.series = {}
            state.left_out += 1
        elif not each.series:
            each.series = {aspect: Series() for aspect in ASPECTS[kind]}


def _hit(state: State, measures: Mapping[Subject, Measure]) -> tuple[Customer, ...]:
    found = [
        Customer(subject.names[0], measure.count, measure.failed)
        for subject, measure in measures.items()
        if subject.kind == "customer" and watched.fails_more(state.subjects[subject].series.get("failures"), measure)
    ]
    return tuple(sorted(found, key=lambda each: (-each.failed, each.tenant))[:MOST_CUSTOMERS])


def _change(event: Event, incident: Incident, at_ms: int, customers: tuple[Customer, ...]) -> Change:
    return Change(
        event,
        "new errors" if incident.only_new_errors else "unusual",
        incident.name,
        at_ms,
        incident.since_ms,
        # as they are now: the incident goes on
        tuple(map(msgspec.structs.replace, sorted(incident.members, key=_order))),
        tuple(incident.services),
        customers if event != "ended" else (),
    )


def _order(member: Member) -> tuple[float, float, Subject]:
    return -member.weight, member.alert.since, member.subject


class Replay(msgspec.Struct, frozen=True):
    """What would have been told in so many seconds."""

    told: tuple[Change, ...]
    seconds: float

    @property
    def fired(self) -> int:
        """How many incidents there were."""
        return sum(change.event == "began" for change in self.told)

    def __str__(self) -> str:
        return f"would have fired {'once' if self.fired == 1 else f'{self.fired:,} times'} in {span(self.seconds)}"


def replay(
    bins: Iterable[tuple[int, Mapping[Subject, Measure]]], wishes: Wishes = DEFAULT, since_ms: int = 0
) -> Replay:
    """What would have been told since then, had the application been watched from the first bin on."""
    state, told, first = State(), list[Change](), 0
    for start_ms, measures in bins:
        state, changes = observe(state, start_ms, measures, wishes)
        first = first or max(start_ms, since_ms)
        told += [change for change in changes if change.at_ms > since_ms]
    return Replay(tuple(told), max(0, state.until_ms - first) / 1000)

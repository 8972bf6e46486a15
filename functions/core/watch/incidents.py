"""One incident for each cause: what began close together and is connected is told as one.

A service is connected with those it calls and that call it, with its routes and errors, and with functions that are
called like it. A customer, or a metric without a service, is connected with whatever happens at the time. When three
services that nothing connects move together, it is the whole application.

People are told of the beginning, when it gets twice as bad or reaches another service (not more often than every half
an hour, three times in all), and of the end. What comes back within an hour comes and goes: that is told once, and then
the end, when it stays away for an hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from functions.core.detect.alerts import Alert
from functions.core.watch.signals import BIN_MS, NO_SERVICE, Subject, SubjectKind

JOINS_MS = 60 * 60_000
"""So long after it last grew, an incident is the cause of what is connected with it."""

SAME_TIME_MS = 30 * 60_000
"""The same for what is connected by time alone."""

TOGETHER_MS = 15 * 60_000
"""What begins within this time begins together."""

WIDE = 3
"""Services that nothing connects: two can be a coincidence."""

REPEAT_MS = 30 * 60_000
MUCH_WORSE = 4.0
"""Times as bad as when it was told last: that does not wait."""

MOST_TOLD = 3
"""Times that it is told that an incident got worse, or is back."""

COMES_BACK_MS = 60 * 60_000
MOST_MEMBERS = 200

What = Literal["traffic", "failures", "refusals", "latency", "occurrences", "mean", "new", "returned"]
Event = Literal["began", "worse", "back again", "ended"]

_KINDS: dict[SubjectKind, float] = {
    "service": 4.0,
    "function": 3.0,
    "dependency": 3.0,
    "route": 2.0,
    "error": 2.0,
    "customer": 1.5,
    "metric": 1.0,
}
_WHATS: dict[What, float] = {"failures": 2.0, "refusals": 0.7, "new": 1.2, "returned": 1.2, "mean": 0.7}


class Member(msgspec.Struct):
    """Something unusual in an incident: ``what`` of the ``subject``, as the ``alert`` of its beginning, or of its worst
    since, tells. ``example`` is what an error says."""

    subject: Subject
    what: What
    alert: Alert
    open: bool = True
    example: str = ""
    end: Alert | None = None
    marginal: bool = False

    @property
    def weight(self) -> float:
        """How much it says of what is wrong: services more than customers, failures more than traffic."""
        falls = self.what == "traffic" and not self.alert.up
        kind = 1.8 if falls else _WHATS.get(self.what, 1.0)
        strength = min(self.alert.times or 1.0, 10.0) ** 0.5 if self.alert.kind else 1.0
        return _KINDS[self.subject.kind] * kind * strength


class Incident(msgspec.Struct):
    """All that is remembered of one incident; its ``name`` is that of no other. Times are ms; 0 is never. ``told``
    counts what was told since the beginning; ``weight`` and ``reach`` are how bad it was and how many services it had
    when that was last."""

    name: str
    since_ms: int
    grown_ms: int
    members: list[Member] = []
    services: list[str] = []
    told_ms: int = 0
    told: int = 0
    weight: float = 0.0
    reach: int = 0
    over_ms: int = 0
    flapping: bool = False

    def weigh(self) -> float:
        return sum(member.weight for member in self.members)

    @property
    def only_new_errors(self) -> bool:
        return all(member.what in ("new", "returned") for member in self.members)


class Told(NamedTuple):
    """What is to be told of an incident."""

    event: Event
    incident: Incident


def services_of(subject: Subject, services: Collection[str]) -> set[str]:
    """The services that a subject is part of; none of a customer. A function has those it is called like, or else
    itself."""
    kind, names = subject
    if kind == "dependency":
        return set(names)
    if kind == "customer" or (kind == "metric" and names[2] == NO_SERVICE):
        return set()
    if kind == "metric":
        return {names[2]}
    if kind == "function":
        name = _letters(names[0])
        return {each for each in services if len(each) > 2 and _letters(each) in name} or {names[0]}
    return {names[0]}


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


class _Part(NamedTuple):
    """Members that began in this bin and are connected."""

    members: list[Member]
    services: set[str]


def follow(
    incidents: list[Incident],
    begun: Sequence[Member],
    goes_on: Mapping[tuple[Subject, str], Alert],
    at_ms: int,
    known: Collection[str],
    neighbours: Mapping[str, set[str]],
    still: Collection[tuple[Subject, str]],
) -> tuple[list[Incident], list[Told]]:
    """The incidents after a bin that ended at ``at_ms``, and what is to be told.

    ``begun`` is what became unusual in it, ``goes_on`` what got worse or ended, ``still`` is unusual at its end.
    ``known`` are all services, ``neighbours`` those that a service calls or is called by.
    """
    for incident in incidents:
        for member in incident.members:
            key = (member.subject, member.what)
            alert = goes_on.get(key)
            if alert and alert.event == "worse":
                member.alert = alert
            elif alert:
                member.end = alert
            member.open = member.open and key in still
    began: list[Incident] = []
    again: list[Incident] = []
    for part in _parts(begun, known, neighbours):
        joined = _joined(part, [*incidents, *began], at_ms, neighbours)
        incident = joined or Incident(f"{at_ms // 1000}-{len(began)}", since_ms=at_ms - BIN_MS, grown_ms=at_ms)
        if joined is None:
            began.append(incident)
        elif incident.over_ms:
            incident.over_ms = 0
            again.append(incident)
        _add(incident, part, at_ms)
    told = [_tell("began", each, at_ms) for each in began]
    for incident in incidents:
        if event := _event(incident, any(each is incident for each in again), at_ms):
            told.append(_tell(event, incident, at_ms))
    return [each for each in (*incidents, *began) if not _past(each, at_ms)], told


def _past(incident: Incident, at_ms: int) -> bool:
    """Whether nothing can be part of it any more."""
    over_ms = incident.grown_ms if incident.only_new_errors else incident.over_ms
    return bool(over_ms) and at_ms - over_ms >= COMES_BACK_MS


def _parts(begun: Sequence[Member], known: Collection[str], neighbours: Mapping[str, set[str]]) -> list[_Part]:
    """What began, by how it is connected: largest first, what only time connects last."""
    groups: dict[frozenset[str], list[Member]] = {}
    for member in begun:
        groups.setdefault(frozenset(services_of(member.subject, known)), []).append(member)
    loose = groups.pop(frozenset(), [])
    parts: list[_Part] = []
    for services, members in groups.items():
        near = services.union(*(neighbours.get(each, ()) for each in services))
        touching = [part for part in parts if not near.isdisjoint(part.services)]
        parts = [part for part in parts if near.isdisjoint(part.services)]
        parts.append(_united([*touching, _Part(members, set(services))]))
    if len(parts) >= WIDE:
        parts = [_united(parts)]
    parts.sort(key=lambda part: -sum(member.weight for member in part.members))
    if loose and parts:
        parts[0].members.extend(loose)
    elif loose:
        parts.append(_Part(loose, set()))
    return parts


def _united(parts: Sequence[_Part]) -> _Part:
    return _Part([each for part in parts for each in part.members], set().union(*(part.services for part in parts)))


def _joined(
    part: _Part, incidents: Iterable[Incident], at_ms: int, neighbours: Mapping[str, set[str]]
) -> Incident | None:
    """The incident that this is part of, if there is one: the latest of those that fit."""
    near = part.services.union(*(neighbours.get(each, ()) for each in part.services))
    young: list[Incident] = []
    found = None
    for incident in sorted(incidents, key=lambda each: each.grown_ms):
        quiet = at_ms - max(incident.grown_ms, incident.over_ms)
        by_time = not part.services or not incident.services
        if (by_time and quiet <= SAME_TIME_MS) or (quiet <= JOINS_MS and not near.isdisjoint(incident.services)):
            found = incident
        if at_ms - incident.since_ms <= TOGETHER_MS + BIN_MS:
            young.append(incident)
    if found is None and young and len(young) + 1 >= WIDE:
        return young[-1]
    return found


def _add(incident: Incident, part: _Part, at_ms: int) -> None:
    known = {(member.subject, member.what): at for at, member in enumerate(incident.members)}
    for member in part.members:
        at = known.get((member.subject, member.what))
        if at is not None:
            incident.members[at] = member
        elif len(incident.members) < MOST_MEMBERS:
            incident.members.append(member)
    incident.services = sorted({*incident.services, *part.services})
    incident.since_ms = min(incident.since_ms, *(round(member.alert.since * 1000) for member in part.members))
    incident.grown_ms = at_ms


def _event(incident: Incident, again: bool, at_ms: int) -> Event | None:
    """What is told of an incident that goes on, or is over."""
    if again and not incident.flapping:
        incident.flapping = True
        return "back again"
    if incident.only_new_errors:
        return None
    if any(member.open for member in incident.members):
        worse = incident.weigh() / incident.weight
        wider = worse >= 2 or len(incident.services) > incident.reach
        soon = at_ms - incident.told_ms < REPEAT_MS and worse < MUCH_WORSE
        return "worse" if wider and not (soon or incident.told >= MOST_TOLD or incident.flapping) else None
    if not incident.over_ms:
        incident.over_ms = at_ms
        return None if incident.flapping else "ended"
    if incident.flapping and at_ms - incident.over_ms >= COMES_BACK_MS:
        return "ended"
    return None


def _tell(event: Event, incident: Incident, at_ms: int) -> Told:
    incident.told += event != "began"
    incident.told_ms = at_ms
    incident.weight, incident.reach = incident.weigh(), len(incident.services)
    return Told(event, incident)

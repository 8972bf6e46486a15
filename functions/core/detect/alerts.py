"""One alert for each incident: when it begins, when it gets worse, and how it ends."""

from __future__ import annotations

from typing import Literal

import msgspec

from functions.core.detect.model import CRIED, KINDS, Before, Judgement, Model

CALM = 3
"""Points within the usual range that end an incident."""

NEW_NORMAL = 100
"""Points after which a new level is the usual one: the memory of the slow average."""

Event = Literal["begins", "worse", "back", "new normal"]


class Incident(msgspec.Struct):
    """An alert that goes on: what was usual before it, and its worst value since."""

    since: float
    up: bool
    expected: float
    margin: float
    worst: float
    before: Before
    points: int = 0
    calm: int = 0


class Alert(msgspec.Struct, frozen=True):
    """Something to tell: an incident began, got worse, or ended ``back`` at what is usual or as a ``new normal``.

    ``expected``, ``low`` and ``high`` are of this point where an incident begins or gets worse, else ``expected`` is of
    its beginning. ``kind`` is the strongest of `model.KINDS`; ``times`` how many times as far off as the series ever
    was at this hour of the day (0: not known), ``history`` the seconds that it is known for.
    """

    event: Event
    time: float
    since: float
    up: bool
    value: float
    expected: float
    low: float
    high: float
    worst: float
    p_value: float
    kind: str
    times: float
    history: float


def follow(
    incident: Incident | None, model: Model, judged: Judgement, loud: bool, *, needed: float = 0.0
) -> tuple[Incident | None, tuple[Alert, ...]]:
    """The incident that goes on after a judged point, which the model learns here, and what is to be told.

    ``loud`` says whether the evidence would make an alert; ``needed`` is how much that is,
    where the forecast has to wait for what is unusual, and an incident to leave no trace.
    """
    before = model.before(rarity=needed > 0) if loud and not incident else None
    hold = needed > 0 and not incident and judged.evidence > CRIED
    model.learn(judged, usual=not incident and not loud, hold=hold)
    if not incident:
        return _begin(model, judged, before) if before else (None, ())
    event = _event(incident, model, judged, loud)
    if event == "new normal":
        # the new level, which no single point says
        judged.value = model.fast
        model.rebase(model.fast - incident.expected)
    elif event == "back":
        model.restore(incident.before, needed)
    told = (_told(event, incident, model, judged),) if event else ()
    if event not in ("back", "new normal"):
        return incident, told
    if loud and judged.up != incident.up:
        # from one incident into another on the other side
        incident, more = _begin(model, judged, incident.before)
        return incident, told + more
    return None, told


def _begin(model: Model, judged: Judgement, before: Before) -> tuple[Incident, tuple[Alert, ...]]:
    margin = abs((judged.high if judged.up else judged.low) - judged.expected)
    incident = Incident(judged.time, judged.up, judged.expected, margin, judged.value, before)
    return incident, (_told("begins", incident, model, judged),)


def _event(incident: Incident, model: Model, judged: Judgement, loud: bool) -> Event | None:
    """What this point is to an incident that goes on."""
    incident.points += 1
    # upwards from here, whichever the direction
    side = 1 if incident.up else -1
    value = side * judged.value
    # what is usual at this time of day, as far as known: the incident may last into the busy hours
    day, week, _ = judged.slots
    known = (incident.expected, model.day[day], model.week[week])
    usual = [side * each for each in known if each is not None]
    incident.calm = incident.calm + 1 if value <= max(usual) + incident.margin else 0
    if incident.calm == CALM or (loud and judged.up != incident.up and value < min(usual) - incident.margin):
        return "back"
    loud = loud and judged.up == incident.up
    further = value > side * incident.worst
    if further:
        incident.worst = judged.value
    if incident.points >= NEW_NORMAL and not loud:
        return "new normal"
    return "worse" if loud and further else None


def _told(event: Event, incident: Incident, model: Model, judged: Judgement) -> Alert:
    return Alert(
        event,
        judged.time,
        incident.since,
        incident.up,
        judged.value,
        judged.expected if event in ("begins", "worse") else incident.expected,
        judged.low,
        judged.high,
        incident.worst,
        judged.p_value,
        KINDS[judged.kind],
        abs(judged.value - judged.expected) / judged.furthest if judged.furthest else 0.0,
        judged.time - model.first_time,
    )

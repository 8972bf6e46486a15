"""Points in, judgements and alerts out, for one series: one alert for each incident.

    state, results = update(None, points)       # a series that begins today
    stored = pack(state)                        # about 4 kB
    state, results = update(unpack(stored), more_points)

A function that keeps the state can be given the same points again: those that are not later than the last one are not
looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

from functions.core.detect.alerts import Alert, Incident, follow
from functions.core.detect.model import VERSION, Judgement, Model

Kept = TypeVar("Kept")
Direction = Literal["both", "up", "down"]

EVIDENCE = {"standard": 9.0, "fewer alerts": 12.0}
"""Evidence that makes an alert, by sensitivity. About 9 the standard profile of the Numenta Anomaly Benchmark scores
best; 12 has a third of the false alerts and two thirds of the true ones (docs/detection.md)."""

LARGEST = 1e100
"""Values beyond are no measurements, and would overflow."""

LATEST = 253_402_300_799.0
"""End of the year 9999."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner of a series wants to hear of.

    ``direction``: rises, falls or both. ``min_level``: no alert of a rise to less than this (or a fall from less), in
    the unit of the series. ``min_volume``: a value that stands for fewer requests (`Point.volume`) than this says
    nothing, and is not learnt either: one error of one request is no alert. ``evidence``, where given, makes an alert
    in place of what ``sensitivity`` asks: who watches many series needs more of it. Forecasts wait some points then for
    what is unusual to pass, so that it can add up, and an incident that is over leaves no trace.
    """

    direction: Direction = "both"
    min_level: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    min_volume: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    sensitivity: Literal["standard", "fewer alerts"] = "standard"
    evidence: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    @property
    def needed(self) -> float:
        """Evidence that makes an alert."""
        return self.evidence or EVIDENCE[self.sensitivity]

    def hears(self, up: bool) -> bool:
        """Whether a rise (or a fall) is of interest."""
        return self.direction == "both" or (self.direction == "up") == up


DEFAULT = Options()


class Point(NamedTuple):
    """``time`` in seconds since 1970. ``volume`` is what the value was made of, requests for example. A ``muted``
    point is learnt and makes no alert. ``most`` says of a judgement that could make one how much evidence its value can
    be at all, as whoever knows what it was counted from can tell, and ``least`` how much it is in any case."""

    time: float
    value: float
    volume: float = math.inf
    muted: bool = False
    most: Callable[[Judgement], float] | None = None
    least: Callable[[Judgement], float] | None = None


class Result(msgspec.Struct, frozen=True):
    """What became of a point. ``score`` is 0..1, and at 0.5 an alert of standard sensitivity; 0 where nothing is news.

    ``p_value`` is the chance of evidence as strong as the strongest kind found, by the series' own history and
    multiplied by the number of kinds. A point that is no number, has too little volume or is not later than the one
    before is not judged, and has no expectation.
    """

    time: float
    value: float
    score: float = 0.0
    p_value: float = 1.0
    up: bool = True
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def evidence(self) -> float:
        """What the score is made of."""
        return EVIDENCE["standard"] * self.score / (1 - self.score)


class State(msgspec.Struct):
    """All that is kept of a series between runs."""

    model: Model = msgspec.field(default_factory=Model)
    incident: Incident | None = None


class UnknownStateError(Exception):
    """A stored state that this release cannot read: the series has to be learnt anew."""


def pack(state: State) -> bytes:
    """The state as bytes."""
    return msgspec.msgpack.encode(state)


def unpack(stored: bytes) -> State:
    """The state of bytes that `pack` made; raises `UnknownStateError`."""
    return read(stored, State, lambda state: state)


def read(stored: bytes, kind: type[Kept], state_of: Callable[[Kept], State]) -> Kept:
    """What was stored, where this release can read the state in it."""
    try:
        kept = msgspec.msgpack.decode(stored, type=kind)
    except msgspec.DecodeError as error:
        raise UnknownStateError(str(error)) from None
    version = state_of(kept).model.version
    if version != VERSION:
        raise UnknownStateError(f"version {version}, and this release reads {VERSION}")
    return kept


def update(
    state: State | None, points: Iterable[Point | tuple[float, float]], options: Options = DEFAULT
) -> tuple[State, list[Result]]:
    """The state after some more points, in order of time, and a result for each. The given state stays as it is."""
    state = unpack(pack(state)) if state else State()
    return state, [step(state, Point(*point), options) for point in points]


def step(state: State, point: Point, options: Options = DEFAULT) -> Result:
    """Judges a point and moves the state on."""
    model = state.model
    last = model.time if model.count else -LATEST
    measured = last < point.time < LATEST and -LARGEST < point.value < LARGEST
    if not measured or not point.volume >= options.min_volume:
        return Result(point.time, point.value)
    heard = options.hears
    muted = point.muted or (state.incident and not heard(state.incident.up))
    lowest = math.inf if muted else options.min_level
    judged = model.judge(point.time, point.value, lowest, heard, point.most, options.evidence, point.least)
    # an incident that nobody wants to hear of is followed all the same: its end is no news in the other direction
    loud = judged.evidence >= options.needed
    state.incident, alerts = follow(state.incident, model, judged, loud, needed=options.evidence)
    evidence = judged.evidence if heard(judged.up) else 0.0
    return Result(
        point.time,
        point.value,
        evidence / (evidence + EVIDENCE["standard"]),
        judged.p_value,
        judged.up,
        judged.expected,
        judged.low,
        judged.high,
        tuple(alert for alert in alerts if heard(alert.up)),
    )

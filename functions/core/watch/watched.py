"""The series of a subject: what is followed of it, and how much evidence a value can be at all.

Counts and latencies are judged on a scale on which their noise is about even: the root of a count (Anscombe 1948,
doi:10.1093/biomet/35.3-4.246) and the logarithm of a latency. Alerts are told in the unit that people know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from functions.core.detect.alerts import Alert
from functions.core.detect.model import Judgement
from functions.core.detect.series import Direction, Options, Point, State, step
from functions.core.watch.signals import Measure, SubjectKind

Aspect = Literal["traffic", "failures", "refusals", "latency", "occurrences", "mean"]

ASPECTS: dict[SubjectKind, tuple[Aspect, ...]] = {
    "service": ("traffic", "failures", "refusals", "latency"),
    "route": ("traffic", "failures", "latency"),
    "customer": ("traffic", "failures"),
    "dependency": ("failures", "latency"),
    "function": ("traffic", "failures", "latency"),
    "error": ("occurrences",),
    "metric": ("mean",),
}
"""What is followed of each kind. The traffic of a dependency is that of its caller, and the latency of a customer that
of the routes it asks for."""

ENOUGH = 20
"""Requests that a share or a percentile is made of: of fewer, one in twenty says nothing. Shares wait until there are so
many; a percentile is left out."""

SELDOM = 1.0
"""Who is asked less than once in five minutes has no traffic that could be unusual."""

FEW = 5.0
"""Nor is it news to rise to less than a request a minute, or to fall from less."""

NOTICEABLE = 1.5
"""A count or a mean that is less than half as much again as expected is no news, however steady it was; nor one that is
more than two thirds of it."""

SLOWER = 1.3
"""The same for latency, which users notice earlier."""

SHORT_MS = 20.0
"""Nobody notices what takes less."""

TWICE = 2.0
"""Fewer than twice the share that was expected are no news."""

SMALL_SHARE = 0.5
"""Percent. Less is within every promise that is not kept by the minute."""

UNKNOWN_SHARE = 0.0005
"""Of what hardly ever fails nobody knows how seldom: no less than this."""

A_DECADE = 3.0
"""Evidence for each power of ten that a value is less likely, see `needed`."""

ALONE = 12.0
"""Evidence that a single series gives by chance about once in so many points as a week has, five times over."""

SURELY = 2.0
"""-log10 of a chance: in a list of who is hit, one of a hundred may be there by chance."""

HOUR = 12
"""Bins over which counts are summed besides: many small surprises are a large one."""


def needed(series: int, per_week: float) -> float:
    """Evidence that so many series together give by chance about ``per_week`` times a week: measured, see
    docs/alerts.md."""
    return max(ALONE, ALONE + A_DECADE * math.log10(max(series, 1) / (5 * per_week)))


class Series(msgspec.Struct, array_like=True):
    """What is kept of one series: its detector, sums over about an hour (``part`` of ``whole``), and what waits until
    it is enough (``failed`` of ``count``)."""

    state: State = msgspec.field(default_factory=State)
    part: float = 0.0
    whole: float = 0.0
    failed: int = 0
    count: int = 0

    def add(self, part: float, whole: float) -> None:
        """Sums over about an hour."""
        self.part += part - self.part / HOUR
        self.whole += whole - self.whole / HOUR


class Quantity(NamedTuple):
    """``point`` makes one of a measure, where there is one; ``shown`` turns a value into ``unit``. ``few`` is the least
    level, on the scale of the series."""

    words: str
    unit: str
    direction: Direction
    few: float
    point: Callable[[Series, float, Measure], Point | None]
    shown: Callable[[float], float]


def follow(aspect: Aspect, series: Series, time: float, measure: Measure, evidence: float) -> tuple[Alert, ...]:
    """Judges what was seen in a bin that begins at ``time`` (seconds); alerts of at least this evidence, in the unit
    that is shown."""
    quantity = QUANTITIES[aspect]
    point = quantity.point(series, time, measure)
    if point is None:
        return ()
    return tuple(_shown(alert, quantity) for alert in step(series.state, point, _options(aspect, evidence)).alerts)


def fails_more(series: Series | None, measure: Measure) -> bool:
    """Whether more fails in a bin than usually does; where no series is followed, than hardly ever does."""
    usual = series.state.model.slow / 100 if series else 0.0
    expected = max(usual, UNKNOWN_SHARE)
    failed, count = min(measure.failed, measure.count), measure.count
    return failed > TWICE * expected * count and _binomial(failed, count, expected) >= SURELY


@lru_cache(maxsize=64)
def _options(aspect: Aspect, evidence: float) -> Options:
    quantity = QUANTITIES[aspect]
    return Options(direction=quantity.direction, min_level=quantity.few, evidence=evidence)


def _shown(alert: Alert, quantity: Quantity) -> Alert:
    values = {name: quantity.shown(getattr(alert, name)) for name in ("value", "expected", "low", "high", "worst")}
    return msgspec.structs.replace(alert, **values)


def _traffic(series: Series, time: float, measure: Measure) -> Point:
    count = measure.count
    series.add(count, 1.0)

    def most(judged: Judgement) -> float:
        expected = judged.expected**2
        if expected / NOTICEABLE < count < expected * NOTICEABLE:
            return 0.0
        together = _poisson(series.part, expected * series.whole)
        same = (series.part > expected * series.whole) == (count > expected)
        return A_DECADE * max(_poisson(count, expected), together if same else 0.0)

    return Point(time, math.sqrt(count), muted=series.state.model.level < math.sqrt(SELDOM), most=most)


def _failures(series: Series, time: float, measure: Measure) -> Point | None:
    return _share(series, time, measure.failed, measure.count)


def _refusals(series: Series, time: float, measure: Measure) -> Point | None:
    return _share(series, time, measure.refused, measure.count)


def _share(series: Series, time: float, failed: int, count: int) -> Point | None:
    series.failed += failed
    series.count += count
    if series.count < ENOUGH:
        return None
    failed, count = min(series.failed, series.count), series.count
    series.failed = series.count = 0
    series.add(failed, count)

    def most(judged: Judgement) -> float:
        if 100 * failed < TWICE * judged.expected * count:
            return 0.0
        expected = max(judged.expected / 100, UNKNOWN_SHARE)
        return A_DECADE * max(_binomial(failed, count, expected), _binomial(series.part, series.whole, expected))

    return Point(time, 100 * failed / count, most=most)


def _latency(series: Series, time: float, measure: Measure) -> Point | None:
    if measure.count < ENOUGH or (slow := measure.quantile(0.9)) is None:
        return None
    return Point(time, math.log1p(slow), most=_slower)


def _slower(judged: Judgement) -> float:
    return math.inf if judged.value - judged.expected >= math.log(SLOWER) else 0.0


def _mean(series: Series, time: float, measure: Measure) -> Point | None:
    return Point(time, measure.total / measure.count, most=_differs) if measure.count else None


def _differs(judged: Judgement) -> float:
    value, expected = judged.value, judged.expected
    smaller, larger = sorted((abs(value), abs(expected)))
    return math.inf if larger >= NOTICEABLE * smaller or value * expected < 0 else 0.0


def _poisson(seen: float, expected: float) -> float:
    """-log10 of a bound (Chernoff's) of the chance of a count as far from what is expected."""
    expected = max(expected, 1e-3)
    return (expected - seen + (seen * math.log(seen / expected) if seen > 0 else 0.0)) / math.log(10)


def _binomial(part: float, whole: float, expected: float) -> float:
    """The same of at least so large a part of a whole."""
    share = part / whole
    if share <= expected or expected >= 1:
        return 0.0
    rest = (1 - share) * math.log((1 - share) / (1 - expected)) if share < 1 else 0.0
    return whole * (share * math.log(share / expected) + rest) / math.log(10)


QUANTITIES: dict[Aspect, Quantity] = {
    "traffic": Quantity("traffic", "in 5 minutes", "both", math.sqrt(FEW), _traffic, lambda root: root * abs(root)),
    "failures": Quantity("failures", "%", "up", SMALL_SHARE, _failures, float),
    "refusals": Quantity("refusals", "%", "up", SMALL_SHARE, _refusals, float),
    "latency": Quantity("latency (p90)", "ms", "up", math.log1p(SHORT_MS), _latency, math.expm1),
    "occurrences": Quantity(
        "occurrences", "in 5 minutes", "up", math.sqrt(FEW), _traffic, lambda root: root * abs(root)
    ),
    "mean": Quantity("mean", "", "both", 0.0, _mean, float),
}

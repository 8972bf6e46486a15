"""The series of a subject: what is followed of it, and how much evidence a value can be at all.

Counts and latencies are judged on a scale on which their noise is about even: the root of a count (Anscombe 1948,
doi:10.1093/biomet/35.3-4.246) and the logarithm of a latency. Alerts are told in the unit that people know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
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
"""Requests that a share or a percentile is made of: of fewer, one in twenty says nothing. Shares wait until there are
so many; a percentile is left out."""

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

SMALL_SHARE = 0.005
"""Less is within every promise that is not kept by the minute."""

UNKNOWN_SHARE = 0.0005
"""Of what hardly ever fails nobody knows how seldom: no less than this."""

A_DECADE = 3.0
"""Evidence for each power of ten that a value is less likely, see `needed`."""

ALONE = 12.0
"""Evidence that a single series gives by chance about once in so many points as a week has, five times over."""

UNHEARD, CERTAIN = 2.0, 4.0
"""A share that is twice as far off as it ever was counts by what it was counted from: with a quarter of that evidence,
for requests do not fail independently of each other."""

SURELY = 2.0
"""-log10 of a chance: in a list of who is hit, one of a hundred may be there by chance."""

HOUR, DAY = 12, 288
"""Bins over which counts are summed besides, since many small surprises are a large one; and for the usual share."""


def needed(series: int, per_week: float) -> float:
    """Evidence that so many series together give by chance about ``per_week`` times a week: measured, see
    docs/alerts.md."""
    return max(ALONE, ALONE + A_DECADE * math.log10(max(series, 1) / (5 * per_week)))


class Series(msgspec.Struct, array_like=True):
    """What is kept of one series: its detector, running sums (``part`` of ``whole``), what waits until it is enough
    (``failed`` of ``count``), and the largest share of an incident that goes on."""

    state: State = msgspec.field(default_factory=State)
    part: float = 0.0
    whole: float = 0.0
    failed: int = 0
    count: int = 0
    worst: float = 0.0

    def add(self, part: float, whole: float, memory: int) -> None:
        """Sums over about so many bins."""
        self.part += part - self.part / memory
        self.whole += whole - self.whole / memory


class Seen(NamedTuple):
    """A point of a series, and what a value is in the unit that people know; and the ``share`` that it is, if it is one
    (percent)."""

    point: Point
    shown: Callable[[float], float]
    share: float | None = None


class Quantity(NamedTuple):
    """What is followed: ``point`` makes one of a measure, where there is one; ``few`` is the least level, on the scale
    of the series."""

    words: str
    unit: str
    direction: Direction
    few: float
    point: Callable[[Series, float, Measure], Seen | None]


def follow(
    aspect: Aspect, series: Series, time: float, measure: Measure, evidence: float
) -> tuple[tuple[Alert, ...], float]:
    """Judges what was seen in a bin that begins at ``time`` (seconds); alerts of at least this evidence, in the unit
    that is shown, and how much there is."""
    seen = QUANTITIES[aspect].point(series, time, measure)
    if seen is None:
        return (), 0.0
    result = step(series.state, seen.point, _options(aspect, evidence))
    if not result.alerts:
        return (), 0.0
    return tuple(_shown(alert, seen, series) for alert in result.alerts), result.evidence


def fails_more(series: Series | None, measure: Measure) -> bool:
    """Whether more fails in a bin than usually does; where no series is followed, than hardly ever does."""
    usual = usual_share(series) if series else UNKNOWN_SHARE
    failed, count = min(measure.failed, measure.count), measure.count
    if not count or failed <= TWICE * usual * count:
        return False
    return count * _divergence(failed / count, usual) >= SURELY * math.log(10)


@lru_cache(maxsize=256)
def _options(aspect: Aspect, evidence: float) -> Options:
    quantity = QUANTITIES[aspect]
    return Options(direction=quantity.direction, min_level=quantity.few, evidence=evidence)


def _shown(alert: Alert, seen: Seen, series: Series) -> Alert:
    shown = seen.shown
    values = {name: shown(getattr(alert, name)) for name in ("value", "expected", "low", "high", "worst")}
    if alert.times:
        furthest = shown(alert.expected + (alert.value - alert.expected) / alert.times) - values["expected"]
        values["times"] = (values["value"] - values["expected"]) / furthest if furthest else 0.0
    if seen.share is not None:
        # a share that is as far off stands for another one where there were more requests
        series.worst = values["worst"] = max(values["value"], 0.0 if alert.event == "begins" else series.worst)
    return msgspec.structs.replace(alert, **values)


def _traffic(series: Series, time: float, measure: Measure) -> Seen:
    count = measure.count
    series.add(count, 1.0, HOUR)

    def most(judged: Judgement) -> float:
        expected = judged.expected**2
        if expected / NOTICEABLE < count < expected * NOTICEABLE:
            return 0.0
        together = _poisson(series.part, expected * series.whole)
        same = (series.part > expected * series.whole) == (count > expected)
        return A_DECADE * max(_poisson(count, expected), together if same else 0.0)

    return Seen(Point(time, math.sqrt(count), muted=series.state.model.level < math.sqrt(SELDOM), most=most), _squared)


def _squared(root: float) -> float:
    return root * abs(root)


def _failures(series: Series, time: float, measure: Measure) -> Seen | None:
    return _share(series, time, measure.failed, measure.count)


def _refusals(series: Series, time: float, measure: Measure) -> Seen | None:
    return _share(series, time, measure.refused, measure.count)


def _share(series: Series, time: float, failed: int, count: int) -> Seen | None:
    series.failed += failed
    series.count += count
    if series.count < ENOUGH:
        return None
    failed, count = min(series.failed, series.count), series.count
    series.failed = series.count = 0
    usual = usual_share(series)
    share = failed / count
    if series.state.incident:
        series.worst = max(series.worst, 100 * share)
    else:
        series.add(failed, count, DAY)

    def most(_judged: Judgement) -> float:
        if share < TWICE * usual or share < SMALL_SHARE:
            return 0.0
        return A_DECADE * count * _divergence(share, usual) / math.log(10)

    def least(judged: Judgement) -> float:
        # so far off as it never was, and no chance by far: that need not wait until the series is known well
        unheard = judged.value - judged.expected >= UNHEARD * max(series.state.model.furthest)
        return most(judged) / CERTAIN if unheard else 0.0

    off = math.copysign(math.sqrt(2 * count * _divergence(share, usual)), share - usual)
    return Seen(Point(time, off, most=most, least=least), partial(_share_of, usual=usual, count=count), 100 * share)


def usual_share(series: Series) -> float:
    """The share that is usual; of what hardly ever fails, as much as may have been by chance."""
    return (series.part + 0.5) / (series.whole + 0.5 / UNKNOWN_SHARE)


def _share_of(off: float, usual: float, count: int) -> float:
    """Percent: the share that is so far off, by bisection."""
    low, high = (usual, 1.0) if off > 0 else (0.0, usual)
    for _ in range(40):
        middle = (low + high) / 2
        further = 2 * count * _divergence(middle, usual) > off * off
        low, high = (low, middle) if further == (off > 0) else (middle, high)
    return round(50 * (low + high), 4)


def _latency(_series: Series, time: float, measure: Measure) -> Seen | None:
    if measure.count < ENOUGH or (slow := measure.quantile(0.9)) is None:
        return None
    return Seen(Point(time, math.log1p(slow), most=_slower), math.expm1)


def _slower(judged: Judgement) -> float:
    return math.inf if judged.value - judged.expected >= math.log(SLOWER) else 0.0


def _mean(_series: Series, time: float, measure: Measure) -> Seen | None:
    return Seen(Point(time, measure.total / measure.count, most=_differs), float) if measure.count else None


def _differs(judged: Judgement) -> float:
    value, expected = judged.value, judged.expected
    smaller, larger = sorted((abs(value), abs(expected)))
    return math.inf if larger >= NOTICEABLE * smaller or value * expected < 0 else 0.0


def _poisson(seen: float, expected: float) -> float:
    """-log10 of a bound (Chernoff's) of the chance of a count as far from what is expected."""
    expected = max(expected, 1e-3)
    return (expected - seen + (seen * math.log(seen / expected) if seen > 0 else 0.0)) / math.log(10)


def _divergence(share: float, usual: float) -> float:
    """Of two chances (Kullback & Leibler): a share of n has a chance of at most ``exp(-n * divergence)``."""
    part = share * math.log(share / usual) if share > 0 else 0.0
    return max(0.0, part + ((1 - share) * math.log((1 - share) / (1 - usual)) if share < 1 else 0.0))


QUANTITIES: dict[str, Quantity] = {
    "traffic": Quantity("traffic", "in 5 minutes", "both", math.sqrt(FEW), _traffic),
    "failures": Quantity("failures", "%", "up", 0.0, _failures),
    "refusals": Quantity("refusals", "%", "up", 0.0, _refusals),
    "latency": Quantity("latency (p90)", "ms", "up", math.log1p(SHORT_MS), _latency),
    "occurrences": Quantity("occurrences", "in 5 minutes", "up", math.sqrt(FEW), _traffic),
    "mean": Quantity("mean", "", "both", 0.0, _mean),
}

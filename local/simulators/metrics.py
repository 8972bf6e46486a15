"""What CloudWatch keeps of metrics, and its statistics
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html)."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

Values = dict[int, float]
"""Values by the start of their period, in seconds since 1970; a missing datapoint is not there."""


class Metric(NamedTuple):
    """What identifies a metric."""

    namespace: str
    name: str
    dimensions: dict[str, str]


class Point(NamedTuple):
    """A value that was measured `count` times; `time` is seconds since 1970."""

    time: float
    value: float
    count: float = 1.0


class Metrics(Protocol):
    """Where metrics are kept."""

    def names(self) -> Iterable[Metric]: ...

    def values(self, metric: Metric, stat: str, period: int, start: int, end: int) -> Values:
        """A statistic of the periods (seconds) that are counted from `start`."""
        ...


class Measured:
    """Metrics in memory."""

    def __init__(self) -> None:
        self._points: list[tuple[Metric, Point]] = []

    def put(self, metric: Metric, *points: Point) -> None:
        self._points += [(metric, point) for point in points]

    def names(self) -> list[Metric]:
        found: list[Metric] = []
        for metric, _ in self._points:
            if metric not in found:
                found.append(metric)
        return found

    def values(self, metric: Metric, stat: str, period: int, start: int, end: int) -> Values:
        points: dict[int, list[Point]] = defaultdict(list)
        for at in (point for kept, point in self._points if kept == metric):
            if start <= at.time < end:
                points[start + int(at.time - start) // period * period].append(at)
        return {at: statistic(points[at], stat) for at in sorted(points)}


def statistic(points: Sequence[Point], stat: str) -> float:
    """A statistic of at least one point; a percentile is the value of the nearest rank, where CloudWatch may
    interpolate."""
    count, total = sum(point.count for point in points), sum(point.value * point.count for point in points)
    match stat:
        case "SampleCount":
            return count
        case "Sum":
            return total
        case "Average":
            return total / count
        case "Minimum":
            return min(point.value for point in points)
        case "Maximum":
            return max(point.value for point in points)
    if not stat.startswith("p"):
        raise ValueError(f"the statistic {stat} is not supported here")
    rank, seen = max(1, math.ceil(float(stat[1:]) / 100 * count)), 0.0
    for point in sorted(points, key=lambda each: each.value):
        seen += point.count
        if seen >= rank:
            return point.value
    return max(point.value for point in points)

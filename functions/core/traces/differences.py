"""How calls of an incident differ from the usual ones: sizes of differences that few calls cannot feign.

Everything is measured by one statistic, Cliff's delta (Cliff: Dominance statistics, Psychological Bulletin 1993): how
much more often a value of the incident is higher than a usual one than lower, from -1 to 1. It asks for no distribution
and is not moved by outliers; of what is there or not it is the difference of the shares. It is taken within strata of
like calls and put together by van Elteren's weights (Bulletin of the Institute of International Statistics 37, 1960).
From it goes what chance can do, and the rest counts as far as it is unusual: a difference of 3 ms in 100 ms is none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist, fmean, median
from typing import NamedTuple

CHANCE = 0.05
"""How often chance alone may give a difference, in all tests that are made of one kind in an operation."""

FLOOR_MS = 2.0
"""Times are compared as if this came on top: what is shorter does not matter, and is not measured well."""

Samples = tuple[Sequence[float], Sequence[float]]
"""Values before and now, in calls that are alike. Neither is empty."""


class Difference(NamedTuple):
    """How large it is, from 0 to 1, and what was and is typical."""

    size: float
    before: float
    now: float


def slowdown(strata: Sequence[Samples]) -> Difference:
    """How much slower calls are, by milliseconds; faster ones are not.

    The share of calls that are slower, times the share of their time that is not usual. Before is the median, now the
    median of those calls that are slower than that.
    """
    usual = median(value for before, _ in strata for value in before)
    slower = [value for before, now in strata for limit in (median(before),) for value in now if value > limit]
    typical = median(slower) if slower else usual
    unusual = 1 - (usual + FLOOR_MS) / (typical + FLOOR_MS)
    return Difference(max(0.0, _delta(strata, 1)) * max(0.0, unusual), usual, typical)


def change(strata: Sequence[Samples], tests: int = 1, *, only_more: bool = False) -> Difference:
    """How much more or less often something is in calls, by its count in each; before and now are means.

    The share of calls in which it is new or missing, of those in which it is now or was before. ``tests`` is how many
    things are looked at.
    """
    before, now = (fmean(value for samples in strata for value in samples[side]) for side in (0, 1))
    delta = _delta(strata, tests)
    size = max(0.0, delta) if only_more else abs(delta)
    return Difference(min(1.0, size / min(1.0, max(before, now))) if size else 0.0, before, now)


def _delta(strata: Iterable[Samples], tests: int) -> float:
    """Cliff's delta, nearer to 0 by what chance can do (the normal approximation of the rank-sum test with ties)."""
    delta = variance = weights = 0.0
    for before, now in strata:
        pairs, count = len(before) * len(now), len(before) + len(now)
        ordered = sorted(before)
        higher = sum(bisect_left(ordered, value) for value in now)
        lower = sum(len(ordered) - bisect_right(ordered, value) for value in now)
        ties = sum(equal**3 - equal for equal in Counter((*before, *now)).values())
        weight = pairs / (count + 1)
        delta += weight * (higher - lower) / pairs
        variance += weight**2 * (count + 1 - ties / (count * (count - 1))) / (3 * pairs)
        weights += weight
    error = NormalDist().inv_cdf(1 - CHANCE / tests) * sqrt(max(0.0, variance))
    return max(0.0, abs(delta) - error) / weights * (1 if delta > 0 else -1)

"""How calls of an incident differ from the usual ones: sizes of differences that few calls cannot feign.

Everything is measured by one statistic, Cliff's delta (Cliff: Dominance statistics, Psychological Bulletin 1993): how
much more often a value of the incident is higher than a usual one than lower, from -1 to 1. It asks for no distribution
and is not moved by outliers; for what is there or not it is the difference of the shares. It is taken within strata of
like calls, weighted by van Elteren's weights (Bulletin of the International Statistical Institute 37, 1960).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import median
from typing import NamedTuple

CAUTION = 1.64
"""Standard errors that are taken off each difference: with 1.64, chance alone exceeds what is left in 5 % of cases."""

FLOOR_MS = 2.0
"""Times are compared as if this much came on top: what is below does not matter, and is not measured well."""

Samples = tuple[Sequence[float], Sequence[float]]
"""Values of the baseline and of the incident, in calls that are alike."""


class Shift(NamedTuple):
    """``size`` is Cliff's delta less caution, at least 0, and ``up`` its direction. Then how many calls there were and
    are, and what was and is typical of them."""

    size: float
    up: bool
    calls_before: int
    calls_now: int
    before: float
    now: float


NONE = Shift(0.0, True, 0, 0, 0.0, 0.0)


def shift(strata: Iterable[Samples]) -> Shift:
    """How far values went up or down; before and now are means."""
    both = [samples for samples in strata if samples[0] and samples[1]]
    if not both:
        return NONE
    delta = variance = weights = 0.0
    for before, now in both:
        weight = len(before) * len(now) / (len(before) + len(now) + 1)
        delta += weight * _delta(before, now)
        variance += weight / 3  # weight^2 times (m + n + 1) / (3 m n)
        weights += weight
    delta, error = delta / weights, sqrt(variance) / weights
    earlier, later = ([value for samples in both for value in samples[side]] for side in (0, 1))
    return Shift(
        max(0.0, abs(delta) - CAUTION * error),
        delta > 0,
        len(earlier),
        len(later),
        sum(earlier) / len(earlier),
        sum(later) / len(later),
    )


def slowdown(strata: Iterable[Samples]) -> Shift:
    """How much slower calls are, in milliseconds: the shift times the share of time that is not usual.

    Before is the median, now the median of those calls that are slower than that. Faster calls are no slowdown.
    """
    both = [samples for samples in strata if samples[0] and samples[1]]
    found = shift(both)
    if not found.up or not found.size:
        return found._replace(size=0.0)
    usual = median(value for before, _ in both for value in before)
    slower = [value for before, now in both for limit in (median(before),) for value in now if value > limit]
    typical = median(slower) if slower else usual
    share = max(0.0, 1 - (usual + FLOOR_MS) / (typical + FLOOR_MS))
    return found._replace(size=found.size * share, before=usual, now=typical)


def _delta(before: Sequence[float], now: Sequence[float]) -> float:
    ordered = sorted(before)
    higher = sum(bisect_left(ordered, value) for value in now)
    lower = sum(len(ordered) - bisect_right(ordered, value) for value in now)
    return (higher - lower) / (len(before) * len(now))

"""How bad it is, and against what: numbers of an alarm's metrics over stretches of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from functions.core.incidents.rules import Rule

MINUTE_MS = 60_000
DAY_MS = 86_400_000
BEFORE_MS = 6 * 3_600_000
ENOUGH = 20
"""A share of less than this says nothing about what is usual."""

Points = Sequence[tuple[int, float]]
"""Start of a minute (ms) and the value of a metric in it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A value of the alarm's unit; ``part`` of ``whole`` where it is a share."""

    value: float
    part: float = 0.0
    whole: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """``now`` is from ``since_ms`` until the message; ``usual`` is of the time that ``usual_time`` names."""

    since_ms: int
    now: Measure | None = None
    usual: Measure | None = None
    usual_time: str = ""


def window_start(rule: Rule, at_ms: int) -> int:
    """Start of the periods that an alarm which changed at this time looked at."""
    return at_ms // rule.period_ms * rule.period_ms - rule.window_ms


def compare(rule: Rule, series: Mapping[str, Points], at_ms: int) -> Figures:
    """Figures of an alarm from its metrics, by the minute: the last hours, and the same hours of the day before."""
    start = window_start(rule, at_ms)
    since_ms = _onset(rule, series, start - rule.period_ms, at_ms) or start
    now = measure(rule, series, since_ms, at_ms + MINUTE_MS)
    yesterday = measure(rule, series, since_ms - DAY_MS, at_ms - DAY_MS)
    if yesterday and _says_something(rule, yesterday):
        return Figures(since_ms, now, yesterday, "at this time yesterday")
    before = measure(rule, series, since_ms - BEFORE_MS, since_ms)
    if before and _says_something(rule, before):
        return Figures(since_ms, now, before, "in the hours before")
    return Figures(since_ms, now)


def measure(rule: Rule, series: Mapping[str, Points], start_ms: int, end_ms: int) -> Measure | None:
    """The alarm's value in a stretch of time; ``None`` where nothing was measured, or the rule names no value."""
    values = {name: [value for at, value in points if start_ms <= at < end_ms] for name, points in series.items()}
    if rule.share:
        part, whole = sum(values.get(rule.share.part, [])), sum(values.get(rule.share.whole, []))
        return Measure(100 * part / whole, part, whole) if whole else None
    if rule.value and (found := values.get(rule.value.of)):
        # a percentile of minutes is none of the whole stretch, but half of the minutes are above this
        return Measure(sum(found) if _adds_up(rule) else median(found))
    return None


def _onset(rule: Rule, series: Mapping[str, Points], start_ms: int, end_ms: int) -> int | None:
    """The first minute from ``start_ms`` on that was as bad as the alarm asks."""
    least = 1 if _adds_up(rule) else rule.at_least
    for at in range(start_ms, end_ms, MINUTE_MS):
        found = measure(rule, series, at, at + MINUTE_MS)
        if found and found.value >= least:
            return at
    return None


def _adds_up(rule: Rule) -> bool:
    return rule.value is not None and rule.metrics[rule.value.of].stat == "Sum"


def _says_something(rule: Rule, found: Measure) -> bool:
    return not rule.share or found.whole >= ENOUGH

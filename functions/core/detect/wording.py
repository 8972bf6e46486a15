"""An alert in words, for whoever has not seen the series before."""

from __future__ import annotations

from datetime import UTC, datetime

from functions.core.detect.alerts import Alert

_NOTHING = 1e-9
_SPANS = ((7 * 86400, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def explain(alert: Alert, name: str, unit: str = "") -> str:
    """Why there is an alert: ``errors rose to 7 % where 0.2 % was expected (usual: 0.1 % to 0.4 %), 4.1 times ...``."""
    if alert.event == "back":
        worst = f"{'at most' if alert.up else 'at least'} {figure(alert.worst, unit)}"
        return f"{name} is back at {figure(alert.value, unit)} after {span(alert.time - alert.since)}; it was {worst}"
    if alert.event == "new normal":
        before, now = figure(alert.expected, unit), figure(alert.value, unit)
        return f"{name} moved from {before} to {now} at {clock(alert.since)} and stayed: this is usual from now on"
    verb = ("rose" if alert.up else "fell") if alert.event == "begins" else ("rose on" if alert.up else "fell on")
    usual = f"usual: {figure(alert.low, unit)} to {figure(alert.high, unit)}"
    told = f"{name} {verb} to {figure(alert.value, unit)} where {figure(alert.expected, unit)} was expected ({usual})"
    return f"{told}{_how_unusual(alert)}"


def _how_unusual(alert: Alert) -> str:
    known = f"in {span(alert.history)}"
    if alert.times >= 1.1:
        return f", {_factor(alert.times)} as far off as it ever was at this hour {known}"
    if alert.kind == "record":
        return f", {'higher' if alert.up else 'lower'} than it ever was {known}"
    if alert.kind.startswith("drift"):
        points = alert.kind.removeprefix("drift of ")
        return f", and the last {points} points together are {'above' if alert.up else 'below'} what was expected"
    if alert.kind == "unrest":
        return f", after swinging more than it usually does {known}"
    return f", farther off than is usual {known}"


def span(seconds: float) -> str:
    """A length of time in its largest unit of which there are at least two: ``2 weeks``, ``36 hours``."""
    for size, unit in _SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"


def clock(time: float) -> str:
    """A time in UTC, to the minute."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"


def _factor(times: float) -> str:
    return f"{times:.1f} times" if times < 10 else f"{min(times, 1e6):,.0f} times"


def figure(value: float, unit: str = "") -> str:
    """Three digits, and whole thousands; next to nothing is 0."""
    shown = f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value if abs(value) > _NOTHING else 0:.3g}"
    return f"{shown} {unit}" if unit else shown

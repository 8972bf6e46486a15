"""The hours that a widget reads for a dashboard's time range.

Summaries are by whole hours. A range that is finer is widened to them, and the widget says so: a summary a minute would
be sixty times as many objects to read at every refresh, for numbers that the charts above have anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.core.schema import HOUR_FORMAT
from functions.core.widgets.page import WidgetContext

MOST_HOURS = 8 * 24
"""So many objects are read at most for one widget."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Whole hours from ``start`` to before ``end``; ``widened`` and ``cut`` say how they differ from what was asked."""

    start: datetime
    end: datetime
    widened: bool
    cut: bool

    @classmethod
    def covering(cls, context: WidgetContext, most: int = MOST_HOURS) -> Hours:
        """The hours of the time range, the latest ``most`` of them."""
        asked_start, asked_end = context.start.astimezone(UTC), context.end.astimezone(UTC)
        start = _floor(asked_start)
        end = _floor(asked_end - timedelta(microseconds=1)) + _HOUR
        earliest = end - most * _HOUR
        return cls(max(start, earliest), end, start != asked_start or end != asked_end, start < earliest)

    @property
    def names(self) -> list[str]:
        """The hours as partitions are named, oldest first."""
        count = round((self.end - self.start) / _HOUR)
        return [(self.start + number * _HOUR).strftime(HOUR_FORMAT) for number in range(count)]

    def before(self, count: int) -> list[str]:
        """So many hours before the first one, oldest first."""
        return [(self.start - number * _HOUR).strftime(HOUR_FORMAT) for number in range(count, 0, -1)]

    def words(self, context: WidgetContext) -> str:
        """Which time the numbers are of."""
        found = context.period(self.start, min(self.end, max(context.end, self.start)))
        notes = ["whole hours"] if self.widened else []
        notes += ["the last 8 days of it"] if self.cut else []
        return " \u00b7 ".join([found, *notes])


def _floor(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)

"""Nothing at all arrives: of a whole application that is most often a pipeline that is late, so it is held back."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from functions.core.detect.model import towards
from functions.core.schema import HOUR_MS
from functions.core.watch.signals import BIN_MS

HELD_MS = 30 * 60_000
"""So long the pipeline may be late."""

SURE = 10.0
"""Counts that are usual in a bin, and were there in the last half an hour: of fewer, none is chance (e**-10)."""

RECENT = 6
HOUR_OF_DAY, HOUR_OF_WEEK = 0.05, 0.1
"""Weights of a new bin: two days, and a week."""


class Silent(NamedTuple):
    """Whether the silence ``holds``: nothing is judged or learnt meanwhile. ``changed``: that is to be told."""

    holds: bool = False
    changed: bool = False
    since_ms: int = 0


class Silence(msgspec.Struct):
    """What usually arrives by the hour of day and of week, and since when nothing does (ms; 0: it does)."""

    recent: float = 0.0
    day: list[float | None] = msgspec.field(default_factory=lambda: [None] * 24)
    week: list[float | None] = msgspec.field(default_factory=lambda: [None] * 168)
    since_ms: int = 0
    told: bool = False

    def observe(self, start_ms: int, count: int) -> Silent:
        """Takes the sum of all counts in a bin."""
        hour = start_ms // HOUR_MS
        day, week = hour % 24, hour % 168
        if count == 0 and (self.since_ms or self._breaks_off(day, week)):
            self.since_ms = self.since_ms or start_ms
            changed = not self.told and start_ms + BIN_MS - self.since_ms > HELD_MS
            self.told = self.told or changed
            return Silent(True, changed, self.since_ms)
        ended = Silent(False, self.told, self.since_ms)
        self.since_ms, self.told = 0, False
        self.recent += (count - self.recent) / RECENT
        self.day[day] = towards(self.day[day], count, HOUR_OF_DAY)
        self.week[week] = towards(self.week[week], count, HOUR_OF_WEEK)
        return ended

    def _breaks_off(self, day: int, week: int) -> bool:
        known = [each for each in (self.day[day], self.week[week]) if each is not None]
        return bool(known) and min(self.recent, *known) >= SURE

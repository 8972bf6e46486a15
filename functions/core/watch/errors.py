"""Errors that were never seen before, or not for two weeks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from functions.core.accounting import DAY_MS
from functions.core.detect.alerts import Alert
from functions.core.schema import HOUR_MS
from functions.core.watch.signals import Measure, Subject

LEARNING_MS = DAY_MS
"""In the first day every error is new."""

QUIET_MS = 14 * DAY_MS
OFTEN = 5
"""Times in an hour: what happens once may never happen again."""

MOST = 10_000
MOST_WAITING = 1000


class New(NamedTuple):
    """An error that is news, as an alert."""

    subject: Subject
    measure: Measure
    what: Literal["new", "returned"]
    alert: Alert


class Waiting(msgspec.Struct, array_like=True):
    """An error that has not happened often enough yet: since when, when it was seen before, and how often."""

    since_ms: int
    before_ms: int
    count: int = 0


class Errors(msgspec.Struct):
    """When each error was last seen (ms), and those that may be news soon."""

    first_ms: int = 0
    last: dict[tuple[str, ...], int] = {}
    waiting: dict[tuple[str, ...], Waiting] = {}

    def observe(self, start_ms: int, measures: Mapping[Subject, Measure]) -> Iterator[New]:
        """What is news in a bin."""
        self.first_ms = self.first_ms or start_ms
        learnt = start_ms - self.first_ms >= LEARNING_MS
        for subject, measure in measures.items():
            if subject.kind != "error" or not measure.count:
                continue
            names = subject.names
            before = self.last.pop(names, 0)
            self.last[names] = start_ms
            if learnt and start_ms - before >= QUIET_MS and len(self.waiting) < MOST_WAITING:
                self.waiting[names] = Waiting(start_ms, before)
            waits = self.waiting.get(names)
            if waits:
                waits.count += measure.count
                if waits.count >= OFTEN:
                    del self.waiting[names]
                    yield self._news(subject, measure, waits, start_ms)
        for names in [each for each, waits in self.waiting.items() if start_ms - waits.since_ms >= HOUR_MS]:
            del self.waiting[names]
        while len(self.last) > MOST:
            del self.last[next(iter(self.last))]

    def _news(self, subject: Subject, measure: Measure, waits: Waiting, start_ms: int) -> New:
        known_s = (start_ms - self.first_ms) / 1000
        quiet_s = (start_ms - waits.before_ms) / 1000 if waits.before_ms else known_s
        count = float(waits.count)
        alert = Alert(
            "begins", start_ms / 1000, waits.since_ms / 1000, True, count, 0.0, 0.0, 0.0, count, 0.0, "", 0.0, quiet_s
        )
        return New(subject, measure, "returned" if waits.before_ms else "new", alert)

"""Keeps the summaries of hours up to date; each call can be repeated, and a crash anywhere heals with the next run.

An hour that is published is summarised from its settled rows, each time it is published: the transaction that publishes
leaves a note, which is deleted when the summaries are written. An hour that is not published yet is summarised from
the files that `pending` items name: the object tells which commits are in it, so that each is added once. An object is
only replaced if nobody else wrote it since it was read, and it is read before the state: an old view never wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functions.aws import environment, signals
from functions.aws.generations import SUMMARISE, Generation, Generations, Pending
from functions.aws.lake import Lake
from functions.aws.objects import Stored
from functions.aws.summaries import Summaries, key_of
from functions.compact.failures import Failures
from functions.core import publish
from functions.core.schema import TABLES
from functions.core.summaries import KINDS, HourObject, decode, encode

RESERVE_MS = 30_000
"""With less time than this left, no further summary is begun."""


class Summariser:
    """Writes summaries. ``sure`` tells whether the commit of pending files is there; what goes wrong with one summary
    is left to ``failures`` and stops no other."""

    def __init__(
        self,
        generations: Generations,
        lake: Lake,
        remaining_ms: Callable[[], int],
        sure: Callable[[Pending], bool],
        failures: Failures,
    ) -> None:
        self._generations, self._lake = generations, lake
        self._summaries = Summaries(lake.bucket)
        self._remaining_ms, self._sure, self._failures = remaining_ms, sure, failures

    def run(self) -> None:
        """Bring all summaries up to date, as far as the time allows; if it does, note until when they are."""
        begun_ms = environment.now_ms()
        done = True
        for note in self._generations.notes(SUMMARISE):
            if self._remaining_ms() < RESERVE_MS:
                return
            made = [self._tried(kind, note.hour, self._published) for kind in KINDS]
            if all(made):
                self._generations.done(note)
            else:
                done = False
        for hour in reversed(self._generations.pending_hours()):
            if self._remaining_ms() < RESERVE_MS:
                return
            done &= self._unpublished(hour)
        if done:
            signals.write_mark(self._generations.table, "seen", begun_ms)

    def _tried(self, kind: str, hour: str, make: Callable[..., bool], *given: Any) -> bool:
        with self._failures.collected(f"summary of {kind} in {hour}"):
            return make(kind, hour, *given)
        return False

    def _published(self, kind: str, hour: str) -> bool:
        """Summarise the published rows of an hour; ``False`` where somebody else wrote the object meanwhile."""
        key = key_of(kind, hour)
        stored = self._summaries.read(key)
        current = self._generations.current(KINDS[kind].table, hour)
        if decode(stored.body).generation >= current.number:
            return True
        return self._summaries.replace(key, encode(self._of_generation(kind, current)), stored)

    def _of_generation(self, kind: str, current: Generation) -> HourObject:
        found = KINDS[kind]()
        for file in current.files:
            found.add_rows(publish.conform(TABLES[current.table], self._lake.read(file.key, found.reads)))
        return HourObject(generation=current.number, content=found.bounded().plain())

    def _unpublished(self, hour: str) -> bool:
        """Add to the summaries of an hour the commits that are not in them yet; ``False`` where that failed."""
        while_it_goes_on = [kind for kind in KINDS if not KINDS[kind].only_published]
        stored = {kind: self._summaries.read(key_of(kind, hour)) for kind in while_it_goes_on}
        kinds = [kind for kind in stored if self._generations.current(KINDS[kind].table, hour).number == 0]
        pending = [found for found in self._generations.pending(hour) if self._sure(found)] if kinds else []
        made = [self._tried(kind, hour, self._added, stored[kind], pending) for kind in kinds]
        return all(made)

    def _added(self, kind: str, hour: str, stored: Stored, pending: Sequence[Pending]) -> bool:
        made = decode(stored.body)
        known = set(made.commits)
        fresh = [found for found in pending if found.id not in known and _has(found, KINDS[kind].table)]
        if not fresh or made.generation:
            return True
        return self._summaries.replace(key_of(kind, hour), encode(self._with(kind, made, fresh)), stored)

    def _with(self, kind: str, made: HourObject, fresh: Iterable[Pending]) -> HourObject:
        found = made.summary(kind)
        commits = list(made.commits)
        for pending in fresh:
            commits.append(pending.id)
            for file in pending.files:
                if file.table == found.table:
                    found.add_rows(publish.conform(TABLES[found.table], self._lake.read(file.key, found.reads)))
        return HourObject(commits=commits, content=found.bounded().plain())


def _has(pending: Pending, table: str) -> bool:
    return any(file.table == table for file in pending.files)

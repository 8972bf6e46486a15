"""Publishing one hour under a lease; docs/architecture.md, "Hot and settled", numbers the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from functions.aws import environment
from functions.aws.catalog import Partitions
from functions.aws.generations import ASSEMBLE, CONTINUE, SUMMARISE, Generation, Generations, Move, Pending
from functions.aws.lake import Lake, settled_prefix
from functions.aws.state import State
from functions.compact.failures import Failures
from functions.compact.summarising import Summariser
from functions.core import publish
from functions.core.derived import DERIVE
from functions.core.lake_files import LakeFile
from functions.core.schema import HOUR_MS, TABLES, Table, hour_of, hour_start_ms
from functions.core.traces.hourly import TABLES_READ

MINUTE_MS = 60_000
SLICE_BYTES = 128 * 1024 * 1024
"""Arrow bytes of an hour in memory at a time; sorting and encoding take about three times as much again."""

DEAD_MS = 3_600_000
"""No attempt at a commit lives this long."""


class OutOfTimeError(Exception):
    """The function's time is nearly over; the hour is published by a later run."""


@dataclass
class Publisher:
    """Publishes hours. ``remaining_ms`` tells how long the function may still run."""

    state: State
    generations: Generations
    lake: Lake
    database: str
    remaining_ms: Callable[[], int]
    slice_bytes: int = SLICE_BYTES
    reserve_ms: int = 20_000
    _partitions: dict[str, Partitions] = field(default_factory=dict)

    def publish(self, hour: str) -> bool:
        """Publish all that commits have left in the hour. False where there is nothing to do (yet)."""
        pending = [found for found in self.generations.pending(hour) if self._is_sure(found)]
        if not pending:
            return False
        again: set[str] = set()
        read: list[Generation] = []
        moves: list[Move] = []
        for base in sorted({_base(table) for found in pending for table in found.tables}):
            files = [file for found in pending for file in found.files if file.table == base]
            moves += _Rewrite(self, hour, TABLES[base], files, again, read).run()
        notes = [(SUMMARISE, hour)]
        if any(move.new.table in TABLES_READ for move in moves):
            notes += [(ASSEMBLE, hour), (CONTINUE, hour_of(hour_start_ms(hour) - HOUR_MS))]
        self.generations.publish(hour, moves, sorted(again), read, notes)
        self.point(moves)
        self.generations.settle(pending)
        return True

    def point(self, moves: Sequence[Move]) -> None:
        """Have queries see the new generations."""
        for move in moves:
            partitions = self._partitions.setdefault(move.new.table, Partitions(self.database, move.new.table))
            partitions.point(move.new.hour, self.lake.location(move.new.prefix))

    def summariser(self, failures: Failures) -> Summariser:
        """What keeps the summaries of the hours."""
        return Summariser(self.generations, self.lake, self.remaining_ms, self._is_sure, failures)

    def collect_garbage(self) -> None:
        """Delete what is due, until the time is up."""
        for garbage in self.generations.due_garbage():
            if self.remaining_ms() < self.reserve_ms:
                return
            self.lake.delete(garbage.keys)
            if garbage.prefix:
                self.lake.delete_folder(garbage.prefix)
            self.generations.forget_garbage(garbage)

    def _is_sure(self, pending: Pending) -> bool:
        """Whether the commit of these files is there. Files of an attempt that died before it become garbage."""
        if not pending.if_committed or self.state.is_committed(pending.if_committed, pending.commit_id):
            return True
        if pending.committed_at < environment.now_ms() - DEAD_MS:
            self.generations.settle([pending])
        return False


class _Rewrite:
    """One base table of an hour and what is derived from it, written as new generations."""

    def __init__(
        self,
        run: Publisher,
        hour: str,
        table: Table,
        fresh: Sequence[LakeFile],
        again: set[str],
        read: list[Generation],
    ) -> None:
        self.run_ = run
        self.hour = hour
        self.start_ms = hour_start_ms(hour)
        self.table = table
        self.again = again
        self.read = read
        self.outputs = {
            name: Output(run, hour, name)
            for name in (table.name, *(name for name in DERIVE if TABLES[name].derived_from == table.name))
        }
        # what is published comes first: of two equal rows the first one stays
        self.inputs = [*self.outputs[table.name].old.files, *fresh]

    def run(self) -> list[Move]:
        """Write the new generations; nothing shows them yet."""
        if self.table.name == "invocations":
            self._write_invocations()
        else:
            for rows in self._slices(self.start_ms, self.start_ms + HOUR_MS):
                self._write(publish.one_row_per_key(self.table, rows))
        return [output.move() for output in self.outputs.values()]

    def _write(self, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            return
        number = len(self.outputs[self.table.name].files)
        for name, output in self.outputs.items():
            made = rows if name == self.table.name else DERIVE[name](rows, f"{name}-{self.hour}.{number}")
            output.write(publish.in_order(TABLES[name], made))

    def _write_invocations(self) -> None:
        previous, following = hour_of(self.start_ms - HOUR_MS), hour_of(self.start_ms + HOUR_MS)
        since, until = self.start_ms - publish.LONGEST_INVOCATION_MS, self.start_ms + HOUR_MS
        merger = publish.StartMerger(self.start_ms, self._published(previous, since, self.start_ms, starts=True))
        for rows in self._slices(self.start_ms, until):
            self._write(merger.add(publish.one_row_per_key(self.table, rows)))
        later = self._published(following, until, until + publish.LONGEST_INVOCATION_MS, starts=False)
        # whoever published the next hour moves its partition before its pending items go
        shown = later.num_rows == 0 or not self.run_.generations.pending(following)
        self._write(merger.finish(later, shown=shown))
        if merger.took_earlier:
            self.again.add(previous)
        if merger.left_later:
            self.again.add(following)

    def _published(self, hour: str, start_ms: int, end_ms: int, *, starts: bool) -> pa.Table:
        """Published STARTs or REPORTs of a neighbouring hour between two times; of REPORTs only what pairs them."""
        found = [publish.empty(self.table.name)]
        self.read.append(self.run_.generations.current(self.table.name, hour))
        for file in self.read[-1].files:
            if file.latest >= start_ms and file.earliest < end_ms:
                columns = None if starts else publish.PAIR_COLUMNS
                rows = publish.conform(self.table, self.run_.lake.read(file.key, columns))
                chosen = pc.is_null(rows["status"]) if starts else pc.is_valid(rows["status"])
                found.append(publish.between(rows.filter(chosen), start_ms, end_ms))
        return pa.concat_tables(found)

    def _slices(self, start_ms: int, end_ms: int) -> Iterator[pa.Table]:
        """All input rows by time, in pieces of at most ``slice_bytes`` (a single millisecond is not cut)."""
        if self.run_.remaining_ms() < self.run_.reserve_ms:
            raise OutOfTimeError(f"{self.table.name} of {self.hour} has to wait for the next run")
        rows = self._load(start_ms, end_ms)
        if rows is not None:
            yield rows
            return
        middle = (start_ms + end_ms) // 2
        if end_ms - start_ms > MINUTE_MS:
            middle = -(-middle // MINUTE_MS) * MINUTE_MS  # aggregates are by minute: cut between minutes while possible
        middle = middle if start_ms < middle < end_ms else (start_ms + end_ms) // 2
        yield from self._slices(start_ms, middle)
        yield from self._slices(middle, end_ms)

    def _load(self, start_ms: int, end_ms: int) -> pa.Table | None:
        """The rows between two times, or ``None`` where they are more than fits."""
        limit = self.run_.slice_bytes if end_ms - start_ms > 1 else None
        files = [file for file in self.inputs if file.latest >= start_ms and file.earliest < end_ms]
        if limit and sum(file.memory * file.share(start_ms, end_ms) for file in files) > limit:
            return None
        loaded, size = [publish.empty(self.table.name)], 0
        for file in files:
            rows = publish.between(publish.conform(self.table, self.run_.lake.read(file.key)), start_ms, end_ms)
            size += rows.nbytes
            if limit and size > limit:
                return None
            loaded.append(rows)
        return pa.concat_tables(loaded)


class Output:
    """The next generation of one table's hour."""

    def __init__(self, run: Publisher, hour: str, table: str) -> None:
        self._lake = run.lake
        self._hour = hour
        self._table = table
        self.old = run.generations.current(table, hour)
        self.files: list[LakeFile] = []
        name = environment.new_id(environment.now_ms())
        self._prefix = settled_prefix(table, hour, self.old.number + 1, name)
        self._promise = run.generations.promise_deletion(self._prefix)

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows:
            key = f"{self._prefix}{len(self.files):05d}.parquet"
            self.files.append(self._lake.write(self._table, self._hour, key, rows))

    def move(self) -> Move:
        new = Generation(self._table, self._hour, self.old.number + 1, self._prefix, self.files)
        return Move(self.old, new, self._promise)


def _base(table: str) -> str:
    return TABLES[table].derived_from or table

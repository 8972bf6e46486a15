"""Publishing an hour: one row per key, STARTs merged into their REPORTs, sorted. Pure; `compact` moves the files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.schema import TABLES, Table

LONGEST_INVOCATION_MS = 16 * 60_000
"""Lambda's longest timeout (15 minutes) and a minute for clocks: as far apart as a START and its REPORT can be."""

START_SLACK_MS = 30_000
"""REPORT comes this soon after START and duration; Lambda tries a failed asynchronous invocation again after a minute
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html)."""

MERGED_COLUMNS = ("start_time", "function_version", "trace_id")
"""What a REPORT takes from its START."""

_KNOWS_MORE = {"invocations": "start_time", "spans": "end_time"}
"""Columns of rows that say more than another row of the same event."""

_FOREVER_MS = 1 << 60

PAIR_COLUMNS = ("time", "status", "duration_ms", "log_group", "log_stream", "request_id", *MERGED_COLUMNS)
"""What is needed to find the START of a REPORT."""

_Place = tuple[str | None, str | None, str | None]


def conform(table: Table, rows: pa.Table) -> pa.Table:
    """The rows in the table's present schema; columns that an old file lacks are null."""
    if rows.schema.equals(table.arrow_schema):
        return rows
    held = set(rows.column_names)
    columns = [
        rows[field.name].cast(field.type) if field.name in held else pa.nulls(rows.num_rows, field.type)
        for field in table.arrow_schema
    ]
    return pa.table(columns, schema=table.arrow_schema)


def one_row_per_key(table: Table, rows: pa.Table) -> pa.Table:
    """The rows without repeated (event_id, row_no): the highest version stays, else the invocation that knows its
    START or the span that knows its end, else the first."""
    if _first_of_each_key(table, rows).num_rows == rows.num_rows:
        return rows
    preferred = _preferred_first(table, rows)
    return preferred.take(_first_of_each_key(table, preferred)["place_min"])


def _first_of_each_key(table: Table, rows: pa.Table) -> pa.Table:
    keys = rows.select(table.key).append_column("place", pa.array(range(rows.num_rows), pa.int64()))
    return keys.group_by(list(table.key), use_threads=False).aggregate([("place", "min")])


def _preferred_first(table: Table, rows: pa.Table) -> pa.Table:
    if table.version:
        return rows.take(pc.sort_indices(rows, sort_keys=[(table.version, "descending")]))
    if table.name in _KNOWS_MORE:
        known = pc.is_valid(rows[_KNOWS_MORE[table.name]])
        return pa.concat_tables([rows.filter(known), rows.filter(pc.invert(known))])
    return rows


def in_order(table: Table, rows: pa.Table) -> pa.Table:
    """The rows as people look for them: similar ones together, so that files are small and readers skip much."""
    order: list[tuple[str, Literal["ascending", "descending"]]] = [
        (column, "ascending") for column in (*table.sort_by, *table.key)
    ]
    return rows.take(pc.sort_indices(rows, sort_keys=order)).combine_chunks()


class StartMerger:
    """Merges STARTs without REPORT into REPORTs without START while an hour's invocations go by in order of time.

    A START stands in an hour as an unfinished row (``status`` null). Its REPORT is the one of the same request in the
    same log stream that says it began at the START's time; or else one that does not know when it began, but must have
    begun then by its duration: a retried invocation has its request id again, a minute or more later, and the lines
    of the tries need not come in order. STARTs are held back until that is decided, at most 16
    minutes of them. ``earlier`` are the invocations of the previous hour's end: a REPORT may take its START from there,
    which then is to leave that hour (``took_earlier``).
    """

    def __init__(self, hour_start_ms: int, earlier: pa.Table) -> None:
        self.took_earlier = False
        self.left_later = False
        self._start_ms = hour_start_ms
        self._held: pa.Table = earlier.filter(pc.is_null(earlier["status"]))

    def add(self, rows: pa.Table) -> pa.Table:
        """The rows of the next stretch of time, merged, together with held STARTs whose time is up."""
        unfinished = pc.is_null(rows["status"])
        if self._held.num_rows == 0 and not pc.any(unfinished).as_py():
            return rows
        waiting = pa.concat_tables([self._held, rows.filter(unfinished)])
        reports = rows.filter(pc.invert(unfinished))
        matched, fills = _pair(waiting, reports)
        times = times_ms(waiting)
        self.took_earlier |= any(times[start] < self._start_ms for start in matched)
        reports = _fill(reports, waiting, fills)
        waiting = waiting.filter(_mask(waiting.num_rows, matched, keep=False))
        horizon = max(times_ms(rows), default=0) - LONGEST_INVOCATION_MS
        self._held = between(waiting, horizon, _FOREVER_MS)
        given_up = between(waiting, self._start_ms, horizon)
        return pa.concat_tables([reports, given_up])

    def finish(self, later: pa.Table, *, shown: bool) -> pa.Table:
        """The STARTs that stay in this hour, given the published REPORTs of the next hour's beginning.

        ``left_later`` tells whether one of those could take a START from here. Where queries may not be ``shown`` those
        REPORTs yet, their STARTs stay too; the next hour is published once more then, and asks for this one again.
        """
        own = between(self._held, self._start_ms, _FOREVER_MS)
        self._held = own.slice(0, 0)
        reports = later.filter(pc.is_valid(later["status"]))
        matched, fills = _pair(own, reports)
        self.left_later = bool(fills)
        gone = matched - set(fills.values()) if shown else set()
        return own.filter(_mask(own.num_rows, gone, keep=False))


def _pair(starts: pa.Table, reports: pa.Table) -> tuple[set[int], dict[int, int]]:
    """Rows of ``starts`` that have their REPORT, and report row -> start row for REPORTs that did not know it."""
    candidates = pc.indices_nonzero(pc.is_in(reports["request_id"], pc.unique(starts["request_id"])))
    if len(candidates) == 0:
        return set(), {}
    waiting: dict[_Place, list[tuple[int, int]]] = {}
    began = starts["start_time"].cast(pa.int64()).to_pylist()
    for row, (place, time) in enumerate(zip(_places(starts), times_ms(starts), strict=True)):
        began_at = began[row]
        waiting.setdefault(place, []).append((time if began_at is None else began_at, row))
    found = reports.select(PAIR_COLUMNS).take(candidates)
    known = found["start_time"].cast(pa.int64()).to_pylist()
    spans = [_began_within(*row) for row in zip(times_ms(found), found["duration_ms"].to_pylist(), strict=True)]
    reports_found = list(zip(candidates.to_pylist(), _places(found), known, spans, strict=True))
    matched: set[int] = set()
    for _, place, start, _ in reports_found:
        if start is not None:
            taken = {row for at, row in waiting.get(place, ()) if at == start}
            matched |= taken
            waiting[place] = [entry for entry in waiting.get(place, ()) if entry[1] not in taken]
    fills: dict[int, int] = {}
    for number, place, start, (expected, tolerance) in reports_found:
        near = [(abs(at - expected), at, row) for at, row in waiting.get(place, ()) if abs(at - expected) <= tolerance]
        if start is None and near:
            _, at, row = min(near)
            waiting[place].remove((at, row))
            fills[number] = row
            matched.add(row)
    return matched, fills


def _began_within(time: int, duration: float | None) -> tuple[float, float]:
    """When an invocation that ended at ``time`` began, and how exactly that is known (ms)."""
    if duration is None:
        return time - LONGEST_INVOCATION_MS / 2, LONGEST_INVOCATION_MS / 2
    return time - duration, START_SLACK_MS


def _fill(reports: pa.Table, starts: pa.Table, fills: dict[int, int]) -> pa.Table:
    if not fills:
        return reports
    order = sorted(fills)
    chosen = starts.take([fills[number] for number in order])
    mask = _mask(reports.num_rows, order, keep=True)
    for name in MERGED_COLUMNS:
        given = pc.coalesce(chosen[name], chosen["time"]) if name == "start_time" else chosen[name]
        own = reports[name]
        values = pa.array(pc.coalesce(own.take(order), given).to_pylist(), own.type)
        place = reports.column_names.index(name)
        filled = pc.replace_with_mask(pa.concat_arrays(own.chunks), mask, values)
        reports = reports.set_column(place, reports.schema.field(place), filled)
    return reports


def _mask(length: int, rows: Iterable[int], *, keep: bool) -> pa.BooleanArray:
    chosen = [not keep] * length
    for row in rows:
        chosen[row] = keep
    return pa.array(chosen, pa.bool_())


def _places(rows: pa.Table) -> list[_Place]:
    return list(zip(*(rows[name].to_pylist() for name in ("log_group", "log_stream", "request_id")), strict=True))


def times_ms(rows: pa.Table) -> list[int]:
    """The rows' times in ms; every row has one."""
    times: list[int] = rows["time"].cast(pa.int64()).to_pylist()
    return times


def between(rows: pa.Table, start_ms: int, end_ms: int) -> pa.Table:
    """The rows from one time on, before another."""
    times = rows["time"].cast(pa.int64())
    inside = pc.and_(pc.greater_equal(times, pa.scalar(start_ms)), pc.less(times, pa.scalar(end_ms)))
    return rows if pc.all(inside).as_py() else rows.filter(inside)


@cache
def empty(table_name: str) -> pa.Table:
    """No rows of a table."""
    return TABLES[table_name].arrow_schema.empty_table()

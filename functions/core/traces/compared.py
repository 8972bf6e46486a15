"""The two times that are compared to find a root cause: which ones, and as many of their rows as fit into memory.

Where rows are too many, requests are left out whole, by a hash of their trace id: the same share of both times, so that
what is left of them is alike. docs/root_cause.md, "From the lake".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from functions.core import publish
from functions.core.sampling import is_kept
from functions.core.schema import HOUR_MS, TABLES
from functions.core.traces import calls, statements
from functions.core.traces.suspects import Rows, Suspect
from functions.core.traces.transaction import CALLING

Times = tuple[int, int]
"""From a time on, before another one; ms since 1970."""

MARGIN_MS = 300_000
"""An incident begins before it is seen, and what comes before and after another one is not usual either."""

USUAL_MS = HOUR_MS // 2
"""What is usual is taken from so long, where the incident is not longer: more would say little more."""

BACK_MS = 24 * HOUR_MS
"""Beyond, too much else is different."""

MOST_ROWS = 200_000
"""Of both times together. `suspects.rank` takes 25 microseconds and 900 bytes for each."""

MOST_BYTES = 128 << 20

READS = {
    "spans": (*calls.COLUMNS, "time"),
    "logs": (*statements.COLUMNS, "time", *TABLES["logs"].key),
}
"""What is read of each table. A span needs no key: `calls.read` takes each once by its ids."""


@dataclass(frozen=True, slots=True)
class Causes:
    """What came out, the likeliest first; or why nobody looked. ``requests`` were compared, of the baseline and of the
    incident, which are one in ``one_in`` of all."""

    suspects: tuple[Suspect, ...] = ()
    not_looked: str = ""
    incident: Times = (0, 0)
    baseline: Times = (0, 0)
    requests: tuple[int, int] = (0, 0)
    one_in: int = 1


def usual_before(incident: Times, avoid: Iterable[Times] = ()) -> Times | None:
    """The latest time before an incident that is free of others, as long or longer; ``None`` where a day has none.

    ``avoid`` are times that were not usual, such as other incidents.
    """
    begin, end = incident
    until, free_from = begin - MARGIN_MS, begin - BACK_MS
    for other_begin, other_end in sorted(avoid, key=lambda times: times[1], reverse=True):
        if until - other_end - MARGIN_MS >= end - begin:
            free_from = max(free_from, other_end + MARGIN_MS)
            break
        until = min(until, other_begin - MARGIN_MS)
    if until - free_from < end - begin:
        return None
    return max(free_from, until - max(end - begin, USUAL_MS)), until


def shortened(times: Times, least_ms: int, too_much: Callable[[Times], bool]) -> Times:
    """The middle of a time, halved until it is not too much any more or would become shorter than ``least_ms``."""
    while too_much(times) and times[1] - times[0] >= 2 * least_ms:
        quarter = (times[1] - times[0]) // 4
        times = times[0] + quarter, times[1] - quarter
    return times


class Sample:
    """Takes rows of two times in, file by file and in any order, and keeps whole requests."""

    def __init__(self, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self.one_in = 1
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._kept: dict[tuple[str, Times], list[pa.Table]] = {}
        self._rows = self._bytes = 0

    def add(self, table: str, times: Times, rows: pa.Table) -> None:
        """Rows of a table that have been `chosen` for one of the times, of as many requests as were kept then."""
        rows = thinned(rows, self.one_in)
        self._kept.setdefault((table, times), []).append(rows)
        self._count(rows)
        while self._rows > self._most_rows or self._bytes > self._most_bytes:
            self.one_in *= 2
            self._rows = self._bytes = 0
            for parts in self._kept.values():
                parts[:] = [thinned(each, self.one_in) for each in parts]
                self._count(*parts)

    def rows(self, times: Times) -> Rows:
        """What is kept of a time, each row once."""
        spans, logs = (pa.concat_tables([nothing(table), *self._kept.get((table, times), ())]) for table in READS)
        return Rows(spans, publish.one_row_per_key(TABLES["logs"], logs))

    def _count(self, *parts: pa.Table) -> None:
        self._rows += sum(part.num_rows for part in parts)
        self._bytes += sum(part.nbytes for part in parts)


def chosen(table: str, rows: pa.Table, times: Times, one_in: int) -> pa.Table:
    """Of rows of a file what is compared: those of the time that belong to a request, and of the requests one in so
    many; without what nobody looks at."""
    rows = publish.between(publish.conform(TABLES[table], rows).select(READS[table]), *times)
    rows = thinned(rows.filter(pc.is_valid(_request(rows))), one_in)
    if table == "logs":
        return _with(rows, "message", pc.utf8_slice_codeunits(rows["message"], 0, statements.LONGEST_TEXT))
    named = pc.and_(pc.is_valid(rows["remote_service"]), pc.is_in(rows["kind"], pa.array(sorted(CALLING))))
    attributes = rows["span_attributes"]
    return _with(rows, "span_attributes", pc.if_else(named, attributes, pa.scalar(None, attributes.type)))


def nothing(table: str) -> pa.Table:
    """No rows, as `chosen` gives them."""
    return TABLES[table].arrow_schema.empty_table().select(READS[table])


def thinned(rows: pa.Table, one_in: int) -> pa.Table:
    """The rows of one in so many requests. Who is kept of many is kept of fewer."""
    if one_in == 1:
        return rows
    requests = _request(rows)
    kept = [each for each in pc.unique(requests).to_pylist() if is_kept(each, "", one_in)]
    return rows.filter(pc.is_in(requests, pa.array(kept, pa.string())))


def requests_of(rows: Rows) -> int:
    """How many requests the rows tell of."""
    return int(pc.count_distinct(pa.chunked_array([chunk for each in rows for chunk in _request(each).chunks])).as_py())


def _request(rows: pa.Table) -> pa.ChunkedArray:
    """What names the request that each row belongs to."""
    return pc.coalesce(rows["trace_id"], rows["request_id"]) if "request_id" in rows.column_names else rows["trace_id"]


def _with(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, rows.schema.field(place), column)

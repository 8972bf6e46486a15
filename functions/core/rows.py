"""Rows on their way from sources to Arrow tables.

A source appends one tuple per row, in the order of the table's columns, when the whole event has been understood; so an
event gives all of its rows or none. A cell of a text column may have any type; it becomes text here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from functions.core import values
from functions.core.redaction import FREE_TEXT_COLUMNS, Redactor, any_suspicious
from functions.core.schema import TABLES, Column
from functions.core.text_maps import TextMaps

Row = tuple[Any, ...]

_TIMESTAMP = pa.timestamp("ms")


@dataclass(slots=True)
class Event:
    """The event at hand: what is known about it before its content is read.

    ``time`` is within bounds already; ``event_time`` is the absurd time it replaces, else None. Times are in ms.
    ``request_id`` is the request that the log stream is busy with, for lines that name none.
    """

    id: str
    time: int
    event_time: int | None
    account: str
    region: str
    log_group: str | None
    log_stream: str | None
    service: str | None
    request_id: str | None


@dataclass(slots=True)
class Rows:
    """Rows by table, as lists of tuples."""

    spans: list[Row] = field(default_factory=list)
    invocations: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    metrics: list[Row] = field(default_factory=list)
    usage_events: list[Row] = field(default_factory=list)
    tenant_settings: list[Row] = field(default_factory=list)

    def take(self) -> dict[str, list[Row]]:
        """The rows of every table that has some; afterwards there are none."""
        taken = {table: rows for table in self.__slots__ if (rows := getattr(self, table))}
        for table in taken:
            setattr(self, table, [])
        return taken


def to_arrow(table_name: str, rows: Sequence[Row], redactor: Redactor) -> pa.Table:
    """Row tuples as a table of the lake's schema, without secrets."""
    table = TABLES[table_name]
    columns = [
        _column(column, cells, redactor) for column, cells in zip(table.columns, zip(*rows, strict=True), strict=True)
    ]
    free_texts = [i for i, column in enumerate(table.columns) if column.name in FREE_TEXT_COLUMNS]
    maps = [i for i, column in enumerate(columns) if isinstance(column, TextMaps)]
    suspicious = any_suspicious([*(columns[i] for i in free_texts), *(columns[i].items for i in maps)])
    for i in free_texts:
        columns[i] = redactor.text(columns[i]) if suspicious else columns[i]
    for i in maps:
        columns[i] = columns[i].to_arrow(redactor, suspicious)
    return pa.Table.from_arrays(columns, schema=table.arrow_schema)


def _column(column: Column, cells: tuple[Any, ...], redactor: Redactor) -> Any:
    """An Arrow array, or TextMaps."""
    if cells[0] is None and cells.count(None) == len(cells):
        return pa.nulls(len(cells), column.arrow_type)
    if column.type == "string":
        return _strings(cells)
    if column.type == "timestamp":
        return pa.array(cells, pa.int64()).view(_TIMESTAMP)
    return TextMaps(cells, redactor) if column.type == "map<string,string>" else pa.array(cells, column.arrow_type)


def _strings(cells: tuple[Any, ...]) -> pa.StringArray:
    """Cells as text. Nearly always they are text already, often all the same: to look at each would cost more."""
    first = cells[0]
    if first is cells[-1] and type(first) is str and cells.count(first) == len(cells):
        return pa.repeat(pa.scalar(first, pa.string()), len(cells))
    try:
        return pa.array(cells, pa.string())
    except pa.ArrowException:
        return pa.array([values.text(cell) for cell in cells], pa.string())


def concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    """Tables of one schema as one, without copying."""
    return pa.concat_tables(list(tables))

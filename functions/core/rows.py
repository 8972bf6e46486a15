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
from functions.core.redaction import FREE_TEXT_COLUMNS, Redactor
from functions.core.schema import TABLES, Column
from functions.core.text_maps import text_map

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
    columns = zip(*rows, strict=True)
    arrays = [_array(column, cells, redactor) for column, cells in zip(table.columns, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.arrow_schema)


def _array(column: Column, cells: tuple[Any, ...], redactor: Redactor) -> pa.Array:
    if cells[0] is None and cells.count(None) == len(cells):
        return pa.nulls(len(cells), column.arrow_type)
    if column.type == "timestamp":
        return pa.array(cells, pa.int64()).view(_TIMESTAMP)
    if column.type == "map<string,string>":
        return text_map(cells, redactor)
    if column.type != "string":
        return pa.array(cells, column.arrow_type)
    array = _strings(cells)
    return redactor.text(array) if column.name in FREE_TEXT_COLUMNS else array


def _strings(cells: tuple[Any, ...]) -> pa.StringArray:
    """Cells as text. Nearly always they are text already, often all the same: to find out one by one would cost more."""
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

"""Rows on their way from sources to Arrow tables.

A source appends one tuple per row, in the order of the table's columns, when the whole event has been understood; so an
event gives all of its rows or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

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
    if column.type == "timestamp":
        return pa.array(cells, pa.int64()).view(_TIMESTAMP)
    if column.type == "map<string,string>":
        return text_map(cells, redactor)
    array = pa.array(cells, column.arrow_type)
    return redactor.text(array) if column.name in FREE_TEXT_COLUMNS else array


def concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    """Tables of one schema as one, each column in one piece."""
    return pa.concat_tables(list(tables)).combine_chunks()

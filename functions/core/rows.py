"""Rows on their way from sources to Arrow tables.

A source appends rows when an event has been understood as a whole, so an event gives all of its rows or none: one tuple
a row, or the columns of many rows at once. A cell of a text column may have any type; it becomes text here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec
import pyarrow as pa

from functions.core import values
from functions.core.json_texts import matching
from functions.core.redaction import Redactor
from functions.core.schema import JSON, TABLES, Column
from functions.core.secret_rules import FREE_TEXT_COLUMNS, IDENTITIES, NO_NAMES, json_hint
from functions.core.text_maps import TextMaps

Row = tuple[Any, ...]

_TIMESTAMP = pa.timestamp("ms")
_FREE_TEXTS = {
    name: [i for i, column in enumerate(table.columns) if column.name in FREE_TEXT_COLUMNS]
    for name, table in TABLES.items()
}
_JSON_TEXTS = {
    name: [i for i, column in enumerate(table.columns) if column.type == JSON and not column.repeated]
    for name, table in TABLES.items()
}


class Place(msgspec.Struct, gc=False, frozen=True):
    """Where events come from that came together; ``service`` is the one for those that name none.

    ``position`` is that of the stream record, ``<shard>:<sequence number>``.
    """

    account: str
    region: str
    log_group: str | None = None
    log_stream: str | None = None
    service: str | None = None
    position: str = ""


class Event(msgspec.Struct, gc=False):
    """An event: what is known about it before its content is read.

    ``time`` is within bounds already; ``event_time`` is the absurd time it replaces, else None. Times are in ms.
    ``line`` is its text, ``request_id`` the request that the log stream is busy with, for lines that name none.
    ``origin`` is the event as it came (a log event or a document), in case it has to be refused.
    """

    id: str
    time: int
    event_time: int | None
    place: Place
    origin: Any
    line: str
    request_id: str | None = None


class Same:
    """A column of ``rows`` equal cells."""

    __slots__ = ("cell", "rows")

    def __init__(self, cell: Any, rows: int) -> None:
        self.cell = cell
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.cell, self.rows)

    def __len__(self) -> int:
        return self.rows


Cells = Sequence[Any] | Same
"""Some rows' cells of one column; of a map column Maps, or a Cell for each row."""


class TableRows:
    """Rows of one table: appended as tuples in the order of the table's columns, or as columns in that order."""

    __slots__ = ("_pieces", "_tuples", "append")

    def __init__(self, table_name: str) -> None:
        self._tuples: list[Row] = []
        self._pieces: list[list[Cells]] = [[] for _ in TABLES[table_name].columns]
        self.append = self._tuples.append

    def extend(self, *columns: Cells) -> None:
        """Appends many rows."""
        for pieces, cells in zip(self._pieces, columns, strict=True):
            pieces.append(cells)

    def __len__(self) -> int:
        return len(self._tuples) + sum(map(len, self._pieces[0]))

    def columns(self) -> list[list[Cells]]:
        """The pieces of each column; none where there is no row."""
        if not self._tuples:
            return self._pieces
        more = zip(*self._tuples, strict=True)
        return [[*pieces, cells] for pieces, cells in zip(self._pieces, more, strict=True)]


class Rows:
    """Rows of all tables that sources write."""

    __slots__ = (
        *("deployments", "invocations", "logs", "metrics", "requests", "spans", "tenant_settings", "usage_events"),
    )

    def __init__(self) -> None:
        for table in self.__slots__:
            setattr(self, table, TableRows(table))

    spans: TableRows
    invocations: TableRows
    logs: TableRows
    requests: TableRows
    metrics: TableRows
    usage_events: TableRows
    tenant_settings: TableRows
    deployments: TableRows

    def take(self, least: int = 1) -> dict[str, list[list[Cells]]]:
        """The columns of every table that has at least so many rows; afterwards it has none."""
        taken = {}
        for table in self.__slots__:
            if len(getattr(self, table)) >= least:
                taken[table] = getattr(self, table).columns()
                setattr(self, table, TableRows(table))
        return taken


class Arrays:
    """Some rows of a table as Arrow arrays, in which secrets can still be; map columns are TextMaps."""

    def __init__(self, name: str, columns: Sequence[Sequence[Cells]], redactor: Redactor) -> None:
        self.name = name
        self._redactor = redactor
        self._columns = [
            _column(column, pieces, redactor) for column, pieces in zip(TABLES[name].columns, columns, strict=True)
        ]

    @classmethod
    def together(cls, pieces: Sequence[Arrays]) -> Arrays:
        """Pieces of one table as one."""
        whole = cls.__new__(cls)
        whole.name, whole._redactor = pieces[0].name, pieces[0]._redactor
        columns = zip(*(piece._columns for piece in pieces), strict=True)
        whole._columns = [
            TextMaps.together(arrays) if isinstance(arrays[0], TextMaps) else _concatenated(arrays)
            for arrays in columns
        ]
        return whole

    def texts(self) -> list[pa.StringArray]:
        """Wherever a secret can be."""
        found = [self._columns[i] for i in (*_FREE_TEXTS[self.name], *_JSON_TEXTS[self.name])]
        return found + [column.items for column in self._columns if isinstance(column, TextMaps)]

    def redacted(self, suspicious: Sequence[pa.BooleanArray] = ()) -> pa.Table:
        """The table without secrets; ``suspicious`` says for each of the texts where one is possible, if anywhere."""
        columns, redactor, table = self._columns, self._redactor, TABLES[self.name]
        left = iter(suspicious)
        for i, found in zip(_FREE_TEXTS[self.name], left, strict=False):
            columns[i] = redactor.text(columns[i], found)
        for i, found in zip(_JSON_TEXTS[self.name], left, strict=False):
            columns[i] = redactor.json(columns[i], IDENTITIES.get(self.name, NO_NAMES), found)
        arrays = [
            column.to_arrow(redactor, next(left, None)) if isinstance(column, TextMaps) else column
            for column in columns
        ]
        return pa.Table.from_arrays(arrays, schema=table.arrow_schema)


def without_secrets(pieces: Mapping[str, Sequence[Arrays]]) -> dict[str, list[pa.Table]]:
    """Pieces of some tables as tables of the lake's schema, without secrets."""
    # to make a pattern ready costs as much as to look for it in two megabytes: so all is looked at together
    hints: dict[str, list[Arrays]] = {}
    for name, those in pieces.items():
        hints.setdefault(json_hint(IDENTITIES.get(name, NO_NAMES)), []).extend(those)
    suspicious = {piece: found for hint, those in hints.items() for piece, found in _suspicious(those, hint)}
    tables = {}
    for name, those in pieces.items():
        found = [suspicious[piece] for piece in those]
        if any(each.true_count for of_piece in found for each in of_piece):
            whole = [pa.concat_arrays(of_text) for of_text in zip(*found, strict=True)]
            tables[name] = [Arrays.together(those).redacted(whole)]
        else:
            tables[name] = [piece.redacted() for piece in those]
    return tables


def _suspicious(pieces: Sequence[Arrays], hint: str) -> Iterator[tuple[Arrays, list[pa.BooleanArray]]]:
    """Where in the texts of some pieces a secret is possible."""
    texts = [text for piece in pieces for text in piece.texts()]
    found = matching(pa.concat_arrays(texts), hint) if texts else pa.array([], pa.bool_())
    start = 0
    for piece in pieces:
        of_piece = []
        for text in piece.texts():
            of_piece.append(found.slice(start, len(text)))
            start += len(text)
        yield piece, of_piece


def _column(column: Column, pieces: Sequence[Cells], redactor: Redactor) -> Any:
    """An Arrow array, or TextMaps."""
    if column.type == "map<string,string>":
        return TextMaps(pieces, redactor)
    if all(type(piece) is Same for piece in pieces):
        same = [piece for piece in pieces if type(piece) is Same]
        if all(piece.cell == same[0].cell for piece in same):
            return _repeated(same[0].cell, sum(piece.rows for piece in same), column)
    cells: Sequence[Any] = list(chain.from_iterable(pieces))
    if column.repeated:
        return _numbered(cells, column.arrow_type)
    if column.athena_type == "string":
        return _strings(cells)
    if column.type == "timestamp":
        return pa.array(cells, pa.int64()).view(_TIMESTAMP)
    return pa.array(cells, column.arrow_type)


def _repeated(cell: Any, rows: int, column: Column) -> pa.Array:
    if cell is None:
        return pa.nulls(rows, column.arrow_type)
    return pa.repeat(pa.scalar(values.text(cell) if column.athena_type == "string" else cell, column.arrow_type), rows)


def _strings(cells: Sequence[Any]) -> pa.StringArray:
    """Cells as text. Nearly always they are text already: to look at each would cost more."""
    try:
        return pa.array(cells, pa.string())
    except pa.ArrowException:
        return pa.array([values.text(cell) for cell in cells], pa.string())


def _numbered(cells: Sequence[Any], type_: pa.DataType) -> pa.DictionaryArray:
    """Cells that are few different long texts, each of them stored once."""
    different = dict.fromkeys(cells)
    numbers = dict(zip(different, range(len(different)), strict=True))
    indices = pa.array(map(numbers.__getitem__, cells), pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array(different, pa.string())).cast(type_)


def _concatenated(arrays: Sequence[pa.Array]) -> pa.Array:
    if isinstance(arrays[0], pa.DictionaryArray):
        return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
    return pa.concat_arrays(arrays)


def concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    """Tables of one schema as one, without copying."""
    return pa.concat_tables(list(tables))

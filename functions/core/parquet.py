"""Tables of the lake as Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from functions.core.schema import JSON, TABLES

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1
BATCH_ROWS = 32_768
DICTIONARY_BYTES = 8 << 20
"""A column of few but long texts stays a dictionary up to this size, so that each of them is stored once."""


def encode(table_name: str, rows: pa.Table) -> bytes:
    """One Parquet file of rows of a lake table.

    Dictionaries only where the schema expects few values, and no statistics of maps and JSON, which no query can use:
    elsewhere they cost time and save nothing.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=_dictionary_paths(table_name),
        write_statistics=_statistics_paths(table_name),
        dictionary_pagesize_limit=DICTIONARY_BYTES,
    )
    return bytes(sink.getvalue())


def decode(body: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one Parquet file; columns that it does not have are left out."""
    file = pq.ParquetFile(pa.BufferReader(body))
    return file.read(columns=_held(file, columns))


def decode_batches(body: bytes, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The same, a part at a time."""
    file = pq.ParquetFile(pa.BufferReader(body))
    for batch in file.iter_batches(BATCH_ROWS, columns=_held(file, columns)):
        yield pa.Table.from_batches([batch])


def _held(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    held = set(file.schema_arrow.names)
    return None if columns is None else [name for name in columns if name in held]


@cache
def _dictionary_paths(table_name: str) -> list[str]:
    table = TABLES[table_name]
    map_keys = [f"{column.name}.key_value.key" for column in table.columns if column.type.startswith("map<")]
    return table.dictionary_columns + map_keys


@cache
def _statistics_paths(table_name: str) -> list[str]:
    columns = TABLES[table_name].columns
    return [column.name for column in columns if not column.type.startswith(("map<", "array<", JSON))]

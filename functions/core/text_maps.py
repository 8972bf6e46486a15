"""Map columns: names and values of many rows as one Arrow array, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from functions.core import values
from functions.core.redaction import Redactor
from functions.core.shapes import Cell, Entries, Keys

_TEXTS = pa.list_(pa.string())


def text_map(cells: Sequence[Cell], redactor: Redactor) -> pa.MapArray:
    """Cells as maps of text; nested values are JSON, the shared parts come first."""
    shared_parts, keys, own_values = zip(*cells, strict=True)
    lengths = list(map(len, own_values))
    own_keys = _each_keys(keys)
    own_items = redactor.entries(own_keys.flatten(), _texts(chain.from_iterable(own_values)))
    if not any(shared_parts):
        return pa.MapArray.from_arrays(_offsets(lengths), own_keys.flatten(), own_items)
    shared_keys, shared_items, shared_lengths = _each_entries(shared_parts)
    return pa.MapArray.from_arrays(
        _offsets(map(sum, zip(shared_lengths, lengths, strict=True))),
        _row_by_row(shared_keys, own_keys),
        _row_by_row(shared_items, pa.ListArray.from_arrays(_offsets(lengths), own_items)),
    )


def shared_entries(fields: dict[str, Any], redactor: Redactor) -> Entries:
    """Fields as a part of a map that rows can share, without secrets."""
    names = tuple(fields)
    items = redactor.entries(pa.array(names, pa.string()), _texts(fields.values()))
    return Entries(Keys(names), items.to_pylist())


def _texts(own_values: Iterable[object]) -> pa.StringArray:
    text = values.text
    return pa.array([value if type(value) is str else text(value) for value in own_values], pa.string())


def _offsets(lengths: Iterable[int]) -> pa.Int32Array:
    return pa.array(list(accumulate(lengths, initial=0)), pa.int32())


def _each_keys(keys: Sequence[Keys]) -> pa.ListArray:
    """Names of each row, from the few different ones there are."""
    numbers: dict[Keys, int] = {}
    rows = [numbers.setdefault(each, len(numbers)) for each in keys]
    return pa.array([each.names for each in numbers], _TEXTS).take(pa.array(rows, pa.int32()))


def _each_entries(parts: Sequence[Entries | None]) -> tuple[pa.ListArray, pa.ListArray, list[int]]:
    """Names and values of the shared part of each row, and how many there are."""
    numbers: dict[Entries | None, int] = {}
    rows = pa.array([numbers.setdefault(part, len(numbers)) for part in parts], pa.int32())
    names = pa.array([part.keys.names if part else () for part in numbers], _TEXTS)
    items = pa.array([part.items if part else () for part in numbers], _TEXTS)
    return names.take(rows), items.take(rows), [len(part.items) if part else 0 for part in parts]


def _row_by_row(first: pa.ListArray, second: pa.ListArray) -> pa.StringArray:
    """Values of row 0 of the first and of the second, then of row 1, and so on."""
    count = len(first)
    order = pa.array(chain.from_iterable(zip(range(count), range(count, 2 * count), strict=True)), pa.int32())
    return pa.concat_arrays([first, second]).take(order).flatten()

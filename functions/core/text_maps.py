"""Map columns: names and values of many rows as one Arrow array, without secrets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from functions.core import values
from functions.core.redaction import Redactor
from functions.core.shapes import Cell, Entries, Keys

_TEXTS = pa.list_(pa.string())


def text_map(cells: Sequence[Cell], redactor: Redactor) -> pa.MapArray:
    """Cells as maps of text; nested values are JSON, the shared parts come first."""
    shared, keys, own_values = zip(*cells, strict=True)
    lengths = list(map(len, own_values))
    items = redactor.entries(_texts(chain.from_iterable(own_values)), _protections(keys))
    if not any(shared):
        names = [own.names for own in dict.fromkeys(keys)]
        return pa.MapArray.from_arrays(_offsets(lengths), _repeated(keys, names).flatten(), items)
    both = tuple(zip(shared, keys, strict=True))
    names = [(part.keys.names if part else ()) + own.names for part, own in dict.fromkeys(both)]
    all_keys = _repeated(both, names)
    different = [part.items if part else () for part in dict.fromkeys(shared)]
    own_items = pa.ListArray.from_arrays(_offsets(lengths), items)
    of_rows = range(len(different), len(different) + len(cells))
    order = list(chain.from_iterable(zip(_numbers(shared), of_rows, strict=True)))
    all_items = pa.concat_arrays([pa.array(different, _TEXTS), own_items]).take(pa.array(order, pa.int32()))
    return pa.MapArray.from_arrays(all_keys.offsets, all_keys.flatten(), all_items.flatten())


def shared_entries(fields: dict[str, Any], redactor: Redactor) -> Entries:
    """Fields as a part of a map that rows can share, without secrets."""
    names = tuple(fields)
    keys = Keys(names)
    items = redactor.entries(_texts(fields.values()), pa.array(keys.protections, pa.int8()))
    return Entries(keys, items.to_pylist())


def _texts(own_values: Iterable[object]) -> pa.StringArray:
    text = values.text
    return pa.array([value if type(value) is str else text(value) for value in own_values], pa.string())


def _offsets(lengths: Iterable[int]) -> pa.Int32Array:
    return pa.array(list(accumulate(lengths, initial=0)), pa.int32())


def _repeated(rows: Sequence[Hashable], texts_of_different: list[Sequence[str | None]]) -> pa.ListArray:
    """Texts of each row, from those of the few different rows in the order of their first appearance."""
    return pa.array(texts_of_different, _TEXTS).take(pa.array(_numbers(rows), pa.int32()))


def _protections(keys: Sequence[Keys]) -> pa.Int8Array | None:
    """The protection of each value, or None where none has any."""
    different = dict.fromkeys(keys)
    if not any(each.sensitive for each in different):
        return None
    return (
        pa.array([each.protections for each in different], pa.list_(pa.int8()))
        .take(pa.array(_numbers(keys), pa.int32()))
        .flatten()
    )


def _numbers(rows: Sequence[Hashable]) -> list[int]:
    """For each row the number of the first that is like it, counting only different ones."""
    numbers = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    return [numbers[row] for row in rows]

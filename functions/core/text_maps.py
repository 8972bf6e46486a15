"""Map columns: names and values of many rows as one Arrow array, without secrets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate, chain
from typing import Any, TypeVar

import pyarrow as pa

from functions.core import values
from functions.core.redaction import Redactor
from functions.core.shapes import Cell, Entries, Keys

T = TypeVar("T", bound=Hashable)

_TEXTS = pa.list_(pa.string())


class TextMaps:
    """Cells of a map column on their way to Arrow; nested values become JSON, the shared parts come first.

    ``items`` are the values of all rows one after another, those of secret keys hidden already.
    """

    def __init__(self, cells: Sequence[Cell], redactor: Redactor) -> None:
        self._shared, self._keys, values_of_rows = zip(*cells, strict=True)
        own_values = [
            redactor.protected(own, keys.protections) if keys.sensitive else own
            for keys, own in zip(self._keys, values_of_rows, strict=True)
        ]
        self._offsets = pa.array(list(accumulate(map(len, own_values), initial=0)), pa.int32())
        self.items = _texts(chain.from_iterable(own_values))

    def to_arrow(self, redactor: Redactor, suspicious: bool) -> pa.MapArray:
        """The map column; ``suspicious`` says whether a secret is possible in the items."""
        keys, shared = self._keys, self._shared
        items = redactor.text(self.items) if suspicious else self.items
        if not any(shared):
            numbers, different = _numbered(keys)
            names = pa.array([own.names for own in different], _TEXTS).take(numbers)
            return pa.MapArray.from_arrays(self._offsets, names.flatten(), items)
        numbers, pairs = _numbered(tuple(zip(shared, keys, strict=True)))
        names = pa.array([(part.keys.names if part else ()) + own.names for part, own in pairs], _TEXTS).take(numbers)
        shared_numbers, parts = _numbered(shared)
        shared_items = pa.array([part.items if part else () for part in parts], _TEXTS)
        pieces = pa.concat_arrays([shared_items, pa.ListArray.from_arrays(self._offsets, items)])
        of_rows = range(len(parts), len(pieces))
        order = list(chain.from_iterable(zip(shared_numbers.to_pylist(), of_rows, strict=True)))
        all_items = pieces.take(pa.array(order, pa.int32())).flatten()
        return pa.MapArray.from_arrays(names.offsets, names.flatten(), all_items)


def shared_entries(fields: dict[str, Any], redactor: Redactor) -> Entries:
    """Fields as a part of a map that rows can share, without secrets."""
    names = tuple(fields)
    keys = Keys(names)
    items = redactor.text(_texts(redactor.protected(tuple(fields.values()), keys.protections)))
    return Entries(keys, items.to_pylist())


def _texts(own_values: Iterable[object]) -> pa.StringArray:
    text = values.text
    return pa.array([value if type(value) is str else text(value) for value in own_values], pa.string())


def _numbered(rows: Sequence[T]) -> tuple[pa.Int32Array, list[T]]:
    """The different ones among the rows, and for each row which of these it is."""
    numbers: dict[T, int] = {}
    return pa.array([numbers.setdefault(row, len(numbers)) for row in rows], pa.int32()), list(numbers)

"""Map columns: names and values of many rows as one Arrow array, without secrets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
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
            redactor.protected(own, keys.special) if keys.special else own
            for keys, own in zip(self._keys, values_of_rows, strict=True)
        ]
        self._offsets = pa.array(list(accumulate(map(len, own_values), initial=0)), pa.int32())
        self.items = _texts(list(chain.from_iterable(own_values)))

    def to_arrow(self, redactor: Redactor, suspicious: bool) -> pa.MapArray:
        """The map column; ``suspicious`` says whether a secret is possible in the items."""
        keys, shared = self._keys, self._shared
        items = redactor.text(self.items) if suspicious else self.items
        if not any(shared):
            numbers, different = _numbered(keys)
            names = _taken([own.names for own in different], numbers)
            return pa.MapArray.from_arrays(self._offsets, names.flatten(), items)
        numbers, pairs = _numbered(list(zip(shared, keys, strict=True)))
        names = _taken([(part.keys.names if part else ()) + own.names for part, own in pairs], numbers)
        shared_numbers, parts = _numbered(shared)
        shared_items = pa.array([part.items if part else () for part in parts], _TEXTS)
        pieces = pa.concat_arrays([shared_items, pa.ListArray.from_arrays(self._offsets, items)])
        of_rows = range(len(parts), len(pieces))
        order = list(chain.from_iterable(zip(shared_numbers, of_rows, strict=True)))
        all_items = pieces.take(pa.array(order, pa.int32())).flatten()
        return pa.MapArray.from_arrays(names.offsets, names.flatten(), all_items)


def shared_entries(fields: dict[str, Any], redactor: Redactor) -> Entries:
    """Fields as a part of a map that rows can share, without secrets."""
    names = tuple(fields)
    keys = Keys(names, fields.values())
    items = redactor.text(_texts(redactor.protected(tuple(fields.values()), keys.special)))
    return Entries(keys, items.to_pylist())


def _texts(own_values: Sequence[object]) -> pa.StringArray:
    """Values as text; the places of those that are none are nearly always known, so to look at each would cost more."""
    try:
        return pa.array(own_values, pa.string())
    except pa.ArrowException:
        return pa.array([values.text(value) for value in own_values], pa.string())


def _taken(lists: list[tuple[str, ...]], numbers: list[int]) -> pa.ListArray:
    return pa.array(lists, _TEXTS).take(pa.array(numbers, pa.int32()))


def _numbered(rows: Sequence[T]) -> tuple[list[int], list[T]]:
    """For each row which of the different ones it is, and these."""
    different = list(dict.fromkeys(rows))
    numbers = dict(zip(different, range(len(different)), strict=True))
    return list(map(numbers.__getitem__, rows)), different

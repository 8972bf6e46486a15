"""Map columns: names and values of many rows as one Arrow array, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, repeat
from typing import Any, NamedTuple

import pyarrow as pa

from functions.core import values
from functions.core.redaction import Redactor
from functions.core.shapes import Cell, Keys

_TEXTS = pa.list_(pa.string())


class Maps(NamedTuple):
    """Maps of so many rows with the same names: their values of any type, row by row."""

    keys: Keys
    rows: int
    items: list[Any]


class TextMaps:
    """Cells of a map column on their way to Arrow; nested values become JSON.

    ``pieces`` are Maps, or cells one by one. ``items`` are the values of all rows one after another, those of secret
    keys hidden already.
    """

    def __init__(self, pieces: Iterable[Maps | Iterable[Cell]], redactor: Redactor) -> None:
        self._maps = [maps for piece in pieces for maps in ([piece] if isinstance(piece, Maps) else _alike(piece))]
        self.items = _texts(
            list(
                chain.from_iterable(
                    redactor.protected(items, keys.special, len(keys.names)) if keys.special else items
                    for keys, _, items in self._maps
                )
            )
        )

    @classmethod
    def together(cls, pieces: Sequence[TextMaps]) -> TextMaps:
        """Pieces of one column as one."""
        whole = cls.__new__(cls)
        whole._maps = [maps for piece in pieces for maps in piece._maps]
        whole.items = pa.concat_arrays([piece.items for piece in pieces])
        return whole

    def to_arrow(self, redactor: Redactor, suspicious: pa.BooleanArray | None) -> pa.MapArray:
        """The map column; ``suspicious`` says in which items a secret is possible, if in any."""
        sizes = chain.from_iterable(repeat(len(keys.names), rows) for keys, rows, _ in self._maps)
        offsets = pa.array(list(accumulate(sizes, initial=0)), pa.int32())
        names = pa.array([keys.names for keys, _, _ in self._maps], _TEXTS)
        numbers = chain.from_iterable(repeat(number, maps.rows) for number, maps in enumerate(self._maps))
        of_rows = names.take(pa.array(list(numbers), pa.int32()))
        return pa.MapArray.from_arrays(
            offsets, of_rows.flatten(), redactor.text(self.items, suspicious) if suspicious is not None else self.items
        )


def _alike(cells: Iterable[Cell]) -> Iterable[Maps]:
    """Cells one by one, those in a row with the same names together."""
    found: list[Maps] = []
    for keys, own in cells:
        if found and found[-1].keys is keys:
            found[-1].items.extend(own)
            found[-1] = found[-1]._replace(rows=found[-1].rows + 1)
        else:
            found.append(Maps(keys, 1, list(own)))
    return found


def _texts(items: Sequence[object]) -> pa.StringArray:
    """Values as text; the places of those that are none are nearly always known, so to look at each would cost more."""
    try:
        return pa.array(items, pa.string())
    except pa.ArrowException:
        return pa.array([values.text(item) for item in items], pa.string())

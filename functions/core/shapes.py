"""JSON objects of the same members, read by a plan that is made once for all of them.

Telemetry has few shapes: all lines of one statement have the same members in the same order. So which member goes to
which column, and which are left for the map, is worked out once for a shape and not for each object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from functions.core.redaction import protection_of

MOST_SHAPES = 4096
LONGEST_NAMES = 8192
"""Shapes are remembered up to this many characters of names together, so that nobody can fill the memory with them."""

Fields = dict[Any, Any]
Values = tuple[Any, ...]


class Keys:
    """Names of map entries in order; one object for all maps with these names.

    ``special`` are the places whose value has to be looked at, with its protection: because the name says that it is a
    secret or an identity, or because the first object's value was no text.
    """

    __slots__ = ("names", "special")

    def __init__(self, names: tuple[str, ...], first_values: Iterable[Any]) -> None:
        self.names = names
        looked_at = enumerate(zip(map(protection_of, names), first_values, strict=True))
        self.special = tuple(
            (place, protection) for place, (protection, value) in looked_at if protection or type(value) is not str
        )


class Entries:
    """A part of a map that many rows share: names and their values as text."""

    __slots__ = ("items", "keys")

    def __init__(self, keys: Keys, items: Sequence[str | None]) -> None:
        self.keys = keys
        self.items = items


Cell = tuple[Entries | None, Keys, Values]
"""A map of one row: the shared part, the names of its own part, and their values, of any type."""


class Shape:
    """Objects with the same members: ``known`` gives the values of the columns, ``rest`` those of the other members."""

    __slots__ = ("keys", "known", "names", "rest")

    def __init__(self, first: Fields, columns: tuple[tuple[str, ...], ...]) -> None:
        self.names = tuple(next((name for name in names if name in first), None) for names in columns)
        self.known = _getter(self.names)
        taken = frozenset(self.names)
        rest = tuple(name for name in first if name not in taken)
        self.rest = _getter(rest)
        self.keys = Keys(rest, self.rest(first))


class Shapes:
    """Plans for objects whose columns have these names; of several names for a column the first present counts."""

    def __init__(self, *columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._known: dict[tuple[str, ...], Shape] = {}

    def of(self, fields: Fields) -> Shape:
        """The plan for an object. Afterwards the object has a member None, for the columns it has no member for."""
        members = tuple(fields)
        shape = self._known.get(members)
        if shape is None:
            shape = Shape(fields, self._columns)
            if sum(map(len, members)) <= LONGEST_NAMES:
                if len(self._known) >= MOST_SHAPES:
                    self._known.clear()
                self._known[members] = shape
        fields[None] = None
        return shape


_plain = Shapes()


def plain(fields: dict[str, Any]) -> Cell:
    """The map of all members of an object."""
    return (None, _plain.of(fields).keys, tuple(fields.values())[: len(fields) - 1])


def _getter(names: tuple[str | None, ...]) -> Callable[[Fields], Values]:
    if not names:
        return lambda _: ()
    if len(names) == 1:
        only = names[0]
        return lambda fields: (fields[only],)
    return itemgetter(*names)

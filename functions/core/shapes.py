"""JSON objects of the same members, read by a plan that is made once for all of them.

Telemetry has few shapes: all lines of one statement have the same members in the same order. So which member goes to
which column is worked out once for a shape and not for each object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from functions.core.secret_rules import NO_NAMES, private_members, protection_of

MOST_SHAPES = 4096
LONGEST_NAMES = 8192
"""Shapes are remembered up to this many characters of names together, so that nobody can fill the memory with them."""

Names = tuple[str, ...]
Values = tuple[Any, ...]


class Keys:
    """Names of map entries in order; one object for all maps with these names.

    ``special`` are the places whose value has to be looked at, with its protection: because the name says that it is a
    secret or an identity, or because the first object's value was no text.
    """

    __slots__ = ("names", "special")

    def __init__(self, names: Names, first_values: Iterable[Any]) -> None:
        self.names = names
        looked_at = enumerate(zip(map(protection_of, names), first_values, strict=True))
        self.special = tuple(
            (place, protection) for place, (protection, value) in looked_at if protection or type(value) is not str
        )


Cell = tuple[Keys, Values]
"""A map of one row: the names, and their values, of any type."""


Path = tuple[str, ...]
"""Names of members, each in the object that is the value of the one before."""


class Shape:
    """Objects with the same ``members``: ``known`` takes the columns' values out of one, then those of the members
    ``also``, then those in which something is ``private``; ``has`` says for which columns it has a member.

    ``private`` are the members that were secrets or identities in the first object, each with its protection.
    ``wanted`` are the members whose values are taken.
    """

    __slots__ = ("also", "has", "known", "members", "private", "wanted")

    def __init__(self, members: Names, first: dict[str, Any], shapes: Shapes) -> None:
        names = [next((name for name in names if name in members), None) for names in shapes.columns]
        self.members = members
        self.has = [name is not None for name in names]
        self.also = tuple(filter(shapes.also, members))
        self.private = tuple(_private_paths(first, shapes.identities))
        self.wanted = (*filter(None, names), *self.also, *(path[0] for path, _ in self.private))
        self.known = _taker(self.wanted)


class Shapes:
    """Plans for objects whose columns have these names; of several names for a column the first present counts.

    ``also`` chooses members that are wanted besides, ``identities`` are names of members that here mean an identity.
    """

    def __init__(
        self,
        *columns: Names,
        also: Callable[[str], bool] = lambda _: False,
        identities: frozenset[str] = NO_NAMES,
    ) -> None:
        self.columns = columns
        self.also = also
        self.identities = identities
        self._known: dict[Names, Shape] = {}

    def of(self, members: Names, first: dict[str, Any]) -> Shape:
        """The plan for objects with these members, of which ``first`` is one."""
        shape = self._known.get(members)
        if shape is None:
            shape = Shape(members, first, self)
            if sum(map(len, members)) <= LONGEST_NAMES:
                if len(self._known) >= MOST_SHAPES:
                    self._known.clear()
                self._known[members] = shape
        return shape


def _private_paths(fields: dict[str, Any], identities: frozenset[str], depth: int = 4) -> Iterator[tuple[Path, int]]:
    """Where secrets and identities stand in an object, not in lists; deeper ones are found by their text."""
    for name, protection in private_members(tuple(fields), identities):
        yield (name,), protection
    for name, member in fields.items():
        if type(member) is dict and depth > 1:
            for path, protection in _private_paths(member, identities, depth - 1):
                yield (name, *path), protection


def _taker(names: Names) -> Callable[[dict[str, Any]], Values]:
    """A function that takes values out of an object."""
    if len(names) > 1:
        return itemgetter(*names)
    return (lambda fields: (fields[names[0]],)) if names else lambda _: ()


def plain(fields: dict[str, Any]) -> Cell:
    """The map of all members of an object."""
    return (Keys(tuple(fields), fields.values()), tuple(fields.values()))

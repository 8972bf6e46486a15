"""What every source needs besides the event: where the rows go, what members mean, how identities are hashed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from functions.core.meaning.lookup import label
from functions.core.meaning.meaning import Meaning
from functions.core.piles import Pile, Reader, read_all
from functions.core.redaction import Redactor
from functions.core.rows import Event, Rows
from functions.core.shapes import Names

T = TypeVar("T")


class Context:
    """Shared by all events of one Normalizer.

    ``cached`` keeps what a source works out once for many events, also for the Normalizers that follow.
    """

    __slots__ = ("_known", "_piles", "hashed", "meaning", "own_services", "redactor", "rows")

    def __init__(self, meaning: Meaning, own_services: str, hash_key: bytes, redactor: Redactor | None = None) -> None:
        self.rows = Rows()
        self._piles: dict[tuple[Reader, Names], Pile] = {}
        self.meaning = meaning
        self.own_services = own_services
        self.redactor, self._known = (redactor, {}) if redactor else _kept(meaning, hash_key)
        self.hashed = self.redactor.hashed

    def add(self, reader: Reader, event: Event, fields: dict[str, Any], *record: Any, row_no: int = 0) -> None:
        """Puts an event's object on the pile of those like it, with what else the reader wants of it; ``row_no`` is the
        number of its row."""
        self.pile(reader, fields).extend((event,), (fields,), record, row_no)

    def pile(self, reader: Reader, fields: dict[str, Any]) -> Pile:
        """The pile of objects that have the same members as this one."""
        members = tuple(fields)
        key = (reader, members)
        pile = self._piles.get(key)
        if pile is None:
            shape = self.cached(reader.shapes).of(members, fields)
            pile = self._piles[key] = Pile(reader, shape, self.redactor)
        return pile

    def identity(self, value: Any) -> str | None:
        """Hash of what names a person; None where it is nobody, or no name."""
        named = label(value)
        return self.hashed(named) if named else None

    def read_piles(self, refuse: Callable[[Event, Exception], None], least: int = 1) -> None:
        """Turns piles of at least so many events into rows, also those that this adds to."""
        while piles := [pile for pile in self._piles.items() if len(pile[1].events) >= least]:
            for key, pile in piles:
                del self._piles[key]
                read_all(pile, self, refuse)

    def cached(self, make: Callable[[Context], T]) -> T:
        """What ``make`` returned the first time."""
        made: T | None = self._known.get(make)
        if made is None:
            made = self._known[make] = make(self)
        return made


@lru_cache(maxsize=2)
def _kept(_meaning: Meaning, hash_key: bytes) -> tuple[Redactor, dict[Callable[[Context], Any], Any]]:
    """What outlives a Normalizer; no more than two, for the hash key changes every month."""
    return Redactor(hash_key), {}


class OwnEventError(Exception):
    """The event comes from this product itself; storing it would feed the pipeline with its own output."""

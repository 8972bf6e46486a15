"""Events whose JSON objects have the same members, read together: column by column, not one by one.

What costs time in Python is the single step and not the value it is done to. So objects wait in a pile with others of
their shape until there are enough bytes of them, and what is done to a member is done to all of its values at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from functions.core.redaction import Redactor
from functions.core.rows import Cells, Event, Place, Same
from functions.core.shapes import Path, Shape, Shapes, Values
from functions.core.values import each

T = TypeVar("T")


class Reader:
    """A way to read objects of one shape at a time: ``read`` adds their rows, ``shapes`` says how shapes are read."""

    __slots__ = ("read", "shapes", "source")

    def __init__(self, source: str, shapes: Callable[[Any], Shapes], read: Callable[[Pile, Any], None]) -> None:
        self.source = source
        self.shapes = shapes
        self.read = read


class Pile:
    """Events with objects of one shape, and the ``values`` of each that the shape takes.

    ``records`` are whatever else a source has of each event, or nothing.
    """

    def __init__(self, reader: Reader, shape: Shape, redactor: Redactor) -> None:
        self.reader = reader
        self.shape = shape
        self.redactor = redactor
        self.events: list[Event] = []
        self.row_numbers: list[int] = []
        self.values: list[Values] = []
        self.records: list[Any] = []

    def extend(
        self,
        events: Iterable[Event],
        objects: Iterable[dict[str, Any]],
        records: Iterable[Any] = (),
        row_no: int = 0,
    ) -> None:
        """Adds events with their objects, and with a record each where the reader wants one; each object is the row of
        this number of its event."""
        self.events.extend(events)
        self.row_numbers += [row_no] * (len(self.events) - len(self.row_numbers))
        self.values.extend(map(self.shape.known, objects))
        self.records.extend(records)

    def part(self, chosen: Sequence[int]) -> Pile:
        """Some of the events, by their numbers."""
        part = Pile(self.reader, self.shape, self.redactor)
        part.events = [self.events[number] for number in chosen]
        part.row_numbers = [self.row_numbers[number] for number in chosen]
        part.values = [self.values[number] for number in chosen]
        part.records = [self.records[number] for number in chosen] if self.records else []
        return part

    @cached_property
    def taken(self) -> list[Values]:
        """The values by column, then those of the members that the shape wants besides, then those to hide."""
        return list(zip(*self.values, strict=True))

    def known(self) -> list[Values | None]:
        """The values of each column of the shape; None for one that the objects have no member for."""
        taken = iter(self.taken)
        return [next(taken) if there else None for there in self.shape.has]

    def also(self) -> dict[str, Values]:
        """The values of each member that the shape wants besides."""
        return dict(zip(self.shape.also, self.taken[sum(self.shape.has) :], strict=False))

    def lines(self) -> list[str]:
        """The objects' JSON, without what the shape knows to be private."""
        lines = [event.line for event in self.events]
        columns = self.taken[sum(self.shape.has) + len(self.shape.also) :]
        for (path, protection), column in zip(self.shape.private, columns, strict=True):
            lines = self.redactor.hidden_in(lines, _followed(column, path[1:]), protection)
        return lines

    @cached_property
    def places(self) -> list[Place]:
        """Where the events come from."""
        return [event.place for event in self.events]

    def of_events(self) -> tuple[Cells, ...]:
        """The columns that every table begins with."""
        events, rows = self.events, len(self.events)
        event_times = [event.event_time for event in events]
        return (
            [event.time for event in events],
            [event.id for event in events],
            self.row_numbers if any(self.row_numbers) else Same(0, rows),
            self.of_places("account"),
            self.of_places("region"),
            Same(self.reader.source, rows),
            Same(None, rows) if event_times.count(None) == rows else event_times,
        )

    def of_places(self, attribute: str) -> Cells:
        """An attribute of the places that the events come from; most often there is but one place."""
        places = self.places
        if self._is_one_place:
            return Same(getattr(places[0], attribute), len(places))
        return [getattr(place, attribute) for place in places]

    @cached_property
    def _is_one_place(self) -> bool:
        return len(set(map(id, self.places))) == 1


def _followed(values: Values, path: Path) -> Sequence[Any]:
    """The members of values at the end of a path; None where there is none."""
    found: Sequence[Any] = values
    for name in path:
        found = [value.get(name) if type(value) is dict else None for value in found]
    return found


def cells(values: Sequence[Any] | None, rows: int) -> Cells:
    """Values that may be absent, as cells of so many rows."""
    return Same(None, rows) if values is None else values


def mapped(values: Sequence[Any] | None, rows: int, change: Callable[[Any], T | None]) -> Cells:
    """Values that may be absent, each changed."""
    return Same(None, rows) if values is None else each(values, change)


def of_type(values: Sequence[Any], type_: type[T], change: Callable[[Any], T | None]) -> Sequence[T | None]:
    """Values of one type as they are, if all of them are; else each is changed."""
    return values if set(map(type, values)) == {type_} else list(map(change, values))


class ApartError(Exception):
    """The pile has to be read in ``parts``; nothing of it was added."""

    def __init__(self, *parts: Pile) -> None:
        super().__init__()
        self.parts = parts


def read_all(pile: Pile, context: Any, refuse: Callable[[Event, Exception], None]) -> None:
    """Reads a pile; where that fails its halves, so that in the end only the events at fault are refused."""
    try:
        pile.reader.read(pile, context)
    except MemoryError:
        raise
    except ApartError as apart:
        for part in apart.parts:
            read_all(part, context, refuse)
    except Exception as error:  # one bad event must stop nobody: it is kept, with the reason
        rows = len(pile.events)
        if rows == 1:
            refuse(pile.events[0], error)
            return
        for half in (range(rows // 2), range(rows // 2, rows)):
            read_all(pile.part(half), context, refuse)


def any_starts(texts: Iterable[Any], prefix: str) -> str | None:
    """One of some texts that starts so; None where none does."""
    return next((text for text in set(texts) if text is not None and text.startswith(prefix)), None)

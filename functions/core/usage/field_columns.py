"""A bounded sample of telemetry, turned into one column for each field."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from functions.core import values

Sample = tuple[int, str, Mapping[str, Any]]
"""When a line was written in milliseconds since 1970, by which service, and its members."""

MOST_LINES = 20_000
MOST_CELLS = 400_000
MOST_FIELDS = 200
MOST_MEMBERS = 200
DEEPEST = 8
LONGEST_NAME = 120
LONGEST_VALUE = 100
"""Text longer than this tells nobody apart; it is kept up to here."""

SLICES = 8
LONGEST_REQUEST_MS = 60_000
_ABSENT = frozenset({"", "-", "null", "None", "undefined", "unknown"})


@dataclass(frozen=True, slots=True)
class Column:
    """One field: its values as codes by line and by request, ``labels`` their text, ``types`` what JSON had.

    ``of_request`` has the first value in each request. Lines are numbered by time.
    """

    path: str
    lines: tuple[int, ...]
    codes: tuple[int, ...]
    labels: tuple[str, ...]
    types: frozenset[type]
    of_request: dict[int, int]


@dataclass(frozen=True, slots=True)
class Columns:
    """The sample. ``services``, ``statements`` and ``requests`` have a number for each line: what wrote it, lines with
    the same members of a service, and what was written for one request. ``slices`` are equal parts by time."""

    services: tuple[int, ...]
    statements: tuple[int, ...]
    requests: tuple[int, ...]
    slices: tuple[int, ...]
    fields: tuple[Column, ...]
    request_id: str | None

    @property
    def lines(self) -> int:
        return len(self.services)


def columns_of(objects: Iterable[Sample]) -> Columns:
    """The columns of at most MOST_LINES lines and MOST_CELLS values, whatever the order in which they come.

    Which lines are kept is decided by a hash of their content, so it is a fair sample of all. Of more than MOST_FIELDS
    fields the most frequent are kept.
    """
    kept = sorted(_kept(objects), key=lambda line: (line[1], line[0]))
    count = Counter(path for *_, cells in kept for path in cells)
    chosen = {path for path, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))[:MOST_FIELDS]}
    raw = {path: _Raw() for path in sorted(chosen)}
    for number, (*_, cells) in enumerate(kept):
        for path, value in cells.items():
            if path in raw:
                raw[path].add(number, value)
    times = [time for _, time, _, _ in kept]
    name, requests = _requests(raw, times)
    return Columns(
        _numbered(service for _, _, service, _ in kept),
        _numbered((service, *sorted(cells)) for _, _, service, cells in kept),
        tuple(requests),
        tuple(number * SLICES // len(kept) for number in range(len(kept))),
        tuple(each.column(path, requests) for path, each in raw.items()),
        name,
    )


_Line = tuple[bytes, int, str, dict[str, Any]]


def _kept(objects: Iterable[Sample]) -> Iterator[_Line]:
    """The lines with the least hashes; what was above the bound never comes back, so that order is of no effect."""
    heap: list[tuple[int, int, _Line]] = []
    bound, cells = 1 << 64, 0
    for number, (time, service, members) in enumerate(objects):
        flat = dict(_flat(members))
        digest = blake2b(repr((time, service, flat)).encode(errors="replace"), digest_size=8).digest()
        rank = int.from_bytes(digest)
        if rank >= bound:
            continue
        heapq.heappush(heap, (-rank, number, (digest, time, service, flat)))
        cells += len(flat)
        while len(heap) > MOST_LINES or cells > MOST_CELLS:
            negative, _, dropped = heapq.heappop(heap)
            bound, cells = -negative, cells - len(dropped[3])
    return (line for *_, line in heap)


def _flat(members: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Plain values by dotted path; OTLP's lists of key and value are read as members."""
    waiting: list[tuple[str, Any, int]] = [("", members, 0)]
    found = 0
    while waiting and found < MOST_MEMBERS:
        path, value, depth = waiting.pop()
        if isinstance(value, Mapping):
            if depth < DEEPEST:
                inner = [(f"{path}.{name}" if path else str(name), each, depth + 1) for name, each in value.items()]
                waiting += reversed(inner[:MOST_MEMBERS])
        elif isinstance(value, list):
            if all(isinstance(each, Mapping) and "key" in each and "value" in each for each in value):
                waiting.append((path, {str(each["key"]): _otlp(each["value"]) for each in value[:MOST_MEMBERS]}, depth))
        elif value is not None and len(path) <= LONGEST_NAME:
            label = value[: LONGEST_VALUE + 1] if isinstance(value, str) else value
            if label not in _ABSENT:
                found += 1
                yield path, label


def _otlp(value: Any) -> Any:
    return next(iter(value.values()), None) if isinstance(value, Mapping) and len(value) == 1 else value


class _Raw:
    """A column while it grows."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.codes: list[int] = []
        self.known: dict[str, int] = {}
        self.types: set[type] = set()

    def add(self, line: int, value: Any) -> None:
        self.lines.append(line)
        self.types.add(type(value))
        self.codes.append(self.known.setdefault(values.text(value) or "", len(self.known)))

    def column(self, path: str, requests: list[int]) -> Column:
        of_request: dict[int, int] = {}
        for line, code in zip(self.lines, self.codes, strict=True):
            of_request.setdefault(requests[line], code)
        labels = tuple(self.known)
        return Column(path, tuple(self.lines), tuple(self.codes), labels, frozenset(self.types), of_request)


def _requests(raw: dict[str, _Raw], times: list[int]) -> tuple[str | None, list[int]]:
    """The field that best tells which lines belong to one request, and a number of the request for each line.

    Such a field has many values, each on a few lines that are close in time.
    """
    best, grouped = None, 0
    for path, each in raw.items():
        repeated = len(each.codes) - len(each.known)
        if repeated > grouped and len(each.known) >= max(20, len(each.codes) // 20) and _is_brief(each, times):
            best, grouped = path, repeated
    numbers = list(range(len(times)))
    if best is not None:
        first: dict[int, int] = {}
        for line, code in zip(raw[best].lines, raw[best].codes, strict=True):
            numbers[line] = first.setdefault(code, line)
    return best, numbers


def _is_brief(each: _Raw, times: list[int]) -> bool:
    """Whether nearly all lines that follow another one of the same value do so within a request's time."""
    by_value = sorted(zip(each.codes, each.lines, strict=True))
    gaps = [times[line] - times[before] for (code, before), (other, line) in pairwise(by_value) if code == other]
    return sum(gap <= LONGEST_REQUEST_MS for gap in gaps) >= 0.95 * len(gaps)


def _numbered(keys: Iterable[Any]) -> tuple[int, ...]:
    known: dict[Any, int] = {}
    return tuple(known.setdefault(key, len(known)) for key in keys)

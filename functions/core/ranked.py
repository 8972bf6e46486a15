"""Entries that add up, of which the largest are kept one by one and the rest together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

from functions.core import histogram

COARSE = 3
"""Buckets of 1 % precision that are one here: a latency is known to 3 %, and a summary is a third as long."""

TENANTS = 30
"""Customers of an error that are kept by name."""

Key = tuple[str, ...]


class Additive(Protocol):
    """Something that adds up."""

    @property
    def weight(self) -> int:
        """What entries are ranked by."""

    def add(self, other: Self) -> None:
        """Add another one."""

    def bounded(self) -> Self:
        """The same in a size that may be written."""

    def plain(self) -> list[Any]:
        """As JSON takes it."""

    @classmethod
    def of(cls, plain: list[Any]) -> Self:
        """Inverse of `plain`."""


T = TypeVar("T", bound=Additive)


class Ranked(Generic[T]):
    """Entries by key, and ``others``: the sum of those that are not kept by key.

    ``other_keys`` is how many keys the others have at least; more cannot be known, as parts may share them.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self.entries: dict[Key, T] = {}
        self.others = make()
        self.other_keys = 0

    @classmethod
    def of(cls, make: type[T], plain: Mapping[str, Any]) -> Ranked[T]:
        """Inverse of `plain`."""
        found: Ranked[T] = cls(make)
        found.entries = {tuple(key): make.of(values) for key, values in plain["entries"]}
        found.others = make.of(plain["others"])
        found.other_keys = plain["other_keys"]
        return found

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        entries = [[list(key), value.plain()] for key, value in self.entries.items()]
        return {"entries": entries, "others": self.others.plain(), "other_keys": self.other_keys}

    def add(self, key: Key, value: T) -> None:
        """Add to the entry of a key; ``value`` is the Ranked's own from now on."""
        if key in self.entries:
            self.entries[key].add(value)
        else:
            self.entries[key] = value

    def merge(self, other: Ranked[T]) -> None:
        """Add all of another one; nothing is dropped, so the order of merges does not matter."""
        for key, value in other.entries.items():
            if key not in self.entries:
                self.entries[key] = self._make()
            self.entries[key].add(value)
        self.others.add(other.others)
        self.other_keys = max(self.other_keys, other.other_keys)

    def ranked(self) -> list[tuple[Key, T]]:
        """The entries, largest first."""
        return sorted(self.entries.items(), key=lambda entry: (-entry[1].weight, entry[0]))

    def bounded(self, top: int) -> Ranked[T]:
        """The ``top`` largest, each bounded, and the rest among the others."""
        kept: Ranked[T] = Ranked(self._make)
        order = self.ranked()
        kept.entries = {key: value.bounded() for key, value in order[:top]}
        kept.others.add(self.others)
        for _, value in order[top:]:
            kept.others.add(value)
        kept.others = kept.others.bounded()
        kept.other_keys = max(self.other_keys, len(order) - top)
        return kept

    def total(self) -> T:
        """All entries and the others together."""
        total = self._make()
        for value in (*self.entries.values(), self.others):
            total.add(value)
        return total


@dataclass(slots=True)
class Requests:
    """Sums of requests: 5xx are errors, 4xx client errors; latencies are counted in coarse buckets."""

    requests: int = 0
    errors: int = 0
    client_errors: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    latency: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: list[Any]) -> Requests:
        requests, errors, client_errors, request_bytes, response_bytes, flat = plain
        latency = dict(zip(flat[::2], flat[1::2], strict=True))
        return cls(requests, errors, client_errors, request_bytes, response_bytes, latency)

    def plain(self) -> list[Any]:
        flat = [number for cell in sorted(self.latency.items()) for number in cell]
        return [self.requests, self.errors, self.client_errors, self.request_bytes, self.response_bytes, flat]

    @property
    def weight(self) -> int:
        return self.requests

    def add(self, other: Requests) -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.client_errors += other.client_errors
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        for number, count in other.latency.items():
            self.latency[number] = self.latency.get(number, 0) + count

    def add_latency(self, bucket: int, count: int) -> None:
        """Count latencies of a bucket of `histogram`."""
        number = -(-bucket // COARSE)
        self.latency[number] = self.latency.get(number, 0) + count

    def bounded(self) -> Requests:
        return self

    def quantile(self, share: float) -> float | None:
        """Latency (ms) that this share of the requests stays under, to 3 %; ``None`` where none is known."""
        total, up_to = sum(self.latency.values()), 0
        for number, count in sorted(self.latency.items()):
            up_to += count
            if up_to >= share * total:
                return histogram.value(number * COARSE - COARSE // 2)
        return None


@dataclass(slots=True)
class Failures:
    """Occurrences of one error: how many, from when to when (ms, to the minute), what it says, and whose.

    ``tenants`` counts by customer (empty for lines that name none); ``more_tenants`` says that there are more.
    """

    count: int = 0
    first_ms: int = 1 << 60
    last_ms: int = 0
    error_type: str = ""
    example: str = ""
    tenants: dict[str, int] = field(default_factory=dict)
    more_tenants: bool = False

    @classmethod
    def of(cls, plain: list[Any]) -> Failures:
        return cls(*plain)

    def plain(self) -> list[Any]:
        return [
            self.count,
            self.first_ms,
            self.last_ms,
            self.error_type,
            self.example,
            self.tenants,
            self.more_tenants,
        ]

    @property
    def weight(self) -> int:
        return self.count

    def add(self, other: Failures) -> None:
        if (other.first_ms, other.error_type, other.example) < (self.first_ms, self.error_type, self.example):
            self.error_type, self.example = other.error_type, other.example
        self.count += other.count
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        for tenant, count in other.tenants.items():
            self.tenants[tenant] = self.tenants.get(tenant, 0) + count
        self.more_tenants |= other.more_tenants

    def bounded(self) -> Failures:
        if len(self.tenants) <= TENANTS:
            return self
        kept = sorted(self.tenants.items(), key=lambda found: (-found[1], found[0]))[:TENANTS]
        return Failures(self.count, self.first_ms, self.last_ms, self.error_type, self.example, dict(kept), True)

    @property
    def customers(self) -> int:
        """How many customers are known to be affected."""
        return len(self.tenants) - ("" in self.tenants)

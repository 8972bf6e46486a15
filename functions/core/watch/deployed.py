"""What was deployed in an hour, as a summary: stacks, functions, APIs and commits, when and what of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.incidents.wording import NAME_LIMIT, plain
from functions.core.publish import times_ms
from functions.core.ranked import Ranked

MOST = 100
MOST_PARTS = 5
MOST_TOLD = 3
LONGEST_NAME = 200
_NAMES = ("stack", "service", "resource", "commit_sha")
"""Whose change it is: the first of them that is known."""


@dataclass(slots=True)
class Deployment:
    """Changes of one stack, function, API or commit: from when to when (ms), how many, how many of them failed; some
    of the services and resources that changed; and a version, where one is known."""

    count: int = 0
    failed: int = 0
    first_ms: int = 1 << 60
    last_ms: int = 0
    version: str = ""
    parts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, plain: list[Any]) -> Deployment:
        return cls(*plain)

    def plain(self) -> list[Any]:
        return [self.count, self.failed, self.first_ms, self.last_ms, self.version, self.parts]

    @property
    def weight(self) -> int:
        """The latest are kept."""
        return self.last_ms

    def add(self, other: Deployment) -> None:
        known = [(each.last_ms, each.version) for each in (self, other) if each.version]
        self.version = max(known, default=(0, ""))[1]
        self.count += other.count
        self.failed += other.failed
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.parts = sorted({*self.parts, *other.parts})[:MOST_PARTS]

    def bounded(self) -> Deployment:
        return self


class Deployments:
    """Deployments by what they changed."""

    table: ClassVar[str] = "deployments"
    reads: ClassVar[tuple[str, ...]] = ("time", "status", "service_version", *_NAMES)
    only_published: ClassVar[bool] = False

    def __init__(self, found: Ranked[Deployment] | None = None) -> None:
        self.found = found or Ranked(Deployment)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Deployments:
        return cls(Ranked.of(Deployment, plain["found"]))

    def add_rows(self, rows: pa.Table) -> None:
        cut = {name: pc.utf8_slice_codeunits(pc.fill_null(rows[name], ""), 0, LONGEST_NAME) for name in self.reads[1:]}
        columns = (column.to_pylist() for column in cut.values())
        for time, status, version, *names in zip(times_ms(rows), *columns, strict=True):
            what = next(filter(None, names), "")
            parts = [name for name in (names[1] or names[2],) if name and name != what]
            self.found.add((what,), Deployment(1, status == "failed", time, time, version, parts))

    def merge(self, other: Deployments) -> None:
        self.found.merge(other.found)

    def bounded(self) -> Deployments:
        return Deployments(self.found.bounded(MOST))

    def plain(self) -> dict[str, Any]:
        return {"found": self.found.plain()}


def between(hours: Iterable[Deployments], start_ms: int, end_ms: int) -> list[tuple[str, Deployment]]:
    """What changed in this time, by name, the latest first."""
    together: Ranked[Deployment] = Ranked(Deployment)
    for each in hours:
        together.merge(each.found)
    found = [(name, each) for (name,), each in together.entries.items() if start_ms <= each.last_ms < end_ms]
    return sorted(found, key=lambda entry: (-entry[1].last_ms, entry[0]))


def lines(found: Sequence[tuple[str, Deployment]], since_ms: int) -> list[str]:
    """What was deployed, for a message about what goes on since ``since_ms``: a line each, the latest first."""
    told = [_line(name, each, since_ms) for name, each in found[:MOST_TOLD]]
    more = len(found) - len(told)
    return [*told, *([f"- and {more} more"] if more else [])]


def _line(name: str, each: Deployment, since_ms: int) -> str:
    at, before = datetime.fromtimestamp(each.last_ms / 1000, UTC), since_ms - each.last_ms
    minutes = round(abs(before) / 60_000)
    when = f"{at:%H:%M} UTC, {minutes} min {'before' if before >= 0 else 'after'}"
    what = plain(" ".join(filter(None, (name or "(unknown)", each.version))), NAME_LIMIT)
    parts = f" ({plain(', '.join(each.parts), NAME_LIMIT)})" if each.parts else ""
    failed = f", {each.failed} of {each.count} changes failed" if each.failed else ""
    return f"- {when}: {what}{parts}{failed}"

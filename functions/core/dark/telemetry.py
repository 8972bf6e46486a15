"""Which telemetry there is: rows by what wrote them, and in how many of them a column is filled. Small and mergeable.

For the columns that an advice is about and no others, so that an hour of any size is a few counts for each log group,
function and API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.ranked import Ranked

MOST_KEPT = 300
"""So many log groups, functions and so on of an hour are kept by name, those with the most rows."""

LONGEST_NAME = 512
"""A log group's name may be so long."""

TEXT = "text_log"


@dataclass(slots=True)
class Filled:
    """Rows, in how many of them each column is filled, and how many were read from which source."""

    rows: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: list[Any]) -> Filled:
        return cls(*plain)

    def plain(self) -> list[Any]:
        return [self.rows, self.columns, self.sources]

    @property
    def weight(self) -> int:
        return self.rows

    def add(self, other: Filled) -> None:
        self.rows += other.rows
        for own, more in ((self.columns, other.columns), (self.sources, other.sources)):
            for name, count in more.items():
                own[name] = own.get(name, 0) + count

    def bounded(self) -> Filled:
        return self


class Telemetry:
    """Rows of one table ``by`` what wrote them. ``columns`` are those that are counted, ``reads`` those that have to be
    read of a file for that."""

    table: ClassVar[str]
    by: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    reads: ClassVar[tuple[str, ...]]
    only_published: ClassVar[bool] = True
    """What is dark changes slowly, and the files of an hour that goes on would be read for every commit."""

    def __init_subclass__(cls) -> None:
        cls.reads = (*cls.by, "source", *cls.columns)

    def __init__(self, found: Ranked[Filled] | None = None) -> None:
        self.found = found or Ranked(Filled)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Telemetry:
        return cls(Ranked.of(Filled, plain["found"]))

    def add_rows(self, rows: pa.Table) -> None:
        keys = {
            f"by_{name}": pc.utf8_slice_codeunits(pc.fill_null(rows[name], ""), 0, LONGEST_NAME) for name in self.by
        }
        counted = {name: rows[name] for name in self.columns}
        by = [*keys, "source"]
        summed = (
            pa.table({**keys, "source": pc.fill_null(rows["source"], ""), **counted})
            .group_by(by, use_threads=False)
            .aggregate([([], "count_all"), *((name, "count") for name in counted)])
        )
        values = [summed[name].to_pylist() for name in (*by, "count_all", *(f"{name}_count" for name in counted))]
        for found in zip(*values, strict=True):
            *key, source, count = found[: len(by) + 1]
            filled = dict(zip(counted, found[len(by) + 1 :], strict=True))
            self.found.add(tuple(key), Filled(count, filled, {source: count}))

    def merge(self, other: Telemetry) -> None:
        self.found.merge(other.found)

    def bounded(self) -> Telemetry:
        return type(self)(self.found.bounded(MOST_KEPT))

    def plain(self) -> dict[str, Any]:
        return {"found": self.found.plain()}


class LogTelemetry(Telemetry):
    """Log lines by log group. `line` is not counted, which would be to read most of the table: every source but text
    fills it."""

    table = "logs"
    by = ("log_group",)
    columns = ("level", "request_id", "trace_id", "tenant", "error_type", "fingerprint")


class InvocationTelemetry(Telemetry):
    """Invocations by function and log group."""

    table = "invocations"
    by = ("function_name", "log_group")
    columns = ("trace_id",)


class RequestTelemetry(Telemetry):
    """Requests by service, which for an access log is the API."""

    table = "requests"
    by = ("service",)
    columns = ("route", "status", "latency_ms", "tenant")


class SpanTelemetry(Telemetry):
    """Spans by service and what ran."""

    table = "spans"
    by = ("service", "resource")
    columns = ("trace_id", "span_id", "remote_service", "http_route")


KINDS: dict[str, type[Telemetry]] = {
    f"telemetry_{kind.table}": kind for kind in (LogTelemetry, InvocationTelemetry, RequestTelemetry, SpanTelemetry)
}

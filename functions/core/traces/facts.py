"""What the lake knows of a transaction: rows of spans, invocations, requests and logs in one form.

The question ``what_happened`` gives them so; ``of_table`` makes the same of rows that are not in a lake yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

FAILED = frozenset({"fault", "throttle", "timeout", "out_of_memory"})
"""Statuses of what failed by its own fault. ``error`` is a caller's fault (4xx), which the callee answered rightly."""

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A row: ``fact`` is span, invocation, request or log. ``duration_ms`` is None where it is not over, or of a log.

    ``kind`` is the kind of a span or the level of a log line, ``name`` the operation, route or function.
    """

    fact: str
    start_ms: float
    duration_ms: float | None = None
    service: str | None = None
    name: str | None = None
    kind: str | None = None
    status: str | None = None
    message: str | None = None
    error_type: str | None = None
    tenant: str | None = None
    customer_name: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    links: tuple[Link, ...] = ()
    request_id: str | None = None
    remote_service: str | None = None
    remote_operation: str | None = None
    cost_usd: float | None = None
    init_duration_ms: float | None = None

    @property
    def end_ms(self) -> float:
        """When it was over, as far as that is known."""
        return self.start_ms + (self.duration_ms or 0.0)


def of_row(row: Mapping[str, Any]) -> Fact:
    """A fact from a row of the question ``what_happened``."""
    fact, duration = str(row["fact"]), row["duration_ms"]
    start = _ms(row["began"]) if row["began"] else _ms(row["time"]) - (duration or 0.0 if fact == "invocation" else 0.0)
    given = {name: row[name] for name in _AS_GIVEN}
    status = _STATUSES.get((fact, str(row["status"])), row["status"])
    if fact == "request" and status is not None:
        status = _of_http(int(status))
    return Fact(fact, start, duration, status=status, links=_links(row["links"]), **given)


def of_table(name: str, rows: pa.Table) -> Iterator[Fact]:
    """Facts from rows of a table of the lake; none from one that says nothing of single requests."""
    if name in _COLUMNS:
        fact, columns = _COLUMNS[name]
        nothing = dict.fromkeys((*_AS_GIVEN, "began", "duration_ms", "status", "links"))
        taken = {column: rows[source] for column, source in columns.items()}
        for values in pa.table(taken).to_pylist():
            row = nothing | values | {"fact": fact}
            if fact == "span":
                row["links"] = json.dumps(row["links"])
                row["name"] = _route(row.pop("http_method"), row.pop("http_route")) or row["name"]
            elif fact == "request":
                row["name"] = _route(row.pop("method"), row["name"])
            yield of_row(row)


def columns_of(name: str) -> list[str]:
    """The columns of a table that facts are made of."""
    return list(dict.fromkeys(_COLUMNS[name][1].values()))


_AS_GIVEN = (
    *("service", "name", "kind", "message", "error_type", "tenant", "trace_id", "span_id"),
    *(
        "customer_name",
        "parent_span_id",
        "request_id",
        "remote_service",
        "remote_operation",
        "cost_usd",
        "init_duration_ms",
    ),
)


def _named(same: str, **others: str) -> dict[str, str]:
    return {**dict(zip(same.split(), same.split(), strict=True)), **others}


_COLUMNS = {
    "spans": (
        "span",
        _named(
            "time duration_ms service name kind status error_type tenant trace_id span_id parent_span_id links"
            " request_id remote_service remote_operation http_method http_route",
            began="start_time",
            message="error_message",
        ),
    ),
    "invocations": (
        "invocation",
        _named(
            "time duration_ms status error_type trace_id request_id cost_usd init_duration_ms",
            began="start_time",
            service="function_name",
            name="function_name",
        ),
    ),
    "requests": (
        "request",
        _named(
            "time service status tenant trace_id request_id method",
            began="time",
            duration_ms="latency_ms",
            name="route",
            message="error_message",
        ),
    ),
    "logs": (
        "log",
        _named(
            "time service message error_type tenant trace_id span_id request_id",
            began="time",
            kind="level",
        ),
    ),
}
_STATUSES = {("invocation", "error"): "fault"}


def _route(method: str | None, route: str | None) -> str | None:
    return " ".join(filter(None, (method, route))) if route else None


def _of_http(status: int) -> str:
    if status == 429:
        return "throttle"
    return "fault" if status >= 500 else "error" if status >= 400 else "ok"


def _ms(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000


def _links(written: str | None) -> tuple[Link, ...]:
    """Links of JSON, each once; a row of Athena is an object there or, as older versions write it, a list."""
    found = [
        tuple(link.values()) if isinstance(link, dict) else tuple(link) for link in json.loads(written or "[]") or ()
    ]
    return tuple(dict.fromkeys((trace, span) for trace, span in found if trace and span))

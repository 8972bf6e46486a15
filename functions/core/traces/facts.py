"""What the lake knows of a transaction: rows of spans, invocations, requests and logs in one form.

The question ``what_happened`` gives them so; ``of_table`` makes the same of rows that are not in a lake yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import pyarrow as pa

FAILED = frozenset({"fault", "throttle", "timeout", "out_of_memory"})
"""Statuses of what failed by its own fault. ``error`` is a caller's fault (4xx), which the callee answered rightly."""

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A row: ``fact`` is span, invocation, request or log. ``duration_ms`` is None where it is not over, or of a log.

    ``kind`` is the kind of a span, the level of a log line or the source of a request, ``name`` the operation, route or
    function.
    """

    fact: str
    start_ms: float
    duration_ms: float | None = None
    status: str | None = None
    links: tuple[Link, ...] = ()
    service: str | None = None
    name: str | None = None
    kind: str | None = None
    message: str | None = None
    error_type: str | None = None
    tenant: str | None = None
    customer_name: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
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
    start = _start(fact, _ms(row["time"] or row["began"]), row["began"] and _ms(row["began"]), duration)
    status = None if row["status"] is None else _STATUS[fact](row["status"])
    found = links(row["links"])
    return Fact(fact, start, duration, status, found, **{name: row[name] for name in _AS_GIVEN})


def links(written: str | None) -> tuple[Link, ...]:
    """Links as a question gives them, in JSON."""
    return _links(json.loads(written or "[]"))


def of_table(name: str, rows: pa.Table) -> Iterator[Fact]:
    """Facts from rows of a table of the lake; none from one that says nothing of single requests."""
    if name not in _COLUMNS:
        return iter(())
    fact, columns = _COLUMNS[name]
    taken = {
        column: (rows[source].cast(pa.int64()) if source in _TIMES else rows[source]).to_pylist()
        for column, source in columns.items()
    }
    nothing = [None] * rows.num_rows
    if "route" in taken:
        routes = map(_route, taken["method"], taken["route"])
        taken["name"] = [route or other for route, other in zip(routes, taken.get("name", nothing), strict=True)]
    durations = taken.get("duration_ms", nothing)
    return map(
        Fact,
        repeat(fact),
        map(_start, repeat(fact), taken["time"], taken["began"], durations),
        durations,
        [None if status is None else _STATUS[fact](status) for status in taken.get("status", nothing)],
        [_links(each) if each else () for each in taken.get("links", nothing)],
        *(taken.get(column, nothing) for column in _AS_GIVEN),
    )


def _start(fact: str, time: float, began: float | None, duration: float | None) -> float:
    """When it began, in ms; of an invocation, where that is not known, as long before its REPORT as it took."""
    if began is not None:
        return began
    return time - (duration or 0.0) if fact == "invocation" else time


def columns_of(name: str) -> list[str]:
    """The columns of a table that facts are made of."""
    return list(dict.fromkeys(_COLUMNS[name][1].values()))


_TIMES = frozenset({"time", "start_time"})
_AS_GIVEN = (
    *("service", "name", "kind", "message", "error_type", "tenant", "customer_name", "trace_id", "span_id"),
    *("parent_span_id", "request_id", "remote_service", "remote_operation", "cost_usd", "init_duration_ms"),
)
"""The members of a Fact that a row has as they are, in their order."""


def _named(same: str, **others: str) -> dict[str, str]:
    return {**dict(zip(same.split(), same.split(), strict=True)), **others}


_COLUMNS = {
    "spans": (
        "span",
        _named(
            "time duration_ms service name kind status error_type tenant trace_id span_id parent_span_id links"
            " request_id remote_service remote_operation",
            began="start_time",
            message="error_message",
            method="http_method",
            route="http_route",
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
            "time service status tenant trace_id request_id method route",
            began="time",
            kind="source",
            duration_ms="latency_ms",
            message="error_message",
        ),
    ),
    "logs": (
        "log",
        _named("time service message error_type tenant trace_id span_id request_id", began="time", kind="level"),
    ),
}


def _route(method: str | None, route: str | None) -> str | None:
    return f"{method} {route}" if method and route else route


def _of_http(status: Any) -> str:
    code = int(status)
    return "throttle" if code == 429 else "fault" if code >= 500 else "error" if code >= 400 else "ok"


def _of_lambda(status: Any) -> str:
    return "fault" if status == "error" else str(status)


_STATUS: dict[str, Callable[[Any], str]] = {
    "span": str,
    "invocation": _of_lambda,
    "request": _of_http,
    "log": str,
}


def _ms(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000


def _links(written: Sequence[Any] | None) -> tuple[Link, ...]:
    """Links, each once; one of Athena's is an object in JSON or, as older versions write it, a list."""
    found = [tuple(link.values()) if isinstance(link, dict) else tuple(link) for link in written or ()]
    return tuple(dict.fromkeys((trace, span) for trace, span in found if trace and span))

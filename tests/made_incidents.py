"""A small shop whose calls are made up: the same requests with and without a fault, as rows of the lake.

gateway -> orders -> stock, billing, payments.example.com, DynamoDB orders; orders -> a queue -> mailer, which has a
trace of its own. What a service does takes its usual time, give or take; each fault changes one thing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from functions.core.schema import TABLES
from functions.core.traces.suspects import Rows

START_MS = 1_700_000_000_000
USUAL_MS = {
    "gateway": 5.0,
    "orders": 20.0,
    "stock": 10.0,
    "billing": 8.0,
    "mailer": 30.0,
    "payments.example.com": 80.0,
    "DynamoDB orders": 6.0,
}
WAY_MS = 2.0
CALLEES = {"gateway": ("orders",), "orders": ("stock", "billing", "payments.example.com", "DynamoDB orders")}
WITH_SPANS = frozenset({"gateway", "orders", "stock", "billing"})


@dataclass(frozen=True)
class Fault:
    """What is wrong, by service: milliseconds more of its own work or on the way to it, the share of its calls that
    fail, throttled ones, ones that never answer; whether it returns before it has done its work, or says another
    thing."""

    slow: dict[str, float] = field(default_factory=dict)
    far: dict[str, float] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)
    throttled: dict[str, float] = field(default_factory=dict)
    silent: dict[str, float] = field(default_factory=dict)
    returning_early: frozenset[str] = frozenset()
    line_missing: frozenset[str] = frozenset()


NO_FAULT = Fault()


class Shop:
    """Makes the rows of some requests; equal seeds make equal rows."""

    def __init__(self, fault: Fault, seed: int) -> None:
        self._fault = fault
        self._random = random.Random(seed)
        self._ids = 0
        self.spans: list[dict[str, Any]] = []
        self.logs: list[dict[str, Any]] = []

    def rows(self, requests: int) -> Rows:
        """Rows of ``spans`` and ``logs``."""
        for number in range(requests):
            self._call("gateway", "GET /orders", START_MS + number * 1000.0, f"{number + 1:032x}", None)
        return Rows(
            *(
                pa.Table.from_pylist(rows, TABLES[name].arrow_schema)
                for name, rows in (("spans", self.spans), ("logs", self.logs))
            )
        )

    def _call(self, service: str, operation: str, at: float, trace: str, parent: str | None) -> tuple[bool, float]:
        """A call of a service that has spans; whether it failed and when it ended."""
        fault = self._fault
        span, now = self._id(), at + self._work(service) / 2
        failed, early = self._happens(fault.failing, service), service in fault.returning_early
        self._line(service, trace, span, f"{service} began with order {self._random.randrange(9999)}")
        if not early:
            for callee in CALLEES.get(service, ()):
                below_failed, now = self._leave(service, callee, now, trace, span)
                failed = failed or below_failed
            if service == "orders":
                now = self._queue(now, trace, span)
            if service not in fault.line_missing:
                self._line(service, trace, span, f"{service} has done its work")
        if failed:
            self._line(service, trace, span, f"{service} failed", "ERROR")
        now += self._work(service) / 2
        self._span(trace, span, parent, service, operation, "server", at, now, "fault" if failed else "ok")
        return failed, now

    def _leave(self, service: str, callee: str, at: float, trace: str, parent: str) -> tuple[bool, float]:
        """A client span and what it leads to."""
        span, way = self._id(), self._vary(WAY_MS) + self._fault.far.get(callee, 0.0)
        has_spans, status = callee in WITH_SPANS, "ok"
        if self._happens(self._fault.silent, callee):
            status, end = "fault", at + 3000.0
        elif has_spans:
            failed, end = self._call(callee, f"GET /{callee}", at + way / 2, trace, span)
            status, end = "fault" if failed else "ok", end + way / 2
        else:
            end = at + way + self._work(callee)
            if self._happens(self._fault.failing, callee):
                status = "fault"
            elif self._happens(self._fault.throttled, callee):
                status = "throttle"
        remote, _, resource = callee.partition(" ")
        attributes = f'{{"aws.dynamodb.table_names":["{resource}"]}}' if resource else "{}"
        named = (
            {} if has_spans else {"remote_service": remote, "remote_operation": "Get", "span_attributes": attributes}
        )
        self._span(trace, span, parent, service, f"GET {remote}", "client", at, end, status, **named)
        return status != "ok", end

    def _queue(self, at: float, trace: str, parent: str) -> float:
        """A message that the mailer takes from a queue later, in another trace that has a link to this one."""
        span = self._id()
        self._span(trace, span, parent, "orders", "mails publish", "producer", at, at + 3.0, "ok")
        taken = at + 3.0 + self._vary(40.0) + self._fault.far.get("mailer", 0.0)
        end = taken + self._work("mailer")
        links = [{"trace_id": trace, "span_id": span}]
        self._span(
            "f" + trace[1:], self._id(), None, "mailer", "mails process", "consumer", taken, end, "ok", links=links
        )
        return at + 3.0

    def _work(self, service: str) -> float:
        return self._vary(USUAL_MS[service]) + self._fault.slow.get(service, 0.0)

    def _vary(self, usual: float) -> float:
        return usual * self._random.lognormvariate(0, 0.25)

    def _happens(self, shares: dict[str, float], service: str) -> bool:
        return self._random.random() < shares.get(service, 0.0)

    def _id(self) -> str:
        self._ids += 1
        return f"{self._ids:016x}"

    def _span(
        self,
        trace: str,
        span: str,
        parent: str | None,
        service: str,
        name: str,
        kind: str,
        start: float,
        end: float,
        status: str,
        **more: Any,
    ) -> None:
        row = {"trace_id": trace, "span_id": span, "parent_span_id": parent or "", "service": service, "name": name}
        row |= {"kind": kind, "start_time": int(start), "duration_ms": end - start, "status": status}
        self.spans.append(row | more)

    def _line(self, service: str, trace: str, span: str, message: str, level: str = "INFO") -> None:
        self.logs.append({"service": service, "trace_id": trace, "span_id": span, "message": message, "level": level})


def usual(requests: int = 60, seed: int = 1) -> Rows:
    """Rows of a time without a fault."""
    return Shop(NO_FAULT, seed).rows(requests)


def incident(requests: int = 40, seed: int = 2, **fault: Any) -> Rows:
    """Rows of a time with a fault, whose members are named."""
    return Shop(Fault(**fault), seed).rows(requests)


def in_lake(rows: Rows, at_ms: int = START_MS) -> Rows:
    """The rows with the time and the keys that those of the lake have."""
    return Rows(*(_with_keys(each, at_ms) for each in rows))


def _with_keys(rows: pa.Table, at_ms: int) -> pa.Table:
    keys = {
        "time": [at_ms] * rows.num_rows,
        "event_id": [f"{at_ms}-{n}" for n in range(rows.num_rows)],
        "row_no": [0] * rows.num_rows,
    }
    for name, values in keys.items():
        field = rows.schema.field(name)
        rows = rows.set_column(rows.column_names.index(name), field, pa.array(values, field.type))
    return rows

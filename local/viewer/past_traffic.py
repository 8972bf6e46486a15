"""The logs of the shop over some hours, written at once, so that a stack that has just begun has a past.

The hours have a shape: traffic comes in waves, and where an incident is wanted, a payment provider is slow in the end
and fails for one group of customers. What it writes is what API Gateway, Lambda and an application write.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from local.sample.shop.tenants import TENANTS

GATEWAY, CHECKOUT, CATALOG = "/aws/apigateway/shop", "/aws/lambda/shop-checkout", "/aws/lambda/shop-catalog"
SPANS = "aws/spans"
ORDER = "5759e988bd862e3fe1be46a994272793"
"""The trace of the one order that has spans."""

STREAM = "earlier"
_ROUTES = {
    "GET /products": 34,
    "GET /products/{id}": 30,
    "POST /orders": 22,
    "GET /orders/{id}": 12,
    "PUT /settings": 4,
}
_FEATURES = {"GET /products": "search", "POST /orders": "checkout", "GET /orders/{id}": "order_tracking"}
"""What the shop's functions call what they do, by route."""

_IMPAIRED = ("business", "eu")
_PROVIDER_ERROR = ("PaymentTimeout", "the payment provider did not answer within 2500 ms")
_OTHER_ERRORS = (
    ("KeyError", "'price'"),
    ("ConditionalCheckFailed", "the order was changed meanwhile"),
    ("ValueError", "quantity is not a number"),
)
_INCIDENT_BEGINS = 0.87
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_LOGGED_AT_ONCE = 5_000

Event = tuple[int, str]


def events(until_ms: int, rate: float, *, incident: bool, minutes: int = 180, seed: int = 7) -> dict[str, list[Event]]:
    """Log events by log group, oldest first, over the minutes before `until_ms`; `rate` is requests a minute."""
    chance = random.Random(seed)
    logs: dict[str, list[Event]] = {GATEWAY: [], CHECKOUT: [], CATALOG: []}
    for minute in range(minutes):
        start = until_ms - (minutes - minute) * _MINUTE_MS
        wave = 1 + 0.3 * math.sin(2 + minute / 38) + 0.08 * math.sin(minute / 6.3)
        impaired = incident and minute / minutes > _INCIDENT_BEGINS
        for _ in range(max(1, round(chance.gauss(rate * wave, rate / 14)))):
            for group, event in _request(chance, start + chance.randrange(_MINUTE_MS), impaired):
                logs[group].append(event)
    if incident:
        for group, written in _one_order(until_ms - 4 * _MINUTE_MS).items():
            logs.setdefault(group, []).extend(written)
    return {group: sorted(written) for group, written in logs.items()}


def earlier_days(until_ms: int, days: int, seed: int = 11) -> dict[str, list[Event]]:
    """A little of each of the days before, in one hour of the day: who used the shop, and which of its features."""
    chance = random.Random(seed)
    logs: dict[str, list[Event]] = {GATEWAY: [], CHECKOUT: []}
    for days_ago in range(days, 0, -1):
        start = until_ms - days_ago * _DAY_MS
        for tenant in TENANTS:
            came = chance.random() < (0.95 if tenant.plan == "enterprise" else 0.6)
            for _ in range(chance.randrange(2, 4 + round(tenant.weight)) if came else 0):
                at, number = (
                    start + chance.randrange(10 * _MINUTE_MS),
                    str(UUID(int=chance.getrandbits(128), version=4)),
                )
                route = chance.choices(list(_FEATURES), [30, 12, 6])[0]
                latency = round(chance.lognormvariate(3.5, 0.4))
                logs[GATEWAY].append((at, request_line(tenant.id, route, 200, latency, number)))
                used = {"event_type": "usage", "tenant": tenant.id, "feature": _FEATURES[route], "id": f"u-{number}"}
                logs[CHECKOUT].append((at, json.dumps({**used, "user": f"u-{chance.randint(1, 400)}"})))
    return {group: sorted(written) for group, written in logs.items()}


def write(logs: Any, written: dict[str, list[Event]]) -> None:
    """Put events into log groups that have their stream; `logs` is a client."""
    for group, lines in written.items():
        for start in range(0, len(lines), _LOGGED_AT_ONCE):
            part = [{"timestamp": at, "message": line} for at, line in lines[start : start + _LOGGED_AT_ONCE]]
            logs.put_log_events(logGroupName=group, logStreamName=STREAM, logEvents=part)


def make_stream(logs: Any, group: str) -> None:
    """The stream to write to, and its log group where it is missing."""
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=STREAM)


def request_line(tenant: str, route: str, status: int, latency_ms: int, request_id: str) -> str:
    """One line of an access log of API Gateway, as the shop's stage writes it."""
    method, _, path = route.partition(" ")
    return json.dumps(
        {
            "requestId": request_id,
            "httpMethod": method,
            "routeKey": route,
            "path": path.replace("{id}", "17"),
            "status": str(status),
            "responseLatency": str(latency_ms),
            "responseLength": "812",
            "ip": "192.0.2.1",
            "tenant": tenant,
        }
    )


def _request(chance: random.Random, at: int, impaired: bool) -> Iterator[tuple[str, Event]]:
    tenant = chance.choices(TENANTS, [tenant.weight for tenant in TENANTS])[0]
    route = chance.choices(list(_ROUTES), list(_ROUTES.values()))[0]
    request_id = str(UUID(int=chance.getrandbits(128), version=4))
    ordering = route == "POST /orders"
    latency = chance.lognormvariate(4.4 if ordering else 3.3, 0.45)
    cold = chance.random() < 0.012
    failed = False
    if ordering and impaired and (tenant.plan, tenant.region) == _IMPAIRED:
        failed, latency = chance.random() < 0.8, latency + chance.uniform(1500, 2900)
    elif chance.random() < 0.004:
        failed = True
    status = 502 if failed else 404 if chance.random() < 0.02 else 200
    latency += 420 * cold
    yield GATEWAY, (at, request_line(tenant.id, route, status, round(latency), request_id))
    group = CHECKOUT if "orders" in route else CATALOG
    yield group, (at, _report(request_id, latency, cold, failed and ordering and impaired))
    if failed:
        yield group, (at, _error(chance, tenant.id, request_id, ordering and impaired))


def _one_order(at: int) -> dict[str, list[Event]]:
    """An order of the incident with all its spans: the provider fails twice, and the customer is told over a queue."""
    checkout, notify = str(UUID(int=1, version=4)), str(UUID(int=2, version=4))
    error = {"error.type": _PROVIDER_ERROR[0], "exception.message": _PROVIDER_ERROR[1]}
    charge = {"aws.remote.service": "payments.example.com", "aws.remote.operation": "POST /charges", **error}
    query = {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "Query"}
    put = {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "PutItem"}
    send = {"aws.remote.service": "AWS::SQS", "aws.remote.operation": "SendMessage"}
    order = {"http.route": "/orders", "http.request.method": "POST", "http.response.status_code": 502}
    spans = [
        _span("shop-checkout", 1, 0, "SERVER", at, 5630, {**order, "tenant": "juniper-books", **_of(checkout)}),
        _span("shop-authorize", 2, 1, "SERVER", at + 12, 31, {}),
        _span("shop-checkout", 3, 1, "CLIENT", at + 60, 24, query),
        _span("shop-checkout", 4, 1, "CLIENT", at + 110, 2504, charge),
        _span("shop-checkout", 5, 1, "CLIENT", at + 2870, 2502, charge),
        _span("shop-checkout", 6, 1, "PRODUCER", at + 5390, 21, send),
        _span("shop-notify", 7, 0, "SERVER", at + 6240, 190, _of(notify), linked=6),
        _span("shop-notify", 8, 7, "CLIENT", at + 6300, 40, put, linked=6),
    ]
    said = {"level": "WARN", "message": "the charge failed, once more", "service": "shop-checkout"}
    reports = [_report(checkout, 5639, False, False), _report(notify, 199, False, False)]
    return {
        SPANS: spans,
        CHECKOUT: [
            (at + 2650, json.dumps({**said, "trace_id": ORDER, "span_id": f"{4:016x}"})),
            (at + 5640, reports[0]),
            (at + 6440, reports[1]),
        ],
    }


def _of(request_id: str) -> dict[str, str]:
    return {"faas.invocation_id": request_id}


def _span(
    service: str, number: int, parent: int, kind: str, at: int, ms: int, attributes: dict[str, Any], linked: int = 0
) -> Event:
    """A span of the order; what is ``linked`` to a message is in a trace of its own."""
    record: dict[str, Any] = {
        "traceId": ORDER[::-1] if linked else ORDER,
        "spanId": f"{number:016x}",
        "name": attributes.get("aws.remote.operation", service),
        "kind": kind,
        "startTimeUnixNano": at * 1_000_000,
        "endTimeUnixNano": (at + ms) * 1_000_000,
        "attributes": {"aws.local.service": service, **attributes},
        "resource": {"attributes": {"service.name": service}},
        "status": {"code": "ERROR" if "error.type" in attributes or number == 1 else "UNSET"},
    }
    if parent:
        record["parentSpanId"] = f"{parent:016x}"
    elif linked:
        record["links"] = [{"traceId": ORDER, "spanId": f"{linked:016x}"}]
    return at + ms, json.dumps(record)


def _report(request_id: str, latency: float, cold: bool, timed_out: bool) -> str:
    duration = max(1.0, latency - 9)
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {math.ceil(duration)} ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: {88 + round(latency) % 40} MB\t"
    )
    return line + ("Init Duration: 412.51 ms\t" if cold else "") + ("Status: timeout" if timed_out else "") + "\n"


def _error(chance: random.Random, tenant: str, request_id: str, provider: bool) -> str:
    name, message = _PROVIDER_ERROR if provider else chance.choice(_OTHER_ERRORS)
    error = {"level": "ERROR", "message": message, "exception_name": name, "service": "checkout"}
    return json.dumps({**error, "tenant": tenant, "function_request_id": request_id})

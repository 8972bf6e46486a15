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
STREAM = "earlier"
_ROUTES = {
    "GET /products": 34,
    "GET /products/{id}": 30,
    "POST /orders": 22,
    "GET /orders/{id}": 12,
    "PUT /settings": 4,
}
_IMPAIRED = ("business", "eu")
_PROVIDER_ERROR = ("PaymentTimeout", "the payment provider did not answer within 2500 ms")
_OTHER_ERRORS = (
    ("KeyError", "'price'"),
    ("ConditionalCheckFailed", "the order was changed meanwhile"),
    ("ValueError", "quantity is not a number"),
)
_INCIDENT_BEGINS = 0.87
_MINUTE_MS = 60_000
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

"""Telemetry of every kind that the lake has a table for, as one small set of rows by table."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pyarrow as pa

from functions.core.ledger import ledger_row
from functions.core.normalize import Normalizer, Rules
from functions.core.sampling import Volumes
from functions.core.schema import TABLES, hour_start_ms
from functions.core.traces.hourly import TABLES_READ, Rows, transactions

HOUR = "2026-11-20-10"
START_MS = hour_start_ms(HOUR)
SHARD = "shardId-000000000000"
RULES = Rules(account="999999999999", region="eu-west-1", hash_key=b"of no month")
EVENTS = 15
"""Events in the telemetry of one customer."""


def rows_of(customer: str) -> dict[str, pa.Table]:
    """What the present code makes of one customer's telemetry; two customers' rows have no key in common."""
    normalizer = Normalizer(RULES)
    for number, record in enumerate(_records(customer)):
        normalizer.add(json.dumps(record).encode(), f"{SHARD}:{customer}{number}", START_MS + 1_000_000)
    assert not normalizer.rejected, normalizer.rejected
    found: dict[str, list[pa.Table]] = defaultdict(list)
    for part in normalizer.flush(f"chunk-{customer}"):
        assert part.hour == HOUR
        found[part.table].append(part.rows)
    rows = {name: pa.concat_tables(parts) for name, parts in found.items()} | {"ingest_ledger": _ledger(customer)}
    nothing = {name: TABLES[name].arrow_schema.empty_table() for name in TABLES_READ}
    made = transactions(Rows(START_MS, {name: rows[name] for name in TABLES_READ}, nothing, frozenset()), START_MS)
    return rows | {"transactions": pa.concat_tables(made)}


def _records(customer: str) -> list[dict[str, Any]]:
    return [
        _subscription(customer, "/aws/lambda/shop-checkout", _function_lines(customer)),
        _subscription(customer, "/aws/apigateway/shop", [_access(customer, "200"), _access(customer, "502")]),
        _subscription(customer, "aws/spans", [_span(customer, "SERVER", 1), _span(customer, "CLIENT", 2)]),
        {"event_type": "usage", "id": f"use-{customer}", "time": START_MS, "tenant": customer, "feature": "export"},
        {"event_type": "setting_changed", "id": f"set-{customer}", "time": START_MS, "tenant": customer,
         "setting": "theme", "old": "light", "new": "dark"},
        {"event_type": "webhook", "id": f"hook-{customer}", "time": START_MS, "tenant": customer, "service": "hooks",
         "method": "POST", "route": "/hook", "path": "/hook", "status": 200, "latency_ms": 12.5,
         "request_bytes": 10, "response_bytes": 20},
        {"event_type": "deployment", "id": f"deploy-{customer}", "time": START_MS, "commit": "1f2e3d4c",
         "service": "checkout", "version": "7", "url": "https://ci.example.com/runs/7"},
    ]  # fmt: skip


def _subscription(customer: str, group: str, lines: list[Any]) -> dict[str, Any]:
    events = [
        {
            "id": f"{group}-{customer}-{number}",
            "timestamp": START_MS + 1000 * number,
            "message": line if isinstance(line, str) else json.dumps(line),
        }
        for number, line in enumerate(lines)
    ]
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111111111111",
        "logGroup": group,
        "logStream": f"2026/11/20/[$LATEST]{customer}",
        "subscriptionFilters": ["tracelake-main"],
        "logEvents": events,
    }


def _function_lines(customer: str) -> list[Any]:
    request = f"{len(customer):08x}-0000-4000-8000-{sum(customer.encode()):012x}"
    error = {"level": "ERROR", "message": "payment refused", "service": "checkout", "tenant_id": customer,
             "function_request_id": request, "exception_name": "PaymentError", "user_id": f"user of {customer}",
             "service.version": "1.2.0"}  # fmt: skip
    metric = {"_aws": {"Timestamp": START_MS, "CloudWatchMetrics": [
        {"Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "paid", "Unit": "Count"}]}]},
        "service": "checkout", "paid": 3}  # fmt: skip
    return [
        f"START RequestId: {request} Version: 7\n",
        error,
        metric,
        "[INFO] a line that is no JSON",
        f"END RequestId: {request}\n",
        f"REPORT RequestId: {request}\tDuration: 4000.00 ms\tBilled Duration: 4321 ms\tMemory Size: 1024 MB\t"
        "Max Memory Used: 98 MB\tInit Duration: 321.00 ms\t\n",
        f"START RequestId: {request[:-1]}f Version: 7\n",
    ]


def _access(customer: str, status: str) -> dict[str, Any]:
    return {"requestId": f"{customer}-{status}", "ip": "203.0.113.7", "requestTime": "20/Nov/2026:10:00:03 +0000",
            "httpMethod": "GET", "resourcePath": "/orders/{id}", "path": "/orders/4711", "status": status,
            "responseLength": "1024", "responseLatency": "37", "tenant": customer,
            "user_id": f"user of {customer}", "feature": "orders"}  # fmt: skip


def _span(customer: str, kind: str, number: int) -> dict[str, Any]:
    start = (START_MS + 1000 * number) * 1_000_000
    return {
        "resource": {
            "attributes": {"service.name": "checkout", "service.version": "1.2.0", "faas.name": "shop-checkout"}
        },
        "scope": {"name": "botocore", "version": "1"},
        "traceId": f"{sum(customer.encode()):032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": f"{number - 1:016x}",
        "name": "DynamoDB.GetItem",
        "kind": kind,
        "startTimeUnixNano": start,
        "endTimeUnixNano": start + 20_000_000,
        "attributes": {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "GetItem", "retries": 0},
        "status": {"code": "UNSET"},
    }


def _ledger(customer: str) -> pa.Table:
    place = {"account": RULES.account, "region": RULES.region, "writer": "normalize", "stream": "tracelake-main",
             "shard": SHARD, "first_position": "1", "last_position": "7"}  # fmt: skip
    counts = {"records": 7, "duplicates": 0, "events": EVENTS, "stored": EVENTS - 1, "folded": 1, "rejected": 0,
              "sampled": 0, "raw_bytes": 4000}  # fmt: skip
    volumes = Volumes()
    volumes.raw["/aws/lambda/shop-checkout"] = 3000
    volumes.quiet["/aws/lambda/shop-checkout"] = 1000
    return ledger_row(f"commit-{customer}", START_MS + 1_000_000, place, counts, [], lag_ms=1500.0, volumes=volumes)

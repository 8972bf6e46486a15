"""Feeds a Normalizer as the stream would, and reads what it gives."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

from functions.core.normalize import Normalizer, Rules

NOW_MS = 1_790_000_000_000
ARRIVAL = datetime.fromisoformat("2026-09-21T14:13:20")
RULES = Rules(account="999999999999", region="eu-west-1", hash_key=b"test")
GROUP = "/aws/lambda/checkout"
REQUEST = "8edab1f8-7d34-4a8e-a965-15ccbbb78d4c"
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 1711.87 ms\tBilled Duration: 1800 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 98 MB\t\n"
)


def payload(*messages: Any, group: str = GROUP, first_id: int = 0, time_ms: int = NOW_MS, **members: Any) -> bytes:
    """A subscription payload as JSON; a message that is no text is written as JSON."""
    events = [
        {
            "id": f"e{first_id + number}",
            "timestamp": time_ms + number,
            "message": message if isinstance(message, str) else json.dumps(message),
        }
        for number, message in enumerate(messages)
    ]
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "111111111111",
        "logGroup": group,
        "logStream": "2026/11/20/[$LATEST]abc",
        "subscriptionFilters": ["tracelake"],
        "logEvents": events,
    }
    return json.dumps({**whole, **members}).encode()


def taken(*records: bytes, rules: Rules = RULES, arrival_ms: int | None = NOW_MS) -> Normalizer:
    """A Normalizer that has been given these records, gzipped."""
    normalizer = Normalizer(rules)
    for number, record in enumerate(records):
        normalizer.add(gzip.compress(record), f"shard:{number}", arrival_ms)
    return normalizer


def rows(normalizer: Normalizer, table: str) -> list[dict[str, Any]]:
    """Rows of a table, maps as dictionaries."""
    return [
        row
        for part in normalizer.flush("chunk")
        if part.table == table
        for row in part.rows.to_pylist(maps_as_pydicts="strict")
    ]


def read(table: str, *messages: Any, **how: Any) -> list[dict[str, Any]]:
    """Rows of a table from the messages of one payload, none of which may be rejected."""
    normalizer = taken(payload(*messages, **how))
    assert not normalizer.rejected, normalizer.rejected
    return rows(normalizer, table)


def span(**members: Any) -> dict[str, Any]:
    """A span record of aws/spans."""
    return {
        "resource": {
            "attributes": {"service.name": "checkout", "faas.name": "shop-checkout", "cloud.region": "eu-west-1"}
        },
        "scope": {"name": "botocore", "version": "1"},
        "traceId": "6759b1c50e59b643038a6a070e115043",
        "spanId": "2a22ad6d7aeb6ef2",
        "parentSpanId": "48fec93dfe40959d",
        "name": "DynamoDB.GetItem",
        "kind": "CLIENT",
        "startTimeUnixNano": NOW_MS * 1_000_000 + 500_000,
        "endTimeUnixNano": NOW_MS * 1_000_000 + 1_750_000,
        "attributes": {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "GetItem", "retry_attempts": 0},
        "status": {"code": "UNSET"},
        **members,
    }


def read_span(**members: Any) -> dict[str, Any]:
    """The row of a span record."""
    (row,) = read("spans", span(**members), group="aws/spans")
    return row

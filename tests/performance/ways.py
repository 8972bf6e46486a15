"""Three ways from Kinesis records to Parquet: tracelake's, the limit of the fastest parts, and the usual one."""

from __future__ import annotations

import binascii
import json
from collections import defaultdict
from typing import Any

import deflate
import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.envelopes import KinesisDataStreamEnvelope
from aws_lambda_powertools.utilities.parser.models.cloudwatch import CloudWatchLogsDecode

from functions.core import parquet
from functions.core.normalize import Normalizer, Part, Rules
from functions.core.schema import TABLES
from functions.normalize.batch import CHUNK_BYTES
from tests.performance.telemetry import START_MS

RULES = Rules("123456789012", "eu-west-1", hash_key=b"bench")
ARRIVAL_MS = START_MS + 60_000


def tracelake(records: list[str]) -> tuple[list[Part], list[bytes]]:
    """Everything that normalize does between the event and S3, in its chunks: rows, redaction, aggregates, Parquet."""
    normalizer = Normalizer(RULES)
    parts: list[Part] = []
    files: list[bytes] = []

    def flush() -> None:
        chunk = normalizer.flush(f"chunk.{len(files)}")
        parts.extend(chunk)
        files.extend(parquet.encode(part.table, part.rows) for part in chunk)

    for number, record in enumerate(records):
        normalizer.add(binascii.a2b_base64(record), f"shardId-000000000000:{number}", ARRIVAL_MS)
        if normalizer.pending_bytes >= CHUNK_BYTES:
            flush()
    flush()
    if normalizer.rejected or normalizer.counts.events != normalizer.counts.stored + normalizer.counts.folded:
        raise AssertionError(f"the benchmark's own telemetry is refused: {normalizer.rejected[:1]}")
    return parts, files


class _Known(msgspec.Struct):
    """The few attributes that have a column of their own."""

    tenant: str | None = msgspec.field(name="tenant.id", default=None)
    route: str | None = msgspec.field(name="http.route", default=None)
    status: int | None = msgspec.field(name="http.response.status_code", default=None)
    remote_service: str | None = msgspec.field(name="aws.remote.service", default=None)


class _Span(msgspec.Struct):
    traceId: str  # noqa: N815
    spanId: str  # noqa: N815
    name: str
    kind: str
    startTimeUnixNano: int  # noqa: N815
    endTimeUnixNano: int  # noqa: N815
    attributes: msgspec.Raw
    parentSpanId: str | None = None  # noqa: N815


class _Line(msgspec.Struct):
    """What other JSON lines have in columns; the rest is not even looked at."""

    level: str | None = None
    message: str | None = None
    service: str | None = None
    function_request_id: str | None = None
    xray_trace_id: str | None = None
    tenant_id: str | None = None
    status: str | None = None
    type: str | None = None


_span = msgspec.json.Decoder(_Span).decode
_known = msgspec.json.Decoder(_Known).decode
_line = msgspec.json.Decoder(_Line).decode


def limit(records: list[str], parts: list[Part]) -> None:
    """Only the unavoidable, each with the fastest part known: base64, gunzip, outer JSON, inner JSON, Parquet."""
    for record in records:
        compressed = binascii.a2b_base64(record)
        payload = orjson.loads(deflate.gzip_decompress(compressed))
        if payload["logGroup"] == "aws/spans":
            for event in payload["logEvents"]:
                _known(_span(event["message"]).attributes)
        else:
            for event in payload["logEvents"]:
                if event["message"][0] == "{":
                    _line(event["message"])
    for part in parts:
        parquet.encode(part.table, part.rows)


def usual(records: list[str]) -> list[bytes]:
    """As one writes it: Powertools' parser for the envelope, ``json`` for the messages, a dictionary per row, Arrow's
    ``Table.from_pylist``, Parquet as pyarrow writes it unless told otherwise (snappy, dictionaries, statistics).

    It fills only spans, logs, requests and metrics, each with the basic columns and all fields as JSON. It neither
    redacts, nor bounds times, nor understands platform records, nor aggregates, nor keeps what it cannot read.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for payload in parse(_event(records), model=CloudWatchLogsDecode, envelope=KinesisDataStreamEnvelope):
        for event in payload.logEvents:
            common = {
                "time": event.timestamp,
                "event_id": event.id,
                "account": payload.owner,
                "log_group": payload.logGroup,
                "log_stream": payload.logStream,
            }
            table, found = _usual_rows(event.message)
            rows[table] += [{**common, **row} for row in found]
    files = []
    for table, found in rows.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(found, schema=_USUAL_SCHEMAS[table]), sink)
        files.append(sink.getvalue().to_pybytes())
    return files


def _event(records: list[str]) -> dict[str, Any]:
    """The event of a Lambda function with these Kinesis records."""
    stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/tracelake-main"
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "shop",
                    "sequenceNumber": str(number),
                    "data": data,
                    "approximateArrivalTimestamp": ARRIVAL_MS / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/usual",
                "awsRegion": "eu-west-1",
                "eventSourceARN": stream,
            }
            for number, data in enumerate(records)
        ]
    }


_USUAL_COMMON = "time event_id account"
_USUAL_COLUMNS = {
    "spans": "trace_id span_id parent_span_id name kind service start_time end_time duration_ms status tenant"
    " http_route http_status remote_service span_attributes resource_attributes",
    "logs": "log_group log_stream level message service request_id trace_id tenant line",
    "requests": "method route path status latency_ms tenant line",
    "metrics": "namespace name value labels",
}
_USUAL_SCHEMAS = {
    table: pa.schema([TABLES[table].arrow_schema.field(name) for name in f"{_USUAL_COMMON} {columns}".split()])
    for table, columns in _USUAL_COLUMNS.items()
}


def _usual_rows(message: str) -> tuple[str, list[dict[str, Any]]]:
    """The table and the rows of one message."""
    if not message.startswith("{"):
        return "logs", [{"message": message}]
    line = json.loads(message)
    if "spanId" in line:
        attributes = {**line["resource"]["attributes"], **line["attributes"]}
        start, end = line["startTimeUnixNano"], line["endTimeUnixNano"]
        return "spans", [
            {
                "trace_id": line["traceId"],
                "span_id": line["spanId"],
                "parent_span_id": line.get("parentSpanId"),
                "name": line["name"],
                "kind": line["kind"].lower(),
                "service": attributes.get("aws.local.service"),
                "start_time": start // 1_000_000,
                "end_time": end // 1_000_000,
                "duration_ms": (end - start) / 1_000_000,
                "status": line["status"]["code"],
                "tenant": attributes.get("tenant.id"),
                "http_route": attributes.get("http.route"),
                "http_status": attributes.get("http.response.status_code"),
                "remote_service": attributes.get("aws.remote.service"),
                "span_attributes": json.dumps(line["attributes"]),
                "resource_attributes": json.dumps(line["resource"]["attributes"]),
            }
        ]
    if "_aws" in line:
        return "metrics", [
            {
                "namespace": directive["Namespace"],
                "name": metric["Name"],
                "value": value,
                "labels": {dimension: line[dimension] for dimension in directive["Dimensions"][0]},
            }
            for directive in line["_aws"]["CloudWatchMetrics"]
            for metric in directive["Metrics"]
            for value in line[metric["Name"]]
        ]
    if "httpMethod" in line:
        return "requests", [
            {
                "method": line["httpMethod"],
                "route": line["resourcePath"],
                "path": line["path"],
                "status": int(line["status"]),
                "latency_ms": float(line["responseLatency"]),
                "tenant": line["authorizer"]["tenant_id"],
                "line": message,
            }
        ]
    return "logs", [
        {
            "level": line.get("level"),
            "message": line.get("message"),
            "service": line.get("service"),
            "request_id": line.get("function_request_id"),
            "trace_id": line.get("xray_trace_id"),
            "tenant": line.get("tenant_id"),
            "line": message,
        }
    ]

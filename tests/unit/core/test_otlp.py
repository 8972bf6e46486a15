from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from feeding import ARRIVAL, NOW_MS, payload, read, rows, taken

TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"


def span(**members: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "GET /orders",
        "kind": 2,
        "startTimeUnixNano": str(NOW_MS * 1_000_000),
        "endTimeUnixNano": str(NOW_MS * 1_000_000 + 2_500_000),
        "attributes": [{"key": "http.route", "value": {"stringValue": "/orders"}}],
        "status": {"code": 2, "message": "no such order"},
        **members,
    }


def traces(*spans: Any, service: str = "orders", **resource: Any) -> dict[str, Any]:
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    scope = {"name": "express", "version": "4"}
    return {
        "resourceSpans": [
            {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": scope, "spans": list(spans)}], **resource}
        ]
    }


def logs(*records: Any, service: str = "orders") -> dict[str, Any]:
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    return {
        "resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": list(records)}]}],
    }


def test_a_span_of_a_document_fills_its_columns_and_keeps_its_own_time() -> None:
    (row,) = read("spans", traces(span()), time_ms=NOW_MS + 60_000)
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, PARENT)
    assert (row["name"], row["kind"], row["service"]) == ("GET /orders", "server", "orders")
    assert (row["status"], row["error_message"], row["http_route"]) == ("fault", "no such order", "/orders")
    assert (row["source"], row["time"], row["duration_ms"]) == ("otlp", ARRIVAL, 2.5)
    assert json.loads(row["resource_attributes"])["otel.scope.name"] == "express"


def test_each_span_of_a_document_is_a_row_of_the_same_event() -> None:
    found = read("spans", traces(*(span(spanId=f"{number:016x}") for number in (1, 2, 3))))
    assert [(row["event_id"], row["row_no"], row["span_id"]) for row in found] == [
        ("e0", number - 1, f"{number:016x}") for number in (1, 2, 3)
    ]


def test_a_document_comes_on_the_stream_too() -> None:
    (row,) = rows(taken(json.dumps(traces(span())).encode()), "spans")
    assert (row["event_id"], row["span_id"]) == ("shard:0:0", SPAN)


def test_ids_may_be_in_base64() -> None:
    ids = {
        name: base64.b64encode(bytes.fromhex(written)).decode()
        for name, written in (("traceId", TRACE), ("spanId", SPAN), ("parentSpanId", PARENT))
    }
    link = {"traceId": ids["traceId"], "spanId": ids["parentSpanId"]}
    (row,) = read("spans", traces(span(**ids, links=[link])))
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, PARENT)
    assert row["links"] == [{"trace_id": TRACE, "span_id": PARENT}]


@pytest.mark.parametrize(("kind", "word"), [(3, "client"), ("SPAN_KIND_PRODUCER", "producer"), ("5", "consumer")])
def test_kinds_are_words_or_numbers(kind: object, word: str) -> None:
    assert read("spans", traces(span(kind=kind)))[0]["kind"] == word


def test_scopes_may_have_their_former_name() -> None:
    former = {"instrumentationLibrary": {"name": "express"}, "spans": [span()]}
    (row,) = read("spans", traces(scopeSpans=None, instrumentationLibrarySpans=[former]))
    assert json.loads(row["resource_attributes"])["otel.scope.name"] == "express"


@pytest.mark.parametrize(
    "broken",
    [
        {**span(), "spanId": "abc"},
        {**span(), "traceId": ""},
        {**span(), "startTimeUnixNano": "soon"},
        {**span(), "startTimeUnixNano": None},
        "no span",
        ["no", "span"],
    ],
)
def test_what_is_no_span_is_kept_as_a_log_line_beside_the_others(broken: object) -> None:
    normalizer = taken(payload(traces(span(), broken)))
    found = {part.table: part.rows.to_pylist() for part in normalizer.flush("chunk")}
    assert normalizer.rejected == []
    assert [row["row_no"] for row in found["spans"]] == [0]
    (log,) = found["logs"]
    assert (log["event_id"], log["row_no"], log["level"]) == ("e0", 1, "WARN")
    assert json.loads(log["line"])


def test_a_document_without_a_whole_span_is_rejected() -> None:
    normalizer = taken(payload(traces(span(spanId="abc"), span(traceId="abc"))))
    (rejected,) = normalizer.rejected
    assert "span id" in rejected.reason
    assert normalizer.flush("chunk") == []


def test_a_document_that_is_not_built_as_otlp_is_rejected_with_the_place() -> None:
    (rejected,) = taken(payload({"resourceSpans": [{"scopeSpans": {}}]})).rejected
    assert "$.resourceSpans[0].scopeSpans" in rejected.reason


def test_a_document_without_spans_is_a_log_line() -> None:
    (row,) = read("logs", {"resourceSpans": []})
    assert row["line"] == '{"resourceSpans": []}'


def test_a_document_with_one_span_of_this_product_is_refused_as_a_whole() -> None:
    own = [{"key": "aws.local.service", "value": {"stringValue": "tracelake-main-normalize"}}]
    normalizer = taken(payload(traces(span(), span(attributes=own))))
    assert normalizer.counts.loops == 1
    assert normalizer.flush("chunk") == []


def test_the_tenant_of_a_span_is_found_in_its_attributes() -> None:
    tenant = [{"key": "tenant_id", "value": {"stringValue": "acme"}}]
    assert read("spans", traces(span(attributes=tenant)))[0]["tenant"] == "acme"


@pytest.mark.parametrize("table", ["spans", "logs"])
def test_a_secret_in_an_attribute_is_hidden_in_a_whole_span_and_in_a_flawed_one(table: str) -> None:
    secret = [{"key": "db.password", "value": {"stringValue": "hunter2hunter2"}}]
    events = [{"name": "login", "attributes": secret}]
    whole, flawed = span(attributes=secret, events=events), span(spanId="abc", attributes=secret)
    (row,) = read(table, traces(whole, flawed))
    assert "db.password" in str(row)
    assert "hunter2" not in str(row)


def test_a_span_that_the_sdk_prints_is_read() -> None:
    printed = {
        "name": "process",
        "context": {"trace_id": f"0x{TRACE}", "span_id": f"0x{SPAN}", "trace_state": "[]"},
        "kind": "SpanKind.CONSUMER",
        "parent_id": f"0x{PARENT}",
        "start_time": "2026-09-21T14:13:20.000250Z",
        "end_time": "2026-09-21T14:13:20.001500Z",
        "status": {"status_code": "ERROR", "description": "too late"},
        "attributes": {"tenant_id": "acme"},
        "events": [],
        "links": [{"context": {"trace_id": f"0x{TRACE}", "span_id": f"0x{PARENT}"}}],
        "resource": {"attributes": {"service.name": "worker"}, "schema_url": ""},
    }
    (row,) = read("spans", printed)
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, PARENT)
    assert (row["kind"], row["service"], row["tenant"], row["duration_ms"]) == ("consumer", "worker", "acme", 1.25)
    assert (row["status"], row["error_message"], row["source"]) == ("fault", "too late", "otel_sdk")
    assert row["links"] == [{"trace_id": TRACE, "span_id": PARENT}]


def test_a_log_record_is_a_log_line() -> None:
    record = {
        "timeUnixNano": str(NOW_MS * 1_000_000),
        "severityNumber": 17,
        "body": {"stringValue": "order 17 failed"},
        "traceId": TRACE,
        "spanId": SPAN,
        "attributes": [
            {"key": "exception.type", "value": {"stringValue": "OrderError"}},
            {"key": "tenant_id", "value": {"stringValue": "acme"}},
        ],
    }
    (row, other) = read("logs", logs(record, {"body": {"stringValue": "second"}, "severityText": "warning"}))
    assert (row["level"], row["message"], row["service"]) == ("ERROR", "order 17 failed", "orders")
    assert (row["trace_id"], row["span_id"], row["tenant"]) == (TRACE, SPAN, "acme")
    assert row["error_type"] == "OrderError"
    assert row["fingerprint"]
    assert (other["row_no"], other["level"], other["message"]) == (1, "WARN", "second")


def test_log_records_of_this_product_are_refused() -> None:
    normalizer = taken(payload(logs({"body": {"stringValue": "x"}}, service="tracelake-main-notify")))
    assert normalizer.counts.loops == 1

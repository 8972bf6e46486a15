from __future__ import annotations

import json

import pytest
from feeding import ARRIVAL, NOW_MS, payload, read, read_span, rows, span, taken


def test_a_span_fills_its_columns() -> None:
    row = read_span()
    assert (row["trace_id"], row["span_id"]) == ("6759b1c50e59b643038a6a070e115043", "2a22ad6d7aeb6ef2")
    assert (row["parent_span_id"], row["kind"], row["status"]) == ("48fec93dfe40959d", "client", "ok")
    assert (row["service"], row["resource_type"], row["resource"]) == (
        "checkout",
        "AWS::Lambda::Function",
        "shop-checkout",
    )
    assert (row["remote_service"], row["remote_operation"]) == ("AWS::DynamoDB", "GetItem")
    assert row["duration_ms"] == 1.25
    assert row["time"] == row["start_time"] == ARRIVAL
    assert json.loads(row["span_attributes"]) == {
        "aws.remote.service": "AWS::DynamoDB",
        "aws.remote.operation": "GetItem",
        "retry_attempts": 0,
    }
    assert json.loads(row["resource_attributes"]) == {
        "service.name": "checkout",
        "faas.name": "shop-checkout",
        "cloud.region": "eu-west-1",
        "otel.scope.name": "botocore",
        "otel.scope.version": "1",
    }


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("SERVER", "server"),
        (2, "server"),
        ("2", "server"),
        ("SPAN_KIND_PRODUCER", "producer"),
        (1, "internal"),
        ([], None),
    ],
)
def test_kinds_are_words_or_numbers(kind: object, word: str | None) -> None:
    assert read_span(kind=kind)["kind"] == word


def test_times_are_numbers_or_strings() -> None:
    row = read_span(startTimeUnixNano=str(NOW_MS * 10**6), endTimeUnixNano=str(NOW_MS * 10**6 + 1500))
    assert row["duration_ms"] == 0.0015


def test_attributes_come_as_a_list_of_key_value_pairs_too() -> None:
    row = read_span(
        attributes=[
            {"key": "http.route", "value": {"stringValue": "/orders"}},
            {"key": "http.response.status_code", "value": {"intValue": "404"}},
            {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
        ],
        resource={"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]},
    )
    assert (row["service"], row["http_route"], row["http_status"]) == ("orders", "/orders", 404)
    assert json.loads(row["span_attributes"])["tags"] == ["a", True]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"status": {"code": "ERROR"}}, "fault"),
        ({"status": {"code": 2}}, "fault"),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "fault"),
        ({"status": {"code": "ERROR"}, "attributes": {"http.status_code": 404}}, "error"),
        ({"attributes": {"http.response.status_code": "503"}}, "fault"),
        ({"attributes": {"http.response.status_code": 429}}, "throttle"),
        ({"attributes": {"error.type": "ThrottlingException"}}, "throttle"),
        ({"status": None}, "ok"),
        ({"status": "odd"}, "ok"),
        ({"endTimeUnixNano": None}, "in_progress"),
    ],
)
def test_statuses_tell_whose_fault_it_was(members: dict[str, object], status: str) -> None:
    assert read_span(**members)["status"] == status


def test_old_and_new_http_names_mean_the_same_and_the_new_one_wins() -> None:
    old = read_span(attributes={"http.method": "GET", "http.status_code": 200})
    both = read_span(attributes={"http.method": "OLD", "http.request.method": "GET", "http.response.status_code": 200})
    assert (old["http_method"], old["http_status"]) == (both["http_method"], both["http_status"]) == ("GET", 200)
    assert json.loads(both["span_attributes"])["http.method"] == "OLD"


def test_an_exception_event_gives_type_and_message() -> None:
    event = {"name": "exception", "attributes": {"exception.type": "ValueError", "exception.message": "no order"}}
    row = read_span(events=[{"name": "retry"}, event])
    assert (row["error_type"], row["error_message"]) == ("ValueError", "no order")
    assert json.loads(row["span_attributes"])["events"][0] == {"name": "retry"}


def test_links_are_kept() -> None:
    row = read_span(links=[{"traceId": "1-5e61292c-cc1229a4dfbeae1043928548", "spanId": "07a85e713f6302b2"}, "odd"])
    assert row["links"] == [{"trace_id": "5e61292ccc1229a4dfbeae1043928548", "span_id": "07a85e713f6302b2"}]


@pytest.mark.parametrize("parent", [None, "", "0000000000000000", 7, "x"])
def test_a_root_has_an_empty_parent(parent: object) -> None:
    assert read_span(parentSpanId=parent)["parent_span_id"] == ""


def test_the_tenant_of_the_span_wins_over_that_of_its_resource() -> None:
    resource = {"attributes": {"service.name": "s", "tenant": "of resource"}}
    assert read_span(resource=resource)["tenant"] == "of resource"
    assert read_span(resource=resource, attributes={"tenant.id": "own"})["tenant"] == "own"


@pytest.mark.parametrize("members", [{"traceId": "x"}, {"spanId": None}, {"startTimeUnixNano": "soon"}])
def test_a_span_without_its_ids_or_start_is_rejected_alone(members: dict[str, object]) -> None:
    normalizer = taken(payload(span(), span(**members), span(), group="aws/spans"))
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (2, 1)
    assert normalizer.rejected[0].reason == "ValueError: span without trace id, span id or start time"


def test_spans_of_different_resources_and_shapes_keep_their_own_attributes() -> None:
    found = read(
        "spans",
        span(attributes={"a": 1}),
        span(attributes={"b": "x", "c": None}, resource={"attributes": {"r": "1"}}, scope=None),
        span(attributes={}, resource=None, scope=None),
        group="aws/spans",
    )
    assert [json.loads(row["span_attributes"]) for row in found] == [{"a": 1}, {"b": "x", "c": None}, {}]
    assert [json.loads(row["resource_attributes"]).get("r") for row in found] == [None, "1", None]
    assert found[2]["resource_attributes"] == "{}"


def test_a_line_in_aws_spans_that_is_no_span_is_a_logs_row() -> None:
    assert len(read("logs", "hello", group="aws/spans")) == 1


def test_a_span_in_another_log_group_is_a_span() -> None:
    assert len(rows(taken(payload(span())), "spans")) == 1

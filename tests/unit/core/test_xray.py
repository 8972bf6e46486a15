from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from feeding import ARRIVAL, NOW_MS, payload, read, rows, taken

from functions.core.publish import one_row_per_key
from functions.core.schema import TABLES

XRAY_ID, TRACE = "1-6ab13a00-a006649127e371903a2de979", "6ab13a00a006649127e371903a2de979"
ID, CHILD = "70de5b6f19ff9a0a", "53995c3f42cd8ad8"
START = NOW_MS / 1000


def segment(**members: Any) -> dict[str, Any]:
    return {
        "trace_id": XRAY_ID,
        "id": ID,
        "name": "orders",
        "start_time": START,
        "end_time": START + 0.25,
        **members,
    }


def subsegment(**members: Any) -> dict[str, Any]:
    return {"id": CHILD, "name": "DynamoDB", "start_time": START + 0.1, "end_time": START + 0.2, **members}


def one(document: Any) -> dict[str, Any]:
    (row,) = read("spans", document)
    return row


def test_a_segment_is_a_server_span_of_its_service() -> None:
    row = one(
        segment(
            origin="AWS::Lambda::Function",
            http={"request": {"method": "GET", "url": "https://x/orders"}, "response": {"status": 200}},
            annotations={"tenant_id": "acme"},
            metadata={"default": {"cart": 3}},
            aws={"request_id": "8edab1f8-7d34-4a8e-a965-15ccbbb78d4c"},
        )
    )
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, ID, "")
    assert (row["name"], row["service"], row["kind"], row["status"]) == ("orders", "orders", "server", "ok")
    assert (row["resource_type"], row["resource"]) == ("AWS::Lambda::Function", "orders")
    assert (row["time"], row["duration_ms"], row["source"]) == (ARRIVAL, 250, "xray")
    assert (row["http_method"], row["http_status"], row["tenant"]) == ("GET", 200, "acme")
    assert row["request_id"] == "8edab1f8-7d34-4a8e-a965-15ccbbb78d4c"
    assert json.loads(row["span_attributes"])["aws.xray.metadata"] == {"default": {"cart": 3}}


def test_subsegments_that_stand_in_a_segment_have_its_trace_and_service() -> None:
    nested = subsegment(
        subsegments=[subsegment(id="00000000000000aa", name="attempt")],
        namespace="aws",
        aws={"operation": "GetItem", "table_name": "orders"},
    )
    found = {row["span_id"]: row for row in read("spans", segment(subsegments=[nested]))}
    child, grandchild = found[CHILD], found["00000000000000aa"]
    assert (child["trace_id"], child["parent_span_id"], child["service"]) == (TRACE, ID, "orders")
    assert (child["kind"], child["remote_service"], child["remote_operation"]) == ("client", "DynamoDB", "GetItem")
    assert (grandchild["parent_span_id"], grandchild["kind"]) == (CHILD, "internal")


def test_a_subsegment_that_comes_alone_may_name_a_parent_that_never_comes() -> None:
    row = one(
        subsegment(
            type="subsegment",
            trace_id=XRAY_ID,
            parent_id="defdfd9912dc5a56",
            name="api.example.com",
            namespace="remote",
            http={"response": {"status": 503}},
        )
    )
    assert (row["parent_span_id"], row["kind"], row["remote_service"]) == (
        "defdfd9912dc5a56",
        "client",
        "api.example.com",
    )
    assert (row["status"], row["service"]) == ("fault", "checkout")


def test_a_subsegment_is_the_same_row_whether_it_stands_in_the_segment_or_alone() -> None:
    (nested,) = [row for row in read("spans", segment(subsegments=[subsegment()])) if row["span_id"] == CHILD]
    alone = one(subsegment(type="subsegment", trace_id=XRAY_ID, parent_id=ID))
    assert (nested["event_id"], nested["row_no"]) == (alone["event_id"], alone["row_no"]) == (f"{TRACE}:{CHILD}", 0)


@pytest.mark.parametrize("first_is_finished", [False, True])
def test_a_finished_segment_replaces_itself_as_it_was_in_progress(first_is_finished: bool) -> None:
    begun = segment(in_progress=True, subsegments=[subsegment(in_progress=True)])
    del begun["end_time"], begun["subsegments"][0]["end_time"]
    whole = segment(subsegments=[subsegment(id="00000000000000aa"), subsegment()])
    documents = [whole, begun] if first_is_finished else [begun, whole]
    # in batches of their own, so what joins them is `compact`
    parts = [part for document in documents for part in taken(payload(document)).flush("chunk")]
    (first, second) = (part.rows for part in parts if part.table == "spans")
    assert {row["status"] for row in (second if first_is_finished else first).to_pylist()} == {"in_progress"}
    kept = one_row_per_key(TABLES["spans"], pa.concat_tables([first, second])).to_pylist()
    assert sorted(row["span_id"] for row in kept) == sorted([ID, CHILD, "00000000000000aa"])
    assert {row["status"] for row in kept} == {"ok"}


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"fault": True}, "fault"),
        ({"error": True}, "error"),
        ({"error": True, "throttle": True}, "throttle"),
        ({"error": False, "fault": False}, "ok"),
        ({"cause": {}}, "ok"),
        ({"fault": True, "http": {"response": {"status": 404}}}, "fault"),
        ({"http": {"response": {"status": 404}}}, "error"),
        ({"in_progress": True}, "in_progress"),
    ],
)
def test_the_status_is_what_the_flags_say(flags: dict[str, Any], status: str) -> None:
    row = one(segment(**flags))
    assert row["status"] == status
    assert row["error_type"] is None


def test_a_cause_is_an_object_or_the_id_of_an_exception_elsewhere_in_the_document() -> None:
    exception = {"id": "3e9e11e3ab3fba60", "type": "OrderError", "message": "no such order", "stack": []}
    where = subsegment(fault=True, cause={"working_directory": "/var/task", "exceptions": [exception]})
    found = read("spans", segment(fault=True, cause="3e9e11e3ab3fba60", subsegments=[where]))
    assert len(found) == 2
    for row in found:
        assert (row["error_type"], row["error_message"]) == ("OrderError", "no such order")


def test_a_cause_that_is_in_another_document_is_kept_as_it_is() -> None:
    row = one(segment(fault=True, cause="3e9e11e3ab3fba60"))
    assert row["error_type"] is None
    assert json.loads(row["span_attributes"])["aws.xray.cause"] == "3e9e11e3ab3fba60"


def test_links_lead_to_other_traces() -> None:
    row = one(segment(links=[{"trace_id": "1-654c0558-630340be09e985eb352a72e6", "id": CHILD}, "no link"]))
    assert row["links"] == [{"trace_id": "654c0558630340be09e985eb352a72e6", "span_id": CHILD}]


def test_an_sql_call_names_its_database_and_host_apart() -> None:
    row = one(
        subsegment(
            type="subsegment",
            trace_id=XRAY_ID,
            parent_id=ID,
            name="shop@db.example.com",
            namespace="remote",
            sql={"database_type": "PostgreSQL", "sanitized_query": "SELECT ?"},
        )
    )
    assert (row["name"], row["remote_service"]) == ("shop", "db.example.com")
    assert json.loads(row["span_attributes"])["db.system.name"] == "PostgreSQL"


@pytest.mark.parametrize("end", [START + 0.25, str(START + 0.25), int(START * 1000) + 250, "2026-09-21T14:13:20.250Z"])
def test_times_are_seconds_as_number_or_text_or_what_else_writes_a_time(end: object) -> None:
    assert one(segment(end_time=end))["duration_ms"] == 250


def test_the_daemons_header_line_is_passed_over() -> None:
    row = one('{"format": "json", "version": 1}\n' + json.dumps(segment()))
    assert row["span_id"] == ID


@pytest.mark.parametrize("times", [1, 2, 20_000])
def test_header_lines_alone_are_a_log_line(times: int) -> None:
    (row,) = read("logs", '{"format": "json", "version": 1}\n' * times)
    assert row["line"] == '{"format": "json", "version": 1}\n'


def test_a_segment_without_a_valid_trace_id_is_kept_in_a_trace_of_its_own() -> None:
    without = segment(subsegments=[subsegment()])
    del without["trace_id"]
    first, nested = (row["trace_id"] for row in read("spans", without))
    written = "1-12de5a99-5d09hh705e56aad0152548cb"
    invalid = one(segment(trace_id=written))
    assert first == nested != invalid["trace_id"]
    assert [len(trace) for trace in (first, invalid["trace_id"])] == [32, 32]
    assert json.loads(invalid["span_attributes"])["aws.xray.trace_id"] == written


@pytest.mark.parametrize("bad_id", ["abc", "70de5b6f19ff9a0a00", "70de5b6f19ff9azz", "0" * 16])
def test_a_segment_whose_id_has_the_wrong_form_is_rejected(bad_id: str) -> None:
    (rejected,) = taken(payload(segment(id=bad_id))).rejected
    assert "span id" in rejected.reason


def test_a_bad_subsegment_is_kept_as_a_log_line_and_its_children_as_spans() -> None:
    bad = subsegment(id="abc", subsegments=[subsegment()])
    normalizer = taken(payload(segment(subsegments=[bad])))
    found = {part.table: part.rows.to_pylist() for part in normalizer.flush("chunk")}
    assert normalizer.rejected == []
    assert [row["span_id"] for row in found["spans"]] == [ID, CHILD]
    assert [(row["event_id"], row["row_no"]) for row in found["logs"]] == [("e0", 1)]


@pytest.mark.parametrize("as_text", [True, False])
def test_whole_traces_as_the_api_gives_them_are_read(as_text: bool) -> None:
    documents = [segment(), segment(id=CHILD, parent_id=ID)]
    segments = [{"Id": one["id"], "Document": json.dumps(one) if as_text else one} for one in documents]
    answer = {"Traces": [{"Id": XRAY_ID, "Duration": 0.25, "Segments": segments}], "UnprocessedTraceIds": []}
    assert [row["span_id"] for row in read("spans", answer)] == [ID, CHILD]


def test_documents_as_they_are_put_to_the_api_are_read() -> None:
    assert one({"TraceSegmentDocuments": [json.dumps(segment())]})["span_id"] == ID


def test_a_document_of_a_trace_that_is_no_json_is_kept_as_a_log_line() -> None:
    answer = {"Traces": [{"Id": XRAY_ID, "Segments": [{"Document": "{cut off"}, {"Document": json.dumps(segment())}]}]}
    normalizer = taken(payload(answer))
    found = {part.table: part.rows.to_pylist() for part in normalizer.flush("chunk")}
    assert len(found["spans"]) == len(found["logs"]) == 1
    assert "{cut off" in found["logs"][0]["line"]


def test_a_segment_of_this_product_is_refused() -> None:
    normalizer = taken(payload(segment(name="tracelake-main-compact")))
    assert normalizer.counts.loops == 1


def test_the_users_of_a_segment_are_hashed() -> None:
    row = one(segment(user="jane", http={"request": {"client_ip": "203.0.113.7"}}))
    assert "jane" not in row["span_attributes"]
    assert "203.0.113.7" not in row["span_attributes"]


@pytest.mark.parametrize(
    "line",
    [
        {"id": "order-17", "name": "import", "start_time": START, "end_time": START + 1},
        {"start_time": START, "message": "begun"},
        {"Traces": "none"},
        {"Segments": []},
    ],
)
def test_other_json_with_such_members_stays_a_log_line(line: dict[str, Any]) -> None:
    assert rows(taken(payload(line)), "logs")

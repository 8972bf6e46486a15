"""Every file of the corpus of other people's telemetry passes through ``tracelake rows`` and yields its known facts.

The corpus is not part of this repository; where ../shared/corpus is absent, these tests are skipped.
"""

from __future__ import annotations

import gzip
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli import rows

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
KINDS_READ = (
    "cwl-payload",
    "cwl-subscription",
    "lambda-report-text",
    "lambda-platform-json",
    "emf",
    "aws-spans",
    "structured-log",
    "lambda-log-stream",
    "cwl-api-filterlogevents",
    "firehose-cwlogs",
    "container-insights",
    "container-stats",
    "lambda-insights",
    "cw-metric-stream",
)

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here (looked for ../shared/corpus)")

MANIFEST = json.loads((CORPUS / "MANIFEST.json").read_text())["files"] if CORPUS.is_dir() else []
READ = [entry for entry in MANIFEST if entry["kind"] in KINDS_READ]


class Output:
    """What the command printed about one file."""

    def __init__(self, file: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.status = rows.run([str(CORPUS / file)], None, out, err)
        self.totals: dict[str, Any] = json.loads(err.getvalue().splitlines()[-1])
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.rejected: list[dict[str, str]] = []
        for line in map(json.loads, out.getvalue().splitlines()):
            if "rejected" in line:
                self.rejected.append(line["rejected"])
            else:
                self.rows[line["table"]].append(line["row"])


def named(entries: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=[entry["file"] for entry in entries])


@named(MANIFEST)
def test_a_file_passes_without_a_crash_and_without_loss(entry: dict[str, Any]) -> None:
    output = Output(entry["file"])
    totals = output.totals
    assert output.status == 0
    assert totals["events"] == totals["stored"] + totals["folded"] + totals["rejected"]
    assert totals["rejected"] == len(output.rejected)
    assert totals["rows"] == {table: len(found) for table, found in output.rows.items()}
    if (CORPUS / entry["file"]).read_bytes().strip() and entry["facts"].get("payloads") is None:
        assert totals["events"] > 0


@named([entry for entry in READ if entry["facts"].get("payloads")])
def test_every_event_of_a_payload_is_found(entry: dict[str, Any]) -> None:
    payloads = [payload for payload in entry["facts"]["payloads"] if payload.get("message_type") == "DATA_MESSAGE"]
    # for a file of many payloads the manifest describes the first ones and says how many events there are in all
    expected = entry["facts"].get("log_events_total", sum(payload["events"] for payload in payloads))
    # a Firehose stream has other JSON objects in it, which the manifest does not count: each is an event too
    expected += len(entry["facts"]["payloads"]) - len(payloads) if entry["kind"] == "firehose-cwlogs" else 0
    assert Output(entry["file"]).totals["events"] == expected


def reports(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """REPORTs of a manifest entry, by the names of our columns."""
    facts = entry["facts"]
    names = {
        "duration_ms": "duration_ms",
        "billed_ms": "billed_duration_ms",
        "memory_mb": "memory_size_mb",
        "max_memory_mb": "max_memory_used_mb",
        "init_ms": "init_duration_ms",
        "durationMs": "duration_ms",
        "billedDurationMs": "billed_duration_ms",
        "memorySizeMB": "memory_size_mb",
        "maxMemoryUsedMB": "max_memory_used_mb",
        "initDurationMs": "init_duration_ms",
    }
    found = [
        *facts.get("reports", []),
        *(report for payload in facts.get("payloads", []) for report in payload.get("reports", [])),
    ]
    found += [
        {**record, **record["metrics"]}
        for record in facts.get("records", [])
        if record.get("type") == "platform.report"
    ]
    return [
        {"request_id": report["request_id"]} | {names[name]: value for name, value in report.items() if name in names}
        for report in found
    ]


@named([entry for entry in READ if reports(entry)])
def test_every_report_is_an_invocation_with_its_values(entry: dict[str, Any]) -> None:
    found = {row["request_id"]: row for row in Output(entry["file"]).rows["invocations"] if row["status"]}
    for report in reports(entry):
        row = found[report["request_id"]]
        assert {name: row[name] for name in report} == pytest.approx(report)


@named([entry for entry in READ if entry["facts"].get("directives")])
def test_every_metric_has_its_values_units_and_dimensions(entry: dict[str, Any]) -> None:
    found = Output(entry["file"]).rows["metrics"]
    for directive in entry["facts"]["directives"]:
        for name, metric in directive["metrics"].items():
            values = metric["value"] if isinstance(metric["value"], list) else [metric["value"]]
            of_metric = [row for row in found if (row["namespace"], row["name"]) == (directive["namespace"], name)]
            assert [row["value"] for row in of_metric] == [float(value) for value in values]
            assert all(row["unit"] == metric["unit"] for row in of_metric)
            assert all(row["labels"] == directive["dimension_values"] for row in of_metric)


@named([entry for entry in READ if entry["kind"] == "aws-spans"])
def test_a_span_has_its_ids_and_parent(entry: dict[str, Any]) -> None:
    facts = entry["facts"]
    (row,) = Output(entry["file"]).rows["spans"]
    assert (row["span_id"], row["trace_id"], row["parent_span_id"]) == (
        facts["span_id"],
        facts["trace_id"],
        facts["parent"],
    )
    assert (row["name"], row["service"], row["kind"]) == (facts["name"], facts["service"], facts["kind"].lower())
    assert row["duration_ms"] == pytest.approx(facts["duration_ns"] / 1_000_000)


def of_kinds(*kinds: str) -> list[dict[str, Any]]:
    """Entries of some kinds; YAML is read as text lines, for Lambda and CloudWatch write none."""
    return [entry for entry in MANIFEST if entry["kind"] in kinds and not entry["file"].endswith(".yaml")]


KINDS = {
    **dict(enumerate(("internal", "server", "client", "producer", "consumer"), 1)),
    **{f"SpanKind.{kind.upper()}": kind for kind in ("internal", "server", "client", "producer", "consumer")},
}


def as_id(written: str | None) -> str:
    """An id of the manifest as the lake has it."""
    return (written or "").removeprefix("0x").lower()


def as_trace_id(written: str) -> str:
    """A valid trace id of the manifest as the lake has it."""
    return as_id(written).removeprefix("1-").replace("-", "")


@named(of_kinds("otlp-spans", "otel-sdk-spans"))
def test_a_document_of_opentelemetry_gives_each_of_its_spans(entry: dict[str, Any]) -> None:
    facts, found = entry["facts"], Output(entry["file"]).rows["spans"]
    assert len(found) == facts["spans"]
    assert {row["trace_id"] for row in found} == set(map(as_trace_id, facts["trace_ids"]))
    by_id = {row["span_id"]: row for row in found}
    for span in facts["span_list"]:
        row = by_id[as_id(span["id"])]
        assert (row["name"], row["parent_span_id"]) == (span["name"], as_id(span["parent"]))
        assert row["service"] == span.get("service", row["service"])
        assert row["kind"] == {**KINDS, None: None}[span["kind"]]
    if entry["kind"] == "otlp-spans":
        assert {row["service"] for row in found} == set(facts["services"])
        assert sum(row["parent_span_id"] == "" for row in found) == facts["roots"]
        assert sum(len(row["links"] or ()) for row in found) == facts["links"]
        assert sum(len(json.loads(row["span_attributes"]).get("events", ())) for row in found) == facts["events"]
        assert sum(row["status"] == "fault" for row in found) == facts["error_status"]


@named(of_kinds("xray-segment", "xray-api", "xray-trace"))
def test_a_trace_of_xray_gives_each_of_its_segments_and_subsegments(entry: dict[str, Any]) -> None:
    facts = entry["facts"]
    traces = facts.get("traces", [facts] if "span_list" in facts else [])
    output = Output(entry["file"])
    found = output.rows["spans"]
    assert output.rejected == []
    assert len(found) == sum(trace["spans"] for trace in traces)
    by_id = {row["span_id"]: row for row in found}
    for trace in traces:
        rows_of_trace = [by_id[span["id"]] for span in trace["span_list"]]
        for span, row in zip(trace["span_list"], rows_of_trace, strict=True):
            # an SQL call is named database@host, and what looks like an e-mail address is not kept
            assert (row["name"], row["parent_span_id"]) == (span["name"].partition("@")[0], span["parent"] or "")
            assert seconds(row["start_time"]) == pytest.approx(span["start"], abs=0.001)
            assert row["http_status"] == span.get("http_status")
            assert (row["kind"] == "client") == (span.get("namespace") in {"aws", "remote"})
            if span["end"] is not None:
                assert row["duration_ms"] == pytest.approx((span["end"] - span["start"]) * 1000, abs=0.002)
        of_trace = {as_trace_id(written) for written in trace["trace_ids"] if "hh" not in written}
        assert of_trace <= {row["trace_id"] for row in rows_of_trace}
        assert len({row["trace_id"] for row in rows_of_trace}) == 1
        statuses = [row["status"] for row in rows_of_trace]
        for status, name in (("fault", "fault"), ("throttle", "throttle"), ("in_progress", "in_progress")):
            assert statuses.count(status) == trace[f"{name}_spans"]
        assert sum(len(row["links"] or ()) for row in rows_of_trace) == trace["links"]


def seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


@named(of_kinds("otlp-logs"))
def test_a_document_of_log_records_gives_log_lines(entry: dict[str, Any]) -> None:
    (row,) = Output(entry["file"]).rows["logs"]
    assert (row["message"], row["level"], row["service"]) == ("Example log record", "INFO", "my.service")
    assert (row["trace_id"], row["span_id"]) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert row["time"] == "2018-12-13T14:51:00.300Z"
    assert json.loads(row["line"])["map.attribute"] == {"some.map.key": "some value"}


@named([entry for entry in of_kinds("sfn-recorded") if entry["facts"]["history_events"]])
def test_an_execution_gives_a_span_for_itself_and_for_each_state_entered(entry: dict[str, Any], tmp_path: Path) -> None:
    recorded = json.loads((CORPUS / entry["file"]).read_text())
    for name, kinds, time in (
        ("get_execution_history", "history_types", "timestamp"),
        ("logged_execution_events", "logged_types", "event_timestamp"),
    ):
        events = recorded.get(name, {})
        events = events["events"] if isinstance(events, dict) and events else events
        for event in events:  # the recording has placeholders for times
            event[time] = 1_790_000_000 + int(event["id"])
        is_history = name == "get_execution_history"
        (tmp_path / name).write_text(
            json.dumps({"events": events}) if is_history else "\n".join(map(json.dumps, events))
        )
        if events:
            output = Output(str(tmp_path / name))
            types = entry["facts"][kinds]
            entered = sum(count for kind, count in types.items() if kind.endswith("StateEntered"))
            last = {row["event_id"]: row for row in output.rows["spans"]}
            assert len(last) == types["ExecutionStarted"] + entered
            (root,) = [row for row in last.values() if row["kind"] == "server"]
            assert (root["status"] == "fault") == ("ExecutionFailed" in types)
            assert {row["trace_id"] for row in last.values()} == {root["trace_id"]}
            assert {row["parent_span_id"] for row in last.values()} <= {row["span_id"] for row in last.values()} | {""}
            assert "in_progress" not in {row["status"] for row in last.values()}


@named([entry for entry in READ if entry["kind"] == "structured-log"])
def test_every_structured_line_has_its_columns(entry: dict[str, Any]) -> None:
    found = Output(entry["file"]).rows["logs"]
    expected = entry["facts"]["records"]
    assert len(found) == len(expected) == entry["facts"]["log_records"]
    for row, record in zip(found, expected, strict=True):
        assert row["level"] == record["level"]
        assert row["request_id"] == record.get("function_request_id", row["request_id"])
        if "message" in record:
            assert row["message"] == record["message"]
        if record["service"] != "service_undefined":
            assert row["service"] == record["service"]
        if "exception_name" in record:
            assert row["error_type"] == record["exception_name"]
            assert row["fingerprint"]


@named([entry for entry in READ if entry["kind"] == "lambda-log-stream"])
def test_a_console_log_keeps_its_documents_whole(entry: dict[str, Any]) -> None:
    output = Output(entry["file"])
    found = [row for rows_of_table in output.rows.values() for row in rows_of_table]
    assert output.totals["rejected"] == 0
    assert sum(row.get("message") == "START" for row in found) == entry["facts"]["starts"]
    assert sum(str(row.get("message")).startswith("END ") for row in found) == entry["facts"]["ends"]


@named([entry for entry in READ if entry["kind"] == "lambda-log-stream" and "throw-error" in entry["file"]])
def test_an_error_that_is_thrown_again_and_again_is_one_group(entry: dict[str, Any]) -> None:
    errors = [row for row in Output(entry["file"]).rows["logs"] if row["level"] == "ERROR"]
    assert len(errors) == entry["facts"]["starts"]
    assert {row["error_type"] for row in errors} == {"Error"}
    assert len({row["fingerprint"] for row in errors}) == 1


def waited_ms(*written: str) -> float | None:
    """Their sum in ms; None where the load balancer wrote that there was no answer."""
    return None if "-1" in written else pytest.approx(sum(map(float, written)) * 1000)


@named([entry for entry in MANIFEST if entry["kind"] == "access-log"])
def test_every_request_of_an_access_log_has_its_facts(entry: dict[str, Any]) -> None:
    output, facts = Output(entry["file"]), entry["facts"]
    found = output.rows["requests"]
    assert len(found) == facts["entries_total"]
    assert len(output.rows["logs"]) == facts.get("unrecognised_lines", 0)
    for row, expected in zip(found, facts["entries"], strict=False):  # the manifest has the first ones
        line = json.loads(row["line"])
        assert expected["time"] in (line["time"], line.get("date"))
        assert row["service"] in (expected.get("elb", ""), *expected.get("elb", "").split("/"), expected.get("bucket"))
        assert row["client_ip_hash"]
        assert expected.get("client", "no client").split(":")[0] not in str(row)
        status = expected.get("elb_status") or expected.get("status")
        assert row["status"] == (int(status) if status else None)
        assert row["method"] == (expected.get("method") or {"-": None}.get(expected.get("request", "-"), "GET"))
        assert row["user_agent"] == expected.get("user_agent", row["user_agent"])
        for column, name in (("request_bytes", "received_bytes"), ("response_bytes", "sent_bytes")):
            assert row[column] == int(expected.get(name, row[column] or 0)) or row[column] is None
        if "request_s" in expected:
            assert row["latency_ms"] == waited_ms(*(expected[name] for name in ("request_s", "target_s", "response_s")))
        if "total_ms" in expected:
            assert row["latency_ms"] == float(expected["total_ms"])
        if "url" in expected:
            assert row["path"] == "/" + expected["url"].partition("://")[2].partition("/")[2].partition("?")[0]


@named([entry for entry in MANIFEST if entry["kind"] == "vpc-flow"])
def test_every_flow_has_its_fields(entry: dict[str, Any]) -> None:
    facts = entry["facts"]
    output = Output(entry["file"])
    found = output.rows["logs"]
    assert (len(found), output.totals["folded"]) == (facts["records"], int(facts["header"]))
    for row, expected in zip(found, facts["parsed"], strict=True):
        if "version" not in expected:  # fields of one's own without the header line that names them
            assert len(row["message"].split()) == expected["fields"]
            continue
        line = json.loads(row["line"])
        hidden = {"srcaddr", "dstaddr"}
        assert {name: line[name] for name in expected.keys() - hidden - {"outcome"}} == {
            name: value for name, value in expected.items() if name not in hidden | {"outcome"}
        }
        assert row["message"] == expected["outcome"]
        assert all(expected[name] == "-" or expected[name] not in str(row) for name in hidden)


@named([entry for entry in MANIFEST if entry["kind"] in ("cloudtrail", "log-file")])
def test_every_record_of_a_log_file_is_a_log_row(entry: dict[str, Any]) -> None:
    content = (CORPUS / entry["file"]).read_bytes()
    text = (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()
    output = Output(entry["file"])
    if text.startswith("{"):
        whole = json.loads(text)
        names = [record.get("eventName") for record in whole.get("Records", [whole])]
        assert sorted(str(row["message"]) for row in output.rows["logs"]) == sorted(map(str, names))
    else:
        assert len(output.rows["logs"]) == entry["facts"]["lines"]


@named([entry for entry in READ if entry["kind"] in {"container-insights", "lambda-insights"}])
def test_every_number_of_a_performance_event_is_a_metric_of_its_time(entry: dict[str, Any]) -> None:
    facts, found = entry["facts"], Output(entry["file"]).rows["metrics"]
    event = json.loads((CORPUS / entry["file"]).read_text())
    expected = {name: float(event[name]) for name in facts["numeric_fields"] if name != "Timestamp"}
    assert {row["name"]: row["value"] for row in found} == pytest.approx(expected)
    if facts["cluster"]:
        assert all(row["labels"]["ClusterName"] == facts["cluster"] for row in found)
        assert all(row["labels"]["Type"] == facts["type"] for row in found)
        time = datetime.fromtimestamp(int(facts["timestamp"]) / 1000, UTC).isoformat(timespec="milliseconds")
        assert {row["time"] for row in found} == {time.replace("+00:00", "Z")}


@named([entry for entry in READ if entry["kind"] == "cw-metric-stream"])
def test_a_metric_stream_gives_its_metrics_and_keeps_what_is_none(entry: dict[str, Any]) -> None:
    output = Output(entry["file"])
    assert {row["name"] for row in output.rows["metrics"]} == set(entry["facts"]["metric_names"])
    assert all(row["labels"]["statistic"] for row in output.rows["metrics"])
    kept = [*output.rows["logs"], *output.rejected]
    assert bool(kept) == bool(entry["facts"]["bad_lines"])


@named([entry for entry in READ if entry["kind"] == "container-stats"])
def test_raw_statistics_of_containers_are_kept_to_the_last_value(entry: dict[str, Any]) -> None:
    (row,) = Output(entry["file"]).rows["logs"]
    assert json.loads(row["line"]) == json.loads((CORPUS / entry["file"]).read_text())


@named([entry for entry in READ if entry["kind"] == "lambda-platform-json"])
def test_every_platform_record_is_found_in_its_order(entry: dict[str, Any]) -> None:
    facts = entry["facts"]["records"]
    output = Output(entry["file"])
    assert output.totals["events"] == len(facts)
    assert output.totals["rejected"] == 0
    folded = sum(record["type"] == "platform.end" for record in facts)
    assert output.totals["folded"] >= folded
    of_invocations = {"platform.start", "platform.report", "platform.end"}
    logged = [json.loads(row["line"])["type"] for row in output.rows["logs"]]
    assert logged == [record["type"] for record in facts if record["type"] not in of_invocations]

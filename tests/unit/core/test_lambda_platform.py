from __future__ import annotations

import pytest
from feeding import ARRIVAL, GROUP, NOW_MS, REPORT, REQUEST, payload, read, rows, taken

START = f"START RequestId: {REQUEST} Version: 7\n"
END = f"END RequestId: {REQUEST}\n"
TRACE = "\nXRAY TraceId: 1-5d83c0ad-b8eb33a0b1de97d804fac890\tSegmentId: 31255c3b19bd3637\tSampled: true\t\n"


def platform(kind: str, **record: object) -> dict[str, object]:
    return {"time": "2024-10-04T00:36:35.800Z", "type": f"platform.{kind}", "record": {"requestId": REQUEST, **record}}


def json_report(status: str = "success", **record: object) -> dict[str, object]:
    metrics = {
        "durationMs": 0.81,
        "billedDurationMs": 100,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 90,
        "initDurationMs": 1234,
    }
    return platform("report", metrics=metrics, status=status, **record)


def test_a_report_line_gives_one_invocation_with_all_its_values() -> None:
    (row,) = read("invocations", REPORT.rstrip("\n") + "Init Duration: 120.96 ms\t" + TRACE)
    assert row["request_id"] == REQUEST
    assert row["function_name"] == "checkout"
    assert (row["duration_ms"], row["billed_duration_ms"], row["init_duration_ms"]) == (1711.87, 1800.0, 120.96)
    assert (row["memory_size_mb"], row["max_memory_used_mb"], row["cold_start"]) == (128, 98, True)
    assert row["trace_id"] == "5d83c0adb8eb33a0b1de97d804fac890"
    assert row["status"] == "success"
    assert row["cost_usd"] == pytest.approx(1.8 * 128 / 1024 * 0.0000166667 + 0.0000002)


def test_start_and_end_are_folded_into_the_report_of_their_payload() -> None:
    normalizer = taken(payload(START, "hello", END, REPORT))
    assert (normalizer.counts.stored, normalizer.counts.folded) == (2, 2)
    (row,) = rows(normalizer, "invocations")
    assert row["function_version"] == "7"
    assert row["start_time"] == ARRIVAL


def test_a_start_without_its_report_is_an_unfinished_row_and_an_end_is_folded_always() -> None:
    normalizer = taken(payload(START, time_ms=NOW_MS), payload(END, REPORT, first_id=1))
    assert (normalizer.counts.stored, normalizer.counts.folded) == (2, 1)
    started, finished = rows(normalizer, "invocations")
    assert (started["event_id"], started["status"], started["duration_ms"]) == ("e0", None, None)
    assert (finished["event_id"], finished["status"]) == ("e2", "success")


def test_two_attempts_of_one_request_give_two_invocations() -> None:
    normalizer = taken(payload(START, END, REPORT, START, END, REPORT))
    assert (normalizer.counts.stored, normalizer.counts.folded) == (2, 4)
    assert [row["event_id"] for row in rows(normalizer, "invocations")] == ["e2", "e5"]


@pytest.mark.parametrize(
    ("end_of_report", "before", "status", "error_type"),
    [
        ("Status: timeout", [], "timeout", None),
        ("Status: error\tError Type: Runtime.ExitError", [], "error", "Runtime.ExitError"),
        ("Status: error\tError Type: Runtime.OutOfMemory", [], "out_of_memory", "Runtime.OutOfMemory"),
        ("", [f"2024-01-01T00:00:00.000Z {REQUEST} Task timed out after 3.00 seconds\n\n"], "timeout", None),
        ("", [f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed"], "error", "Runtime.ExitError"),
        ("", ["[ERROR] ValueError: no such order\nTraceback (most recent call last):\n"], "error", "ValueError"),
        ("", [f"2024-01-01T00:00:00.000Z\t{REQUEST}\tERROR\tInvoke Error \t{{}}"], "error", None),
        ("", [f"[ERROR]\t2024-01-01T00:00:00.000Z\t{REQUEST}\tcaught and logged"], "success", None),
    ],
)
def test_how_an_invocation_ended(end_of_report: str, before: list[str], status: str, error_type: str | None) -> None:
    (row,) = read("invocations", START, *before, REPORT.rstrip("\n") + end_of_report)
    assert (row["status"], row["error_type"]) == (status, error_type)


def test_a_killed_function_that_used_all_memory_ran_out_of_it() -> None:
    report = REPORT.replace("Used: 98", "Used: 128").rstrip("\n") + "Status: error\tError Type: Runtime.ExitError"
    (row,) = read("invocations", report)
    assert row["status"] == "out_of_memory"


def test_json_records_give_the_same_as_text() -> None:
    tracing = {
        "type": "X-Amzn-Trace-Id",
        "value": "Root=1-6352a70e-1e2c502e358361800241fd45;Parent=35465b3a9e2f7c6a;Sampled=1",
    }
    normalizer = taken(
        payload(platform("start", version="7", tracing=tracing), platform("end"), json_report("timeout"))
    )
    assert (normalizer.counts.stored, normalizer.counts.folded) == (1, 2)
    (row,) = rows(normalizer, "invocations")
    assert (row["duration_ms"], row["billed_duration_ms"], row["init_duration_ms"]) == (0.81, 100.0, 1234.0)
    assert (row["status"], row["cold_start"], row["function_version"]) == ("timeout", True, "7")
    assert row["trace_id"] == "6352a70e1e2c502e358361800241fd45"


@pytest.mark.parametrize(
    "message",
    [
        "INIT_START Runtime Version: python:3.13.v5\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:a",
        "RESTORE_REPORT Restore Duration: 90.10 ms",
        "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE]",
        "REPORT without a request id",
        platform("runtimeDone", status="success"),
        platform("initReport", metrics={"durationMs": 1}),
        {"time": "2024-10-04T00:36:35.800Z", "type": "extension", "record": "hello"},
        {"time": "2024-10-04T00:36:35.800Z", "type": "platform.report", "record": {"metrics": "odd"}},
        {"time": "2024-10-04T00:36:35.800Z", "type": "platform.report", "record": None},
    ],
)
def test_other_platform_lines_are_logs(message: object) -> None:
    normalizer = taken(payload(message))
    assert normalizer.counts.stored == 1
    assert len(rows(normalizer, "logs")) == 1


def test_a_restored_environment_is_a_cold_start() -> None:
    (row,) = read("invocations", REPORT.rstrip("\n") + "Restore Duration: 90.10 ms\tBilled Restore Duration: 33 ms\t")
    assert (row["restore_duration_ms"], row["init_duration_ms"], row["cold_start"]) == (90.1, None, True)


def test_a_function_with_a_log_group_of_its_own_choice_is_named_by_its_stream() -> None:
    stream = "2024/10/21/OtherFn[$LATEST]16c175a5f89246aaad5c878aebaeeac7"
    (row,) = rows(taken(payload(REPORT, group="/shop/logs", logStream=stream)), "invocations")
    assert row["function_name"] == "OtherFn"


def test_a_line_between_start_and_report_belongs_to_that_request() -> None:
    before, during, after = read("logs", "before", START, "during", REPORT, "after", group=GROUP)
    assert [row["request_id"] for row in (before, during, after)] == [None, REQUEST, None]

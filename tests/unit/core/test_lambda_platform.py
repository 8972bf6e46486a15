from __future__ import annotations

import json

import pytest
from feeding import ARRIVAL, GROUP, NOW_MS, REPORT, REQUEST, payload, read, rows, taken

START = f"START RequestId: {REQUEST} Version: 7\n"
END = f"END RequestId: {REQUEST}\n"
TRACE = "\nXRAY TraceId: 1-5d83c0ad-b8eb33a0b1de97d804fac890\tSegmentId: 31255c3b19bd3637\tSampled: true\t\n"


EXIT = "Runtime.ExitError"
EXITED = f"RequestId: {REQUEST} Error: Runtime exited with error: "


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
        ("", [EXITED + "exit status 1\nRuntime.ExitError"], "error", "Runtime.ExitError"),
        ("", [EXITED + "signal: killed\nRuntime.ExitError"], "out_of_memory", "Runtime.ExitError"),
        (
            "Status: error\tError Type: Runtime.ExitError",
            [EXITED + "signal: killed"],
            "out_of_memory",
            "Runtime.ExitError",
        ),
        (
            "",
            ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"],
            "out_of_memory",
            EXIT,
        ),
        ("", [f"RequestId: {REQUEST} Process exited before completing request"], "error", "Runtime.ExitError"),
        ("", [platform("fault") | {"record": f"RequestId: {REQUEST} Error: Runtime exited"}], "error", EXIT),
        ("", [platform("runtimeDone", status="failure", errorType="Runtime.ExitError")], "error", EXIT),
        ("", [platform("runtimeDone", status="timeout")], "timeout", None),
        ("", ["[ERROR] MemoryError\nTraceback (most recent call last):\n"], "out_of_memory", "MemoryError"),
        ("", ["[ERROR] ValueError: no such order\nTraceback (most recent call last):\n"], "error", "ValueError"),
        ("", [f"2024-01-01T00:00:00.000Z\t{REQUEST}\tERROR\tInvoke Error \t{{}}"], "error", None),
        ("", [f"[ERROR]\t2024-01-01T00:00:00.000Z\t{REQUEST}\tcaught and logged"], "success", None),
    ],
)
def test_how_an_invocation_ended(end_of_report: str, before: list[object], status: str, error_type: str | None) -> None:
    (row,) = read("invocations", START, *before, REPORT.rstrip("\n") + end_of_report)
    assert (row["status"], row["error_type"]) == (status, error_type)


@pytest.mark.parametrize(
    ("used", "end_of_report", "status"),
    [
        (128, "Status: error\tError Type: Runtime.ExitError", "out_of_memory"),
        (128, "Status: timeout", "out_of_memory"),
        (129, "Status: error", "out_of_memory"),
        (127, "Status: timeout", "timeout"),
        (128, "", "success"),
    ],
)
def test_a_function_that_failed_and_used_all_memory_ran_out_of_it(used: int, end_of_report: str, status: str) -> None:
    (row,) = read("invocations", REPORT.replace("Used: 98", f"Used: {used}").rstrip("\n") + end_of_report)
    assert row["status"] == status


def test_a_handled_error_of_a_function_that_uses_all_its_memory_is_just_an_error() -> None:
    report = REPORT.replace("Used: 98", "Used: 128")
    (row,) = read("invocations", START, "[ERROR] ValueError: x\nTraceback (most recent call last):\n", report)
    assert row["status"] == "error"


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


INIT = REPORT.rstrip("\n") + "Init Duration: {} ms\t"
INIT_START = "INIT_START Runtime Version: python:3.13.v5\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:a"


@pytest.mark.parametrize(
    ("before", "report", "cold"),
    [
        ([], REPORT, False),
        ([], INIT.format("120.96"), True),
        ([], INIT.format("0"), True),
        ([INIT_START, START], INIT.format("0"), True),
        (["INIT_REPORT Init Duration: 10008.18 ms\tPhase: init\tStatus: timeout", START], REPORT, False),
        (["INIT_REPORT Init Duration: 812.18 ms\tPhase: invoke\tStatus: success", START], REPORT, True),
        (["RESTORE_START Runtime Version: java:21.v1", "RESTORE_REPORT Restore Duration: 90 ms", START], REPORT, True),
        ([platform("restoreStart", requestId=None), START], REPORT, True),
        ([platform("restoreReport", requestId=None, status="success"), START], REPORT, True),
        ([platform("restoreRuntimeDone", requestId=None, status="success"), START], REPORT, True),
        ([platform("initStart", requestId=None, initializationType="on-demand", phase="init")], INIT.format(1), True),
        ([platform("initStart", requestId=None, initializationType="provisioned-concurrency")], INIT.format(1), False),
        ([platform("initReport", requestId=None, phase="invoke", metrics={"durationMs": 1})], REPORT, True),
    ],
)
def test_a_request_that_waited_for_its_environment_is_a_cold_start(
    before: list[object], report: str, cold: bool
) -> None:
    (row,) = read("invocations", *before, report)
    assert row["cold_start"] is cold


def test_only_the_first_request_of_an_environment_waits_for_it() -> None:
    first, second = read("invocations", "RESTORE_REPORT Restore Duration: 90 ms", START, REPORT, START, REPORT)
    assert (first["cold_start"], second["cold_start"]) == (True, False)


def test_an_init_that_was_done_long_before_its_first_request_is_no_cold_start() -> None:
    whole = json.loads(payload(INIT_START, START, INIT.format("200")))
    ahead = json.loads(json.dumps(whole))
    for event in ahead["logEvents"][1:]:
        event["timestamp"] += 10_300
    (row,) = rows(taken(json.dumps(whole).encode()), "invocations")
    (proactive,) = rows(taken(json.dumps(ahead).encode()), "invocations")
    assert (row["cold_start"], proactive["cold_start"]) == (True, False)
    assert proactive["init_duration_ms"] == 200.0


@pytest.mark.parametrize(
    ("record", "level"),
    [
        (platform("initStart", initializationType="on-demand"), "INFO"),
        (platform("initRuntimeDone", status="error"), "INFO"),
        (platform("initReport", status="error", errorType="Runtime.ImportModuleError"), "ERROR"),
        (platform("initReport", status="success"), "INFO"),
        (platform("restoreStart"), "INFO"),
        (platform("restoreReport", status="failure", errorType="RestoreError"), "ERROR"),
        (platform("restoreRuntimeDone", status="success"), "INFO"),
        (platform("runtimeDone", status="error", errorType="Runtime.ExitError"), "INFO"),
        (platform("extension", name="agent", state="Ready", events=["INVOKE"]), "INFO"),
        (platform("extension", name="agent", state="Failed", errorType="Extension.Crash"), "ERROR"),
        (platform("telemetrySubscription", name="agent", state="Subscribed"), "INFO"),
        (platform("logsSubscription", name="agent", state="Subscribed"), "INFO"),
        (platform("logsDropped", reason="BufferFull", droppedRecords=1, droppedBytes=1024), "WARN"),
        (platform("somethingNew", odd=[1]), "INFO"),
    ],
)
def test_a_platform_record_is_an_error_only_where_no_invocation_tells_of_it(
    record: dict[str, object], level: str
) -> None:
    (row,) = read("logs", record)
    assert (row["level"], row["message"]) == (level, record["type"])
    assert bool(row["fingerprint"]) is (level == "ERROR")
    assert json.loads(row["line"]) == record


def test_a_line_of_a_function_with_a_log_group_of_its_own_choice_names_it_as_its_service() -> None:
    stream = "2024/10/21/OtherFn[7]16c175a5f89246aaad5c878aebaeeac7"
    (row,) = rows(taken(payload("hello", group="/shop/logs", logStream=stream)), "logs")
    assert row["service"] == "OtherFn"


@pytest.mark.parametrize("stream", ["a/b[c]", "2024/10/21/[$LATEST]abc", "ecs/app/0123", "2024/10/21/" + "x" * 9999])
def test_other_log_streams_name_no_function(stream: str) -> None:
    (row,) = rows(taken(payload("hello", group="/shop/logs", logStream=stream)), "logs")
    assert row["service"] is None

"""Lines as they were seen in the field, of log and metric formats: each is read or refused alone, nothing is lost."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from feeding import ARRIVAL, NOW_MS, REPORT, payload, read, rows, taken

EMF = {"_aws": {"CloudWatchMetrics": [{"Namespace": "a", "Dimensions": [["d"]], "Metrics": [{"Name": "x"}]}]}}


def test_empty_and_missing_values_of_dimensions_are_labels() -> None:
    found = read("metrics", {**EMF, "x": 1, "d": ""}, {**EMF, "x": 1, "d": None}, {**EMF, "x": 1})
    assert [row["labels"] for row in found] == [{"d": ""}, {"d": None}, {}]


@pytest.mark.parametrize("written", ["9223372036854775808", "-1" + "0" * 400, "1e400"])
def test_numbers_beyond_64_bit_are_kept_in_the_line(written: str) -> None:
    (row,) = read("logs", f'{{"message": "m", "n": {written}, "level": 30}}')
    assert (row["message"], row["level"]) == ("m", "INFO")
    assert '"n"' in row["line"]


def test_a_line_with_a_number_of_thousands_of_digits_is_kept_as_text() -> None:
    line = f'{{"message": "m", "level": 30, "n": {"1" * 5000}}}'
    (row,) = read("logs", line)
    assert (row["message"], row["line"]) == (line, None)


def test_a_metric_beyond_64_bit_is_its_nearest_number() -> None:
    (row,) = read("metrics", json.dumps({**EMF, "x": 2**70}))
    assert row["value"] == float(2**70)


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_a_line_with_what_is_no_number_is_read(written: str) -> None:
    (row,) = read("logs", f'{{"message": "m", "n": {written}}}')
    assert (row["message"], json.loads(row["line"])) == ("m", {"message": "m", "n": None})


def test_of_duplicate_keys_the_last_counts_and_the_line_has_both() -> None:
    (row,) = read("logs", '{"level": "INFO", "message": "a", "message": "b", "level": "ERROR"}')
    assert (row["message"], row["level"]) == ("b", "ERROR")
    assert row["line"].count("message") == 2


@pytest.mark.parametrize(
    ("written", "time"),
    [
        (NOW_MS // 1000, ARRIVAL),
        (NOW_MS / 1000, ARRIVAL),
        (NOW_MS, ARRIVAL),
        (str(NOW_MS), ARRIVAL),
        (NOW_MS * 1000, ARRIVAL),
        (NOW_MS * 1_000_000, ARRIVAL),
    ],
    ids=["s", "fractions of s", "ms", "ms as text", "us", "ns"],
)
def test_times_of_metrics_are_read_in_every_unit(written: object, time: datetime) -> None:
    (row,) = read("metrics", {"_aws": {**EMF["_aws"], "Timestamp": written}, "x": 1})
    assert (row["time"], row["event_time"]) == (time, None)


@pytest.mark.parametrize("written", [1, 86_400, NOW_MS + 10 * 86_400_000, 4_102_444_800_000])
def test_times_in_1970_and_in_the_future_are_replaced_by_the_arrival_and_kept(written: int) -> None:
    (row,) = read("metrics", {"_aws": {**EMF["_aws"], "Timestamp": written}, "x": 1})
    assert row["time"] == ARRIVAL
    assert row["event_time"] is not None


def test_a_negative_duration_is_kept_as_it_was_written() -> None:
    record = {"requestId": "12345678", "metrics": {"durationMs": -1.5, "billedDurationMs": -2, "memorySizeMB": 128}}
    (row,) = read("invocations", {"type": "platform.report", "record": record})
    assert (row["duration_ms"], row["billed_duration_ms"]) == (-1.5, -2.0)


def test_a_negative_duration_costs_nothing_less_than_its_request() -> None:
    record = {"requestId": "12345678", "metrics": {"durationMs": -1.5, "billedDurationMs": -2, "memorySizeMB": 128}}
    (row,) = read("invocations", {"type": "platform.report", "record": record})
    assert row["cost_usd"] is None or row["cost_usd"] > 0


@pytest.mark.parametrize("line", ['{"level": "INFO", "message": "a\\ud800b"}', "[INFO] a\ud800b"])
def test_lone_surrogates_are_written_as_escapes(line: str) -> None:
    (row,) = read("logs", line)
    assert row["level"] == "INFO"
    assert "\\ud" in row["message"]


@pytest.mark.parametrize("line", ['{"level": "INFO", "message": "a\\u0000b"}', '{"level": "INFO", "message": "a\0b"}'])
def test_nul_in_json_is_kept(line: str) -> None:
    (row,) = read("logs", line)
    assert (row["level"], row["message"]) == ("INFO", "a\0b")


def test_nul_in_text_is_kept() -> None:
    (row,) = read("logs", "[INFO] a\0b")
    assert (row["level"], row["message"]) == ("INFO", "[INFO] a\0b")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"a":' * 10_000,
        '{"level": "INFO", "a":' + "[" * 10_000,
        "{'a':" * 10_000,
    ],
    ids=["lists", "objects", "objects cut off", "lists cut off", "python"],
)
def test_json_nested_ten_thousand_deep_is_kept_and_stops_nobody(line: str) -> None:
    deep, after = read("logs", line, "[INFO] after")
    kept = json.loads(deep["line"])["_truncated"] if deep["line"] else deep["message"]
    assert line.endswith(kept)
    assert after["level"] == "INFO"


def test_a_line_of_256_kb_that_was_cut_has_the_columns_that_stand_before_the_cut() -> None:
    whole = json.dumps(
        {"level": "ERROR", "tenant_id": "acme", "message": "too large", "body": {"items": ["x" * 400_000]}}
    )
    (row,) = read("logs", whole[: 256 * 1024])
    assert (row["level"], row["tenant"], row["message"]) == ("ERROR", "acme", "too large")
    assert len(json.loads(row["line"])["_truncated"]) > 250_000


def test_the_second_half_of_a_line_that_was_split_is_a_row_without_a_level() -> None:
    whole = json.dumps({"level": "ERROR", "message": "m", "body": "x" * 400_000})
    first, second = read("logs", whole[: 256 * 1024], whole[256 * 1024 :])
    assert (first["level"], second["level"], second["message"]) == ("ERROR", None, whole[256 * 1024 :])


def test_a_report_without_its_start_and_a_start_without_its_report_are_rows() -> None:
    (report,) = rows(taken(payload(REPORT)), "invocations")
    (start,) = rows(taken(payload("START RequestId: 8edab1f8-7d34-4a8e-a965-15ccbbb78d4c")), "invocations")
    assert (report["status"], report["start_time"], report["function_version"]) == ("success", None, None)
    assert (start["status"], start["start_time"]) == (None, ARRIVAL)

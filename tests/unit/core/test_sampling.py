"""Which log lines are left out, and that nothing else ever is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from feeding import GROUP, NOW_MS, REPORT, REQUEST, RULES, payload, rows, taken
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.normalize import Normalizer
from functions.core.sampling import MOST_GROUPS, QUIET_LEVELS, Period, Plan, Volumes, is_kept, thinned
from functions.core.schema import TABLES

ROOT = Path(__file__).resolve().parents[3]
KEY = "5a" * 16
ALWAYS = Plan(KEY, (Period(GROUP, 0, 2**62),))
NOTHING_KEPT = Plan(KEY, (Period(GROUP, 0, 2**62, one_in=2**60),))
TRACES = [f"{number:032x}" for number in range(1, 400)]


def sampled(*records: bytes, plan: Plan | None = ALWAYS) -> Normalizer:
    return taken(*records, rules=replace(RULES, plan=plan))


def line(level: str | None = "INFO", **fields: Any) -> dict[str, Any]:
    return {"message": "hello", **({"level": level} if level else {}), **fields}


def kept_ids(normalizer: Normalizer) -> set[str]:
    return {row["event_id"] for row in rows(normalizer, "logs")}


def test_without_a_plan_nothing_is_left_out_nor_measured() -> None:
    normalizer = sampled(payload(*[line() for _ in range(100)]), plan=None)
    assert len(rows(normalizer, "logs")) == 100
    assert normalizer.counts.sampled == 0
    assert not normalizer.volumes.quiet


def test_an_empty_plan_measures_and_leaves_nothing_out() -> None:
    normalizer = sampled(payload(line(), "[INFO] 12345", line("ERROR")), plan=Plan())
    assert len(rows(normalizer, "logs")) == 3
    assert normalizer.volumes.quiet == {GROUP: len(json.dumps(line())) + len("[INFO] 12345")}


def test_one_in_ten_traces_is_kept_and_all_of_its_lines() -> None:
    record = payload(*[line(trace_id=trace, number=number) for trace in TRACES for number in range(3)])
    found = Counter(row["trace_id"] for row in rows(sampled(record), "logs"))
    assert set(found.values()) == {3}
    assert 20 <= len(found) <= 65


def test_different_functions_keep_the_same_traces() -> None:
    other = "/aws/lambda/other"
    plan = Plan(KEY, (*ALWAYS.periods, Period(other, 0, 2**62)))
    lines = [line(trace_id=trace) for trace in TRACES]
    normalizer = sampled(payload(*lines), payload(*lines, group=other, first_id=5000), plan=plan)
    kept: dict[str, set[str]] = {}
    for row in rows(normalizer, "logs"):
        kept.setdefault(row["log_group"], set()).add(row["trace_id"])
    assert kept[GROUP] == kept[other]


def test_a_line_without_a_trace_is_chosen_by_its_request_and_else_by_its_event() -> None:
    requests = [line(function_request_id=f"{REQUEST[:-3]}{number:03d}") for number in range(300)]
    by_request = Counter(
        row["request_id"] for row in rows(sampled(payload(*requests), payload(*requests, first_id=900)), "logs")
    )
    assert set(by_request.values()) == {2}
    by_event = kept_ids(sampled(payload(*[line() for _ in range(1000)])))
    assert 50 <= len(by_event) <= 160


def test_a_key_of_its_own_makes_another_choice() -> None:
    record = payload(*[line(trace_id=trace) for trace in TRACES])
    other = Plan("07" * 16, ALWAYS.periods)
    assert kept_ids(sampled(record)) != kept_ids(sampled(record, plan=other))


def test_only_the_log_group_of_the_plan_is_concerned_and_only_in_its_time() -> None:
    plan = Plan(KEY, (Period(GROUP, NOW_MS + 10, NOW_MS + 20, one_in=2**60),))
    normalizer = sampled(
        payload(*[line() for _ in range(30)]), payload(*[line() for _ in range(30)], group="/b", first_id=50), plan=plan
    )
    gone = {f"e{number}" for number in (*range(30), *range(50, 80))} - kept_ids(normalizer)
    assert gone == {f"e{number}" for number in range(10, 20)}
    assert normalizer.volumes.sampled == {GROUP: 10}


UNTOUCHED: dict[str, list[Any]] = {
    "errors and warnings": [line("ERROR"), line("WARN"), line("FATAL"), "[ERROR] broken", "[WARNING] hot"],
    "lines without a level": [line(None), "plain text"],
    "a line of INFO that names an error": [line(exception_name="KeyError")],
    "platform lines": [f"START RequestId: {REQUEST} Version: 1\n", REPORT, f"END RequestId: {REQUEST}\n"],
    "platform records": [
        {"time": "2026-09-21T14:13:20Z", "type": "platform.report", "record": {
            "requestId": REQUEST, "status": "success", "metrics": {
                "durationMs": 1.0, "billedDurationMs": 1, "memorySizeMB": 128, "maxMemoryUsedMB": 64}}},
        {"time": "2026-09-21T14:13:20Z", "type": "platform.initStart", "record": {"initializationType": "on-demand"}},
        {"time": "2026-09-21T14:13:20Z", "type": "platform.logsDropped", "record": {"droppedRecords": 1}},
    ],
    "metrics": [{"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [
        {"Namespace": "shop", "Dimensions": [[]], "Metrics": [{"Name": "orders"}]}]}, "orders": 1, "level": "INFO"}],
    "access logs": [{"requestId": "r", "routeKey": "GET /a", "status": "200"}],
    "usage events": [{"event_type": "usage", "feature": "export", "tenant": "acme", "level": "INFO"}],
    "spans": [{"traceId": "1" * 32, "spanId": "2" * 16, "name": "GET", "kind": "SERVER", "level": "INFO",
               "startTimeUnixNano": NOW_MS * 10**6, "endTimeUnixNano": NOW_MS * 10**6 + 5, "attributes": {}}],
    "lines of a stack trace": [
        "[ERROR] ValueError: x\nTraceback (most recent call last):", '  File "a.py", line 1', "ValueError: x"],
}  # fmt: skip


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_even_where_nothing_is_kept_this_stays(kind: str) -> None:
    record = payload(*UNTOUCHED[kind], line("DEBUG"))
    plain, thin = sampled(record, plan=None), sampled(record, plan=NOTHING_KEPT)
    before, after = ({part.table: part.rows for part in each.flush("c")} for each in (plain, thin))
    lost = {
        row["event_id"]
        for name, table in before.items()
        for row in table.to_pylist()
        if row["event_id"] not in (after[name]["event_id"].to_pylist() if name in after else [])
    }
    assert lost - {f"e{len(UNTOUCHED[kind])}"} == set()
    assert thin.counts.sampled == 1
    assert before.keys() - after.keys() <= {"logs"}


def test_spans_that_cannot_be_read_stay_too() -> None:
    plan = Plan(KEY, (Period("aws/spans", 0, 2**62, one_in=2**60),))
    normalizer = sampled(payload("[INFO] no span", group="aws/spans"), plan=plan)
    assert len(rows(normalizer, "logs")) == 1
    assert not normalizer.volumes.quiet


MESSAGES = st.one_of(
    st.builds(line, st.sampled_from([*QUIET_LEVELS, "WARN", "ERROR", "weird", None])),
    st.builds(lambda level, trace: line(level, trace_id=trace), st.sampled_from(QUIET_LEVELS), st.sampled_from(TRACES)),
    st.sampled_from([message for messages in UNTOUCHED.values() for message in messages]),
    st.sampled_from(["[INFO] a", "[DEBUG] b", "\tat com.example.A(A.java:1)", "", "{"]),
)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=25), st.sampled_from([1, 2, 10, 2**60]))
def test_every_event_is_accounted_for_and_only_quiet_lines_are_gone(messages: list[Any], one_in: int) -> None:
    record = payload(*messages)
    plain, thin = sampled(record, plan=None), sampled(record, plan=Plan(KEY, (Period(GROUP, 0, 2**62, one_in=one_in),)))
    before, after = ({part.table: part.rows.to_pylist() for part in each.flush("c")} for each in (plain, thin))
    counts = thin.counts
    assert counts.events == counts.stored + counts.folded + counts.rejected + counts.sampled == len(messages)
    assert (counts.folded, counts.rejected) == (plain.counts.folded, plain.counts.rejected)
    gone = [row for row in before.pop("logs", []) if row not in after.get("logs", [])]
    after.pop("logs", None)
    assert before == after
    assert counts.sampled == len(gone) == sum(thin.volumes.sampled.values())
    for row in gone:
        assert row["level"] in QUIET_LEVELS
        assert row["source"] in ("json_log", "text_log")
        assert row["fingerprint"] is None
        assert row["error_type"] is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TRACES), st.sampled_from(QUIET_LEVELS)), min_size=1, max_size=60), st.data())
def test_an_event_meets_the_same_fate_in_whatever_batch_it_comes(lines: list[Any], data: st.DataObject) -> None:
    messages = [line(level, trace_id=trace) for trace, level in lines]
    whole = kept_ids(sampled(payload(*messages)))
    cut = data.draw(st.integers(0, len(messages)))
    first, second = payload(*messages[:cut]), payload(*messages[cut:], first_id=cut, time_ms=NOW_MS + cut)
    assert kept_ids(sampled(second)) | kept_ids(sampled(first)) == whole


def test_another_process_decides_alike() -> None:
    """Python's own hash of a text is another one in each process."""
    code = f"from functions.core.sampling import is_kept; print([is_kept(t, {KEY!r}, 10) for t in {TRACES[:50]!r}])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([is_kept(trace, KEY, 10) for trace in TRACES[:50]])


def test_what_is_kept_of_a_smaller_share_is_kept_of_a_larger_one() -> None:
    for trace in TRACES:
        assert is_kept(trace, KEY, 5) or not is_kept(trace, KEY, 10)


def test_with_thousands_of_log_groups_the_row_of_a_commit_is_bounded_and_a_loud_one_is_understated_by_little() -> None:
    true: Counter[str] = Counter()
    merged: Counter[str] = Counter()
    for commit in range(40):
        volumes = Volumes()
        for group in range(3000):
            size = 100 + (group * 7919 + commit * 104729) % 900
            volumes.raw[f"/group-{group}"] += size + (60_000 if group == 2000 else 0)
        true.update(volumes.raw)
        named = volumes.columns()["bytes_by_log_group"]
        assert len(named) == MOST_GROUPS
        merged.update(dict(named))
    loudest, amount = merged.most_common(1)[0]
    assert loudest == true.most_common(1)[0][0] == "/group-2000"
    assert all(size - merged[group] <= sum(true.values()) / (MOST_GROUPS + 1) for group, size in true.items())
    assert amount == true[loudest]


def test_a_table_without_rows_stays_one() -> None:
    empty = TABLES["logs"].arrow_schema.empty_table()
    assert thinned(empty, ALWAYS, Volumes()).num_rows == 0

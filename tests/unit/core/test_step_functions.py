from __future__ import annotations

import json
from typing import Any

import pytest
from feeding import NOW_MS, payload, read, rows, taken

from functions.core.normalize import Normalizer

GROUP = "/aws/vendedlogs/states/orders-Logs"
ARN = "arn:aws:states:eu-west-1:111111111111:express:orders:8edab1f8:1"


def line(number: int, kind: str, previous: int | None = None, arn: str = ARN, **details: Any) -> dict[str, Any]:
    """One event of an execution; each comes a second after the one before."""
    return {
        "id": str(number),
        "type": kind,
        "details": details,
        "previous_event_id": str(number - 1 if previous is None else previous),
        "event_timestamp": str(NOW_MS + 1000 * number),
        "execution_arn": arn,
        "redrive_count": "0",
    }


STARTED = line(1, "ExecutionStarted", input="{}")
ENTERED = line(2, "TaskStateEntered", 0, name="Pay", input='{"order": 17}')
SCHEDULED = line(3, "TaskScheduled", resourceType="dynamodb", resource="putItem")
SUCCEEDED = line(4, "TaskSucceeded", resourceType="dynamodb", resource="putItem")
EXITED = line(5, "TaskStateExited", name="Pay", output='{"paid": true}')
FINISHED = line(6, "ExecutionSucceeded", output="{}")


def settled(normalizer: Normalizer) -> dict[str, dict[str, Any]]:
    """The spans as they are after `compact`, by name: of one key the finished row."""
    found = sorted(rows(normalizer, "spans"), key=lambda row: row["end_time"] is not None)
    kept = {(row["event_id"], row["row_no"]): row for row in found}
    return {row["name"]: row for row in kept.values()}


def spans_of(*lines: dict[str, Any]) -> dict[str, dict[str, Any]]:
    normalizer = taken(payload(*lines, group=GROUP))
    assert normalizer.rejected == []
    return settled(normalizer)


def test_an_execution_and_its_states_are_spans_of_one_trace() -> None:
    found = spans_of(STARTED, ENTERED, SCHEDULED, SUCCEEDED, EXITED, FINISHED)
    root, state = found["orders"], found["Pay"]
    assert (root["kind"], root["service"], root["resource_type"], root["resource"]) == (
        "server",
        "orders",
        "AWS::StepFunctions::StateMachine",
        "orders",
    )
    assert (root["status"], root["duration_ms"], root["parent_span_id"]) == ("ok", 5000, "")
    assert (state["trace_id"], state["parent_span_id"]) == (root["trace_id"], root["span_id"])
    assert (state["status"], state["duration_ms"], state["source"]) == ("ok", 3000, "step_functions")
    assert (state["kind"], state["remote_service"], state["remote_operation"]) == ("client", "dynamodb", "putItem")
    attributes = json.loads(state["span_attributes"])
    assert (attributes["aws.states.input"], attributes["aws.states.output"]) == ('{"order": 17}', '{"paid": true}')


def test_every_line_is_accounted_for_and_those_that_neither_begin_nor_end_a_span_are_log_lines() -> None:
    normalizer = taken(payload(STARTED, ENTERED, SCHEDULED, SUCCEEDED, EXITED, FINISHED, group=GROUP))
    assert (normalizer.counts.events, normalizer.counts.stored) == (6, 6)
    assert [row["event_id"] for row in rows(normalizer, "logs")] == ["e2", "e3"]


def test_what_has_begun_and_not_ended_is_in_progress() -> None:
    found = spans_of(STARTED, ENTERED)
    assert {row["status"] for row in found.values()} == {"in_progress"}


def test_an_end_whose_beginning_is_in_another_payload_stays_a_log_line() -> None:
    (row,) = read("logs", EXITED, group=GROUP)
    assert row["line"] == json.dumps(EXITED)


def test_a_span_has_the_same_key_and_time_whether_its_end_is_in_sight_or_not() -> None:
    with_end, without = (
        {(row["event_id"], row["row_no"], row["time"]) for row in rows(taken(payload(*lines, group=GROUP)), "spans")}
        for lines in ((STARTED, ENTERED, EXITED), (STARTED, ENTERED))
    )
    assert with_end == without


def test_a_state_that_fails_fails_its_execution() -> None:
    failed = line(4, "TaskFailed", error="Shop.NoMoney", cause="card declined")
    ended = line(5, "ExecutionFailed", error="Shop.NoMoney", cause="card declined")
    found = spans_of(STARTED, ENTERED, SCHEDULED, failed, ended)
    for row in found.values():
        assert (row["status"], row["error_type"], row["error_message"]) == ("fault", "Shop.NoMoney", "card declined")


def test_a_failed_try_is_forgotten_when_the_next_one_succeeds() -> None:
    tries = [
        line(4, "TaskFailed", error="Shop.Busy"),
        line(5, "TaskScheduled", resourceType="dynamodb", resource="putItem"),
        line(6, "TaskSucceeded"),
        line(7, "TaskStateExited", name="Pay"),
    ]
    assert spans_of(STARTED, ENTERED, SCHEDULED, *tries)["Pay"]["status"] == "ok"


def test_states_in_branches_are_within_the_parallel_state_and_end_with_it() -> None:
    found = spans_of(
        STARTED,
        line(2, "ParallelStateEntered", 0, name="Both"),
        line(3, "ParallelStateStarted"),
        line(4, "TaskStateEntered", name="Left"),
        line(5, "PassStateEntered", 3, name="Right"),
        line(6, "PassStateExited", name="Right"),
        line(7, "TaskFailed", 4, error="Shop.NoMoney"),
        line(8, "ParallelStateFailed", 7),
        line(9, "ParallelStateExited", name="Both"),
        line(10, "PassStateEntered", name="After"),
    )
    both = found["Both"]["span_id"]
    assert [found[name]["parent_span_id"] for name in ("Left", "Right")] == [both, both]
    assert found["After"]["parent_span_id"] == found["orders"]["span_id"]
    assert [(found[name]["status"], found[name]["error_type"]) for name in ("Left", "Both", "Right")] == [
        ("fault", "Shop.NoMoney"),
        ("fault", "ParallelStateFailed"),
        ("ok", None),
    ]


def test_a_state_that_is_visited_again_is_another_span() -> None:
    again = [line(6, "TaskStateEntered", name="Pay"), line(7, "TaskStateExited", name="Pay")]
    found = rows(taken(payload(STARTED, ENTERED, EXITED | {"previous_event_id": "2"}, *again, group=GROUP)), "spans")
    assert len({row["span_id"] for row in found if row["name"] == "Pay"}) == 2


def test_executions_do_not_mix() -> None:
    other = ARN.replace("8edab1f8", "9fdab1f8")
    found = rows(taken(payload(STARTED, line(2, "PassStateEntered", 0, other, name="Else"), group=GROUP)), "spans")
    assert len({row["trace_id"] for row in found}) == 2


def test_the_history_of_an_execution_gives_each_span_once() -> None:
    events = [
        {"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": NOW_MS / 1000},
        {
            "id": 2,
            "previousEventId": 0,
            "type": "PassStateEntered",
            "timestamp": NOW_MS / 1000 + 1,
            "stateEnteredEventDetails": {"name": "Pay"},
        },
        {
            "id": 3,
            "previousEventId": 2,
            "type": "PassStateExited",
            "timestamp": NOW_MS / 1000 + 2,
            "stateExitedEventDetails": {"name": "Pay"},
        },
    ]
    found = read("spans", {"events": events[::-1]})
    assert [(row["name"], row["status"], row["duration_ms"]) for row in found] == [
        ("execution", "in_progress", None),
        ("Pay", "ok", 1000),
    ]


@pytest.mark.parametrize("member", ["event_timestamp", "type", "execution_arn"])
def test_a_line_without_time_type_or_execution_is_a_log_line(member: str) -> None:
    assert len(read("logs", {**STARTED, member: "" if member == "event_timestamp" else None}, group=GROUP)) == 1


def test_states_that_never_end_are_not_nested_without_bound() -> None:
    deep = [line(number, "PassStateEntered", name=f"s{number}") for number in range(2, 3000)]
    exits = [line(3000 + number, "PassStateExited", 2999, name="absent") for number in range(3000)]
    normalizer = taken(payload(STARTED, *deep, *exits, group=GROUP))
    assert normalizer.rejected == []
    assert normalizer.counts.stored == 1 + len(deep) + len(exits)

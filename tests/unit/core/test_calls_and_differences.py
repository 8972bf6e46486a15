"""What a service's own time is, which lines are one statement, and which differences count."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from made_incidents import incident, usual

from functions.core.schema import TABLES
from functions.core.traces import calls, differences
from functions.core.traces.calls import Call
from functions.core.traces.statements import Statements
from functions.core.traces.suspect_words import stands_out
from functions.core.traces.suspects import Rows, rank


def span(number: int, parent: int | None, service: str, kind: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    row = {"trace_id": "a", "span_id": str(number), "parent_span_id": str(parent or ""), "service": service}
    return (
        row
        | {"name": kind, "kind": kind, "start_time": start, "duration_ms": float(end - start), "status": "ok"}
        | more
    )


def called(*rows: dict[str, Any]) -> list[Call]:
    spans = calls.read(pa.Table.from_pylist(list(rows), TABLES["spans"].arrow_schema))
    return calls.window(spans, calls.callees(spans)).calls


def test_own_time_is_without_calls_also_where_these_run_at_the_same_time() -> None:
    a, b, c = called(
        span(1, None, "a", "server", 0, 100),
        span(2, 1, "a", "client", 10, 60),
        span(3, 2, "b", "server", 12, 58),
        span(4, 1, "a", "client", 30, 80),
        span(5, 4, "c", "server", 33, 79),
    )
    assert a.own_ms == {"server": 30.0}
    assert (b.own_ms, b.wait_ms) == ({"server": 46.0}, 4.0)
    assert (c.own_ms, c.wait_ms) == ({"server": 46.0}, 4.0)


def test_nobody_waits_for_what_a_queue_delivers() -> None:
    sender, receiver = called(
        span(1, None, "a", "server", 0, 100),
        span(2, 1, "a", "producer", 10, 20),
        span(3, 2, "b", "consumer", 15, 90),
    )
    assert sender.own_ms == {"server": 90.0, "producer": 10.0}
    assert (receiver.caller, receiver.wait_ms) == (sender, 0.0)


def test_nobody_waits_for_what_was_sent_though_the_receiver_does_not_say_that_it_consumes() -> None:
    sender, receiver = called(
        span(1, None, "a", "server", 0, 100),
        span(2, 1, "a", "producer", 10, 20),
        span(3, 2, "b", "server", 60, 90),
    )
    assert sender.own_ms == {"server": 90.0, "producer": 10.0}
    assert receiver.wait_ms == 40.0


def test_a_child_that_outlives_its_parent_covers_no_more_than_the_parent() -> None:
    (call,) = called(span(1, None, "a", "server", 0, 50), span(2, 1, "a", "internal", 40, 500))
    assert call.own_ms == {"server": pytest.approx(39.0), "internal": 460.0}


def test_lines_that_differ_in_a_few_words_are_one_statement() -> None:
    statements = Statements()
    first = statements.of("s", "INFO", "train G1234 leaves Nanjing for Shanghai at 10:00")
    assert statements.of("s", "INFO", "train Z77 leaves Suzhou for Shanghai at 11:30") == first
    assert statements.of("s", "INFO", "train G1234 is late") != first
    assert statements.of("s", "ERROR", "train G1234 leaves Nanjing for Shanghai at 10:00") != first


def test_more_statements_than_a_program_has_become_one() -> None:
    statements = Statements()
    words = [f"same {''.join(random.Random(n).choices('abcdefghij', k=8))} {chr(97 + n % 26) * 9}" for n in range(500)]
    assert len({statements.of("s", "INFO", line) for line in words}) == 100


def test_few_failures_among_many_requests_count() -> None:
    found = differences.change([([0.0] * 300, [1.0] * 12 + [0.0] * 288)], only_more=True)
    assert found.size > 0.5
    assert (found.before, found.now) == (0.0, 0.04)


def test_fewer_failures_are_no_evidence() -> None:
    assert differences.change([([1.0] * 50, [0.0] * 50)], only_more=True).size == 0
    assert differences.change([([1.0] * 50, [0.0] * 50)]).size > 0.8


def test_who_looks_at_many_things_has_to_see_more() -> None:
    samples = [([0.0] * 12, [1.0] * 4 + [0.0] * 2)]
    assert differences.change(samples).size > 0.3
    assert differences.change(samples, 1000).size == 0


def test_two_calls_say_nothing_and_ten_do() -> None:
    assert differences.slowdown([([5.0], [500.0])]).size == 0
    assert differences.slowdown([([5.0] * 10, [500.0] * 10)]).size > 0.6


def test_a_slowdown_that_is_sure_but_small_is_small() -> None:
    slow = differences.slowdown([([100.0 + n for n in range(30)], [104.0 + n / 10 + n for n in range(30)])] * 9)
    assert slow.size < 0.1
    assert differences.slowdown([([0.1] * 99, [0.4] * 99)]).size < 0.15


def test_a_mix_of_requests_that_changes_is_no_difference() -> None:
    """A service that takes long for one route and not for the other, which is asked for more often now."""

    def of(quick: int, slow: int) -> Rows:
        rows = []
        for number in range(quick + slow):
            name, took = ("quick", 10 + number % 7) if number < quick else ("slow", 200 + number % 7)
            common = {"trace_id": str(number), "status": "ok", "start_time": 0}
            rows += [
                span(1, None, "gateway", "server", 0, took + 10, **common | {"name": name}),
                span(2, 1, "gateway", "client", 0, took + 5, **common),
                span(3, 2, "stock", "server", 0, took, **common),
            ]
        schema = TABLES["spans"].arrow_schema
        return Rows(pa.Table.from_pylist(rows, schema), TABLES["logs"].arrow_schema.empty_table())

    assert rank(of(80, 20), of(20, 80)) == []
    assert [suspect.service for suspect in rank(of(80, 0), of(0, 80))] == []


def test_a_service_that_is_slow_to_reach_and_slow_to_reach_others_is_the_suspect_alone() -> None:
    ranked = rank(usual(), incident(far={"orders": 80.0, "stock": 80.0, "billing": 80.0}))
    assert [suspect.service for suspect in ranked if stands_out(suspect)] == ["orders"]


def test_a_service_that_calls_itself_has_two_calls() -> None:
    outer, inner = called(
        span(1, None, "a", "server", 0, 100),
        span(2, 1, "a", "client", 10, 60),
        span(3, 2, "a", "server", 20, 50),
    )
    assert outer.own_ms == {"server": 50.0}
    assert (inner.caller, inner.own_ms, inner.wait_ms) == (outer, {"server": 30.0}, 20.0)

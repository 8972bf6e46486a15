"""Summaries of an hour: what they add up to, whatever the order and however much does not fit."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from feeding import payload, taken
from feeding import rows as rows_of
from fuzzing import OBJECTS, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from test_derived import MINUTE_MS, request, table

from functions.core.dark.telemetry import TEXT
from functions.core.derived import error_groups, traffic
from functions.core.ranked import TENANTS, Failures, Ranked, Requests
from functions.core.summaries import KINDS, Errors, HourObject, Ledger, Traffic, decode, encode

names = st.sampled_from(["acme", "globex", "", "initech", "<b>"])
requests = st.builds(
    Requests,
    st.integers(0, 1000),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.dictionaries(st.integers(-50, 400), st.integers(1, 99), max_size=4),
)
failures = st.builds(
    Failures,
    st.integers(1, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    names,
    names,
    st.dictionaries(names, st.integers(1, 9)),
)
parts = st.lists(st.one_of(st.tuples(st.just(Requests), st.dictionaries(names, requests))), max_size=4) | st.lists(
    st.tuples(st.just(Failures), st.dictionaries(names, failures)), max_size=4
)


def ranked(kind: Any, entries: dict[str, Any]) -> Ranked[Any]:
    made: Ranked[Any] = Ranked(kind)
    for name, value in entries.items():
        made.add((name,), deepcopy(value))
    return made


def merged(*found: Ranked[Any]) -> Ranked[Any]:
    first = deepcopy(found[0])
    for each in found[1:]:
        first.merge(deepcopy(each))
    return first


def canonical(found: Ranked[Any]) -> Any:
    plain = found.plain()
    return {**plain, "entries": sorted(plain["entries"])}


@given(parts, st.integers(0, 5))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_merging_is_associative_and_commutative_and_keeps_totals_whatever_the_bounds(given: Any, top: int) -> None:
    found = [ranked(kind, entries).bounded(top + 1) for kind, entries in given]
    if not found:
        return
    kind = given[0][0]
    grouped = merged(found[0], merged(*found[1:])) if len(found) > 1 else found[0]
    assert canonical(merged(*found)) == canonical(grouped) == canonical(merged(*reversed(found)))
    bounded = merged(*found).bounded(top)
    assert len(bounded.entries) <= top
    assert bounded.total().weight == sum(value.weight for _, entries in given for value in entries.values())
    again: Ranked[Any] = Ranked.of(kind, json.loads(json.dumps(bounded.plain())))
    assert canonical(again) == canonical(bounded)


def test_the_largest_stay_and_the_rest_are_others_together() -> None:
    made = ranked(Requests, {f"t{n}": Requests(requests=n, errors=1) for n in range(1, 6)}).bounded(2)
    assert [key for key, _ in made.ranked()] == [("t5",), ("t4",)]
    assert (made.others.requests, made.others.errors, made.other_keys) == (6, 3, 3)


def test_a_merge_changes_nothing_but_its_target() -> None:
    one, other = (ranked(Requests, {"a": Requests(1, latency={5: 1})}) for _ in range(2))
    into: Ranked[Any] = Ranked(Requests)
    into.merge(one)
    into.merge(other)
    assert (one.entries["a",].requests, one.entries["a",].latency) == (1, {5: 1})


@pytest.mark.parametrize("latency", [0.4, 7.0, 120.0, 9_000.0])
def test_a_latency_is_known_to_three_per_cent(latency: float) -> None:
    made = Traffic()
    made.add_rows(traffic(table("requests", request(latency_ms=latency)), "c"))
    assert made.customers.entries["a",].quantile(0.9) == pytest.approx(latency, rel=0.031)


def test_customers_and_routes_of_traffic_add_up_over_minutes_and_files() -> None:
    rows = table(
        "requests",
        request(0, latency_ms=10.0, request_bytes=1, response_bytes=2),
        request(MINUTE_MS, latency_ms=10.0, status=503),
        request(0, tenant=None, route="POST /", status=404),
    )
    made = Traffic()
    for _ in range(2):
        made.add_rows(traffic(rows, "c"))
    assert {key: (value.requests, value.errors, value.client_errors) for key, value in made.customers.ranked()} == {
        ("a",): (4, 2, 0),
        ("",): (2, 0, 2),
    }
    assert [key for key, _ in made.routes.ranked()] == [("s", "GET /"), ("s", "POST /")]
    assert sum(made.customers.entries["a",].latency.values()) == 4
    assert made.customers.entries["",].quantile(0.5) is None


def line(time: int = 0, **members: Any) -> dict[str, Any]:
    defaults = {"level": "ERROR", "message": "no stock", "service": "shop", "tenant": "a", "fingerprint": "f1"}
    return {"time": time, "event_id": "e", "row_no": 0} | defaults | members


def test_errors_are_counted_by_minute_fingerprint_service_and_customer() -> None:
    rows = table(
        "logs",
        line(0, error_type="KeyError"),
        line(MINUTE_MS - 1),
        line(MINUTE_MS),
        line(tenant=None, message="x" * 900),
        line(fingerprint=None, level="INFO"),
        line(fingerprint="f2", message=None, error_type=None, level="FATAL"),
    )
    found = [
        (row["time"].minute, row["fingerprint"], row["tenant"], row["occurrences"], row["error_type"], row["example"])
        for row in error_groups(rows, "chunk").to_pylist()
    ]
    assert found == [
        (0, "f1", "a", 2, "KeyError", "no stock"),
        (1, "f1", "a", 1, "ERROR", "no stock"),
        (0, "f1", None, 1, "ERROR", "x" * 300),
        (0, "f2", "a", 1, "FATAL", None),
    ]
    assert error_groups(rows, "chunk")["event_id"].to_pylist() == ["chunk"] * 4


def test_the_example_of_an_error_is_redacted_as_its_line_is() -> None:
    secret = "hunter2hunter2"
    normalizer = taken(payload({"level": "ERROR", "message": f"login failed, password={secret}", "tenant": "acme"}))
    (row,) = rows_of(normalizer, "error_groups")
    assert row["example"].startswith("login failed")
    assert secret not in json.dumps(row, default=str)
    assert (row["tenant"], row["occurrences"], row["source"]) == ("acme", 1, "json_log")


def test_lines_without_errors_give_no_group() -> None:
    assert error_groups(table("logs", line(fingerprint=None)), "chunk").num_rows == 0
    assert error_groups(table("logs"), "chunk").num_rows == 0


@given(st.lists(st.tuples(st.integers(0, 5 * MINUTE_MS), names, st.sampled_from(["f1", "f2", None])), max_size=30))
@settings(derandomize=True, max_examples=80, deadline=None)
def test_errors_of_parts_add_up_to_those_of_the_whole(lines: list[tuple[int, str, str | None]]) -> None:
    rows = table("logs", *(line(time, tenant=tenant or None, fingerprint=print_) for time, tenant, print_ in lines))
    whole, pieces = Errors(), Errors()
    whole.add_rows(error_groups(rows, "c"))
    for start in range(0, len(lines), 7):
        pieces.add_rows(error_groups(rows.slice(start, 7), "c"))
    assert canonical(pieces.groups) == canonical(whole.groups)
    assert Counter(print_ for _, _, print_ in lines if print_) == {
        key[0]: value.count for key, value in whole.groups.ranked()
    }


def test_customers_of_an_error_are_bounded_and_it_says_so() -> None:
    made = Failures(count=99, tenants={f"t{n}": n for n in range(TENANTS + 5)} | {"": 1})
    kept = made.bounded()
    assert (len(kept.tenants), kept.more_tenants, kept.count) == (TENANTS, True, 99)
    assert Failures(tenants={"": 3, "a": 1}).customers == 1


def test_the_ledger_adds_up_commits() -> None:
    members = {"events": 5, "stored": 3, "folded": 1, "rejected": 1, "sampled": 0, "raw_bytes": 100, "lag_ms": 7.5}
    rows = table("ingest_ledger", *({"time": 0, "event_id": str(n), "rows": [("logs", 3)], **members} for n in (1, 2)))
    made = Ledger()
    made.add_rows(rows)
    made.merge(Ledger.of(json.loads(json.dumps(made.plain()))))
    assert (made.sums["commits"], made.sums["events"], made.sums["rows"], made.longest_lag_ms) == (4, 20, 12, 7.5)


def test_a_log_line_has_json_exactly_where_it_was_not_read_as_text() -> None:
    """So that which lines have it is known without reading the largest column of the lake."""
    messages = [payload(message, group="/shop", first_id=n) for n, message in enumerate((*OBJECTS, *TEXTS))]
    found = rows_of(taken(*messages), "logs")
    assert {row["source"] for row in found} >= {TEXT, "json_log", "emf", "lambda_platform"}
    assert all((row["line"] is None) == (row["source"] == TEXT) for row in found)


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_comes_back_as_it_was_written(kind: str) -> None:
    made = HourObject(generation=3, commits=["a"], content=KINDS[kind]().plain())
    assert decode(encode(made)) == made
    assert decode(encode(made)).summary(kind).plain() == KINDS[kind]().plain()


@pytest.mark.parametrize("body", [b"", b"{}[", b'{"version": 99}', b"[]", b'{"commits": 3}'])
def test_an_object_that_is_none_of_ours_counts_as_empty(body: bytes) -> None:
    assert decode(body).commits == []
    assert decode(body).summary("ledger").plain() == Ledger().plain()


def test_a_summary_is_small_however_many_customers_there_are() -> None:
    rows = table("requests", *(request(tenant=f"tenant-{n}" * 50, latency_ms=1.5 * (n % 900)) for n in range(3000)))
    made = Traffic()
    made.add_rows(traffic(rows, "c"))
    body = encode(HourObject(content=made.bounded().plain()))
    assert len(body) < 100_000
    assert decode(body).summary("traffic").customers.total().requests == 3000

"""Signals: what is counted every five minutes, of whom, and that it is the same in whatever order and parts it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_derived import call, request, table

from functions.core import summaries
from functions.core.derived import service_calls, traffic
from functions.core.ranked import Ranked
from functions.core.schema import hour_of
from functions.core.sources import SOURCES
from functions.core.watch.signals import (
    _IN_FILES,
    BIN_MS,
    BY_TABLE,
    MOST,
    CallSignals,
    Course,
    ErrorSignals,
    InvocationSignals,
    Measure,
    MetricSignals,
    Signals,
    Subject,
    TrafficSignals,
    bins,
)

MINUTE_MS = 60_000


def seen(kind: type[Signals], name: str, *rows: dict[str, Any]) -> dict[int, dict[Subject, Measure]]:
    made = kind()
    made.add_rows(table(name, *rows))
    return {start: measures for start, measures in bins(hour_of(0), [made]).items() if measures}


def of_traffic(*requests: dict[str, Any]) -> Signals:
    made = TrafficSignals()
    made.add_rows(traffic(table("requests", *requests), "c"))
    return made


def test_requests_are_counted_by_service_route_and_customer_every_five_minutes() -> None:
    made = of_traffic(
        request(0, latency_ms=10.0),
        request(4 * MINUTE_MS, latency_ms=10.0, status=503),
        request(4 * MINUTE_MS, tenant=None, route="POST /", status=404, latency_ms=1000.0),
        request(5 * MINUTE_MS),
    )
    found = bins(hour_of(0), [made])
    assert {subject: (each.count, each.failed, each.refused) for subject, each in found[0].items()} == {
        Subject("service", ("s",)): (3, 1, 1),
        Subject("route", ("s", "GET /")): (2, 1, 0),
        Subject("route", ("s", "POST /")): (1, 0, 1),
        Subject("customer", ("a",)): (2, 1, 0),
    }
    assert found[0][Subject("service", ("s",))].total == 1020
    assert {each.count for each in found[BIN_MS].values()} == {1}
    assert [start for start, measures in found.items() if measures] == [0, BIN_MS]
    assert len(found) == 12


def test_what_comes_late_in_files_says_nothing_of_the_last_five_minutes() -> None:
    made = of_traffic(request(source="alb_log"), request(source="access_log"), request(source="cloudfront_log"))
    assert {each.count for each in bins(hour_of(0), [made])[0].values()} == {1}


def test_the_sources_that_are_late_are_all_that_come_in_files() -> None:
    late = {source.name for source in SOURCES if source.tables == ("requests",)} - {"access_log"}
    assert late == set(_IN_FILES.to_pylist())


@pytest.mark.parametrize("latency", [0.4, 7.0, 120.0, 9_000.0])
def test_a_latency_is_known_to_some_eight_per_cent_and_lies_between_others(latency: float) -> None:
    made = of_traffic(*(request(0, latency_ms=latency) for _ in range(10)))
    measure = bins(hour_of(0), [made])[0][Subject("service", ("s",))]
    low, middle, high = (measure.quantile(share) or 0 for share in (0.1, 0.5, 0.9))
    assert low < middle < high
    assert middle == pytest.approx(latency, rel=0.17)
    assert Measure().quantile(0.9) is None


def test_calls_that_are_not_ok_have_failed() -> None:
    made = CallSignals()
    made.add_rows(service_calls(table("spans", call(), call(status="fault"), call(status="throttle")), "c"))
    found = bins(hour_of(0), [made])[0][Subject("dependency", ("a", "b"))]
    assert (found.count, found.failed, sum(found.latency.values())) == (3, 2, 3)


def test_invocations_count_when_they_are_over_and_fail_when_they_do_not_succeed() -> None:
    statuses = ("success", "timeout", "out_of_memory", "error", None)
    rows = [{"time": 0, "function_name": "f", "status": status, "duration_ms": 5.0} for status in statuses]
    rows += [{"time": 0, "function_name": None, "status": "error", "duration_ms": 5.0}]
    (found,) = seen(InvocationSignals, "invocations", *rows).values()
    assert [(subject, each.count, each.failed) for subject, each in found.items()] == [
        (Subject("function", ("f",)), 4, 3)
    ]


def test_an_error_says_what_it_is_and_the_same_whatever_comes_first() -> None:
    def error(example: str) -> dict[str, Any]:
        return {"time": 0, "service": "s", "fingerprint": "f", "occurrences": 2, "error_type": "E", "example": example}

    for rows in ((error("b"), error("a")), (error("a"), error("b"))):
        (found,) = seen(ErrorSignals, "error_groups", *rows).values()
        assert [(each.count, each.example) for each in found.values()] == [(4, "E: a")]


def test_of_statistic_sets_sums_and_counts_are_taken() -> None:
    def metric(value: float, statistic: str | None = None, service: str | None = "s") -> dict[str, Any]:
        labels = {"statistic": statistic} if statistic else {"region": "x"}
        members = {"namespace": "N", "name": "m", "service": service, "labels": list(labels.items())}
        return {"time": 0, "value": value, **members}

    rows = [metric(1.5), metric(2.5), metric(60, "Sum"), metric(4, "count"), metric(99, "max"), metric(7, service=None)]
    (found,) = seen(MetricSignals, "metrics", *rows).values()
    assert {subject.names: (each.count, each.total) for subject, each in found.items()} == {
        ("N", "m", "s"): (6, 64.0),
        ("N", "m", "-"): (1, 7.0),
    }


def test_the_largest_of_each_kind_are_kept_and_the_rest_together() -> None:
    many = MOST["customer"] + 5
    made = of_traffic(*(request(0, tenant=f"t{number}") for number in range(many)), request(0, tenant="t3"))
    kept = made.bounded().found["customer"]
    assert (len(kept.entries), kept.total().weight) == (MOST["customer"], many + 1)
    assert ("t3",) in kept.entries


@given(st.lists(st.tuples(st.integers(0, 59), st.sampled_from("ab"), st.sampled_from([200, 404, 500])), max_size=20))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_parts_add_up_and_survive_being_written(given: list[tuple[int, str, int]]) -> None:
    requests = [
        request(minute * MINUTE_MS, tenant=tenant, status=status, latency_ms=float(minute))
        for minute, tenant, status in given
    ]
    whole = of_traffic(*requests)
    parts = TrafficSignals()
    for start in range(3):
        one = of_traffic(*requests[start::3])
        parts.merge(TrafficSignals.of(json.loads(json.dumps(one.plain()))))
    assert bins(hour_of(0), [parts]) == bins(hour_of(0), [whole])


@pytest.mark.parametrize("name", BY_TABLE)
def test_each_kind_reads_only_what_it_needs_and_bears_no_rows(name: str) -> None:
    kind = BY_TABLE[name]
    assert summaries.KINDS[name] is kind
    made = kind()
    made.add_rows(table(kind.table).select(kind.reads))
    assert not any(bins(hour_of(0), [made]).values())


def test_measures_of_a_subject_add_up_by_bin() -> None:
    made: Ranked[Course] = Ranked(Course)
    for number in (0, 0, 1):
        made.add(("a",), Course({number: Measure(1, latency={number: 1}, example="x")}))
    assert {number: each.count for number, each in made.entries["a",].bins.items()} == {0: 2, 1: 1}

"""Each kind of fault is seen where it is, told from what it brings about elsewhere, and said in words."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_incidents import incident, usual

from functions.core.schema import TABLES
from functions.core.traces.suspect_words import sentence, stands_out
from functions.core.traces.suspects import Rows, Suspect, rank


def first(now: Rows) -> Suspect:
    return rank(usual(), now)[0]


def words(suspect: Suspect) -> str:
    return "\n".join(map(sentence, suspect.evidence))


@pytest.mark.parametrize("service", ["gateway", "orders", "stock", "mailer"])
def test_a_service_that_works_longer_itself_is_the_suspect_and_not_who_waits_for_it(service: str) -> None:
    ranked = rank(usual(), incident(slow={service: 100.0}))
    assert [suspect.service for suspect in ranked if stands_out(suspect)] == [service]
    assert "own time of" in words(ranked[0])


@pytest.mark.parametrize("service", ["orders", "stock", "mailer"])
def test_a_service_that_is_far_away_is_the_suspect_though_nobody_works_longer(service: str) -> None:
    suspect = first(incident(far={service: 300.0}))
    assert suspect.service == service
    assert f"-> {service}:" in words(suspect)


@pytest.mark.parametrize("service", ["gateway", "orders", "stock"])
def test_errors_are_blamed_on_where_they_begin(service: str) -> None:
    suspect = first(incident(failing={service: 0.5}))
    assert suspect.service == service
    assert "fails, and nothing that it calls: 0% -> " in words(suspect)
    assert "first seen now" in words(suspect)
    assert f"new ERROR line '{service} failed'" in words(suspect)


@pytest.mark.parametrize("service", ["payments.example.com", "DynamoDB orders"])
@pytest.mark.parametrize("fault", [{"slow": 400.0}, {"failing": 0.5}, {"throttled": 0.5}])
def test_what_has_no_spans_of_its_own_can_be_the_suspect(service: str, fault: dict[str, float]) -> None:
    ((kind, amount),) = fault.items()
    assert first(incident(**{kind: {service: amount}})).service == service


def test_a_service_that_does_not_answer_is_the_suspect_and_not_its_caller() -> None:
    suspect = first(incident(silent={"stock": 0.5}))
    assert suspect.service == "stock"
    assert "does not answer: 0% -> " in words(suspect)


def test_a_service_that_returns_early_is_known_by_the_calls_it_no_longer_makes() -> None:
    suspect = first(incident(returning_early={"orders"}))
    assert suspect.service == "orders"
    assert "INFO line 'orders has done its work' with 5 more is gone: 1 -> 0 per call of GET /orders" in words(suspect)


def test_a_line_that_is_no_longer_written_is_enough() -> None:
    suspect = first(incident(line_missing={"stock"}))
    assert suspect.service == "stock"
    assert (
        words(suspect)
        == "INFO line 'stock has done its work' is gone: 1 -> 0 per call of GET /stock (requests: 60 before, 40 now)"
    )


@pytest.mark.parametrize("seed", range(2, 12))
def test_two_times_without_a_fault_give_no_confident_suspect(seed: int) -> None:
    assert not any(stands_out(suspect) for suspect in rank(usual(), incident(seed=seed)))


def test_the_order_of_the_rows_does_not_matter() -> None:
    before, now = usual(), incident(slow={"stock": 100.0}, failing={"orders": 0.3})

    def shuffled(rows: Rows) -> Rows:
        return Rows(*(table.take(random.Random(7).sample(range(len(table)), len(table))) for table in rows))

    assert rank(shuffled(before), shuffled(now)) == rank(before, now)


def test_lines_find_their_call_by_trace_and_service_where_they_name_no_span() -> None:
    before, now = usual(), incident(line_missing={"stock"})

    def without_spans(rows: Rows) -> Rows:
        index = rows.logs.schema.get_field_index("span_id")
        return Rows(rows.spans, rows.logs.set_column(index, "span_id", pa.nulls(len(rows.logs), pa.string())))

    assert rank(without_spans(before), without_spans(now)) == rank(before, now)


def test_rows_that_an_engine_reads_from_the_lake_give_the_same() -> None:
    before, now = usual(), incident(slow={"stock": 100.0}, far={"mailer": 300.0})
    read = [
        Rows(
            duckdb.sql("SELECT * REPLACE (start_time::TIMESTAMP AS start_time) FROM spans").to_arrow_table(),
            duckdb.sql("SELECT * FROM logs").to_arrow_table(),
        )
        for spans, logs in (before, now)
    ]
    assert read[0].spans.schema.field("start_time").type == pa.timestamp("us")
    assert rank(*read) == rank(before, now)


def test_requests_that_a_table_refuses_are_the_fault_of_who_sends_them() -> None:
    now = incident(throttled={"DynamoDB orders": 0.5})
    index = now.spans.schema.get_field_index("status")
    refused = pc.if_else(pc.equal(now.spans["status"], "throttle"), "error", now.spans["status"])
    assert first(Rows(now.spans.set_column(index, "status", refused), now.logs)).service == "orders"


def test_calls_of_one_request_do_not_count_as_many() -> None:
    """One request that calls a service fifty times in vain is one failed request."""
    before, now = usual(), incident(requests=40)
    call = next(row for row in now.spans.to_pylist() if row["service"] == "stock")
    again = [call | {"span_id": f"{number:016x}", "status": "fault"} for number in range(10**6, 10**6 + 50)]
    spans = pa.concat_tables([now.spans, pa.Table.from_pylist(again, now.spans.schema)])
    assert not any(stands_out(suspect) for suspect in rank(before, Rows(spans, now.logs)))


_IDS = st.sampled_from(["1", "2", "3", "4"])
_SPANS = st.lists(
    st.fixed_dictionaries(
        {
            "trace_id": st.sampled_from(["a", "b"]),
            "span_id": _IDS,
            "parent_span_id": st.one_of(_IDS, st.just("")),
            "links": st.one_of(
                st.none(), st.lists(st.fixed_dictionaries({"trace_id": st.just("a"), "span_id": _IDS}), max_size=2)
            ),
            "service": st.sampled_from(["x", "y", None]),
            "name": st.sampled_from(["one", "two", None]),
            "kind": st.sampled_from(["server", "client", "producer", "consumer", "internal", None]),
            "start_time": st.integers(0, 50),
            "duration_ms": st.one_of(st.none(), st.floats(-10, 1e12)),
            "status": st.sampled_from(["ok", "fault", "error", "throttle", "in_progress", None]),
            "remote_service": st.sampled_from([None, "z", "x"]),
            "span_attributes": st.sampled_from([None, "{}", '{"table_name":"t"}', '{"table_name":[]}', "[]", "{", "7"]),
        }
    ),
    max_size=30,
)
_LINES = st.lists(
    st.fixed_dictionaries(
        {
            "trace_id": st.sampled_from(["a", None]),
            "span_id": st.one_of(_IDS, st.none()),
            "request_id": st.sampled_from(["r", None]),
            "service": st.sampled_from(["x", None]),
            "level": st.sampled_from(["INFO", "ERROR", None]),
            "message": st.sampled_from(["", "said", "said 7", "\n", None]),
        }
    ),
    max_size=20,
)


@given(st.tuples(_SPANS, _LINES), st.tuples(_SPANS, _LINES))
@settings(max_examples=150, deadline=None)
def test_spans_in_circles_twice_and_without_names_stop_nobody(before: Any, now: Any) -> None:
    times = [
        Rows(
            *(
                pa.Table.from_pylist(rows, TABLES[name].arrow_schema)
                for name, rows in zip(Rows._fields, time, strict=True)
            )
        )
        for time in (before, now)
    ]
    ranked = rank(*times)
    assert all(0 <= suspect.score <= 1 and words(suspect) for suspect in ranked)

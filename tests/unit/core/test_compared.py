"""Which two times are compared, and what is kept of their rows where they are too many."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_incidents import START_MS, in_lake, incident, usual

from functions.core.schema import TABLES
from functions.core.traces.compared import (
    BACK_MS,
    MARGIN_MS,
    READS,
    USUAL_MS,
    Sample,
    Times,
    chosen,
    shortened,
    usual_before,
)
from functions.core.traces.suspects import Rows, rank

MINUTE = 60_000
ALL_TIMES = (0, START_MS * 2)
BEFORE, NOW = (0, 1), (1, 2)
AT = 100 * 24 * 60 * MINUTE


def kept(rows: Rows, times: Times, sample: Sample) -> Rows:
    """What a sample keeps of rows that come as from files."""
    for table, given_ in zip(READS, in_lake(rows), strict=True):
        parts = [given_.slice(start, 100) for start in range(0, given_.num_rows, 100)]
        # files are read several at a time: what is chosen of them may be more than is kept by now
        for part in [chosen(table, part, ALL_TIMES, sample.one_in) for part in parts]:
            sample.add(table, times, part)
    return sample.rows(times)


def traces(rows: Rows) -> set[str]:
    return {trace for each in rows for trace in each["trace_id"].to_pylist()}


def test_the_usual_time_ends_a_little_before_the_incident_and_is_longer_where_that_is_short() -> None:
    assert usual_before((AT, AT + 10 * MINUTE)) == (AT - MARGIN_MS - USUAL_MS, AT - MARGIN_MS)
    assert usual_before((AT, AT + 90 * MINUTE)) == (AT - MARGIN_MS - 90 * MINUTE, AT - MARGIN_MS)


def test_the_usual_time_goes_around_other_incidents() -> None:
    incident_, other = (AT, AT + 10 * MINUTE), (AT - 60 * MINUTE, AT - 20 * MINUTE)
    # between them is enough for ten minutes, with the margins
    assert usual_before(incident_, [other]) == (AT - 15 * MINUTE, AT - 5 * MINUTE)
    assert usual_before((AT, AT + 11 * MINUTE), [other]) == (AT - 65 * MINUTE - USUAL_MS, AT - 65 * MINUTE)


def test_a_day_of_incidents_has_no_usual_time() -> None:
    assert usual_before((AT, AT + MINUTE), [(AT - BACK_MS, AT)]) is None


@given(
    st.integers(1, 300), st.lists(st.tuples(st.integers(-2000, 400), st.integers(0, 600)).map(lambda t: (t[0], sum(t))))
)
def test_the_usual_time_is_long_enough_and_touches_nothing_that_is_to_be_avoided(
    length: int, others: list[tuple[int, int]]
) -> None:
    avoid = [(AT + begin * MINUTE, AT + end * MINUTE) for begin, end in others]
    found = usual_before((AT, AT + length * MINUTE), avoid)
    if found:
        assert found[0] >= AT - BACK_MS
        assert found[0] + length * MINUTE <= found[1] <= AT - MARGIN_MS
        assert all(end + MARGIN_MS <= found[0] or found[1] <= begin - MARGIN_MS for begin, end in avoid)


def test_a_time_is_shortened_to_its_middle_until_it_fits_or_is_short_enough() -> None:
    assert shortened((0, 80), 5, lambda times: times[1] - times[0] > 20) == (30, 50)
    assert shortened((0, 80), 30, lambda _: True) == (20, 60)


def test_all_rows_are_kept_where_they_fit_and_the_answer_is_that_of_the_rows() -> None:
    before, now = usual(), incident(slow={"stock": 100.0})
    sample = Sample()
    both = kept(before, BEFORE, sample), kept(now, NOW, sample)
    assert sample.one_in == 1
    assert rank(*both) == rank(before, now)


def test_of_too_many_rows_whole_requests_are_kept_and_the_same_share_of_both_times() -> None:
    before, now = usual(requests=300), incident(requests=100, slow={"stock": 100.0})
    sample = Sample(most_rows=3000)
    kept(before, BEFORE, sample), kept(now, NOW, sample)
    both = sample.rows(BEFORE), sample.rows(NOW)
    assert sample.one_in > 1
    assert 1000 < sum(each.num_rows for rows in both for each in rows) <= 3000
    for rows, all_rows in zip(both, (before, now), strict=True):
        chosen_traces = traces(rows)
        assert 0.5 < len(chosen_traces) * sample.one_in / len(traces(all_rows)) < 2
        for part, whole in zip(rows, all_rows, strict=True):
            assert part.num_rows == sum(trace in chosen_traces for trace in whole["trace_id"].to_pylist())
    assert rank(*both)[0].service == "stock"


def test_rows_that_are_large_are_too_many_too() -> None:
    sample = Sample(most_bytes=100_000)
    kept(usual(), BEFORE, sample)
    assert sample.one_in > 1
    assert sum(each.nbytes for each in sample.rows(BEFORE)) <= 100_000


def test_one_request_that_is_too_large_leaves_nothing() -> None:
    sample = Sample(most_rows=10)
    one = pa.Table.from_pylist([{"time": 1, "trace_id": "f" * 32}] * 20, TABLES["spans"].arrow_schema)
    sample.add("spans", NOW, chosen("spans", one, ALL_TIMES, 1))
    assert sample.rows(NOW).spans.num_rows == 0


def test_a_line_that_is_there_twice_is_kept_once() -> None:
    sample = Sample()
    rows = [{"time": 1, "event_id": "e", "row_no": no, "trace_id": "a", "message": "m"} for no in (0, 1, 0)]
    lines = pa.Table.from_pylist(rows, TABLES["logs"].arrow_schema)
    for _ in range(2):
        sample.add("logs", NOW, chosen("logs", lines, ALL_TIMES, 1))
    assert sorted(sample.rows(NOW).logs["row_no"].to_pylist()) == [0, 1]


@pytest.mark.parametrize(
    ("row", "is_kept"),
    [
        ({"time": 10, "trace_id": "a"}, True),
        ({"time": 19, "request_id": "r"}, True),
        ({"time": 9, "trace_id": "a"}, False),
        ({"time": 20, "trace_id": "a"}, False),
        ({"time": 10, "message": "of no request"}, False),
    ],
)
def test_lines_of_the_time_and_of_a_request_are_compared(row: dict[str, object], is_kept: bool) -> None:
    lines = pa.Table.from_pylist([row], TABLES["logs"].arrow_schema)
    assert chosen("logs", lines, (10, 20), 1).num_rows == is_kept


def test_what_nobody_looks_at_takes_no_room() -> None:
    spans = [
        {"time": 1, "trace_id": "a", "kind": "client", "remote_service": "DynamoDB", "span_attributes": "{1}"},
        {"time": 1, "trace_id": "a", "kind": "server", "remote_service": "DynamoDB", "span_attributes": "{2}"},
        {"time": 1, "trace_id": "a", "kind": "client", "span_attributes": "{3}"},
    ]
    found = chosen("spans", pa.Table.from_pylist(spans, TABLES["spans"].arrow_schema), ALL_TIMES, 1)
    assert found["span_attributes"].to_pylist() == ["{1}", None, None]
    long = pa.Table.from_pylist([{"time": 1, "trace_id": "a", "message": "x" * 5000}], TABLES["logs"].arrow_schema)
    assert chosen("logs", long, ALL_TIMES, 1).nbytes < 1000


def test_a_file_of_an_earlier_release_has_no_value_in_columns_that_it_lacks() -> None:
    old = pa.table({"time": pa.array([1], pa.timestamp("ms")), "trace_id": ["a"]})
    assert chosen("spans", old, ALL_TIMES, 1)["remote_service"].to_pylist() == [None]

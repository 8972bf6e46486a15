"""Rows of an hour as they are published."""

import itertools
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core import publish
from functions.core.schema import TABLES, Column, Table

INVOCATIONS = TABLES["invocations"]
HOUR = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * 1000
SECOND, MINUTE = 1_000, 60_000


def rows(table, *values):
    plain = [{"row_no": 0, **value} for value in values]
    return pa.Table.from_pylist(plain, schema=table.arrow_schema)


def start(event_id, at, request="r", **more):
    place = {"log_group": "g", "log_stream": "s", "function_version": "7", "start_time": HOUR + at}
    return {"event_id": event_id, "time": HOUR + at, "request_id": request, **place, **more}


def report(event_id, at, request="r", duration=1000.0, **more):
    place = {"log_group": "g", "log_stream": "s", "status": "success", "duration_ms": duration}
    return {"event_id": event_id, "time": HOUR + at, "request_id": request, **place, **more}


def merged(*stretches, earlier=(), later=(), shown=True):
    """Event id -> start in ms of the rows that are written, and the merger."""
    merger = publish.StartMerger(HOUR, rows(INVOCATIONS, *earlier))
    written = [merger.add(rows(INVOCATIONS, *stretch)) for stretch in stretches]
    written.append(merger.finish(rows(INVOCATIONS, *later), shown=shown))
    table = pa.concat_tables(written)
    began = table["start_time"].cast(pa.int64()).to_pylist()
    ids = table["event_id"].to_pylist()
    assert len(ids) == len(set(ids))
    return {key: None if at is None else at - HOUR for key, at in zip(ids, began, strict=True)}, merger


def test_a_start_becomes_part_of_its_report():
    found, _ = merged([start("s", 0), report("r", 1000)])
    assert found == {"r": 0}


def test_a_start_is_found_in_an_earlier_stretch_of_the_hour():
    found, _ = merged([start("s", 0)], [report("r", 5 * MINUTE, duration=300_000.0)])
    assert found == {"r": 0}


def test_a_start_without_report_stays():
    found, merger = merged([start("s", 0)], [report("other", 20 * MINUTE, request="q")])
    assert found == {"s": 0, "other": None}
    assert not merger.took_earlier


def test_a_report_that_knows_its_start_removes_it():
    found, _ = merged([start("s", 0)], [report("r", 1000, start_time=HOUR)])
    assert found == {"r": 0}


def test_each_try_of_a_request_gets_its_own_start():
    tries = [start("s1", 0), report("r1", 1000), start("s2", 2 * MINUTE), report("r2", 2 * MINUTE + 1000)]
    found, _ = merged(tries)
    assert found == {"r1": 0, "r2": 2 * MINUTE}
    assert merged(tries[:2], tries[2:])[0] == found


def test_a_report_takes_no_start_of_another_try_that_came_first():
    found, _ = merged([start("s1", 0), report("r2", 2 * MINUTE + 1000)])
    assert found == {"s1": 0, "r2": None}


def test_a_report_takes_no_start_of_another_log_stream():
    found, _ = merged([start("s", 0, log_stream="t"), report("r", 1000)])
    assert found == {"s": 0, "r": None}


def test_a_start_of_the_hour_before_is_taken_and_that_hour_is_told():
    found, merger = merged([report("r", 500)], earlier=[start("s", -500)])
    assert found == {"r": -500}
    assert merger.took_earlier


def test_the_hour_before_is_told_of_a_report_that_knew_its_start_already():
    found, merger = merged([report("r", 500, start_time=HOUR - 500)], earlier=[start("s", -500)])
    assert found == {"r": -500}
    assert merger.took_earlier


def test_an_earlier_hours_start_that_is_not_taken_is_not_written():
    found, merger = merged([report("r", 500, request="q")], earlier=[start("s", -500)])
    assert found == {"r": None}
    assert not merger.took_earlier


def test_a_start_leaves_when_the_next_hour_has_it():
    late = 60 * MINUTE - 500
    found, merger = merged([start("s", late)], later=[report("r", 60 * MINUTE + 500, start_time=HOUR + late)])
    assert found == {}
    assert not merger.left_later


def test_a_start_stays_until_queries_see_the_next_hours_report():
    late = 60 * MINUTE - 500
    known = report("r", 60 * MINUTE + 500, start_time=HOUR + late)
    found, _ = merged([start("s", late)], later=[known], shown=False)
    assert found == {"s": late}


def test_a_start_stays_until_the_next_hour_has_it():
    late = 60 * MINUTE - 500
    found, merger = merged([start("s", late)], later=[report("r", 60 * MINUTE + 500)])
    assert found == {"s": late}
    assert merger.left_later


def test_the_other_columns_of_a_report_stay_and_a_known_trace_wins():
    merger = publish.StartMerger(HOUR, publish.empty("invocations"))
    table = merger.add(rows(INVOCATIONS, start("s", 0, trace_id="a"), report("r", 1000, trace_id="b", cost_usd=1.5)))
    (row,) = table.to_pylist()
    assert (row["function_version"], row["trace_id"], row["cost_usd"], row["duration_ms"]) == ("7", "b", 1.5, 1000.0)


@settings(derandomize=True, max_examples=150, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.integers(0, 3500), st.integers(1, 900)), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.lists(st.integers(0, 3600), max_size=4),
)
def test_however_the_hour_is_cut_every_report_has_its_start(invocations, alone, cuts):
    events = []
    for number, (at, seconds) in enumerate(invocations):
        events.append(start(f"s{number}", at * SECOND, request=str(number)))
        if number not in alone:
            end = at * SECOND + seconds * SECOND
            events.append(report(f"r{number}", end, request=str(number), duration=seconds * 1000.0))
    edges = [0, *sorted(cut * SECOND for cut in cuts), 1 << 40]
    stretches = [
        [event for event in events if low <= event["time"] - HOUR < high] for low, high in itertools.pairwise(edges)
    ]
    found, _ = merged(*stretches)
    assert found == {
        (f"s{number}" if number in alone else f"r{number}"): at * SECOND for number, (at, _) in enumerate(invocations)
    }


def test_a_key_is_kept_once_and_rows_of_one_event_are_different_keys():
    table = TABLES["logs"]
    found = publish.one_row_per_key(
        table,
        rows(table, {"event_id": "a", "message": "first"}, {"event_id": "a", "message": "second"},
             {"event_id": "a", "row_no": 1}, {"event_id": "b"}),
    )  # fmt: skip
    assert [(row["event_id"], row["row_no"], row["message"]) for row in found.to_pylist()] == [
        ("a", 0, "first"),
        ("a", 1, None),
        ("b", 0, None),
    ]


def test_of_two_equal_invocations_the_one_that_knows_its_start_stays():
    knowing, other = report("r", 1000, start_time=HOUR), report("r", 1000)
    for order in ((knowing, other), (other, knowing)):
        (row,) = publish.one_row_per_key(INVOCATIONS, rows(INVOCATIONS, *order)).to_pylist()
        assert row["start_time"] is not None


def test_the_highest_version_of_a_key_stays():
    table = Table("things", "Things.", (Column("version", "bigint", "Version."),), ("time",), version="version")
    for versions in ([1, 3, 2], [3, 2, 1]):
        (row,) = publish.one_row_per_key(
            table, rows(table, *({"event_id": "a", "version": version} for version in versions))
        ).to_pylist()
        assert row["version"] == 3


def test_a_file_of_an_older_schema_is_read_in_the_present_one():
    table = TABLES["logs"]
    old = rows(table, {"event_id": "a", "message": "hello"}).drop_columns(["fingerprint", "line"])
    assert publish.conform(table, old).schema.equals(table.arrow_schema)
    assert publish.conform(table, old).to_pylist()[0]["message"] == "hello"


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_every_table_can_be_sorted_and_kept_once(name):
    table = TABLES[name]
    some = rows(table, {"event_id": "b", "time": 2}, {"event_id": "a", "time": 1}, {"event_id": "a", "time": 1})
    assert publish.in_order(table, publish.one_row_per_key(table, some)).num_rows == 2

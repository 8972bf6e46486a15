from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core import histogram, parquet
from functions.core.derived import DERIVE, service_calls, traffic
from functions.core.schema import TABLES

MINUTE_MS = 60_000


def table(name: str, *found: dict[str, Any]) -> pa.Table:
    """Rows of a table of the lake; columns not given are null."""
    schema = TABLES[name].arrow_schema
    return pa.Table.from_pylist([{field.name: row.get(field.name) for field in schema} for row in found], schema=schema)


def request(time: int = 0, **members: Any) -> dict[str, Any]:
    return {
        "time": time,
        "event_id": "e",
        "row_no": 0,
        "tenant": "a",
        "service": "s",
        "route": "GET /",
        "status": 200,
    } | members


def call(**members: Any) -> dict[str, Any]:
    defaults = {"kind": "client", "service": "a", "remote_service": "b", "remote_operation": "get", "status": "ok"}
    return {"time": 0, "event_id": "e", "row_no": 0, "duration_ms": 5.0} | defaults | members


@given(st.floats(min_value=0.001, max_value=1e12))
@settings(derandomize=True, max_examples=200)
def test_a_value_is_known_to_one_per_cent_from_its_bucket(value: float) -> None:
    assert histogram.value(histogram.bucket(value)) == pytest.approx(value, rel=0.0101)


@given(st.lists(st.floats(min_value=-5, max_value=1e16), min_size=1))
@settings(derandomize=True, max_examples=100)
def test_many_values_fall_into_the_same_buckets_as_each_alone(measured: list[float]) -> None:
    assert histogram.buckets(pa.array(measured, pa.float64())).to_pylist() == [
        histogram.bucket(value) for value in measured
    ]


def test_traffic_sums_requests_by_minute_customer_service_and_route() -> None:
    found = traffic(
        table(
            "requests",
            request(0, latency_ms=10.0, request_bytes=1, response_bytes=2),
            request(MINUTE_MS - 1, latency_ms=10.0, status=503),
            request(MINUTE_MS, latency_ms=30.0, status=404),
            request(0, tenant=None, status=None),
        ),
        "chunk",
    ).to_pylist()
    assert [(row["row_no"], row["event_id"]) for row in found] == [(0, "chunk"), (1, "chunk"), (2, "chunk")]
    assert [(row["tenant"], row["requests"], row["errors"], row["client_errors"]) for row in found] == [
        ("a", 2, 1, 0),
        ("a", 1, 0, 1),
        (None, 1, 0, 0),
    ]
    assert (found[0]["request_bytes"], found[0]["response_bytes"], found[0]["latency_sum_ms"]) == (1, 2, 20.0)
    assert [row["latency_histogram"] for row in found] == [[(histogram.bucket(10), 2)], [(histogram.bucket(30), 1)], []]


def test_service_calls_count_calls_by_how_they_ended_and_only_calls() -> None:
    (row,) = service_calls(
        table(
            "spans",
            call(),
            call(status="fault", kind="producer"),
            call(status="throttle"),
            call(kind="server"),
            call(remote_service=None),
        ),
        "chunk",
    ).to_pylist()
    assert (row["caller"], row["callee"], row["operation"], row["calls"]) == ("a", "b", "get", 3)
    assert (row["ok"], row["error"], row["fault"], row["throttle"], row["latency_sum_ms"]) == (1, 0, 1, 1, 15.0)


requests = st.lists(
    st.builds(
        request,
        st.integers(0, 3 * MINUTE_MS),
        tenant=st.sampled_from(["a", "b", None]),
        status=st.sampled_from([200, 404, 500, None]),
        latency_ms=st.one_of(st.none(), st.floats(0, 1e6)),
    ),
    max_size=30,
)


@given(requests, requests)
@settings(derandomize=True, max_examples=60)
def test_sums_of_parts_are_sums_of_all(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    def totals(*tables: pa.Table) -> dict[Any, Counter[Any]]:
        sums: dict[Any, Counter[Any]] = {}
        for row in (row for each in tables for row in each.to_pylist()):
            total = sums.setdefault((row["time"], row["tenant"]), Counter())
            total.update({name: row[name] for name in ("requests", "errors", "client_errors")})
            total.update(dict(row["latency_histogram"]))
        return sums

    parts = (traffic(table("requests", *rows), "c") for rows in (first, second))
    assert totals(*parts) == totals(traffic(table("requests", *first, *second), "c"))


@pytest.mark.parametrize("name", sorted(DERIVE))
def test_an_aggregate_of_nothing_is_nothing_in_the_schema_of_its_table(name: str) -> None:
    derived = DERIVE[name](table(TABLES[name].derived_from or ""), "chunk")
    assert derived.num_rows == 0
    assert derived.schema == TABLES[name].arrow_schema


def test_parquet_keeps_rows_and_schema_and_dictionaries_only_where_values_are_few() -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = table("requests", *[request(number, path=f"/{number}") for number in range(50)])
    file = pq.ParquetFile(pa.BufferReader(parquet.encode("requests", rows)))
    assert file.read() == rows
    columns = {
        file.metadata.row_group(0).column(i).path_in_schema: file.metadata.row_group(0).column(i) for i in range(20)
    }
    assert "RLE_DICTIONARY" in columns["tenant"].encodings
    assert "RLE_DICTIONARY" not in columns["path"].encodings
    assert columns["tenant"].compression == "ZSTD"

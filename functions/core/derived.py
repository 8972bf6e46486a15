"""Aggregates that are computed from the rows of another table: traffic from requests, service_calls from spans,
error_groups from logs.

The same functions make the partial aggregates of a batch and those of a settled hour; sums of parts are sums of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from functions.core import histogram
from functions.core.schema import TABLES

_PLACE = ("account", "region", "source")
_CALLING_KINDS = pa.array(["client", "producer"])
_OF_CALLS = ("service", "remote_service", "remote_operation", "status", "duration_ms")
_CALL_STATUSES = ("ok", "error", "fault", "throttle")
_OF_ERRORS = ("time", *_PLACE, "fingerprint", "service", "tenant", "error_type", "level", "message")
EXAMPLE_CHARACTERS = 300
"""An example says what an error is about; the whole message is in `logs`."""


def traffic(requests: pa.Table, event_id: str) -> pa.Table:
    """Rows of ``requests`` summed by minute, place, customer, service and route."""
    status = pc.fill_null(requests["status"], 0)
    measures = {
        "requests": pc.cast(pc.is_valid(requests["event_id"]), pa.int64()),
        "errors": pc.cast(pc.greater_equal(status, 500), pa.int64()),
        "client_errors": pc.cast(pc.and_(pc.greater_equal(status, 400), pc.less(status, 500)), pa.int64()),
        "request_bytes": pc.fill_null(requests["request_bytes"], 0),
        "response_bytes": pc.fill_null(requests["response_bytes"], 0),
        "latency_sum_ms": pc.fill_null(requests["latency_ms"], 0.0),
    }
    groups = {name: requests[name] for name in ("tenant", "service", "route")}
    return _summed("traffic", requests, groups, measures, requests["latency_ms"], event_id)


def service_calls(spans: pa.Table, event_id: str) -> pa.Table:
    """Client and producer spans that name what they call, summed by minute, place, caller, callee and operation."""
    calling = pc.and_(pc.is_in(spans["kind"], _CALLING_KINDS), pc.is_valid(spans["remote_service"]))
    calls = spans.select(["time", *_PLACE, *_OF_CALLS]).filter(calling)
    measures = {"calls": pc.cast(pc.is_valid(calls["time"]), pa.int64())}
    for status in _CALL_STATUSES:
        measures[status] = pc.cast(pc.fill_null(pc.equal(calls["status"], status), False), pa.int64())
    measures["latency_sum_ms"] = pc.fill_null(calls["duration_ms"], 0.0)
    groups = {"caller": calls["service"], "callee": calls["remote_service"], "operation": calls["remote_operation"]}
    return _summed("service_calls", calls, groups, measures, calls["duration_ms"], event_id)


def error_groups(logs: pa.Table, event_id: str) -> pa.Table:
    """Log lines with a fingerprint, counted by minute, place, fingerprint, service and customer."""
    failing = pc.is_valid(logs["fingerprint"])
    if not pc.any(failing, min_count=0).as_py():
        return TABLES["error_groups"].arrow_schema.empty_table()
    lines = logs.select(_OF_ERRORS).filter(failing)
    keys = ("time", *_PLACE, "fingerprint", "service", "tenant")
    columns = {name: lines[name] for name in keys}
    columns["time"] = pc.floor_temporal(lines["time"], unit="minute")
    columns["error_type"] = pc.coalesce(lines["error_type"], lines["level"])
    columns["example"] = pc.utf8_slice_codeunits(lines["message"], 0, EXAMPLE_CHARACTERS)
    counted = (
        pa.table(columns)
        .group_by(list(keys), use_threads=False)
        .aggregate([("fingerprint", "count"), ("error_type", "first"), ("example", "first")])
    )
    found = {name: counted[name] for name in keys}
    found["occurrences"] = counted["fingerprint_count"]
    found |= {name: counted[f"{name}_first"] for name in ("error_type", "example")}
    return _rows("error_groups", found, event_id)


DERIVE: dict[str, Callable[[pa.Table, str], pa.Table]] = {
    "traffic": traffic,
    "service_calls": service_calls,
    "error_groups": error_groups,
}


def _summed(
    name: str, base: pa.Table, groups: dict[str, Any], measures: dict[str, Any], latency: Any, event_id: str
) -> pa.Table:
    """One row per group: sums of the measures, and the histogram of the latencies as a map.

    ``event_id`` becomes the key of the rows together with their number.
    """
    minute = pc.floor_temporal(base["time"], unit="minute")
    by = {"time": minute, **{column: base[column] for column in _PLACE}, **groups}
    keys = list(by)
    flat = pa.table({**by, **measures, "bucket": histogram.buckets(latency)})
    flat = flat.append_column("count", pc.cast(pc.is_valid(flat["bucket"]), pa.int64()))
    sums = [*measures, "count"]
    cells = flat.group_by([*keys, "bucket"], use_threads=False).aggregate([(column, "sum") for column in sums])
    rows = cells.group_by(keys, use_threads=False).aggregate(
        [(f"{column}_sum", "sum") for column in measures] + [("bucket", "list"), ("count_sum", "list")]
    )
    columns = {key: rows[key] for key in keys}
    columns |= {column: rows[f"{column}_sum_sum"] for column in measures}
    columns["latency_histogram"] = _as_maps(rows["bucket_list"], rows["count_sum_list"])
    return _rows(name, columns, event_id)


def _rows(name: str, columns: dict[str, Any], event_id: str) -> pa.Table:
    """Rows of a table, keyed by the event_id and their number; columns that are not given are null."""
    count = len(columns["time"])
    columns["event_id"] = pa.array([event_id] * count, pa.string())
    columns["row_no"] = pa.array(range(count), pa.int32())
    return pa.table(
        [
            columns[field.name] if field.name in columns else pa.nulls(count, field.type)
            for field in TABLES[name].arrow_schema
        ],
        schema=TABLES[name].arrow_schema,
    )


def _as_maps(bucket_lists: pa.ChunkedArray, count_lists: pa.ChunkedArray) -> pa.MapArray:
    """Lists of buckets and of their counts as one map per row; latencies that are not known are in none."""
    parents = pc.list_parent_indices(bucket_lists)
    buckets, counts = pc.list_flatten(bucket_lists), pc.list_flatten(count_lists)
    known = pc.is_valid(buckets)
    cells = pa.table({"row": parents, "bucket": buckets, "count": counts}).filter(known).combine_chunks()
    per_row = dict(zip(*(column.to_pylist() for column in pc.value_counts(cells["row"]).flatten()), strict=True))
    offsets, total = [0], 0
    for row in range(len(bucket_lists)):
        total += per_row.get(row, 0)
        offsets.append(total)
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.concat_arrays(cells["bucket"].chunks or [pa.array([], pa.int32())]),
        pa.concat_arrays(cells["count"].chunks or [pa.array([], pa.int64())]),
    )

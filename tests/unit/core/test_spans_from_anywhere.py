"""Whatever stands in a document of spans: its event is stored with rows or refused without any, and never both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from feeding import NOW_MS, payload, span, taken
from hypothesis import given, settings
from hypothesis import strategies as st

_HEX = "5b8efff798038103d269b633813fc60c"
_SECONDS = NOW_MS / 1000
_OTLP_SPAN = {
    "traceId": _HEX,
    "spanId": _HEX[:16],
    "name": "a",
    "kind": 2,
    "startTimeUnixNano": str(NOW_MS * 10**6),
    "endTimeUnixNano": NOW_MS * 10**6 + 1,
    "attributes": [
        {"key": "http.status_code", "value": {"intValue": "200"}},
        {"key": "aws.local.service", "value": {"stringValue": "orders"}},
    ],
    "events": [{"name": "exception", "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}]}],
    "links": [{"traceId": _HEX, "spanId": _HEX[:16]}],
    "status": {"code": 2},
}
_SEGMENT = {
    "trace_id": "1-5b8efff7-98038103d269b633813fc60c",
    "id": _HEX[:16],
    "name": "a",
    "start_time": _SECONDS,
    "end_time": _SECONDS + 1,
    "http": {"request": {"method": "GET"}, "response": {"status": 200}},
    "aws": {"operation": "GetItem"},
    "annotations": {"tenant_id": "acme"},
    "cause": {"exceptions": [{"id": _HEX[:16], "type": "E", "message": "m"}]},
    "links": [{"trace_id": "1-5b8efff7-98038103d269b633813fc60c", "id": _HEX[:16]}],
    "subsegments": [{"id": _HEX[16:], "name": "b", "start_time": _SECONDS, "end_time": _SECONDS, "namespace": "aws"}],
}
_DOCUMENTS: list[dict[str, Any]] = [
    {
        "resourceSpans": [
            {"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": [_OTLP_SPAN, {**_OTLP_SPAN}]}]}
        ]
    },
    {
        "resourceLogs": [
            {"resource": {"attributes": []}, "scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}
        ]
    },
    _SEGMENT,
    {
        "Traces": [
            {"Id": _SEGMENT["trace_id"], "Segments": [{"Document": json.dumps(_SEGMENT)}, {"Document": _SEGMENT}]}
        ]
    },
    {"TraceSegmentDocuments": [json.dumps(_SEGMENT)]},
    {
        "name": "a",
        "context": {"trace_id": f"0x{_HEX}", "span_id": f"0x{_HEX[:16]}"},
        "start_time": "2026-09-21T14:13:20Z",
        "status": {"status_code": "OK"},
        "attributes": {},
        "links": [{"context": {"trace_id": f"0x{_HEX}"}}],
        "resource": {"service.name": "a"},
    },
    {
        "events": [
            {"id": 1, "type": "ExecutionStarted", "timestamp": _SECONDS, "previousEventId": 0},
            {"id": 2, "type": "PassStateEntered", "timestamp": _SECONDS, "previousEventId": 0},
            {"id": 3, "type": "ExecutionFailed", "timestamp": _SECONDS, "previousEventId": 2},
        ]
    },
    {
        "id": "1",
        "type": "ExecutionStarted",
        "details": {"input": "{}"},
        "previous_event_id": "0",
        "event_timestamp": str(NOW_MS),
        "execution_arn": "arn:aws:states:eu-west-1:111111111111:express:orders:8edab1f8:1",
    },
    span(),
]
_GONE = object()
_JUNK = st.sampled_from(
    [
        _GONE,
        *(None, True, -1, 0, 2**63, 2**70, 1e300, "", "x" * 40, "0x", "-", "\ud800", "\x00", _HEX, "tracelake-main-x"),
        *([], [None], [[]], ["x"], {}, {"x": {}}, {"": ""}, {"key": "a"}, {"stringValue": 1}, {"exceptions": {}}),
    ]
)


def _paths(within: Any) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document, at any depth."""
    for place in list(within) if isinstance(within, dict) else range(len(within)) if isinstance(within, list) else ():
        yield (place,)
        yield from ((place, *path) for path in _paths(within[place]))


def _spoil(document: Any, path: tuple[Any, ...], junk: Any) -> None:
    """Replaces what stands there, or takes it out."""
    *way, last = path
    for place in way:
        document = document[place]
    if junk is _GONE:
        del document[last]
    else:
        document[last] = deepcopy(junk)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_DOCUMENTS), st.integers(1, 3), st.data())
def test_a_spoiled_document_is_stored_or_refused(document: dict[str, Any], times: int, data: st.DataObject) -> None:
    document = json.loads(json.dumps(document))  # so that no part stands in it twice
    for _ in range(times):
        paths = list(_paths(document))
        if paths:
            _spoil(document, data.draw(st.sampled_from(paths)), data.draw(_JUNK))
    normalizer = taken(payload(document))
    rows = sum(part.rows.num_rows for part in normalizer.flush("chunk") if part.table != "service_calls")
    counts = normalizer.counts
    assert counts.events == counts.stored + counts.rejected == 1
    assert (rows > 0) == (counts.stored == 1), normalizer.rejected

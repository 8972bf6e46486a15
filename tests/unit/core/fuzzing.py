"""Telemetry of every format, and what can go wrong with it on its way: for tests that try a lot of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from feeding import GROUP, NOW_MS, REPORT, REQUEST, span
from test_deployments import API_CALL, STACK_EVENT
from test_performance import POD, STREAM
from test_text_logs import TRACES

_TIME = "2026-09-21T14:13:20.113Z"
_PLATFORM = (
    ("initStart", {"initializationType": "on-demand", "phase": "init"}),
    ("initRuntimeDone", {"status": "success"}),
    ("initReport", {"phase": "invoke", "status": "error", "errorType": "E", "metrics": {"durationMs": 1}}),
    ("start", {"requestId": REQUEST, "version": "1"}),
    ("runtimeDone", {"requestId": REQUEST, "status": "timeout"}),
    ("report", {"requestId": REQUEST, "status": "error", "metrics": {"durationMs": 1, "memorySizeMB": 128}}),
    ("end", {"requestId": REQUEST}),
    ("restoreStart", {}),
    ("restoreReport", {"status": "failure"}),
    ("extension", {"name": "x", "state": "Ready"}),
    ("logsDropped", {"droppedRecords": 1}),
    ("fault", f"RequestId: {REQUEST} Process exited before completing request"),
)
_DIRECTIVE = {
    "Namespace": "n",
    "Dimensions": [["service"], []],
    "Metrics": [{"Name": "x", "Unit": "Count"}, {"Name": "y"}],
}

_OTLP = {
    "traceId": "6759b1c50e59b643038a6a070e115043",
    "spanId": "2a22ad6d7aeb6ef2",
    "name": "GET",
    "kind": 2,
    "startTimeUnixNano": str(NOW_MS * 1_000_000),
    "endTimeUnixNano": str(NOW_MS * 1_000_000 + 5),
    "status": {"code": 2},
}
_SEGMENT = {
    "trace_id": "1-6759b1c5-0e59b643038a6a070e115043",
    "id": "2a22ad6d7aeb6ef2",
    "name": "checkout",
    "start_time": NOW_MS / 1000,
    "end_time": NOW_MS / 1000 + 0.5,
    "cause": {"exceptions": [{"id": "e", "message": "m"}]},
    "subsegments": [{"id": "1a22ad6d7aeb6ef2", "name": "DynamoDB", "start_time": NOW_MS / 1000, "in_progress": True}],
}
_STATE = {
    "id": "1",
    "execution_arn": "arn:aws:states:eu-west-1:1:execution:m:e",
    "event_timestamp": str(NOW_MS),
    "details": {"name": "Charge", "input": "{}"},
}

OBJECTS: tuple[dict[str, Any], ...] = (
    {"level": "ERROR", "message": "m", "tenant_id": "acme", "xray_trace_id": "1-66828c55-2bb635c65eb609c820ebe7bc"},
    {"level": "INFO", "fields": {"message": "m"}, "span": {"requestId": REQUEST}, "timestamp": _TIME},
    {"errorType": "E", "errorMessage": "m", "stackTrace": [{"path": "a.go", "line": 1, "label": "main.f"}]},
    {
        "_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [_DIRECTIVE]},
        "service": "s",
        "x": [1, 2],
        "y": 3,
        "z": {"a": 1},
    },
    {
        "_aws": {"CloudWatchMetrics": [_DIRECTIVE]},
        "x": {"Max": 1, "Min": 1, "Sum": 1, "Count": 1},
        "y": {"Values": [1]},
    },
    POD,
    {**POD, "CloudWatchMetrics": [_DIRECTIVE]},
    {"prom_metric_type": "gauge", "job": "j", "x_total": 5, "Timestamp": NOW_MS},
    STREAM,
    {"event_type": "usage", "tenant": "acme", "feature": "export", "quantity": 2},
    {"event_type": "setting_changed", "tenant": "acme", "setting": "theme", "old": 1, "new": {"a": 2}},
    {"event_type": "webhook", "tenant": "acme", "path": "/a", "status": 200},
    {"event_type": "deployment", "commit": "1f2e3d", "service": "checkout", "version": "7", "status": "failed"},
    {"event_type": "configuration_changed", "function": "checkout", "action": "updated", "changes": {"a": {"old": 1}}},
    STACK_EVENT,
    API_CALL,
    {"detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "detail": API_CALL},
    {
        "requestId": "r",
        "httpMethod": "GET",
        "routeKey": "GET /a",
        "status": "200",
        "responseLatency": "12",
        "ip": "10.0.0.1",
    },
    span(),
    *({"time": _TIME, "type": f"platform.{kind}", "record": record} for kind, record in _PLATFORM),
    {"time": _TIME, "type": "function", "record": {"level": "WARN", "message": "m"}},
)
SPANS: tuple[dict[str, Any], ...] = (
    {
        "resourceSpans": [
            {"resource": {"attributes": []}, "scopeSpans": [{"spans": [_OTLP, {**_OTLP, "spanId": "2" * 16}]}]}
        ]
    },
    {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "m"}, "severityText": "ERROR"}]}]}]},
    _SEGMENT,
    {
        "Traces": [
            {"Id": "1-6759b1c5-0e59b643038a6a070e115043", "Segments": [{"Id": "a", "Document": json.dumps(_SEGMENT)}]}
        ]
    },
    *(_STATE | members for members in ({"type": "ExecutionStarted"}, {"type": "TaskStateEntered", "id": "2"})),
)
"""Documents whose rows are named by their spans, and not by the event that brought them."""

TEXTS: tuple[str, ...] = (
    f"START RequestId: {REQUEST} Version: 7\n",
    f"END RequestId: {REQUEST}\n",
    REPORT,
    REPORT.rstrip("\n") + "Init Duration: 12 ms\tStatus: timeout\nXRAY TraceId: 1-5d83c0ad-b8eb33a0b1de97d804fac890",
    "INIT_START Runtime Version: python:3.13.v5",
    "RESTORE_REPORT Restore Duration: 90.10 ms",
    "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE]",
    f"{_TIME}\t{REQUEST}\tERROR\tInvoke Error \t" + '{"errorType":"E","errorMessage":"m","stack":["E: m"]}',
    f"{_TIME}\t{REQUEST}\tINFO\t" + '{"message": "m", "tenant": "acme"}',
    f"[ERROR]\t{_TIME}\t{REQUEST}\tm",
    f"{_TIME} {REQUEST} Task timed out after 3.00 seconds",
    f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed",
    "E, [2026-01-01T00:00:00.000000 #8] ERROR -- : m",
    "{'level': 'ERROR', 'message': 'm', 'ok': True}",
    "plain",
    *("\n".join(lines) for lines in TRACES.values()),
    *(line for lines in TRACES.values() for line in lines),
)
GROUPS = (GROUP, "aws/spans", "/shop/logs", "/aws/containerinsights/shop/performance", "/tracelake/main/normalize")

_JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        2**70,
        1e308,
        float("nan"),
        float("-inf"),
        "",
        "NaN",
        "-",
        "x" * 5000,
        "\0",
        "\ud800",
        "\u202e",
    ),
    *([], {}, [None], [[]], {"": None}, [1, "two", None], {"a": {"b": [{"c": 1}]}}, _TIME, NOW_MS * 1000, "1e999"),
)
_TOKENS = (
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    "\n",
    "\t",
    "\0",
    "\x1b[",
    "'",
    ":",
    ",",
    "NaN",
    "\\ud800",
    "é",
    "0x",
    "RequestId: ",
)


def messages(random: Random, count: int, objects: tuple[dict[str, Any], ...] = OBJECTS) -> list[str]:
    """So many lines of all formats, most of them damaged."""
    return [_message(random, objects) for _ in range(count)]


def _message(random: Random, objects: tuple[dict[str, Any], ...]) -> str:
    if random.random() < 0.5:
        value = json.loads(json.dumps(random.choice(objects)))
        for _ in range(random.randrange(4)):
            _change_member(random, value)
        text = repr(value) if random.random() < 0.05 else json.dumps(value, ensure_ascii=random.random() < 0.5)
    else:
        text = random.choice(TEXTS)
    for _ in range(random.choice((0, 0, 0, 1, 1, 3))):
        text = random.choice(_DAMAGES)(random, text)
    return text


def _change_member(random: Random, value: dict[str, Any]) -> None:
    """Drops, renames, repeats, nests or swaps a member somewhere in an object."""
    places: list[Any] = list(_containers(value))
    place = random.choice(places)
    if not place:
        return
    key = random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))
    kind = random.randrange(5)
    if kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, dict):
        place[random.choice(("", "a.b", "_aws", "level", "record", "event_type", "spanId", "ClusterName"))] = place.pop(
            key
        )
    elif kind == 2:
        other = random.choice(places)
        found = other[random.choice(list(other))] if isinstance(other, dict) and other else other
        place[key] = json.loads(json.dumps(found, default=str))
    elif kind == 3:
        place[key] = [place[key]] if random.random() < 0.5 else {"nested": place[key]}
    else:
        place[key] = deepcopy(random.choice(_JUNK))


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _containers(item)


def _cut(random: Random, text: str) -> str:
    return text[: random.randrange(len(text) + 1)]


def _behead(random: Random, text: str) -> str:
    return text[random.randrange(len(text) + 1) :]


def _insert(random: Random, text: str) -> str:
    place = random.randrange(len(text) + 1)
    return text[:place] + random.choice(_TOKENS) * random.choice((1, 1, 3, 200)) + text[place:]


def _flip(random: Random, text: str) -> str:
    if not text:
        return text
    place = random.randrange(len(text))
    return text[:place] + chr(ord(text[place]) ^ (1 << random.randrange(7))) + text[place + 1 :]


def _repeat(random: Random, text: str) -> str:
    start = random.randrange(len(text) + 1)
    part = text[start : start + random.randrange(1, 40)]
    return text[:start] + part * random.choice((2, 3, 100)) + text[start:]


def _splice(random: Random, text: str) -> str:
    return _cut(random, text) + _behead(random, random.choice(TEXTS))


_DAMAGES: tuple[Callable[[Random, str], str], ...] = (_cut, _behead, _insert, _flip, _repeat, _splice)


def damaged_bytes(random: Random, record: bytes) -> bytes:
    """A stream record with a few wrong, missing or doubled bytes."""
    data = bytearray(record)
    for _ in range(random.randrange(1, 6)):
        place = random.randrange(len(data) + 1)
        kind = random.randrange(3)
        if kind == 0:
            data[place : place + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            del data[place : place + random.randrange(1, 50)]
        else:
            data[place:place] = data[place : place + random.randrange(1, 50)]
    return bytes(data)

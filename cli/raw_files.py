"""Files of raw telemetry, brought into the form in which they would come on the stream."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from functions.core import documents, values

AUTO, PAYLOAD, LINES, JSON_LINES = "auto", "payload", "lines", "json"
FORMATS = (AUTO, PAYLOAD, JSON_LINES, LINES)
"""What ``--format`` takes: found out, subscription payloads, JSON documents that are events, lines of text."""

MAX_JSON_DEPTH = 64
MAX_LITERAL_BYTES = 1 << 20

_CONTINUES = re.compile(r"[ \t]+\S|XRAY TraceId:|Traceback \(most recent call last\)|Caused by: ")
_ENDS_TRACEBACK = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b")
_TIME_IN_LINE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_TIME_NAMES = ("time", "timestamp", "Timestamp", "@timestamp", "ts", "eventTime", "requestTimeEpoch", "requestTime")
_API_OUTPUT = frozenset(
    {"events", "searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken", "ResponseMetadata"}
)
_WHERE_A_TIME_STANDS = 80

Event = dict[str, Any]


def stream_records(payload: bytes, name: str, modified_ms: int, format: str) -> Iterator[bytes]:
    """Records as the stream would bring them: subscription payloads as they are, all else wrapped into one.

    ``name`` names the events (``<name>:<number>``), ``modified_ms`` is their time until a line says one. What is no
    text is yielded as it is.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield payload
        return
    if format == LINES:
        found: Iterator[tuple[str, Any]] = _lines(text, with_documents=False)
    elif format == AUTO:
        literal = _python_literal(text)
        found = iter([(json.dumps(literal), literal)]) if literal is not None else _lines(text, with_documents=True)
    else:
        found = documents.split(text, MAX_JSON_DEPTH)
    loose: list[Event] = []
    for document, value in found:
        for record in _unwrapped(document, value, format):
            if isinstance(record, bytes):
                yield record
            else:
                loose.append(record)
    if loose:
        yield _as_payload(loose, name, modified_ms)


def _unwrapped(document: str, value: Any, format: str) -> Iterator[bytes | Event]:
    """The payloads in a document as bytes, or the events in it."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from _unwrapped(json.dumps(item, ensure_ascii=False), item, format)
        return
    if not isinstance(value, dict) or format == JSON_LINES:
        yield {"message": document}
        return
    records = list(documents.records(document, value))
    if len(records) > 1 or records[0][1] is not value:
        for inner, record in records:
            yield from _unwrapped(inner, record, format)
        return
    logs = value.get("awslogs")
    if isinstance(logs, dict) and isinstance(logs.get("data"), str):
        try:
            yield base64.b64decode(logs["data"], validate=True)
        except binascii.Error:
            yield {"message": document}
    elif "logEvents" in value and "messageType" in value:
        yield document.encode(errors="backslashreplace")
    elif (
        isinstance(value.get("events"), list)
        and value.keys() <= _API_OUTPUT
        and all(map(_is_api_event, value["events"]))
    ):
        yield from (_of_api_event(event) for event in value["events"])
    elif _is_api_event(value):
        yield _of_api_event(value)
    else:
        yield {"message": document, "timestamp": _time_of(value)}


def _is_api_event(value: Any) -> bool:
    """An event as FilterLogEvents and GetLogEvents return it; SDKs differ in the case of the first letter."""
    if not isinstance(value, dict):
        return False
    names = {name.lower() for name in value}
    return (
        {"timestamp", "message", "ingestiontime"}
        <= names
        <= {
            "timestamp",
            "message",
            "ingestiontime",
            "eventid",
            "logstreamname",
            "ptr",
        }
    )


def _of_api_event(value: Event) -> Event:
    members = {name.lower(): member for name, member in value.items()}
    event = {"message": values.text(members["message"]) or "", "timestamp": values.time_ms(members["timestamp"])}
    event |= {key: members[name] for key, name in (("id", "eventid"), ("stream", "logstreamname")) if name in members}
    return event


def _time_of(value: Event) -> int | None:
    return next((time for name in _TIME_NAMES if (time := values.time_ms(value.get(name))) is not None), None)


def _as_payload(events: list[Event], name: str, modified_ms: int) -> bytes:
    """Events as one subscription payload; an event without a time has the one of the event before it."""
    time, entries = modified_ms, []
    for number, event in enumerate(events):
        message = event["message"]
        match = _TIME_IN_LINE.search(message, 0, _WHERE_A_TIME_STANDS) if "timestamp" not in event else None
        time = event.get("timestamp") or (match and values.time_ms(match[0])) or time
        entries.append({"id": event.get("id") or f"{name}:{number}", "timestamp": time, "message": message})
    stream = next((event["stream"] for event in events if "stream" in event), name)
    payload = {"messageType": "DATA_MESSAGE", "owner": "", "logGroup": "", "logStream": stream, "logEvents": entries}
    return json.dumps(payload).encode()


def _lines(text: str, with_documents: bool) -> Iterator[tuple[str, Any]]:
    """Events of a log file: lines with what continues them, and JSON documents over several lines."""
    position, pending = 0, ""
    while position < len(text):
        if with_documents and text[position] in "{[":
            try:
                end, value = documents.document_at(text, position, MAX_JSON_DEPTH)
            except documents.NotJsonError:
                pass
            else:
                if pending:
                    yield pending, pending
                    pending = ""
                yield text[position:end], value
                position = _next_line(text, end)
                continue
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].rstrip("\r")
        if pending and _continues(pending, line):
            pending += "\n" + line
        else:
            if pending:
                yield pending, pending
            pending = line
        position = end + 1
    if pending:
        yield pending, pending


def _next_line(text: str, position: int) -> int:
    """Start of what follows a document: the next document or line, without the white space and commas between."""
    match = re.compile(r"[ \t,]*(?:\r?\n)*").match(text, position)
    return match.end() if match else position


def _continues(event: str, line: str) -> bool:
    if _CONTINUES.match(line):
        return True
    return "Traceback (most recent" in event and "\n" in event and bool(_ENDS_TRACEBACK.match(line))


def _python_literal(text: str) -> Any:
    """A list of records as Python prints it, as an extension that logs its input writes them; None for all else."""
    if not text.startswith(("[{'", "{'")) or len(text) > MAX_LITERAL_BYTES:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None

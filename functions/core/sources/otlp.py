"""OpenTelemetry's own JSON: documents of traces and of logs, and the spans that SDKs print.

OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) writes ids in hex; what goes through
protobuf's own mapping to JSON writes them in base64. Until version 0.15 scopes were ``instrumentationLibrary``.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import msgspec

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.piles import Reader
from functions.core.rows import Event
from functions.core.sources import json_logs, span_rows, spans
from functions.core.sources.span_rows import Found, SetTime
from functions.core.sources.spans import Span, flat_attributes, otlp_value
from functions.core.traces.times import nanoseconds
from functions.core.traces.trace_ids import as_hex

READER = Reader("otlp", spans.shapes, spans.read)
SDK_READER = Reader("otel_sdk", spans.shapes, spans.read)
LOG_READER = Reader("otlp", json_logs.shapes, json_logs.read)

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_NULL = msgspec.Raw(b"null")


class _Scope(msgspec.Struct):
    scope: msgspec.Raw = _NULL
    instrumentationLibrary: msgspec.Raw = _NULL  # noqa: N815
    spans: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct):
    resource: msgspec.Raw = _NULL
    scopeSpans: list[_Scope] | None = None  # noqa: N815
    instrumentationLibrarySpans: list[_Scope] | None = None  # noqa: N815


class _Traces(msgspec.Struct):
    resourceSpans: list[_Resource]  # noqa: N815


_decode = msgspec.json.Decoder(_Traces).decode


def read_traces(event: Event, context: Context, set_time: SetTime) -> bool:
    """Adds the spans of a document with ``resourceSpans``, which is the event's line; False where it holds none."""
    found = [
        _found(written, of_resource.resource, scope.scope if scope.scope != _NULL else scope.instrumentationLibrary)
        for of_resource in _decode(event.line).resourceSpans
        for scope in of_resource.scopeSpans or of_resource.instrumentationLibrarySpans or ()
        for written in scope.spans or ()
    ]
    if found:
        span_rows.add(event, found, READER, context, set_time)
    return bool(found)


def _found(written: msgspec.Raw, resource: msgspec.Raw, scope: msgspec.Raw) -> Found:
    try:
        span = spans.decode(written)
    except msgspec.MsgspecError:
        return Found(Span(attributes=written), {})
    span.traceId, span.spanId, span.parentSpanId = map(as_hex, (span.traceId, span.spanId, span.parentSpanId))
    for link in span.links if isinstance(span.links, list) else ():
        if isinstance(link, dict):
            link |= {name: as_hex(link.get(name)) for name in ("traceId", "spanId")}
    for entry in span.events if isinstance(span.events, list) else ():
        if isinstance(entry, dict) and "attributes" in entry:
            entry["attributes"] = flat_attributes(entry["attributes"])
    span.resource, span.scope = resource, scope
    return Found(span, spans.attributes_of(span)[0])


def is_sdk_span(line: dict[str, Any]) -> bool:
    """Whether a line is a span as OpenTelemetry's SDK for Python writes it with ``to_json``."""
    own = line.get("context")
    return isinstance(own, dict) and "trace_id" in own and "span_id" in own and "start_time" in line


def read_sdk_span(event: Event, line: dict[str, Any], context: Context, set_time: SetTime) -> bool:
    """Adds the row of such a span."""
    own, resource = line["context"], line.get("resource")
    if not isinstance(resource, dict) or "attributes" not in resource:
        resource = {"attributes": resource}
    written_links = line.get("links")
    links = [_sdk_link(link) for link in written_links] if isinstance(written_links, list) else None
    span = Span(
        as_hex(own["trace_id"]),
        as_hex(own["span_id"]),
        as_hex(line.get("parent_id")),
        line.get("name"),
        line.get("kind"),
        nanoseconds(line["start_time"]),
        nanoseconds(line.get("end_time")),
        span_rows.raw(line.get("status") or {}),
        span_rows.raw(line.get("attributes") or {}),
        line.get("events"),
        links,
        own.get("trace_state") if own.get("trace_state") != "[]" else None,
        span_rows.raw(resource),
    )
    span_rows.add(event, [Found(span, spans.attributes_of(span)[0])], SDK_READER, context, set_time)
    return True


def _sdk_link(link: Any) -> dict[str, Any]:
    own = link.get("context") if isinstance(link, dict) else None
    own = own if isinstance(own, dict) else {}
    return {"traceId": as_hex(own.get("trace_id")), "spanId": as_hex(own.get("span_id"))}


def read_logs(event: Event, line: dict[str, Any], context: Context, set_time: SetTime) -> bool:
    """Adds the records of a document with ``resourceLogs`` as log lines; False where it holds none."""
    records = [
        (record, flat_attributes(_member(of_resource, "resource").get("attributes")))
        for of_resource in _objects(line, "resourceLogs")
        for scope in _objects(of_resource, "scopeLogs") + _objects(of_resource, "instrumentationLibraryLogs")
        for record in _objects(scope, "logRecords")
    ]
    lines = [_log_line(record, resource) for record, resource in records]
    for fields in lines:
        for name in (*json_logs.SERVICE, "function_name"):
            if (values.text(fields.get(name)) or "").startswith(context.own_services):
                raise OwnEventError(f"log of own service {fields[name]}")
    for row_no, (fields, (record, _)) in enumerate(zip(lines, records, strict=True)):
        row = copy(event)
        row.line = values.text(fields) or ""
        time = spans.nanos(record.get("timeUnixNano")) or spans.nanos(record.get("observedTimeUnixNano"))
        if time is not None:
            set_time(row, time // 1_000_000)
        context.add(LOG_READER, row, fields, row_no=row_no)
    return bool(lines)


def _log_line(record: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    """A log record as a JSON log line: its own members by the names that lines have, beside its attributes."""
    fields = {
        "level": _level(record.get("severityNumber"), record.get("severityText")),
        "message": otlp_value(record.get("body")),
        "service": resource.get("service.name"),
        "function_name": resource.get("faas.name"),
        "trace_id": as_hex(record.get("traceId")),
        "span_id": as_hex(record.get("spanId")),
    }
    fields = {name: value for name, value in fields.items() if value not in (None, "")}
    return fields | {"resource": resource} | flat_attributes(record.get("attributes")) | fields


def _level(number: Any, text: Any) -> Any:
    """The level by the number (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber), or as
    it is written."""
    if type(number) is int and 1 <= number <= 4 * len(_SEVERITIES):
        return _SEVERITIES[(number - 1) // 4]
    if text or type(number) is not str:
        return text
    return number.removeprefix("SEVERITY_NUMBER_").rstrip("234")


def _objects(within: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list that is a member."""
    found = within.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _member(within: dict[str, Any], name: str) -> dict[str, Any]:
    found = within.get(name)
    return found if isinstance(found, dict) else {}

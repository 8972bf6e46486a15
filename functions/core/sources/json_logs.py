"""Structured log lines: Powertools, Lambda's JSON format, and any other JSON.

Each column has the names that libraries give to it; the whole line goes to ``line``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.core import documents, stack_traces, values
from functions.core.context import Context, OwnEventError
from functions.core.fingerprint import failure, fingerprint
from functions.core.meaning.lookup import label
from functions.core.piles import Pile, Reader, any_starts, cells, mapped, of_type
from functions.core.rows import Cells, Same
from functions.core.shapes import Names, Shapes, Values
from functions.core.sources.levels import ERROR_LEVELS, LONGEST_LEVEL, level_name
from functions.core.traces.trace_ids import span_ids, trace_ids
from functions.core.values import text

SOURCE = "json_log"

_LEVEL = (
    *("level", "log_level", "loglevel", "severity", "severityText", "levelname", "lvl", "log.level", "@l", "Level"),
    *("LogLevel", "logLevel"),
)
_MESSAGE = ("message", "msg", "event", "log", "errorMessage", "@m", "body", "Message", "@mt", "eventName")
SERVICE = ("service", "service.name", "serviceName", "service_name", "Service")
_REQUEST_ID = (
    *("function_request_id", "requestId", "request_id", "AWSRequestId", "awsRequestId", "aws_request_id"),
    *("functionRequestId", "FunctionRequestId", "faas.invocation_id", "lambda_request_id"),
)
_TRACE_ID = (
    *("xray_trace_id", "trace_id", "traceId", "xrayTraceId", "AWSTraceId", "traceparent", "XRayTraceId"),
    *("trace.id", "@tr", "AWS-XRAY-TRACE-ID"),
)
_SPAN_ID = ("span_id", "spanId", "span.id", "@sp")
_UNNAMED_SERVICES = frozenset({None, "", "service_undefined"})
_ERROR_NAME = ("exception_name", "errorType", "error_type", "exception.type", "error.type")
_TRACES = (
    *("exception", "stack_trace", "stackTrace", "stack", "exc_info", "exception.stacktrace", "traceback"),
    *("error.stack_trace", "stacktrace", "@x", "Exception", "thrown"),
)
MAX_DEPTH = 1000
_ERRORS = ("error", "err", "exception", "Exception", "thrown", "message")


_COLUMNS = (_LEVEL, _MESSAGE, SERVICE, _REQUEST_ID, _TRACE_ID, _SPAN_ID)


def shapes(context: Context) -> Shapes:
    """How lines of each shape are read."""
    return Shapes(
        *_COLUMNS,
        _ERROR_NAME,
        ("function_name", "FunctionName"),
        ("fields",),
        ("span",),
        also=context.meaning.in_logs.__contains__,
    )


def read(pile: Pile, context: Context) -> None:
    """Adds a logs row for each JSON line. Raises OwnEventError where a line names a service of this product."""
    rows = len(pile.events)
    level, message, service, request, trace, span, error_name, function, fields, scope = pile.known()
    also, meaning = pile.also(), context.meaning
    if message is None and fields is not None:  # Rust's tracing
        message = _members(fields, _MESSAGE)
    if request is None and scope is not None:
        request = _members(scope, _REQUEST_ID)
    services = _services(pile, service, function)
    own = any_starts(services, context.own_services)
    if own is not None:
        raise OwnEventError(f"log of own service {own}")
    levels, types, prints = _errors(pile, mapped(level, rows, _level), message, error_name)
    context.rows.logs.extend(
        *pile.of_events(),
        pile.of_places("log_group"),
        pile.of_places("log_stream"),
        levels,
        cells(message, rows),
        services,
        _request_ids(pile, request),
        Same(None, rows) if trace is None else trace_ids(trace),
        Same(None, rows) if span is None else span_ids(span),
        cells(meaning.tenant.column(also), rows),
        mapped(meaning.user.column(also), rows, context.identity),
        mapped(meaning.version.column(also), rows, label),
        types,
        prints,
        pile.lines(),
    )


def has_no_level(line: dict[str, Any]) -> bool:
    """Whether a line names no level."""
    return line.keys().isdisjoint(_LEVEL)


def _members(objects: Values, names: Names) -> Values:
    """The first member of these names that each object has."""
    return tuple(
        next((each[name] for name in names if name in each), None) if isinstance(each, dict) else None
        for each in objects
    )


def _services(pile: Pile, named: Values | None, function: Values | None) -> Sequence[str | None]:
    """The service that each line names, else that of its place, else its function."""
    names = of_type(named, str, text) if named is not None else [None] * len(pile.events)
    if _UNNAMED_SERVICES.isdisjoint(names):
        return names
    return [
        place.service or text(function) if name in _UNNAMED_SERVICES else name
        for name, place, function in zip(names, pile.places, function or (None,) * len(names), strict=True)
    ]


def _request_ids(pile: Pile, named: Values | None) -> Cells:
    if named is not None and all(named):
        return named
    open_ones = [event.request_id for event in pile.events]
    return open_ones if named is None else [own or other for own, other in zip(named, open_ones, strict=True)]


def _level(value: Any) -> str | None:
    return None if value is None else level_name((value if type(value) is str else text(value) or "")[:LONGEST_LEVEL])


def _errors(pile: Pile, levels: Cells, message: Values | None, error_name: Values | None) -> tuple[Cells, Cells, Cells]:
    """Levels, error types and fingerprints; a line without a level that names an error is one."""
    rows = len(pile.events)
    if error_name is None and ERROR_LEVELS.isdisjoint(levels):
        return levels, Same(None, rows), Same(None, rows)
    names = error_name or (None,) * rows
    found, types = list(levels), list(map(text, names))
    prints: list[str | None] = [None] * rows
    for row, (level, name) in enumerate(zip(levels, names, strict=True)):
        if level in ERROR_LEVELS or (level is None and name is not None):
            found[row] = level or "ERROR"
            said = text(message[row]) if message is not None else None
            types[row], prints[row] = _error(documents.parse(pile.events[row].line, MAX_DEPTH), values.name(name), said)
    return found, types, prints


def _error(line: dict[str, Any], error_type: str | None, message: str | None) -> tuple[str | None, str]:
    """Error type and fingerprint; the fields they are read from stay."""
    trace = next((line[name] for name in _TRACES if line.get(name)), None)
    nested = next((line[name] for name in _ERRORS if isinstance(line.get(name), dict)), None)
    if nested is not None:
        error_type = error_type or text(next((nested[name] for name in _NESTED_TYPE if nested.get(name)), None))
        trace = trace if isinstance(trace, str) else next((nested[name] for name in _TRACES if nested.get(name)), None)
        message = text(next((nested[name] for name in _NESTED_MESSAGE if nested.get(name)), None)) or message
    if isinstance(trace, list):
        trace = stack_traces.of_items(trace)
    found = failure(trace if isinstance(trace, str) else message or "")
    error_type = error_type or found.type
    return error_type, fingerprint(error_type, found.message or message, found.frames)


_NESTED_TYPE = ("name", "type", "kind", "errorType", "class", "className", "Type")
_NESTED_MESSAGE = ("message", "errorMessage", "Message")

READER = Reader(SOURCE, shapes, read)

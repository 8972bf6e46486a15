"""Structured log lines: Powertools, Lambda's JSON format, and any other JSON.

Names that libraries give to the same thing are in ``_NAMES``; everything else of the line goes to ``fields``.
"""

from __future__ import annotations

from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.fingerprint import failure, fingerprint
from functions.core.rows import Event
from functions.core.shapes import Cell, Shapes, plain
from functions.core.sources.levels import ERROR_LEVELS, LONGEST_LEVEL, level_name
from functions.core.traces.trace_ids import span_id, trace_id
from functions.core.values import text

SOURCE = "json_log"

_LEVEL = ("level", "log_level", "loglevel", "severity", "severityText", "levelname", "lvl", "log.level", "@l")
_MESSAGE = ("message", "msg", "event", "log", "errorMessage", "@m", "body")
_SERVICE = ("service", "service.name", "serviceName", "service_name")
_REQUEST_ID = ("function_request_id", "requestId", "request_id", "AWSRequestId", "awsRequestId", "aws_request_id")
_TRACE_ID = ("xray_trace_id", "trace_id", "traceId", "xrayTraceId", "AWSTraceId", "traceparent")
_SPAN_ID = ("span_id", "spanId")
_UNNAMED_SERVICES = ("service_undefined", "")
_ERROR_NAME = ("exception_name", "errorType", "error_type", "exception.type", "error.type")
_TRACES = ("exception", "stack_trace", "stackTrace", "stack", "exc_info", "exception.stacktrace", "traceback")
_ERRORS = ("error", "err", "exception")


def read(event: Event, line: dict[str, Any], context: Context, source: str = SOURCE, row_no: int = 0) -> None:
    """Adds the logs row of a JSON line; ``line`` is used up.

    Raises OwnEventError where the line names a service of this product.
    """
    shape = context.cached(_shapes).of(line)
    level, message, service, request, trace, span, tenant, error_name = shape.known(line)
    keys, rest = shape.keys, shape.rest(line)
    if level is not None:
        level = level_name((level if type(level) is str else text(level) or "")[:LONGEST_LEVEL])
    if service is None or service in _UNNAMED_SERVICES:
        service = event.service or line.get("function_name")
    if type(service) is not str:
        service = text(service)
    if service is not None and service.startswith(context.own_services):
        raise OwnEventError(f"log of own service {service}")
    error_type = print_ = None
    if level in ERROR_LEVELS or (level is None and error_name is not None):
        level = level or "ERROR"
        error_type, print_ = _error(line, values.name(error_name), text(message))
    elif error_name is not None:
        error_type = text(error_name)
    found_trace = trace_id(trace) if trace is not None else None
    found_span = span_id(span) if span is not None else None
    cell: Cell = (None, keys, rest)
    if found_trace is None is not trace or found_span is None is not span:
        unread = zip((shape.names[4], shape.names[5]), (trace, span), (found_trace, found_span), strict=True)
        fields = dict(zip(keys.names, rest, strict=True))
        cell = plain(fields | {name: value for name, value, found in unread if name and found is None})
    context.rows.logs.append(
        (
            event.time,
            event.id,
            row_no,
            event.account,
            event.region,
            source,
            event.event_time,
            event.log_group,
            event.log_stream,
            level,
            message,
            service,
            request or event.request_id,
            found_trace,
            found_span,
            tenant,
            error_type,
            print_,
            cell,
        )
    )


def _shapes(context: Context) -> Shapes:
    return Shapes(_LEVEL, _MESSAGE, _SERVICE, _REQUEST_ID, _TRACE_ID, _SPAN_ID, context.tenant_keys, _ERROR_NAME)


def _error(line: dict[str, Any], error_type: str | None, message: str | None) -> tuple[str | None, str]:
    """Error type and fingerprint; the fields they are read from stay."""
    trace = next((line[name] for name in _TRACES if line.get(name)), None)
    nested = next((line[name] for name in _ERRORS if isinstance(line.get(name), dict)), None)
    if nested is not None:
        error_type = error_type or text(nested.get("name") or nested.get("type") or nested.get("kind"))
        trace = trace if isinstance(trace, str) else nested.get("stack") or nested.get("stack_trace")
        message = text(nested.get("message")) or message
    if isinstance(trace, list):
        trace = "\n".join(item for item in trace if isinstance(item, str))
    found = failure(trace if isinstance(trace, str) else "")
    error_type = error_type or found.type
    return error_type, fingerprint(error_type, found.message or message, found.frames)

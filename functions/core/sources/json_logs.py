"""Structured log lines: Powertools, Lambda's JSON format, and any other JSON.

Names that libraries give to the same thing are in ``_NAMES``; everything else of the line goes to ``fields``.
"""

from __future__ import annotations

from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.fingerprint import failure, fingerprint
from functions.core.rows import Event
from functions.core.sources.levels import ERROR_LEVELS, level_name
from functions.core.traces.trace_ids import span_id, trace_id

SOURCE = "json_log"

_LEVEL = ("level", "log_level", "loglevel", "severity", "severityText", "levelname", "lvl", "log.level", "@l")
_MESSAGE = ("message", "msg", "event", "log", "errorMessage", "@m", "body")
_SERVICE = ("service", "service.name", "serviceName", "service_name")
_REQUEST_ID = ("function_request_id", "requestId", "request_id", "AWSRequestId", "awsRequestId", "aws_request_id")
_TRACE_ID = ("xray_trace_id", "trace_id", "traceId", "xrayTraceId", "AWSTraceId", "traceparent")
_SPAN_ID = ("span_id", "spanId")
_UNNAMED_SERVICES = frozenset({"service_undefined", ""})
_SHORT_EXCEPTION_NAMES = ("exception_name", "errorType", "error_type", "exception.type", "error.type")
_TRACES = ("exception", "stack_trace", "stackTrace", "stack", "exc_info", "exception.stacktrace", "traceback")
_ERRORS = ("error", "err", "exception")


def read(event: Event, line: dict[str, Any], context: Context, source: str = SOURCE, row_no: int = 0) -> None:
    """Adds the logs row of a JSON line; ``line`` is used up.

    Raises OwnEventError where the line names a service of this product.
    """
    level = _take(line, _LEVEL)
    level = level_name(values.text(level) or "") if level is not None else None
    message = values.text(_take(line, _MESSAGE))
    service = values.text(_take(line, _SERVICE))
    if service is None or service in _UNNAMED_SERVICES:
        service = event.service or values.name(line.get("function_name"))
    elif service.startswith(context.own_services):
        raise OwnEventError(f"log of own service {service}")
    error_type = print_ = None
    if level in ERROR_LEVELS or (level is None and "errorType" in line):
        error_type, print_ = _error(line, message)
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
            level or ("ERROR" if error_type else None),
            message,
            service,
            values.name(_take(line, _REQUEST_ID)) or event.request_id,
            _take_id(line, _TRACE_ID, trace_id),
            _take_id(line, _SPAN_ID, span_id),
            context.take_tenant(line),
            error_type,
            print_,
            line,
        )
    )


def _take(line: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in line:
            return line.pop(name)
    return None


def _take_id(line: dict[str, Any], names: tuple[str, ...], read_id: Any) -> str | None:
    """An id in W3C form; one of another form (a placeholder, a decimal id) stays among the fields."""
    for name in names:
        if name in line:
            found: str | None = read_id(line[name])
            if found:
                del line[name]
                return found
    return None


def _error(line: dict[str, Any], message: str | None) -> tuple[str | None, str]:
    """Error type and fingerprint; the fields they are read from stay."""
    error_type = next((values.text(line[name]) for name in _SHORT_EXCEPTION_NAMES if line.get(name)), None)
    trace = next((line[name] for name in _TRACES if line.get(name)), None)
    nested = next((line[name] for name in _ERRORS if isinstance(line.get(name), dict)), None)
    if nested is not None:
        error_type = error_type or values.text(nested.get("name") or nested.get("type") or nested.get("kind"))
        trace = trace if isinstance(trace, str) else nested.get("stack") or nested.get("stack_trace")
        message = values.text(nested.get("message")) or message
    if isinstance(trace, list):
        trace = "\n".join(item for item in trace if isinstance(item, str))
    found = failure(trace) if isinstance(trace, str) else failure("")
    error_type = error_type or found.type
    return error_type, fingerprint(error_type, found.message or message, found.frames)

"""Spans as they stand in the ``aws/spans`` log group, in every form seen there.

Kinds and statuses are words or OTLP's numbers, times integers or strings, attributes an object or OTLP's list of
key-value pairs. HTTP attributes follow the old and the new semantic conventions; ``aws.local.*`` and ``aws.remote.*``
are Application Signals' (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Application-Signals-MetricsCollected.html).
"""

from __future__ import annotations

from typing import Any

import msgspec

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event
from functions.core.traces.trace_ids import span_id, trace_id

SOURCE = "aws_spans"
LOG_GROUP = "aws/spans"

_KINDS: dict[Any, str] = {
    0: "internal",
    1: "internal",
    2: "server",
    3: "client",
    4: "producer",
    5: "consumer",
}
_KINDS |= {
    form: kind
    for kind in ("internal", "server", "client", "producer", "consumer")
    for form in (kind, kind.upper(), f"SPAN_KIND_{kind.upper()}", f"SpanKind.{kind.upper()}")
}
_KINDS |= {str(number): _KINDS[number] for number in range(6)} | {
    "SPAN_KIND_UNSPECIFIED": "internal",
    "LOCAL": "internal",
}
_ERROR_CODES = frozenset({2, "2", "ERROR", "STATUS_CODE_ERROR", "Error", "error", "StatusCode.ERROR"})
_THROTTLES = ("Throttl", "TooManyRequests", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "SlowDown")

# column -> attribute names, the preferred one first
_MEANINGS: dict[str, tuple[str, ...]] = {
    "http_method": ("http.request.method", "http.method"),
    "http_route": ("http.route",),
    "http_status": ("http.response.status_code", "http.status_code"),
    "local_service": ("aws.local.service",),
    "remote_service": ("aws.remote.service", "peer.service"),
    "remote_operation": ("aws.remote.operation",),
    "request_id": ("faas.invocation_id", "faas.execution", "aws.request_id", "aws.requestId", "aws.request.id"),
    "error_type": ("exception.type", "error.type"),
    "error_message": ("exception.message",),
    "remote_system": (
        "rpc.service",
        "messaging.system",
        "db.system.name",
        "db.system",
        "server.address",
        "net.peer.name",
    ),
    "remote_method": (
        "rpc.method",
        "messaging.operation.type",
        "messaging.operation",
        "db.operation.name",
        "db.operation",
    ),
    "status_of_fault": ("aws.fault",),
}
_COLUMN_OF = {name: column for column, names in _MEANINGS.items() for name in names}
_RANK = {name: rank for names in _MEANINGS.values() for rank, name in enumerate(names)}
_KNOWN = frozenset(_COLUMN_OF)
_CALLING = frozenset({"client", "producer"})
_STAY = frozenset({"remote_system", "remote_method", "status_of_fault"})
_RAW_NULL = msgspec.Raw(b"null")
_CACHED_RESOURCES = 2000

_DECODE_ANY = msgspec.json.Decoder().decode


class Span(msgspec.Struct):
    """A span record; members may have any type, as ``Any`` and ``Raw`` never refuse one."""

    traceId: Any = None  # noqa: N815
    spanId: Any = None  # noqa: N815
    parentSpanId: Any = None  # noqa: N815
    name: Any = None
    kind: Any = None
    startTimeUnixNano: Any = None  # noqa: N815
    endTimeUnixNano: Any = None  # noqa: N815
    status: Any = None
    attributes: Any = None
    events: Any = None
    links: Any = None
    traceState: Any = None  # noqa: N815
    resource: msgspec.Raw = _RAW_NULL
    scope: msgspec.Raw = _RAW_NULL


class Resource(msgspec.Struct):
    """What is the same for all spans of one process: read once per distinct text."""

    attributes: dict[str, Any]
    service: str | None
    type: str | None
    name: str | None


decode = msgspec.json.Decoder(Span).decode
_resources: dict[tuple[bytes, bytes], Resource] = {}


def is_span(line: dict[str, Any]) -> bool:
    """Whether a JSON line is a span record."""
    return "spanId" in line and "traceId" in line and "startTimeUnixNano" in line


def read(event: Event, span: Span, context: Context) -> None:
    """Adds the spans row; ValueError where ids or start are missing, OwnEventError for a span of this product."""
    trace, own_id = trace_id(span.traceId), span_id(span.spanId)
    start, end = _nanos(span.startTimeUnixNano), _nanos(span.endTimeUnixNano)
    if trace is None or own_id is None or start is None:
        raise ValueError("span without trace id, span id or start time")
    resource = _resource(bytes(span.resource), bytes(span.scope))
    own = span.attributes
    if type(own) is not dict:
        own = flat_attributes(own)
    attributes = {**resource.attributes, **own}
    found = _take_known(attributes)
    if type(span.events) is list and span.events:
        _read_events(span.events, attributes, found)
    if span.traceState:
        attributes["trace_state"] = span.traceState
    service = found.get("local_service") or resource.service or event.service
    if service is not None and type(service) is not str:
        service = values.text(service)
    if service and service.startswith(context.own_services):
        raise OwnEventError(f"span of own service {service}")
    kind = _KINDS.get(span.kind) if type(span.kind) in (str, int) else None
    http_status = values.int32(found.get("http_status"))
    error_type = values.text(found.get("error_type"))
    status, message = _status(span.status, http_status, error_type, found, end)
    remote_service = remote_operation = None
    if kind in _CALLING or "remote_service" in found:
        remote_service = values.text(found.get("remote_service") or found.get("remote_system"))
        remote_operation = values.text(found.get("remote_operation") or found.get("remote_method"))
    start_ms = start // 1_000_000
    context.rows.spans.append(
        (
            event.time,
            event.id,
            0,
            event.account,
            event.region,
            SOURCE,
            event.event_time,
            trace,
            own_id,
            span_id(span.parentSpanId) or "",
            _links(span.links) if span.links else None,
            values.text(span.name),
            kind,
            service,
            resource.type,
            resource.name,
            start_ms,
            end // 1_000_000 if end is not None else None,
            (end - start) / 1_000_000 if end is not None else None,
            status,
            context.take_tenant(attributes),
            values.text(found.get("request_id")),
            values.text(found.get("http_method")),
            values.text(found.get("http_route")),
            http_status,
            remote_service,
            remote_operation,
            error_type,
            message,
            attributes,
        )
    )


def start_ms(span: Span) -> int | None:
    """Start of a span in milliseconds since 1970."""
    start = _nanos(span.startTimeUnixNano)
    return None if start is None else start // 1_000_000


def _nanos(value: Any) -> int | None:
    if type(value) is not int:
        try:
            value = int(value) if type(value) is str else int(value or 0)
        except (ValueError, TypeError, OverflowError):
            return None
    return value if 0 < value <= values.MAX_TIME_MS * 1_000_000 else None


def _take_known(attributes: dict[str, Any]) -> dict[str, Any]:
    """Takes the attributes that have a column of their own; of several for one column the preferred one."""
    found: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for name in _KNOWN & attributes.keys():
        column = _COLUMN_OF[name]
        if column in found and ranks[column] < _RANK[name]:
            continue
        found[column] = attributes[name]
        ranks[column] = _RANK[name]
        if column not in _STAY:
            del attributes[name]
    return found


def _status(
    status: Any,
    http_status: int | None,
    error_type: str | None,
    found: dict[str, Any],
    end: int | None,
) -> tuple[str, str | None]:
    """Status word and error message: fault where the span's own side failed, error where its caller did.

    A client error (4xx) is the caller's fault; 429 and the services' throttling errors are throttles.
    """
    message = values.name(found.get("error_message"))
    failed = False
    if type(status) is dict:
        code = status.get("code", status.get("status_code"))
        failed = type(code) in (str, int) and code in _ERROR_CODES
        message = message or values.name(status.get("message", status.get("description")))
    elif type(status) is str or type(status) is int:
        failed = status in _ERROR_CODES
    if http_status == 429 or (error_type and any(word in error_type for word in _THROTTLES)):
        return "throttle", message
    if http_status is not None and http_status >= 400:
        return ("error" if http_status < 500 else "fault"), message
    if failed or found.get("status_of_fault") in (True, "true"):
        return "fault", message
    return ("ok" if end is not None else "in_progress"), message


def _read_events(events: list[Any], attributes: dict[str, Any], found: dict[str, Any]) -> None:
    """Takes type and message of the last exception; all events stay in the attribute ``events``."""
    attributes["events"] = events
    for entry in events:
        if isinstance(entry, dict) and entry.get("name") == "exception":
            exception = flat_attributes(entry.get("attributes"))
            found["error_type"] = exception.get("exception.type") or found.get("error_type")
            found["error_message"] = exception.get("exception.message") or found.get("error_message")


def _links(links: Any) -> list[dict[str, str | None]] | None:
    if not isinstance(links, list):
        return None
    return [
        {"trace_id": trace_id(link.get("traceId")), "span_id": span_id(link.get("spanId"))}
        for link in links
        if isinstance(link, dict)
    ]


def _resource(resource: bytes, scope: bytes) -> Resource:
    key = (resource, scope)
    known = _resources.get(key)
    if known is None:
        if len(_resources) >= _CACHED_RESOURCES:
            _resources.clear()
        known = _resources[key] = _read_resource(_DECODE_ANY(resource), _DECODE_ANY(scope))
    return known


def _read_resource(resource: Any, scope: Any) -> Resource:
    attributes = flat_attributes(resource.get("attributes") if isinstance(resource, dict) else None)
    if isinstance(scope, dict):
        for member in ("name", "version"):
            if scope.get(member):
                attributes[f"otel.scope.{member}"] = scope[member]
        attributes |= flat_attributes(scope.get("attributes"))
    attributes = {name: values.text(value) for name, value in attributes.items()}
    service = values.name(attributes.pop("service.name", None))
    function = values.name(attributes.get("faas.name"))
    platform = values.text(attributes.get("cloud.platform"))
    kind = values.text(attributes.pop("aws.resource.type", None))
    if function or platform == "aws_lambda":
        return Resource(attributes, service, kind or "AWS::Lambda::Function", function or service)
    name = attributes.get("aws.ecs.cluster.arn") or attributes.get("k8s.cluster.name") or attributes.get("host.id")
    return Resource(attributes, service, kind or platform, values.text(name))


def flat_attributes(attributes: Any) -> dict[str, Any]:
    """Attributes as one flat mapping: an object as it is, OTLP's list of key-value pairs taken apart."""
    if isinstance(attributes, dict):
        return attributes
    flat: dict[str, Any] = {}
    for entry in attributes if isinstance(attributes, list) else ():
        if isinstance(entry, dict) and type(entry.get("key")) is str:
            flat[entry["key"]] = otlp_value(entry.get("value"))
    return flat


def otlp_value(value: Any) -> Any:
    """The value in an OTLP ``AnyValue``; anything else is a value itself."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, content),) = value.items()
    if kind == "arrayValue" and isinstance(content, dict):
        items = content.get("values")
        return [otlp_value(item) for item in items] if isinstance(items, list) else items
    if kind == "kvlistValue" and isinstance(content, dict):
        return flat_attributes(content.get("values"))
    return content

"""Spans as they stand in the ``aws/spans`` log group, in every form seen there.

Kinds and statuses are words or OTLP's numbers, times integers or strings, attributes an object or OTLP's list of
key-value pairs. HTTP attributes follow the old and the new semantic conventions; ``aws.local.*`` and ``aws.remote.*``
are Application Signals' (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Application-Signals-MetricsCollected.html).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event
from functions.core.shapes import Entries, Shapes
from functions.core.text_maps import shared_entries
from functions.core.traces.trace_ids import ids_of, span_id, trace_id

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

_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("http.request.method", "http.method"),
    ("http.route",),
    ("http.response.status_code", "http.status_code"),
    ("aws.local.service",),
    ("aws.remote.service", "peer.service"),
    ("aws.remote.operation",),
    ("faas.invocation_id", "faas.execution", "aws.request_id", "aws.requestId", "aws.request.id"),
    ("exception.type", "error.type"),
    ("exception.message",),
)
"""Attributes with a column of their own, the preferred name first, as ``read`` takes them; the tenant comes after."""

_CALLEES = ("rpc.service", "messaging.system", "db.system.name", "db.system", "server.address", "net.peer.name")
_OPERATIONS = ("rpc.method", "messaging.operation.type", "messaging.operation", "db.operation.name", "db.operation")
_CALLING = frozenset({"client", "producer"})
_WORD_OR_NUMBER = frozenset({str, int})
_LATEST_NANOS = values.MAX_TIME_MS * 1_000_000
_RAW_NULL = msgspec.Raw(b"null")
_CACHED_RESOURCES = 2000
_LONGEST_CACHED_RESOURCE = 16_384

_DECODE_ANY = msgspec.json.Decoder().decode


class Span(msgspec.Struct, gc=False):
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


class Resource(NamedTuple):
    """What is the same for all spans of one process: read once per distinct text."""

    attributes: Entries
    service: str | None
    type: str | None
    name: str | None
    tenant: str | None


class _Plans:
    """What is worked out once: how attributes of each shape are read, and the resources."""

    def __init__(self, context: Context) -> None:
        self.shapes = Shapes(*_COLUMNS, context.tenant_keys)
        self.resources: dict[tuple[bytes, bytes], Resource] = {}
        self.latest: tuple[tuple[bytes, bytes], Resource] | None = None


decode = msgspec.json.Decoder(Span).decode


def is_span(line: dict[str, Any]) -> bool:
    """Whether a JSON line is a span record."""
    return "spanId" in line and "traceId" in line and "startTimeUnixNano" in line


def read(event: Event, span: Span, start: int | None, context: Context) -> None:
    """Adds the spans row of a span that started then (in ns).

    ValueError where ids or start are missing, OwnEventError for a span of this product.
    """
    trace, own_id, parent = ids_of(span.traceId, span.spanId, span.parentSpanId)
    end = nanos(span.endTimeUnixNano)
    if trace is None or own_id is None or start is None:
        raise ValueError("span without trace id, span id or start time")
    plans = context.cached(_Plans)
    resource = _resource(bytes(span.resource), bytes(span.scope), plans, context)
    attributes = span.attributes if type(span.attributes) is dict else flat_attributes(span.attributes)
    if span.events or span.traceState:
        _add_events(span, attributes)
    shape = plans.shapes.of(attributes)
    (method, route, http_status, local_service, callee, operation, request, error_type, message, tenant) = shape.known(
        attributes
    )
    service = local_service or resource.service or event.service
    if type(service) is not str:
        service = values.text(service)
    if service is not None and service.startswith(context.own_services):
        raise OwnEventError(f"span of own service {service}")
    kind = _KINDS.get(span.kind) if type(span.kind) in _WORD_OR_NUMBER else None
    if http_status is not None and not (type(http_status) is int and 0 <= http_status < 400):
        http_status = values.int32(http_status)
    status, status_message = _status(span.status, http_status, error_type)
    if kind in _CALLING:
        callee = callee or _first(attributes, _CALLEES)
        operation = operation or _first(attributes, _OPERATIONS)
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
            parent,
            _links(span.links) if span.links else None,
            span.name,
            kind,
            service,
            resource.type,
            resource.name,
            start // 1_000_000,
            end // 1_000_000 if end is not None else None,
            (end - start) / 1_000_000 if end is not None else None,
            status if end is not None else "in_progress",
            tenant or resource.tenant,
            request,
            method,
            route,
            http_status,
            callee,
            operation,
            error_type,
            message or status_message,
            (resource.attributes, shape.keys, shape.rest(attributes)),
        )
    )


def nanos(value: Any) -> int | None:
    """A time in nanoseconds since 1970, from a number or a string; None where it is no time."""
    if type(value) is int and 0 < value < _LATEST_NANOS:
        return value
    try:
        value = int(value or 0)
    except (ValueError, TypeError, OverflowError):
        return None
    return value if 0 < value < _LATEST_NANOS else None


def _first(attributes: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if name in attributes), None)


def _status(status: Any, http_status: int | None, error_type: Any) -> tuple[str, Any]:
    """Status word and message: fault where the span's own side failed, error where its caller did.

    A client error (4xx) is the caller's fault; 429 and the services' throttling errors are throttles.
    """
    code, message = status, None
    if type(status) is dict:
        code = status.get("code") if "code" in status else status.get("status_code")
        if len(status) > 1:
            message = status.get("message") or status.get("description")
    if http_status == 429 or (error_type and any(word in str(error_type) for word in _THROTTLES)):
        return "throttle", message
    if http_status is not None and http_status >= 400:
        return ("error" if http_status < 500 else "fault"), message
    return ("fault" if type(code) in _WORD_OR_NUMBER and code in _ERROR_CODES else "ok"), message


def _add_events(span: Span, attributes: dict[str, Any]) -> None:
    """Adds the span's events as one attribute, and type and message of the last exception among them."""
    if span.traceState:
        attributes["trace_state"] = span.traceState
    if not isinstance(span.events, list) or not span.events:
        return
    attributes["events"] = span.events
    for entry in span.events:
        if isinstance(entry, dict) and entry.get("name") == "exception":
            exception = flat_attributes(entry.get("attributes"))
            for name in ("exception.type", "exception.message"):
                if exception.get(name):
                    attributes[name] = exception[name]


def _links(links: Any) -> list[dict[str, str | None]] | None:
    if not isinstance(links, list):
        return None
    return [
        {"trace_id": trace_id(link.get("traceId")), "span_id": span_id(link.get("spanId"))}
        for link in links
        if isinstance(link, dict)
    ]


def _resource(resource: bytes, scope: bytes, plans: _Plans, context: Context) -> Resource:
    """The resource of a span; often that of the span before, which is seen sooner than its text is hashed."""
    key = (resource, scope)
    if plans.latest is not None and plans.latest[0] == key:
        return plans.latest[1]
    known = plans.resources.get(key)
    if known is None:
        known = _read_resource(_DECODE_ANY(resource), _DECODE_ANY(scope), context)
        if len(resource) + len(scope) <= _LONGEST_CACHED_RESOURCE:
            if len(plans.resources) >= _CACHED_RESOURCES:
                plans.resources.clear()
            plans.resources[key] = known
            plans.latest = key, known
    else:
        plans.latest = key, known
    return known


def _read_resource(resource: Any, scope: Any, context: Context) -> Resource:
    attributes = dict(flat_attributes(resource.get("attributes") if isinstance(resource, dict) else None))
    if isinstance(scope, dict):
        for member in ("name", "version"):
            if scope.get(member):
                attributes[f"otel.scope.{member}"] = scope[member]
        attributes |= flat_attributes(scope.get("attributes"))
    service = values.name(attributes.pop("service.name", None)) or values.name(attributes.get("aws.local.service"))
    function = values.name(attributes.get("faas.name"))
    platform = values.text(attributes.get("cloud.platform"))
    kind = values.text(attributes.pop("aws.resource.type", None))
    if function or platform == "aws_lambda":
        kind, name = kind or "AWS::Lambda::Function", function or service
    else:
        kind = kind or platform
        name = values.text(_first(attributes, ("aws.ecs.cluster.arn", "k8s.cluster.name", "host.id")))
    tenant = context.take_tenant(attributes)
    return Resource(shared_entries(attributes, context.redactor), service, kind, name, tenant)


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

"""Spans as they stand in the ``aws/spans`` log group, in every form seen there.

Kinds and statuses are words or OTLP's numbers, times integers or strings, attributes an object or OTLP's list of
key-value pairs. HTTP attributes follow the old and the new semantic conventions; ``aws.local.*`` and ``aws.remote.*``
are Application Signals' (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Application-Signals-MetricsCollected.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
from deflate import crc32

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.meaning.lookup import either
from functions.core.piles import Pile, Reader, any_starts, cells, of_type
from functions.core.rows import Place
from functions.core.shapes import Shapes, Values
from functions.core.sources.request_meaning import Named, of_spans
from functions.core.traces.trace_ids import parent_ids, span_id, span_ids, trace_id, trace_ids

SOURCE = "aws_spans"
LOG_GROUP = "aws/spans"
INCOMPLETE = "span without trace id, span id or start time"

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
FLAGS = {"xray.throttle": "throttle", "xray.fault": "fault", "xray.error": "error"}
"""Codes of sources that say the status themselves."""

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
    ("url.path", "http.target", "url.full", "http.url"),
)
"""Attributes with a column of their own, the preferred name first, as ``read`` takes them."""

_CALLEES = ("rpc.service", "messaging.system", "db.system.name", "db.system", "server.address", "net.peer.name")
_RESOURCES = ("aws.ecs.cluster.arn", "k8s.cluster.name", "host.id")
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
    status: msgspec.Raw = _RAW_NULL
    attributes: msgspec.Raw = _RAW_NULL
    events: Any = None
    links: Any = None
    traceState: Any = None  # noqa: N815
    resource: msgspec.Raw = _RAW_NULL
    scope: msgspec.Raw = _RAW_NULL


class Resource:
    """What is the same for all spans of one process and scope: read once per distinct text."""

    __slots__ = ("attributes", "name", "service", "tenant", "type", "version")

    def __init__(self, resource: Any, scope: Any, context: Context) -> None:
        attributes = dict(flat_attributes(resource.get("attributes") if isinstance(resource, dict) else None))
        if isinstance(scope, dict):
            for member in ("name", "version"):
                if scope.get(member):
                    attributes[f"otel.scope.{member}"] = scope[member]
            attributes |= flat_attributes(scope.get("attributes"))
        self.service = values.name(attributes.get("service.name", None)) or values.name(
            attributes.get("aws.local.service")
        )
        function = values.name(attributes.get("faas.name"))
        platform = values.text(attributes.get("cloud.platform"))
        self.type = values.text(attributes.get("aws.resource.type", None))
        if function or platform == "aws_lambda":
            self.type, self.name = self.type or "AWS::Lambda::Function", function or self.service
        else:
            self.type = self.type or platform
            place = next((attributes[name] for name in _RESOURCES if name in attributes), None)
            self.name = values.text(place)
        self.tenant = context.meaning.tenant.take(dict(attributes))
        self.version = context.meaning.version.take(dict(attributes))
        self.attributes = context.redactor.json(pa.array([values.text(context.redactor.shown((attributes,))[0])]))[
            0
        ].as_py()


class _Resources:
    """The resources met lately; of one process or of its neighbours come many spans.

    They are found by the checksum of their text: to hash it as Python does takes ten times as long.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[int, int], tuple[msgspec.Raw, msgspec.Raw, Resource]] = {}

    def of(self, span: Span) -> Resource:
        resource, scope = span.resource, span.scope
        key = (crc32(resource), crc32(scope))
        known = self._known.get(key)
        if known is not None and known[0] == resource and known[1] == scope:
            return known[2]
        found = Resource(_DECODE_ANY(resource), _DECODE_ANY(scope), self._context)
        if len(bytes(resource)) + len(bytes(scope)) <= _LONGEST_CACHED_RESOURCE:
            if len(self._known) >= _CACHED_RESOURCES:
                self._known.clear()
            self._known[key] = (resource.copy(), scope.copy(), found)
        return found


decode = msgspec.json.Decoder(Span).decode


def is_span(line: dict[str, Any]) -> bool:
    """Whether a JSON line is a span record."""
    return "spanId" in line and "traceId" in line and "startTimeUnixNano" in line


def shapes(context: Context) -> Shapes:
    """How attributes of each shape are read."""
    return Shapes(*_COLUMNS, _CALLEES, _OPERATIONS, also=context.meaning.in_spans.__contains__)


def attributes_of(span: Span) -> tuple[dict[str, Any], str]:
    """The attributes of a span as one flat mapping, with its events and its trace state, and their JSON."""
    written = str(span.attributes, "utf-8")
    found = _DECODE_ANY(written)
    attributes: dict[str, Any] = found if type(found) is dict else flat_attributes(found)
    if span.events or span.traceState:
        _add_events(span, attributes)
    elif attributes is found:
        return attributes, written
    return attributes, values.text(attributes) or "{}"


def attributes_of_all(found: Sequence[Span]) -> tuple[list[dict[str, Any]], list[str]]:
    """``attributes_of`` many spans."""
    texts = [str(span.attributes, "utf-8") for span in found]
    objects = list(map(_DECODE_ANY, texts))
    for number, (span, attributes) in enumerate(zip(found, objects, strict=True)):
        if type(attributes) is not dict or span.events or span.traceState:
            objects[number], texts[number] = attributes_of(span)
    return objects, texts


def read(pile: Pile, context: Context) -> None:
    """Adds a spans row for each span: the pile's objects are their attributes, as are the events' lines, and its
    records the spans.

    ValueError where ids or start are missing, OwnEventError for a span of this product.
    """
    found: list[Span] = pile.records
    rows = len(found)
    traces, ids = trace_ids([span.traceId for span in found]), span_ids([span.spanId for span in found])
    starts = _times([span.startTimeUnixNano for span in found])
    if None in traces or None in ids or None in starts:
        raise ValueError(INCOMPLETE)
    resources = list(map(context.cached(_Resources).of, found))
    (method, route, http_status, local_service, callee, operation, request, *more) = pile.known()
    error_type, message, url, callees, operations = more
    services = _services(pile, local_service, resources)
    own = any_starts(services, context.own_services)
    if own is not None:
        raise OwnEventError(f"span of own service {own}")
    kinds = values.each([span.kind for span in found], _kind)
    http_statuses = None if http_status is None else values.each(http_status, values.int32)
    codes, said = zip(*values.each([bytes(span.status) for span in found], _code_and_message), strict=True)
    ends = _times([span.endTimeUnixNano for span in found])
    if not _CALLING.isdisjoint(kinds):
        callee = _of_calls(kinds, callee, callees)
        operation = _of_calls(kinds, operation, operations)
    also, meaning = pile.also(), context.meaning
    named = Named(meaning.tenant.column(also), meaning.user.column(also), meaning.feature.column(also))
    routes, tenant, users, features = of_spans(
        context, kinds, method, either(meaning.route.column(also), route), url, named
    )
    context.rows.spans.extend(
        *pile.of_events(),
        traces,
        ids,
        parent_ids([span.parentSpanId for span in found]),
        [_links(span.links) if span.links else None for span in found],
        [span.name for span in found],
        kinds,
        services,
        [resource.type for resource in resources],
        [resource.name for resource in resources],
        [start // 1_000_000 for start in starts if start],
        [end and end // 1_000_000 for end in ends],
        [end and (end - start) / 1_000_000 for start, end in zip(starts, ends, strict=True) if start],
        _statuses(codes, http_statuses, error_type, ends),
        _either(tenant, [resource.tenant for resource in resources]),
        users,
        features,
        _either(meaning.version.column(also), [resource.version for resource in resources]),
        cells(request, rows),
        cells(method, rows),
        cells(routes, rows),
        cells(http_statuses, rows),
        cells(callee, rows),
        cells(operation, rows),
        cells(error_type, rows),
        _either(message, said),
        pile.lines(),
        [resource.attributes for resource in resources],
    )


def check(span: Span, attributes: dict[str, Any], place: Place, context: Context) -> None:
    """Raises what ``read`` would raise for a span, before any row of its event is added."""
    if not trace_id(span.traceId) or not span_id(span.spanId) or not nanos(span.startTimeUnixNano):
        raise ValueError(INCOMPLETE)
    resource = context.cached(_Resources).of(span)
    service = values.text(attributes.get("aws.local.service") or resource.service) or place.service or ""
    if service.startswith(context.own_services):
        raise OwnEventError(f"span of own service {service}")


def nanos(value: Any) -> int | None:
    """A time in nanoseconds since 1970, from a number or a string; None where it is no time."""
    if type(value) is int and 0 < value < _LATEST_NANOS:
        return value
    try:
        value = int(value or 0)
    except (ValueError, TypeError, OverflowError):
        return None
    return value if 0 < value < _LATEST_NANOS else None


def _times(written: Sequence[Any]) -> Sequence[int | None]:
    """``nanos`` of many values."""
    if set(map(type, written)) == {int} and min(written) > 0 and max(written) < _LATEST_NANOS:
        return written
    return list(map(nanos, written))


def start_times(found: Sequence[Span]) -> list[int | None]:
    """When spans began, in milliseconds."""
    return [start and start // 1_000_000 for start in _times([span.startTimeUnixNano for span in found])]


def _services(pile: Pile, named: Values | None, resources: Sequence[Resource]) -> Sequence[str | None]:
    """The service that a span names, else that of its resource or of its place."""
    if named is not None and all(named):
        return of_type(named, str, values.text)
    found = _either(named, [resource.service for resource in resources])
    return [values.text(own) if own else place.service for own, place in zip(found, pile.places, strict=True)]


def _kind(kind: Any) -> str | None:
    return _KINDS.get(kind) if type(kind) in _WORD_OR_NUMBER else None


def _either(first: Sequence[Any] | None, second: Sequence[Any]) -> Sequence[Any]:
    """The first values, and where they are absent the second ones."""
    return second if first is None else [one or other for one, other in zip(first, second, strict=True)]


def _of_calls(kinds: Sequence[str | None], named: Values | None, described: Values | None) -> Values | None:
    """What a span calls: as it names it, or for client and producer spans as it describes it."""
    if described is None or (named is not None and all(named)):
        return named
    named = named or (None,) * len(kinds)
    return tuple(
        own or (other if kind in _CALLING else own) for kind, own, other in zip(kinds, named, described, strict=True)
    )


def _code_and_message(status: bytes) -> tuple[Any, Any]:
    """Code and message of a span's status, which is JSON."""
    found = _DECODE_ANY(status)
    if type(found) is not dict:
        return found if type(found) in _WORD_OR_NUMBER else None, None
    code = found.get("code") if "code" in found else found.get("status_code")
    message = (found.get("message") or found.get("description")) if len(found) > 1 else None
    return code if type(code) in _WORD_OR_NUMBER else None, message


def _statuses(
    codes: Sequence[Any],
    http_statuses: Sequence[int | None] | None,
    error_types: Sequence[Any] | None,
    ends: Sequence[int | None],
) -> list[str]:
    nothing = (None,) * len(codes)
    texts = nothing if error_types is None else values.each(error_types, values.text)
    words = values.each(list(zip(codes, http_statuses or nothing, texts, strict=True)), _status)
    return (
        words if None not in ends else [word if end else "in_progress" for word, end in zip(words, ends, strict=True)]
    )


def _status(known: tuple[Any, int | None, str | None]) -> str:
    """Status word: fault where the span's own side failed, error where its caller did.

    A client error (4xx) is the caller's fault; 429 and the services' throttling errors are throttles.
    """
    code, http_status, error_type = known
    if code in FLAGS:
        return FLAGS[code]
    if http_status == 429 or (error_type and any(word in error_type for word in _THROTTLES)):
        return "throttle"
    if http_status is not None and http_status >= 400:
        return "error" if http_status < 500 else "fault"
    return "fault" if code in _ERROR_CODES else "ok"


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


READER = Reader(SOURCE, shapes, read)

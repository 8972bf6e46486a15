"""API Gateway access logs in JSON, whatever the user called the fields.

Every $context variable (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html)
has the names that templates in use give it; the first that the line has counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.meaning.lookup import ABSENT, Claims, either
from functions.core.piles import Pile, Reader, any_starts, cells, mapped, of_type
from functions.core.rows import Same
from functions.core.secret_rules import IDENTITIES
from functions.core.shapes import Shapes, Values
from functions.core.sources.request_meaning import Named, of_many
from functions.core.traces.trace_ids import trace_ids
from functions.core.usage.addresses import host
from functions.core.values import each, text

SOURCE = "access_log"

_STATUS = ("status", "statusCode", "status_code", "responseStatus")
_METHOD = ("httpMethod", "method", "http_method", "requestMethod", "verb")
_ROUTE = ("routeKey", "route", "resourcePath", "resource_path", "route_key", "resource")
_PATH = ("path", "requestPath", "uri", "rawPath", "url")
_LATENCY = ("responseLatency", "response_latency", "latency", "latency_ms", "responseLatencyMs", "duration_ms")
_REQUEST_BYTES = ("requestLength", "request_length", "request_bytes", "bytesReceived")
_RESPONSE_BYTES = ("responseLength", "response_length", "response_bytes", "bytesSent", "dataProcessed")
_USER_AGENT = ("userAgent", "user_agent", "identity.userAgent")
_CLIENT_IP = ("ip", "sourceIp", "source_ip", "clientIp", "client_ip", "caller_ip", "identity.sourceIp")
_REQUEST_ID = ("requestId", "request_id", "extendedRequestId")
_TRACE_ID = ("xrayTraceId", "xray_trace_id", "traceId", "trace_id")
_ERROR = ("error.message", "errorMessage", "error_message", "error", "integrationErrorMessage", "integrationError")
_SERVICE = ("service", "apiName", "api_name", "domainName", "apiId", "api_id")
_COLUMNS = (
    *(_STATUS, _METHOD, _ROUTE, _PATH, _LATENCY, _REQUEST_BYTES, _RESPONSE_BYTES, _USER_AGENT, _CLIENT_IP, _REQUEST_ID),
    *(_TRACE_ID, _ERROR, _SERVICE),
)
GATEWAY_ONLY = frozenset(
    {
        "httpMethod",
        "routeKey",
        "resourcePath",
        "requestTime",
        "requestTimeEpoch",
        "integrationLatency",
        "responseLatency",
    }
)
_STATUSES = frozenset(_STATUS)
_QUOTED_ABSENT = f'"{ABSENT}"'


def is_access_log(line: dict[str, Any]) -> bool:
    """Whether a JSON line is one request: a status, and a variable that only the gateway's access logs have."""
    return not GATEWAY_ONLY.isdisjoint(line) and not _STATUSES.isdisjoint(line) and "level" not in line


def shapes(context: Context) -> Shapes:
    """How lines of each shape are read."""
    return Shapes(*_COLUMNS, also=context.meaning.in_requests, identities=IDENTITIES["requests"])


def read(pile: Pile, context: Context) -> None:
    """Adds a requests row for each access log line. Raises OwnEventError for a service of this product."""
    rows = len(pile.events)
    known, also = _present(pile)
    (status, method, route, path, latency, bytes_in, bytes_out, agent, ip, request, trace, error, service) = known
    services = _services(pile, service)
    own = any_starts(services, context.own_services)
    if own is not None:
        raise OwnEventError(f"request to own service {own}")
    paths = None if path is None else of_type(path, str, text)
    meaning, claims = context.meaning, Claims(also)
    named = Named(
        meaning.tenant.with_claims(meaning.tenant.column(also), claims),
        meaning.user.with_claims(meaning.user.column(also), claims),
        meaning.feature.column(also),
    )
    written = either(meaning.route.column(also), route)
    given = None if written is None else of_type(written, str, text)
    routes, tenants, users, features = of_many(context, rows, method, given, paths, named)
    context.rows.requests.extend(
        *pile.of_events(),
        services,
        mapped(method, rows, text),
        routes,
        Same(None, rows) if paths is None else [value and value.partition("?")[0] for value in paths],
        mapped(status, rows, values.int32),
        cells(latency and values.numbers(latency), rows),
        cells(bytes_in and values.int64s(bytes_in), rows),
        cells(bytes_out and values.int64s(bytes_out), rows),
        tenants,
        users,
        features,
        cells(agent, rows),
        mapped(ip, rows, lambda value: context.hashed(host(text(value)) or "") if value else None),
        cells(request, rows),
        cells(trace and trace_ids(trace), rows),
        cells(error, rows),
        pile.lines(),
    )


def _present(pile: Pile) -> tuple[list[Values | None], dict[str, Values]]:
    """The values of each column, and of other members by name; None in place of what the gateway writes where it has
    none."""
    known, also = pile.known(), pile.also()
    if not any(_QUOTED_ABSENT in event.line for event in pile.events):
        return known, also
    return [column and _values(column) for column in known], {name: _values(column) for name, column in also.items()}


def _values(column: Values) -> Values:
    return tuple(None if value == ABSENT else value for value in column) if ABSENT in column else column


def _services(pile: Pile, named: Values | None) -> Sequence[str | None]:
    """The service that each line names, else the last part of its log group's name."""
    if named is not None and all(named):
        return of_type(named, str, text)
    groups = each([place.log_group for place in pile.places], _last_part)
    return groups if named is None else [text(name) or group for name, group in zip(named, groups, strict=True)]


def _last_part(log_group: str | None) -> str | None:
    return log_group.rstrip("/").rpartition("/")[2] if log_group else None


READER = Reader(SOURCE, shapes, read)

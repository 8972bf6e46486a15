"""API Gateway access logs in JSON, whatever the user called the fields.

Every $context variable (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html)
has the names that templates in use give it; the first that the line has counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.piles import Pile, Reader, any_starts, cells, mapped, of_type
from functions.core.rows import Cells, Same
from functions.core.secret_rules import IDENTITIES
from functions.core.shapes import Names, Shapes, Values
from functions.core.traces.trace_ids import trace_ids
from functions.core.usage.addresses import host
from functions.core.usage.routes import folded
from functions.core.usage.tenants import may_hold_tenant, nested_tenant
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
ABSENT = "-"
_QUOTED_ABSENT = f'"{ABSENT}"'


def is_access_log(line: dict[str, Any]) -> bool:
    """Whether a JSON line is one request: a status, and a variable that only the gateway's access logs have."""
    return not GATEWAY_ONLY.isdisjoint(line) and not _STATUSES.isdisjoint(line) and "level" not in line


def shapes(context: Context) -> Shapes:
    """How lines of each shape are read."""
    keys = context.tenant_keys
    return Shapes(*_COLUMNS, keys, also=lambda name: may_hold_tenant(name, keys), identities=IDENTITIES["requests"])


def read(pile: Pile, context: Context) -> None:
    """Adds a requests row for each access log line. Raises OwnEventError for a service of this product."""
    rows = len(pile.events)
    (status, method, route, path, latency, bytes_in, bytes_out, agent, ip, request, trace, error, service, tenant) = (
        _known(pile)
    )
    services = _services(pile, service)
    own = any_starts(services, context.own_services)
    if own is not None:
        raise OwnEventError(f"request to own service {own}")
    paths = None if path is None else of_type(path, str, text)
    context.rows.requests.extend(
        *pile.of_events(),
        services,
        mapped(method, rows, text),
        _routes(method, None if route is None else of_type(route, str, text), paths, rows),
        Same(None, rows) if paths is None else [value and value.partition("?")[0] for value in paths],
        mapped(status, rows, values.int32),
        cells(latency and values.numbers(latency), rows),
        cells(bytes_in and values.int64s(bytes_in), rows),
        cells(bytes_out and values.int64s(bytes_out), rows),
        _tenants(pile, tenant, context),
        cells(agent, rows),
        mapped(ip, rows, lambda value: context.hashed(host(text(value)) or "") if value else None),
        cells(request, rows),
        cells(trace and trace_ids(trace), rows),
        cells(error, rows),
        pile.lines(),
    )


def _known(pile: Pile) -> list[Values | None]:
    """The values of each column; None in place of what the gateway writes where it has none."""
    known = pile.known()
    if not any(_QUOTED_ABSENT in event.line for event in pile.events):
        return known
    return [
        tuple(None if value == ABSENT else value for value in column) if column and ABSENT in column else column
        for column in known
    ]


def _services(pile: Pile, named: Values | None) -> Sequence[str | None]:
    """The service that each line names, else the last part of its log group's name."""
    if named is not None and all(named):
        return of_type(named, str, text)
    groups = each([place.log_group for place in pile.places], _last_part)
    return groups if named is None else [text(name) or group for name, group in zip(named, groups, strict=True)]


def _routes(
    method: Sequence[Any] | None, route: Sequence[str | None] | None, path: Sequence[str | None] | None, rows: int
) -> list[str | None]:
    """Route templates; where there are templates already, each is read once."""
    nothing = (None,) * rows
    methods = nothing if method is None else each(method, text)
    if route is not None and all(route):
        return each(list(zip(methods, route, strict=True)), _of_route)
    return list(map(template, methods, route or nothing, path or nothing))


def _of_route(named: tuple[str | None, str | None]) -> str | None:
    return template(*named, None)


def _tenants(pile: Pile, named: Values | None, context: Context) -> Cells:
    """The customers: named in the line itself, or by its authorizer."""
    also = pile.also()
    if not also:
        return cells(named, len(pile.events))
    keys = context.tenant_keys
    found = _alike_tenants(also, keys)
    if found is None:
        columns = [[(name, value) for value in values] for name, values in also.items()]
        found = [nested_tenant(dict(holders), keys) for holders in zip(*columns, strict=True)]
    return found if named is None else [own or other for own, other in zip(named, found, strict=True)]


def _alike_tenants(also: dict[str, Values], keys: Names) -> list[str | None] | None:
    """The customers where all lines name them in the same member of the same object; else None."""
    name, inner = next(iter(also.items()))
    if len(also) > 1 or "." in name or set(map(type, inner)) != {dict}:
        return None
    alike = set(map(tuple, inner))
    key = next((key for key in keys if key in inner[0]), None)
    if len(alike) > 1 or key is None:
        return None
    found = list(map(values.name, map(itemgetter(key), inner)))
    return found if all(found) else None


def template(method: str | None, route: str | None, path: str | None) -> str | None:
    """Route template with its method, e.g. ``GET /orders/{id}``.

    Where there is no template, the path stands for it with its variable parts as ``{id}``.
    """
    if not route:
        if not path:
            return None
        route = folded(path.partition("?")[0])
    if " " in route or route.startswith("$") or not method:
        return route
    return f"{method} {route}"


def _last_part(log_group: str | None) -> str | None:
    return log_group.rstrip("/").rpartition("/")[2] if log_group else None


READER = Reader(SOURCE, shapes, read)

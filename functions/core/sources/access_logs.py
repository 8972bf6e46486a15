"""API Gateway access logs in JSON, whatever the user called the fields.

Every $context variable (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html)
has the names that templates in use give it; the first that the line has counts.
"""

from __future__ import annotations

import re
from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event
from functions.core.shapes import Cell, Shape, Shapes, plain
from functions.core.traces.trace_ids import trace_id
from functions.core.usage.tenants import nested_tenant
from functions.core.values import text

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
_IDENTITIES = frozenset(
    {"user", "caller", "userArn", "principalId", "authorizer.principalId", "cognitoIdentityId", "identity.user"}
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
_ABSENT = "-"
_VERSION = re.compile(r"[vV]\d{1,3}(\.\d+)?$")


def is_access_log(line: dict[str, Any]) -> bool:
    """Whether a JSON line is one request: a status, and a variable that only the gateway's access logs have."""
    return not GATEWAY_ONLY.isdisjoint(line) and not _STATUSES.isdisjoint(line) and "level" not in line


def read(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the requests row of an access log line; ``line`` is used up."""
    shape = context.cached(_shapes).of(line)
    known = shape.known(line)
    if _ABSENT in known:
        known = tuple(None if value == _ABSENT else value for value in known)
    (status, method, route, path, latency, bytes_in, bytes_out, agent, ip, request, trace, error, service, tenant) = (
        known
    )
    service = text(service) or _last_part(event.log_group)
    if service and service.startswith(context.own_services):
        raise OwnEventError(f"request to own service {service}")
    method, path = text(method), text(path)
    context.rows.requests.append(
        (
            event.time,
            event.id,
            0,
            event.account,
            event.region,
            SOURCE,
            event.event_time,
            service,
            method,
            template(method, text(route), path),
            path.partition("?")[0] if path else None,
            values.int32(status),
            values.number(latency),
            values.int64(bytes_in),
            values.int64(bytes_out),
            tenant or nested_tenant(line, context.tenant_keys),
            agent,
            context.hashed(text(ip) or "") if ip else None,
            request,
            trace_id(trace),
            error,
            _rest(shape, line, context),
        )
    )


def _shapes(context: Context) -> Shapes:
    return Shapes(*_COLUMNS, context.tenant_keys)


def _rest(shape: Shape, line: dict[str, Any], context: Context) -> Cell:
    """The other fields; who called is hashed."""
    if _IDENTITIES.isdisjoint(shape.keys.names):
        return (None, shape.keys, shape.rest(line))
    fields = dict(zip(shape.keys.names, shape.rest(line), strict=True))
    for name in _IDENTITIES.intersection(fields):
        if fields[name] and fields[name] != _ABSENT:
            fields[name] = context.hashed(text(fields[name]) or "")
    return plain(fields)


def template(method: str | None, route: str | None, path: str | None) -> str | None:
    """Route template with its method, e.g. ``GET /orders/{id}``.

    Where there is no template, the path stands for it with its variable parts (numbers, ids) as ``{id}``.
    """
    if not route:
        if not path:
            return None
        parts = path.partition("?")[0].split("/")
        route = "/".join("{id}" if _is_variable(part) else part for part in parts)
    if " " in route or route.startswith("$") or not method:
        return route
    return f"{method} {route}"


def _is_variable(part: str) -> bool:
    digits = sum(map(str.isdigit, part))
    return digits > 0 and (len(part) >= 12 or digits * 2 >= len(part)) and not _VERSION.match(part)


def _last_part(log_group: str | None) -> str | None:
    return log_group.rstrip("/").rpartition("/")[2] if log_group else None

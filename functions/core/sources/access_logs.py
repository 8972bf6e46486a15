"""API Gateway access logs in JSON, whatever the user called the fields.

Every $context variable (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html)
has the names that templates in use give it; the first that the line has counts.
"""

from __future__ import annotations

from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event
from functions.core.traces.trace_ids import trace_id
from functions.core.usage.tenants import nested_tenant

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
_IDENTITIES = ("user", "caller", "userArn", "principalId", "authorizer.principalId", "cognitoIdentityId")
_GATEWAY_ONLY = frozenset(
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
_ABSENT = ("-", "")


def is_access_log(line: dict[str, Any]) -> bool:
    """Whether a JSON line is one request: a status, and a variable that only the gateway's access logs have."""
    return not _GATEWAY_ONLY.isdisjoint(line) and any(name in line for name in _STATUS) and "level" not in line


def read(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the requests row of an access log line; ``line`` is used up."""
    fields = {name: value for name, value in line.items() if value not in _ABSENT}
    take = fields.pop
    method = values.text(_take(fields, _METHOD))
    route = values.text(_take(fields, _ROUTE))
    path = values.text(_take(fields, _PATH))
    ip = values.name(_take(fields, _CLIENT_IP))
    service = values.name(_take(fields, _SERVICE)) or _last_part(event.log_group)
    if service and service.startswith(context.own_services):
        raise OwnEventError(f"request to own service {service}")
    for name in _IDENTITIES:
        if fields.get(name):
            fields[name] = context.hashed(values.text(take(name)) or "")
    tenant = context.take_tenant(fields) or nested_tenant(fields, context.tenant_keys)
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
            template(method, route, path),
            path.partition("?")[0] if path else None,
            values.int32(_take(fields, _STATUS)),
            values.number(_take(fields, _LATENCY)),
            values.int64(_take(fields, _REQUEST_BYTES)),
            values.int64(_take(fields, _RESPONSE_BYTES)),
            tenant,
            values.text(_take(fields, _USER_AGENT)),
            context.hashed(ip) if ip else None,
            values.text(_take(fields, _REQUEST_ID)),
            trace_id(_take(fields, _TRACE_ID)),
            values.text(_take(fields, _ERROR)),
            fields,
        )
    )


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
    return digits > 0 and (digits == len(part) or len(part) >= 12 or digits * 2 >= len(part))


def _take(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in fields:
            return fields.pop(name)
    return None


def _last_part(log_group: str | None) -> str | None:
    return log_group.rstrip("/").rpartition("/")[2] if log_group else None

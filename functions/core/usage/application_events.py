"""Events that applications send on purpose: a feature was used, a setting changed, a webhook came in.

Each is a JSON object in the stream or a JSON log line with ``event_type``:

- ``usage``: tenant, feature, and optional id, time, user, quantity, properties;
- ``setting_changed``: tenant, setting, old, new, and optional time;
- ``deployment`` and ``configuration_changed``: see functions/core/sources/deployments.py;
- ``webhook``: tenant, service, method, route, path, status, latency_ms, request_bytes, response_bytes, and optional
  time, request_id, trace_id.

Other members go to the map of the row. Times are ISO 8601 or epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event
from functions.core.secret_rules import REDACTED, SECRET, protection_of
from functions.core.shapes import plain
from functions.core.sources import deployments
from functions.core.sources.request_meaning import Named, of_one
from functions.core.traces.trace_ids import trace_id

SOURCE = "application"

_TRACE_ID = ("trace_id", "traceId", "xray_trace_id")


def is_application_event(line: dict[str, Any]) -> bool:
    """Whether a JSON line is one of the events above."""
    kind = line.get("event_type")
    return type(kind) is str and kind in READERS and _NEEDED.get(kind, "event_type") in line


def read(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the row of an application event; ``line`` is used up. ``event.id`` is the event's own one where it has it.

    Raises ValueError where what makes the event is missing, OwnEventError where it names a service of this product.
    """
    kind = line.pop("event_type")
    line.pop("time", None)
    READERS[kind](event, line, context)


def own_id(line: dict[str, Any]) -> str | None:
    """The id that the producer gave to a usage event, so that its own retries are seen; else None."""
    return values.name(line.get("id")) if line.get("event_type") == "usage" else None


def _usage(event: Event, line: dict[str, Any], context: Context) -> None:
    feature = values.name(line.pop("feature", None))
    if feature is None:
        raise ValueError("usage event without feature")
    line.pop("id", None)
    user = values.name(line.pop("user", None))
    quantity = values.number(line.pop("quantity", 1))
    properties = line.pop("properties", None)
    tenant = context.meaning.tenant.take(line)
    trace = _trace(line)
    if isinstance(properties, dict):
        line |= properties
    elif properties is not None:
        line["properties"] = properties
    context.rows.usage_events.append(
        (*_common(event), feature, tenant, context.hashed(user) if user else None, quantity, trace, plain(line))
    )


def _setting_changed(event: Event, line: dict[str, Any], context: Context) -> None:
    setting = values.name(line.pop("setting", None))
    if setting is None:
        raise ValueError("setting_changed event without setting")
    old, new = values.text(line.pop("old", None)), values.text(line.pop("new", None))
    if protection_of(setting) == SECRET:
        old, new = old and REDACTED, new and REDACTED
    context.rows.tenant_settings.append(
        (*_common(event), context.meaning.tenant.take(line), setting, old, new, _trace(line))
    )


def _webhook(event: Event, line: dict[str, Any], context: Context) -> None:
    written = dict(line)
    service = values.name(line.pop("service", None)) or event.place.service
    if service and service.startswith(context.own_services):
        raise OwnEventError(f"webhook of own service {service}")
    method, path = values.text(line.pop("method", None)), values.text(line.pop("path", None))
    ip = values.name(line.pop("client_ip", None))
    meaning, route = context.meaning, values.text(line.pop("route", None))
    named = Named(meaning.tenant.take(line), meaning.user.take(line), meaning.feature.take(line))
    route, tenant, user, feature = of_one(context, method, route, path, named)
    context.rows.requests.append(
        (
            *_common(event),
            service,
            method,
            route,
            path.partition("?")[0] if path else None,
            values.int32(line.pop("status", None)),
            values.number(line.pop("latency_ms", None)),
            values.int64(line.pop("request_bytes", None)),
            values.int64(line.pop("response_bytes", None)),
            tenant,
            user,
            feature,
            values.text(line.pop("user_agent", None)),
            context.hashed(ip) if ip else None,
            values.text(line.pop("request_id", None)),
            _trace(line),
            values.text(line.pop("error_message", None)),
            values.text(context.redactor.shown((written,))[0]),
        )
    )


READERS: dict[str, Callable[[Event, dict[str, Any], Context], None]] = {
    "usage": _usage,
    "setting_changed": _setting_changed,
    "webhook": _webhook,
    "deployment": deployments.read_deployment,
    "configuration_changed": deployments.read_configuration,
}
_NEEDED = {"deployment": "commit", "configuration_changed": "function"}
"""Events that applications too have by this name, and a member that tells tracelake's from them."""


def _common(event: Event) -> tuple[Any, ...]:
    return (event.time, event.id, 0, event.place.account, event.place.region, SOURCE, event.event_time)


def _trace(line: dict[str, Any]) -> str | None:
    for name in _TRACE_ID:
        if name in line:
            return trace_id(line.pop(name))
    return None

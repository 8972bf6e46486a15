"""Lines of formats that the user's rules describe: named groups fill columns, and all of them are in ``line``."""

from __future__ import annotations

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.fingerprint import failure, fingerprint
from functions.core.meaning.formats import Line
from functions.core.meaning.lookup import ABSENT, label
from functions.core.rows import Event
from functions.core.secret_rules import HASH_MARK
from functions.core.sources.levels import ERROR_LEVELS, LONGEST_LEVEL, level_name
from functions.core.sources.request_meaning import Named, of_one
from functions.core.traces.trace_ids import span_id, trace_id
from functions.core.usage.addresses import host

SOURCE = "own_format"


def read(event: Event, line: Line, context: Context) -> None:
    """Adds the row of a line. Raises OwnEventError where it names a service of this product."""
    found = {name: value for name, value in line.fields.items() if value != ABSENT}
    shown = dict(found)
    client = host(found.get("client_ip"))
    for name, identity in (("client_ip", client), ("user", found.get("user"))):
        if identity:
            shown[name] = HASH_MARK + context.hashed(identity)
    event.line = values.text(shown) or ""
    place = event.place
    service = found.get("service") or place.service
    if service and service.startswith(context.own_services):
        raise OwnEventError(f"line of own service {service}")
    start = (event.time, event.id, 0, place.account, place.region, SOURCE, event.event_time)
    if line.form.table == "logs":
        _add_log(start, event, found, service, context)
        return
    path = found.get("path")
    named = Named(found.get("tenant"), found.get("user"), found.get("feature"))
    route, tenant, user, feature = of_one(context, found.get("method"), found.get("route"), path, named)
    context.rows.requests.append(
        (
            *start,
            service,
            found.get("method"),
            route,
            path and path.partition("?")[0],
            values.int32(found.get("status")),
            values.number(found.get("latency_ms")),
            values.int64(found.get("request_bytes")),
            values.int64(found.get("response_bytes")),
            tenant,
            user,
            feature,
            found.get("user_agent"),
            context.hashed(client) if client else None,
            found.get("request_id"),
            trace_id(found.get("trace_id")),
            found.get("error_message"),
            event.line,
        )
    )


def _add_log(
    start: tuple[object, ...], event: Event, found: dict[str, str], service: str | None, context: Context
) -> None:
    place, level = event.place, found.get("level")
    level = level_name(level[:LONGEST_LEVEL]) if level else None
    message = found.get("message")
    failing = level in ERROR_LEVELS or "error_type" in found
    cause = failure(message or "") if failing else None
    error_type = found.get("error_type") or (cause.type if cause else None)
    print_ = fingerprint(error_type, cause.message or message, cause.frames) if cause else None
    context.rows.logs.append(
        (
            *start,
            place.log_group,
            place.log_stream,
            level or ("ERROR" if failing else None),
            message,
            service,
            found.get("request_id") or event.request_id,
            trace_id(found.get("trace_id")),
            span_id(found.get("span_id")),
            found.get("tenant"),
            context.identity(found.get("user")),
            label(found.get("version")),
            error_type,
            print_,
            event.line,
        )
    )

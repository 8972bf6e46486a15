"""Rows of an event that holds several spans: each whole span becomes a row of spans, and what is no span a log line.

An event gives all of its rows or none, so everything that could refuse it is looked at before the first row is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

import msgspec

from functions.core import values
from functions.core.context import Context
from functions.core.piles import Reader
from functions.core.rows import Event
from functions.core.sources import spans
from functions.core.sources.spans import Span
from functions.core.traces.trace_ids import span_id, trace_id

SetTime = Callable[[Event, int | None], None]
"""Gives an event a time in ms, if it is within bounds."""


_KEPT = ("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "status")


class Found(NamedTuple):
    """A span of an event, and its attributes."""

    span: Span
    attributes: dict[str, Any]


def raw(value: dict[str, Any]) -> msgspec.Raw:
    """An object as the JSON that a Span keeps."""
    return msgspec.Raw((values.text(value) or "").encode())


def add(
    event: Event,
    found: Sequence[Found],
    reader: Reader,
    context: Context,
    set_time: SetTime,
    *,
    by_ids: bool = False,
) -> None:
    """Adds the rows of an event's spans.

    ``by_ids`` names each row by the ids of its span and not by the event, so that what tells of the same span again
    (an unfinished one that is finished now, a trace that was fetched twice) meets it. ValueError where none of the
    spans has ids and a start, OwnEventError where one is of this product.
    """
    whole, flawed = [], []
    for number, (span, attributes) in enumerate(found):
        try:
            spans.check(span, attributes, event.place, context)
        except ValueError:
            flawed.append((number, span, attributes))
        else:
            whole.append((number, span, attributes))
    if not whole:
        raise ValueError(spans.INCOMPLETE)
    for number, span, attributes in whole:
        row = copy(event)
        row.line = values.text(attributes) or "{}"
        set_time(row, (spans.nanos(span.startTimeUnixNano) or 0) // 1_000_000)
        if by_ids:
            row.id = f"{trace_id(span.traceId)}:{span_id(span.spanId)}"
        context.add(reader, row, attributes, span, row_no=0 if by_ids else number)
    for number, span, attributes in flawed:
        _add_flawed(event, Found(span, attributes), number, reader.source, context)


def _add_flawed(event: Event, found: Found, row_no: int, source: str, context: Context) -> None:
    """Adds a log line; attributes are written flat in it, for only so do their names tell what is secret."""
    place, span = event.place, found.span
    resource = msgspec.json.decode(span.resource)
    line = {name: getattr(span, name) for name in _KEPT} | {
        "attributes": found.attributes or span.attributes,
        "resource": spans.flat_attributes(resource.get("attributes") if isinstance(resource, dict) else None),
    }
    context.rows.logs.append(
        (
            *(event.time, event.id, row_no, place.account, place.region, source, event.event_time),
            *(place.log_group, place.log_stream, "WARN", spans.INCOMPLETE, place.service, event.request_id),
            *(trace_id(span.traceId), span_id(span.spanId), *(None,) * 5),
            values.text(line),
        )
    )

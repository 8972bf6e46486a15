"""X-Ray segment documents, alone and as X-Ray's API takes and gives them.

Format: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html. A document holds its
subsegments, or they come as documents of their own. It may come first unfinished (``in_progress``) and later finished,
and whoever fetches traces gets the same documents again: rows are named by the ids of their spans, so `compact` keeps
one row of each, a finished one where there is one. A trace id that is missing or invalid is replaced by one that is
derived from it, or else from the segment's id, and kept as an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from functions.core import documents, values
from functions.core.context import Context
from functions.core.piles import Reader
from functions.core.rows import Event
from functions.core.sources import span_rows, spans
from functions.core.sources.span_rows import Found, SetTime
from functions.core.sources.spans import Span
from functions.core.traces.times import nanoseconds
from functions.core.traces.trace_ids import derived_id, span_id, trace_id

READER = Reader("xray", spans.shapes, spans.read)

API_MEMBERS = frozenset({"Traces", "Segments", "TraceSegmentDocuments"})
"""Members of BatchGetTraces' answer, of one trace in it, and of PutTraceSegments' request."""

_HEADER = re.compile(r'\s*(?:\{\s*"format"\s*:\s*"json"\s*,\s*"version"\s*:\s*1\s*\}\s*)+(?=\S)')
_MAX_DEPTH = 64

_STATUSES = {flag: span_rows.raw({"code": f"xray.{flag}"}) for flag in ("throttle", "fault", "error")}
"""By flags; the first that is set counts, as a throttled call has ``error`` set too."""

_NO_STATUS = span_rows.raw({})

_REQUEST = {
    "method": "http.request.method",
    "url": "url.full",
    "user_agent": "user_agent.original",
    "client_ip": "client.address",
}
_RESPONSE = {"status": "http.response.status_code", "content_length": "http.response.body.size"}
_AWS = {"operation": "rpc.method"}
_SQL = {"database_type": "db.system.name", "sanitized_query": "db.query.text", "user": "db.user"}
_READ = frozenset(
    {"id", "trace_id", "parent_id", "name", "start_time", "end_time", "type", "subsegments", "in_progress", "error"}
    | {"fault", "throttle", "http", "aws", "sql", "cause", "annotations", "user", "origin"}
)
"""Members that are read into attributes and columns by name; others become attributes ``aws.xray.<name>``."""


class _Node(NamedTuple):
    """A segment or subsegment, with what it has from the document that it stands in."""

    fields: dict[str, Any]
    trace: str
    parent: Any
    resource: msgspec.Raw


def without_header(line: str) -> str | None:
    """The document after the header line of the X-Ray daemon's protocol; None where there is no such line."""
    match = _HEADER.match(line)
    return line[match.end() :] if match else None


def is_segment(line: dict[str, Any]) -> bool:
    """Whether a JSON object is a segment document: what has an X-Ray trace id or says that it is a subsegment, or has
    an id as segments do."""
    if type(line.get("id")) is not str or type(line.get("name")) is not str or "start_time" not in line:
        return False
    if line.get("type") == "subsegment" or "subsegments" in line:
        return True
    trace, ends = line.get("trace_id"), "end_time" in line or "in_progress" in line
    return ends and (span_id(line["id"]) is not None or (type(trace) is str and trace.startswith("1-")))


def read(event: Event, line: dict[str, Any], context: Context, set_time: SetTime) -> bool:
    """Adds the rows of all segments in a document or an API's input or output; False where there is none."""
    found = [span for document, trace in _documents(line) for span in _spans(document, trace)]
    if found:
        span_rows.add(event, found, READER, context, set_time, by_ids=True)
    return bool(found)


def _documents(line: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Each segment document, and the trace id of the trace that it stands in."""
    if API_MEMBERS.isdisjoint(line):
        yield line, None
    for document in _list(line.get("TraceSegmentDocuments")):
        yield _opened(document), None
    for trace in (line, *_list(line.get("Traces"))):
        if isinstance(trace, dict):
            for segment in _list(trace.get("Segments")):
                yield _opened(segment), trace.get("Id")


def _opened(segment: Any) -> Any:
    """A document that may be JSON in a text, or the ``Document`` of an object; what is no JSON stays as it is."""
    document = segment["Document"] if isinstance(segment, dict) and "Document" in segment else segment
    if type(document) is not str:
        return document
    try:
        return documents.parse(without_header(document) or document, _MAX_DEPTH)
    except documents.NotJsonError:
        return document


def _spans(document: Any, trace_of: Any) -> list[Found]:
    """A segment and all subsegments in it."""
    if not isinstance(document, dict):
        return [Found(Span(attributes=span_rows.raw({"document": document})), {})]
    nodes = list(_nodes(document, trace_of))
    exceptions = {
        exception["id"]: exception
        for node in nodes
        for exception in _exceptions(node.fields.get("cause"))
        if type(exception.get("id")) is str
    }
    return [_found(node, exceptions) for node in nodes]


def _nodes(document: dict[str, Any], trace_of: Any) -> Iterator[_Node]:
    """The document and what is nested in it, each before its children."""
    own = document.get("trace_id") or trace_of
    trace = trace_id(own) or derived_id(values.text(own or document.get("id")) or "", 32)
    waiting = [_Node(document, trace, document.get("parent_id"), _resource(document))]
    while waiting:
        node = waiting.pop()
        yield node
        nested = _list(node.fields.get("subsegments"))
        waiting += [
            node._replace(fields={"type": "subsegment", **child}, parent=node.fields.get("id"))
            for child in reversed(nested)
            if isinstance(child, dict)
        ]


def _resource(document: dict[str, Any]) -> msgspec.Raw:
    """What ran: a segment is named after its service; a subsegment that comes alone does not say it."""
    if document.get("type") == "subsegment":
        return span_rows.raw({})
    origin = values.text(document.get("origin")) or ""
    found = {
        "service.name": document.get("name"),
        "service.version": _object(document.get("service")).get("version"),
        "aws.resource.type": origin or None,
        "faas.name": document.get("name") if origin.startswith("AWS::Lambda") else None,
    }
    return span_rows.raw({"attributes": {name: value for name, value in found.items() if value is not None}})


def _found(node: _Node, exceptions: dict[str, dict[str, Any]]) -> Found:
    fields = node.fields
    span = Span(
        node.trace,
        fields.get("id"),
        node.parent,
        _database_and_host(fields)[0],
        _kind(fields),
        nanoseconds(fields.get("start_time")),
        nanoseconds(fields.get("end_time")) if fields.get("in_progress") is not True else None,
        next((status for flag, status in _STATUSES.items() if fields.get(flag) is True), _NO_STATUS),
        links=[
            {"traceId": link.get("trace_id"), "spanId": link.get("id")}
            for link in _list(fields.get("links"))
            if isinstance(link, dict)
        ],
        resource=node.resource,
    )
    return Found(span, _attributes(fields, exceptions))


def _kind(fields: dict[str, Any]) -> str:
    if fields.get("namespace") in ("aws", "remote"):
        return "client"
    return "internal" if fields.get("type") == "subsegment" else "server"


def _attributes(fields: dict[str, Any], exceptions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Annotations by their own names, HTTP, AWS and SQL by those of the semantic conventions, then all the rest."""
    found = dict(_object(fields.get("annotations")))
    http = _object(fields.get("http"))
    for part, names, prefix in (
        (http.get("request"), _REQUEST, "http.request."),
        (http.get("response"), _RESPONSE, "http.response."),
        (fields.get("aws"), _AWS, "aws."),
        (fields.get("sql"), _SQL, "db."),
    ):
        found |= {names.get(name, prefix + name): value for name, value in _object(part).items() if value is not None}
    if fields.get("namespace") == "aws":
        found |= {"rpc.system": "aws-api", "rpc.service": fields.get("name")}
    elif fields.get("namespace") == "remote":
        database, host = _database_and_host(fields)
        found["peer.service"] = host
        if "sql" in fields:
            found["db.namespace"] = database
    if fields.get("user") is not None:
        found["enduser.id"] = fields["user"]
    _add_cause(found, fields.get("cause"), exceptions)
    found |= {f"aws.xray.{name}": value for name, value in fields.items() if name not in _READ}
    if "trace_id" in fields and trace_id(fields["trace_id"]) is None:
        found["aws.xray.trace_id"] = fields["trace_id"]
    return found


def _database_and_host(fields: dict[str, Any]) -> tuple[Any, Any]:
    """What a call is named and where it goes. SQL calls are named ``<database>@<host>``, which together would be
    redacted as an e-mail address."""
    name = fields.get("name")
    if "sql" in fields and type(name) is str and "@" in name:
        database, _, host = name.partition("@")
        return database, host
    return name, name


def _add_cause(attributes: dict[str, Any], cause: Any, exceptions: dict[str, dict[str, Any]]) -> None:
    """Type and message of the first exception; a cause can also be the id of one that stands in another subsegment."""
    if type(cause) is str:
        attributes["aws.xray.cause"] = cause
        found = [exceptions[cause]] if cause in exceptions else []
    else:
        found = _exceptions(cause)
        if found:
            attributes["aws.xray.exceptions"] = found
    for exception in found[:1]:
        attributes |= {
            f"exception.{name}": exception[name] for name in ("type", "message") if exception.get(name) is not None
        }


def _exceptions(cause: Any) -> list[dict[str, Any]]:
    return [item for item in _list(_object(cause).get("exceptions")) if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

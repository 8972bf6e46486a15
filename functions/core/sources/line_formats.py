"""Logs of AWS services whose lines are fields in a row: load balancers, CloudFront, S3, VPC flow logs.

What each looks like and which column a field fills is data: line_formats.toml. A line is taken apart once, from left to
right, so its time is linear in its length whatever it holds; what is no such line costs one look at its beginning.
Requests become rows of `requests`, all else (flows) rows of `logs`; in both, `line` is JSON with every field under the
name that AWS's page gives it. Addresses are kept as keyed hashes only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.meaning.lookup import ABSENT
from functions.core.rows import Event
from functions.core.secret_rules import HASH_MARK
from functions.core.sources.environment import Payload
from functions.core.sources.request_meaning import Named, of_one
from functions.core.traces.trace_ids import trace_id
from functions.core.usage.addresses import host
from functions.core.usage.routes import path_of

LONGEST_LINE = 64 * 1024
"""Characters of a line that is read as fields; what is longer stays text. AWS cuts fields far below."""
MOST_FIELDS = 100
_LEAST_KNOWN_NAMES = 3
_NAMES = re.compile(r"[A-Za-z][\w.()/:-]{0,60}")
_TOKEN = re.compile(
    r"\[[^][]{0,64}\](?::\d{1,5})?"  # a time, or an IPv6 address with its port
    r'|"[^"\\]*(?:\\.[^"\\]*)*"(?:,"[^"\\]*(?:\\.[^"\\]*)*")*'  # quoted, or a list of quoted texts
    r"|\d\d?/[A-Z][a-z]{2}/\d{4}:[\d:]{8} [+-]\d{4}"
    r"|[^\s]+"
)
_ESCAPE = re.compile(r'\\(["\\])')


class Format(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One format of line_formats.toml; the columns' values are names of fields."""

    doc: str
    head: str
    fields: str
    least: int
    table: Literal["requests", "logs"] = "requests"
    separator: Literal[" ", "\t"] = " "
    exact: bool = False
    header: str = ""
    private: Sequence[str] = ()
    encoded: Sequence[str] = ()
    seconds: Sequence[str] = ()
    time: str = ""
    service: str = ""
    client: str = ""
    caller: str = ""
    request: str = ""
    method: str = ""
    url: str = ""
    route: str = ""
    status: str = ""
    latency_ms: str = ""
    request_bytes: str = ""
    response_bytes: str = ""
    user_agent: str = ""
    request_id: str = ""
    trace_id: str = ""
    error_message: str = ""
    message: str = ""

    def tokens(self, line: str) -> list[str]:
        """The fields of a line as they are written."""
        return line.rstrip("\r\n").split("\t", MOST_FIELDS) if self.separator == "\t" else tokens(line)


Columns = tuple[str, Format, tuple[str, ...]]
"""Name of a format, the format, and the names of the fields of its lines."""


def load(text: str) -> dict[str, Format]:
    """Formats by name from TOML; msgspec.ValidationError where a member is unknown or has the wrong type."""
    return msgspec.convert(tomllib.loads(text), dict[str, Format])


FORMATS = load(Path(__file__).with_name("line_formats.toml").read_text())
_HEAD = re.compile("|".join(f"(?P<{name}>{format.head})" for name, format in FORMATS.items()))
_HEADER = re.compile("|".join(f"(?P<{name}>{format.header})" for name, format in FORMATS.items() if format.header))
_DEFAULTS: dict[str, Columns] = {name: (name, format, tuple(format.fields.split())) for name, format in FORMATS.items()}


class Line(msgspec.Struct, gc=False):
    """A line of a known format: its fields by name, its time as it is written."""

    columns: Columns
    fields: dict[str, Any]
    time: str | None


def recognised(line: str, payload: Payload) -> Line | None:
    """The fields of a line of a known format; None for all other lines.

    A header line becomes a Line without fields: the payload keeps its names for the lines that follow.
    """
    known: Columns | None = payload.columns
    if known is not None:
        return _of_file(line, known, payload)
    match = _HEAD.match(line)
    if match is None:
        return _header(line, payload)
    columns = _DEFAULTS[match.lastgroup or ""]
    found = columns[1].tokens(line) if len(line) <= LONGEST_LINE else []
    if len(found) < columns[1].least or (columns[1].exact and len(found) != len(columns[2])):
        return None
    return _line(columns, found)


def _of_file(line: str, known: Columns, payload: Payload) -> Line | None:
    """A line behind a header line: a new header, or the fields that the last one named."""
    header = _header(line, payload)
    if header is not None:
        return header
    found = known[1].tokens(line) if len(line) <= LONGEST_LINE else []
    return _line(known, found) if len(found) == len(known[2]) else None


def _header(line: str, payload: Payload) -> Line | None:
    match = _HEADER.match(line)
    if match is None or len(line) > LONGEST_LINE:
        return None
    name, format, fields = _DEFAULTS[match.lastgroup or ""]
    marked = line.startswith("#")
    names = tuple(line.split()[marked:])
    if line.startswith("#Version"):
        return Line((name, format, fields), {}, None)
    if len(names) > MOST_FIELDS or not all(map(_NAMES.fullmatch, names)):
        return None
    if not marked and len(set(fields).intersection(names)) < _LEAST_KNOWN_NAMES:
        return None
    payload.columns = (name, format, names)
    return Line(payload.columns, {}, None)


def tokens(line: str) -> list[str]:
    """Fields between spaces; quotes and brackets hold one together, and go."""
    return [_plain(token) if token[0] in '["' else token for token in _TOKEN.findall(line)[:MOST_FIELDS]]


def _plain(token: str) -> str:
    if token.startswith('"') and token.endswith('"') and '","' not in token:
        return _ESCAPE.sub(r"\1", token[1:-1]) if "\\" in token else token[1:-1]
    return token[1:-1] if token.startswith("[") and token.endswith("]") else token


def _line(columns: Columns, found: list[str]) -> Line:
    _, format, names = columns
    fields: dict[str, Any] = dict(zip(names, found, strict=False))
    if len(found) > len(names):
        fields["more"] = found[len(names) :]
    for name in format.encoded:
        if name in fields:
            fields[name] = unquote(fields[name], errors="replace")
    return Line(columns, fields, _cell(fields, format.time))


def _cell(fields: Mapping[str, Any], names: str) -> str | None:
    """A field, or several joined; None where there is none."""
    found = fields.get(names) if " " not in names else " ".join(fields.get(name, "") for name in names.split()).strip()
    return found if found and found != ABSENT else None


def read(event: Event, line: Line, context: Context) -> None:
    """Adds the row of a line. Raises OwnEventError for a request to something of this product."""
    name, format, _ = line.columns
    fields = line.fields
    client = host(_cell(fields, format.client))
    shown = dict(fields)
    for private in format.private:
        if (value := _cell(fields, private)) is not None:
            shown[private] = HASH_MARK + context.hashed(host(value) or value)
    event.line = values.text(shown) or ""
    place = event.place
    start = (event.time, event.id, 0, place.account, place.region, f"{name}_log", event.event_time)
    if format.table == "logs":
        said = _cell(fields, format.message)
        message = said and said.replace(f"{ABSENT} ", "").removesuffix(" OK")
        nothing = (None,) * 8
        context.rows.logs.append(
            (*start, place.log_group, place.log_stream, None, message, place.service, *nothing, event.line)
        )
        return
    service = _service(_cell(fields, format.service))
    if service is not None and service.startswith(context.own_services):
        raise OwnEventError(f"request to own {service}")
    # reading a log file in a bucket that logs its own requests would make the next file
    if f"/{context.own_services}" in (_cell(fields, format.caller) or ""):
        raise OwnEventError("request by a role of this product")
    method, path = _request(_cell(fields, format.request))
    method, path = method or _cell(fields, format.method), path or path_of(_cell(fields, format.url) or "")
    route, tenant, _, feature = of_one(context, method, None, path, Named())
    if operation := _cell(fields, format.route):
        route = operation
    context.rows.requests.append(
        (
            *start,
            service,
            method,
            route,
            path,
            values.int32(_cell(fields, format.status)),
            _latency(fields, format),
            values.int64(_cell(fields, format.request_bytes)),
            values.int64(_cell(fields, format.response_bytes)),
            tenant,
            None,
            feature,
            _cell(fields, format.user_agent),
            context.hashed(client) if client else None,
            _cell(fields, format.request_id),
            trace_id(_cell(fields, format.trace_id)),
            _cell(fields, format.error_message),
            event.line,
        )
    )


def _service(name: str | None) -> str | None:
    """The load balancer's name of ``app/<name>/<id>``; other names as they are."""
    parts = name.split("/") if name else ()
    return parts[1] if len(parts) == 3 else name


def _request(written: str | None) -> tuple[str | None, str | None]:
    """Method and path of ``GET http://host:80/path?query HTTP/1.1``; each None where it is not there."""
    method, _, rest = (written or "").partition(" ")
    url = rest.rpartition(" ")[0] or rest
    return (method if method.isalpha() else None), path_of(url)


def _latency(fields: Mapping[str, Any], format: Format) -> float | None:
    """Milliseconds; a load balancer writes -1 where it came to no answer."""
    if not format.seconds:
        return values.number(_cell(fields, format.latency_ms))
    parts = [values.number(_cell(fields, name)) for name in format.seconds]
    known = [part for part in parts if part is not None and part >= 0]
    return round(sum(known) * 1000, 6) if len(known) == len(parts) else None

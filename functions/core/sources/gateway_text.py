"""Access logs of API Gateway that are not JSON: CLF, CSV and XML as the console offers them, and formats of one's own.

A stage's format can be anything (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html),
and the line does not say what it is. So a line is a request where every field of it has one of the shapes that
$context variables have, and method, path and status are among them; or where its fields have the variables' names. The
fields get the names that they have in $context, and the line is read on as if it were the JSON of them.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from functions.core.meaning.lookup import ABSENT
from functions.core.sources import access_logs
from functions.core.sources.line_formats import LONGEST_LINE, MOST_FIELDS, tokens

Fields = dict[str, Any]

_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{1,40}\]?"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:_REPLACED_INVALID_REQUEST_ID)?"
_TIME = r"\d\d?/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_METHOD = r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY|CONNECT|MESSAGE|DISCONNECT"
_HEAD = re.compile(
    rf"(?P<clf>(?:{_ADDRESS}|-) \S{{1,256}} \S{{1,256}} \[{_TIME}\] ?\")"
    rf"|(?P<csv>(?:{_ADDRESS}|{_UUID}|-),)"
    r"|(?P<xml><request )"
    rf"|(?P<free>(?:{_ADDRESS}|{_UUID}|\[?{_TIME}\]?|{_METHOD}|\"(?:{_METHOD}) [^ ]) ?)"
    r"|(?P<named>\{?\s?[\"']?(?:requestId|extendedRequestId|ip|sourceIp|requestTime|httpMethod|routeKey|resourcePath"
    r"|status|stage|apiId)[\"']?\s?[:=])"
)
_SHAPE = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in (
            ("requestTime", _TIME),
            ("iso", r"\d{4}-\d\d-\d\dT[\d:.]{8,15}Z"),
            ("requestTimeEpoch", r"1\d{12}"),
            ("ip", _ADDRESS),
            ("request", rf"(?:{_METHOD}|-) \S.*"),
            ("httpMethod", _METHOD),
            ("path", r"/\S*|\$default|\$connect|\$disconnect"),
            ("protocol", r"(?:HTTP|WEBSOCKET)[/\d.]*"),
            ("xrayTraceId", r"(?:Root=)?1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}"),
            ("requestId", _UUID),
            ("number", r"\d{1,18}(?:\.\d{1,9})?"),
            ("extendedRequestId", r"[A-Za-z0-9_-]{11,30}="),
            ("nothing", "-"),
        )
    )
)
_STATUS = re.compile(r"[1-5]\d\d")
_ELEMENT = re.compile(r"<([A-Za-z]\w{0,40})>([^<]*)</")
_ID = re.compile(r'id="([^"<]{1,100})"')
_NAMED = re.compile(
    r"""([A-Za-z][\w.]{0,60})["']?\s?[:=]\s?("(?:[^"\\]|\\.)*"|\[[^\]]{0,64}\]|(?:\{[^\s{}]*\}|[^\s,;{}])*)"""
)
_LEAST_NAMED = 3
_PATHS = frozenset({"path", "resourcePath", "routeKey"})
_ORIGINS = frozenset({"ip", "requestTime", "requestTimeEpoch", "requestId"})
_WEBSOCKET_EVENTS = frozenset({"CONNECT", "MESSAGE", "DISCONNECT"})


def recognised(line: str, by_lambda: bool) -> Fields | None:
    """The fields of an access log line, named as in $context; None for all other lines.

    ``by_lambda`` says that a function wrote the line: what functions print is a request only where it is CLF.
    """
    match = _HEAD.match(line)
    if match is None or len(line) > LONGEST_LINE:
        return None
    kind = match.lastgroup
    if kind == "clf":
        return _of_shapes(tokens(line), strict=False)
    if by_lambda:
        return None
    if kind == "xml":
        return _named({**_id(line), **dict(islice(_ELEMENT.findall(line), MOST_FIELDS))})
    if kind == "named":
        return _named({name: value.strip("\"'[]") for name, value in islice(_NAMED.findall(line), MOST_FIELDS)})
    found = line.rstrip("\r\n").split(",", MOST_FIELDS) if kind == "csv" else tokens(line)
    return _of_shapes([token.strip('" []') for token in found] if kind == "csv" else found, strict=True)


def _id(line: str) -> Fields:
    match = _ID.search(line, 0, 200)
    return {"requestId": match[1]} if match else {}


def _named(fields: Fields) -> Fields | None:
    return fields if len(fields) >= _LEAST_NAMED and access_logs.is_access_log(fields) else None


def _of_shapes(found: list[str], strict: bool) -> Fields | None:
    """Fields by their shapes; None where no request is among them or, if strict, where one is no variable's value."""
    fields: Fields = {}
    behind = 0  # fields behind the status
    for number, token in enumerate(found):
        match = _SHAPE.fullmatch(token)
        shape = match.lastgroup if match else None
        if "status" in fields:
            behind += 1
        if shape == "request" and "httpMethod" not in fields:
            _add_request(fields, token)
        elif shape == "request" and token.startswith(f"{fields['httpMethod']} /"):
            fields["routeKey"] = token
        elif "status" not in fields and _may_be_status(fields, shape, token):
            fields["status"] = token
        elif behind == 1 and shape in ("number", "nothing") and "protocol" in fields:
            fields["responseLength"] = token
        elif shape in (None, "number", "nothing", "iso", "request") or shape in fields:
            name = _by_place(fields, token, number, behind)
            if name is None and strict and shape is None:
                return None
            fields[name or f"field_{number}"] = token
        else:
            fields[str(shape)] = token
    if "httpMethod" not in fields or "status" not in fields or _PATHS.isdisjoint(fields) or _ORIGINS.isdisjoint(fields):
        return None
    if fields["httpMethod"] in _WEBSOCKET_EVENTS:
        fields["eventType"] = fields.pop("httpMethod")
        fields["connectionId"] = fields.pop("protocol", ABSENT)
    return fields


def _may_be_status(fields: Fields, shape: str | None, token: str) -> bool:
    if shape == "number":
        return "httpMethod" in fields and bool(_STATUS.fullmatch(token))
    return shape == "nothing" and "protocol" in fields


def _add_request(fields: Fields, token: str) -> None:
    """Takes ``GET /pets HTTP/1.1`` apart; an HTTP API's route key brings its own method: ``GET GET /pets HTTP/1.1``."""
    method, _, rest = token.partition(" ")
    path, _, protocol = rest.rpartition(" ")
    path = path.removeprefix(f"{method} ") if path else rest
    fields["httpMethod"], fields["protocol"] = method, protocol if rest != path else ABSENT
    fields["resourcePath" if "{" in path or path.startswith("$") else "path"] = path


def _by_place(fields: Fields, token: str, number: int, behind: int) -> str | None:
    """The name of a field that has no shape of its own: who called stands behind the address, ids and agents last."""
    if number in (1, 2) and "ip" in fields and "httpMethod" not in fields:
        return "caller" if number == 1 else "user"
    if behind and token.startswith(("http://", "https://")):
        return "referer"
    if behind and "/" in token and "userAgent" not in fields:
        return "userAgent"
    if behind and " " not in token and any(map(str.isdigit, token)) and "requestId" not in fields:
        return "requestId"
    return None

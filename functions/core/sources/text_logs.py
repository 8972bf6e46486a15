"""Lines that are not JSON, with what the Lambda runtimes put in front of them.

Python: ``[LEVEL]<tab>time<tab>request id<tab>message``; Node.js: ``time<tab>request id<tab>LEVEL<tab>message``
(https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, .../nodejs-logging.html).
"""

from __future__ import annotations

import re

from functions.core.context import Context
from functions.core.fingerprint import failure, fingerprint
from functions.core.rows import Event
from functions.core.sources.lambda_platform import Payload
from functions.core.sources.levels import ERROR_LEVELS, level_name

SOURCE = "text_log"

_ID = r"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
_NODE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t(?:" + _ID + r"|undefined)\t(?:([A-Z]{4,8})\t)?")
_PYTHON = re.compile(r"\[([A-Z]{4,8})\]\s*(?:\d{4}-\d\d-\d\dT[\d:.]+Z\t" + _ID + r"?\t?)?")
_REQUEST_ID = re.compile(r"RequestId: " + _ID + r"|\d{4}-\d\d-\d\dT[\d:.]+Z " + _ID)
_WORD = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\b")
_UNCAUGHT = re.compile(
    r"\[ERROR\] [A-Za-z_][\w.]*:|\tERROR\t(?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection)"
)
_HEAD = 120


def read(event: Event, line: str, payload: Payload, context: Context) -> None:
    """Adds the logs row of a line, and tells the payload of an uncaught error."""
    level, request_id, body = _prefix(line)
    if level is None:
        match = _WORD.search(line, 0, _HEAD)
        level = level_name(match[1]) if match else None
    error_type = print_ = None
    if level in ERROR_LEVELS or "Traceback (most recent" in body:
        level = level or "ERROR"
        found = failure(body.strip())
        error_type = found.type
        print_ = fingerprint(error_type, found.message or body, found.frames)
        if _UNCAUGHT.search(line, 0, _HEAD):
            payload.note_error(request_id, error_type)
    message = line[:-1] if line.endswith("\n") else line
    context.rows.logs.append(
        (
            event.time,
            event.id,
            0,
            event.place.account,
            event.place.region,
            SOURCE,
            event.event_time,
            event.place.log_group,
            event.place.log_stream,
            level,
            message,
            event.place.service,
            request_id or event.request_id,
            None,
            None,
            None,
            error_type,
            print_,
            None,
        )
    )


def _prefix(line: str) -> tuple[str | None, str | None, str]:
    """Level, request id and the rest of a line."""
    match = _NODE.match(line)
    if match:
        return level_name(match[2]) if match[2] else None, match[1], line[match.end() :]
    match = _PYTHON.match(line)
    if match and level_name(match[1]):
        return level_name(match[1]), match[2], line[match.end() :]
    match = _REQUEST_ID.match(line)
    if match:
        return None, match[1] or match[2], line
    return None, None, line

"""Lines that are not JSON, with what the Lambda runtimes put in front of them, and stack traces over several lines.

Python: ``[LEVEL]<tab>time<tab>request id<tab>message``; Node.js: ``time<tab>request id<tab>LEVEL<tab>message``
(https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, .../nodejs-logging.html). Java, .NET, Go and Rust
write each line of a stack trace as an event of its own: all of it is the message of the first one's row, which alone
has a level and a fingerprint; the lines that follow stay rows of their own, so that none depends on how CloudWatch cut
the stream into payloads.
"""

from __future__ import annotations

import re
from typing import Any

from functions.core import documents, values
from functions.core.context import Context
from functions.core.fingerprint import failure, fingerprint
from functions.core.rows import Event
from functions.core.sources import json_logs
from functions.core.sources.environment import OpenError, Outcome, Payload
from functions.core.sources.levels import ERROR_LEVELS, HEAD, UUID, level_name, prefix_of

SOURCE = "text_log"

LONGEST_ERROR = 32_000
"""So many characters of the lines that follow an error become part of its message."""

_NODE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t(?:(" + UUID + r")|undefined|)\t(?:([A-Za-z]{4,8})\t)?")
_TIME_AND_ID = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\s(" + UUID + ")")
_REQUEST_ID = re.compile(r"(?i:request[ _-]?id)[\"']?\s?[:=]\s?[\"']?(" + UUID + ")")
_CLASS = r"(?:[A-Za-z_][\w$]{0,80}[.:]{1,2}){0,12}[A-Z][\w$]{0,80}"
_TRACE = re.compile(
    r"Traceback \(most recent|Exception in thread \"|Unhandled exception|panic: |fatal error: |goroutine \d+ \["
    r"|thread '[^'\n]{0,80}' (?:\(\d+\) )?panicked at "
    rf"|(?:(?:Unc|C)aught )?(?:{_CLASS})?(?:Error|Exception)(?:: |\n)(?!.*\bno errors?\b)"
    rf"|.{{0,300}}: ({_CLASS})\n\1\b"
    r"|\S{1,200}:\d+:in [`'].{0,300} \([A-Z][\w:]*\)"
)
_UNCAUGHT = re.compile(
    r"\[ERROR\] [A-Za-z_][\w.]*(?::|\nTraceback)"
    r"|.{0,80}\t(?:ERROR|error)\t(?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection)"
    rf"|panic: |fatal error: |thread '[^'\n]{{0,80}}' (?:\(\d+\) )?panicked at |.{{0,300}}: ({_CLASS})\n\1\b"
)
_CONTINUES = re.compile(
    r"\s+\S|\s*$|Caused by: |Suppressed: |goroutine \d+ \[|created by |exit status \d|\[signal |stack backtrace:|"
    r"note: |--- End of |Traceback \(most recent|During handling of the above|The above exception|Stack trace|"
    r"[\w./*()\[\]-]{1,300}\([^()\n]*\)\s*$|[^\s:]{1,200}:\d+:in [`']"
)
_ENDS_TRACEBACK = re.compile(rf"{_CLASS}(?:Error|Exception|Exit|Interrupt|Warning)?(?:: |\s*$)")
_LOGFMT = re.compile(r"(?:^|\s)(?:msg|message|err|error)=(\"(?:[^\"\\]|\\.)*+\"|[^\s\"]+)")


def read(event: Event, line: str, payload: Payload, context: Context) -> None:
    """Adds the logs row of a line, that of an error when it is known what follows it; see ``close``. Tells the payload
    of an uncaught error."""
    error = payload.open_error
    if error and _continues(error, line):
        error.more.append((event, line))
        return
    close(payload, context)
    level, request_id, message = _prefix(line)
    if level in ERROR_LEVELS or (_may_be_trace(message) and _TRACE.match(message)):
        payload.open_error = OpenError(event, level or "ERROR", request_id, line, message.strip())
        if _UNCAUGHT.match(line):
            payload.note(request_id, Outcome("error", failure(message.strip()).type))
    else:
        _add(event, line, level, request_id, context)


def _may_be_trace(message: str) -> bool:
    """Whether a message has one of the words that every trace has: to look for words is ten times as fast."""
    return (
        "Error" in message
        or "Exception" in message
        or "exception" in message
        or "panic" in message
        or "Traceback" in message
        or "goroutine" in message
        or "fatal error" in message
        or ":in " in message
    )


def close(payload: Payload, context: Context) -> None:
    """Adds the rows of an error and of the lines that belong to it."""
    error, payload.open_error = payload.open_error, None
    if not error:
        return
    more = "".join("\n" + line.rstrip("\n") for _, line in error.more)[:LONGEST_ERROR]
    found = failure(error.message + more)
    said = " ".join(part.strip('"') for part in _LOGFMT.findall(error.message[:LONGEST_ERROR]))
    print_ = fingerprint(found.type, found.message or said or error.message, found.frames)
    line = error.line.rstrip("\n") + more
    _add(error.event, line, error.level, error.request_id, context, found.type, print_)
    for event, following in error.more:
        _add(event, following, None, error.request_id, context)


def read_alone(event: Event, line: str, context: Context) -> None:
    """Adds the logs row of a line that has nothing to do with those beside it."""
    payload = Payload()
    read(event, line, payload, context)
    close(payload, context)


def json_of(event: Event, max_depth: int) -> dict[str, Any] | None:
    """The object that Node.js writes for ``console.log(JSON.stringify(...))``, with the level and the request id that
    stand in front of it, if it has none; None where the line is something else."""
    if event.line.find("\t{", 24, 100) < 0:
        return None
    match = _NODE.match(event.line)
    if not match or event.line[match.end() : match.end() + 1] != "{":
        return None
    try:
        value = documents.parse(event.line[match.end() :], max_depth)
    except documents.NotJsonError:
        return None
    if not isinstance(value, dict):
        return None
    event.request_id = match[1] or event.request_id
    level = level_name(match[2]) if match[2] else None
    if level and "_aws" not in value and json_logs.has_no_level(value):
        value = {"level": level, **value}
    event.line = values.text(value) or ""
    return value


def _continues(error: OpenError, line: str) -> bool:
    """Whether a line belongs to the error before it: it is indented, or what traces of some language go on with."""
    if _CONTINUES.match(line):
        return True
    last = error.more[-1][1] if error.more else error.message.rpartition("\n")[2]
    if last.startswith((" ", "\t")) and _ENDS_TRACEBACK.match(line):
        return any("Traceback (most recent" in said for said in (error.message, *(text for _, text in error.more)))
    return not error.more and error.message.endswith(":") and "panicked at" in error.message


def _add(
    event: Event,
    line: str,
    level: str | None,
    request_id: str | None,
    context: Context,
    error_type: str | None = None,
    print_: str | None = None,
) -> None:
    place = event.place
    message = line[:-1] if line.endswith("\n") else line
    of_event = (event.time, event.id, 0, place.account, place.region, SOURCE, event.event_time)
    said = (level, message, place.service, request_id or event.request_id, *(None,) * 5, error_type, print_, None)
    context.rows.logs.append((*of_event, place.log_group, place.log_stream, *said))


def _prefix(line: str) -> tuple[str | None, str | None, str]:
    """Level, request id and the rest of a line."""
    match = _NODE.match(line)
    if match:
        return level_name(match[2]) if match[2] else None, match[1], line[match.end() :]
    level, request_id, message = prefix_of(line)
    if request_id is None:
        found = _TIME_AND_ID.match(line) if line[4:5] == "-" else None
        if not found and ("equest" in line or "EQUEST" in line):
            found = _REQUEST_ID.search(line, 0, HEAD)
        request_id = found[1] if found else None
    return level, request_id, message

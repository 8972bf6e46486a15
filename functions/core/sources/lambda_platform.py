"""Lambda's own records, as text and as JSON: one invocations row for each REPORT.

Text: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html; JSON:
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html. A log stream is one execution environment
and handles one request at a time, so what stands between START and REPORT belongs to that request.
"""

from __future__ import annotations

import re
from typing import Any

from functions.core import values
from functions.core.context import Context
from functions.core.cost.prices import invocation_cost
from functions.core.piles import Reader
from functions.core.rows import Event, Place
from functions.core.sources import json_logs
from functions.core.sources.environment import Outcome, Payload, Start
from functions.core.traces.trace_ids import trace_id

SOURCE = "lambda_platform"

_ID = r"RequestId: ([0-9a-fA-F-]{8,64})"
_START = re.compile(rf"START {_ID}(?:\s+Version: ([^\s\\]+))?")
_END = re.compile(rf"END {_ID}")
_REPORT = re.compile(rf"REPORT {_ID}")
_MEASURE = re.compile(
    r"(Billed Restore Duration|Restore Duration|Billed Duration|Init Duration|Duration|Memory Size|Max Memory Used): "
    r"([\d.]+) (?:ms|MB)"
)
_STATUS = re.compile(r"Status: (\w+)")
_ERROR_TYPE = re.compile(r"Error Type: ([\w.]+)")
_XRAY = re.compile(r"XRAY TraceId: (\S+)")
_CRASH = re.compile(
    r"(?P<timeout>Task timed out after [\d.]+ seconds)"
    r"|(?P<out_of_memory>heap out of memory|Runtime exited with error: signal: killed)"
    r"|(?P<error>Runtime exited|Runtime\.ExitError|Process exited before completing request)"
)
_HEAD = 300
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
_BEGINNING = re.compile(r"(INIT_START|RESTORE_START|RESTORE_REPORT|INIT_REPORT)\b(?:.*Phase: (\w+))?")
_STATUSES = {"success": "success", "timeout": "timeout", "error": "error", "failure": "error"}
_EXIT = "Runtime.ExitError"
_OUT_OF_MEMORY = frozenset({"OutOfMemory", "MemoryError", "OutOfMemoryError", "OutOfMemoryException"})


def read_text(event: Event, line: str, payload: Payload, context: Context) -> bool:
    """Takes a START, END or REPORT line; False where the line is none of these and belongs to the logs."""
    first = line[:1]
    if first == "R" and (match := _REPORT.match(line)):
        measures = {name: values.number(value) for name, value in _MEASURE.findall(line)}
        status, error_type, xray = _STATUS.search(line), _ERROR_TYPE.search(line), _XRAY.search(line)
        _report(
            event,
            match[1],
            measures,
            status[1].lower() if status else None,
            error_type[1] if error_type else None,
            trace_id(xray[1]) if xray else None,
            payload,
            context,
        )
        return True
    if first == "S" and (match := _START.match(line)):
        _start(event, match[1], match[2], None, payload)
        return True
    if first == "E" and _END.match(line):
        payload.folded += 1
        return True
    if first in "IR" and (match := _BEGINNING.match(line)):
        _beginning(match[1], match[2], event.time, payload)
    elif _may_be_crash(line) and (match := _CRASH.search(line, 0, _HEAD)):
        request = _UUID.search(line, 0, _HEAD)
        crash = match.lastgroup or ""
        outcome = Outcome(crash, None if crash == "timeout" else _EXIT)
        payload.note(request[0] if request else None, outcome)
    return False


def _may_be_crash(line: str) -> bool:
    """Whether a line has one of the words of ``_CRASH``: to look for words is ten times as fast."""
    return "exited" in line or "timed out" in line or "of memory" in line or "ExitError" in line


def _beginning(kind: str, phase: str | None, time: int, payload: Payload) -> None:
    """Notes how the environment began. An init in the phase ``invoke`` is one that the request waits for, though its
    REPORT counts it as duration."""
    if kind == "INIT_START":
        payload.init_time = time
    elif kind.startswith("RESTORE") or phase == "invoke":
        payload.waited = True


def is_platform_record(line: dict[str, Any]) -> bool:
    """Whether a JSON line is ``{"time", "type": "platform...", "record"}``."""
    kind = line.get("type")
    return (
        type(kind) is str and "record" in line and (kind.startswith("platform.") or kind in {"function", "extension"})
    )


def read_json(event: Event, line: dict[str, Any], payload: Payload, context: Context) -> bool:
    """Takes a platform.start, .end or .report record; False where the record belongs to the logs."""
    record, kind = line["record"], line["type"]
    if type(record) is str and kind == "platform.fault":
        read_text(event, record, payload, context)
        return False
    if not isinstance(record, dict):
        return False
    request_id = record.get("requestId")
    status, error_type = values.text(record.get("status")), values.text(record.get("errorType"))
    if type(request_id) is not str or not request_id:
        _json_beginning(kind, record, event.time, payload)
        return False
    if kind == "platform.report":
        metrics = record.get("metrics")
        metrics = metrics if isinstance(metrics, dict) else {}
        measures = {text_name: values.number(metrics.get(name)) for name, text_name in _JSON_MEASURES.items()}
        _report(event, request_id, measures, status, error_type, _json_trace(record), payload, context)
    elif kind == "platform.start":
        _start(event, request_id, values.text(record.get("version")), _json_trace(record), payload)
    elif kind == "platform.end":
        payload.folded += 1
    else:
        if kind == "platform.runtimeDone" and status not in {None, "success"}:
            payload.note(request_id, Outcome(_STATUSES.get(status or "", "error"), error_type))
        return False
    return True


def _json_beginning(kind: str, record: dict[str, Any], time: int, payload: Payload) -> None:
    """Notes how the environment began, from a record of its init or restore."""
    if kind == "platform.initStart":
        payload.init_time, payload.init_type = time, values.text(record.get("initializationType"))
    if kind.startswith("platform.restore") or (kind.startswith("platform.init") and record.get("phase") == "invoke"):
        payload.waited = True


def as_log(line: dict[str, Any]) -> dict[str, Any]:
    """A platform record as a log line: its text or its type is the message, its members are fields.

    Only what no invocation tells is an error: an init, a restore or an extension that failed.
    """
    record, kind = line["record"], line["type"]
    if not isinstance(record, dict):
        return {**{k: v for k, v in line.items() if k != "record"}, "message": values.text(record)}
    members = {name: value for name, value in record.items() if name not in {"message", "level"}}
    found = {**members, "message": record.get("message") or kind, "type": kind}
    level = record.get("level")
    if kind.startswith("platform."):
        level = level or _level_of(kind, record)
    return found | {name: value for name, value in (("time", line.get("time")), ("level", level)) if value is not None}


def _level_of(kind: str, record: dict[str, Any]) -> str:
    if kind == "platform.logsDropped":
        return "WARN"
    failed = record.get("status", "success") != "success" or "errorType" in record
    return "ERROR" if failed and kind in _FAILURES else "INFO"


_FAILURES = frozenset({"platform.initReport", "platform.restoreReport", "platform.extension"})
_JSON_MEASURES = {
    "durationMs": "Duration",
    "billedDurationMs": "Billed Duration",
    "initDurationMs": "Init Duration",
    "restoreDurationMs": "Restore Duration",
    "memorySizeMB": "Memory Size",
    "maxMemoryUsedMB": "Max Memory Used",
}


def _json_trace(record: dict[str, Any]) -> str | None:
    tracing = record.get("tracing")
    return trace_id(tracing.get("value")) if isinstance(tracing, dict) else None


def _start(event: Event, request_id: str, version: str | None, trace: str | None, payload: Payload) -> None:
    if request_id in payload.starts:
        payload.folded += 1
    else:
        payload.starts[request_id] = Start(event.time, event.event_time, event.id, version, trace)
    payload.open_request = request_id


def _report(
    event: Event,
    request_id: str,
    measures: dict[str, float | None],
    status: str | None,
    error_type: str | None,
    trace: str | None,
    payload: Payload,
    context: Context,
) -> None:
    start, hint = payload.starts.get(request_id), payload.outcomes.get(request_id)
    memory, used = values.int32(measures.get("Memory Size")), values.int32(measures.get("Max Memory Used"))
    error_type = error_type or (hint.error_type if hint else None)
    ended = _ended(status, hint, error_type, memory is not None and used is not None and used >= memory)
    billed = measures.get("Billed Duration")
    init, restore = measures.get("Init Duration"), measures.get("Restore Duration")
    context.rows.invocations.append(
        (
            event.time,
            event.id,
            0,
            event.place.account,
            event.place.region,
            SOURCE,
            event.event_time,
            request_id,
            function_of(event.place),
            start.version if start else None,
            event.place.log_group,
            event.place.log_stream,
            trace or (start.trace_id if start else None),
            start.time if start else None,
            measures.get("Duration"),
            billed,
            init,
            restore,
            memory,
            used,
            payload.is_cold_start(start, init, restore),
            ended,
            error_type,
            invocation_cost(billed, memory),
        )
    )
    if payload.starts.pop(request_id, None):
        payload.folded += 1
    payload.outcomes.pop(request_id, None)
    if payload.open_request == request_id:
        payload.open_request = None


def _ended(reported: str | None, hint: Outcome | None, error_type: str | None, exhausted: bool) -> str:
    """Status of an invocation: what its REPORT says, else the log; a failure that memory explains is out_of_memory."""
    status = _STATUSES.get(reported or "success", "error")
    if reported is None and hint:
        status = hint.status
    if status == "success":
        return status
    killed = hint is not None and hint.status == "out_of_memory"
    of_memory = (error_type or "").rpartition(".")[2] in _OUT_OF_MEMORY
    no_memory = exhausted and (reported is not None or error_type == _EXIT)
    return "out_of_memory" if killed or of_memory or no_memory else status


def unfinished(place: Place, payload: Payload, context: Context) -> None:
    """Adds a row without status for each START whose REPORT has not come with it; compact merges them later."""
    for request_id, start in payload.starts.items():
        context.rows.invocations.append(
            (start.time, start.event_id, 0, place.account, place.region, SOURCE, start.event_time)
            + (request_id, function_of(place), start.version, place.log_group, place.log_stream)
            + (start.trace_id, start.time)
            + (None,) * 10
        )


def function_of(place: Place) -> str | None:
    """The function that writes to a log group: from its name, or from the log stream's with own groups."""
    group = place.log_group or ""
    return group[len("/aws/lambda/") :] if group.startswith("/aws/lambda/") else place.service


LOG_READER = Reader(SOURCE, json_logs.shapes, json_logs.read)
"""For records that belong to the logs, in the form of ``as_log``."""

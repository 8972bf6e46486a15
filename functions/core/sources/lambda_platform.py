"""Lambda's own records, as text and as JSON: one invocations row for each REPORT.

Text: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html; JSON:
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html. A log stream is one execution environment
and handles one request at a time, so what stands between START and REPORT belongs to that request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from functions.core import values
from functions.core.context import Context
from functions.core.cost.prices import invocation_cost
from functions.core.piles import Reader
from functions.core.rows import Event, Place
from functions.core.sources import json_logs, step_functions
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
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_EXITED = re.compile(r"RequestId: \S+ Error: Runtime exited|Runtime\.ExitError")
_STATUSES = {"success": "success", "timeout": "timeout", "error": "error", "failure": "error"}
_OUT_OF_MEMORY = "Runtime.OutOfMemory"


@dataclass(slots=True)
class Start:
    """A START that waits for its REPORT within one payload."""

    time: int
    event_time: int | None
    event_id: str
    version: str | None
    trace_id: str | None


@dataclass(slots=True)
class Payload:
    """What the lines of one payload (of one log stream) say about each other; ``columns`` are those of line_formats."""

    starts: dict[str, Start] = field(default_factory=dict)
    open_request: str | None = None
    outcomes: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    folded: int = 0
    executions: step_functions.Begun = field(default_factory=dict)
    columns: Any = None

    def note_error(self, request_id: str | None, error_type: str | None) -> None:
        """An uncaught error of a request, in case its REPORT does not tell."""
        request_id = request_id or self.open_request
        if request_id:
            self.outcomes.setdefault(request_id, ("error", error_type))


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
    if _TIMED_OUT.search(line, 0, 200):
        _outcome(line, payload, "timeout", None)
    elif _EXITED.search(line, 0, 200):
        _outcome(line, payload, "error", "Runtime.ExitError")
    return False


def _outcome(line: str, payload: Payload, status: str, error_type: str | None) -> None:
    match = re.search(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}", line)
    request_id = match[0] if match else payload.open_request
    if request_id:
        payload.outcomes[request_id] = (status, error_type)


def is_platform_record(line: dict[str, Any]) -> bool:
    """Whether a JSON line is ``{"time", "type": "platform...", "record"}``."""
    kind = line.get("type")
    return (
        type(kind) is str and "record" in line and (kind.startswith("platform.") or kind in {"function", "extension"})
    )


def read_json(event: Event, line: dict[str, Any], payload: Payload, context: Context) -> bool:
    """Takes a platform.start, .end or .report record; False where the record belongs to the logs."""
    record = line["record"]
    request_id = record.get("requestId") if isinstance(record, dict) else None
    if type(request_id) is not str or not request_id:
        return False
    kind = line["type"]
    if kind == "platform.report":
        metrics = record.get("metrics")
        metrics = metrics if isinstance(metrics, dict) else {}
        measures = {text_name: values.number(metrics.get(name)) for name, text_name in _JSON_MEASURES.items()}
        status = values.text(record.get("status"))
        error_type = values.text(record.get("errorType"))
        _report(event, request_id, measures, status, error_type, _json_trace(record), payload, context)
    elif kind == "platform.start":
        _start(event, request_id, values.text(record.get("version")), _json_trace(record), payload)
    elif kind == "platform.end":
        payload.folded += 1
    else:
        return False
    return True


def as_log(line: dict[str, Any]) -> dict[str, Any]:
    """A platform record as a log line: its text or its type is the message, its members are fields."""
    record = line["record"]
    if not isinstance(record, dict):
        return {**{k: v for k, v in line.items() if k != "record"}, "message": values.text(record)}
    members = {name: value for name, value in record.items() if name not in {"message", "level"}}
    return {**members, "message": record.get("message") or line["type"], "type": line["type"]} | {
        name: value for name, value in (("time", line.get("time")), ("level", record.get("level"))) if value is not None
    }


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
    error_type = error_type or (hint[1] if hint else None)
    status = _STATUSES.get(status or (hint[0] if hint else "success"), "error")
    if error_type == _OUT_OF_MEMORY or (error_type == "Runtime.ExitError" and memory is not None and used == memory):
        status = "out_of_memory"
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
            init is not None or restore is not None,
            status,
            error_type,
            invocation_cost(billed, memory),
        )
    )
    if payload.starts.pop(request_id, None):
        payload.folded += 1
    payload.outcomes.pop(request_id, None)
    if payload.open_request == request_id:
        payload.open_request = None


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
    if group.startswith("/aws/lambda/"):
        return group[len("/aws/lambda/") :]
    stream = place.log_stream or ""
    if "[" in stream and "/" in stream:
        name = stream.rpartition("/")[2].partition("[")[0]
        return name or place.service
    return place.service


LOG_READER = Reader(SOURCE, json_logs.shapes, json_logs.read)
"""For records that belong to the logs, in the form of ``as_log``."""

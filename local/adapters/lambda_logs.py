"""Gap: platform lines of Lambda are approximate: no init duration, status or trace id, a new log stream per invocation.

AWS writes START, END and REPORT, or platform.* records where the function logs JSON
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html,
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html).
"""

import json
import secrets
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

_invocation = threading.local()  # invoking and logging happen on one thread, with nothing in between that carries this


def install() -> None:
    invoke, spawn = lambda_runtime.Worker.invoke, lambda_runtime.Worker._spawn

    def spawn_and_measure(worker: Any) -> None:
        version = worker.config.get("Version", "$LATEST")
        worker.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"
        started = time.perf_counter()
        try:
            spawn(worker)
        finally:
            _invocation.init_ms = (time.perf_counter() - started) * 1000

    def invoke_and_measure(worker: Any, *arguments: Any, trace_id: str | None = None, **more: Any) -> dict[str, Any]:
        _invocation.__dict__.clear()
        _invocation.start = time.time()
        _invocation.trace_id = trace_id
        try:
            result: dict[str, Any] = invoke(worker, *arguments, trace_id=trace_id, **more)
        except RuntimeError as error:  # the function cannot be loaded
            result = {"status": "error", "error": str(error)}
        _invocation.end = time.time()
        _invocation.log_stream = worker.log_stream
        _invocation.error = result.get("error") if result.get("status") == "error" else None
        _invocation.trace = result.pop("trace", "")
        _invocation.memory_mb = _peak_memory_mb(worker)
        return result

    lambda_runtime.Worker._spawn = spawn_and_measure
    lambda_runtime.Worker.invoke = invoke_and_measure
    lambda_svc._emit_lambda_logs = _write


def _peak_memory_mb(worker: Any) -> int:
    try:
        status = Path(f"/proc/{worker._proc.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, AttributeError, IndexError):  # it has ended, or there is no /proc
        return int(worker.config.get("MemorySize", 128)) // 2


def _write(function: dict[str, Any], request_id: str, text: str, _error: bool, _ms: int, **_: Any) -> None:
    """Writes the log of the invocation that this thread just ran to the function's log group."""
    if not hasattr(_invocation, "log_stream"):
        return
    config = function.get("config") or function
    logging = config.get("LoggingConfig") or {}
    default = f"/aws/lambda/{config['FunctionName']}"
    group = logging.get("LogGroup") or default
    lines = _json_lines if logging.get("LogFormat") == "JSON" else _text_lines
    start, end = int(_invocation.start * 1000), int(_invocation.end * 1000)
    before, after = lines(config, request_id)
    events = [
        *({"timestamp": start, "message": line} for line in before),
        *({"timestamp": start, "message": line} for line in text.splitlines() if line != _invocation.error),
        *({"timestamp": end, "message": line} for line in after),
    ]
    if group == default:
        # whoever names a group makes it, and no role of tracelake may: one that was deleted must not come back
        cloudwatch_logs._create_log_group({"logGroupName": group})
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": _invocation.log_stream})
    cloudwatch_logs._put_log_events(
        {"logGroupName": group, "logStreamName": _invocation.log_stream, "logEvents": events}
    )


def _metrics(config: dict[str, Any]) -> dict[str, float | int]:
    duration = (_invocation.end - _invocation.start) * 1000
    init = getattr(_invocation, "init_ms", None)
    duration -= init or 0
    metrics: dict[str, float | int] = {
        "durationMs": round(duration, 2),
        "billedDurationMs": int(duration + (init or 0)) + 1,
        "memorySizeMB": int(config.get("MemorySize", 128)),
        "maxMemoryUsedMB": _invocation.memory_mb,
    }
    return metrics if init is None else {**metrics, "initDurationMs": round(init, 2)}


def _status() -> str:
    if not _invocation.error:
        return "success"
    return "timeout" if "timed out" in _invocation.error else "error"


def _text_lines(config: dict[str, Any], request_id: str) -> tuple[list[str], list[str]]:
    metrics = _metrics(config)
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {metrics['durationMs']:.2f} ms\t"
        f"Billed Duration: {metrics['billedDurationMs']} ms\tMemory Size: {metrics['memorySizeMB']} MB\t"
        f"Max Memory Used: {metrics['maxMemoryUsedMB']} MB\t"
    )
    if "initDurationMs" in metrics:
        report += f"Init Duration: {metrics['initDurationMs']:.2f} ms\t"
    if _status() == "timeout":
        report += "Status: timeout\t"
    if _invocation.trace_id:
        parts = dict(part.split("=", 1) for part in _invocation.trace_id.split(";"))
        report += f"\nXRAY TraceId: {parts['Root']}\tSegmentId: {parts.get('Parent', '')}\tSampled: true\t"
    return (
        [f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}\n"],
        [*_failure(request_id), f"END RequestId: {request_id}\n", report + "\n"],
    )


def _failure(request_id: str) -> list[str]:
    """The line that the service (timeout) or the Python runtime (unhandled exception) adds."""
    if _status() == "timeout":
        return [f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {request_id} {_invocation.error}\n"]
    if not _invocation.trace:
        return [f"[ERROR] {_invocation.error}\n"] if _invocation.error else []
    head, *frames, summary = _invocation.trace.strip().splitlines()
    own_frames = [frame for frame in frames[2:] if frame.strip()]
    return ["\n".join([f"[ERROR] {summary}", head, *own_frames]) + "\n"]


def _json_lines(config: dict[str, Any], request_id: str) -> tuple[list[str], list[str]]:
    def record(kind: str, at: float, content: dict[str, Any]) -> str:
        instant = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        return json.dumps({"time": instant, "type": kind, "record": {"requestId": request_id, **content}})

    start = {"functionArn": config.get("FunctionArn"), "version": config.get("Version", "$LATEST")}
    report = {"metrics": _metrics(config), "status": _status()}
    return (
        [record("platform.start", _invocation.start, start)],
        [*_failure(request_id), record("platform.report", _invocation.end, report)],
    )

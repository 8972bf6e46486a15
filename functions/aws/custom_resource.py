"""The answer to a plain Lambda-backed custom resource of CloudFormation.

CloudFormation waits up to an hour for a document at a presigned URL, so an answer goes out whatever happens: on
success, on an error (which becomes the reason shown in the stack's events) and shortly before the function's time is
over. See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeGuard

MAX_BODY_BYTES = 4096
MAX_REASON_CHARS = 1000
ANSWER_BEFORE_END_SECONDS = 5.0
_PUT_ATTEMPTS = 4
_PUT_TIMEOUT_SECONDS = 10

_log = logging.getLogger(__name__)


class Context(Protocol):
    """What is needed of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


def is_custom_resource(event: object) -> TypeGuard[dict[str, Any]]:
    """Whether the event is a request of CloudFormation (and not a schedule's or nobody's)."""
    return isinstance(event, Mapping) and "ResponseURL" in event and "RequestType" in event


def answer(event: Mapping[str, Any], context: Context, work: Callable[[], dict[str, Any]]) -> None:
    """Do ``work`` and tell CloudFormation how it went; what it returns becomes the resource's attributes.

    Raises nothing because of ``work``: an exception is logged and answered with FAILED, because an exception that
    leaves the function makes Lambda run it again, after CloudFormation has gone on.
    ``OSError`` where the answer itself cannot be delivered.
    """
    reply = _Reply(event)
    time_left = context.get_remaining_time_in_millis() / 1000 - ANSWER_BEFORE_END_SECONDS
    watchdog = threading.Timer(max(time_left, 0.1), reply.send, ("FAILED", "the function ran out of time", {}))
    watchdog.daemon = True
    watchdog.start()
    try:
        data = work()
    except Exception as error:
        _log.exception("custom resource %s failed", event.get("LogicalResourceId"))
        reply.send("FAILED", f"{type(error).__name__}: {error}", {})
    else:
        reply.send("SUCCESS", "", data)
    finally:
        watchdog.cancel()


def physical_id(event: Mapping[str, Any]) -> str:
    """The id the resource keeps for life: a changed one would make CloudFormation delete what it just updated."""
    given = event.get("PhysicalResourceId")
    if isinstance(given, str) and given:
        return given
    stack = str(event.get("StackId", "")).split("/")
    return f"{stack[1] if len(stack) > 1 else 'stack'}-{event.get('LogicalResourceId', 'resource')}"[:1024]


def body(event: Mapping[str, Any], status: str, reason: str, data: dict[str, Any]) -> bytes:
    """The answer as JSON, at most 4,096 bytes: data that does not fit is left out and the reason says so."""
    answer = {
        "Status": status,
        "Reason": reason[:MAX_REASON_CHARS],
        "PhysicalResourceId": physical_id(event),
        "StackId": event.get("StackId", ""),
        "RequestId": event.get("RequestId", ""),
        "LogicalResourceId": event.get("LogicalResourceId", ""),
    }
    whole = json.dumps({**answer, "Data": data}, default=str).encode()
    if len(whole) <= MAX_BODY_BYTES:
        return whole
    if data:
        answer["Reason"] = f"{reason[:MAX_REASON_CHARS]} (the attributes are too large and left out)".strip()
    # a character takes up to twelve bytes in JSON
    while len(bare := json.dumps(answer).encode()) > MAX_BODY_BYTES and answer["Reason"]:
        answer["Reason"] = answer["Reason"][: len(answer["Reason"]) * 3 // 4]
    return bare


class _Reply:
    """Sends one answer; whoever comes second (work or watchdog) is ignored."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._sent = False

    def send(self, status: str, reason: str, data: dict[str, Any]) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
            _put(str(self._event["ResponseURL"]), body(self._event, status, reason, data))


def _put(url: str, content: bytes) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"ResponseURL is no web address: {url[:80]!r}")
    # the presigned URL is signed for an empty content type
    request = urllib.request.Request(url, data=content, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    for attempt in range(1, _PUT_ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=_PUT_TIMEOUT_SECONDS):  # noqa: S310
                return
        except OSError:
            if attempt == _PUT_ATTEMPTS:
                raise
            time.sleep(0.2 * 2**attempt)

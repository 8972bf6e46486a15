"""Notes every call to AWS that the code of a function makes, in whatever test; tests/conftest.py does it for all.

One call of a kind is enough: what differs only in numbers (hours, ids) is noted once.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

SUITES = (
    "tests/unit/test_notify.py",
    "tests/unit/test_detect_function.py",
    "tests/unit/test_check_delivery.py",
    "tests/unit/test_check_budget.py",
    "tests/unit/test_subscribe_log_groups.py",
    "tests/unit/test_account_policy.py",
    "tests/unit/test_widgets.py",
    "tests/unit/test_read_customers.py",
    "tests/simulated/test_a_whole_day.py",
    "tests/simulated/test_configuration_snapshots.py",
    "tests/simulated/test_detection.py",
    "tests/simulated/test_log_files.py",
    "tests/simulated/test_rules_object.py",
    "tests/simulated/test_summaries.py",
)
"""Of these the calls are looked at, in whatever else a session does."""

FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"
_FOLDERS = {str(handler.parent): handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")}
# what is sent says nothing about permissions, and may be large
_CONTENTS = {"Body", "MetricData", "Message", "MetricDataQueries", "PartitionInputList", "Entries"}

Noted = tuple[str, str, str, dict[str, Any], str]
"""Function, service, operation, parameters, AWS's name of the error."""


@contextmanager
def noting(note: Callable[[Noted], None]) -> Iterator[None]:
    """Every call that code of a function makes in this process, until the end."""
    original = BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        error = ""
        try:
            return original(client, operation, params)
        except ClientError as failed:
            error = failed.response["Error"]["Code"]
            raise
        finally:
            if function := _function():
                service = client.meta.service_model.service_name
                kept = {name: value for name, value in params.items() if name not in _CONTENTS}
                note((function, service, operation, kept, error))

    BaseClient._make_api_call = call
    try:
        yield
    finally:
        BaseClient._make_api_call = original


class Distinct:
    """Keeps one call of each kind, and the files whose tests were run."""

    def __init__(self) -> None:
        self.files: set[Path] = set()
        self.calls: dict[tuple[Any, ...], Noted] = {}

    def __call__(self, call: Noted) -> None:
        function, service, operation, params, error = call
        self.calls.setdefault((function, service, operation, error, *_kind(params)), call)


RECORDED = pytest.StashKey[Distinct]()
"""Where the session keeps what it noted."""


def _kind(params: dict[str, Any]) -> Iterator[Any]:
    for name, value in params.items():
        if name == "TransactItems":
            yield frozenset(
                (kind, write["TableName"], write.get("Item", write.get("Key"))["pk"]["S"].split("#")[0])
                for each in value
                for kind, write in each.items()
            )
        elif name == "Delete":
            yield frozenset(_without_numbers(each["Key"]) for each in value["Objects"])
        else:
            yield name, _without_numbers(str(value))


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9a-f-]*\d[0-9a-f-]*", "0", text)


def _function() -> str:
    """The folder of the function whose code makes the call; empty where it is a test's own."""
    if found := _of_stack(sys._getframe(1)):
        return found
    if threading.current_thread().name.startswith("ThreadPoolExecutor"):
        # who gave the call to the pool waits for it meanwhile
        return next(filter(None, map(_of_stack, sys._current_frames().values())), "")
    return ""


def _of_stack(frame: FrameType | None) -> str:
    while frame is not None:
        folder = frame.f_code.co_filename.rpartition("/")[0]
        if folder in _FOLDERS:
            return _FOLDERS[folder]
        frame = frame.f_back
    return ""

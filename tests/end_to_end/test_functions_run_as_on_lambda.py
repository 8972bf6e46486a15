"""What a function sees and what is written of it is what it would be on AWS."""

from __future__ import annotations

import io
import json
import re
import zipfile
from uuid import uuid4

import pytest
from on_the_emulator import Deployed

SEES = """
import importlib.util
def handle(event, context):
    return sorted(name for name in event if importlib.util.find_spec(name))
"""
FAILS = """
def handle(event, context):
    print("before")
    raise KeyError("no order")
"""
DURATION = r"Duration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
REPORT = rf"REPORT RequestId: [0-9a-f-]{{36}}\t{DURATION}\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\t"


def _create(deployed: Deployed, code: str, **more: object) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    name = f"function-{uuid4()}"
    deployed.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="index.handle",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=256,
        **more,
    )
    return name


def _messages(deployed: Deployed, function: str) -> list[str]:
    found = deployed.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    return [event["message"] for event in found]


def test_of_foreign_libraries_it_sees_only_the_sdk(deployed: Deployed) -> None:
    name = _create(deployed, SEES)
    wanted = ["boto3", "duckdb", "json", "ministack", "pyarrow", "pydantic", "functions"]

    answer = deployed.client("lambda").invoke(FunctionName=name, Payload=json.dumps(wanted))

    assert json.loads(answer["Payload"].read()) == ["boto3", "json"]


def test_a_cold_and_a_warm_invocation_are_reported(deployed: Deployed) -> None:
    name = _create(deployed, SEES)
    for _ in range(2):
        deployed.client("lambda").invoke(FunctionName=name, Payload="[]")

    reports = [message for message in _messages(deployed, name) if message.startswith("REPORT")]

    assert re.fullmatch(REPORT + r"Init Duration: \d+\.\d\d ms\t\n", reports[0])
    assert re.fullmatch(REPORT + r"\n", reports[1])


def test_an_exception_is_one_log_event_with_its_traceback(deployed: Deployed) -> None:
    name = _create(deployed, FAILS)

    answer = deployed.client("lambda").invoke(FunctionName=name)

    assert answer["FunctionError"]
    start, before, error, end, report = _messages(deployed, name)
    assert (start[:5], before, end[:3], report[:6]) == ("START", "before", "END", "REPORT")
    assert error.startswith("[ERROR] KeyError: 'no order'\nTraceback (most recent call last):\n")
    assert "in handle" in error


def test_a_function_that_cannot_be_loaded_says_so_in_its_log(deployed: Deployed) -> None:
    name = _create(deployed, "import missing_library")

    answer = deployed.client("lambda").invoke(FunctionName=name)

    assert answer["FunctionError"]
    assert any(message.startswith("[ERROR]") and "missing_library" in message for message in _messages(deployed, name))


@pytest.mark.parametrize("kind", ["platform.start", "platform.report"])
def test_a_function_that_logs_json_is_reported_in_json(deployed: Deployed, kind: str) -> None:
    name = _create(deployed, SEES, LoggingConfig={"LogFormat": "JSON"})
    deployed.client("lambda").invoke(FunctionName=name, Payload="[]")

    records = [json.loads(message) for message in _messages(deployed, name)]

    assert [each["record"]["requestId"] for each in records if each["type"] == kind]

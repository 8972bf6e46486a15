"""tracelake on the emulator, as tests see it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from functions.aws import athena
from functions.aws.athena import Cell
from local.run import ROOT, Emulator
from stacks.names import Names

T = TypeVar("T")
NAMES = Names("main")
# where the emulator notes what functions call
CALLS = "calls.jsonl"
# a table that is not there, for a test in which a function fails
NO_TABLE = "no-such-table"
UNREADABLE = gzip.compress(b"cut short")[:-9]


class Deployed:
    """tracelake as it runs on the emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.client = emulator.client

    def parameter(self, name: str) -> str:
        value: str = self.client("ssm").get_parameter(Name=NAMES.parameter(name))["Parameter"]["Value"]
        return value

    def invoke(self, name: str, event: dict[str, Any] | None = None) -> Any:
        """What the function of a folder in functions/ answers; its error fails the test."""
        answer = self.client("lambda").invoke(FunctionName=NAMES.function(name), Payload=json.dumps(event or {}))
        body = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, body
        return json.loads(body)

    def ask(self, sql: str, parameters: Sequence[str] = ()) -> list[dict[str, Cell]]:
        names = {"database": NAMES.database, "workgroup": NAMES.workgroup}
        return athena.run(self.client("athena"), sql, parameters, timeout_seconds=60, **names).rows

    def command(self, *arguments: str) -> str:
        """What the command `tracelake` prints; its failure fails the test."""
        program = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())", *arguments]
        environment = {**os.environ, **self.emulator.environment}
        done = subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, group: str, events: Sequence[tuple[int, str]], stream: str = "stream") -> None:
        """Write log events (milliseconds, message) to a group, which is subscribed first where it is new."""
        logs = self.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self.invoke("subscribe_log_groups")
        written = [{"timestamp": at, "message": message} for at, message in events]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=written)

    def location(self, table: str, hour: str) -> str:
        """Where the partition of an hour points, without the bucket."""
        partition = self.client("glue").get_partition(
            DatabaseName=NAMES.database, TableName=table, PartitionValues=[hour]
        )
        location: str = partition["Partition"]["StorageDescriptor"]["Location"]
        return location.split("/", 3)[3]


def wait_for(look: Callable[[], T], seconds: float = 30) -> T:
    """What `look` finds as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing came within {seconds} seconds"
        time.sleep(0.2)
    return found

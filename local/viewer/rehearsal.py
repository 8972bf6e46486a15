"""tracelake on an emulator with three hours of a shop's past in it, for the viewer's tests and pictures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.core.customers import csv_file, listing
from functions.core.schema import TENANTS
from local.run import ROOT, Emulator, LocalRunError
from local.sample import partner
from local.viewer import past_traffic
from local.viewer.past_traffic import Event
from stacks.names import Names

STAGE = "main"
CUSTOMERS = ROOT / "local" / "sample" / "customers.csv"
ARRIVAL_SECONDS = 120.0


@contextmanager
def rehearse(
    folder: Path, requests_a_minute: float = 60.0, extra: Mapping[str, list[Event]] | None = None, days: int = 0
) -> Iterator[Emulator]:
    """An emulator in `folder` with tracelake, a past and an incident; `extra` and `days` as in `add_past`."""
    os.environ.setdefault("CDK_VALIDATION", "false")
    with Emulator(folder, announcement=folder / "current.json") as emulator:
        emulator.deploy_tracelake(STAGE)
        put_customers(emulator)
        add_past(emulator, datetime.now(UTC), requests_a_minute, incident=True, extra=extra, days=days)
        yield emulator


def add_past(
    emulator: Emulator,
    until: datetime,
    requests_a_minute: float,
    *,
    incident: bool,
    extra: Mapping[str, list[Event]] | None = None,
    days: int = 0,
) -> int:
    """Write the logs of three hours, wait until the lake has them and publish them; returns how many requests.

    ``extra`` are more events by log group; of each of the ``days`` before there is a little.
    """
    logs = emulator.client("logs")
    before = requests_counted(emulator)
    at = int(until.timestamp() * 1000)
    written = past_traffic.events(at, requests_a_minute, incident=incident)
    for group, events in (extra or {}).items():
        written.setdefault(group, []).extend(events)
    for group in written:
        past_traffic.make_stream(logs, group)
    invoke(emulator, "subscribe-log-groups")
    # first, for metrics of earlier days are not counted
    past_traffic.write(logs, past_traffic.earlier_days(at, days))
    past_traffic.write(logs, written)
    requests = len(written[past_traffic.GATEWAY])
    _wait(lambda: requests_counted(emulator) >= before + requests)
    invoke(emulator, "compact")
    return requests


def add_unusual(emulator: Emulator) -> None:
    """A day of a partner's webhooks that ends in trouble, of which detect tells."""
    record, count = partner.last_day(datetime.now(UTC))
    before = requests_counted(emulator)
    emulator.client("kinesis").put_record(StreamName=Names(STAGE).stream, Data=record, PartitionKey=partner.SERVICE)
    # of the day's webhooks CloudWatch counts those of the last day
    _wait(lambda: requests_counted(emulator) >= before + count * 0.9)
    invoke(emulator, "compact")
    invoke(emulator, "detect")


def put_customers(emulator: Emulator) -> None:
    """The shop's list of customers, as `tracelake customers put` leaves it."""
    bucket = emulator.client("ssm").get_parameter(Name=Names(STAGE).parameter("lake-bucket"))["Parameter"]["Value"]
    listed = csv_file.parse(CUSTOMERS.read_bytes()).customers
    emulator.client("s3").put_object(Bucket=bucket, Key=TENANTS.file, Body=listing.encode(listed))


def invoke(emulator: Emulator, name: str) -> None:
    """Runs one of tracelake's functions, which on AWS a schedule does; raises LocalRunError where it fails."""
    answer = emulator.client("lambda").invoke(FunctionName=f"tracelake-{STAGE}-{name}", Payload=json.dumps({}))
    if "FunctionError" in answer:
        raise LocalRunError(f"{name} failed: {answer['Payload'].read().decode()}")


def requests_counted(emulator: Emulator) -> float:
    """How many requests CloudWatch counts in the last day."""
    now = datetime.now(UTC)
    found = emulator.client("cloudwatch").get_metric_statistics(
        Namespace="tracelake",
        MetricName="Requests",
        Dimensions=[{"Name": "Stage", "Value": STAGE}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def _wait(arrived: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not arrived():
        if time.monotonic() > deadline:
            raise LocalRunError(f"what was written has not arrived in the lake within {ARRIVAL_SECONDS:.0f} s")
        time.sleep(0.3)

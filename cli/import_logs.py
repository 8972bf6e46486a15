"""``tracelake import``: what log groups hold already, into the lake.

Events are read as CloudWatch keeps them and put on the stream in the form in which a subscription delivers them, under
CloudWatch's own event ids. So they take the way of all events, and what the subscription delivers as well, or a second
import, is one row when its hour is settled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import deflate

from cli import target
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.log_events import Pages, Sample, Unreadable, chunks, find_groups, payload
from cli.text import safe
from functions.aws.clients import client
from functions.aws.put_records import MAX_RECORD_BYTES, put
from functions.core.cost.by_volume import usd_per_gigabyte
from functions.core.questions import QuestionError, parse_span
from functions.core.selection import OWN_PREFIXES
from functions.core.subscriptions import LogEvent

MOST_GROUPS = 100
BYTES_PER_SECOND = 400_000
"""Of compressed records, for each shard: less than half of what a shard takes, so that the account's logs of today
get through. https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
KEY_BYTES = 4 * 256
"""A partition key has at most 256 characters."""
MARGIN_MS = 3_600_000
"""Events that grow too old on their way, as the import takes its time, would count at their arrival."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as a subscription puts it on the stream."""

    payload: bytes
    log_stream: str
    events: int
    event_id: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What is still to be imported of one log group, in milliseconds since 1970."""

    group: str
    next_ms: int
    end_ms: int


class Progress:
    """How far imports have come: a small file, so that an interrupted import goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """Tasks by what they are of; none where there is no file. ``CommandError`` for one that cannot be read."""
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CommandError(f"{self._path} cannot be read: {error}") from error

    def write(self, key: str, task: Task | None) -> None:
        """Remember a task, or forget it when it is done."""
        tasks = self.read()
        tasks.pop(key, None)
        if task:
            tasks[key] = {"next_ms": task.next_ms, "end_ms": task.end_ms}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(json.dumps(tasks, indent=1), encoding="utf-8")
        unfinished.replace(self._path)


def run(
    names: Sequence[str],
    *,
    since: str,
    most_gb: float,
    yes: bool,
    place: tuple[bool, str | None],
    ask: Callable[[str], str],
    out: TextIO,
    err: TextIO,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Import the events of log groups, after saying what it costs; an import that was interrupted goes on."""
    progress = progress or Progress(_state_folder() / "import.json")
    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        tasks = _tasks(names, since, where, progress, err)
        shards = _shards(where.stream)
        _confirm(tasks, shards, where.place, most_gb, yes=yes, ask=ask, err=err)
        total = 0
        for key, task in tasks.items():
            events = 0
            for done, number in _import(task, where.stream, shards, sleep):
                events += number
                progress.write(key, done)
            progress.write(key, None)
            total += events
            print(f"{events:>10,}  {task.group}", file=out)
    print(f"{total:,} events put on the stream; they are in the lake within a minute", file=err)
    return OK


def _tasks(names: Sequence[str], since: str, where: target.Target, progress: Progress, err: TextIO) -> dict[str, Task]:
    groups = [each.name for each in find_groups(client("logs"), names, MOST_GROUPS)]
    if not groups:
        raise CommandError(f"there is no log group {' or '.join(map(safe, names))}; a name may end in * for a prefix")
    if own := [name for name in groups if name.startswith(OWN_PREFIXES)]:
        raise CommandError(f"{safe(own[0])} is written by tracelake itself: importing it would be a loop")
    start_ms, end_ms = _range(since, where)
    begun = progress.read()
    tasks = {}
    for group in groups:
        # the state table has a name of its own in each account, region and stage
        key = f"{where.state_table} {group}"
        tasks[key] = Task(group, start_ms, end_ms)
        if key in begun and int(begun[key]["end_ms"]) > start_ms:
            tasks[key] = Task(group, max(start_ms, int(begun[key]["next_ms"])), int(begun[key]["end_ms"]))
            print(f"{safe(group)}: goes on at {_clock(tasks[key].next_ms)}", file=err)
    return tasks


def _range(since: str, where: target.Target) -> tuple[int, int]:
    """Start and end in milliseconds; ``CommandError`` where events would be too old to count at their own time."""
    try:
        span = parse_span(since)
    except QuestionError as error:
        raise CommandError(str(error)) from None
    days = _max_event_age_days(where)
    if span > timedelta(days=days):
        raise CommandError(
            f"events older than {days} days would count at their arrival, not at their own time: import at most "
            f"{days}d, or deploy with a larger max_event_age_days first"
        )
    end_ms = int(datetime.now(UTC).timestamp() * 1000)
    return max(end_ms - int(span.total_seconds() * 1000), end_ms - days * 86_400_000 + MARGIN_MS), end_ms


def _max_event_age_days(where: target.Target) -> int:
    # stream and functions begin with the same words
    found = client("lambda").get_function_configuration(FunctionName=f"{where.stream}-normalize")
    return int(found.get("Environment", {}).get("Variables", {}).get("MAX_EVENT_AGE_DAYS", "35"))


def _shards(stream: str) -> int:
    return client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["OpenShardCount"]


def _confirm(
    tasks: Mapping[str, Task],
    shards: int,
    place: str,
    most_gb: float,
    *,
    yes: bool,
    ask: Callable[[str], str],
    err: TextIO,
) -> None:
    size = 0.0
    for task in tasks.values():
        taken_in = _taken_in(task)
        size += taken_in
        print(f"{taken_in / 1e6:>10,.1f} MB  {safe(task.group)} from {_clock(task.next_ms)}", file=err)
    gigabytes = size / 1e9
    # JSON in gzip is about a tenth of what it was
    minutes = size / 10 / (BYTES_PER_SECOND * shards) / 60
    print(
        f"{gigabytes:,.2f} GB into {place}: about ${gigabytes * usd_per_gigabyte():.2f} and {minutes:,.0f} minutes or "
        "more",
        file=err,
    )
    if gigabytes > most_gb:
        raise CommandError(f"that is more than {most_gb:g} GB: choose a shorter --since, or say --most-gb")
    if not yes and ask("Import them? yes or no: ").strip().lower() != "yes":
        raise CommandError("nothing was imported")


def _taken_in(task: Task) -> float:
    """Bytes that CloudWatch took in for the group in this time, as its metric has them."""
    found = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Logs",
        MetricName="IncomingBytes",
        Dimensions=[{"Name": "LogGroupName", "Value": task.group}],
        StartTime=datetime.fromtimestamp(task.next_ms / 1000, UTC),
        EndTime=datetime.fromtimestamp(task.end_ms / 1000, UTC),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(each.get("Sum", 0.0) for each in found["Datapoints"])


def _import(task: Task, stream: str, shards: int, sleep: Callable[[float], None]) -> Iterator[tuple[Task, int]]:
    """Puts a page after the other on the stream; yields what is left then, and how many events the page had."""
    began, sent = time.monotonic(), 0
    pages = Pages(client("logs"), sleep=sleep)
    try:
        for page in pages.read(task.group, task.next_ms, task.end_ms, newest_first=False):
            if not page:
                continue
            read = Sample(task.group, task.next_ms, task.end_ms)
            read.take(page)
            records = list(_deliveries(read))
            sleep(max(0.0, sent / (BYTES_PER_SECOND * shards) - (time.monotonic() - began)))
            taken = sum(record.events for record in put(client("kinesis"), stream, records, sleep))
            if taken < len(page):
                raise CommandError(
                    f"the stream did not take {len(page) - taken:,} events of {safe(task.group)}: the same command "
                    "goes on with them later"
                )
            sent += sum(len(record.payload) for record in records)
            # events of this last millisecond come again, and vanish
            yield Task(task.group, max(event["timestamp"] for event in page), task.end_ms), len(page)
    except Unreadable as error:
        raise CommandError(f"{safe(task.group)} cannot be read: {safe(str(error))}") from error


def _deliveries(read: Sample) -> Iterator[Delivery]:
    for log_stream, events in read.streams.items():
        for chunk in chunks(events):
            yield from _records(read.group, log_stream, chunk)


def _records(group: str, log_stream: str, events: list[LogEvent]) -> Iterator[Delivery]:
    """Records of a log stream's events, none larger than a record may be."""
    record = bytes(deflate.gzip_compress(payload(group, log_stream, events)))
    if len(record) <= MAX_RECORD_BYTES - KEY_BYTES or len(events) == 1:
        yield Delivery(record, log_stream, len(events))
    else:
        half = len(events) // 2
        yield from _records(group, log_stream, events[:half])
        yield from _records(group, log_stream, events[half:])


def _state_folder() -> Path:
    """https://specifications.freedesktop.org/basedir-spec/latest/"""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "tracelake"


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def command(given: argparse.Namespace) -> int:
    """``tracelake import``."""
    return run(
        given.group,
        since=given.since,
        most_gb=given.most_gb,
        yes=given.yes,
        place=place_of(given),
        ask=input,
        out=sys.stdout,
        err=sys.stderr,
    )

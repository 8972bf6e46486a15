"""Log events as CloudWatch Logs keeps them: read page by page within bounds, and never written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from functions.aws.logs import code_of
from functions.core.selection import OWN_PREFIXES, LogGroup
from functions.core.subscriptions import LogEvent, Subscription

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import LogGroupTypeDef

PAGE_EVENTS = 10_000
SECONDS_BETWEEN_CALLS = 0.25
"""FilterLogEvents may be called five times a second for the whole account and region, and people call it too:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""
EVENT_OVERHEAD_BYTES = 26
"""What CloudWatch adds to a message when it says how large a batch is (same page)."""
PAYLOAD_BYTES = 1 << 20


class Unreadable(Exception):  # noqa: N818 - an answer about one log group, not a failure
    """A log group cannot be read; the message says why."""


class Pages:
    """Pages of log events, asked for no faster than the quota allows."""

    def __init__(
        self,
        logs: CloudWatchLogsClient,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._logs, self._clock, self._sleep = logs, clock, sleep
        self._next_call = clock()

    def read(self, group: str, start_ms: int, end_ms: int, *, newest_first: bool) -> Iterator[list[Any]]:
        """Events from ``start_ms`` to just before ``end_ms``, a page at a time; a page may be empty.

        Raises ``Unreadable``. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
        """
        request: dict[str, Any] = {
            "logGroupName": group,
            "startTime": start_ms,
            "endTime": max(start_ms, end_ms - 1),
            "limit": PAGE_EVENTS,
            "startFromHead": not newest_first,
        }
        while True:
            self._sleep(max(0.0, self._next_call - self._clock()))
            self._next_call = self._clock() + SECONDS_BETWEEN_CALLS
            try:
                page = self._logs.filter_log_events(**request)
            except ClientError as error:
                message = error.response.get("Error", {}).get("Message", "")
                raise Unreadable(f"{code_of(error)}: {message}") from error
            yield page["events"]
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]


@dataclass(slots=True)
class Limits:
    """How much is read at most, of all log groups together; ``size`` in bytes."""

    seconds: float = 40
    pages: int = 160
    events: int = 400_000
    size: int = 64 << 20


@dataclass(slots=True)
class Sample:
    """What was read of one log group: everything from ``start_ms`` to just before ``end_ms``.

    ``start_ms`` is later than asked for where ``stopped`` says why. ``size`` is in bytes as CloudWatch counts them.
    """

    group: str
    start_ms: int
    end_ms: int
    events: int = 0
    size: int = 0
    stopped: str = ""
    streams: dict[str, list[LogEvent]] = field(default_factory=dict)

    @property
    def hours(self) -> float:
        return (self.end_ms - self.start_ms) / 3_600_000

    def take(self, page: Sequence[Mapping[str, Any]]) -> None:
        for each in page:
            message = each.get("message", "")
            event = LogEvent(each.get("eventId", ""), each.get("timestamp"), message)
            self.streams.setdefault(each.get("logStreamName", ""), []).append(event)
            self.size += len(message.encode(errors="replace")) + EVENT_OVERHEAD_BYTES
        self.events += len(page)

    def payloads(self) -> Iterator[bytes]:
        """The events as subscriptions deliver them: those of a log stream together, in the order of their time."""
        for stream, events in self.streams.items():
            for chunk in chunks(events):
                yield payload(self.group, stream, chunk)


def sample(
    pages: Pages,
    groups: Sequence[str],
    start_ms: int,
    end_ms: int,
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
) -> list[Sample]:
    """The newest events of each group, in turns, until all are read or a limit is reached."""
    deadline = clock() + limits.seconds
    samples = [Sample(group, start_ms, end_ms) for group in groups]
    reading = {id(each): pages.read(each.group, start_ms, end_ms, newest_first=True) for each in samples}
    open_samples, pages_read = list(samples), 0
    while open_samples:
        for each in list(open_samples):
            if reason := _reached(limits, pages_read, samples, late=clock() > deadline):
                for unfinished in open_samples:
                    _cut(unfinished, reason)
                return samples
            try:
                page = next(reading[id(each)], None)
            except Unreadable as error:
                _cut(each, str(error))
                open_samples.remove(each)
                continue
            if page is None:
                open_samples.remove(each)
            else:
                pages_read += 1
                each.take(page)
    return samples


def _reached(limits: Limits, pages: int, samples: Sequence[Sample], *, late: bool) -> str:
    if late:
        return f"{limits.seconds:g} seconds are over"
    if pages >= limits.pages:
        return f"{limits.pages:,} pages are read"
    if sum(each.events for each in samples) >= limits.events:
        return f"{limits.events:,} events are read"
    if sum(each.size for each in samples) >= limits.size:
        return f"{limits.size / 1e6:,.0f} MB are read"
    return ""


def _cut(unfinished: Sample, reason: str) -> None:
    """What was read reaches back to its oldest event only."""
    times = [event.timestamp for events in unfinished.streams.values() for event in events if event.timestamp]
    unfinished.start_ms = min(times, default=unfinished.end_ms)
    unfinished.stopped = reason


def chunks(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    """Events of one log stream by their time, about a megabyte at a time."""
    if events and (events[0].timestamp or 0) > (events[-1].timestamp or 0):
        events = events[::-1]  # so that events of the same millisecond stay in the order they were written in
    ordered = sorted(events, key=lambda event: event.timestamp or 0)
    first = size = 0
    for number, event in enumerate(ordered):
        if size and size + len(event.message) > PAYLOAD_BYTES:
            yield ordered[first:number]
            first, size = number, 0
        size += len(event.message)
    if ordered:
        yield ordered[first:]


def payload(group: str, stream: str, events: list[LogEvent]) -> bytes:
    """Events as a subscription delivers them, without compression and without their account."""
    return msgspec.json.encode(Subscription("DATA_MESSAGE", events, "", group, stream))


def find_groups(logs: CloudWatchLogsClient, names: Sequence[str], most: int) -> list[LogGroup]:
    """Log groups by name, or by prefix where it ends in ``*``: of those of a prefix the largest, ``most`` in all.

    A name that does not exist gives nothing; nor does a prefix give groups of tracelake itself.
    """
    found: dict[str, LogGroup] = {}
    for name in names:
        prefix, many = name.rstrip("*"), name.endswith("*")
        request: dict[str, Any] = {"logGroupNamePrefix": prefix} if prefix else {}
        groups: list[LogGroupTypeDef] = []
        for page in logs.get_paginator("describe_log_groups").paginate(**request):
            for each in page["logGroups"]:
                chosen = not each["logGroupName"].startswith(OWN_PREFIXES) if many else each["logGroupName"] == name
                groups += [each] if chosen else []
        groups.sort(key=lambda each: -each.get("storedBytes", 0))
        found |= {each["logGroupName"]: _group(each) for each in groups}
    return list(found.values())[:most]


def _group(found: LogGroupTypeDef) -> LogGroup:
    return LogGroup(found["logGroupName"], found.get("creationTime", 0), found.get("logGroupClass", "STANDARD"))

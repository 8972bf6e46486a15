"""The chapter about what nobody set a threshold for: a day of a partner's webhooks, the last of which fail."""

from __future__ import annotations

import gzip
import io
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cli import alerts
from local.story import views
from local.story.scenes import StoryError, World, message_about, until
from stacks.names import Names

SERVICE, ROUTE = "partner-webhooks", "POST /partner/{event}"
BIN = timedelta(minutes=5)
A_BIN = 30.0
"""Webhooks in five minutes, on average."""

FAILING = 0.35
HOURS, TROUBLE = 24, timedelta(minutes=25)
TOLD_SECONDS = 60.0


def put_a_day(world: World) -> None:
    """Puts a day of webhooks on the stream, which normalize takes while the story goes on."""
    events = list(webhooks(_judged_until(datetime.now(UTC)), HOURS, TROUBLE))
    data = gzip.compress("\n".join(map(json.dumps, events)).encode())
    stream = world.lake.parameter("stream")
    world.emulator.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey=SERVICE)
    world.partners += len(events)


def unusual(world: World) -> None:
    """What detect says of it: the message."""
    world.teller.chapter("Told without a threshold")
    world.teller.say(
        f"A partner's webhooks came to the stream, too: {world.partners:,} of the last {HOURS} hours. In the last "
        f"{TROUBLE.seconds // 60} minutes some fail. detect learns what is usual, and tells what is not."
    )
    with world.teller.step("compact publishes the hours (on AWS by schedule)"):
        _run(world, "compact")
    with world.teller.step("tracelake alerts --learn-again, and detect judges them") as step:
        alerts.learn_again((True, world.stage), out=io.StringIO())
        _run(world, "detect")
        message = until(TOLD_SECONDS, lambda: message_about(world, "unusual"))
        if message is None:
            raise StoryError("detect has told of nothing")
        step.result = f"its message came at {message['Timestamp'][11:19]} UTC"
    views.letter(world.teller, message["Subject"], message["Message"])


def _run(world: World, name: str) -> None:
    """What a schedule does every few minutes."""
    answer = world.emulator.client("lambda").invoke(FunctionName=Names(world.stage).function(name), Payload=b"{}")
    if "FunctionError" in answer:
        raise StoryError(f"{name} failed: {answer['Payload'].read().decode()}")


def webhooks(end: datetime, hours: int, trouble: timedelta, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Webhooks of some hours, oldest first, more by day than by night; in the ``trouble`` before the end some fail."""
    chance = random.Random(seed)
    start = end - timedelta(hours=hours)
    while start < end:
        by_day = 1 + 0.4 * math.sin((start.hour + start.minute / 60 - 9) / 24 * 2 * math.pi)
        failing = FAILING if start >= end - trouble else 0.003
        for _ in range(max(1, round(chance.gauss(A_BIN * by_day, math.sqrt(A_BIN))))):
            at = start + chance.random() * BIN
            yield {
                "event_type": "webhook",
                "time": int(at.timestamp() * 1000),
                "service": SERVICE,
                "method": "POST",
                "route": ROUTE,
                "status": 502 if chance.random() < failing else 200,
                "latency_ms": round(chance.lognormvariate(4, 0.4), 1),
            }
        start += BIN


def _judged_until(now: datetime) -> datetime:
    """The end of the last five minutes that detection can judge at once."""
    latest = now.astimezone(UTC) - timedelta(minutes=4)
    return latest.replace(minute=latest.minute // 5 * 5, second=0, microsecond=0)

"""The chapter about what nobody set a threshold for: a day of a partner's webhooks, the last of which fail."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from cli import alerts
from local.sample import partner
from local.story import views
from local.story.scenes import StoryError, World, message_about, until
from stacks.names import Names

TOLD_SECONDS = 60.0


def put_a_day(world: World) -> None:
    """Puts a day of webhooks on the stream, which normalize takes while the story goes on."""
    record, count = partner.last_day(datetime.now(UTC))
    stream = world.lake.parameter("stream")
    world.emulator.client("kinesis").put_record(StreamName=stream, Data=record, PartitionKey=partner.SERVICE)
    world.partners += count


def unusual(world: World) -> None:
    """What detect says of it: the message."""
    world.teller.chapter("Told without a threshold")
    world.teller.say(
        f"A partner's webhooks came to the stream, too: {world.partners - 1:,} of the last {partner.HOURS} hours. "
        "After a deployment some fail. detect learns what is usual, and tells what is not."
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

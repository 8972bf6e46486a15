"""The last chapter, for who watches: the dashboards, with a past to look back on, while the customers go on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from local.sample import traffic
from local.story.scenes import World
from local.viewer import __main__ as viewer
from local.viewer import rehearsal

REQUESTS_A_MINUTE_BEFORE = 40.0
PAUSE_SECONDS = 1.0
DAYS = 7


def your_turn(world: World) -> None:
    """Serves the dashboards until a signal ends it."""
    world.teller.chapter("Your turn")
    world.teller.say(
        "So that the charts have a past, logs of three quiet hours and a little of the week before are written now."
    )
    with world.teller.step("three quiet hours, published by compact (on AWS every five minutes)") as step:
        added = rehearsal.add_past(world.emulator, world.began, REQUESTS_A_MINUTE_BEFORE, incident=False, days=DAYS)
        step.result = f"{added:,} requests"
    world.teller.say("Customers go on until Ctrl-C. In another terminal: .venv/bin/tracelake ask --local")
    with traffic.Load(world.shop.url, _slowly(world.requests), threads=1):
        viewer.serve(world.emulator.environment, world.stage, say=world.teller.say)


def _slowly(requests: Iterator[traffic.Request]) -> Iterator[traffic.Request]:
    for request in requests:
        time.sleep(PAUSE_SECONDS)
        yield request

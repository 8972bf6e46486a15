"""compact: every five minutes, publish the hours that are over, oldest first, make of them what others read, and delete
what is due."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment, metrics
from functions.aws.generations import Generations
from functions.aws.items import ConditionLostError
from functions.aws.lake import Lake
from functions.aws.state import State
from functions.compact import assembling
from functions.compact.failures import Failures
from functions.compact.publication import Publisher
from functions.core.schema import HOUR_MS, hour_of, hour_start_ms

SETTLE_AFTER_MS = 120_000
"""An hour is published this long after its end, so that most of what belongs to it has come."""

NEW_HOUR_MS = 60_000
"""With less time than this left, no further hour is begun."""

ROUNDS = 3
"""Publishing an hour can ask for its neighbours again (a START and its REPORT on both sides of the full hour)."""

log = Logger(service="tracelake-compact")


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Publish what is due; returns the counts that also become metrics.

    Fails when all is done where a summary or an hour's transactions could not be made: nobody else tells of that.
    """
    table = environment.required("STATE_TABLE")
    publisher = Publisher(
        State(table),
        Generations(table, owner=environment.new_id(environment.now_ms())),
        Lake(environment.required("LAKE_BUCKET")),
        environment.required("GLUE_DATABASE"),
        context.get_remaining_time_in_millis,
    )
    return run(publisher)


def run(publisher: Publisher) -> dict[str, int]:
    """One run: publish, report, delete what is due."""
    before = hour_of(environment.now_ms() - SETTLE_AFTER_MS)
    failed: set[str] = set()
    published = 0
    for _ in range(ROUNDS):
        done = [publish_hour(publisher, hour, failed) for hour in publisher.generations.unpublished_hours(before)]
        published += sum(done)
        if not any(done):
            break
    left = publisher.generations.unpublished_hours(before)
    numbers = {
        "PublishedHours": published,
        "UnpublishedHours": len(left),
        "OldestUnpublishedMs": environment.now_ms() - hour_start_ms(left[0]) - HOUR_MS if left else 0,
    }
    metrics.emit(numbers)
    failures = Failures()
    with failures.collected("summaries"):
        publisher.summariser(failures).run()
    with failures.collected("transactions"):
        assembling.run(publisher, failures)
    publisher.collect_garbage()
    failures.tell()
    return numbers


def publish_hour(publisher: Publisher, hour: str, failed: set[str]) -> bool:
    """Publish one hour if nobody else does. Whatever goes wrong with it is reported and stops no other hour: the lease
    is kept then, so that later runs try the others first."""
    if hour in failed or publisher.remaining_ms() < NEW_HOUR_MS or not publisher.generations.take_lease(hour):
        return False
    try:
        done = publisher.publish(hour)
    except ConditionLostError:
        log.info("a neighbouring hour was published at the same time, this one is tried again", extra={"hour": hour})
        done = False
    except Exception:
        log.exception("hour was not published, it is tried again when its lease has run out", extra={"hour": hour})
        failed.add(hour)
        return False
    publisher.generations.release_lease(hour)
    return done

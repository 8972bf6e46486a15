"""What is told of one change: measured, compared, remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger

from functions.aws import environment
from functions.aws.messages import Memories, or_nothing
from functions.core.incidents import changes, memory
from functions.core.incidents.changes import Change
from functions.core.incidents.figures import MINUTE_MS, Figures, compare, measure, window_start
from functions.core.incidents.memory import Memory, Telling
from functions.core.incidents.rules import RULES, Rule
from functions.core.incidents.wording import Message, Place, Story, compose, raw
from functions.core.schema import hour_of
from functions.notify import measuring

log = Logger(service="tracelake-notify")


@dataclass(frozen=True, slots=True)
class Told:
    """The message, where there is news, and how it is remembered once it is sent."""

    alarm: str
    telling: str
    message: Message | None = None
    remember: Callable[[], None] = lambda: None


def tell(event: dict[str, Any]) -> Told:
    """What is told of the change in the event; ``NotAnAlarmError`` where it is none."""
    change = changes.read(event)
    name = change.short_name(environment.stage())
    rule = RULES.get(name)
    if rule is None:
        message = raw(event, environment.stage(), "the alarm is not one of tracelake's own")
        return Told(name, "raw", message)
    memories = Memories(environment.required("STATE_TABLE"))
    known = or_nothing(lambda: memories.of(name), "what was told before", log) or Memory()
    telling, after = memory.decide(known, change, window_start(rule, change.at_ms))
    if telling is Telling.NOTHING:
        return Told(name, telling, None, lambda: memories.keep(name, after))
    sent = or_nothing(lambda: memories.count(hour_of(change.at_ms), change.at_ms), "how many were sent", log) or 0
    if not memory.room(sent):
        return Told(name, "too many", None, lambda: memories.keep(name, after))
    story = _story(name, rule, change, telling, after)
    last = memory.room(sent) == 1
    after = replace(after, since_ms=story.figures.since_ms)
    message = compose(replace(story, last_this_hour=last))
    return Told(name, telling, message, lambda: memories.keep(name, after))


def _story(name: str, rule: Rule, change: Change, telling: Telling, after: Memory) -> Story:
    figures = _figures(rule, change, telling, after)
    customers = None
    if rule.customers and telling is not Telling.OVER:
        bucket = environment.required("LAKE_BUCKET")
        customers = or_nothing(
            lambda: measuring.read_customers(bucket, figures.since_ms, change.at_ms), "who is affected", log
        )
    place = Place(
        stage=environment.stage(),
        account=change.account,
        region=change.region,
        dashboard=environment.required("DASHBOARD"),
        runbooks_url=environment.optional("RUNBOOKS_URL"),
    )
    return Story(name, rule, change, telling, figures, place, customers, times=after.times + 1)


def _figures(rule: Rule, change: Change, telling: Telling, after: Memory) -> Figures:
    start = after.since_ms if telling is Telling.OVER else window_start(rule, change.at_ms)
    if not (rule.share or rule.value):
        return Figures(start)
    if telling is Telling.OVER:
        series = or_nothing(lambda: measuring.read_metrics(rule, start, change.at_ms), "how bad it was", log) or {}
        return Figures(start, measure(rule, series, start, change.at_ms))
    read = measuring.read_now_and_usual
    earliest = start - rule.period_ms
    series = or_nothing(lambda: read(rule, earliest, change.at_ms + MINUTE_MS), "how bad it is", log) or {}
    return compare(rule, series, change.at_ms)

"""What was told about an alarm, and whether a change of it is told again.

People are told of the beginning and of the end. An alarm that comes back soon after its end comes and goes: they are
told that once, and then at most once an hour, until it stays away for as long. No more than `MOST_AN_HOUR` messages are
sent in an hour, whatever happens; the last of them says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from functions.core.incidents.changes import Change

MINUTE_MS = 60_000
COMES_BACK_MS = 30 * MINUTE_MS
REPEAT_MS = 60 * MINUTE_MS
MOST_AN_HOUR = 20


class Telling(StrEnum):
    """What people are told."""

    BEGUN = "begun"
    BACK = "back"  # it came back soon after its end: from now on it comes and goes
    STILL = "still"  # it has come and gone for another hour
    OVER = "over"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one alarm. All times are ms; 0 is never. ``times`` counts how often it began since people were told."""

    since_ms: int = 0
    over_ms: int = 0
    told_ms: int = 0
    change_ms: int = 0
    times: int = 0
    flapping: bool = False


def decide(memory: Memory, change: Change, since_ms: int) -> tuple[Telling, Memory]:
    """What is told of the change, and what to remember once it is told. ``since_ms`` is when the trouble began."""
    if change.at_ms <= memory.change_ms:
        return Telling.NOTHING, memory  # Lambda delivers an event twice now and then
    seen = replace(memory, change_ms=change.at_ms)
    if change.state == "ALARM":
        return _begun(seen, change, since_ms)
    if change.state == "OK":
        return _over(seen, change)
    return Telling.NOTHING, seen


def _begun(seen: Memory, change: Change, since_ms: int) -> tuple[Telling, Memory]:
    open_ = Memory(since_ms=since_ms, told_ms=change.at_ms, change_ms=change.at_ms)
    if not seen.over_ms or change.at_ms - seen.over_ms >= (REPEAT_MS if seen.flapping else COMES_BACK_MS):
        # INSUFFICIENT_DATA in between is no end: the alarm goes on
        return (Telling.NOTHING, seen) if seen.since_ms and not seen.over_ms else (Telling.BEGUN, open_)
    again = replace(seen, since_ms=since_ms, over_ms=0, times=seen.times + 1, flapping=True)
    if not seen.flapping:
        return Telling.BACK, replace(again, told_ms=change.at_ms)
    if change.at_ms - seen.told_ms >= REPEAT_MS:
        return Telling.STILL, replace(again, told_ms=change.at_ms)
    return Telling.NOTHING, again


def _over(seen: Memory, change: Change) -> tuple[Telling, Memory]:
    if seen.flapping:
        return Telling.NOTHING, replace(seen, over_ms=change.at_ms)
    if seen.since_ms and not seen.over_ms:
        return Telling.OVER, replace(seen, over_ms=change.at_ms)
    # not remembered: CloudWatch told its beginning itself. The first OK of a new alarm is no news
    if change.before == "ALARM":
        return Telling.OVER, Memory(since_ms=change.before_ms, over_ms=change.at_ms, change_ms=change.at_ms)
    return Telling.NOTHING, seen


def room(sent_this_hour: int) -> int:
    """How many messages may still be sent in this hour."""
    return max(0, MOST_AN_HOUR - sent_this_hour)

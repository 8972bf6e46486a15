"""Which log groups are subscribed, with which filter, and when each is looked at."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Literal

MINUTE_MS = 60_000
SWEEP_MS = 5 * MINUTE_MS
YOUNG_MS = 15 * MINUTE_MS
SWEEPS_PER_ROUND = 12
AT_LEAST_PER_SWEEP = 50

# Law 3: what tracelake writes itself, in whichever stage, must never come back to it.
OWN_PREFIXES = ("/tracelake/", "/aws/lambda/tracelake-")
# A trail that records data events also records what tracelake writes, so each batch would cause the next one.
TRAIL_PREFIXES = ("aws-cloudtrail-logs-", "CloudTrail/")
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
UNSUBSCRIBABLE_CLASSES = ("INFREQUENT_ACCESS", "DELIVERY")
# All spans of an account arrive in few log streams; spread them over the shards.
SPREAD_GROUPS = ("aws/spans",)


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One log group; ``log_class`` as CloudWatch Logs names it."""

    name: str
    created_ms: int
    log_class: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class Filter:
    """One subscription filter of a log group."""

    name: str
    destination: str
    role: str
    distribution: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``wanted``: subscribe; ``unselected``: the user left it out; ``guarded``: it would loop; ``impossible``: the user
    wants it and it cannot be subscribed. All but the first two have a reason."""

    kind: Literal["wanted", "unselected", "guarded", "impossible"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for: prefixes to include (none means all) and exclude, exact names to exclude, or one exact
    log group only."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: str = ""
    exclude_names: tuple[str, ...] = ()

    def verdict(self, group: LogGroup) -> Verdict:
        """Whether the group is subscribed. That a group of tracelake itself is not, no setting can change."""
        if group.name.startswith(OWN_PREFIXES):
            return Verdict("guarded", "it is written by tracelake itself: subscribing it would be a loop")
        if not self._selects(group.name):
            return Verdict("unselected")
        if group.name.startswith(TRAIL_PREFIXES) and not self._names(group.name):
            reason = (
                "a trail may record what tracelake writes, which would be a loop; name it in `include` to subscribe it"
            )
            return Verdict("guarded", reason)
        if group.log_class in UNSUBSCRIBABLE_CLASSES:
            return Verdict("impossible", f"log groups of class {group.log_class} cannot be subscribed")
        return Verdict("wanted")

    def _selects(self, name: str) -> bool:
        if self.only:
            return name == self.only
        if name in self.exclude_names:
            return False
        included = not self.include or name.startswith(self.include)
        return included and not (self.exclude and name.startswith(self.exclude))

    def _names(self, name: str) -> bool:
        return name == self.only or any(prefix and name.startswith(prefix) for prefix in self.include)


def wanted_filter(group: LogGroup, name: str, stream_arn: str, role_arn: str) -> Filter:
    """The filter a subscribed group has: everything, to the stream; by log stream, so that START meets REPORT."""
    distribution = "Random" if group.name in SPREAD_GROUPS else "ByLogStream"
    return Filter(name, stream_arn, role_arn, distribution)


def due(groups: list[LogGroup], now_ms: int) -> list[LogGroup]:
    """The groups that one sweep looks at, the youngest first.

    DescribeSubscriptionFilters takes one group and about five calls a second for the whole account, which other tools
    need too: 3,000 groups cannot be looked at every five minutes. So each sweep looks at every group younger than 15
    minutes and at one part of the rest, chosen by name and time, such that all have been looked at within an hour.
    Up to 50 groups are looked at every time. Nothing has to be remembered for that.
    """
    parts = min(SWEEPS_PER_ROUND, math.ceil(len(groups) / AT_LEAST_PER_SWEEP) or 1)
    turn = now_ms // SWEEP_MS % parts
    chosen = [
        group
        for group in groups
        if now_ms - group.created_ms < YOUNG_MS or zlib.crc32(group.name.encode()) % parts == turn
    ]
    return sorted(chosen, key=lambda group: (-group.created_ms, group.name))


def slots_taken(present: list[Filter]) -> str:
    """Why a group has no room for one more filter: who holds its slots."""
    holders = ", ".join(f"{each.name} -> {each.destination}" for each in present) or "nobody that can be seen"
    return f"all its subscription filters are taken, by {holders}; remove one, or exclude the log group"

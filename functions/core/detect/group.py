"""Members that should behave alike, for example instances of one service: who differs, and when all of them move.

The group is its median; a member is its distance from the median, so that one that always runs hotter is no alert. A
member is told of only where it is also an outlier now (Iglewicz & Hoaglin 1993: 0.6745 times the distance, here from
where it usually is, over the median absolute deviation above 3.5), and not while the whole group has an incident. The
deviation of few members is now and then small by chance, so it counts as no less than it usually is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

import msgspec

from functions.core.detect.model import SLOW
from functions.core.detect.series import DEFAULT, LARGEST, Options, Point, Result, State, read, step

FEWEST = 3
"""With two members nobody can say which of them differs."""

OUTLYING = 3.5 / 0.6745
"""Median absolute deviations from which a member is an outlier."""

MOST = 1000
"""Members that are followed, the first to come; each keeps a state of its own."""


class Group(msgspec.Struct):
    """What is kept of a group between runs."""

    spread: float = 0.0
    whole: State = msgspec.field(default_factory=State)
    members: dict[str, State] = msgspec.field(default_factory=dict)


class GroupResult(NamedTuple):
    """What became of a row: of the median, and of each member's distance from it."""

    whole: Result
    members: dict[str, Result]


def pack(group: Group) -> bytes:
    """The group as bytes."""
    return msgspec.msgpack.encode(group)


def unpack(stored: bytes) -> Group:
    """The group of bytes that `pack` made; raises `UnknownStateError`."""
    return read(stored, Group, lambda group: group.whole)


def update(
    group: Group | None, rows: Iterable[tuple[float, Mapping[str, float]]], options: Options = DEFAULT
) -> tuple[Group, list[GroupResult]]:
    """The group after some more rows (seconds since 1970, a value by member), and a result for each.

    ``min_level`` is asked of the median and of the distances. A row of fewer than three members is not judged.
    """
    group = unpack(pack(group)) if group else Group()
    return group, [_step(group, time, values, options) for time, values in rows]


def _step(group: Group, time: float, values: Mapping[str, float], options: Options) -> GroupResult:
    present = {name: value for name, value in values.items() if -LARGEST < value < LARGEST}
    if len(present) < FEWEST:
        return GroupResult(Result(time, float("nan")), {})
    middle = median(present.values())
    whole = step(group.whole, Point(time, middle), options)
    deviation = median(abs(value - middle) for value in present.values())
    spread = max(deviation, group.spread)
    if whole.expected is not None:
        group.spread += (deviation - group.spread) * max(SLOW, 1 / group.whole.model.count)
    members = {}
    for name, value in present.items():
        if name in group.members or len(group.members) < MOST:
            state = group.members.setdefault(name, State())
            off = value - middle
            muted = group.whole.incident is not None or abs(off - state.model.slow) <= OUTLYING * spread
            members[name] = step(state, Point(time, off, muted=muted), options)
    return GroupResult(whole, members)

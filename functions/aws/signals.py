"""The signals of the lake bucket, and two times of the state table: how far they are complete, and how far judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from functions.aws import items
from functions.aws.summaries import Summaries
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import decode
from functions.core.watch.signals import BY_TABLE, Measure, Signals, Subject, bins

HOURS_AT_ONCE = 6
_KEY = "signals"

Mark = Literal["seen", "judged"]
"""``seen``: what was committed until then is in the signals. ``judged``: what happened until then was judged."""


def read_mark(table: str, mark: Mark) -> int:
    """Until when, in ms; 0 where it never was."""
    item = items.get(table, _KEY, mark)
    return int(item["until_ms"]["N"]) if item else 0


def write_mark(table: str, mark: Mark, until_ms: int) -> None:
    """Set it."""
    items.transact([items.put(table, {"pk": _KEY, "sk": mark, "until_ms": until_ms})])


def seen(
    bucket: str, begin_ms: int, end_ms: int, kinds: Sequence[str] = tuple(BY_TABLE)
) -> Iterator[tuple[int, dict[Subject, Measure]]]:
    """What was seen in each five minutes from ``begin_ms`` to before ``end_ms``, in order."""
    hours = [hour_of(start) for start in range(begin_ms // HOUR_MS * HOUR_MS, end_ms, HOUR_MS)]
    for first in range(0, len(hours), HOURS_AT_ONCE):
        some = hours[first : first + HOURS_AT_ONCE]
        bodies = {kind: Summaries(bucket).read_hours(kind, some) for kind in kinds}
        for number, hour in enumerate(some):
            found = [decode(bodies[kind][number]).summary(kind) for kind in kinds]
            made = bins(hour, [each for each in found if isinstance(each, Signals)])
            yield from ((start, measures) for start, measures in made.items() if begin_ms <= start < end_ms)

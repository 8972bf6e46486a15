"""The signals of the lake bucket, and times of the state table: how far they are complete, and how far judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from functions.aws import items
from functions.aws.clients import client
from functions.aws.summaries import Summaries, folder_of, hour_of_key, key_of
from functions.core.schema import HOUR_MS, hour_of, hour_start_ms
from functions.core.summaries import decode
from functions.core.watch.signals import BY_TABLE, Measure, Signals, Subject, bins

STATE_KEY = "detection/state.msgpack"
"""What detect has learnt."""

HOURS_AT_ONCE = 6
_KEY = "signals"

Mark = Literal["seen", "judged", "causes"]
"""``seen``: what was committed until then is in the signals. ``judged``: what happened until then was judged.
``causes``: of what was found until then causes were looked for."""


def read_mark(table: str, mark: Mark) -> int:
    """Until when, in ms; 0 where it never was."""
    item = items.get(table, _KEY, mark)
    return int(item["until_ms"]["N"]) if item else 0


def write_mark(table: str, mark: Mark, until_ms: int) -> None:
    """Set it."""
    items.transact([items.put(table, {"pk": _KEY, "sk": mark, "until_ms": until_ms})])


def first_ms(bucket: str, begin_ms: int) -> int:
    """When the first hour begins, not before ``begin_ms``, of which there are signals; ``begin_ms`` where there are
    none."""
    found = []
    for kind in BY_TABLE:
        after = key_of(kind, hour_of(begin_ms - 1))
        answer = client("s3").list_objects_v2(Bucket=bucket, Prefix=folder_of(kind), StartAfter=after, MaxKeys=1)
        found += [hour_of_key(each["Key"]) for each in answer.get("Contents", ())]
    return max(begin_ms, hour_start_ms(min(found))) if found else begin_ms


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

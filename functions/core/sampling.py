"""Which log lines are left out once a month's budget is spent: docs/architecture.md, The budget.

Works on columns of a finished table, and only where there is a budget. Nothing but an event and the plan decides about
the event, so it meets the same fate in every batch and process.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core.sources import json_logs, spans, text_logs

QUIET_LEVELS = ("TRACE", "DEBUG", "INFO")
SOURCES = (json_logs.SOURCE, text_logs.SOURCE)
ONE_IN = 10
MOST_GROUPS = 50
"""Log groups that a commit or an hour names; the others have less than a fifty-first of the bytes each."""

LONGEST_NAME = 512


class Period(msgspec.Struct, frozen=True):
    """Of the quiet lines of a log group with times from ``since_ms`` until before ``until_ms``, those of one in
    ``one_in`` traces are kept."""

    log_group: str
    since_ms: int
    until_ms: int
    one_in: Annotated[int, msgspec.Meta(ge=1)] = ONE_IN


class Plan(msgspec.Struct, frozen=True):
    """What is left out; ``key`` (hex) makes the choice of traces unforeseeable. ``off`` is a month (``2026-11``) in
    which somebody wants nothing left out. ``version`` counts changes."""

    key: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2}){0,64}$")] = ""
    periods: tuple[Period, ...] = ()
    off: str = ""
    version: int = 0


class Volumes:
    """By log group: raw bytes, bytes of lines that a plan could leave out, and lines that it did leave out."""

    def __init__(self) -> None:
        self.raw: Counter[str] = Counter()
        self.quiet: Counter[str] = Counter()
        self.sampled: Counter[str] = Counter()

    def columns(self) -> dict[str, list[tuple[str, int]]]:
        """The loudest of each, by the columns of `ingest_ledger`."""
        return {
            "bytes_by_log_group": loudest(self.raw),
            "quiet_bytes_by_log_group": loudest(self.quiet),
            "sampled_by_log_group": loudest(self.sampled),
        }


def loudest(amounts: Counter[str]) -> list[tuple[str, int]]:
    """The log groups with most, with so much of it as CloudWatch allows for a name."""
    return [(name[:LONGEST_NAME], amount) for name, amount in amounts.most_common(MOST_GROUPS)]


def thinned(logs: pa.Table, plan: Plan, volumes: Volumes) -> pa.Table:
    """The rows of table ``logs`` without those that the plan leaves out; ``volumes`` counts both."""
    quiet = _quiet(logs)
    chosen = logs.filter(quiet).select(["log_group", "message", "line"])
    sizes = pc.binary_length(pc.coalesce(chosen["line"], chosen["message"], pa.scalar("")))
    _count(volumes.quiet, chosen["log_group"], sizes)
    left_out = _left_out(logs, quiet, plan)
    if left_out is None:
        return logs
    gone = logs["log_group"].filter(left_out)
    _count(volumes.sampled, gone, pa.repeat(1, len(gone)))
    return logs.filter(pc.invert(left_out))


def _quiet(logs: pa.Table) -> Any:
    """Whether each row is one that may be left out."""
    conditions = (
        pc.is_in(logs["level"], pa.array(QUIET_LEVELS)),
        pc.is_in(logs["source"], pa.array(SOURCES)),
        pc.is_null(logs["error_type"]),
        pc.fill_null(pc.not_equal(logs["log_group"], spans.LOG_GROUP), True),
    )
    return reduce(pc.and_, conditions)


def _left_out(logs: pa.Table, quiet: Any, plan: Plan) -> Any:
    """Whether each row is left out; None where none is."""
    times, found = pc.cast(logs["time"], pa.int64()), None
    for period in plan.periods:
        of_group = pc.and_(quiet, pc.fill_null(pc.equal(logs["log_group"], period.log_group), False))
        inside = pc.and_(pc.greater_equal(times, period.since_ms), pc.less(times, period.until_ms))
        concerned = pc.and_(of_group, inside)
        if not pc.any(concerned).as_py():
            continue
        keys = pc.coalesce(logs["trace_id"], logs["request_id"], logs["event_id"])
        different = pc.unique(keys.filter(concerned)).to_pylist()
        kept = [key for key in different if is_kept(key, plan.key, period.one_in)]
        gone = pc.and_(concerned, pc.invert(pc.is_in(keys, pa.array(kept, pa.string()))))
        found = gone if found is None else pc.or_(found, gone)
    return found


def is_kept(name: str, key: str, one_in: int) -> bool:
    """Whether what has this trace id, request id or event id is kept: of all possible ones, one in ``one_in``."""
    digest = blake2b(name.encode(), digest_size=8, key=bytes.fromhex(key)).digest()
    return int.from_bytes(digest) < 2**64 // one_in


def _count(counter: Counter[str], groups: Any, amounts: Any) -> None:
    summed = pa.table({"group": groups, "amount": amounts}).group_by("group", use_threads=False)
    found = summed.aggregate([("amount", "sum")])
    for group, amount in zip(found["group"].to_pylist(), found["amount_sum"].to_pylist(), strict=True):
        counter[group or ""] += amount

"""What happens as a month's budget is spent: who is told when, and which lines are left out from when on.

docs/architecture.md, The budget, says why so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from functions.core.accounting import DAY_MS
from functions.core.cost.spending import Month, Spending
from functions.core.sampling import Period, Plan
from functions.core.schema import HOUR_MS

OverBudget = Literal["tell", "sample"]

WARN_AT = 0.8
LEAD_MS = 10 * 60_000
"""A plan holds from so long after it is written, for a batch may take five minutes and remember a plan for one."""

NEXT_AFTER_MS = 6 * HOUR_MS
MOST_SAMPLED = 10
LEAST_SHARE = 0.05
"""Log groups whose quiet lines are less of all that comes in are left alone."""

REMEMBERED_MS = 3 * DAY_MS
"""What is delivered again so long after the end of a period meets the same fate."""


class Memory(msgspec.Struct, frozen=True):
    """Of one month: what of the ledger is added up before the hour ``until``, since when tracelake was there (ms), and
    what was told."""

    until: str = ""
    sums: dict[str, int] = {}
    hours: int = 0
    since_ms: int = 0
    told: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """What widgets and the command show: dollars so far and at the end of the month, and what is left out."""

    at_ms: int
    month: str
    budget_usd: float
    usd: float
    projected_usd: float
    over_budget: str
    periods: tuple[Period, ...] = ()


def planned(plan: Plan, spending: Spending, over_budget: OverBudget, new_key: str) -> Plan:
    """The plan from now on; the same object where nothing changes. ``new_key`` is for a plan that has none."""
    now_ms, month = spending.now_ms, spending.month
    wanted = over_budget == "sample" and spending.share >= 1 and plan.off != month.name
    periods = [each for each in plan.periods if each.until_ms > now_ms - REMEMBERED_MS]
    if not wanted:
        periods = list(_ended(periods, now_ms + LEAD_MS))
    elif candidate := _next(periods, spending):
        since_ms = now_ms + LEAD_MS
        if since_ms < month.end_ms:
            periods.append(Period(candidate, since_ms, month.end_ms))
    if tuple(periods) == plan.periods:
        return plan
    return msgspec.structs.replace(plan, key=plan.key or new_key, periods=tuple(periods), version=plan.version + 1)


def switched_off(plan: Plan, now_ms: int) -> Plan:
    """The plan when somebody wants nothing left out for the rest of the month."""
    periods = tuple(_ended(plan.periods, now_ms + LEAD_MS))
    return msgspec.structs.replace(plan, periods=periods, off=Month.of(now_ms).name, version=plan.version + 1)


def open_periods(plan: Plan, now_ms: int) -> list[Period]:
    """Those that have not ended."""
    return [each for each in plan.periods if each.until_ms > now_ms]


def status(spending: Spending, plan: Plan, over_budget: OverBudget) -> Status:
    """For those who look."""
    return Status(
        spending.now_ms,
        spending.month.name,
        spending.budget_usd,
        round(spending.usd, 4),
        round(spending.projected_usd, 4),
        over_budget,
        tuple(open_periods(plan, spending.now_ms)),
    )


def read_status(body: bytes) -> Status | None:
    """The status as it was written; ``None`` where there is none that can be read."""
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        return None


def _ended(periods: list[Period] | tuple[Period, ...], at_ms: int) -> Iterator[Period]:
    """Periods of which none goes on later; those that had not begun are gone."""
    for each in periods:
        until_ms = min(each.until_ms, at_ms)
        if each.since_ms < until_ms:
            yield msgspec.structs.replace(each, until_ms=until_ms)


def _next(periods: list[Period], spending: Spending) -> str | None:
    """The log group that is sampled next, if it is time for one."""
    opened = [each for each in periods if each.until_ms == spending.month.end_ms]
    if len(opened) >= MOST_SAMPLED or any(spending.now_ms < each.since_ms + NEXT_AFTER_MS for each in opened):
        return None
    sampled = {each.log_group for each in opened}
    found = max(
        (each for each in spending.loud if each.log_group not in sampled), key=lambda each: each.quiet, default=None
    )
    if found is None or found.quiet == 0 or found.quiet < LEAST_SHARE * spending.recent_bytes:
        return None
    return found.log_group


def news(memory: Memory, spending: Spending, plan: Plan) -> tuple[str, ...]:
    """What has not been told yet in this month, in the order in which it matters."""
    month, due = spending.month, list[str]()
    for period in plan.periods:
        if month.start_ms <= period.since_ms < month.end_ms:
            begun = f"sampling {period.since_ms} {period.log_group}"
            due.append(begun)
            if period.until_ms < month.end_ms and begun in memory.told:
                due.append(f"ended {period.until_ms} {period.log_group}")
    due += ["100"] * (spending.share >= 1) + ["80"] * (spending.share >= WARN_AT)
    return tuple(each for each in due if each not in memory.told)

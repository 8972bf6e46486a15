"""One look at the month: added up, decided, told, remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from functions.aws import budget as memories
from functions.aws import environment, plans
from functions.aws.summaries import BUDGET, Summaries
from functions.core import budget
from functions.core.budget import Memory, OverBudget, Status
from functions.core.cost.spending import RECENT_HOURS, Hours, Month, Spending, spending
from functions.core.incidents.budget_wording import compose
from functions.core.incidents.wording import Message, Place
from functions.core.schema import HOUR_MS, hour_of, hour_start_ms
from functions.core.summaries import Ledger, decode

SETTLED_MS = 48 * HOUR_MS
"""Hours are read again until they are so old; from then on their sums are remembered."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is checked: its state, what it may cost in a month, what it costs at rest, and what was opted in."""

    table: str
    summaries: Summaries
    place: Place
    budget_usd: float
    rest_usd: float
    over_budget: OverBudget


def check(of: Installation, now_ms: int, publish: Callable[[Message], None]) -> tuple[Status, tuple[str, ...]]:
    """Look once; returns what was found and what was told.

    The plan is written first, then people are told, then it is remembered that they were: after a failure they may hear
    it twice. Raises ``ConditionLostError`` where somebody else changed the plan meanwhile.
    """
    month = Month.of(now_ms)
    memory, found = _spent(of, month, now_ms)
    before = plans.read(of.table)
    plan = budget.planned(before, found, of.over_budget, environment.random_bytes(16).hex())
    if plan is not before:
        plans.change(of.table, plan)
    status = budget.status(found, plan, of.over_budget)
    of.summaries.write(BUDGET, msgspec.json.encode(status))
    news = budget.news(memory, found, plan)
    if news:
        publish(compose(found, plan, of.over_budget, news, of.place))
    told = (*memory.told, *news)
    memories.remember(of.table, msgspec.structs.replace(memory, told=told), status)
    return status, news


def _spent(of: Installation, month: Month, now_ms: int) -> tuple[Memory, Spending]:
    """What the month has cost, and what to remember so that not all of it is read again."""
    known = memories.memory(of.table, month.name)
    old, young, recent = Hours(Ledger(known.sums), known.hours), Hours(), Hours()
    hours = [hour for hour in month.hours(now_ms) if hour >= known.until]
    settled, late = hour_of(now_ms - SETTLED_MS), hour_of(now_ms - RECENT_HOURS * HOUR_MS)
    for hour, body in zip(hours, of.summaries.read_hours("ledger", hours), strict=True):
        ledger = decode(body).summary("ledger")
        assert isinstance(ledger, Ledger)
        (old if hour < settled else young).add(hour, ledger)
        if hour >= late:
            recent.add(hour, ledger)
    since_ms = known.since_ms or _since(of, month, old.first or young.first, now_ms)
    until = max([known.until, *(hour for hour in [settled] if hour in hours)])
    memory = Memory(until, dict(old.ledger.sums), old.hours, since_ms, known.told)
    young.join(old)
    return memory, spending(month, now_ms, of.budget_usd, of.rest_usd, since_ms, young, recent)


def _since(of: Installation, month: Month, first_commit: str, now_ms: int) -> int:
    """Since when this month there is something to pay for."""
    before = Month.of(month.start_ms - 1)
    if memories.memory(of.table, before.name).since_ms:
        return month.start_ms
    return hour_start_ms(first_commit) if first_commit else now_ms

"""The plan of what is left out: one item of the state table, changed by `check_budget` and the command."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger

from functions.aws import environment, items
from functions.core.sampling import Plan

PLAN_AGE_MS = 60_000
"""A plan is read at most once in so long a time."""

log = Logger(service="tracelake")
_read: dict[str, tuple[int, Plan]] = {}


def read(table: str) -> Plan:
    """The plan as it is now."""
    item = items.get(table, "budget", "sampling")
    if item is None:
        return Plan()
    try:
        return msgspec.convert(items.unpack_json(item, "plan"), Plan)
    except (msgspec.ValidationError, KeyError, ValueError):
        # of another release, or by hand: nothing is left out by what is not understood
        log.exception("the plan is not understood and counts as none")
        return Plan(version=int(item.get("version", {}).get("N", "0")))


def change(table: str, plan: Plan) -> None:
    """Put the plan that follows the one that was read, else ``ConditionLostError``."""
    sets = {"plan": msgspec.to_builtins(plan), "version": plan.version}
    condition = "attribute_not_exists(#version) OR #version = :before"
    items.transact([items.update(table, "budget", "sampling", sets, condition, before=plan.version - 1)])


def plan_of(table: str) -> Plan | None:
    """By what those who normalise leave lines out: None without a budget, an empty plan where only people are told."""
    over_budget = environment.optional("OVER_BUDGET")
    if over_budget != "sample":
        return Plan() if over_budget else None
    now_ms = environment.now_ms()
    read_ms, plan = _read.get(table, (0, Plan()))
    if not 0 <= now_ms - read_ms < PLAN_AGE_MS:
        plan = read(table)
        _read[table] = now_ms, plan
    return plan

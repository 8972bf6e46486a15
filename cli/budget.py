"""``tracelake budget``: what this month has cost, which lines are left out because of it, and to keep them again."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TextIO

from cli import target
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.text import safe
from functions.aws import budget as months
from functions.aws import environment, plans
from functions.aws.items import ConditionLostError
from functions.core.budget import LEAD_MS, Status, open_periods, switched_off
from functions.core.cost.spending import Month
from functions.core.sampling import Period


def run(place: tuple[bool, str | None], *, off: bool, out: TextIO) -> int:
    """Print what check_budget found last; with ``off`` end what is left out, for the rest of the month.

    ``CommandError`` where there is no budget, or where the plan was changed at the same time.
    """
    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        now_ms = environment.now_ms()
        month = Month.of(now_ms).name
        found = months.status(where.state_table, month)
        if found is None:
            raise CommandError(
                f"no budget was looked at in {month} in {where.place}: set monthly_budget_usd and deploy; "
                "check_budget looks once an hour"
            )
        if off:
            _switch_off(where.state_table, now_ms)
            out.write(f"All lines with times from {_clock(now_ms + LEAD_MS)} on are kept, for the rest of {month}.\n")
        _show(found, open_periods(plans.read(where.state_table), now_ms), where.place, out)
    return OK


def _switch_off(table: str, now_ms: int) -> None:
    try:
        plans.change(table, switched_off(plans.read(table), now_ms))
    except ConditionLostError:
        raise CommandError("the plan was changed at the same time: try again") from None


def _show(found: Status, periods: list[Period], place: str, out: TextIO) -> None:
    out.write(
        f"Budget of {found.month} in {place}: about ${found.usd:,.2f} of ${found.budget_usd:,.2f}, "
        f"${found.projected_usd:,.2f} at the end of the month as it goes on now (looked at {_clock(found.at_ms)}).\n"
    )
    for each in periods:
        out.write(
            f"Left out: {each.one_in - 1} in {each.one_in} DEBUG, TRACE and INFO lines of {safe(each.log_group)}, "
            f"from {_clock(each.since_ms)} to {_clock(each.until_ms)}.\n"
        )
    if not periods:
        out.write(f"Nothing is left out; over_budget is {found.over_budget}.\n")


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M} UTC"


def command(given: argparse.Namespace) -> int:
    """``tracelake budget``."""
    return run(place_of(given), off=given.off, out=sys.stdout)

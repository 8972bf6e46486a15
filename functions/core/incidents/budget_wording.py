"""The message about a month's budget: what is spent on what, at which pace, what happens now, and what can be done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from functions.core.budget import NEXT_AFTER_MS, WARN_AT, OverBudget, open_periods
from functions.core.cost.spending import RECENT_HOURS, Loud, Spending, gigabytes, usd_saved
from functions.core.incidents.wording import SHORT_LIMIT, TEXT_LIMIT, Message, Place, plain, subject
from functions.core.sampling import Period, Plan
from functions.core.schema import HOUR_MS

MOST_PARTS = 5
MOST_GROUPS = 5
NAME_LIMIT = 60
PAGE = "docs/cost.md"


def compose(spending: Spending, plan: Plan, over_budget: OverBudget, told: Sequence[str], place: Place) -> Message:
    """The message with the news in ``told`` (of `budget.news`), the first of which is its subject."""
    head = _head(spending, told[0])
    paragraphs = [
        _happened(spending, told),
        _left_out(spending, plan, over_budget),
        ["SPENT ON", *_parts(spending)],
        _loud(spending),
        _do(over_budget, plan, spending),
        [
            "Estimated from tracelake's ledger at list prices, some minutes",
            "old, without Athena queries. What AWS says of its bill may be a",
            "day older.",
        ],
        [f"tracelake {place.stage}, account {place.account}, {place.region}"],
    ]
    text = "\n\n".join("\n".join(lines) for lines in paragraphs if lines)
    details = {
        "usd": round(spending.usd, 2),
        "budget_usd": spending.budget_usd,
        "projected_usd": round(spending.projected_usd, 2),
        "sampled_log_groups": [plain(each.log_group, 512) for each in open_periods(plan, spending.now_ms)],
    }
    attributes = {
        "alarm": "budget",
        "stage": place.stage,
        "state": "ALARM",
        "severity": "medium",
        "telling": told[0].split()[0],
        "details": json.dumps(details, separators=(",", ":")),
    }
    return Message(subject(head, place.stage), text[:TEXT_LIMIT], plain(head, SHORT_LIMIT), attributes)


def _head(spending: Spending, first: str) -> str:
    kind, _, rest = first.partition(" ")
    spent = f"{_usd(spending.usd)} of {_usd(spending.budget_usd)}"
    if kind == "sampling":
        return f"Over budget ({spent}): log lines of {plain(rest.partition(' ')[2])} are left out"
    if kind == "ended":
        return f"Log lines of {plain(rest.partition(' ')[2])} are left out no more"
    if spending.share >= 1:
        return f"The budget of this month is spent: {spent}"
    return f"{_percent(WARN_AT)} of this month's budget is spent: {spent}"


def _happened(spending: Spending, told: Sequence[str]) -> list[str]:
    month = datetime.fromtimestamp(spending.month.start_ms / 1000, UTC)
    lines = [
        f"About {_usd(spending.usd)} of {_usd(spending.budget_usd)} is spent ({_percent(spending.share)}).",
        f"As it goes on now it will be {_usd(spending.projected_usd)} at the end of {month:%B}.",
    ]
    for each in told:
        kind, _, rest = each.partition(" ")
        at, _, group = rest.partition(" ")
        if kind == "ended":
            lines.append(f"From {_clock(int(at))} on all lines of {plain(group, NAME_LIMIT)} are kept again.")
    return lines


def _left_out(spending: Spending, plan: Plan, over_budget: OverBudget) -> list[str]:
    periods = open_periods(plan, spending.now_ms)
    if periods:
        return [
            "LEFT OUT",
            *(line for each in periods for line in _period(each, spending)),
            *([f"{spending.sampled:,} lines so far this month."] if spending.sampled else []),
            "Kept: whole traces, and every warning, error, span, request,",
            "metric and REPORT.",
            f"While the budget is exceeded, the next log group follows every {NEXT_AFTER_MS // HOUR_MS}",
            "hours if its lines of this kind are 5 % of all that comes in.",
        ]
    if over_budget == "sample" and spending.share < 1:
        return ["AT 100 %", "Nine in ten DEBUG and INFO lines of the loudest log group are left", "out."]
    if over_budget == "sample":
        return ["LEFT OUT", "Nothing: no log group has so many DEBUG and INFO lines, or it was", "switched off."]
    return ["LEFT OUT", "Nothing, and nothing will be: the setting over_budget is `tell`."]


def _period(period: Period, spending: Spending) -> list[str]:
    loud = next((each for each in spending.loud if each.log_group == period.log_group), Loud("", 0, 0))
    saved = usd_saved(loud.quiet * (1 - 1 / period.one_in)) * 30 * 24 / RECENT_HOURS
    return [
        f"- {plain(period.log_group, NAME_LIMIT)}: {period.one_in - 1} in {period.one_in} DEBUG and INFO lines",
        f"  from {_clock(period.since_ms)} to {_clock(period.until_ms)}; saves about {_usd(saved)} a month",
    ]


def _parts(spending: Spending) -> list[str]:
    parts = sorted(spending.by_part.items(), key=lambda each: -each[1])
    shown, rest = parts[:MOST_PARTS], sum(usd for _, usd in parts[MOST_PARTS:])
    return [f"- {name}: {_usd(usd)}" for name, usd in [*shown, *([("all else", rest)] if rest else [])]]


def _loud(spending: Spending) -> list[str]:
    if not spending.loud:
        return []
    lines = [f"LOUDEST LOG GROUPS (last {RECENT_HOURS} hours, of {gigabytes(spending.recent_bytes)})"]
    for each in spending.loud[:MOST_GROUPS]:
        share = _percent(each.raw / spending.recent_bytes if spending.recent_bytes else 0)
        quiet = f", {gigabytes(each.quiet)} of it DEBUG and INFO" if each.quiet else ""
        lines.append(f"- {plain(each.log_group, NAME_LIMIT)}: {gigabytes(each.raw)} ({share}){quiet}")
    return [*lines, "More: tracelake ask which_log_groups_are_loud"]


def _do(over_budget: OverBudget, plan: Plan, spending: Spending) -> list[str]:
    steps = [
        "See what it is spent on: what is deployed, and its metrics, cost the same whatever comes in.",
        "Leave out log groups that nobody asks about: `exclude`.",
        "Or raise their log level: that saves what CloudWatch takes, too.",
        "Or raise `monthly_budget_usd`, and deploy.",
    ]
    if open_periods(plan, spending.now_ms):
        steps.insert(0, "To keep all lines again, this month: tracelake budget --off")
    elif over_budget == "tell":
        steps.append("Or have DEBUG and INFO lines of the loudest left out: over_budget `sample`.")
    return ["DO", *(f"{number}. {step}" for number, step in enumerate(steps, 1)), f"More: {PAGE}"]


def _usd(amount: float) -> str:
    return f"${amount:,.2f}".removesuffix(".00")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M} UTC"

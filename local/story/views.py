"""What the story shows: tables with bars, what they mean in a sentence, a mail."""

from __future__ import annotations

import json
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from cli.trace import picture
from functions.aws.athena import Cell
from functions.core.traces.transaction import Transaction
from local.story.lake import Row
from local.story.telling import Bar, Teller

TOP_ROWS = 6
QUESTIONS: dict[str, tuple[str, ...]] = {
    "who_produces_which_traffic": (
        "customer_name",
        "plan",
        "requests",
        "share_pct",
        "error_pct",
        "p50_ms",
        "p90_ms",
        "busiest_route",
    ),
    "which_access_patterns_exist": ("route", "requests", "share_pct", "error_pct", "p90_ms", "customers", "access"),
    "which_errors_occur": ("error", "service", "occurrences", "customers", "example"),
    "what_do_customers_cost": (
        "customer_name",
        "plan",
        "invocations",
        "cost_usd",
        "price_usd",
        "margin_pct",
    ),
    "who_calls_us_wrongly": (
        "customer_name",
        "route",
        "client_errors",
        "client_error_pct",
        "not_found",
        "most_by_client",
    ),
    "which_settings_are_popular": ("setting", "value", "customers", "share_pct", "switched_to", "switched_away"),
}


def top_customers(teller: Teller, rows: list[Row]) -> RenderableType:
    """Customers by requests."""
    most = max((_number(row["requests"]) for row in rows), default=1)
    shown = [
        (
            _name(row),
            str(row["plan"]),
            str(row["region"]),
            _plain(row["requests"]),
            f"{_number(row['p90_ms']):,.0f}",
            Bar(_number(row["requests"]) / most),
        )
        for row in rows
    ]
    return teller.table(("customer", "plan", "region", "requests", "p90 ms", ""), shown, right=("requests", "p90 ms"))


def failures(teller: Teller, rows: list[Row]) -> RenderableType:
    """Customers by the share of their requests that failed."""
    shown = []
    for row in sorted(rows, key=lambda each: (-_share(each), -_number(each["requests"]))):
        share = _share(row)
        style = "red" if share else ""
        shown.append(
            (
                Text(_name(row), style=style),
                str(row["plan"]),
                str(row["region"]),
                _plain(row["requests"]),
                f"{_number(row['p90_ms']):,.0f}",
                Text(f"{share:.0%}", style=style),
                Bar(share, "red"),
            )
        )
    heads = ("customer", "plan", "region", "requests", "p90 ms", "failed", "")
    return teller.table(heads, shown, right=("requests", "p90 ms", "failed"))


def suspicion(rows: list[Row], routes: list[Row], callees: list[Row], before: list[Row]) -> list[str]:
    """What the tables say in sentences: who is hit, with what, and where; nothing where they say nothing clear."""
    lines = []
    hit = [row for row in rows if _number(row["errors"])]
    kinds = {(row["plan"], row["region"]) for row in hit}
    if len(kinds) == 1:
        ((plan, region),) = kinds
        alike = [row for row in rows if (row["plan"], row["region"]) == (plan, region)]
        every = "all" if len(alike) == len(hit) else f"{len(hit)} of {len(alike)}"
        lines.append(
            f"Who: {every} customers with plan {plan} in region {region}, and nobody else: "
            f"{', '.join(_name(row) for row in hit)}."
        )
    if routes:
        failing = ", ".join(f"{row['route']} ({_plain(row['errors'])} of {_plain(row['requests'])})" for row in routes)
        lines.append(f"What: {failing}.")
    if callees and _number(callees[0]["faults"]):
        lines.append(_where(callees, before))
    return lines


def _where(callees: list[Row], before: list[Row]) -> str:
    worst = callees[0]
    usual = next((row for row in before if row["remote_service"] == worst["remote_service"]), None)
    fine = [str(row["remote_service"]) for row in callees if not _number(row["faults"])]
    return (
        f"Where: {_plain(worst['faults'])} of {_plain(worst['calls'])} calls to {worst['remote_service']} failed, "
        f"p90 {_number(worst['p90_ms']):,.0f} ms"
        + (f" (before: {_number(usual['p90_ms']):,.0f} ms)" if usual else "")
        + (f"; calls to {', '.join(fine)} are fine." if fine else ".")
    )


def journey(teller: Teller, trace_id: str, found: Transaction) -> None:
    """One request, as `tracelake trace` shows it."""
    teller.show(Text(f"\n$ tracelake trace {trace_id} --since 1h", style="bold"))
    teller.show(picture(found, teller.blocks))


def answer(teller: Teller, question: str, rows: list[Row]) -> None:
    """A question with the first rows and the most telling columns of its answer."""
    teller.show(Text(f"\n$ tracelake ask {question} --since 1h", style="bold"))
    columns = QUESTIONS[question]
    table = [[_plain(_cell(row, name)) for name in columns] for row in rows[:TOP_ROWS]]
    columns = columns[: teller.that_fit(columns, table)]
    right = [name for name in columns if isinstance(rows[0][name], int | float)]
    teller.show(teller.table(columns, [row[: len(columns)] for row in table], right=right))
    hidden = [_more(len(rows) - TOP_ROWS, "row"), _more(len(rows[0]) - len(columns), "column")]
    teller.say(f"(not shown: {', '.join(each for each in hidden if each)})", "dim")


def _cell(row: Row, name: str) -> Cell:
    """A customer that is not on the list is shown by its id."""
    return row[name] if row[name] is not None or name != "customer_name" else row["customer"]


def _more(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}" if count > 0 else ""


def letter(teller: Teller, subject: str, message: str) -> None:
    """A message as the mail that somebody subscribed to the topic reads."""
    heads = (
        ("From", "AWS Notifications <no-reply@sns.amazonaws.com>"),
        ("To", "whoever is subscribed to the alerts"),
        ("Subject", subject),
    )
    teller.letter(heads, _body(message))


def _body(message: str) -> list[str]:
    """Paragraphs of a message: its own, or what matters of an alarm as CloudWatch writes it."""
    try:
        alarm = json.loads(message)
        changed = f"{alarm['OldStateValue']} -> {alarm['NewStateValue']} at {alarm['StateChangeTime']}"
        return [alarm["AlarmDescription"], alarm["NewStateReason"], f"{alarm['AlarmName']}: {changed}"]
    except (ValueError, KeyError, TypeError):
        return message.split("\n\n")


def _share(row: Row) -> float:
    return _number(row["errors"]) / max(1.0, _number(row["requests"]))


def _name(row: Row) -> str:
    return str(row["name"] or row["tenant"])


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%H:%M:%S}"
    if isinstance(cell, float):
        if 0 < abs(cell) < 0.05:
            return f"{cell:.2g}"
        return f"{cell:,.1f}".removesuffix(".0")
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)

"""Writes the generated tables of README and docs: ``python -m docs.generate`` (``--check`` only tells what is stale).

A generated block stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``, in SQL between
``-- generated: NAME`` and ``-- end``, in Python ``# generated: NAME by make docs`` and ``# end``; NAME is a key of
``BLOCKS``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from cli import price
from docs.alert_examples import messages
from functions.core import questions, views
from functions.core.cost import at_rest, by_volume, calls
from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.at_rest import Line
from functions.core.cost.prices import PRICES
from functions.core.incidents.rules import RULES
from functions.core.incidents.wording import threshold
from functions.core.schema import JSON, LISTS, TABLES, Column
from functions.core.sources import SOURCES
from local import differences
from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    # first: other pages show what the question's file says
    "sql/questions/what_does_a_feature_cost.sql",
    "sql/questions/what_does_tracelake_cost.sql",
    "sql/questions/who_uses_costly_features.sql",
    "stacks/budget.py",
    "README.md",
    "docs/data_dictionary.md",
    "docs/settings.md",
    "docs/sources.md",
    "docs/cost.md",
    "docs/alarms.md",
    "docs/alerts.md",
    "docs/local_run.md",
)
_BLOCK = re.compile(
    r"((?:<!--|[ ]*--|#) generated: (\w+)(?: -->| by make docs)?\n).*?((?:<!--|[ ]*--|#) end\b)", re.DOTALL
)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _column(column: Column) -> tuple[str, str, str]:
    return f"`{column.name}`", f"`{column.athena_type}`" + (", JSON" if column.type == JSON else ""), column.doc


def data_dictionary() -> str:
    """Every table, list and view of the lake with its columns."""
    return "\n".join(
        f"## {table.name}\n\n{table.doc}\n\n"
        + _table(("column", "type", "meaning"), (_column(c) for c in table.columns))
        for table in (*TABLES.values(), *LISTS.values(), *views.load_all().values())
    )


def question_table() -> str:
    """The named queries with the telemetry each needs."""
    return _table(
        ("question", "`tracelake ask`", "needs"),
        ((q.title, f"`{q.name}`", q.needs) for q in questions.load_all().values()),
    )


def source_table() -> str:
    """The input formats with the tables that each fills."""
    return _table(
        ("source", "reads", "recognised by", "tables"),
        (
            (f"`{source.name}`", source.reads, source.recognised, ", ".join(f"`{table}`" for table in source.tables))
            for source in SOURCES
        ),
    )


def settings_table() -> str:
    """The keys of cdk.json's `tracelake` context."""
    return _table(
        ("key", "default", "meaning"),
        ((f"`{f.name}`", f"`{getattr(Settings(), f.name)!r}`", f.metadata["doc"]) for f in fields(Settings)),
    )


@cache
def _templates() -> dict[str, dict[str, Any]]:
    return price.synthesise()


@cache
def _at_rest() -> tuple[Line, ...]:
    return tuple(at_rest.lines(_templates()))


def charges() -> str:
    """The price list of the pipeline as rows of an SQL VALUES list."""
    return ",\n".join(f"        {row}" for row in by_volume.sql_values()) + "\n"


def call_prices() -> str:
    """What calls of services of AWS cost, as rows of an SQL VALUES list."""
    return ",\n".join(f"        {row}" for row in calls.sql_values()) + "\n"


def rest() -> str:
    """What an installation with the defaults costs a month in use, whatever comes in."""
    return f"DEFAULT_REST_USD = {price.months(_templates())[0]['deployed']}\n"


def cost_summary() -> str:
    """What a reader wants to know first: at rest, in use, by volume."""
    at_list, after_free = at_rest.total(list(_at_rest()))
    months = {row["raw_gb"]: row["usd"] for row in price.months(_templates())}
    rows = [
        ("at rest, a month", f"${after_free:.2f} (${at_list:.2f} where the account's free metrics are used up)"),
        *((f"{gb:,} GB of raw telemetry a month, around the clock", f"${months[gb]:.2f}") for gb in (10, 100, 1000)),
        ("one more GB, where batches are full", f"${by_volume.usd_per_gigabyte():.4f}"),
        ("a million more requests of your application", f"${by_volume.usd_per_million_requests():.2f}"),
    ]
    return _table((f"{PRICES.region}, list prices of {PRICES.as_of}", "all of it"), rows)


def cost_at_rest() -> str:
    """Every line of the templates' price."""
    lines = list(_at_rest())
    total = ("**a month**", "", "", "", *(f"**{usd:.2f}**" for usd in at_rest.total(lines)))
    return _table(
        ("resource", "billed by", "quantity", "$ each", "$ a month", "$ after free"),
        [
            *(
                (
                    f"{line.stack.rsplit('-', 1)[-1]}: {line.resource}",
                    PRICES.prices[line.price].per,
                    f"{line.quantity:,.2f}".rstrip("0").rstrip("."),
                    _decimal(line.usd_each),
                    f"{line.usd:.4f}",
                    f"{line.usd_after_free:.4f}",
                )
                for line in lines
            ),
            total,
        ],
    )


def cost_by_month() -> str:
    """What a month costs by the gigabytes of raw telemetry in it."""
    months = price.months(_templates())
    return _table(
        tuple(
            f"{name} $".replace("raw_gb $", "GB raw").replace("usd $", "all $").replace("_", " ") for name in months[0]
        ),
        [tuple(f"{value:,}" for value in row.values()) for row in months],
    )


def cost_occasional() -> str:
    """What happens now and then."""
    return _table(("for", "$"), ((what, _decimal(usd)) for what, usd in by_volume.occasional().items()))


def prices() -> str:
    """The price table with its sources."""
    return _table(
        ("price", "$", "for one", "free a month", "source"),
        (
            (f"`{name}`", _decimal(p.usd), p.per, f"{p.free_a_month:,.0f}" if p.free_a_month else "", p.source)
            for name, p in PRICES.prices.items()
        ),
    )


def assumptions() -> str:
    """What is assumed where neither template nor ledger say it."""
    at_rest_rows = [
        (f"`{name}`", f"{f.seconds} s, {len(f.metrics)} metrics a run" if f.seconds else "no run at rest", f.why)
        for name, f in ASSUMED.at_rest.functions.items()
    ]
    load = [
        (f"`{name}`", f"{value:,}", "")
        for name, value in msgspec.structs.asdict(ASSUMED.load).items()
        if isinstance(value, int | float)
    ]
    return _table(("assumption", "value", "why"), [*at_rest_rows, *load])


def _decimal(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def alarm_table() -> str:
    """The alarms with their thresholds and reasons."""
    return _table(
        ("alarm", "goes off at", "floor", "why there", "severity", "told by", "$ a month", "what to do"),
        (
            (
                f"`{name}`" + ("" if rule.default else " (not by default)"),
                f"{threshold(rule)}, {rule.beyond} of {rule.of} x {rule.minutes} min",
                rule.floor,
                rule.reason,
                rule.severity,
                "notify" if rule.told == "notify" else "CloudWatch",
                f"{rule.usd:.2f}",
                f"[{rule.title}](runbooks/{rule.runbook}.md)",
            )
            for name, rule in RULES.items()
        ),
    )


def difference_table() -> str:
    """What the local run does not do as AWS does, and what proves it instead."""
    return _table(
        ("type", "properties", "here", "so", "proved by"),
        (
            (
                f"`{each.type}`",
                ", ".join(f"`{name}`" for name in each.properties) or "all",
                f"{each.here} by `{each.by}`" if each.by else each.here,
                each.means,
                ", ".join(f"[{Path(proof).stem}](../{proof})" for proof in each.proof),
            )
            for each in sorted(differences.load(), key=lambda each: (each.type, each.properties))
        ),
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "alarms": alarm_table,
    "alert_examples": messages,
    "assumptions": assumptions,
    "call_prices": call_prices,
    "charges": charges,
    "cost_at_rest": cost_at_rest,
    "cost_by_month": cost_by_month,
    "cost_occasional": cost_occasional,
    "cost_summary": cost_summary,
    "data_dictionary": data_dictionary,
    "differences": difference_table,
    "prices": prices,
    "questions": question_table,
    "rest": rest,
    "settings": settings_table,
    "sources": source_table,
}


def render(text: str) -> str:
    """The page with its generated blocks made anew; ``KeyError`` where a block's name is unknown."""
    return _BLOCK.sub(lambda m: f"{m[1]}{BLOCKS[m[2]]()}{m[3]}", text)


def main(check: bool) -> int:
    stale = []
    for name in PAGES:
        page = ROOT / name
        before = page.read_text()
        after = render(before)
        if after != before:
            stale.append(name)
            if not check:
                page.write_text(after)
    if stale:
        sys.stdout.write(f"{'stale' if check else 'written'}: {', '.join(stale)}\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv))

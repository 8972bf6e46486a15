"""Tables of what features cost and of who uses the costly ones, from rows of the questions that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functions.core.widgets.page import WidgetContext
from functions.core.widgets.parts import UNKNOWN, Column, bars, customer, name_of, table

Row = Mapping[str, Any]


def draw(rows: Sequence[Row], context: WidgetContext, title: str = "Feature") -> str:
    """Rows of `what_does_a_feature_cost`: cost with the part of it that failed requests took in red."""
    longest = max((row["cost_usd"] for row in rows), default=0) or 1
    columns = [
        Column(title, max(110, min(round(context.width * 0.34), 300)), css="tl-name"),
        Column("Cost"),
        Column("Share", 66, 520),
        Column("Requests", 84, 640),
        Column("Per 1,000", 96, hint="what a thousand requests cost on average"),
        Column("Wasted", 84, 520, hint="what requests cost that failed"),
    ]
    drawn = []
    for row in rows:
        cost, failed = row["cost_usd"], row["failed_usd"]
        parts = [("", 100 * (cost - failed) / longest), ("tl-failed", 100 * failed / longest)]
        drawn.append(
            [
                name_of(str(row["feature"]), "none"),
                f'<div class="tl-meter">{bars(parts)}<span class="tl-money">{_dollars(context, cost)}</span></div>',
                UNKNOWN if row["share_pct"] is None else context.percent(row["share_pct"]),
                context.number(row["requests"]),
                _dollars(context, row["usd_per_thousand"]),
                f'<span class="{"tl-bad" if failed else "tl-quiet"}">{_dollars(context, failed)}</span>',
            ]
        )
    return table(context, columns, drawn)


def draw_routes(rows: Sequence[Row], context: WidgetContext) -> str:
    """The same rows, asked by route."""
    return draw(rows, context, "Route")


def draw_customers(rows: Sequence[Row], context: WidgetContext) -> str:
    """Rows of `who_uses_costly_features`."""
    columns = [
        Column("Customer", max(100, min(round(context.width * 0.26), 240)), css="tl-name"),
        Column("Feature", css="tl-left tl-name"),
        Column("Cost", 92),
        Column("Per 1,000", 96, 520, hint="what a thousand requests cost on average"),
        Column("Of usual", 84, 640, hint="what a request costs, against the average of all customers"),
        Column("Of its price", 92, 400, hint="share of the price for this time range"),
    ]
    drawn = [
        [
            customer(str(row["customer"]), row["customer_name"], "none"),
            name_of(str(row["feature"]), "none"),
            _dollars(context, row["cost_usd"]),
            _dollars(context, row["usd_per_thousand"]),
            UNKNOWN if row["times_usual"] is None else f"{context.number(row['times_usual'], 1)} \u00d7",
            UNKNOWN if row["pct_of_price"] is None else context.percent(row["pct_of_price"]),
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _dollars(context: WidgetContext, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return ("\u2212" if value < 0 else "") + context.dollars(abs(value)).replace("<", "&lt;")

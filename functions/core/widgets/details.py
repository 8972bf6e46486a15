"""What a click shows: routes, features and errors of a customer, customers of a route, the last lines of an error with
what was deployed meanwhile, log lines that hold something, one request with all that it caused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.core.questions import Value
from functions.core.traces.shown import named
from functions.core.widgets import transaction, unit_cost
from functions.core.widgets.page import WidgetContext, note, page, text
from functions.core.widgets.parts import UNKNOWN, Column, customer, failed, meter, name_of, table, typed

Row = Mapping[str, Any]

MOST_ROWS = 15
MOST_LINES = 50
MOST_DEPLOYMENTS = 5
MOST_SLOW = 8


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a detail: a named question with its parameters, and how its rows are shown."""

    title: str
    question: str
    params: Mapping[str, Value]
    table: str


@dataclass(frozen=True, slots=True)
class Detail:
    """What is shown of one thing."""

    title: str
    sections: Sequence[Section]


def of_customer(event: Mapping[str, Any]) -> Detail:
    """A customer: what it calls, which features it uses, and what fails for it."""
    tenant, name = (str(event.get(key) or "") for key in ("customer", "name"))
    return Detail(
        f"{name} ({tenant})" if name else tenant,
        (
            Section(
                "What it calls",
                "which_access_patterns_exist",
                {"tenant": tenant, "top": MOST_ROWS},
                "routes",
            ),
            Section(
                "Which features it uses",
                "which_features_are_popular",
                {"tenant": tenant, "top": MOST_ROWS},
                "features",
            ),
            Section("What fails", "which_errors_occur", {"tenant": tenant, "top": MOST_ROWS}, "errors"),
        ),
    )


def of_route(event: Mapping[str, Any]) -> Detail:
    """A route: who calls it, and its slowest requests with what made them slow."""
    service, route = (str(event.get(name) or "") for name in ("service", "route"))
    params: dict[str, Value] = {"service": service, "route": route, "top": MOST_ROWS}
    slow: dict[str, Value] = {"name": route, "top": MOST_SLOW}
    return Detail(
        route,
        (
            Section("Who calls it", "who_produces_which_traffic", params, "customers"),
            Section("Its slowest requests, of hours that are over", "which_requests_were_slow", slow, "slow"),
        ),
    )


def of_error(event: Mapping[str, Any]) -> Detail:
    """An error: where it occurred last, and what was deployed meanwhile."""
    params: dict[str, Value] = {"fingerprint": str(event.get("fingerprint") or ""), "top": MOST_ROWS}
    return Detail(
        str(event.get("error") or "Error"),
        (
            Section("Where it occurred last", "when_did_this_error_occur", params, "lines"),
            Section("What was deployed meanwhile", "what_was_deployed", {"top": MOST_DEPLOYMENTS}, "deployments"),
        ),
    )


def of_log_lines(event: Mapping[str, Any]) -> Detail:
    """Log lines: those that hold what was typed into the widget ``find_log_lines``."""
    wanted = {name: typed(event, name) for name in ("text", "trace", "tenant", "level")}
    title = " \u00b7 ".join(filter(None, wanted.values())) or "Any line"
    return Detail(title, (Section("Latest log lines", "find_log_lines", {**wanted, "top": MOST_LINES}, "found"),))


def of_request(event: Mapping[str, Any]) -> Detail:
    """One request with all that it caused: the one whose trace or request id was typed into the same widget."""
    trace = typed(event, "trace")
    return Detail(trace or "No id", (Section("What happened", "what_happened", {"id": trace}, "transaction"),))


def of_unit_cost(_event: Mapping[str, Any]) -> Detail:
    """What features and routes cost, and who uses the costly ones."""
    params: dict[str, Value] = {"top": MOST_ROWS}
    return Detail(
        "What features cost",
        (
            Section("By feature, in hours that are over", "what_does_a_feature_cost", params, "costs"),
            Section("By route", "what_does_a_feature_cost", {**params, "by": "route"}, "route_costs"),
            Section("Who uses the costly ones", "who_uses_costly_features", params, "costly"),
        ),
    )


DETAILS = {
    "customer": of_customer,
    "route": of_route,
    "error": of_error,
    "log_lines": of_log_lines,
    "request": of_request,
    "unit_cost": of_unit_cost,
}


def render(detail: Detail, rows: Sequence[Sequence[Row]], context: WidgetContext) -> str:
    """The detail as HTML, from the rows of each section."""
    head = (
        f'<div class="tl-sum"><span><b><bdi>{text(detail.title)}</bdi></b></span>'
        f'<span class="tl-when">{text(context.period())}</span></div>'
    )
    drawn = [
        f"<h3>{section.title}</h3>{_TABLES[section.table](found, context) if found else _NOTHING}"
        for section, found in zip(detail.sections, rows, strict=True)
    ]
    return page(context, head + "".join(drawn))


def failure(context: WidgetContext, reason: str, question: str) -> str:
    """What Athena said, and what to try."""
    return note(
        context,
        "That could not be read",
        f"<pre>{text(reason, 1000)}</pre><p>Try a shorter time range, or click again. "
        f"<code>tracelake ask {question}</code> asks the same without a widget\u2019s time limit.</p>",
    )


_NOTHING = '<div class="tl-foot">Nothing in this time range.</div>'


def _traffic(rows: Sequence[Row], context: WidgetContext, title: str, column: str) -> str:
    longest = max(_whole(row["requests"]) for row in rows) or 1
    digits = len(context.number(longest))
    columns = [
        Column(title, max(110, min(round(context.width * 0.34), 300)), css="tl-name"),
        Column("Requests"),
        Column("Failed", 72),
        Column("p90", 76, 400),
    ]
    drawn = []
    for row in rows:
        requests, pct = _whole(row["requests"]), float(row["error_pct"] or 0)
        errors = requests * pct / 100
        parts = [("", 100 * (requests - errors) / longest), ("tl-failed", 100 * errors / longest)]
        p90 = row.get("p90_ms")
        drawn.append(
            [
                customer(_name(row[column]), row.get("customer_name"), "none"),
                meter(context, requests, parts, digits),
                failed(context, round(errors), requests),
                context.duration(float(p90)) if isinstance(p90, (int, float)) else UNKNOWN,
            ]
        )
    return table(context, columns, drawn)


def _routes(rows: Sequence[Row], context: WidgetContext) -> str:
    return _traffic(rows, context, "Route", "route")


def _customers(rows: Sequence[Row], context: WidgetContext) -> str:
    return _traffic(rows, context, "Customer", "customer")


def _features(rows: Sequence[Row], context: WidgetContext) -> str:
    longest = max(_whole(row["uses"]) for row in rows) or 1
    digits = len(context.number(longest))
    columns = [
        Column("Feature", max(110, min(round(context.width * 0.34), 300)), css="tl-name"),
        Column("Uses", hint="usage events, and requests of its routes"),
        Column("Users", 72),
        Column("Last", 104, 400),
    ]
    drawn = [
        [
            name_of(_name(row["feature"]), "none"),
            meter(context, _whole(row["uses"]), [("", 100 * _whole(row["uses"]) / longest)], digits),
            context.number(_whole(row["users"])),
            _time(row["last_used"], context),
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _errors(rows: Sequence[Row], context: WidgetContext) -> str:
    columns = [
        Column("Error", 0, css="tl-name tl-tall"),
        Column("Times", 72, css="tl-tall"),
        Column("Last", 104, 400, css="tl-tall"),
    ]
    drawn = [
        [
            f"<b>{name_of(_name(row['error']), 'error')}</b> "
            f'<span class="tl-quiet">in {text(row["service"] or "", 60)}</span>'
            f'<span class="tl-two"><bdi>{text(row["example"] or "")}</bdi></span>',
            context.number(_whole(row["occurrences"])),
            _time(row["last_seen"], context),
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _lines(rows: Sequence[Row], context: WidgetContext) -> str:
    columns = [
        Column("Time", 104, css="tl-tall"),
        Column("Customer", 120, 480, css="tl-left tl-name tl-tall"),
        Column("Service", 120, 640, css="tl-left tl-name tl-tall"),
        Column("Message", 0, css="tl-left tl-wrap tl-tall"),
    ]
    drawn = [
        [
            _time(row["time"], context),
            customer(str(row["tenant"] or ""), row["customer_name"], "none"),
            name_of(str(row["service"] or ""), "none"),
            f'<bdi>{text(row["message"] or "", 400)}</bdi><span class="tl-two">{_ids(row, context)}</span>',
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _found(rows: Sequence[Row], context: WidgetContext) -> str:
    return _lines([{**row, "message": f"{row['level'] or ''} {row['line'] or ''}".strip()} for row in rows], context)


def _slow(rows: Sequence[Row], context: WidgetContext) -> str:
    columns = [
        Column("Time", 104, css="tl-tall"),
        Column("Customer", 130, 480, css="tl-left tl-name tl-tall"),
        Column("Answered", 84, css="tl-tall"),
        Column("Likely cause", 0, css="tl-left tl-wrap tl-tall"),
    ]
    drawn = [
        [
            _time(row["time"], context),
            customer(str(row["tenant"] or ""), row["customer_name"], "none"),
            _answered(row, context),
            f"<b>{name_of(named(str(row['cause'] or '')), 'nobody')}</b> "
            f"<bdi>{text(row['cause_reason'] or '', 200)}</bdi>"
            f'<span class="tl-two">trace {text(row["trace_id"], 64)}</span>',
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _answered(row: Row, context: WidgetContext) -> str:
    css = "tl-bad" if row["status"] == "failed" else ""
    ms = row["answered_ms"]
    return f'<span class="{css}">{text(context.duration(float(ms)) if isinstance(ms, (int, float)) else "")}</span>'


def _deployments(rows: Sequence[Row], context: WidgetContext) -> str:
    columns = [
        Column("Time", 104, css="tl-tall"),
        Column("Deployed", 0, css="tl-left tl-name tl-tall"),
        Column("Commit", 100, 480, css="tl-left tl-tall"),
        Column("By", 140, 640, css="tl-left tl-name tl-tall"),
    ]
    drawn = [
        [
            _time(row["ended"], context),
            f"<b>{name_of(str(row['what'] or ''), 'none')}</b> {_outcome(row)}"
            f'<span class="tl-two"><bdi>{text(_said(row), 300)}</bdi></span>',
            text(row["commit_sha"] or row["service_version"] or "", 10),
            name_of(str(row["actors"] or ""), "unknown"),
        ]
        for row in rows
    ]
    return table(context, columns, drawn)


def _said(row: Row) -> str:
    return str(row["reason"] or row["changes"] or row["services"] or "")


def _outcome(row: Row) -> str:
    css = "tl-bad" if row["status"] == "failed" else "tl-quiet"
    return f'<span class="{css}">{text(row["status"] or "", 20)}</span>'


def _ids(row: Row, context: WidgetContext) -> str:
    named = [("request", row["request_id"])]
    named += [("trace", row["trace_id"])] if context.width >= 640 else []
    return " \u00b7 ".join(f"{name} {text(value, 64)}" for name, value in named if value)


_TABLES = {
    "routes": _routes,
    "customers": _customers,
    "errors": _errors,
    "features": _features,
    "lines": _lines,
    "found": _found,
    "deployments": _deployments,
    "slow": _slow,
    "transaction": transaction.draw,
    "costs": unit_cost.draw,
    "route_costs": unit_cost.draw_routes,
    "costly": unit_cost.draw_customers,
}


def _time(value: object, context: WidgetContext) -> str:
    return text(context.clock(value)) if isinstance(value, datetime) else UNKNOWN


def _name(value: object) -> str:
    return "" if value in (None, "(unknown)") else str(value)


def _whole(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) else 0

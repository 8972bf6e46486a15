"""The pieces that widgets are made of: summary line, table, bars, actions. All text that goes in is escaped here."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.core.widgets.hours import Hours
from functions.core.widgets.page import WidgetContext, text

WARN_PCT, BAD_PCT = 1.0, 5.0
UNKNOWN = '<span class="tl-quiet">\u2013</span>'


@dataclass(frozen=True, slots=True)
class View:
    """Where and of what a widget is drawn; ``endpoint`` is the function that its actions call, empty for none."""

    context: WidgetContext
    hours: Hours
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: ``width`` in pixels, 0 takes what is left; it is left out below ``from_width``."""

    title: str
    width: int = 0
    from_width: int = 0
    css: str = ""
    hint: str = ""


def action(view: View, label: str, css: str, params: Mapping[str, Any], display: str = "popup") -> str:
    """An element (``label`` is HTML) that calls the function when it is clicked
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html)."""
    if not view.endpoint:
        return f"<span>{label}</span>"
    body = html.escape(json.dumps(params), quote=True)
    return (
        f'<a class="{css}">{label}</a>'
        f'<cwdb-action action="call" display="{display}" endpoint="{text(view.endpoint)}">{body}</cwdb-action>'
    )


def typed(event: Mapping[str, Any], name: str) -> str:
    """What stands in a field of the widget's form, or in its parameter."""
    forms = (event.get("widgetContext") or {}).get("forms") or {}
    found = (forms.get("all") or {}).get(name)
    return str(found if found is not None else event.get(name) or "")[:100].strip()


def field(name: str, label: str, value: str = "") -> str:
    """A field of a form."""
    return (
        f'<input type="text" name="{name}" value="{text(value)}" placeholder="{label}" aria-label="{label}" '
        'maxlength="100">'
    )


def summary(view: View, *parts: str) -> str:
    """The first line: some numbers (HTML), and the time they are of."""
    shown = "".join(f"<span>{part}</span>" for part in parts if part)
    when = f'<span class="tl-when">{text(view.hours.words(view.context))}</span>'
    return f'<div class="tl-sum">{shown}{when}</div>'


def table(context: WidgetContext, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells (HTML), without the columns that there is no room for."""
    kept = [number for number, column in enumerate(columns) if context.width >= column.from_width]
    head = "".join(_head(columns[number]) for number in kept)
    body = "".join(f"<tr>{''.join(_cell(columns[n], row[n]) for n in kept)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def bars(parts: Iterable[tuple[str, float]]) -> str:
    """A bar of parts: CSS class and percentage of the whole width each."""
    drawn = "".join(f'<div class="tl-bar {css}" style="width:{pct:.2f}%"></div>' for css, pct in parts if pct > 0)
    return f'<div class="tl-track">{drawn}</div>'


def meter(context: WidgetContext, value: int, parts: Iterable[tuple[str, float]] | None, digits: int) -> str:
    """A number with a bar before it, or with none; ``digits`` is the width of the longest number of the column."""
    number = f'<span style="min-width:{digits * 0.58 + 0.2:.1f}em">{context.number(value)}</span>'
    bar = bars(parts) if parts is not None else '<div style="flex:1"></div>'
    return f'<div class="tl-meter">{bar}{number}</div>'


def trend(values: Sequence[int]) -> str:
    """Bars by hour, as high as the highest; nothing for a single hour."""
    highest = max(values, default=0)
    if len(values) < 2 or highest == 0:
        return ""
    drawn = "".join(
        f'<rect x="{number + 0.1:g}" y="{18 - height:.2f}" width="0.8" height="{height:.2f}"></rect>'
        for number, value in enumerate(values)
        if (height := max(1.5, 18 * value / highest) if value else 0)
    )
    return f'<svg class="tl-trend" viewBox="0 0 {len(values)} 18" preserveAspectRatio="none">{drawn}</svg>'


def failed(context: WidgetContext, errors: int, requests: int) -> str:
    """The share that failed, in a colour that says how bad that is."""
    pct = 100 * errors / requests if requests else 0.0
    return f'<span class="{severity(errors, requests)}">{context.percent(pct)}</span>'


def severity(errors: int, requests: int) -> str:
    """CSS class of a share of errors."""
    pct = 100 * errors / requests if requests else 0.0
    if pct >= BAD_PCT:
        return "tl-bad"
    if pct >= WARN_PCT:
        return "tl-warn"
    return "" if errors else "tl-quiet"


def name_of(name: str, unknown: str) -> str:
    """A name from outside, kept in its place whatever direction it is written in."""
    if not name:
        return f'<span class="tl-quiet">{unknown}</span>'
    return f'<bdi title="{text(name)}">{text(name)}</bdi>'


def customer(tenant: str, name: object, unknown: str) -> str:
    """A customer by the name on the list, with the id to be seen by pointing at it; by the id where it has none."""
    if not (name and tenant):
        return name_of(tenant, unknown)
    return f'<bdi title="{text(tenant)}">{text(name)}</bdi>'


def plural(context: WidgetContext, count: int, word: str, prefix: str = "") -> str:
    """``<b>3</b> customers``."""
    return f"{prefix}<b>{context.number(count)}</b> {word}{'' if count == 1 else 's'}"


def _head(column: Column) -> str:
    width = f' style="width:{column.width}px"' if column.width else ""
    css = ' class="tl-left"' if "tl-left" in column.css else ""
    hint = f' title="{text(column.hint)}"' if column.hint else ""
    return f"<th{css}{width}{hint}>{column.title}</th>"


def _cell(column: Column, content: str) -> str:
    return f'<td class="{column.css}">{content}</td>' if column.css else f"<td>{content}</td>"

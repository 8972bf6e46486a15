"""The widget of the top customers: a row each with a bar, the part of it that failed in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.core.widgets.page import WidgetContext, note, page, text

WARN_PCT, BAD_PCT = 1.0, 5.0

DOCS = """## Top customers

The customers with the most requests in the dashboard's time range: how many requests and which share of all, how many
of them failed (HTTP 5xx), and the latency that 90 % of them stay under.

It answers the same as `tracelake ask who_produces_which_traffic`, from the table `traffic`.

**Parameters**

| name | meaning | default |
|---|---|---|
| `top` | how many customers get a row of their own | 20 |
| `service` | only requests of this service | all |

```yaml
top: 20
service: ""
```
"""


@dataclass(frozen=True, slots=True)
class Customer:
    """One row of the question who_produces_which_traffic; ``p90_ms`` is ``None`` where no latency is known."""

    name: str
    requests: int
    errors: int
    p90_ms: float | None


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns there is room for, and the width of the name in pixels; the bars take what is left."""

    share: bool
    p90: bool
    name: int


def render(customers: Sequence[Customer], top: int, context: WidgetContext, *, complete: bool = True) -> str:
    """The widget as HTML: the first ``top`` customers in the order given, and one row for all others together.

    ``complete`` is false where there are more customers than are given.
    """
    if not customers:
        return empty(context)
    total = sum(each.requests for each in customers)
    failed = sum(each.errors for each in customers)
    shown, others = customers[:top], customers[top:]
    columns = _fitting(context.width)
    longest = max(each.requests for each in shown)
    digits = len(context.number(max(longest, sum(each.requests for each in others))))
    rows = [_row(each, f'<td class="tl-name">{_name(each.name)}</td>', total, longest, digits, columns, context)
            for each in shown]  # fmt: skip
    if others:
        rest = Customer("", sum(each.requests for each in others), sum(each.errors for each in others), None)
        label = f"{context.number(len(others))} other{_s(len(others))}"
        rows.append(_row(rest, f'<td class="tl-name tl-quiet">{label}</td>', total, 0, digits, columns, context))
    return page(
        context,
        f'<div class="tl-sum"><span><b>{context.number(total)}</b> request{_s(total)}</span>'
        f"<span>{'' if complete else 'of the top '}<b>{context.number(len(customers))}</b> "
        f"customer{_s(len(customers))}</span>"
        f"<span><b{_alarm(failed, total)}>{context.percent(100 * failed / total)}</b> failed</span>"
        f'<span class="tl-when">{text(context.period())}</span></div>'
        f"<table>{_head(columns)}<tbody>{''.join(rows)}</tbody></table>",
    )


def empty(context: WidgetContext) -> str:
    """Why there may be nothing to show, and what to do about it."""
    return note(
        context,
        "No requests in this time range",
        f"<p>{text(context.period())}</p><ul>"
        "<li>Requests come from access logs of API Gateway, written as JSON, with the customer in a field that "
        "<code>tenant_keys</code> names, or from <code>webhook</code> events.</li>"
        "<li>Their log group must be subscribed: the function <code>subscribe-log-groups</code> lists those that "
        "cannot be, with the reason.</li>"
        "<li>Rows appear about half a minute after the request. If there were none for longer, choose a longer time "
        "range.</li></ul>",
    )


def failure(context: WidgetContext, reason: str) -> str:
    """What Athena said, and what to try."""
    return note(
        context,
        "The customers could not be read",
        f"<pre>{text(reason, 1000)}</pre><p>Try a shorter time range, or refresh the widget. "
        "<code>tracelake ask who_produces_which_traffic</code> runs the same query without this widget\u2019s time "
        "limit.</p>",
    )


def _fitting(width: int) -> _Columns:
    return _Columns(share=width >= 520, p90=width >= 400, name=max(110, min(round(width * 0.29), 280)))


def _head(columns: _Columns) -> str:
    widths = [("Customer", columns.name), ("Requests", 0)]
    widths += [("Share", 66)] if columns.share else []
    widths += [("Failed", 72)]
    widths += [("p90", 76)] if columns.p90 else []
    cells = "".join(f'<th style="width:{px}px">{name}</th>' if px else f"<th>{name}</th>" for name, px in widths)
    return f"<thead><tr>{cells}</tr></thead>"


def _row(
    customer: Customer, name: str, total: int, longest: int, digits: int, columns: _Columns, context: WidgetContext
) -> str:
    error_pct = 100 * customer.errors / customer.requests if customer.requests else 0.0
    cells = [name, f"<td>{_meter(customer, longest, digits, context)}</td>"]
    if columns.share:
        cells.append(f"<td>{context.percent(100 * customer.requests / total)}</td>")
    quiet = "" if customer.errors else ' class="tl-quiet"'
    cells.append(f"<td{_alarm(customer.errors, customer.requests) or quiet}>{context.percent(error_pct)}</td>")
    if columns.p90:
        known = context.duration(customer.p90_ms) if customer.p90_ms is not None else "\u2013"
        cells.append(f"<td>{known}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _meter(customer: Customer, longest: int, digits: int, context: WidgetContext) -> str:
    """The number of requests and a bar of it; no bar where it would have no common measure with the others."""
    number = f'<span style="min-width:{digits * 0.58 + 0.2:.1f}em">{context.number(customer.requests)}</span>'
    if not longest:
        return f'<div class="tl-meter"><div style="flex:1"></div>{number}</div>'
    failed = 100 * customer.errors / longest
    fine = 100 * (customer.requests - customer.errors) / longest
    bars = f'<div class="tl-bar" style="width:{fine:.2f}%"></div>'
    if failed:
        bars += f'<div class="tl-bar tl-failed" style="width:{failed:.2f}%"></div>'
    return f'<div class="tl-meter"><div class="tl-track">{bars}</div>{number}</div>'


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _name(name: str) -> str:
    if name == "(unknown)":
        return '<span class="tl-quiet">no customer</span>'
    return f'<bdi title="{text(name)}">{text(name)}</bdi>'


def _alarm(errors: int, requests: int) -> str:
    pct = 100 * errors / requests if requests else 0.0
    if pct >= BAD_PCT:
        return ' class="tl-bad"'
    return ' class="tl-warn"' if pct >= WARN_PCT else ""

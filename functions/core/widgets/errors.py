"""The widget of the errors: log lines of the same cause are one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from functions.core.customers.listing import NOBODY, Names
from functions.core.ranked import Failures, Key
from functions.core.summaries import Errors
from functions.core.widgets.page import note, page, text
from functions.core.widgets.parts import Column, View, action, name_of, plural, summary, table, trend

NEW_HOURS = 24
"""An error that did not occur for so long before the time range is new."""

DOCS = """## Errors

Error lines of all services, grouped by fingerprint: lines of the same exception, the same message but for ids, numbers
and quoted text, and the same place in the code are one row. *New* is what did not occur in the 24 hours before the time
range. A click on an error shows its latest occurrences, and what was deployed meanwhile.

It is drawn from summaries that `compact` keeps, by whole hours, so it costs no query; a click asks Athena.

| parameter | meaning | default |
|---|---|---|
| `widget` | `errors` | |
| `top` | how many get a row of their own, at most 200 | 20 |
| `service` | only this service | all |

```yaml
widget: errors
top: 20
```
"""


def render(
    hours: Sequence[Errors],
    before: set[Key] | None,
    view: View,
    *,
    top: int = 20,
    service: str = "",
    names: Names = NOBODY,
) -> str:
    """The widget as HTML. ``hours`` are the summaries of the range in order, ``before`` the errors of the 24 hours
    before it, ``None`` where nothing is known of them."""
    context, merged = view.context, Errors()
    for each in hours:
        merged.merge(each)
    ranked = [(key, value) for key, value in merged.groups.ranked() if not service or key[1] == service]
    if not ranked:
        return empty(view, service)
    shown, rest = ranked[:top], ranked[top:]
    others = sum(value.count for _, value in rest) + (0 if service else merged.groups.others.count)
    total = sum(value.count for _, value in shown) + others
    trends = [{key: value.count for key, value in each.groups.entries.items()} for each in hours]
    fresh = {key for key, _ in ranked if before is not None and key not in before}
    known = names.of({tenant for _, value in shown for tenant in value.tenants})
    called = {tenant: customer.name for tenant, customer in known.items()}
    rows = [_row(view, key, value, trends, called, new=key in fresh) for key, value in shown]
    head = summary(
        view,
        plural(context, total, "error line"),
        plural(context, len(ranked), "kind", "at least " if merged.groups.other_keys else ""),
        f'<b class="tl-warn">{context.number(len(fresh))}</b> new' if fresh else "",
    )
    foot = ""
    if others:
        foot = f'<div class="tl-foot">and {context.number(others)} lines of other kinds</div>'
    return page(context, head + table(context, _COLUMNS, rows) + foot)


def empty(view: View, service: str = "") -> str:
    """No errors: good, or not seen."""
    of = f" of {text(service)}" if service else ""
    return note(
        view.context,
        "No errors in this time range",
        f"<p>{text(view.hours.words(view.context))}{of}</p><p>No subscribed log group had a line of level ERROR or "
        "FATAL or an uncaught exception. If there should be one, look at the widget <b>Subscriptions</b> of the "
        "pipeline\u2019s dashboard: a log group that is not subscribed is not read.</p>",
    )


_COLUMNS = (
    Column("Error", 0, css="tl-name tl-tall"),
    Column("By hour", 120, 640, css="tl-tall"),
    Column("Lines", 76, css="tl-tall"),
    Column("Customers", 92, 420, css="tl-tall", hint="customers named in these lines"),
    Column("First", 96, 760, css="tl-tall", hint="in this time range"),
    Column("Last", 96, 520, css="tl-tall"),
)


def _row(
    view: View,
    key: Key,
    value: Failures,
    trends: Sequence[Mapping[Key, int]],
    called: Mapping[str, str],
    *,
    new: bool,
) -> list[str]:
    context = view.context
    print_, service = key
    kind = name_of(value.error_type, "error")
    label = action(view, kind, "tl-link", {"widget": "error", "fingerprint": print_, "error": value.error_type[:100]})
    tag = '<span class="tl-tag" title="not seen in the 24 hours before">new</span>' if new else ""
    where = f' <span class="tl-quiet">in {text(service, 60)}</span>' if service else ""
    example = f'<span class="tl-two" title="{text(value.example, 300)}"><bdi>{text(value.example)}</bdi></span>'
    return [
        f"{tag}{label}{where}{example}",
        trend([each.get(key, 0) for each in trends]),
        f"<b>{context.number(value.count)}</b>",
        _customers(view, value, called),
        _time(view, value.first_ms),
        _time(view, value.last_ms),
    ]


def _customers(view: View, value: Failures, called: Mapping[str, str]) -> str:
    if not value.customers:
        return '<span class="tl-quiet">\u2013</span>'
    order = sorted((count, tenant) for tenant, count in value.tenants.items() if tenant)
    names = ", ".join(called.get(tenant, tenant) for _, tenant in reversed(order))
    more = "+" if value.more_tenants else ""
    return f'<span title="{text(names, 300)}">{view.context.number(value.customers)}{more}</span>'


def _time(view: View, ms: int) -> str:
    return text(view.context.clock(datetime.fromtimestamp(ms / 1000, UTC)))

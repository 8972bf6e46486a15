"""The widgets of the top customers and of the top routes: a row each with a bar, the part of it that failed in red."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from functions.core.customers.listing import NOBODY, Customer, Names
from functions.core.ranked import Key, Ranked, Requests
from functions.core.widgets import parts
from functions.core.widgets.page import note, page, text
from functions.core.widgets.parts import UNKNOWN, Column, View, action, failed, field, meter, name_of, plural, severity

_DOCS = """## {title}

{first} in the dashboard's time range, by whole hours: how many requests and which share of all, how many of them failed
(HTTP 5xx), and the latency that 90 % of them stay under (to 3 %).{more}

It is drawn from summaries that `compact` keeps, so it costs no query; a click on a name asks Athena for more.

| parameter | meaning | default |
|---|---|---|
| `widget` | `{widget}` | |
| `top` | how many get a row of their own, at most 200 | 20 |
| `{noun}` | only those whose name contains this, among the largest of each hour | all |

```yaml
widget: {widget}
top: 20
```
"""

_NAMED = "\nCustomers on the list (`tracelake customers put`) have their name and plan."

_NOTHING = (
    "<ul><li>Requests come from access logs of API Gateway, written as JSON, with the customer in a field that "
    "<code>tenant_keys</code> names, or from <code>webhook</code> events.</li>"
    "<li>Their log group must be subscribed: the widget <b>Subscriptions</b> of the pipeline\u2019s dashboard lists "
    "those that are not, with the reason.</li>"
    "<li>A new request is in here after the next run of <code>compact</code>, at most five minutes later. If there was "
    "none for longer, choose a longer time range.</li></ul>"
)


Known = Mapping[str, Customer]
"""Customers of the list by id."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is listed: customers or routes."""

    widget: str
    title: str
    noun: str
    docs: str
    label: Callable[[View, Key, Known], str]


def _customer(view: View, key: Key, known: Known) -> str:
    (tenant,) = key
    if not tenant:
        return name_of("", "no customer")
    customer = known.get(tenant)
    if customer is None:
        return action(view, name_of(tenant, ""), "tl-link", {"widget": "customer", "customer": tenant})
    params = {"widget": "customer", "customer": tenant, "name": customer.name}
    below = " \u00b7 ".join(f"<bdi>{text(each)}</bdi>" for each in (tenant, customer.plan) if each)
    return f'{action(view, name_of(customer.name, ""), "tl-link", params)}<span class="tl-two">{below}</span>'


def _route(view: View, key: Key, _known: Known) -> str:
    service, route = key
    shown = name_of(route, "no route")
    if route:
        shown = action(view, shown, "tl-link", {"widget": "route", "service": service, "route": route})
    return f'{shown}<span class="tl-two">{name_of(service, "no service")}</span>'


def _subject(widget: str, title: str, noun: str, first: str, label: Callable[[View, Key, Known], str]) -> Subject:
    more = _NAMED if noun == "customer" else ""
    docs = _DOCS.format(title=title, first=first, widget=widget, noun=noun, more=more)
    return Subject(widget, title, noun, docs, label)


CUSTOMERS = _subject(
    "top_customers", "Top customers", "customer", "The customers with the most requests", _customer
)  # fmt: skip
ROUTES = _subject("top_routes", "Top routes", "route", "The routes with the most requests", _route)


def render(
    subject: Subject,
    found: Ranked[Requests],
    view: View,
    *,
    top: int = 20,
    wanted: str = "",
    names: Names = NOBODY,
) -> str:
    """The widget as HTML: the ``top`` largest whose name contains ``wanted``, and one row for all others together."""
    context, total = view.context, found.total()
    if total.requests == 0:
        return empty(view)
    known = names.of(key[0] for key in found.entries)
    ranked = [(key, value) for key, value in found.ranked() if wanted.casefold() in _called(key, known).casefold()]
    shown, rest = ranked[:top], ranked[top:]
    others = _others(found, rest, alone=bool(wanted))
    digits = len(context.number(max([others.requests, *(value.requests for _, value in shown)])))
    longest = shown[0][1].requests if shown else 0
    rows = [_row(view, subject.label(view, key, known), value, total.requests, longest, digits) for key, value in shown]
    if others.requests:
        hidden = len(rest) + (0 if wanted else found.other_keys)
        label = f'<span class="tl-quiet">{context.number(hidden)}{_at_least(found)} other{_s(hidden)}</span>'
        rows.append(_row(view, label, others, total.requests, 0, digits))
    count = len(found.entries.keys() - {("",)}) + found.other_keys
    head = parts.summary(
        view,
        plural(context, total.requests, "request"),
        plural(context, count, subject.noun, "at least " if found.other_keys else ""),
        f'<b class="{severity(total.errors, total.requests)}">'
        f"{context.percent(100 * total.errors / total.requests)}</b> failed",
    )
    nothing = "" if rows else f'<div class="tl-foot">No {subject.noun} contains \u201c{text(wanted)}\u201d.</div>'
    drawn = parts.table(context, _columns(subject, view), rows)
    return page(context, head + _filter(subject, view, top, wanted) + drawn + nothing)


def empty(view: View) -> str:
    """Why there may be nothing to show, and what to do about it."""
    words = text(view.hours.words(view.context))
    return note(view.context, "No requests in this time range", f"<p>{words}</p>{_NOTHING}")


def _called(key: Key, known: Known) -> str:
    """What a key can be found by."""
    return " ".join((*key, known[key[0]].name)) if key[0] in known else " ".join(key)


def _others(found: Ranked[Requests], rest: list[tuple[Key, Requests]], *, alone: bool) -> Requests:
    others = Requests()
    for _, value in rest:
        others.add(value)
    if not alone:
        others.add(found.others)
    return others


def _columns(subject: Subject, view: View) -> list[Column]:
    name = max(110, min(round(view.context.width * 0.32), 340))
    return [
        Column(subject.title.split()[1][:-1].title(), name, css="tl-name"),
        Column("Requests"),
        Column("Share", 66, 520),
        Column("Failed", 72, hint="answered with HTTP 5xx"),
        Column("Refused", 76, 820, hint="answered with HTTP 4xx"),
        Column("p50", 76, 1000, hint="half of the requests are faster"),
        Column("p90", 76, 400, hint="90 % of the requests are faster"),
        Column("Sent", 84, 820, hint="bytes of the responses"),
    ]


def _row(view: View, label: str, value: Requests, total: int, longest: int, digits: int) -> list[str]:
    context = view.context
    bar = None
    if longest:
        fine = 100 * (value.requests - value.errors) / longest
        bar = [("", fine), ("tl-failed", 100 * value.errors / longest)]
    p50, p90 = (value.quantile(share) for share in (0.5, 0.9))
    return [
        label,
        meter(context, value.requests, bar, digits),
        context.percent(100 * value.requests / total),
        failed(context, value.errors, value.requests),
        f'<span class="tl-quiet">{context.percent(100 * value.client_errors / max(1, value.requests))}</span>',
        UNKNOWN if p50 is None else context.duration(p50),
        UNKNOWN if p90 is None else context.duration(p90),
        context.size(value.response_bytes),
    ]


def _filter(subject: Subject, view: View, top: int, wanted: str) -> str:
    """A field that keeps only names that contain what is typed."""
    if not view.endpoint:
        return ""
    drawn = field(subject.noun, f"Find a {subject.noun}", wanted)
    again = {"widget": subject.widget, "top": top}
    return f'<form class="tl-form">{drawn}{action(view, "Filter", "tl-button", again, "widget")}</form>'


def _at_least(found: Ranked[Requests]) -> str:
    return "+" if found.other_keys else ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"

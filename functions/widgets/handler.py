"""All custom widgets of the dashboards: which one is drawn, the widget's parameter ``widget`` says.

First paint comes from small objects that `compact`, `subscribe_log_groups` and `normalize` keep; only a click asks
Athena.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import environment, signals
from functions.aws.customers import known_names
from functions.aws.summaries import BUDGET, INCIDENTS, SUBSCRIPTIONS, Summaries, key_of
from functions.core.budget import read_status
from functions.core.customers.listing import Names
from functions.core.dark.telemetry import KINDS as TELEMETRY
from functions.core.dark.telemetry import Telemetry
from functions.core.meaning import status as rules_status
from functions.core.summaries import Errors, Ledger, Traffic, decode
from functions.core.watch import page as watch_page
from functions.core.watch.signals import BY_TABLE as SIGNALS
from functions.core.widgets import (
    dark,
    details,
    errors,
    ledger,
    rules,
    search,
    subscription_state,
    subscriptions,
    traffic,
    unusual,
    usage,
)
from functions.core.widgets.hours import Hours
from functions.core.widgets.page import WidgetContext, failure
from functions.core.widgets.parts import View, typed
from functions.widgets import drill_down

T = TypeVar("T", Traffic, Errors, Ledger)

logger = Logger(service="tracelake-widgets")


class Context(Protocol):
    """What is needed of Lambda's context."""

    invoked_function_arn: str


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget: its documentation in Markdown, and what draws it from its event."""

    docs: str
    draw: Callable[[Mapping[str, Any], View], str]


def handle(event: dict[str, Any], context: Context | None) -> str:
    """HTML of the widget, or its documentation where the dashboard asks for that."""
    name = str(event.get("widget") or "top_customers")
    if event.get("describe"):
        return WIDGETS[name].docs if name in WIDGETS else DOCS
    now = datetime.fromtimestamp(environment.now_ms() / 1000, UTC)
    where = WidgetContext.parse(event.get("widgetContext") or {}, now)
    try:
        if name in details.DETAILS:
            return drill_down.draw(details.DETAILS[name](event), where)
        if name not in WIDGETS:
            return failure(where, f"There is no widget {name}; there are {', '.join(WIDGETS)}.")
        endpoint = context.invoked_function_arn if context else ""
        return WIDGETS[name].draw(event, View(where, Hours.covering(where), endpoint))
    except (BotoCoreError, ClientError) as error:
        logger.warning("widget could not be drawn", widget=name, reason=str(error))
        return failure(where, str(error))


def _customers(event: Mapping[str, Any], view: View) -> str:
    found, wanted = _traffic(view).customers, typed(event, "customer")
    top = _top(event.get("top"))
    return traffic.render(traffic.CUSTOMERS, found, view, top=top, wanted=wanted, names=_names())


def _routes(event: Mapping[str, Any], view: View) -> str:
    found, wanted = _traffic(view).routes, typed(event, "route")
    return traffic.render(traffic.ROUTES, found, view, top=_top(event.get("top")), wanted=wanted)


def _errors(event: Mapping[str, Any], view: View) -> str:
    earlier = view.hours.before(errors.NEW_HOURS)
    bodies = _summaries().read_hours("errors", [*earlier, *view.hours.names])
    found = [_of(Errors, "errors", body) for body in bodies]
    known = {key for each in found[: len(earlier)] for key in each.groups.entries}
    before = known if any(bodies[: len(earlier)]) else None
    service = str(event.get("service") or "")
    top = _top(event.get("top"))
    return errors.render(
        found[len(earlier) :],
        before,
        view,
        top=top,
        service=service,
        names=_names(),
    )


def _unusual(_event: Mapping[str, Any], view: View) -> str:
    found = watch_page.decode(_summaries().read(INCIDENTS).body)
    if found is None:
        return unusual.render(None, {}, view)
    seen = {}
    for shown in unusual.drawn(found, view)[: unusual.DRAWN]:
        start, end = unusual.window(shown)
        tables = sorted({kind for kind, made in SIGNALS.items() for line in shown.lines if line.kind in made.subjects})
        seen[shown.incident] = dict(signals.seen(environment.required("LAKE_BUCKET"), start, end, tables))
    return unusual.render(found, seen, view)


def _usage(_event: Mapping[str, Any], view: View) -> str:
    view = replace(view, hours=usage.hours_of(view.context))
    bodies = _summaries().read_hours("traffic", view.hours.names)
    found = [
        (hour, _of(Traffic, "traffic", body).customers) for hour, body in zip(view.hours.names, bodies, strict=True)
    ]
    return usage.render(found, view, _names())


def _ledger(_event: Mapping[str, Any], view: View) -> str:
    bodies = _summaries().read_hours("ledger", view.hours.names)
    hours = [(hour, _of(Ledger, "ledger", body)) for hour, body in zip(view.hours.names, bodies, strict=True)]
    return ledger.render(hours, view, read_status(_summaries().read(BUDGET).body))


def _subscriptions(_event: Mapping[str, Any], view: View) -> str:
    return subscriptions.render(subscription_state.decode(_summaries().read(SUBSCRIPTIONS).body), view.context)


def _dark(event: Mapping[str, Any], view: View) -> str:
    view = replace(view, hours=dark.hours_of(view.context))
    state = subscription_state.decode(_summaries().read(SUBSCRIPTIONS).body)
    return dark.render(_telemetry(view), state, view, top=_top(event.get("top")))


def _advice(event: Mapping[str, Any], view: View) -> str:
    view = replace(view, hours=dark.hours_of(view.context))
    return dark.render_advice(str(event.get("advice") or ""), _telemetry(view), view.context)


def _rules(_event: Mapping[str, Any], view: View) -> str:
    return rules.render(rules_status.decode(_summaries().read(rules_status.STATUS_KEY).body), view.context)


WIDGETS = {
    "top_customers": Widget(traffic.CUSTOMERS.docs, _customers),
    "top_routes": Widget(traffic.ROUTES.docs, _routes),
    "errors": Widget(errors.DOCS, _errors),
    "unusual": Widget(unusual.DOCS, _unusual),
    "usage": Widget(usage.DOCS, _usage),
    "ledger": Widget(ledger.DOCS, _ledger),
    "subscriptions": Widget(subscriptions.DOCS, _subscriptions),
    "find_log_lines": Widget(search.DOCS, lambda _event, view: search.render(view)),
    "dark": Widget(dark.DOCS, _dark),
    "advice": Widget(dark.ADVICE_DOCS, _advice),
    "rules": Widget(rules.DOCS, _rules),
}
DOCS = "## tracelake\n\nThe parameter `widget` says what is drawn: " + ", ".join(f"`{name}`" for name in WIDGETS) + "."


def _summaries() -> Summaries:
    return Summaries(environment.required("LAKE_BUCKET"))


def _names() -> Names:
    return known_names(environment.required("LAKE_BUCKET"))


def _traffic(view: View) -> Traffic:
    merged = Traffic()
    for body in _summaries().read_hours("traffic", view.hours.names):
        merged.merge(_of(Traffic, "traffic", body))
    return merged


def _telemetry(view: View) -> dark.Dark:
    merged = {name: kind() for name, kind in TELEMETRY.items()}
    keys = [(name, hour) for name in TELEMETRY for hour in view.hours.names]
    bodies = _summaries().read_all([key_of(*each) for each in keys])
    for (name, _), body in zip(keys, bodies, strict=True):
        found = decode(body).summary(name)
        if isinstance(found, Telemetry):
            merged[name].merge(found)
    return dark.Dark.of(merged)


def _of(kind: type[T], name: str, body: bytes) -> T:
    found = decode(body).summary(name)
    return found if isinstance(found, kind) else kind()


def _top(value: object) -> int:
    """A parameter of the widget, which anybody may have typed: 1 to 200, else 20."""
    text = str(value)
    return min(int(text), 200) if text.isascii() and text.isdigit() and int(text) else 20

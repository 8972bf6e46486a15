"""The widget of customers by day: how many are active, how many of them are new, and whose requests fell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from functions.core.customers.listing import NOBODY, Names
from functions.core.ranked import Ranked, Requests
from functions.core.widgets import traffic
from functions.core.widgets.hours import MOST_HOURS, Hours
from functions.core.widgets.page import WidgetContext, page, text
from functions.core.widgets.parts import Column, View, action, plural, summary, table

DAYS = MOST_HOURS // 24
"""Days that are drawn, the last of which is mostly not over."""

WINDOW_HOURS = 24
LEAST_WINDOWS = 3
LEAST_REQUESTS = 20
FELL_TO = 0.5
"""Quiet is who had fewer requests in the last 24 hours than this share of its usual, and fewer than in any 24 hours
before: those of a week, so that the same day of the week is among them. Usual is the average of those, without that in
which it was first seen: of at least so many, and of at least so many requests."""

MOST_QUIET = 8
_HEIGHT, _TOP, _FOOT = 170, 24, 24
_WIDEST_BAR = 72

DOCS = f"""## Customers by day

How many customers were active (at least one request) on each of the last {DAYS} days up to the end of the dashboard's
time range, and how many of them had not been seen on an earlier day that is shown. Days are those of UTC.

Below: customers that are quiet. Their last 24 hours had less than half of the requests of their usual 24 hours, and
fewer than each of the last days. It is drawn from summaries that `compact` keeps; the buttons ask Athena.

| parameter | meaning |
|---|---|
| `widget` | `usage` |

```yaml
widget: usage
```
"""

Hour = tuple[str, Ranked[Requests]]
"""The hour as partitions are named, and its customers."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day: customers that were ``seen`` before on a day that is shown, and that were ``new``. ``more`` says that an
    hour had more customers than a summary keeps."""

    date: date
    seen: int
    new: int
    more: bool

    @property
    def active(self) -> int:
        return self.seen + self.new


@dataclass(frozen=True, slots=True)
class Quiet:
    """One customer that fell: requests of the last 24 hours, and of its usual ones."""

    tenant: str
    requests: int
    usual: float


def hours_of(context: WidgetContext) -> Hours:
    """The hours that are read: of whole days, and of the day in which the time range ends."""
    found = Hours.covering(context)
    last = found.end - timedelta(microseconds=1)
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    return replace(found, start=midnight - timedelta(days=DAYS - 1), widened=False, cut=False)


def days(hours: Sequence[Hour]) -> list[Day]:
    """Each day of the hours, oldest first; of the first one with customers nobody knows who is new."""
    active: dict[date, set[str]] = {}
    more: set[date] = set()
    for hour, customers in hours:
        at = date.fromisoformat(hour[:10])
        active.setdefault(at, set()).update(key[0] for key in customers.entries if key[0])
        if customers.other_keys:
            more.add(at)
    known: set[str] = set()
    found = []
    for at, tenants in active.items():
        new = len(tenants - known) if known else 0
        found.append(Day(at, len(tenants) - new, new, at in more))
        known |= tenants
    return found


def quiet(hours: Sequence[Hour]) -> list[Quiet]:
    """Whose requests fell, those first that lost most.

    A customer beyond those that a summary keeps may have had as many requests as the last one that it has.
    """
    windows: list[Counter[str]] = [Counter() for _ in range(DAYS)]
    hidden = 0
    for place, (_, customers) in enumerate(reversed(hours)):
        window = windows[min(place // WINDOW_HOURS, DAYS - 1)]
        window.update({key[0]: value.requests for key, value in customers.entries.items() if key[0]})
        if customers.other_keys and place < WINDOW_HOURS:
            hidden += min((value.requests for value in customers.entries.values()), default=0)
    found = []
    for tenant in set().union(*windows[1:]):
        first = max(number for number, window in enumerate(windows) if tenant in window)
        before = [window[tenant] for window in windows[1:first]]
        if len(before) < LEAST_WINDOWS:
            continue
        usual, now = sum(before) / len(before), windows[0][tenant]
        if usual >= LEAST_REQUESTS and now + hidden < min(*before, FELL_TO * usual):
            found.append(Quiet(tenant, now, usual))
    return sorted(found, key=lambda each: (each.requests - each.usual, each.tenant))


def render(hours: Sequence[Hour], view: View, names: Names = NOBODY) -> str:
    """The widget as HTML."""
    context = view.context
    found, fell = days(hours), quiet(hours)
    if not any(day.active for day in found):
        return traffic.empty(view)
    last = found[-1]
    head = summary(
        view,
        plural(context, last.active, "customer", _at_least(last)) + f" active on {_named(last.date)}, so far",
        f"<b>{context.number(last.new)}</b> new" if last.new else "",
        f'<b class="tl-warn">{context.number(len(fell))}</b> quiet' if fell else "",
    )
    return page(context, head + _chart(context, found) + _legend(found) + _quiet(view, fell, names) + _buttons(view))


def _chart(context: WidgetContext, found: Sequence[Day]) -> str:
    """A bar a day: customers that came before below, new ones on top of them."""
    width = max(240, context.width - 8)
    slot = width / len(found)
    bar = min(_WIDEST_BAR, slot * 0.64)
    highest = max(day.active for day in found)
    room = _HEIGHT - _TOP - _FOOT
    drawn = []
    for number, day in enumerate(found):
        middle, base = slot * (number + 0.5), float(_HEIGHT - _FOOT)
        label = f"{day.date:%a} {day.date.day}" if slot >= 48 else str(day.date.day)
        said = f"{_named(day.date)}: {_at_least(day)}{day.active} active, {day.new} of them new"
        drawn.append(f"<g><title>{text(said)}</title>")
        for css, count in (("", day.seen), ("tl-fresh", day.new)):
            height = room * count / highest
            base -= height
            if count:
                drawn.append(
                    f'<rect class="{css}" x="{middle - bar / 2:.1f}" y="{base:.1f}" width="{bar:.1f}" '
                    f'height="{height:.1f}"></rect>'
                )
        shown = f"{context.number(day.active)}{'+' if day.more else ''}"
        drawn.append(f'<text class="tl-n" x="{middle:.1f}" y="{base - 7:.1f}">{shown}</text>')
        drawn.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 6}">{text(label)}</text></g>')
    line = f'<line x1="0" x2="{width}" y1="{_HEIGHT - _FOOT}" y2="{_HEIGHT - _FOOT}"></line>'
    return (
        f'<svg class="tl-days" width="{width}" height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}" role="img" '
        f'aria-label="Active customers by day">{line}{"".join(drawn)}</svg>'
    )


def _legend(found: Sequence[Day]) -> str:
    parts = ['<span class="tl-key"><i></i>seen before</span>']
    if any(day.new for day in found):
        parts.append('<span class="tl-key"><i class="tl-folded"></i>not seen on an earlier day</span>')
    if any(day.more for day in found):
        parts.append("<span>+ an hour had more customers than are kept by name</span>")
    return f'<div class="tl-foot tl-keys">{"".join(parts)}</div>'


def _quiet(view: View, fell: Sequence[Quiet], names: Names) -> str:
    context = view.context
    if not fell:
        return ""
    known = names.of(each.tenant for each in fell)
    rows = [
        [
            traffic.CUSTOMERS.label(view, (each.tenant,), known),
            context.number(each.requests),
            context.number(each.usual),
            f'<span class="tl-bad">\u2212{context.percent(100 * (1 - each.requests / each.usual))}</span>',
        ]
        for each in fell[:MOST_QUIET]
    ]
    columns = [
        Column("Quiet customer", css="tl-name"),
        Column("Last 24 h", 96, hint="requests of the last 24 hours"),
        Column("Usual", 96, hint="requests of its usual 24 hours, in the last days"),
        Column("Change", 84, 360),
    ]
    left_out = len(fell) - MOST_QUIET
    foot = f'<div class="tl-foot">and {context.number(left_out)} more</div>' if left_out > 0 else ""
    return table(context, columns, rows) + foot


def _buttons(view: View) -> str:
    if not view.endpoint:
        return ""
    cost = action(view, "What features cost, and who uses the costly ones", "tl-button", {"widget": "unit_cost"})
    return f'<div class="tl-form tl-wide tl-below">{cost}</div>'


def _named(at: date) -> str:
    return f"{at.day} {at:%b}"


def _at_least(day: Day) -> str:
    return "at least " if day.more else ""

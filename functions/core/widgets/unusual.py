"""The widget of incidents: what is unusual now, what was, and what it looked like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from functions.core.detect.wording import span
from functions.core.watch.page import Line, Page, Shown, course
from functions.core.watch.signals import BIN_MS, Measure, Subject
from functions.core.widgets.page import WidgetContext, note, page, text
from functions.core.widgets.parts import View, action, plural, summary

DRAWN = 5
"""Incidents whose courses are drawn, the latest."""

BEFORE_MS, AFTER_MS, LONGEST_MS = 3 * 3_600_000, 3_600_000, 8 * 3_600_000
"""What is drawn before and after an incident, and at most in all."""

MOST_SHOWN = 30
LEARNING_MS = 8 * 3_600_000
KNOWN_MS = 41 * 3_600_000
"""The first 96 points of a series are learnt only, and until the 500th evidence counts for less (docs/detection.md)."""

Seen = Mapping[int, Mapping[Subject, Measure]]

DOCS = """## What is unusual

Incidents that `detect` found without a threshold: what is unusual for this service, route, customer, dependency or
metric at this hour. Each has what moved, strongest first, drawn over the hours around it (the band is what was usual,
the shade is the incident), the likely cause and what was deployed before. A click on a route, customer or error asks
Athena for its requests or lines.

`detect` writes it down whenever it has judged five minutes. docs/alerts.md says how, and how to mute.

| parameter | meaning |
|---|---|
| `widget` | `unusual` |

```yaml
widget: unusual
```
"""


def drawn(found: Page, view: View) -> list[Shown]:
    """The incidents of the time range, those that go on first, then the latest."""
    start, end = (round(at.timestamp() * 1000) for at in (view.context.start, view.context.end))
    inside = [each for each in found.shown if each.since_ms < end and (not each.over_ms or each.over_ms >= start)]
    return sorted(inside, key=lambda each: (bool(each.over_ms), -each.since_ms))


def window(shown: Shown) -> tuple[int, int]:
    """From when to when (ms) the courses of an incident are drawn."""
    start = shown.since_ms - BEFORE_MS
    return start, min((shown.over_ms or shown.at_ms) + AFTER_MS, start + LONGEST_MS)


def render(found: Page | None, seen: Mapping[str, Seen], view: View) -> str:
    """The widget as HTML. ``seen`` is what was seen in the `window` of an incident, by its name."""
    context = view.context
    if found is None:
        return note(
            context,
            "Not known yet",
            "<p>Nothing is watched so far: the function <code>detect</code> has not judged anything. It begins some "
            "minutes after the first telemetry; until then, and whenever it fails, its log group says why.</p>",
        )
    shown = drawn(found, view)
    open_ = sum(not each.over_ms for each in shown)
    head = summary(
        view,
        f'<b class="{"tl-bad" if open_ else "tl-good"}">{context.number(open_)}</b> going on',
        f"{plural(context, len(shown) - open_, 'incident')} over",
        f"<b>{context.number(found.series)}</b> series watched",
    )
    foot = [f"and {context.number(len(shown) - MOST_SHOWN)} more incidents"] if len(shown) > MOST_SHOWN else []
    foot += [f"{context.number(found.left_out)} small subjects are not watched"] if found.left_out else []
    below = "".join(f'<div class="tl-foot">{text(line)}</div>' for line in (*foot, _learning(found)) if line)
    if not shown:
        return page(context, f'{head}<div class="tl-foot">Nothing unusual in this time range.</div>{below}')
    cards = "".join(_card(view, each, seen.get(each.incident, {})) for each in shown[:MOST_SHOWN])
    return page(context, head + cards + below)


def _learning(found: Page) -> str:
    known = found.until_ms - found.first_ms
    if known < LEARNING_MS:
        return f"Still learning what is usual: nothing is told in the first 8 hours, {span(known / 1000)} are over."
    if known < KNOWN_MS:
        return "Still learning what is usual: in the first two days it takes more to be told."
    return ""


def _card(view: View, shown: Shown, seen: Seen) -> str:
    context = view.context
    state = "tl-quiet" if shown.over_ms else "tl-bad"
    lasted = span(max(BIN_MS, (shown.over_ms or shown.at_ms) - shown.since_ms) / 1000)
    when = f"{_clock(context, shown.since_ms)}, {'lasted' if shown.over_ms else 'for'} {lasted}"
    head = (
        f'<div class="tl-inc-head"><span class="tl-dot {state}"></span><b>{text(shown.title)}</b>'
        f'<span class="tl-when tl-quiet">{text(when)}</span></div>'
    )
    lines = "".join(_line(view, shown, each, seen) for each in shown.lines)
    more = f'<div class="tl-foot">and {context.number(shown.more)} more</div>' if shown.more else ""
    facts = "".join(
        f'<div class="tl-fact"><b>{title}</b>{"<br>".join(text(each.removeprefix("- "), 300) for each in of)}</div>'
        for title, of in (
            ("Likely cause", shown.causes),
            ("Deployed", shown.deployed),
            ("Customers with failures", (", ".join(shown.customers),) if shown.customers else ()),
        )
        if of
    )
    return f'<div class="tl-inc {"" if shown.over_ms else "tl-open"}">{head}{lines}{more}{facts}</div>'


def _line(view: View, shown: Shown, line: Line, seen: Seen) -> str:
    words = _linked(view, line)
    graph = f'<div class="tl-spark">{_spark(course(line, seen), shown, line)}</div>' if seen else ""
    return f'<div class="tl-inc-line"><span class="tl-wrap">{words}</span>{graph}</div>'


def _linked(view: View, line: Line) -> str:
    words, names = text(line.words, 300), line.names
    if line.kind == "route":
        return action(view, words, "tl-link", {"widget": "route", "service": names[0], "route": names[1]})
    if line.kind == "customer":
        return action(view, words, "tl-link", {"widget": "customer", "customer": names[0]})
    if line.kind == "error":
        return action(view, words, "tl-link", {"widget": "error", "fingerprint": names[1], "error": line.words[:100]})
    return words


def _spark(values: Sequence[float | None], shown: Shown, line: Line) -> str:
    """The course as a line over the band of what was usual; the incident is shaded."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    highest = max(*known, line.high) or 1.0
    start = window(shown)[0]
    left, right = ((at - start) / BIN_MS for at in (shown.since_ms, shown.over_ms or shown.at_ms))

    def height(value: float) -> float:
        return 26 - 24 * min(max(value, 0.0), highest) / highest

    parts, pen = [], "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{number + 0.5:g} {height(value):.1f}")
        pen = "L"
    top, bottom = height(line.high), height(line.low)
    return (
        f'<svg viewBox="0 0 {len(values)} 28" preserveAspectRatio="none">'
        f'<rect class="tl-during" x="{left:g}" y="0" width="{max(1, right - left):g}" height="28"></rect>'
        f'<rect class="tl-usual" x="0" y="{top:.1f}" width="{len(values)}" height="{max(1, bottom - top):.1f}"></rect>'
        f'<path d="{"".join(parts)}" vector-effect="non-scaling-stroke"></path></svg>'
    )


def _clock(context: WidgetContext, ms: int) -> str:
    return context.clock(datetime.fromtimestamp(ms / 1000, UTC))

"""The widget of the subscriptions: which log group is read, which is not, and why."""

from __future__ import annotations

from datetime import UTC, datetime

from functions.core.widgets.page import WidgetContext, note, page, text
from functions.core.widgets.parts import Column, plural, table
from functions.core.widgets.subscription_state import State

MOST_ROWS = 100
MOST_NAMES = 8

DOCS = """## Subscriptions

Which log groups tracelake reads, which it cannot read and why (for instance who holds the slots of a group whose
subscription filters are all taken), and which it leaves out because reading them would be a loop.

`subscribe_log_groups` writes this down whenever it changes; the dashboard's time range does not matter.

| parameter | meaning |
|---|---|
| `widget` | `subscriptions` |

```yaml
widget: subscriptions
```
"""


def render(state: State | None, context: WidgetContext) -> str:
    """The widget as HTML: what is not read first."""
    if state is None:
        return note(
            context,
            "Not known yet",
            "<p>The function <code>subscribe-log-groups</code> has not written down what it found. It runs every five "
            "minutes; if this stays, look in its log group.</p>",
        )
    changed = context.clock(datetime.fromtimestamp(state.changed_ms / 1000, UTC))
    head = (
        f'<div class="tl-sum"><span>{plural(context, state.subscribed_count, "log group")} subscribed</span>'
        f'<span><b class="{"tl-bad" if state.refused_count else "tl-good"}">{context.number(state.refused_count)}</b> '
        f"cannot be</span><span>{plural(context, state.groups, 'log group')} in this account and region</span>"
        f'<span class="tl-when">since {text(changed)}</span></div>'
    )
    rows = [_row("tl-bad", name, "not subscribed", reason) for name, reason in sorted(state.refused.items())]
    rows += [_row("tl-good", name, "subscribed", "") for name in sorted(state.subscribed)]
    guarded = [_guarded(context, state, reason) for reason in state.guarded]
    foot = ""
    if len(rows) > MOST_ROWS:
        more = context.number(len(rows) - MOST_ROWS)
        guarded.insert(0, ['<span class="tl-quiet">\u2026</span>', f"{more} more are not listed"])
    if state.stopped_by:
        foot += f'<div class="tl-foot">The last sweep did not reach all log groups: {text(state.stopped_by)}</div>'
    if state.policy_refused:
        why = text(state.policy_refused)
        foot += f'<div class="tl-foot">The log groups have filters, because {why}</div>'
    if not rows:
        foot = '<div class="tl-foot">No log group is selected: look at the settings include, exclude and only.</div>'
    return page(context, head + table(context, _COLUMNS, rows[:MOST_ROWS] + guarded) + foot)


_COLUMNS = (Column("State", 134, css="tl-tall"), Column("Log group", css="tl-left tl-wrap tl-tall"))


def _guarded(context: WidgetContext, state: State, reason: str) -> list[str]:
    """All log groups that are left out for the same reason."""
    names = sorted(state.guarded[reason])
    count = state.guarded_counts.get(reason, len(names))
    shown = [*names[:MOST_NAMES], "\u2026"] if count > MOST_NAMES else names
    label = f"{context.number(count)} log group{'' if count == 1 else 's'}"
    return _row("tl-quiet", label, "left out", f"{reason}: {', '.join(shown)}")


def _row(css: str, name: str, state: str, reason: str) -> list[str]:
    shown = f"<bdi>{text(name, 512)}</bdi>"
    if reason:
        shown += f'<span class="tl-two">{text(reason, 1000)}</span>'
    return [f'<span class="{css}"><i class="tl-dot"></i>{state}</span>', shown]

"""The widget of the user's rules: since when which are in force, what is wrong with a newer version, what is off."""

from __future__ import annotations

from datetime import UTC, datetime

from functions.core.meaning.status import Status
from functions.core.meaning.written import RulesError, parse
from functions.core.widgets.page import WidgetContext, note, page, text
from functions.core.widgets.parts import Column, plural, table

MOST_ROWS = 100

DOCS = """## Rules

The rules that say what fields mean and what is private: which are in force and since when, why a newer version is not,
and which rules were switched off because they failed, were slow, or gave too many different values.

`normalize` writes this down whenever it changes; the dashboard's time range does not matter.

| parameter | meaning |
|---|---|
| `widget` | `rules` |

```yaml
widget: rules
```
"""


def render(status: Status, context: WidgetContext) -> str:
    """The widget as HTML: what is wrong first."""
    names = _names(status)
    if not names and not status.problem:
        return note(
            context,
            "No rules of your own",
            "<p>The usual names and the setting <code>tenant_keys</code> count. "
            "<code>tracelake rules check FILE</code> tries rules on your logs; "
            "look into <code>docs/rules.md</code> for what they can say.</p>",
        )
    off = status.reasons
    head = (
        f'<div class="tl-sum"><span>{plural(context, len(names) - len(off), "rule")} in force</span>'
        f'<span><b class="{"tl-bad" if off else "tl-good"}">{context.number(len(off))}</b> switched off</span>'
    )
    if status.since_ms:
        head += f'<span class="tl-when">since {_clock(context, status.since_ms)}</span>'
    head += "</div>"
    if status.problem:
        head += (
            f'<div class="tl-foot"><b class="tl-bad">A newer version does not count</b> '
            f"(since {_clock(context, status.problem_since_ms)}): <bdi>{text(status.problem, 1000)}</bdi></div>"
        )
    rows = [
        _row("tl-bad", "switched off", each.rule, f"since {_clock(context, each.since_ms)}: {text(each.reason, 1000)}")
        for each in status.off
    ]
    rows += [_row("tl-good", "in force", name, "") for name in names if name not in off]
    foot = ""
    if len(rows) > MOST_ROWS:
        foot = f'<div class="tl-foot">{context.number(len(rows) - MOST_ROWS)} more are not listed.</div>'
    return page(context, head + table(context, _COLUMNS, rows[:MOST_ROWS]) + foot)


_COLUMNS = (Column("State", 134, css="tl-tall"), Column("Rule", css="tl-left tl-wrap tl-tall"))


def _names(status: Status) -> list[str]:
    try:
        return list(parse(status.text).rules())
    except RulesError:
        return [each.rule for each in status.off]


def _row(css: str, state: str, name: str, reason: str) -> list[str]:
    shown = f"<bdi>{text(name, 300)}</bdi>"
    if reason:
        shown += f'<span class="tl-two">{reason}</span>'
    return [f'<span class="{css}"><i class="tl-dot"></i>{state}</span>', shown]


def _clock(context: WidgetContext, time_ms: int) -> str:
    return text(context.clock(datetime.fromtimestamp(time_ms / 1000, UTC)))

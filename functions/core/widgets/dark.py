"""The widget of what is still dark: which telemetry is missing where, and the lines that would make it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

from functions.core.dark import advice
from functions.core.dark.advice import Advice
from functions.core.dark.telemetry import Telemetry
from functions.core.dark.things import API, FUNCTION, LOG_GROUP, Thing, things
from functions.core.widgets.hours import Hours
from functions.core.widgets.page import WidgetContext, note, page, text
from functions.core.widgets.parts import Column, View, action, meter, name_of, plural, summary, table
from functions.core.widgets.subscription_state import State

HOURS = 24
"""Telemetry of so many hours before the end of the range is looked at: what is dark does not change by the minute."""

MOST_REFUSED = 10
MOST_NAMES = 12
ROOMY, TIGHT = 900, 480
"""Pixels from which on more is told, and below which less is."""

DOCS = """## What is still dark

Which telemetry each function, API and log group has, which columns of the lake stay empty without more of it, and what
would fill them: a click shows the lines for CDK, SAM, Serverless and Terraform, and what they cost. Log groups that
cannot be subscribed stand below, with the reason. The loudest come first.

It is told from the telemetry of the 24 hours before the end of the dashboard's range, an hour after it came. What
writes nothing at all is not seen here: `tracelake doctor LOGGROUP...` looks at how functions and APIs are configured.

| parameter | meaning |
|---|---|
| `widget` | `dark` |
| `top` | at most so many functions, APIs and log groups (20) |

```yaml
widget: dark
top: 20
```
"""

ADVICE_DOCS = """## An advice

The lines that would fill columns which stay empty, as the widget `dark` opens them.

| parameter | meaning |
|---|---|
| `widget` | `advice` |
| `advice` | its name, for instance `json_logging` |

```yaml
widget: advice
advice: json_logging
```
"""

_WRITES = {"invocations": "invocations", "logs": "log lines", "requests": "requests", "spans": "spans"}
_KINDS = {FUNCTION: ("function", "functions"), API: ("API", "APIs"), LOG_GROUP: ("log group", "log groups")}
_TOOLS = {
    "cdk": "CDK",
    "sam": "SAM",
    "serverless": "Serverless Framework",
    "terraform": "Terraform",
    "python": "Python",
    "node": "Node.js",
}


@dataclass(frozen=True, slots=True)
class Dark:
    """The things that telemetry comes from, what each lacks by advice, and how many are not known by name."""

    things: Sequence[Thing]
    due: Mapping[str, Mapping[str, Sequence[str]]]
    """Advice and columns by the name and kind of a thing."""
    unnamed: int

    @classmethod
    def of(cls, found: Mapping[str, Telemetry]) -> Dark:
        """From summaries of all kinds."""
        known = things(found)
        due = {_key(thing): advice.due(thing) for thing in known}
        return cls(known, due, sum(each.found.other_keys for each in found.values()))

    def lacking(self) -> list[Thing]:
        """The things that an advice is for."""
        return [thing for thing in self.things if self.due[_key(thing)]]

    def needing(self, each: Advice) -> list[Thing]:
        """The things that this advice is for."""
        return [thing for thing in self.things if each.id in self.due[_key(thing)]]


def hours_of(context: WidgetContext) -> Hours:
    """The hours that are looked at."""
    return Hours.covering(replace(context, start=context.end - timedelta(hours=HOURS)))


def render(dark: Dark, state: State | None, view: View, *, top: int) -> str:
    """The widget as HTML: what would help first, then where, then what cannot be read."""
    context = view.context
    lacking, refused = dark.lacking(), state.refused_count if state else 0
    if not dark.things and not refused:
        return note(
            context,
            "Not known yet",
            "<p>What telemetry there is, is written down a few minutes after each full hour: look again then.</p>"
            f"<p>{text(view.hours.words(context))}</p>",
        )
    if not lacking and not refused:
        return note(
            context,
            "Nothing is dark",
            f"<p>All {context.number(len(dark.things))} functions, APIs and log groups write what tracelake knows to "
            f"ask for, and every selected log group can be read.</p><p>{text(view.hours.words(context))}</p>",
        )
    head = summary(
        view,
        f'<b class="{"tl-warn" if lacking else "tl-good"}">{context.number(len(lacking))}</b> of '
        f"<b>{context.number(len(dark.things))}</b> functions, APIs and log groups lack something"
        if dark.things
        else "",
        f'<b class="{"tl-bad" if refused else "tl-good"}">{context.number(refused)}</b> cannot be read'
        if state
        else "",
    )
    return page(context, head + _helps(dark, view) + _where(dark, lacking, view, top) + _unread(state, context))


def _helps(dark: Dark, view: View) -> str:
    """Each advice that is due, in the book's order: what is cheap and tells most comes first."""
    needed = [(each, those) for each in advice.load().advice if (those := dark.needing(each))]
    if not needed:
        return ""
    told = view.context.width >= ROOMY
    columns = [
        Column("What would help: a click shows the lines", 0, css="tl-left tl-wrap tl-tall"),
        Column("For", 150, TIGHT, css="tl-left tl-tall"),
        Column("Costs", 300, ROOMY, css="tl-left tl-wrap tl-tall tl-quiet"),
    ]
    rows = [
        [
            f"{_link(view, each.id, text(each.title))}"
            f'<span class="tl-two">{text(_first_sentence(each.why)) + " " if told else ""}'
            f"Fills {_columns(_missing(dark, each, those))}.</span>",
            _how_many(view.context, those),
            text(each.costs, 300),
        ]
        for each, those in needed
    ]
    return table(view.context, columns, rows)


def _where(dark: Dark, lacking: Sequence[Thing], view: View, top: int) -> str:
    """The things that lack something, the loudest first."""
    if not lacking:
        return ""
    context, shown = view.context, lacking[:top]
    longest = max(thing.loudness for thing in shown) or 1
    digits, tight = len(context.number(longest)), context.width < TIGHT
    columns = [
        Column("Where", 0, css="tl-left tl-name tl-tall"),
        Column(
            "Rows", max(136, min(220, context.width // 7)), 600, css="tl-tall", hint="of all tables, in these hours"
        ),
        Column("Writes", 230, 800, css="tl-left tl-wrap tl-tall"),
        Column(
            "Stays empty", max(150, context.width // (3 if context.width < ROOMY else 4)), 0, "tl-left tl-wrap tl-tall"
        ),
        Column("Would help", 210, 1000, css="tl-left tl-wrap tl-tall"),
    ]
    rows = [
        [
            f'{name_of(thing.name, "unnamed")}<span class="tl-two">{_KINDS[thing.kind][0]}</span>',
            meter(context, thing.loudness, [("", 100 * thing.loudness / longest)], digits),
            _writes(thing, context),
            f'<span class="tl-two">{_columns(chain.from_iterable(due.values()), thing, tight=tight)}</span>',
            ", ".join(_link(view, name, text(name.replace("_", "\u00a0"))) for name in due),
        ]
        for thing in shown
        if (due := dark.due[_key(thing)])
    ]
    more = []
    if len(lacking) > len(shown):
        more.append(f"{plural(context, len(lacking) - len(shown), 'quieter one')} not listed")
    if dark.unnamed:
        more.append(f"at least {context.number(dark.unnamed)} still quieter, known as a sum alone")
    foot = f'<div class="tl-foot">{"; ".join(more)}.</div>' if more else ""
    return f"<h3>Where it is dark, the loudest first</h3>{table(context, columns, rows)}{foot}"


def _unread(state: State | None, context: WidgetContext) -> str:
    """Log groups that cannot be subscribed, and why."""
    if state is None or not state.refused_count:
        return ""
    columns = [Column("Log group", max(150, context.width // 3), css="tl-left tl-wrap tl-tall")]
    columns += [Column("Why it cannot be read", css="tl-left tl-wrap tl-tall")]
    shown = sorted(state.refused.items())[:MOST_REFUSED]
    rows = [[name_of(name, "unnamed"), text(reason, 1000)] for name, reason in shown]
    left = state.refused_count - len(shown)
    foot = f'<div class="tl-foot">{plural(context, left, "more log group")} cannot be read.</div>' if left > 0 else ""
    return f"<h3>Cannot be read</h3>{table(context, columns, rows)}{foot}"


def render_advice(name: str, dark: Dark, context: WidgetContext) -> str:
    """One advice as HTML: why, for what, and the lines for each tool, which a click selects."""
    each = next((each for each in advice.load().advice if each.id == name), None)
    if each is None:
        known = ", ".join(f"<code>{each.id}</code>" for each in advice.load().advice)
        return note(context, "No advice of this name", f"<p>There are {known}.</p>")
    those = dark.needing(each)
    names = ", ".join(f"<bdi>{text(thing.name)}</bdi>" for thing in those[:MOST_NAMES])
    more = f" and {context.number(len(those) - MOST_NAMES)} more" if len(those) > MOST_NAMES else ""
    drawn = "".join(
        f"<details open><summary>{_TOOLS[tool]}</summary><pre>{_lines(lines)}</pre></details>"
        for tool, lines in advice.lines(each).items()
    )
    return page(
        context,
        f'<div class="tl-lines"><h3>{text(each.title)}</h3><p>{text(each.why, 1000)}</p>'
        f"<p>Costs {text(each.costs, 500)}.</p><p>Fills {_columns(_missing(dark, each, those) or each.columns)}.</p>"
        + (f"<p>For {names}{more}.</p>" if those else "")
        + f'<div class="tl-foot">A click on lines selects all of them.</div>{drawn}</div>',
    )


def _lines(written: str) -> str:
    return "\n".join(text(line, 2000) for line in written.splitlines())


def _link(view: View, name: str, label: str) -> str:
    return action(view, label, "tl-link", {"widget": "advice", "advice": name})


def _key(thing: Thing) -> str:
    return f"{thing.kind}\n{thing.name}"


def _missing(dark: Dark, each: Advice, those: Iterable[Thing]) -> list[str]:
    """Columns that an advice would fill in one of some things."""
    missing = {column for thing in those for column in dark.due[_key(thing)][each.id]}
    return [column for column in each.columns if column in missing]


def _first_sentence(said: str) -> str:
    return said.partition(". ")[0].rstrip(".") + "."


def _columns(names: Iterable[str], thing: Thing | None = None, *, tight: bool = False) -> str:
    """Columns by their tables; only the table where a thing writes nothing of it, or where room is tight."""
    by_table: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        table_name, _, column = name.partition(".")
        by_table.setdefault(table_name, []).append(column)
    return " \u00b7 ".join(
        f"<b>{name}</b>" if tight or (thing and name not in thing.tables) else f"<b>{name}</b> {', '.join(columns)}"
        for name, columns in by_table.items()
    )


def _how_many(context: WidgetContext, those: Sequence[Thing]) -> str:
    kinds: dict[str, int] = {}
    for thing in those:
        kinds[thing.kind] = kinds.get(thing.kind, 0) + 1
    if len(those) == 1:
        return name_of(those[0].name, "unnamed")
    return ", ".join(f"{context.number(count)} {_KINDS[kind][1]}" for kind, count in kinds.items())


def _writes(thing: Thing, context: WidgetContext) -> str:
    form = " in text" if "text_logs" in thing.facts else " in JSON" if "json_logs" in thing.facts else ""
    found = [
        f"{context.number(each.rows)} {_WRITES[name]}{form if name == 'logs' else ''}"
        for name, each in thing.filled.items()
    ]
    return ", ".join(found) or '<span class="tl-quiet">nothing that arrives here</span>'

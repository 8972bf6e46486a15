"""One request as it opens above the dashboard: its steps on a time line, its cost, and where its time went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from functions.core.traces import shown
from functions.core.traces.facts import of_row
from functions.core.traces.shown import Line
from functions.core.traces.transaction import Transaction, assemble
from functions.core.widgets.page import WidgetContext, text
from functions.core.widgets.parts import Column, bars, customer, name_of, table

MOST_STEPS = 80
MOST_WHO = 6
MOST_LOG_LINES = 3
_INDENT, _DEEPEST = 14, 12


def draw(rows: Sequence[Mapping[str, Any]], context: WidgetContext) -> str:
    """HTML of the transaction that rows of ``what_happened`` tell of."""
    found = assemble(map(of_row, rows))
    return render(found, context) if found else '<div class="tl-foot">Only log lines name it, nothing that ran.</div>'


def render(found: Transaction, context: WidgetContext) -> str:
    """HTML of a transaction."""
    notes = "".join(f'<div class="tl-foot">{text(note, 300)}.</div>' for note in found.notes)
    return f"{_head(found, context)}{_steps(found, context)}{notes}{_time(found, context)}"


def _head(found: Transaction, context: WidgetContext) -> str:
    duration = found.end_ms - found.start_ms
    answered = found.roots[0].end_ms - found.start_ms
    outcome = '<span class="tl-bad">failed</span>' if found.failed else '<span class="tl-good">ok</span>'
    parts = [f"<b>{text(shown.title(found), 120)}</b>", outcome, f"<b>{text(context.duration(duration))}</b> in all"]
    if answered < duration - 1:
        parts.append(f"<b>{text(context.duration(answered))}</b> until the answer")
    if found.cost_usd:
        million = context.dollars(found.cost_usd * 1e6)
        parts.append(
            f'<b title="invocations and calls at list price, at least">{text(million)}</b> for a million like it'
        )
    if found.customer:
        parts.append(f"customer <b>{customer(found.tenant or '', found.customer, 'unknown')}</b>")
    spans = "".join(f"<span>{part}</span>" for part in parts)
    css = ' class="tl-bad"' if found.failed else ""
    return f'<div class="tl-sum">{spans}</div><div class="tl-sum"><bdi{css}>{text(shown.cause(found), 400)}</bdi></div>'


def _steps(found: Transaction, context: WidgetContext) -> str:
    columns = [
        Column("Step", max(150, min(round(context.width * 0.42), 330)), css="tl-name tl-tall"),
        Column("Starts", 84, 640),
        Column("Takes", 84),
        Column("", 0, 400, css="tl-left"),
    ]
    drawn = [
        [
            _what(line),
            text(context.duration(min(step.start_ms for step in line.alike) - found.start_ms)),
            text(context.duration(line.takes_ms)),
            _bars(line),
        ]
        for line in shown.lines(found, MOST_STEPS)
    ]
    return table(context, columns, drawn)


def _what(line: Line) -> str:
    step = line.step
    label = f'<span class="tl-quiet">{line.times}</span>' + name_of(shown.label(step), "unknown")
    name = f'<span class="tl-bad">{label}</span>' if step.failed else label
    mark = '<span class="tl-quiet" title="began with a message">\u21e2 </span>' if step.asynchronous else ""
    below = "".join(f'<span class="tl-two">{each}</span>' for each in _said(line))
    return (
        f'<div style="padding-left:{_INDENT * min(line.depth, _DEEPEST)}px" class="tl-name">{mark}{name}{below}</div>'
    )


def _said(line: Line) -> Iterable[str]:
    """What a step's log lines warn of, its error, and how much below it is left out."""
    fact = line.step.fact
    error = " ".join(filter(None, (fact.error_type, fact.message))) if line.step.failed else ""
    if error:
        yield f"<bdi>{text(error, 200)}</bdi>"
    for said in line.warnings[:MOST_LOG_LINES]:
        yield f"<bdi>{text(f'{said.kind} {said.message or str()}', 200)}</bdi>"
    if line.left_out:
        yield f"and {line.left_out:,} more below it"


def _bars(line: Line) -> str:
    """Its time on that of the whole; what no one waited for is pale."""
    css = "tl-failed" if line.step.failed else "" if line.on_path_ms else "tl-sampled"
    drawn, end = "", 0.0
    for offset, length in line.bars:
        start = max(end, min(100 * offset, 99.6))
        width = max(0.4, min(100 * (offset + length), 100) - start)
        drawn += f'<div style="width:{start - end:.2f}%;flex:none"></div>'
        drawn += f'<div class="tl-bar {css}" style="width:{width:.2f}%"></div>'
        end = start + width
    return f'<div class="tl-track">{drawn}</div>'


def _time(found: Transaction, context: WidgetContext) -> str:
    spent = shown.time_spent(found)
    columns = [
        Column("Where the time went", max(150, min(round(context.width * 0.42), 330)), css="tl-name"),
        Column("Time", 84),
        Column("", 0, 400, css="tl-left"),
    ]
    drawn = [
        [
            f'{name_of(who, "unknown")} <span class="tl-quiet">{what}</span>',
            text(context.duration(ms)),
            bars([("", 100 * share)]),
        ]
        for who, what, ms, share in spent[:MOST_WHO]
    ]
    return f"<h3></h3>{table(context, columns, drawn)}"

"""``tracelake trace``: what happened to one request, from the lake or from files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli import ask, rules_file, terminal
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.telemetry import Telemetry, normalised
from cli.text import safe
from functions.core.traces import shown
from functions.core.traces.facts import Fact, of_row, of_table
from functions.core.traces.shown import Line
from functions.core.traces.trace_ids import trace_id as trace_id_of
from functions.core.traces.transaction import Transaction, assemble

QUESTION = "what_happened"
MOST_STEPS = 60
MOST_LOG_LINES = 5
MOST_WHO = 6
BLOCKS = "\u2588\u2591"
_BAR = 28


def run(
    wanted: str,
    paths: Sequence[str],
    since: str | None,
    form: str,
    *,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    out: TextIO,
    err: TextIO,
) -> int:
    """Shows the transaction that a trace id or request id belongs to.

    ``paths`` are files of raw telemetry to look in instead of the lake. ``CommandError`` where there is nothing of it.
    """
    if paths:
        facts = list(_of_files(paths, err))
    else:
        facts = [of_row(row) for row in ask.rows(QUESTION, {"id": wanted}, since, place, timeout_seconds, err)]
    transaction = find(facts, wanted)
    if transaction is None:
        where = "in these files" if paths else "in this time range: look back further with --since"
        raise CommandError(f"nothing ran as {wanted} {where}")
    if form == "json":
        print(terminal.to_json(as_values(transaction)), file=out)
    else:
        console = terminal.console(out)
        with console.capture() as drawn:
            console.print(picture(transaction))
        # a file or pipe gets no trailing blanks
        out.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))
    return OK


def find(facts: Iterable[Fact], wanted: str) -> Transaction | None:
    """The transaction with a trace id, in any form, or with a request id."""
    facts = list(facts)
    trace = trace_id_of(wanted)
    if trace is None:
        named = (fact.trace_id for fact in facts if fact.request_id == wanted and fact.trace_id)
        trace = next(named, None)
    return assemble(facts, trace) if trace else None


def as_values(transaction: Transaction) -> dict[str, object]:
    """The transaction as plain values, for programs; times in ms since 1970, cost in US dollars."""
    numbers = {id(step): number for number, step in enumerate(transaction.steps)}
    return {
        "title": shown.title(transaction),
        "start_ms": transaction.start_ms,
        "duration_ms": transaction.end_ms - transaction.start_ms,
        "failed": transaction.failed,
        "tenant": transaction.tenant,
        "cost_usd": transaction.cost_usd,
        "cause": shown.cause(transaction),
        "time": [
            {"who": who, "what": what, "ms": ms, "share": share}
            for who, what, ms, share in shown.time_spent(transaction)
        ],
        "notes": list(transaction.notes),
        "steps": [
            {
                "parent": numbers.get(id(step.parent)),
                "service": step.service,
                "what": shown.label(step),
                "start_ms": step.start_ms,
                "duration_ms": step.end_ms - step.start_ms,
                "status": step.fact.status,
                "failed": step.failed,
                "asynchronous": step.asynchronous,
                "trace_id": step.fact.trace_id,
                "span_id": step.fact.span_id,
                "cost_usd": step.cost_usd,
                "log_lines": len(step.lines),
            }
            for step in transaction.steps
        ],
    }


def _of_files(paths: Sequence[str], err: TextIO) -> Iterable[Fact]:
    parts, _ = normalised(Telemetry(paths, (), "", (False, None)).records(err), rules_file.load(""))
    for part in parts:
        yield from of_table(part.table, part.rows)


def picture(transaction: Transaction, blocks: str = BLOCKS) -> RenderableType:
    """The transaction for a terminal: ``blocks`` are what bars are made of, on and off the critical path."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("step", overflow="fold")
    table.add_column("starts", justify="right")
    table.add_column("takes", justify="right")
    table.add_column("", width=_BAR, no_wrap=True)
    for line in shown.lines(transaction, MOST_STEPS):
        start = min(step.start_ms for step in line.alike) - transaction.start_ms
        table.add_row(_what(line), _ms(start), _ms(line.takes_ms), _bars(line, blocks))
        for said in line.warnings[:MOST_LOG_LINES]:
            words = f"{'  ' * line.depth}  {said.kind} {safe(said.message or '')[:200]}"
            table.add_row(Text(words, style="yellow"), _ms(said.start_ms - transaction.start_ms), "", "")
        if line.left_out:
            table.add_row(Text(f"{'  ' * line.depth}  and {line.left_out:,} more", style="dim"), "", "", "")
    spent = [f"{share:.0%} {who} ({what})" for who, what, _, share in shown.time_spent(transaction) if share >= 0.005]
    return Group(
        _head(transaction),
        Text(safe(shown.cause(transaction)), style="red" if transaction.failed else ""),
        table,
        Text.assemble(("Where the time went: ", "bold"), safe(", ".join(spent[:MOST_WHO]))),
        *(Text(f"Note: {safe(note)}.", style="dim") for note in transaction.notes),
    )


def _head(transaction: Transaction) -> Text:
    duration = transaction.end_ms - transaction.start_ms
    answered = transaction.roots[0].end_ms - transaction.start_ms
    parts = [_ms(duration) + (f" (answered after {_ms(answered)})" if answered < duration - 1 else "")]
    parts += [f"${transaction.cost_usd * 1e6:,.2f} for a million like it"] if transaction.cost_usd else []
    parts += [safe(transaction.customer)] if transaction.customer else []
    outcome = ("failed", "bold red") if transaction.failed else ("ok", "green")
    return Text.assemble((safe(shown.title(transaction)), "bold"), "  ", outcome, "  ", "  ".join(parts))


def _what(line: Line) -> Text:
    step = line.step
    mark = "~ " if step.asynchronous else ""
    words = f"{'  ' * line.depth}{mark}{line.times}{safe(shown.label(step))}"
    status = step.invocation.status if step.invocation and step.invocation.status not in (None, "success") else None
    status = status or (step.fact.status if step.fact.status not in (None, "ok", "success") else None)
    return Text.assemble((words, "red" if step.failed else ""), (f"  {safe(status)}" if status else "", "dim"))


def _bars(line: Line, blocks: str) -> Text:
    """Its time on that of the whole."""
    cells = [" "] * _BAR
    for offset, length in line.bars:
        first = min(_BAR - 1, int(offset * _BAR))
        for place in range(first, min(_BAR, first + max(1, round(length * _BAR)))):
            cells[place] = blocks[0 if line.on_path_ms else 1]
    return Text("".join(cells), style="red" if line.step.failed else "cyan")


def _ms(value: float) -> str:
    if value >= 9_995:
        return f"{timedelta(milliseconds=round(value)).total_seconds():,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:,.1f} ms"


def command(given: argparse.Namespace) -> int:
    """``tracelake trace``."""
    return run(
        given.id,
        given.file,
        given.since,
        given.format,
        place=place_of(given),
        timeout_seconds=given.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )

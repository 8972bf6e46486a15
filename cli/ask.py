"""``tracelake ask``: the questions of sql/questions, listed or answered."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from cli import terminal
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.text import safe
from functions.core.questions import Param, Question, QuestionError, TimeRange, Value, load_all, parse_span

if TYPE_CHECKING:
    from functions.aws.athena import Result


def list_questions(form: str, out: TextIO) -> int:
    """All questions, with the telemetry each needs."""
    questions = load_all().values()
    if form != "table":
        rows: list[dict[str, terminal.Cell]] = [
            {
                "question": question.name,
                "title": question.title,
                "needs": question.needs,
                "params": " ".join(f"{param.name}={param.default}" for param in question.params),
                "since": _span(question.since),
            }
            for question in questions
        ]
        terminal.show(list(rows[0]), rows, form, out)
        return OK
    console = terminal.console(out)
    width = min(console.width, 100)
    for question in questions:
        console.print(Text(question.name, style="bold"))
        for line in textwrap.wrap(f"needs {question.needs}", width - 4):
            console.print(Text(f"    {line}"))
        console.print(Text(f"    --since {_span(question.since):<24} how far to look back", style="dim"))
        for param in question.params:
            console.print(Text(f"    --param {_shown(param):<24} {param.doc}", style="dim"))
        console.print()
    console.print(Text("Ask with: tracelake ask QUESTION [--since 24h] [--param NAME=VALUE]"))
    return OK


def answer(
    words: Sequence[str],
    params: Sequence[str],
    since: str | None,
    form: str,
    *,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    out: TextIO,
    err: TextIO,
) -> int:
    """Run one question and show its rows; ``place`` is whether it is the local stack, and the stage."""
    question = find(words)
    try:
        values = _values(question, params)
    except QuestionError as error:
        raise CommandError(str(error)) from None
    result = _asked(question, values, since, place, timeout_seconds, err)
    if result.rows or form != "table":
        terminal.show(result.columns, result.rows, form, out)
    if not result.rows:
        print(f"No rows. Needed: {question.needs}. Or look back further with --since.", file=err)
        if limits := [_shown(param) for param in question.params if param.name != "top" and param.default != ""]:
            print(f"Without --param these hold: {', '.join(limits)}", file=err)
    scanned = result.scanned_bytes / 1e6
    rows = f"{len(result.rows):,} row" + ("s" if len(result.rows) != 1 else "")
    print(f"{rows}, {scanned:,.1f} MB scanned", file=err)
    return OK


def rows(
    name: str,
    values: Mapping[str, Value],
    since: str | None,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    err: TextIO,
) -> Sequence[dict[str, terminal.Cell]]:
    """The rows of a question for a command that shows them in its own way."""
    return _asked(load_all()[name], values, since, place, timeout_seconds, err).rows


def rows_between(
    name: str,
    values: Mapping[str, Value],
    times: TimeRange,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    err: TextIO,
) -> Sequence[dict[str, terminal.Cell]]:
    """The same of a time that need not end now."""
    when = f"{times.start:%Y-%m-%d %H:%M:%S} to {times.end:%H:%M:%S} UTC"
    return _run(load_all()[name], values, times, when, place, timeout_seconds, err).rows


def find(words: Sequence[str]) -> Question:
    """The question by its name or its title, however it is written; ``CommandError`` with the nearest names."""
    questions = load_all()
    name = "_".join(re.findall(r"[a-z0-9]+", " ".join(words).lower()))
    if name in questions:
        return questions[name]
    near = difflib.get_close_matches(name, questions, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "`tracelake ask` lists the questions"
    raise CommandError(f"there is no question {safe(' '.join(words))!r}: {hint}")


def _values(question: Question, given: Sequence[str]) -> dict[str, Value]:
    known = {param.name: param for param in question.params}
    values: dict[str, Value] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise CommandError(f"--param takes name=value, not {safe(each)!r}")
        if name not in known:
            has = ", ".join(known) or "none"
            raise CommandError(f"{question.name} has no parameter {safe(name)!r}; it has: {has}")
        values[name] = known[name].parse(text)
    return values


def _asked(
    question: Question,
    values: Mapping[str, Value],
    since: str | None,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    err: TextIO,
) -> Result:
    try:
        span = parse_span(since) if since else question.since
    except QuestionError as error:
        raise CommandError(str(error)) from None
    end = datetime.now(UTC)
    times = TimeRange(end - span, end).whole_minutes()
    return _run(question, values, times, f"Last {_span(span)}", place, timeout_seconds, err)


def _run(
    question: Question,
    values: Mapping[str, Value],
    times: TimeRange,
    when: str,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    err: TextIO,
) -> Result:
    try:
        sql, literals = question.bind(values, times)
    except QuestionError as error:
        raise CommandError(str(error)) from None
    # AWS's client takes a while to import, and listing questions does not need it
    from cli import target  # noqa: PLC0415
    from functions.aws import athena  # noqa: PLC0415
    from functions.aws.clients import client  # noqa: PLC0415

    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        print(f"{question.title} {when}, in {where.place}", file=err)
        try:
            return athena.run(
                client("athena"),
                sql,
                literals,
                database=where.database,
                workgroup=where.workgroup,
                timeout_seconds=timeout_seconds,
            )
        except athena.QueryFailedError as error:
            raise CommandError(safe(str(error))) from error


def _shown(param: Param) -> str:
    return f"{param.name}={param.default}"


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours >= 48 and hours % 24 == 0:
        return f"{hours / 24:g}d"
    return f"{hours:g}h" if hours >= 1 else f"{span.total_seconds() / 60:g}m"


def command(given: argparse.Namespace) -> int:
    """``tracelake ask``."""
    if not given.question:
        return list_questions(given.format, sys.stdout)
    return answer(
        given.question,
        given.param,
        given.since,
        given.format,
        place=place_of(given),
        timeout_seconds=given.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )

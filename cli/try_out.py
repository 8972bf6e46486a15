"""``tracelake try``: answers from an account's own logs, with nothing deployed and nothing written.

The newest events of some log groups go through the Normalizer, as they would in the pipeline, and the questions of
sql/questions are asked of what it makes of them.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TextIO

from cli import rules_file, target, terminal
from cli.customers import read as read_customers
from cli.errors import OK, CommandError
from cli.in_memory import InMemory
from cli.log_events import Limits, Pages, Sample, find_groups, sample
from cli.terminal import Cell
from cli.text import safe
from functions.aws.clients import client
from functions.core import questions
from functions.core.cost.at_rest import HOURS
from functions.core.customers.listing import Customer
from functions.core.meaning.meaning import Meaning
from functions.core.normalize import Normalizer, Part, Rules
from functions.core.questions import QuestionError, TimeRange, Value
from functions.core.selection import LogGroup

MOST_GROUPS = 20
FLUSH_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its rows; ``note`` says what the rows do not."""

    question: str
    title: str
    columns: list[str]
    rows: list[dict[str, Cell]]
    note: str = ""


@dataclass(slots=True)
class Findings:
    """What was read, and the rows that it gave."""

    samples: list[Sample]
    times: TimeRange
    parts: list[Part] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def run(
    names: Sequence[str],
    *,
    since: str,
    tenant_keys: Sequence[str],
    rules: str,
    limits: Limits,
    top: int,
    customers: str,
    form: str,
    local: bool,
    out: TextIO,
    err: TextIO,
) -> int:
    """Read the newest events of log groups and answer what they can tell."""
    began = time.monotonic()
    listed = read_customers(customers, err) if customers else []
    meaning = rules_file.load(rules, tenant_keys)
    with target.explained():
        print(f"Reading {' '.join(map(safe, names))} in {target.reach(local)}; nothing is written", file=err)
        _, found = read(names, span_of(since), limits)
    normalise(found, meaning)
    rules_file.tell_what_did_not_count(meaning, err)
    answers = list(ask(found, top, listed))
    seconds = time.monotonic() - began
    if form == "json":
        values = {each.question: {"rows": each.rows, "note": each.note} for each in answers}
        out.write(terminal.to_json({"read": _reading(found.samples), "answers": values}) + "\n")
    else:
        _show(found, answers, seconds, out)
    return OK


def span_of(since: str) -> timedelta:
    """``--since``; ``CommandError`` where it is no time span."""
    try:
        return questions.parse_span(since)
    except QuestionError as error:
        raise CommandError(str(error)) from None


def read(names: Sequence[str], span: timedelta, limits: Limits) -> tuple[list[LogGroup], Findings]:
    """The groups and their newest events; ``CommandError`` where there is none or none of them can be read."""
    logs = client("logs")
    groups = find_groups(logs, names, MOST_GROUPS)
    if not groups:
        raise CommandError(f"there is no log group {' or '.join(map(safe, names))}; a name may end in * for a prefix")
    end = datetime.now(UTC)
    start_ms, end_ms = (int(each.timestamp() * 1000) for each in (end - span, end))
    samples = sample(Pages(logs), [each.name for each in groups], start_ms, end_ms, limits)
    if not any(each.events for each in samples) and all(each.stopped for each in samples):
        raise CommandError(f"no log group could be read: {safe(samples[0].stopped)}")
    earliest = datetime.fromtimestamp(min(each.start_ms for each in samples) / 1000, UTC)
    return groups, Findings(samples, TimeRange(earliest, end).whole_minutes())


def normalise(found: Findings, meaning: Meaning) -> None:
    """Turns the events into rows, and lets go of them."""
    # identities are hashed with a key that nobody has
    rules = Rules("", "", meaning=meaning, hash_key=secrets.token_bytes(32))
    normalizer = Normalizer(rules)
    chunk = 0
    for each in found.samples:
        for payload in each.payloads():
            normalizer.add(payload, f"{each.group}:{chunk}", None)
            if normalizer.pending_bytes >= FLUSH_BYTES:
                found.parts += normalizer.flush(f"try-{chunk}")
                chunk += 1
        each.streams.clear()
    found.parts += normalizer.flush(f"try-{chunk}")
    found.rejected += [f"{refusal.log_group}: {refusal.reason}" for refusal in normalizer.rejected]


def ask(found: Findings, top: int, listed: Iterable[Customer] = ()) -> Iterator[Answer]:
    """The answers, those about money first; customers have the names that ``listed`` gives them."""
    lake = InMemory(found.parts, listed)
    hours = _hours_of_functions(lake, found.samples)
    cost = _answer(lake, found, "what_do_invocations_cost", top=top)
    for row in cost.rows:
        row["usd_a_month"] = _a_month(row["cost_usd"], hours.get(str(row["function_name"])))
    yield _extended(cost, "usd_a_month", _month_note(lake, hours))
    memory = _answer(lake, found, "which_functions_waste_memory", top=top)
    memory.rows[:] = [row for row in memory.rows if row["saving_usd_at_most"]]
    for row in memory.rows:
        saving = _a_month(row["saving_usd_at_most"], hours.get(str(row["function_name"])))
        row["saving_usd_a_month_at_most"] = saving
    yield _extended(memory, "saving_usd_a_month_at_most", "" if memory.rows else _NO_WASTE)
    yield _answer(lake, found, "which_errors_occur", top=top)
    yield _answer(lake, found, "what_is_slow", top=top, min_calls=1)
    yield _answer(lake, found, "which_functions_start_cold", top=top)
    for name in ("who_produces_which_traffic", "what_do_customers_cost"):
        customers = _answer(lake, found, name, top=top)
        if not any(row["customer"] != "(unknown)" for row in customers.rows):
            customers = Answer(name, customers.title, customers.columns, [], _NO_CUSTOMERS[name])
        yield customers
    features = _answer(lake, found, "which_features_are_popular", top=top)
    yield features if features.rows else replace(features, note=_NO_FEATURES)


_NO_FEATURES = "No line that was read names a feature; `tracelake find-features` proposes some by the routes."
_NO_WASTE = "No function with at least 20 invocations in what was read has memory to spare."
_OTHER_FIELD = "Where a field of another name does, say --tenant-key NAME; `tracelake doctor` says what else would."
_NO_CUSTOMERS = {
    "who_produces_which_traffic": f"No access log that was read names a customer. {_OTHER_FIELD}",
    "what_do_customers_cost": f"No log line that was read names a customer and its request. {_OTHER_FIELD}",
}


def _answer(lake: InMemory, found: Findings, name: str, **values: Value) -> Answer:
    question = questions.load_all()[name]
    columns, rows = lake.ask(question, values, found.times)
    note = "" if rows else f"Nothing in what was read. Needed: {question.needs}."
    return Answer(name, question.title, columns, rows, note)


def _extended(answer: Answer, column: str, note: str) -> Answer:
    return Answer(
        answer.question, answer.title, [*answer.columns, column], answer.rows, note if answer.rows else answer.note
    )


def _hours_of_functions(lake: InMemory, samples: Iterable[Sample]) -> dict[str, float]:
    """How many hours were read of each function's log group; of several the longest."""
    hours = {each.group: each.hours for each in samples}
    _, rows = lake.select("SELECT DISTINCT function_name, log_group FROM invocations WHERE status IS NOT NULL")
    found: dict[str, float] = {}
    for row in rows:
        name = str(row["function_name"])
        found[name] = max(found.get(name, 0.0), hours.get(str(row["log_group"]), 0.0))
    return found


def _a_month(usd: Cell, hours: float | None) -> float | None:
    return round(float(usd) * HOURS / hours, 2) if isinstance(usd, int | float) and hours else None


def _month_note(lake: InMemory, hours: dict[str, float]) -> str:
    _, rows = lake.select(
        "SELECT function_name, sum(cost_usd) AS usd FROM invocations WHERE status IS NOT NULL GROUP BY function_name"
    )
    total = sum(_a_month(row["usd"], hours.get(str(row["function_name"]))) or 0.0 for row in rows)
    count = "1 function" if len(rows) == 1 else f"{len(rows):,} functions"
    return f"${total:,.2f} a month for {count} if every hour were like those that were read; Lambda's list price."


def _reading(samples: Iterable[Sample]) -> list[dict[str, Cell]]:
    return [
        {
            "log_group": each.group,
            "from": datetime.fromtimestamp(each.start_ms // 1000, UTC),
            "to": datetime.fromtimestamp(each.end_ms // 1000, UTC),
            "events": each.events,
            "mb": round(each.size / 1e6, 2),
            "older events unread": each.stopped or None,
        }
        for each in samples
    ]


def _show(found: Findings, answers: Iterable[Answer], seconds: float, out: TextIO) -> None:
    for answer in answers:
        out.write(f"\n{answer.title}\n")
        if answer.rows:
            terminal.show(answer.columns, answer.rows, "table", out)
        if answer.note:
            out.write(f"{answer.note}\n")
    rows = _reading(found.samples)
    part = any(each.stopped for each in found.samples)
    events, size = (sum(values) for values in zip(*((each.events, each.size) for each in found.samples), strict=True))
    out.write(f"\nWhat was read: {'a part of the logs' if part else 'all there is in this time'}\n")
    terminal.show(list(rows[0]), rows, "table", out)
    out.write(f"{events:,} events, {size / 1e6:,.1f} MB, in {seconds:.1f} seconds; nothing was written.\n")
    if found.rejected:
        out.write(f"{len(found.rejected):,} events could not be understood, the first: {safe(found.rejected[0])}\n")


def command(given: argparse.Namespace) -> int:
    """``tracelake try``."""
    return run(
        given.log_groups,
        since=given.since,
        tenant_keys=given.tenant_key,
        rules=given.rules,
        limits=Limits(seconds=given.seconds),
        top=given.top,
        customers=given.customers,
        form=given.format,
        local=given.local,
        out=sys.stdout,
        err=sys.stderr,
    )

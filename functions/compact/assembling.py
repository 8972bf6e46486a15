"""Keeps the table ``transactions`` up to date: an hour of it is made each time that the hour is published, and when the
next one is, those of it that go on there.

The transaction that publishes leaves notes; the hour's transactions are written as its next generation, under the same
lease and only if what they rest on is still what is published. So a crash anywhere heals with the next run, and nobody
sees half an hour of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from aws_lambda_powertools import Logger

from functions.aws import environment, metrics
from functions.aws.generations import ASSEMBLE, CONTINUE, Generation, Note
from functions.aws.items import ConditionLostError
from functions.compact.failures import Failures
from functions.compact.publication import Output, Publisher
from functions.core import publish
from functions.core.schema import HOUR_MS, TABLES, hour_of, hour_start_ms
from functions.core.traces.hourly import READ_COLUMNS, TABLES_READ, Rows, traces_of, transactions

RESERVE_MS = 120_000
"""With less time than this left, no further hour is begun."""

MOST_BYTES = 4 << 30
"""Of files as Arrow; without attributes, which are not read, a quarter: some five million spans in three hours. Of
more, transactions are not put together."""

log = Logger(service="tracelake-compact")


class TooManyError(Exception):
    """The hour has more rows than fit into memory."""


def run(publisher: Publisher, failures: Failures) -> None:
    """Make what is noted, oldest first, as far as the time allows.

    An hour that cannot be made stops no other, and keeps its note, but for one that is too large for ever: of these the
    metric HoursWithoutTransactions tells, which is only sent where there is one.
    """
    for note in [*publisher.generations.notes(ASSEMBLE), *publisher.generations.notes(CONTINUE)]:
        if publisher.remaining_ms() < RESERVE_MS:
            return
        with failures.collected(f"transactions of {note.hour}"):
            try:
                _take(publisher, note)
            except ConditionLostError:
                log.info("published meanwhile, its transactions are made in the next run", hour=note.hour)
            except TooManyError as error:
                log.warning("transactions are not put together", hour=note.hour, reason=str(error))
                metrics.emit({"HoursWithoutTransactions": 1})
                publisher.generations.done(note)


def _take(publisher: Publisher, note: Note) -> None:
    """Make what is noted, unless another run has the hour."""
    generations = publisher.generations
    if not generations.take_lease(note.hour):
        return
    try:
        _make(publisher, note)
        generations.done(note)
    finally:
        generations.release_lease(note.hour)


def _make(publisher: Publisher, note: Note) -> None:
    hour = note.hour
    start = hour_start_ms(hour)
    before, after = (hour_of(start + by) for by in (-HOUR_MS, HOUR_MS))
    current = {
        (name, each): publisher.generations.current(name, each)
        for name in TABLES_READ
        for each in (before, hour, after)
    }
    if sum(file.memory for generation in current.values() for file in generation.files) > MOST_BYTES:
        raise TooManyError("more spans than fit into memory")
    rows = Rows(
        start,
        {name: _read(publisher, current[name, hour], READ_COLUMNS[name]) for name in TABLES_READ},
        {name: _read(publisher, current[name, after], READ_COLUMNS[name]) for name in TABLES_READ},
        frozenset(traces_of(_read(publisher, current[name, before], ["trace_id"]) for name in TABLES_READ)),
    )
    output = Output(publisher, hour, "transactions")
    known = _read(publisher, output.old, None) if note.kind == CONTINUE and output.old.number else None
    for made in transactions(rows, environment.now_ms(), known):
        output.write(publish.in_order(TABLES["transactions"], made))
    if output.files or output.old.number:
        move = output.move()
        publisher.generations.publish(hour, [move], [], list(current.values()))
        publisher.point([move])


def _read(publisher: Publisher, generation: Generation, columns: Sequence[str] | None) -> pa.Table:
    table = TABLES[generation.table]
    columns = columns or table.arrow_schema.names
    read = [publish.conform(table, publisher.lake.read(file.key, columns)).select(columns) for file in generation.files]
    return pa.concat_tables([publish.empty(generation.table).select(columns), *read])

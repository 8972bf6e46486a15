"""``tracelake customers``: the list of customers, put from a CSV file or shown.

The list is one object of the lake bucket, which a put replaces: whoever reads meanwhile sees the old or the new one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from cli import target, terminal
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.text import safe
from functions.aws.customers import READING, CustomerList, UnreadableListError, names_of
from functions.aws.summaries import Summaries
from functions.core.customers import csv_file, items
from functions.core.customers.listing import COLUMNS, NOBODY, Changes, Customer, changes

MOST_SHOWN = 20

Place = tuple[bool, str | None]


def put(
    path: str, *, place: Place, dry_run: bool, yes: bool, ask: Callable[[str], str], out: TextIO, err: TextIO
) -> int:
    """Replace the list by that of a file, after showing what changes; ``CommandError`` where a row is wrong."""
    customers = read(path, err)
    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        if where.tenants_table:
            raise CommandError(
                f"the customers of {where.place} come from the DynamoDB table {where.tenants_table}: "
                "change them there, or deploy without the setting tenants_table"
            )
        kept = CustomerList(where.lake_bucket)
        stored = kept.read()
        try:
            before = names_of(stored)
        except UnreadableListError as error:
            print(f"{safe(str(error))}; it is replaced", file=err)
            before = NOBODY
        found = changes(before.all(), customers)
        _show_changes(found, out)
        print(f"{_count(len(customers))} for {where.place}: {_summary(found)}", file=err)
        if dry_run or (not found and before is not NOBODY):
            return OK
        if not yes and ask("Put this list? yes or no: ").strip().lower() != "yes":
            raise CommandError("nothing was put")
        if not kept.replace(customers, stored):
            raise CommandError("somebody else has put a list meanwhile: nothing was put; try again")
    print("put: dashboards, answers and alerts name them from now on", file=err)
    return OK


def show(form: str, *, place: Place, out: TextIO, err: TextIO) -> int:
    """The list as it is."""
    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        try:
            listed = CustomerList(where.lake_bucket).names().all()
        except UnreadableListError as error:
            raise CommandError(f"{error}; `tracelake customers put` replaces it") from error
        reading = items.decode(Summaries(where.lake_bucket).read(READING).body) if where.tenants_table else None
    if listed or form != "table":
        terminal.show(list(COLUMNS), [asdict(each) for each in listed], form, out)
    print(f"{_count(len(listed))} in {where.place}", file=err)
    if where.tenants_table:
        _tell(where.tenants_table, reading, err)
    elif not listed:
        print("`tracelake customers put FILE.csv` puts a list: tenant,name,plan,monthly_price_usd", file=err)
    return OK


def read(path: str, err: TextIO) -> list[Customer]:
    """Customers of a CSV file; ``CommandError`` where it cannot be read, with what is wrong with each row."""
    try:
        parsed = csv_file.parse(Path(path).read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error
    except csv_file.CsvError as error:
        raise CommandError(f"{path}: {error}") from error
    for column, heading in parsed.read_as.items():
        if heading != column:
            print(f"{column} is read from the column {safe(heading)}", file=err)
    if parsed.ignored:
        print(f"not taken: {', '.join(map(safe, parsed.ignored))}", file=err)
    for problem in parsed.problems[:MOST_SHOWN]:
        print(safe(problem), file=err)
    if parsed.problems:
        rows = "1 row cannot be taken as it stands"
        if (count := len(parsed.problems)) > 1:
            rows = f"{count:,} rows cannot be taken as they stand"
        raise CommandError(f"{path}: {rows}, so none is")
    if not parsed.customers:
        raise CommandError(f"{path}: there is no customer in it")
    return parsed.customers


def _tell(table: str, reading: items.Reading | None, err: TextIO) -> None:
    """How the DynamoDB table was read last."""
    if reading is None or reading.table != table:
        print(f"They come from the DynamoDB table {table}, which is read every hour and was not yet", file=err)
        return
    at = datetime.fromtimestamp(reading.read_ms // 1000, UTC)
    how = f"could not be read: {safe(reading.error)}" if reading.error else "was read"
    print(f"They come from the DynamoDB table {table}; at {at:%Y-%m-%d %H:%M} UTC it {how}", file=err)
    if reading.refused:
        print(f"{reading.refused:,} items are not taken, the first because:", file=err)
    for reason in reading.reasons:
        print(f"  {safe(reason)}", file=err)


def _show_changes(found: Changes, out: TextIO) -> None:
    """The first of each kind."""
    rows: list[dict[str, terminal.Cell]] = []
    for each in found.gone[:MOST_SHOWN]:
        rows.append({"change": "gone", **asdict(each)})
    for before, after in found.changed[:MOST_SHOWN]:
        rows += [{"change": "was", **asdict(before)}, {"change": "is", **asdict(after)}]
    for each in found.new[:MOST_SHOWN]:
        rows.append({"change": "new", **asdict(each)})
    if rows:
        terminal.show(list(rows[0]), rows, "table", out)


def _summary(found: Changes) -> str:
    kinds = {"new": found.new, "changed": found.changed, "gone": found.gone}
    told = ", ".join(f"{len(each):,} {kind}" for kind, each in kinds.items() if each) or "nothing changes"
    longest = max(map(len, kinds.values()))
    return f"{told} (of each the first {MOST_SHOWN} are shown)" if longest > MOST_SHOWN else told


def _count(count: int) -> str:
    return f"{count:,} customer" + ("s" if count != 1 else "")


def put_command(given: argparse.Namespace) -> int:
    """``tracelake customers put``."""
    return put(
        given.path,
        place=place_of(given),
        dry_run=given.dry_run,
        yes=given.yes,
        ask=input,
        out=sys.stdout,
        err=sys.stderr,
    )


def show_command(given: argparse.Namespace) -> int:
    """``tracelake customers show``."""
    return show(given.format, place=place_of(given), out=sys.stdout, err=sys.stderr)

"""``tracelake rules``: what rules of one's own would change, and which of them count."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

import pyarrow as pa

from cli import rules_file, target, terminal
from cli.commands import place_of
from cli.errors import FAILED, OK, CommandError
from cli.telemetry import Telemetry, normalised, telemetry_of
from cli.terminal import Cell
from cli.text import safe
from functions.aws.objects import Objects
from functions.core.accounting import Part
from functions.core.meaning.status import RULES_KEY, STATUS_KEY, Status, decode
from functions.core.meaning.written import Written
from functions.core.schema import TABLES

_COMPARED = ("requests", "logs", "spans", "usage_events", "tenant_settings", "metrics", "invocations")
_COLUMNS = ("table", "column", "filled before", "filled then", "rows that differ", "for example")


def check(path: str, telemetry: Telemetry, out: TextIO, err: TextIO) -> int:
    """Validates a file, and compares what the lake would hold without and with its rules.

    Exit status 1 where a rule would be switched off; CommandError where the file is no good.
    """
    _, written = rules_file.read(path)
    names = list(written.rules())
    print(f"{path}: {len(names)} rule{'' if len(names) == 1 else 's'}, all of them can be used.", file=out)
    if not telemetry:
        return OK
    records = telemetry.records(err)
    before, counts = normalised(records, rules_file.meant(Written()))
    meaning = rules_file.meant(written)
    then, _ = normalised(records, meaning)
    print(f"{counts.events:,} events were read once without and once with them.", file=out)
    rows = list(differences(before, then))
    if rows:
        terminal.show(_COLUMNS, rows, "table", out)
    else:
        print("Nothing in the lake would be different.", file=out)
    rules_file.tell_what_did_not_count(meaning, err)
    return FAILED if meaning.watch.off else OK


def differences(before: Iterable[Part], then: Iterable[Part]) -> Iterable[dict[str, Cell]]:
    """Columns of the lake that differ, and how; rows that are in another table then count as not filled before."""
    old, new = _tables(before), _tables(then)
    for name in _COMPARED:
        one, other = old.get(name), new.get(name)
        for column in TABLES[name].own_columns:
            had, has = _filled(one, column.name), _filled(other, column.name)
            changed, example = _changed(one, other, column.name)
            if had != has or changed:
                yield dict(zip(_COLUMNS, (name, column.name, had, has, changed, example), strict=True))


def _tables(parts: Iterable[Part]) -> dict[str, pa.Table]:
    found: dict[str, list[pa.Table]] = {}
    for part in parts:
        found.setdefault(part.table, []).append(part.rows)
    return {
        name: pa.concat_tables(rows).sort_by([("event_id", "ascending"), ("row_no", "ascending")])
        for name, rows in found.items()
    }


def _filled(rows: pa.Table | None, column: str) -> int:
    return 0 if rows is None else rows.num_rows - rows[column].null_count


def _changed(one: pa.Table | None, other: pa.Table | None, column: str) -> tuple[int, str | None]:
    """Rows of both that differ in a column, and one of the new values."""
    if other is None:
        return 0, None
    known: dict[tuple[str, int], object] = {}
    if one is not None:
        known = dict(zip(_keys(one), one[column].to_pylist(), strict=True))
    pairs = zip(_keys(other), other[column].to_pylist(), strict=True)
    fresh = [value for key, value in pairs if known.get(key) != value]
    example = next((str(value) for value in fresh if value is not None), None)
    return len(fresh), example and safe(example)[:80]


def _keys(rows: pa.Table) -> Iterable[tuple[str, int]]:
    return zip(rows["event_id"].to_pylist(), rows["row_no"].to_pylist(), strict=True)


def put(path: str, place: tuple[bool, str | None], out: TextIO) -> int:
    """Makes a file count: validated, and written only if the object still is as it was looked at before."""
    body, written = rules_file.read(path)
    with target.explained():
        found = _find(place)
        objects = Objects(found.lake_bucket)
        stored = objects.read(RULES_KEY)
        if stored.body == body:
            print(f"The rules in {found.place} are these already.", file=out)
            return OK
        if not objects.replace(RULES_KEY, body, stored):
            raise CommandError("somebody else put rules at the same time: look at them with `tracelake rules show`")
    print(f"{len(list(written.rules()))} rules are put to {found.place}; they count within a minute.", file=out)
    return OK


def show(place: tuple[bool, str | None], out: TextIO) -> int:
    """Prints the object as it is."""
    with target.explained():
        found = _find(place)
        stored = Objects(found.lake_bucket).read(RULES_KEY)
    if not stored.etag:
        raise CommandError(f"there are no rules in {found.place}")
    out.write("".join(f"{safe(line)}\n" for line in stored.body.decode(errors="replace").splitlines()))
    return OK


def status(place: tuple[bool, str | None], form: str, out: TextIO) -> int:
    """Says which rules count since when, what is wrong with a newer version, and what is switched off and why.

    Exit status 1 where anything is wrong.
    """
    with target.explained():
        found = _find(place)
        objects = Objects(found.lake_bucket)
        known, newest = decode(objects.read(STATUS_KEY).body), objects.read(RULES_KEY).etag
    waiting = newest not in (known.etag, known.bad_etag) and (newest or known.etag)
    if form == "json":
        off = [{"rule": each.rule, "reason": each.reason, "since": _time(each.since_ms)} for each in known.off]
        told = {"since": _time(known.since_ms), "problem": known.problem or None, "off": off, "waiting": bool(waiting)}
        out.write(terminal.to_json({**told, "rules": known.text}) + "\n")
    else:
        _tell(known, found.place, waiting=bool(waiting), out=out)
    return FAILED if known.problem or known.off else OK


def _tell(known: Status, place: str, *, waiting: bool, out: TextIO) -> None:
    if known.etag:
        print(f"Rules are in force in {place} since {_time(known.since_ms):%Y-%m-%d %H:%M:%SZ}.", file=out)
    else:
        print(f"No rules are in force in {place}.", file=out)
    if known.problem:
        since = f"{_time(known.problem_since_ms):%Y-%m-%d %H:%M:%SZ}"
        print(f"A newer version does not count (since {since}): {safe(known.problem)}", file=out)
    for each in known.off:
        print(
            f"Switched off since {_time(each.since_ms):%Y-%m-%d %H:%M:%SZ}: {safe(each.rule)}: {safe(each.reason)}",
            file=out,
        )
    if waiting:
        print("A newer version has not been read yet: that happens within a minute while telemetry comes in.", file=out)


def _time(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _find(place: tuple[bool, str | None]) -> target.Target:
    local, stage = place
    return target.find(stage, local=local)


def check_command(given: argparse.Namespace) -> int:
    """``tracelake rules check``."""
    return check(given.file, telemetry_of(given), sys.stdout, sys.stderr)


def put_command(given: argparse.Namespace) -> int:
    """``tracelake rules put``."""
    return put(given.file, place_of(given), sys.stdout)


def show_command(given: argparse.Namespace) -> int:
    """``tracelake rules show``."""
    return show(place_of(given), sys.stdout)


def status_command(given: argparse.Namespace) -> int:
    """``tracelake rules status``."""
    return status(place_of(given), given.format, sys.stdout)

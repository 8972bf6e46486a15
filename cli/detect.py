"""``tracelake detect``: which alerts a series, or a group of series, would have given, and why."""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec

from cli import terminal
from cli.errors import OK, CommandError
from cli.text import safe
from functions.core.detect import group
from functions.core.detect.replay import Replay, of_results
from functions.core.detect.series import Options, Point, Result, update
from functions.core.detect.wording import clock, explain

TIME = "timestamp"
_NO_NUMBER = ("", "nan", "null", "none", "-")


class Row(NamedTuple):
    """A line of the file: its time as written and in seconds since 1970, its values, and what they were made of."""

    written: str
    time: float
    values: tuple[float, ...]
    volume: float


def run(path: str, options: Options, out: TextIO, *, as_json: bool = False, scores: str = "", volume: str = "") -> int:
    """Prints the alerts; writes ``timestamp,value,anomaly_score`` for each row to ``scores``, where given.

    Several value columns are a group: its value is the median, its score the highest of all. ``volume`` names a column
    for ``options.min_volume``. Raises `CommandError` for a file that cannot be read.
    """
    names, rows = _read(Path(path), volume)
    if len(names) == 1:
        results = update(None, [Point(row.time, row.values[0], row.volume) for row in rows], options)[1]
        name = names[0] if names[0] != "value" else Path(path).stem
        found = {name: of_results(results)}
        scored = [(result.value, result.score) for result in results]
    else:
        found, scored = _group(names, rows, options)
    if scores:
        _write(Path(scores), rows, scored)
    if as_json:
        out.write(terminal.to_json({"series": [_as_json(name, each) for name, each in found.items()]}) + "\n")
    else:
        _print(found, out)
    return OK


def _group(
    names: Sequence[str], rows: Sequence[Row], options: Options
) -> tuple[dict[str, Replay], list[tuple[float, float]]]:
    if len(names) < group.FEWEST:
        raise CommandError(f"a group has at least {group.FEWEST} value columns; here are {', '.join(names)}")
    told = group.update(None, ((row.time, dict(zip(names, row.values, strict=True))) for row in rows), options)[1]
    by_name: dict[str, list[Result]] = {f"the median of {len(names)}": [each.whole for each in told]}
    for name in names:
        by_name[f"{name}, its distance from the median,"] = [
            each.members[name] for each in told if name in each.members
        ]
    scored = [
        (each.whole.value, max([each.whole.score, *(member.score for member in each.members.values())]))
        for each in told
    ]
    return {name: of_results(results) for name, results in by_name.items()}, scored


def _read(path: Path, volume: str) -> tuple[list[str], list[Row]]:
    """The names of the value columns, and the rows."""
    try:
        lines = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
        header = [name.strip() for name in next(lines, [])]
        missing = [name for name in (TIME, volume) if name and name not in header]
        if missing or len(set(header)) < len(header):
            wrong = f"{', '.join(missing)} is not there" if missing else "one is there twice"
            raise CommandError(f"{path}: its first line must name the columns, {TIME} and others: {wrong}")
        names = [name for name in header if name not in (TIME, volume)]
        if not names:
            raise CommandError(f"{path}: there is no column with values")
        rows = [_row(f"{path}, line {lines.line_num}", header, line, names, volume) for line in lines if line]
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path}: {error}") from None
    if not rows:
        raise CommandError(f"{path}: there are no rows")
    return names, rows


def _row(where: str, header: list[str], line: list[str], names: list[str], volume: str) -> Row:
    if len(line) != len(header):
        raise CommandError(f"{where}: {len(line)} values for {len(header)} columns")
    cells = dict(zip(header, line, strict=True))
    try:
        values = tuple(_number(cells[name]) for name in names)
        made_of = _number(cells[volume]) if volume else math.inf
        return Row(cells[TIME], _time(cells[TIME]), values, made_of)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"{where}: {error}") from None


def _time(text: str) -> float:
    """Seconds since 1970 of an ISO time (UTC where it names no zone) or of such seconds."""
    try:
        return float(text)
    except ValueError:
        at = datetime.fromisoformat(text.strip())
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    return math.nan if text.strip().lower() in _NO_NUMBER else float(text)


def _print(found: dict[str, Replay], out: TextIO) -> None:
    told = [(alert.time, name, alert) for name, each in found.items() for alert in each.told]
    for time, name, alert in sorted(told, key=lambda each: each[0]):
        print(f"{clock(time)}  {safe(explain(alert, name))}", file=out)
    if told:
        print(file=out)
    for name, each in found.items():
        if each.fired or len(found) == 1:
            print(f"{safe(name)} {each}", file=out)
    quiet = sum(not each.fired for each in found.values())
    if quiet and len(found) > 1:
        print(f"{quiet} of {len(found)} would not have fired", file=out)


def _as_json(name: str, replay: Replay) -> dict[str, Any]:
    alerts = [{**msgspec.structs.asdict(alert), "explanation": explain(alert, name)} for alert in replay.told]
    return {"name": name, "fired": replay.fired, "per_week": round(replay.per_week, 2), "alerts": alerts}


def _write(path: Path, rows: Sequence[Row], scored: Sequence[tuple[float, float]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((TIME, "value", "anomaly_score"))
            for row, (value, score) in zip(rows, scored, strict=True):
                writer.writerow((safe(row.written), value, score))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def command(given: argparse.Namespace) -> int:
    """``tracelake detect``."""
    names = ("direction", "min_level", "min_volume", "sensitivity")
    options = msgspec.convert({name: getattr(given, name) for name in names}, Options)
    return run(given.path, options, sys.stdout, as_json=given.json, scores=given.scores, volume=given.volume)

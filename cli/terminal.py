"""Output that cannot harm a terminal or a spreadsheet, whatever the lake holds.

Log lines and customers' names come from outside and may hold escape sequences that move the cursor, change colours or
reorder text, or formulas for whoever opens a CSV file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.text import CONTROL, safe

Cell = str | int | float | bool | datetime | None
Rows = Sequence[dict[str, Cell]]

FORMATS = ("table", "json", "csv")
_WIDE = 10_000
_FORMULA = re.compile(r"[=+\-@]")


def show(columns: Sequence[str], rows: Rows, form: str, out: TextIO) -> None:
    """Write rows as a table for people, or as JSON or CSV for programs."""
    {"table": _table, "json": _json, "csv": _csv}[form](columns, rows, out)


def console(out: TextIO) -> Console:
    """A console that only colours and folds where somebody looks at it."""
    return Console(file=out, width=None if out.isatty() else _WIDE, highlight=False, soft_wrap=False)


def _table(columns: Sequence[str], rows: Rows, out: TextIO) -> None:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        numeric = any(isinstance(row[column], (int, float)) for row in rows)
        table.add_column(Text(safe(column)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_plain(row[column])) for column in columns))
    buffer = io.StringIO()
    target = console(out) if out.isatty() else Console(file=buffer, width=_WIDE)
    if Measurement.get(target, target.options.update(max_width=_WIDE), table).maximum > target.width:
        _records(columns, rows, target)
    else:
        target.print(table)
    # a file or pipe gets no trailing blanks
    out.write("".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines()))


def _records(columns: Sequence[str], rows: Rows, target: Console) -> None:
    """A block for each row, where a table would be wider than the terminal."""
    for number, row in enumerate(rows, 1):
        target.print(Rule(Text(f"row {number}"), align="left", style="dim"))
        grid = Table.grid(padding=(0, 2))
        for column in columns:
            grid.add_row(Text(safe(column), style="bold"), Text(_plain(row[column]), overflow="fold"))
        target.print(grid)


def _plain(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return safe(f"{value:,.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value))


def to_json(value: object) -> str:
    """JSON with readable letters of any script; what a terminal would obey is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, default=lambda each: each.isoformat())
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _json(_columns: Sequence[str], rows: Rows, out: TextIO) -> None:
    lines = ",\n".join(f"  {to_json(row)}" for row in rows)
    out.write(f"[\n{lines}\n]\n" if rows else "[]\n")


def _csv(columns: Sequence[str], rows: Rows, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(safe(column) for column in columns)
    for row in rows:
        writer.writerow(_cell(row[column]) for column in columns)


def _cell(value: Cell) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        cleaned = safe(value)
        return f"'{cleaned}" if _FORMULA.match(cleaned) else cleaned
    return value

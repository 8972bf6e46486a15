"""Writes the generated tables of README and docs: ``python -m docs.generate`` (``--check`` only tells what is stale).

A generated block stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is a key of ``BLOCKS``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

from functions.core import questions
from functions.core.schema import TABLES
from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/data_dictionary.md", "docs/settings.md")
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def data_dictionary() -> str:
    """Every table of the lake with its columns."""
    return "\n".join(
        f"## {table.name}\n\n{table.doc}\n\n"
        + _table(("column", "type", "meaning"), ((f"`{c.name}`", f"`{c.type}`", c.doc) for c in table.columns))
        for table in TABLES.values()
    )


def question_table() -> str:
    """The named queries with the telemetry each needs."""
    return _table(
        ("question", "`tracelake ask`", "needs"),
        ((q.title, f"`{q.name}`", q.needs) for q in questions.load_all().values()),
    )


def settings_table() -> str:
    """The keys of cdk.json's `tracelake` context."""
    return _table(
        ("key", "default", "meaning"),
        ((f"`{f.name}`", f"`{getattr(Settings(), f.name)!r}`", f.metadata["doc"]) for f in fields(Settings)),
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "data_dictionary": data_dictionary,
    "questions": question_table,
    "settings": settings_table,
}


def render(text: str) -> str:
    """The page with its generated blocks made anew; ``KeyError`` where a block's name is unknown."""
    return _BLOCK.sub(lambda m: f"{m[1]}{BLOCKS[m[2]]()}{m[3]}", text)


def main(check: bool) -> int:
    stale = []
    for name in PAGES:
        page = ROOT / name
        before = page.read_text()
        after = render(before)
        if after != before:
            stale.append(name)
            if not check:
                page.write_text(after)
    if stale:
        sys.stdout.write(f"{'stale' if check else 'written'}: {', '.join(stale)}\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv))

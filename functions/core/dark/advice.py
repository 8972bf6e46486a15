"""What would fill the columns that stay empty: the advice of advice.toml, and where it is due."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import msgspec

from functions.core.dark.things import Thing
from functions.core.dark.tools import CODE, TOOLS
from functions.core.schema import TABLES

FILE = Path(__file__).with_suffix(".toml")

FACTS = frozenset(
    {
        *("function", "api", "http_api", "rest_api"),
        *("text_logs", "json_logs", "not_traced", "no_spans", "no_otel_layer"),
        *("no_json_access_log", "no_customer_in_access_log"),
    }
)
"""The words that can be true of a thing."""


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One advice of the file; ``columns`` are ``table.column``."""

    id: str
    title: str
    when: tuple[str, ...]
    columns: tuple[str, ...]
    costs: str
    why: str
    lines: dict[str, str]


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    formats: dict[str, dict[str, str]]
    advice: tuple[Advice, ...]


@cache
def load() -> Book:
    """The file; raises where it is not as it should be."""
    book = msgspec.toml.decode(FILE.read_bytes(), type=Book)
    known = {f"{table.name}.{column.name}" for table in TABLES.values() for column in table.columns}
    for each in book.advice:
        if wrong := (set(each.when) - FACTS) | (set(each.columns) - known) | (set(each.lines) - {*TOOLS, *CODE}):
            raise ValueError(f"advice {each.id} names {', '.join(sorted(wrong))}")
    return book


def due(thing: Thing) -> dict[str, list[str]]:
    """Ids of the advice for a thing, each with the columns that are empty without it."""
    found = {}
    for each in load().advice:
        if thing.facts.issuperset(each.when) and (columns := [name for name in each.columns if thing.lacks(name)]):
            found[each.id] = columns
    return found


def lines(advice: Advice, tool: str | None = None) -> dict[str, str]:
    """What to write, by the tool (or by all of them) and by the language of the function's own code."""
    kind = next((name for name in load().formats if name in advice.when), "")
    access_log = json.dumps(load().formats.get(kind, {}))
    return {
        name: text.strip("\n").replace("{access_log}", access_log)
        for name, text in advice.lines.items()
        if tool is None or name == tool or name in CODE
    }

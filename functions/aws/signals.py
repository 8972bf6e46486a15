"""How far the signals are complete, and how far they were judged: two times of the state table."""

from __future__ import annotations

from typing import Literal

from functions.aws import items

_KEY = "signals"
Mark = Literal["seen", "judged"]
"""``seen``: what was committed until then is in the signals. ``judged``: what happened until then was judged."""


def read(table: str, mark: Mark) -> int:
    """Until when, in ms; 0 where it never was."""
    item = items.get(table, _KEY, mark)
    return int(item["until_ms"]["N"]) if item else 0


def write(table: str, mark: Mark, until_ms: int) -> None:
    """Set it."""
    items.transact([items.put(table, {"pk": _KEY, "sk": mark, "until_ms": until_ms})])

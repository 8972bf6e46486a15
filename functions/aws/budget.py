"""A month's budget: an item of the state table with what is remembered of it, and what was found last."""

from __future__ import annotations

import msgspec

from functions.aws import items
from functions.core.budget import Memory, Status

MEMORY_LIFE_S = 90 * 86_400


def memory(table: str, month: str) -> Memory:
    """What is remembered of a month; empty where that is nothing."""
    item = items.get(table, "budget", month)
    return msgspec.convert(items.unpack_json(item, "memory"), Memory) if item else Memory()


def status(table: str, month: str) -> Status | None:
    """What was found last in a month; ``None`` where nobody looked."""
    item = items.get(table, "budget", month)
    return msgspec.convert(items.unpack_json(item, "status"), Status) if item else None


def remember(table: str, memory: Memory, status: Status) -> None:
    """Keep both, for some months."""
    values = {
        "pk": "budget",
        "sk": status.month,
        "memory": msgspec.to_builtins(memory),
        "status": msgspec.to_builtins(status),
        "expires_at": status.at_ms // 1000 + MEMORY_LIFE_S,
    }
    items.transact([items.put(table, values)])

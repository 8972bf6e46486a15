"""What is remembered of a month's budget: an item of the state table for each month."""

from __future__ import annotations

import msgspec

from functions.aws import items
from functions.core.budget import Memory

MEMORY_LIFE_S = 90 * 86_400


def memory(table: str, month: str) -> Memory:
    """What is remembered of a month; empty where that is nothing."""
    item = items.get(table, "budget", month)
    return msgspec.convert(items.unpack_json(item, "memory"), Memory) if item else Memory()


def remember(table: str, month: str, memory: Memory, now_ms: int) -> None:
    """Keep it, for some months."""
    expires_at = now_ms // 1000 + MEMORY_LIFE_S
    values = {"pk": "budget", "sk": month, "memory": msgspec.to_builtins(memory), "expires_at": expires_at}
    items.transact([items.put(table, values)])

"""What `subscribe_log_groups` writes down for the widget of the subscriptions; no Arrow is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class State:
    """What `subscribe_log_groups` found when it last changed (ms). Lists are cut, counts are not."""

    changed_ms: int = 0
    groups: int = 0
    subscribed_count: int = 0
    subscribed: list[str] = field(default_factory=list)
    refused_count: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    guarded: dict[str, list[str]] = field(default_factory=dict)
    guarded_counts: dict[str, int] = field(default_factory=dict)
    stopped_by: str = ""
    policy_refused: str = ""


def decode(body: bytes) -> State | None:
    """The state as it was written; ``None`` where there is none that can be read."""
    try:
        return msgspec.json.decode(body, type=State)
    except msgspec.MsgspecError:
        return None

"""How functions are configured, day by day: what differs from the day before is a change, and needs no trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from functions.core import values

Configuration = dict[str, Any]
"""``name``, ``last_modified`` and what is compared; of environment variables only the names."""

_NOT_COMPARED = ("name", "last_modified")


class Snapshot(msgspec.Struct):
    """All functions by ARN at one time (ms), and the ``changes`` that led there and may not be on the stream yet."""

    taken_ms: int
    functions: dict[str, Configuration]
    changes: list[dict[str, Any]] = []


def encode(snapshot: Snapshot) -> bytes:
    """A snapshot as JSON."""
    return msgspec.json.encode(snapshot)


def decode(body: bytes) -> Snapshot | None:
    """A snapshot; None where there is none, or where it cannot be read: then the next one is the first again."""
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.MsgspecError:
        return None


def configuration(function: Mapping[str, Any]) -> Configuration:
    """What is kept of a function as Lambda describes it
    (https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html)."""
    return {
        "name": function["FunctionName"],
        "last_modified": function.get("LastModified"),
        "runtime": function.get("Runtime"),
        "memory_mb": function.get("MemorySize"),
        "timeout_s": function.get("Timeout"),
        "handler": function.get("Handler"),
        "architectures": function.get("Architectures", []),
        "layers": [layer["Arn"] for layer in function.get("Layers", [])],
        "code_sha256": function.get("CodeSha256"),
        "environment_names": sorted(function.get("Environment", {}).get("Variables", {})),
    }


def differences(before: Snapshot | None, now: Mapping[str, Configuration], now_ms: int) -> list[dict[str, Any]]:
    """Events ``configuration_changed``, none where there is no snapshot before; their ids depend on the change alone.

    A function that was modified although nothing that is kept differs (the value of a variable, say) is one too.
    """
    return [] if before is None else list(_differences(before, now, now_ms))


def _differences(before: Snapshot, now: Mapping[str, Configuration], now_ms: int) -> Iterator[dict[str, Any]]:
    for arn in sorted(before.functions.keys() | now.keys()):
        old, new = before.functions.get(arn), now.get(arn)
        if old == new:
            continue
        action = "updated" if old and new else "created" if new else "deleted"
        changes = _changes(old, new) if old and new else {}
        if action == "updated" and not changes:
            continue
        # Lambda says when, but not of what is gone
        modified = values.time_ms(new["last_modified"]) if new else None
        time = modified if modified and before.taken_ms <= modified <= now_ms else now_ms
        yield {
            "event_type": "configuration_changed",
            "id": f"{arn}@{time}/{action}",
            "time": time,
            "function": (new or old or {})["name"],
            "action": action,
            "changes": changes,
        }


def _changes(old: Configuration, new: Configuration) -> dict[str, Any]:
    """What differs; what an earlier release did not keep says nothing."""
    compared = [name for name in new if name in old and name not in _NOT_COMPARED]
    differ = [name for name in compared if old[name] != new[name]]
    if not differ and old["last_modified"] != new["last_modified"]:
        differ = ["last_modified"]
    return {name: {"old": old[name], "new": new[name]} for name in differ}

"""What surrounds a function: its settings, the clock and chance. Nothing else reads them."""

from __future__ import annotations

import os
import secrets
import time
from datetime import UTC, datetime


class MissingSettingError(LookupError):
    """An environment variable that the stack should have set is missing."""


def required(name: str) -> str:
    """Value of an environment variable; ``MissingSettingError`` where it is absent or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSettingError(f"environment variable {name} is not set; the function cannot work without it")
    return value


def optional(name: str, default: str = "") -> str:
    """Value of an environment variable, or the default."""
    return os.environ.get(name, default)


def comma_list(name: str) -> tuple[str, ...]:
    """Values of a comma-separated variable, without blanks; empty where it is absent."""
    return tuple(part.strip() for part in optional(name).split(",") if part.strip())


def stage() -> str:
    """Name of the deployment, e.g. ``main``."""
    return optional("TRACELAKE_STAGE", "main")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def seconds() -> float:
    """Seconds since some moment, to measure how long something takes."""
    return time.perf_counter()


def new_id(at_ms: int) -> str:
    """A name that no other attempt has and that sorts by time, e.g. ``20261120T112233-9f86d081884c``."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"


def random_bytes(count: int) -> bytes:
    """Bytes that nobody can guess."""
    return secrets.token_bytes(count)

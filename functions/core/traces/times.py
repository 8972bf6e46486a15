"""Times of spans in nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from functions.core import values

_NANOS_PER_UNIT = ((1e17, 1), (1e14, 1_000), (1e11, 1_000_000), (0.0, 1_000_000_000))
"""Least epoch in ns, us, ms and s: before it would be 1973, after the next one the year 5138."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(value: Any) -> int | None:
    """A time from an epoch (s, ms, us or ns, told apart by size; a number or its text) or an ISO 8601 time.

    Fractions count to the microsecond: a float of seconds has no more. None where it is no time between 1970 and 9999.
    """
    epoch = values.number(value)
    if epoch is None:
        return _written(value) if type(value) is str and 10 <= len(value) <= 40 else None
    if epoch <= 0:
        return None
    factor = next(nanos for least, nanos in _NANOS_PER_UNIT if epoch >= least)
    whole = value if type(value) is int else int(value) if type(value) is str and value.isdecimal() else None
    found = whole * factor if whole is not None else round(epoch * factor / 1000) * 1000
    return found if 0 < found <= values.MAX_TIME_MS * 1_000_000 else None


def _written(value: str) -> int | None:
    try:
        time = datetime.fromisoformat(value)
        since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    found = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    return found if found > 0 else None

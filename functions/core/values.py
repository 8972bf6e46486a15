"""Values from outside, made safe for a column: text, numbers and times of any form, or None where there is none.

Every number and time that a source puts in a row passes through here, so building Arrow columns cannot fail.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
MAX_TIME_MS = 253_402_300_799_999  # the end of the year 9999

_WHOLE_NUMBERS = frozenset({int, str})
_NUMBERS = _WHOLE_NUMBERS | {float}
_ENCODE = msgspec.json.Encoder().encode
_LEAST_MS, _LEAST_US = 10**11, 10**14
_EPOCH_UNITS = ((1e17, 1e-6), (_LEAST_US, 1e-3), (_LEAST_MS, 1.0), (0.0, 1e3))
_POWERTOOLS_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)[.,]?(\d{0,9})\s*(Z|[+-]\d\d:?\d\d)?$")
_ACCESS_LOG_TIME = re.compile(r"\d\d?/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$")


def text(value: Any) -> str | None:
    """A value as text: strings as they are, booleans as ``true``/``false``, nested values as JSON, None as None."""
    if type(value) is str:
        return value
    if value is None:
        return None
    return str(value) if type(value) is int or type(value) is float else as_json(value)


def as_json(value: Any) -> str:
    """A value as JSON, compact."""
    try:
        return _ENCODE(value).decode()
    except (TypeError, ValueError, OverflowError):
        return json.dumps(value, default=str)


def each(values: Sequence[Any], change: Callable[[Any], T]) -> list[T]:
    """Values, each changed; of those that repeat, as most do, each only once."""
    try:
        changed = {value: change(value) for value in set(values)}
    except TypeError:  # lists and objects cannot be told apart by hashing
        return list(map(change, values))
    return list(map(changed.__getitem__, values))


def name(value: Any) -> str | None:
    """A value as a name: like ``text``, but empty means absent."""
    return text(value) or None


def number(value: Any) -> float | None:
    """A finite number from a number or a numeric string; None for everything else, booleans included."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int or (type(value) is str and len(value) < 64):
        try:
            result = float(value)
        except (ValueError, OverflowError):
            return None
        return result if math.isfinite(result) else None
    return None


def numbers(written: Sequence[Any]) -> list[float | None]:
    """``number`` of many values; at once where all of them are numbers."""
    try:
        found = list(map(float, written)) if set(map(type, written)) <= _NUMBERS else []
    except (ValueError, OverflowError):
        found = []
    return [*found] if found and all(map(math.isfinite, found)) else list(map(number, written))


def int64s(written: Sequence[Any]) -> list[int | None]:
    """``int64`` of many values; at once where all of them are whole numbers."""
    try:
        found = list(map(int, written)) if set(map(type, written)) <= _WHOLE_NUMBERS else []
    except ValueError:
        found = []
    return [*found] if found and min(found) >= -INT64_MAX and max(found) <= INT64_MAX else list(map(int64, written))


def int32(value: Any) -> int | None:
    """A whole number that fits an ``int`` column."""
    result = int64(value)
    return result if result is not None and -INT32_MAX <= result <= INT32_MAX else None


def int64(value: Any) -> int | None:
    """A whole number that fits a ``bigint`` column."""
    if type(value) is not int:
        float_value = number(value)
        if float_value is None:
            return None
        value = int(float_value)
    return value if -INT64_MAX <= value <= INT64_MAX else None


def time_ms(value: Any) -> int | None:
    """Milliseconds since 1970 from an epoch (s, ms, us or ns, told apart by size) or from a written time.

    Written times are ISO 8601, Powertools' ``2021-05-03 11:47:12,494+0000`` and API Gateway's
    ``09/Apr/2015:12:34:56 +0000``; without a zone they are UTC. None where it is no time between 1970 and 9999.
    """
    if type(value) is int and _LEAST_MS <= value < _LEAST_US:
        return value
    epoch = number(value)
    if epoch is not None:
        if epoch <= 0:
            return None
        factor = next(factor for least, factor in _EPOCH_UNITS if epoch >= least)
        result = int(value) // round(1 / factor) if type(value) is int and factor <= 1 else int(epoch * factor)
        return result if 0 < result <= MAX_TIME_MS else None
    return _written_time_ms(value) if type(value) is str and 10 <= len(value) <= 40 else None


def _written_time_ms(value: str) -> int | None:
    match = _POWERTOOLS_TIME.match(value)
    try:
        if match:
            day, clock, fraction, zone = match.groups()
            parsed = datetime.fromisoformat(f"{day}T{clock}{(zone or '+00:00').replace('Z', '+00:00')}")
            return _in_range(int(parsed.timestamp()) * 1000 + int(fraction.ljust(3, "0")[:3]))
        if _ACCESS_LOG_TIME.match(value):
            return _in_range(int(datetime.strptime(value, "%d/%b/%Y:%H:%M:%S %z").timestamp()) * 1000)
        parsed = datetime.fromisoformat(value)
        return _in_range(int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError):
        return None


def _in_range(value: int) -> int | None:
    return value if 0 < value <= MAX_TIME_MS else None

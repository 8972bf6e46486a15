"""Trace ids of X-Ray and W3C in one form: 32 lower-case hex digits (span ids: 16)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

_XRAY = re.compile(r"(?:.*?Root=)?1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})\b")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_BASE64_LENGTHS = frozenset({24, 12})
"""Of 16 and of 8 bytes."""


def trace_id(value: object) -> str | None:
    """A trace id from W3C hex, an X-Ray id, an ``X-Amzn-Trace-Id`` header or a traceparent; None where it is none.

    Formats: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    if type(value) is not str or len(value) < 32:
        return None
    if len(value) == 32:
        return _hex(value) if value != _NO_TRACE else None
    if len(value) == 35 and value[1] == "-" and value[10] == "-":
        return _hex(value[2:10] + value[11:])
    match = _XRAY.match(value)
    if match:
        return (match[1] + match[2]).lower()
    match = _TRACEPARENT.match(value)
    return match[1] if match else None


def span_id(value: object) -> str | None:
    """A span id of 16 hex digits, in lower case; None where it is none, or all zeros (no parent)."""
    if type(value) is not str or len(value) != 16 or value == _NO_SPAN:
        return None
    return _hex(value)


def as_hex(value: Any) -> Any:
    """An id that is written in base64, as OTLP's protobuf mapping has bytes, or begins with ``0x``, as hex digits;
    any other value as it is."""
    if type(value) is not str:
        return value
    if value.startswith("0x"):
        return value[2:]
    if len(value) in _BASE64_LENGTHS:
        try:
            return binascii.a2b_base64(value, strict_mode=True).hex()
        except binascii.Error:
            pass
    return value


def derived_id(of: str, digits: int) -> str:
    """An id for what has none: always the same one of the same text."""
    return sha256(of.encode(errors="replace")).hexdigest()[:digits]


def trace_ids(written: Sequence[Any]) -> list[str | None]:
    """``trace_id`` of many values; those that are all of X-Ray's or all of W3C's plain form are checked at once."""
    together, sizes = _together(written)
    count = len(written)
    if sizes == {35} and together[::35] + together[1::35] + together[10::35] == "1" * count + "-" * (2 * count):
        digits = together.replace("-", "")
        if len(digits) == 33 * count and _is_hex(digits):
            return [digits[start + 1 : start + 33] for start in range(0, len(digits), 33)]
    elif sizes == {32} and _is_hex(together) and _NO_TRACE not in written:
        return list(written)
    return list(map(trace_id, written))


def span_ids(written: Sequence[Any]) -> list[str | None]:
    """``span_id`` of many values, checked at once where they are as they should be."""
    together, sizes = _together(written)
    if sizes == {16} and _is_hex(together) and _NO_SPAN not in written:
        return list(written)
    return list(map(span_id, written))


def parent_ids(written: Sequence[Any]) -> list[str]:
    """``span_id`` of the parents of many spans; an absent one is empty."""
    parents = [parent or "" for parent in written]
    together, sizes = _together(parents)
    if sizes <= {0, 16} and _is_hex(together) and _NO_SPAN not in parents:
        return parents
    return [span_id(parent) or "" for parent in parents]


def _together(written: Sequence[Any]) -> tuple[str, set[int]]:
    """All values as one text, and their lengths; nothing where one is no text."""
    try:
        return "".join(written), set(map(len, written))
    except TypeError:
        return "", {-1}


def _is_hex(digits: str) -> bool:
    """Whether these are hex digits in lower case, and nothing else."""
    even = digits if len(digits) % 2 == 0 else digits + "0"
    return _hex(even) == even


def _hex(value: str) -> str | None:
    """Hex digits in lower case; None where there is anything else, spaces included."""
    try:
        digits = bytes.fromhex(value).hex()
    except ValueError:
        return None
    return digits if len(digits) == len(value) else None

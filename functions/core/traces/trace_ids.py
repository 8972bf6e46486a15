"""Trace ids of X-Ray and W3C in one form: 32 lower-case hex digits (span ids: 16)."""

from __future__ import annotations

import re

_XRAY = re.compile(r"(?:.*?Root=)?1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})\b")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


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


def ids_of(trace: object, span: object, parent: object) -> tuple[str | None, str | None, str]:
    """Trace id, span id and parent id of a span; an absent parent is empty.

    The three are checked at once where they are as they should be, which saves time with every span.
    """
    if type(trace) is str and type(span) is str and len(trace) == 32 and len(span) == 16:
        known_parent = parent if type(parent) is str and len(parent) == 16 else ""
        together = trace + span + known_parent
        if _hex(together) == together and trace != _NO_TRACE and _NO_SPAN not in (span, known_parent):
            return trace, span, known_parent
    return trace_id(trace), span_id(span), span_id(parent) or ""


def _hex(value: str) -> str | None:
    """Hex digits in lower case; None where there is anything else, spaces included."""
    try:
        digits = bytes.fromhex(value).hex()
    except ValueError:
        return None
    return digits if len(digits) == len(value) else None

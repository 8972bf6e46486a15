"""Groups errors of the same cause: the same type, the same message but for what varies, the same top frames."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

TOP_FRAMES = 3
LONGEST_MESSAGE = 500

_VARYING = re.compile(
    r"""(?P<quoted>"[^"\n]{0,200}"|'[^'\n]{0,200}')
      | (?P<id>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b | \b0x[0-9a-fA-F]+\b
             | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b)
      | (?P<url>\bhttps?://\S+)
      | (?P<path>(?<![\w.])/[\w.@$%+~-]+(?:/[\w.@$%+~-]*)+)
      | (?P<number>\d+(?:[.,:]\d+)*)""",
    re.VERBOSE,
)
_PYTHON_FRAME = re.compile(r'File "([^"]+)", line \d+, in (\S+)')
_JS_OR_JAVA_FRAME = re.compile(r"^\s*at (?:async )?([\w$.<>\[\] /-]+?)\s?\(", re.MULTILINE)
_LAST_LINE_OF_TRACEBACK = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning|Interrupt|Timeout|[A-Z]\w*)): ?(.*)", re.M
)


class Failure(NamedTuple):
    """What a stack trace says: exception class, its message, functions from the innermost outwards."""

    type: str | None
    message: str
    frames: tuple[str, ...]


def fingerprint(error_type: str | None, message: str | None, frames: tuple[str, ...] = ()) -> str:
    """Fingerprint of an error: 16 hex digits."""
    top = tuple(frame[:LONGEST_MESSAGE] for frame in frames[:TOP_FRAMES])
    return _fingerprint((error_type or "")[:LONGEST_MESSAGE], (message or "")[:LONGEST_MESSAGE], top)


@lru_cache(maxsize=4096)
def _fingerprint(error_type: str, message: str, frames: tuple[str, ...]) -> str:
    parts = [error_type.rpartition(".")[2], normalised(message), *frames]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def normalised(message: str) -> str:
    """A message without what varies from one occurrence to the next: ids, numbers, paths, addresses, quoted text."""
    return _VARYING.sub(lambda match: f"<{match.lastgroup}>", message).strip()


def failure(trace: str) -> Failure:
    """Reads a stack trace of Python, JavaScript or Java; what is not found is empty."""
    python_frames = _PYTHON_FRAME.findall(trace)
    if python_frames or trace.startswith("Traceback"):
        last = _last_match(trace)
        frames = tuple(f"{path.rpartition('/')[2]}:{function}" for path, function in reversed(python_frames))
        return Failure(last[0], last[1], frames)
    first = _LAST_LINE_OF_TRACEBACK.match(trace)
    frames = tuple(_JS_OR_JAVA_FRAME.findall(trace))
    return Failure(first[1] if first else None, first[2] if first else "", frames)


def _last_match(trace: str) -> tuple[str | None, str]:
    found = None
    for match in _LAST_LINE_OF_TRACEBACK.finditer(trace):
        found = match
    return (found[1], found[2]) if found else (None, "")

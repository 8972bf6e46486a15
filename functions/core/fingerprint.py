"""Groups errors of the same cause: the same type, the same message but for what varies, the same top frames.

What is read out of a stack trace stands in ``stack_traces``; here it is made equal.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from functions.core.stack_traces import TOP_FRAMES, Failure, failure

__all__ = ["Failure", "failure", "fingerprint", "normalised"]

LONGEST_MESSAGE = 500

_VARYING = re.compile(
    r"""(?P<quoted>(?<!\w)(?:"[^"\n]{0,200}"|'[^'\n]{0,200}'|`[^`\n]{0,200}`)(?!\w))
      | (?P<id>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b | \b0x[0-9a-fA-F]+\b
             | \barn:[\w-]+:[\w-]*:[\w-]*:\d*:[^\s,;"')]+
             | (?<![\w.])[\w.+%-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+
             | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b
             | \b(?=[A-Z]*\d[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{6,}\b
             | \b[a-z]{2,8}_(?=[a-zA-Z]*\d)[A-Za-z0-9]{6,}\b
             | \b(?=[A-Za-z_]*\d[A-Za-z_]*\d)(?=\d*[A-Za-z_])\w{14,}\b
             | (?<![\w:])(?=[0-9a-fA-F:]*\d)(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:]))
      | (?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?(?:Z\b|UTC\b|[+-]\d\d:?\d\d))?)?)
      | (?P<url>\b[a-z][a-z0-9+]{1,10}://[^\s"'<>)\]]+)
      | (?P<path>(?<![\w.])(?:[A-Za-z]:)?[/\\][\w.@$%+~-]+(?:[/\\][\w.@$%+~-]*)+)
      | (?P<number>(?:(?<![\w.])-)?\d+(?:[.,:_]\d+)*(?:[eE][-+]?\d+)?)""",
    re.VERBOSE,
)
_LIST = re.compile(r"(<\w+>)(?:\s*[,;]\s*<\w+>)+")
_PART_OF_TYPE = re.compile(r"[\w]+(?=[>\]\s]*$)")


def fingerprint(error_type: str | None, message: str | None, frames: tuple[str, ...] = ()) -> str:
    """Fingerprint of an error: 16 hex digits."""
    top = tuple(frame[:LONGEST_MESSAGE] for frame in frames[: TOP_FRAMES + 1])
    return _fingerprint((error_type or "")[:LONGEST_MESSAGE], (message or "")[:LONGEST_MESSAGE], top)


@lru_cache(maxsize=4096)
def _fingerprint(error_type: str, message: str, frames: tuple[str, ...]) -> str:
    parts = [_class_of(error_type), normalised(message), *map(normalised, frames)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _class_of(error_type: str) -> str:
    """The class without its package, and without Ruby's ``Function<...>`` around it."""
    match = _PART_OF_TYPE.search(error_type)
    return match[0] if match else error_type


def normalised(message: str) -> str:
    """A message without what varies from one occurrence to the next: ids, numbers, paths, addresses, quoted text and
    times; of lists of these one is left."""
    plain = _VARYING.sub(lambda match: f"<{match.lastgroup}>", message).strip()
    return _LIST.sub(r"\1", plain)

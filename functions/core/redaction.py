"""Secrets and personal data taken out before anything is written.

Works on whole Arrow columns with RE2, whose time is linear in the text whatever the text is. A cheap test finds the few
values that can hold a secret at all; only these pass through the rules.
"""

from __future__ import annotations

import hashlib
import re
from array import array as array_of_ints
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.values import text

REDACTED = "[redacted]"
PLAIN, SECRET, HASHED = 0, 1, 2
_LONGEST_CACHED = 256
FREE_TEXT_COLUMNS = frozenset(
    {
        "message",
        "error_message",
        "name",
        "path",
        "route",
        "http_route",
        "remote_operation",
        "user_agent",
        "old_value",
        "new_value",
    }
)


class Rule(NamedTuple):
    """A secret: RE2 pattern, what replaces it, and a short pattern that every text with the secret matches."""

    pattern: str
    replacement: str
    hint: str


_SENSITIVE_NAMES = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|secret[_-]?(?:access[_-]?)?key|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|(?:access|id|refresh|auth|session|security|csrf|bearer)?[_-]?token|credentials?"
    r"|authorization|set-cookie|cookie)"
)
_HASHED_NAMES = (
    r"(?:client[._]?(?:ip|address)|source[._]?ip(?:s|_?address)?|remote[._]?(?:ip|addr|address)|peer[._](?:ip|addr)"
    r"|network\.peer\.address|x-forwarded-for|enduser\.id|user[._]?id|user[._]?name)"
)

RULES: tuple[Rule, ...] = (
    Rule(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        "[redacted private key]",
        "PRIVATE KEY",
    ),
    Rule(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "[redacted access key]", "AKIA|ASIA"),
    Rule(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", "[redacted jwt]", "eyJ"),
    Rule(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,})",
        REDACTED,
        r"gh[pousr]_|xox|sk_live",
    ),
    Rule(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", rf"\1 {REDACTED}", r"(?i:bearer|basic)\s"),
    Rule(r"://[^/\s:@]+:[^/\s@]+@", f"://{REDACTED}@", "@"),
    Rule(
        rf"""(?i)({_SENSITIVE_NAMES}\\*["']?\s*[:=]\s*)(?:\\*"(?:[^"\\]|\\[^"])*\\*"|'[^']*'|[^\s,;&|<>()\[\]{{}}"'\\]+)""",
        rf'\1"{REDACTED}"',
        r"(?i:passw(?:or)?d|passphrase|pwd|secret|key|token|credentials?|authorization|cookie)\\*[\"']?\s*[:=]",
    ),
    Rule(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", "[redacted email]", "@"),
)

_HINT = "|".join(dict.fromkeys(rule.hint for rule in RULES))
_SECRET_KEY = re.compile(rf"{_SENSITIVE_NAMES}$", re.IGNORECASE)
_HASHED_KEY = re.compile(rf"(?:^|\.){_HASHED_NAMES}$", re.IGNORECASE)


class Redactor:
    """Applies the rules; ``hash_key`` (up to 64 bytes) makes the hashes of addresses and users useless to others."""

    def __init__(self, hash_key: bytes) -> None:
        self._hash_key = hash_key[:64]
        self._hash_cached = lru_cache(maxsize=10_000)(self._hash)

    def hashed(self, identity: str) -> str:
        """Keyed hash of an address or a user: 32 hex digits, the same for the same identity and key."""
        return self._hash_cached(identity) if len(identity) <= _LONGEST_CACHED else self._hash(identity)

    def _hash(self, identity: str) -> str:
        return hashlib.blake2b(identity.encode(), key=self._hash_key, digest_size=16).hexdigest()

    def text(self, texts: pa.StringArray) -> pa.StringArray:
        """Texts without secrets."""
        suspicious = pc.fill_null(pc.match_substring_regex(texts, _HINT), False)
        if not pc.any(suspicious).as_py():
            return texts
        cleaned = texts.filter(suspicious)
        for rule in RULES:
            cleaned = pc.replace_substring_regex(cleaned, rule.pattern, rule.replacement)
        return pc.replace_with_mask(texts, suspicious, cleaned)

    def protected(self, values: tuple[Any, ...], special: tuple[tuple[int, int], ...]) -> list[Any]:
        """Values of a map, those of special places as text and without what their protection hides."""
        hidden = list(values)
        for place, protection in special:
            value = hidden[place]
            if protection == PLAIN:
                hidden[place] = str(value) if type(value) is int else text(value)
            elif protection == SECRET:
                hidden[place] = REDACTED
            elif value is not None:
                hidden[place] = self.hashed(value if type(value) is str else str(value))
        return hidden


def any_suspicious(arrays: Sequence[pa.StringArray]) -> bool:
    """Whether a secret is possible anywhere in some arrays: all of their text is looked at as one, for each look at one
    value or one array costs extra."""
    data = [buffer for array in arrays if (buffer := array.buffers()[2]) is not None]
    sizes = array_of_ints("i", [0, sum(buffer.size for buffer in data)])
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(sizes), pa.py_buffer(b"".join(data)))
    return bool(pc.match_substring_regex(whole, _HINT)[0].as_py())


def protection_of(name: str) -> int:
    """How the value of a map entry or field of this name is protected: PLAIN, SECRET or HASHED."""
    return _protection_of(name[-_LONGEST_CACHED:])


@lru_cache(maxsize=10_000)
def _protection_of(name: str) -> int:
    if _SECRET_KEY.search(name):
        return SECRET
    return HASHED if _HASHED_KEY.search(name) else PLAIN

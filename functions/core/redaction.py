"""Secrets and personal data taken out before anything is written.

Works on whole Arrow columns with RE2, whose time is linear in the text whatever the text is. A cheap test finds the few
values that can hold a secret at all; only these pass through the rules.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

REDACTED = "[redacted]"
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
_SECRET_KEY = rf"(?i)(?:^|[._\-]|[a-z0-9]){_SENSITIVE_NAMES}$"
_HASHED_KEY = rf"(?i)(?:^|\.){_HASHED_NAMES}$"


class Redactor:
    """Applies the rules; ``hash_key`` (up to 64 bytes) makes the hashes of addresses and users useless to others."""

    def __init__(self, hash_key: bytes) -> None:
        self._hash_key = hash_key[:64]
        self.hashed = lru_cache(maxsize=10_000)(self._hashed)

    def _hashed(self, identity: str) -> str:
        """Keyed hash of an address or a user: 32 hex digits, the same for the same identity and key."""
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

    def entries(self, keys: pa.StringArray, items: pa.StringArray) -> pa.StringArray:
        """Values of a map without secrets: by the value itself, and by its key."""
        items = self.text(items)
        encoded = keys.dictionary_encode()
        names = encoded.dictionary
        secret = pc.match_substring_regex(names, _SECRET_KEY)
        if pc.any(secret).as_py():
            mask = secret.take(encoded.indices)
            items = pc.replace_with_mask(items, mask, pa.array([REDACTED] * mask.true_count, pa.string()))
        hashed = pc.match_substring_regex(names, _HASHED_KEY)
        if pc.any(hashed).as_py():
            mask = hashed.take(encoded.indices)
            identities = items.filter(mask).to_pylist()
            hashes = [identity and self.hashed(identity) for identity in identities]
            items = pc.replace_with_mask(items, mask, pa.array(hashes, pa.string()))
        return items


def is_secret_name(name: str) -> bool:
    """Whether a field or setting of this name holds a secret."""
    return bool(pc.match_substring_regex(pa.scalar(name), _SECRET_KEY).as_py())

"""What is secret and what names a person: patterns for texts, and names of members.

Patterns are RE2's, whose time is linear in the text whatever the text is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

REDACTED = "[redacted]"
HASH_MARK = "~"
"""Stands before the hash of an identity in JSON, so that it is not hashed again."""

PLAIN, SECRET, HASHED = 0, 1, 2
_LONGEST_CACHED = 256
_LONGEST_CACHED_NAMES = 4096
NO_NAMES: frozenset[str] = frozenset()
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
        "run_url",
    }
)
IDENTITIES = {
    "requests": frozenset(
        {"ip", "caller_ip", "user", "caller", "userArn", "principalId", "authorizer.principalId", "cognitoIdentityId"}
        | {"identity.user", "identity.sourceIp"}
    )
}
"""Names that mean a person in the lines of one table alone."""


class Rule(NamedTuple):
    """A secret: its name, RE2 pattern, what replaces it, and a short pattern that every text with it matches."""

    name: str
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

_ASSIGNMENT = rf"""{_SENSITIVE_NAMES}\\*["']?\s*[:=]\s*"""
_ASSIGNMENT_HINT = (
    r"(?i:passw(?:or)?d|passphrase|pwd|secret|key|token|credentials?|authorization|cookie)\\*[\"']?\s*[:=]"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^\"]*?-----END [A-Z ]*PRIVATE KEY-----)",
        "[redacted private key]",
        "PRIVATE KEY",
    ),
    Rule("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*", "[redacted private key]", "PRIVATE KEY"),
    Rule("access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "[redacted access key]", "AKIA|ASIA"),
    Rule("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", "[redacted jwt]", "eyJ"),
    Rule(
        "service token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,})",
        REDACTED,
        r"gh[pousr]_|xox|sk_live",
    ),
    Rule(
        "authorization header",
        r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
        rf"\1 {REDACTED}",
        r"(?i:bearer|basic)\s",
    ),
    Rule("password in an address", r"://[^/\s:@\"]+:[^/\s@\"]+@", f"://{REDACTED}@", "@"),
    Rule(
        "assignment to a secret name",
        rf"""(?i)({_ASSIGNMENT})(\\*")(?:[^"\\]|\\[^"])*(\\*")""",
        rf"\1\2{REDACTED}\3",
        _ASSIGNMENT_HINT,
    ),
    Rule("assignment to a secret name", rf"(?i)({_ASSIGNMENT})'[^'\"]*", rf"\1'{REDACTED}", _ASSIGNMENT_HINT),
    Rule(
        "assignment to a secret name",
        rf"""(?i)({_ASSIGNMENT})(?:[^\s,;&|<>()\[\]{{}}"'\\]+)""",
        rf"\1{REDACTED}",
        _ASSIGNMENT_HINT,
    ),
    Rule(
        "e-mail address", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", "[redacted email]", "@"
    ),
)


class Checked(NamedTuple):
    """Something private that a pattern alone does not tell: ``instead`` gives what replaces a match, given how
    identities are hashed. ``hint`` is RE2's, ``pattern`` Python's and without backtracking over more than the match."""

    name: str
    hint: str
    pattern: re.Pattern[str]
    instead: Callable[[str, Callable[[str], str]], str]


def _card(match: str, _: Callable[[str], str]) -> str:
    """A payment card's number by its checksum (ISO/IEC 7812-1, Luhn)."""
    digits = [int(digit) for digit in reversed(match) if digit.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return "[redacted card]" if (sum(digits[::2]) + sum(doubled)) % 10 == 0 else match


def _address(match: str, hashed: Callable[[str], str]) -> str:
    """An address of the public internet; those of private networks name no person and help to find a fault."""
    return HASH_MARK + hashed(match) if _is_public(match) else match


@lru_cache(maxsize=10_000)
def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


LEAST_CARD = 10**14
"""No number of a payment card is smaller."""

_ISSUER = r"(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|35\d\d|6(?:011|[45]\d\d))"
_CARD = "|".join(
    rf"\b{_ISSUER}{gap}\d{{4}}{gap}\d{{4}}{gap}\d{{4}}\b|\b3[4-9]\d\d{gap}\d{{6}}{gap}\d{{4,5}}\b"
    for gap in ("", " ", "-")
)
_IPV4 = r"(?:\d{1,3}\.){3}\d{1,3}\b"
_PERHAPS_PUBLIC = r"(?:\d|[02-9]\d|1[1-9]|[02-9]\d\d|1[013-9]\d|12[0-689])\.(?:\d{1,3}\.){2}\d{1,3}\b"
"""As ``_IPV4`` but for 10.* and 127.*, which are nearly all that the inside of a network writes."""

_GROUP = "[0-9a-fA-F]{1,4}"
_IPV6 = rf"[23][0-9a-fA-F]{{3}}:(?:(?:{_GROUP}:){{6}}|(?:{_GROUP}:){{0,5}}(?::{_GROUP}){{0,5}}:){_GROUP}"

CHECKED: tuple[Checked, ...] = (
    Checked("card number", _CARD, re.compile(_CARD, re.ASCII), _card),
    # what follows a slash is a version, as in Chrome/120.0.0.0, or a server's address
    Checked(
        "IPv4 address", r"(?:^|[^\w./-])" + _PERHAPS_PUBLIC, re.compile(r"(?<![\w./-])" + _IPV4, re.ASCII), _address
    ),
    Checked("IPv6 address", r"\b" + _IPV6, re.compile(r"(?<![\w:])" + _IPV6 + r"(?![\w:])", re.ASCII), _address),
)

_ESCAPED = r"\\[u/]"
"""JSON may write any character as an escape: such a text is looked at as it would be without."""

HINT = "|".join(dict.fromkeys([*(rule.hint for rule in RULES), *(rule.hint for rule in CHECKED)]))
TEXT_IN_JSON_HINT = rf"{HINT}|{_ESCAPED}"
_SECRET_KEY = re.compile(rf"{_SENSITIVE_NAMES}$", re.IGNORECASE)
_HASHED_KEY = re.compile(rf"(?:^|\.){_HASHED_NAMES}$", re.IGNORECASE)


@cache
def json_hint(identities: frozenset[str]) -> str:
    """A pattern that every JSON text with a secret or an identity matches, unless it is hidden already."""
    hashed = "|".join([_HASHED_NAMES, *map(re.escape, sorted(identities))])
    return "|".join(
        [
            TEXT_IN_JSON_HINT,
            rf"""(?i:{_SENSITIVE_NAMES})\\*"\s*:\s*(?:[^"\sn]|"[^\["]|"\[[^r])""",
            rf"""(?i:{hashed})\\*"\s*:\s*(?:[^"\sn]|"[^{HASH_MARK}"-]|"-[^"])""",
        ]
    )


def private_members(names: tuple[str, ...], identities: frozenset[str] = NO_NAMES) -> tuple[tuple[str, int], ...]:
    """Which of an object's members are secrets (SECRET) or identities (HASHED)."""
    if sum(map(len, names)) > _LONGEST_CACHED_NAMES:
        return _private_members(names, identities)
    return _private_members_cached(names, identities)


def _private_members(names: tuple[str, ...], identities: frozenset[str]) -> tuple[tuple[str, int], ...]:
    protections = ((name, HASHED if name in identities else protection_of(name)) for name in names)
    return tuple((name, protection) for name, protection in protections if protection != PLAIN)


_private_members_cached = lru_cache(maxsize=4096)(_private_members)


def protection_of(name: str) -> int:
    """How the value of a map entry or field of this name is protected: PLAIN, SECRET or HASHED."""
    return _protection_of(name[-_LONGEST_CACHED:])


@lru_cache(maxsize=10_000)
def _protection_of(name: str) -> int:
    if _SECRET_KEY.search(name):
        return SECRET
    return HASHED if _HASHED_KEY.search(name) else PLAIN

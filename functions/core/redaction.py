"""Secrets and personal data taken out before anything is written.

Works on whole Arrow columns with RE2, whose time is linear in the text whatever the text is. A cheap test finds the few
values that can hold a secret at all; only these pass through the rules.
"""

from __future__ import annotations

import hashlib
import re
from array import array as array_of_ints
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import is_not
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core.values import each, json_lines, text

REDACTED = "[redacted]"
HASH_MARK = "~"
"""Stands before the hash of an identity in JSON, so that it is not hashed again."""

PLAIN, SECRET, HASHED = 0, 1, 2
_LONGEST_CACHED = 256
_LONGEST_CACHED_NAMES = 4096
NESTED = frozenset({dict, list})
_DECODE_LIST = msgspec.json.Decoder(list[Any]).decode
_NOBODY = ("", "-")
"""What stands for no identity."""
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

_ASSIGNMENT = rf"""{_SENSITIVE_NAMES}\\*["']?\s*[:=]\s*"""
_ASSIGNMENT_HINT = (
    r"(?i:passw(?:or)?d|passphrase|pwd|secret|key|token|credentials?|authorization|cookie)\\*[\"']?\s*[:=]"
)

RULES: tuple[Rule, ...] = (
    Rule(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^\"]*?-----END [A-Z ]*PRIVATE KEY-----)",
        "[redacted private key]",
        "PRIVATE KEY",
    ),
    Rule(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*", "[redacted private key]", "PRIVATE KEY"),
    Rule(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "[redacted access key]", "AKIA|ASIA"),
    Rule(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", "[redacted jwt]", "eyJ"),
    Rule(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,})",
        REDACTED,
        r"gh[pousr]_|xox|sk_live",
    ),
    Rule(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", rf"\1 {REDACTED}", r"(?i:bearer|basic)\s"),
    Rule(r"://[^/\s:@\"]+:[^/\s@\"]+@", f"://{REDACTED}@", "@"),
    Rule(
        rf"""(?i)({_ASSIGNMENT})(\\*")(?:[^"\\]|\\[^"])*(\\*")""",
        rf"\1\2{REDACTED}\3",
        _ASSIGNMENT_HINT,
    ),
    Rule(rf"(?i)({_ASSIGNMENT})'[^'\"]*", rf"\1'{REDACTED}", _ASSIGNMENT_HINT),
    Rule(
        rf"""(?i)({_ASSIGNMENT})(?:[^\s,;&|<>()\[\]{{}}"'\\]+)""",
        rf"\1{REDACTED}",
        _ASSIGNMENT_HINT,
    ),
    Rule(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", "[redacted email]", "@"),
)

_ESCAPED = r"\\[u/]"
"""JSON may write any character as an escape: such a text is looked at as it would be without."""

_HINT = "|".join(dict.fromkeys(rule.hint for rule in RULES))
_TEXT_IN_JSON_HINT = rf"{_HINT}|{_ESCAPED}"
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
        return _where(texts, _HINT, _without_secrets)

    def json(self, texts: pa.StringArray, identities: frozenset[str] = NO_NAMES) -> pa.StringArray:
        """Texts that are JSON without secrets and identities, however these are escaped and wherever they stand.

        ``identities`` are more names of members that are identities.
        """
        return _where(texts, json_hint(identities), lambda suspicious: self._shown_json(suspicious, identities))

    def _shown_json(self, texts: pa.StringArray, identities: frozenset[str]) -> pa.StringArray:
        written = texts.to_pylist()
        try:
            found: Sequence[Any] = _DECODE_LIST("[" + ",".join(written) + "]")
        except (msgspec.MsgspecError, RecursionError):
            found = [_decoded(each) for each in written]
        found = self.shown(found, identities)
        if any_suspicious([texts], _TEXT_IN_JSON_HINT):
            strings = list(dict.fromkeys(_strings_in(found)))
            clean = _without_secrets(pa.array(strings, pa.string())).to_pylist()
            changed = {old: new for old, new in zip(strings, clean, strict=True) if old != new}
            found = [_replaced(value, changed) for value in found] if changed else found
        return pa.array(json_lines(found), pa.string())

    def shown_line(self, line: str, fields: dict[str, Any], identities: frozenset[str]) -> str:
        """``shown`` for an object that was written as ``line``: as JSON, most of it to the letter."""
        for value, protection in _private_leaves(fields, identities):
            if value is None or value in _NOBODY:
                continue
            quoted = f'"{value}"'
            if type(value) is not str or "\\" in line or line.count(quoted) != 1:
                return text(self.shown((fields,), identities)[0]) or ""
            line = line.replace(quoted, f'"{self._hidden_value(value, protection)}"')
        return line

    def shown(self, found: Sequence[Any], identities: frozenset[str] = NO_NAMES) -> Sequence[Any]:
        """Values of JSON without what the names of members in them say is a secret or an identity, at any depth.

        ``identities`` are more names of identities. The very values, where there is nothing to hide.
        """
        known: dict[tuple[str, ...], tuple[tuple[str, int], ...]] = {}
        shown: list[Any] = []
        for value in found:
            if type(value) is dict:
                names = tuple(value)
                private = known.get(names)
                if private is None:
                    private = known[names] = private_members(names, identities)
                shown.append(self._shown_object(value, private, identities))
            else:
                shown.append(self.shown(value, identities) if type(value) is list else value)
        return shown if any(map(is_not, shown, found)) else found

    def _shown_object(
        self, value: dict[str, Any], private: tuple[tuple[str, int], ...], identities: frozenset[str]
    ) -> dict[str, Any]:
        hidden = {name: self._hidden_value(value[name], protection) for name, protection in private}
        if not NESTED.isdisjoint(map(type, value.values())):
            for name, member in value.items():
                if type(member) in NESTED and name not in hidden:
                    (shown,) = self.shown((member,), identities)
                    if shown is not member:
                        hidden[name] = shown
        return {**value, **hidden} if hidden else value

    def hidden(self, found: Sequence[Any], protection: int) -> list[Any]:
        """What stands for values of secrets or of identities."""
        return each(found, lambda value: self._hidden_value(value, protection))

    def _hidden_value(self, value: Any, protection: int) -> Any:
        if value is None or value in _NOBODY:
            return value
        if protection == SECRET:
            return REDACTED
        return HASH_MARK + self.hashed(value if type(value) is str else text(value) or "")

    def protected(self, items: Sequence[Any], special: tuple[tuple[int, int], ...], stride: int) -> list[Any]:
        """Values of maps with ``stride`` entries each, row by row: those of special places as text and without what
        their protection hides."""
        hidden = list(items)
        for place, protection in special:
            cells = hidden[place::stride]
            if protection == PLAIN:
                numbers = set(map(type, cells)) == {int}
                hidden[place::stride] = list(map(str, cells)) if numbers else list(map(text, cells))
            else:
                hidden[place::stride] = self.hidden(cells, protection)
        return hidden


def _where(texts: pa.StringArray, hint: str, change: Callable[[pa.StringArray], pa.StringArray]) -> pa.StringArray:
    """Texts, of which those that match a pattern are changed."""
    suspicious = pc.fill_null(pc.match_substring_regex(texts, hint), False)
    if not pc.any(suspicious).as_py():
        return texts
    return pc.replace_with_mask(texts, suspicious, change(texts.filter(suspicious)))


def _without_secrets(texts: pa.StringArray) -> pa.StringArray:
    for rule in RULES:
        texts = pc.replace_substring_regex(texts, rule.pattern, rule.replacement)
    return texts


def _strings_in(value: Any) -> Iterator[str]:
    """All texts in a value of JSON, names included."""
    if type(value) is str:
        yield value
    elif type(value) is dict:
        for name, member in value.items():
            yield name
            yield from _strings_in(member)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _strings_in(item)


def _replaced(value: Any, changed: Mapping[str, str]) -> Any:
    if type(value) is str:
        return changed.get(value, value)
    if type(value) is dict:
        return {changed.get(name, name): _replaced(member, changed) for name, member in value.items()}
    return [_replaced(item, changed) for item in value] if type(value) is list else value


def any_suspicious(arrays: Sequence[pa.StringArray], hint: str) -> bool:
    """Whether a secret is possible anywhere in some arrays: all of their text is looked at as one, for each look at one
    value or one array costs extra."""
    data = [buffer for array in arrays if (buffer := array.buffers()[2]) is not None]
    sizes = array_of_ints("i", [0, sum(buffer.size for buffer in data)])
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(sizes), pa.py_buffer(b"".join(data)))
    return bool(pc.match_substring_regex(whole, hint)[0].as_py())


def _decoded(written: str) -> Any:
    try:
        return msgspec.json.decode(written)
    except (msgspec.MsgspecError, RecursionError):
        return written


def _private_leaves(fields: dict[str, Any], identities: frozenset[str]) -> Iterator[tuple[Any, int]]:
    """Values of secrets and identities in an object and in those in it."""
    for name, protection in private_members(tuple(fields), identities):
        yield fields[name], protection
    if not NESTED.isdisjoint(map(type, fields.values())):
        for member in fields.values():
            if type(member) is dict:
                yield from _private_leaves(member, identities)
            elif type(member) is list:
                for item in member:
                    yield from _private_leaves(item, identities) if type(item) is dict else ()


@cache
def json_hint(identities: frozenset[str]) -> str:
    """A pattern that every JSON text with a secret or an identity matches, unless it is hidden already."""
    hashed = "|".join([_HASHED_NAMES, *map(re.escape, sorted(identities))])
    return "|".join(
        [
            _TEXT_IN_JSON_HINT,
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

"""Secrets and personal data taken out before anything is written.

Works on whole Arrow columns with RE2, whose time is linear in the text whatever the text is. A cheap test finds the few
values that can hold a secret at all; only these pass through the rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache, partial
from operator import is_not, ne
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.documents import NESTED
from functions.core.json_texts import matching, rewritten, where, with_texts
from functions.core.secret_rules import (
    CHECKED,
    HASH_MARK,
    HINT,
    LEAST_CARD,
    NO_NAMES,
    PLAIN,
    REDACTED,
    RULES,
    SECRET,
    TEXT_IN_JSON_HINT,
    Checked,
    Rule,
    json_hint,
    private_members,
)
from functions.core.values import each, text

_LONGEST_CACHED = 256
_NOBODY = ("", "-")
"""What stands for no identity."""

_HASHED_LENGTH = 33


class Redactor:
    """Applies the rules; ``hash_key`` (up to 64 bytes) makes the hashes of addresses and users useless to others."""

    def __init__(self, hash_key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=hash_key[:64], digest_size=16)
        self._changed = 0
        self._hash_cached = lru_cache(maxsize=10_000)(self._hash)

    def hashed(self, identity: str) -> str:
        """Keyed hash of an address or a user: 32 hex digits, the same for the same identity and key."""
        return self._hash_cached(identity) if len(identity) <= _LONGEST_CACHED else self._hash(identity)

    def _hash(self, identity: str) -> str:
        keyed = self._keyed.copy()  # to put in the key costs more than to hash an identity
        keyed.update(identity.encode())
        return keyed.hexdigest()

    def changed(self) -> int:
        """How many values were changed since this was asked last."""
        changed, self._changed = self._changed, 0
        return changed

    def count(self, changed: int) -> None:
        """Counts values that were changed by others."""
        self._changed += changed

    def text(self, texts: pa.StringArray, suspicious: pa.BooleanArray | None = None) -> pa.StringArray:
        """Texts without secrets; ``suspicious`` says in which one is possible, where that is known."""
        return where(texts, matching(texts, HINT) if suspicious is None else suspicious, self._without_secrets)

    def json(
        self, texts: pa.StringArray, identities: frozenset[str] = NO_NAMES, suspicious: pa.BooleanArray | None = None
    ) -> pa.StringArray:
        """Texts that are JSON without secrets and identities, however these are escaped and wherever they stand.

        ``identities`` are more names of members that are identities; ``suspicious`` is as for ``text``.
        """
        found = matching(texts, json_hint(identities)) if suspicious is None else suspicious
        return where(texts, found, lambda those: self._shown_json(those, identities))

    def _without_secrets(self, texts: pa.StringArray) -> pa.StringArray:
        clean = texts
        for rule in RULES:
            clean = self._applied(rule, clean)
        for checked in CHECKED:
            clean = self._applied(checked, clean)
        self._changed += pc.sum(pc.not_equal(texts, clean)).as_py() or 0
        return clean

    def _applied(self, rule: Rule | Checked, texts: pa.StringArray) -> pa.StringArray:
        if isinstance(rule, Rule):
            return pc.replace_substring_regex(texts, rule.pattern, rule.replacement)
        return where(texts, matching(texts, rule.hint), partial(self._checked, rule))

    def _checked(self, rule: Checked, texts: pa.StringArray) -> pa.StringArray:
        found = texts.to_pylist()
        return pa.array([rule.pattern.sub(lambda match: rule.instead(match[0], self.hashed), each) for each in found])

    def _shown_json(self, texts: pa.StringArray, identities: frozenset[str]) -> pa.StringArray:
        in_texts = bool(matching(texts, TEXT_IN_JSON_HINT).true_count)

        def shown(values: Sequence[Any]) -> Sequence[Any]:
            values = self.shown(values, identities)
            return with_texts(values, self._without_secrets, least=LEAST_CARD) if in_texts else values

        return rewritten(texts, shown)

    def hidden_in(self, lines: Sequence[str], found: Sequence[Any], protection: int) -> list[str]:
        """JSON texts, in each of which the value of a secret or an identity stands, without it.

        Where a value is no plain text, or may be another one's too, the text stays as it is, for ``json`` to see to.
        """
        shown = list(lines)
        for row, (value, instead) in enumerate(zip(found, self._hidden(found, protection), strict=True)):
            if type(value) is str and value != instead and "\\" not in lines[row]:
                before, quoted, after = lines[row].partition(f'"{value}"')
                if quoted and quoted not in after:
                    shown[row] = f'{before}"{instead}"{after}'
        self._changed += sum(map(is_not, lines, shown))
        return shown

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
        self._changed += sum(hidden[name] != value[name] for name in hidden)
        if not NESTED.isdisjoint(map(type, value.values())):
            for name, member in value.items():
                if type(member) in NESTED and name not in hidden:
                    (shown,) = self.shown((member,), identities)
                    if shown is not member:
                        hidden[name] = shown
        return {**value, **hidden} if hidden else value

    def hidden(self, found: Sequence[Any], protection: int) -> list[Any]:
        """What stands for values of secrets or of identities."""
        hidden = self._hidden(found, protection)
        self._changed += sum(map(ne, found, hidden))
        return hidden

    def _hidden(self, found: Sequence[Any], protection: int) -> list[Any]:
        return each(found, lambda value: self._hidden_value(value, protection))

    def _hidden_value(self, value: Any, protection: int) -> Any:
        if value is None or value in _NOBODY or value == REDACTED:
            return value
        if type(value) is str and len(value) == _HASHED_LENGTH and value.startswith(HASH_MARK):
            return value
        if protection == SECRET:
            return REDACTED
        return HASH_MARK + self._hash(value if type(value) is str else text(value) or "")

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

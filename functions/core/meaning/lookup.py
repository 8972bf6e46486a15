"""Where the value of a column stands in objects: names of members, in order, and paths into what they hold.

A name of a rule may have dots: it is a member called so, or a path through objects. A path also goes on in JSON that is
written as a text and in the claims of a JWT, and does not care for upper and lower case in headers
(https://www.rfc-editor.org/rfc/rfc9110#name-field-names).
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from functions.core import values
from functions.core.meaning.watch import Watch

CONTAINERS = ("authorizer", "claims", "jwt", "lambda", "requestContext")
"""Members of an access log in which an authorizer tells who calls."""

ABSENT = "-"
LONGEST_LABEL = 200
_BYTES_A_VALUE = 1000
"""An object counts for so many bytes when it is measured how long a path takes."""

_LONGEST_TEXT = 16_384
_SCHEMES = ("Bearer ", "bearer ", "JWT ")

Values = Sequence[Any]


class _Entry(NamedTuple):
    """One place: a member, and the path in it; ``rule`` is empty for a default."""

    rule: str
    member: str
    path: tuple[str, ...] = ()


class Claims:
    """What authorizers say in access logs: members with dots (``authorizer.sub``), by the last part of their names, and
    objects (``authorizer``), each with one that has the members of all, if there is such a one."""

    def __init__(self, members: Mapping[str, Values]) -> None:
        self.dotted = [(name.rpartition(".")[2], held) for name, held in members.items() if "." in name]
        self.objects = [(held, _alike(held)) for name, held in members.items() if name in CONTAINERS]


def _alike(held: Values) -> dict[str, Any] | None:
    if set(map(type, held)) != {dict} or len(set(map(tuple, held))) > 1:
        return None
    return dict(held[0])


class Lookup:
    """How one column is found. ``names`` are members by name, the preferred first; ``heads`` all members looked at."""

    def __init__(
        self,
        column: str,
        rules: Iterable[str],
        defaults: Iterable[str],
        watch: Watch,
        *,
        nested: Iterable[str] = (),
        claims: Iterable[str] = (),
    ) -> None:
        self._column, self._watch = column, watch
        own = [entry for name in rules for entry in _entries(f"{column}: {name}", name)]
        usual = [_Entry("", name) for name in defaults]
        deeper = [entry for name in nested for entry in _entries("", name)]
        self._entries = (*own, *deeper, *usual)
        self.names = _once(each.member for each in self._entries if not each.path)
        self.heads = frozenset(each.member for each in self._entries)
        self._claims = _once((*self.names, *claims))
        self.claims = frozenset(self._claims)

    def column(self, members: Mapping[str, Values]) -> Values | None:
        """The column of objects with these members, each with the values of all objects; None where no member has it.

        Of several places the first counts that has a value.
        """
        found: Values | None = None
        for entry in self._entries:
            if entry.member in members:
                here = self._of_entry(entry, members[entry.member])
                found = here if found is None else either(found, here)
                if found is not None and None not in found:
                    break
        return found

    def _of_entry(self, entry: _Entry, held: Values) -> Values | None:
        if not entry.rule and not entry.path:
            return held

        def walk() -> Values:
            return [_present(_leaf(_walk(value, entry.path, entry.member))) for value in held]

        if not entry.rule:
            return walk()
        made = self._watch.run(entry.rule, walk, None, len(held) * _BYTES_A_VALUE)
        return made if made is not None and self._watch.saw(entry.rule, self._column, made) else None

    def with_claims(self, found: Values | None, claims: Claims) -> Values | None:
        """Fills what is missing from what an authorizer says."""
        if found is not None and None not in found:
            return found
        for key in self._claims if claims.dotted else ():
            for last, held in claims.dotted:
                if last == key:
                    found = either(found, list(map(_present, held)))
        for held, alike in claims.objects:
            found = either(found, self._claimed(held, alike))
        return found

    def _claimed(self, held: Values, alike: dict[str, Any] | None) -> Values | None:
        """What each object claims; at once where all of them have the members of ``alike``."""
        if alike is not None:
            key = next((key for key in self._claims if key in alike), None)
            if key is None and alike.keys().isdisjoint(CONTAINERS):
                return None
            if key is not None:
                named = values.each(list(map(itemgetter(key), held)), label)
                if None not in named:
                    return named
        return list(map(self._claim, held))

    def _claim(self, holder: Any) -> str | None:
        """The first of the names in an object, or in one that an authorizer keeps in it."""
        if type(holder) is not dict:
            return None
        for key in self._claims:
            if (value := _present(holder.get(key))) is not None:
                return values.name(value)
        return next(filter(None, (self._claim(holder.get(name)) for name in CONTAINERS)), None)

    def take(self, fields: dict[str, Any]) -> str | None:
        """The value in one flat object, from which its member goes; what lies deeper stays."""
        if self.heads.isdisjoint(fields):
            return None
        for entry in self._entries:
            if entry.member in fields:
                value = _present(_leaf(_walk(fields[entry.member], entry.path, entry.member)))
                if value is not None and entry.rule not in self._watch.off:
                    if not entry.path:
                        del fields[entry.member]
                    return values.name(value)
        return None


def _entries(rule: str, name: str) -> Iterable[_Entry]:
    parts = name.split(".")
    yield _Entry(rule, name)
    for end in range(len(parts) - 1, 0, -1):
        yield _Entry(rule, ".".join(parts[:end]), tuple(parts[end:]))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def either(first: Values | None, second: Values | None) -> Values | None:
    """The first values, and where they are absent the second ones."""
    if first is None or second is None:
        return second if first is None else first
    return [other if one is None or one == "" else one for one, other in zip(first, second, strict=True)]


def label(value: Any) -> str | None:
    """A value as a short name; None for what is none."""
    return (values.name(value) or "")[:LONGEST_LABEL] or None if _present(value) is not None else None


def _present(value: Any) -> Any:
    return None if value in (None, "", ABSENT) or type(value) in (dict, list) else value


def _leaf(value: Any) -> Any:
    """A scalar, or the first of a list, as headers with several values have it."""
    if type(value) is list:
        value = value[0] if value else None
    return None if type(value) in (dict, list) else value


def _walk(value: Any, path: Sequence[str], holder: str) -> Any:
    """What stands at a path in a value."""
    if not path:
        return value
    if type(value) is str:
        value = _opened(value)
    if type(value) is not dict:
        return None
    for end in range(len(path), 0, -1):
        key = ".".join(path[:end])
        if holder.lower().endswith("headers"):
            key = next((name for name in value if name.lower() == key.lower()), key)
        if key in value and (found := _walk(value[key], path[end:], key)) is not None:
            return found
    return None


def _opened(text: str) -> Any:
    """The object that a text is: JSON, or the claims of a JWT, whose signature is nobody's business here."""
    for scheme in _SCHEMES:
        text = text.removeprefix(scheme)
    if len(text) > _LONGEST_TEXT:
        return None
    try:
        if text.startswith("{"):
            return msgspec.json.decode(text)
        if text.startswith("eyJ") and text.count(".") == 2:
            claims = text.split(".")[1]
            return msgspec.json.decode(binascii.a2b_base64(claims.translate(_URL_SAFE) + "=" * (-len(claims) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    return None


_URL_SAFE = str.maketrans("-_", "+/")

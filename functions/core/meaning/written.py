"""The user's rules as they are written: one TOML object, checked as a whole before any of it counts.

docs/rules.md shows one. Patterns are RE2's, whose time is linear in the text; how large one may be is bounded besides,
so that the factor is small too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core.watch.wishes import Wishes

MOST_BYTES = 64 * 1024
MOST_RULES = 200
"""Names, paths, features, redactions and formats together."""

MOST_STEPS = 2000
"""States of a pattern when its counted repetitions are written out: what a character may cost at worst."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

COLUMNS = {
    "requests": frozenset(
        {"time", "service", "method", "route", "path", "status", "latency_ms", "request_bytes", "response_bytes"}
        | {"tenant", "user", "feature", "user_agent", "client_ip", "request_id", "trace_id", "error_message"}
    ),
    "logs": frozenset(
        {"time", "level", "message", "service", "request_id", "trace_id", "span_id", "tenant", "user", "version"}
        | {"error_type"}
    ),
}
"""Named groups of a format that fill a column of its table."""

PARTS = frozenset({"tenant", "user", "feature", "version"})
"""Variables of a path that fill a column."""

_VARIABLE = re.compile(r"\{([^{}/]+)\}")
_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")


class RulesError(Exception):
    """The object cannot be used; the message says what is wrong with which rule."""


class Redact(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is private by the ``names`` of members, by a ``pattern``, or both."""

    name: Name
    names: tuple[Name, ...] = ()
    pattern: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    kind: Literal["secret", "identity"] = "secret"


class Format(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Lines of log groups, or of files (``s3://bucket/key``), with one of these prefixes: the named groups of the
    ``pattern`` are columns and fields."""

    name: Name
    log_groups: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    pattern: Pattern
    table: Literal["requests", "logs"] = "logs"


class Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All rules of the object."""

    tenant: tuple[Name, ...] = ()
    user: tuple[Name, ...] = ()
    route: tuple[Name, ...] = ()
    feature: tuple[Name, ...] = ()
    version: tuple[Name, ...] = ()
    paths: tuple[Name, ...] = ()
    features: dict[Name, Name] = {}
    redact: tuple[Redact, ...] = ()
    formats: tuple[Format, ...] = ()
    alerts: Wishes = Wishes()

    def rules(self) -> Iterator[str]:
        """The name of each rule, as it is reported where it is switched off."""
        for column in ("tenant", "user", "route", "feature", "version", "paths", "features"):
            yield from (f"{column}: {name}" for name in getattr(self, column))
        yield from (f"redact: {rule.name}" for rule in self.redact)
        yield from (f"formats: {rule.name}" for rule in self.formats)


def parse(text: str) -> Written:
    """The rules of an object; RulesError with a sentence for people where there is anything wrong with it."""
    if len(text.encode()) > MOST_BYTES:
        raise RulesError(f"the object has more than {MOST_BYTES // 1024} KB")
    try:
        return checked(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(f"it is not TOML: {error}") from None


def checked(document: dict[str, Any]) -> Written:
    """The rules in a document; RulesError as ``parse``."""
    try:
        found = msgspec.convert(document, Written)
    except msgspec.ValidationError as error:
        raise RulesError(str(error)) from None
    names = list(found.rules())
    if len(names) > MOST_RULES:
        raise RulesError(f"{len(names)} rules; at most {MOST_RULES} are allowed")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RulesError(f"two rules are called {twice[0]}")
    for path in found.paths:
        _check_path(path)
    for rule in found.redact:
        _check_redact(rule)
    for form in found.formats:
        _check_format(form)
    return found


def variables(path: str) -> list[str]:
    """Names in braces of a path template, in order."""
    return _VARIABLE.findall(path)


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise RulesError(f"paths: {path} does not begin with /")
    parts = path.split("/")[1:]
    if any(part and ("{" in part or "}" in part) and not _VARIABLE.fullmatch(part) for part in parts):
        raise RulesError(f"paths: {path} has a variable that is not a whole part of the path, as in /{{tenant}}/")
    if "*" in path.removesuffix("/*"):
        raise RulesError(f"paths: {path} has a * that does not stand alone at the end")
    named = [name for name in variables(path) if name in PARTS]
    if len(named) != len(set(named)):
        raise RulesError(f"paths: {path} names {named[0]} twice")


def _check_redact(rule: Redact) -> None:
    if not rule.names and not rule.pattern:
        raise RulesError(f"redact: {rule.name} has neither names nor a pattern")
    if sum(map(len, rule.names)) > MOST_STEPS:
        raise RulesError(
            f"redact: {rule.name} has names of more than {MOST_STEPS} characters: make several rules of it"
        )
    if rule.pattern:
        _check_pattern(f"redact: {rule.name}", rule.pattern)
        if pc.match_substring_regex(pa.array([""]), rule.pattern)[0].as_py():
            raise RulesError(f"redact: {rule.name} has a pattern that matches even where there is nothing")


def _check_format(form: Format) -> None:
    where = f"formats: {form.name}"
    _check_pattern(where, form.pattern)
    try:
        named = pc.extract_regex(pa.array([""]), form.pattern).type
    except pa.ArrowInvalid:
        raise RulesError(f"{where} has a group without a name: write (?P<name>...), or (?:...)") from None
    groups = [named.field(number).name for number in range(named.num_fields)]
    if not groups:
        raise RulesError(f"{where} has no named group: write (?P<name>...)")
    if COLUMNS[form.table].isdisjoint(groups):
        known = ", ".join(sorted(COLUMNS[form.table]))
        raise RulesError(f"{where} fills no column of {form.table}; its groups may be called {known}")


def _check_pattern(where: str, pattern: str) -> None:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise RulesError(f"{where} has a pattern that RE2 refuses: {_reason(error)}") from None
    if (steps := steps_of(pattern)) > MOST_STEPS:
        raise RulesError(f"{where} has a pattern of about {steps} steps, repetitions counted; at most {MOST_STEPS}")


def _reason(error: Exception) -> str:
    return str(error).removeprefix("Invalid regular expression: ")


def steps_of(pattern: str) -> int:
    """About how many states a pattern has with its counted repetitions written out; never fewer."""
    sizes, last, at = [0], 0, 0
    while at < len(pattern):
        counted = _COUNTED.match(pattern, at) if pattern[at] == "{" else None
        if counted:
            times = max(int(counted[1]), int(counted[2] or 0), 1)
            sizes[-1] += last * (times - 1)
            last *= times
            at = counted.end()
            continue
        step = _step(pattern, at)
        if pattern[at] == "(":
            sizes.append(0)
        elif pattern[at] == ")" and len(sizes) > 1:
            last = sizes.pop() + 1
            sizes[-1] += last
        elif pattern[at] not in "*+?":
            last = 1
            sizes[-1] += 1
        at += step
    return sum(sizes)


def _step(pattern: str, at: int) -> int:
    """Characters of the token at a place: an escape, a class, or one."""
    if pattern[at] == "\\":
        return 2
    if pattern[at] != "[":
        return 1
    end = at + 1 + pattern.startswith("^", at + 1)
    end += pattern.startswith("]", end)
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end + 1 - at

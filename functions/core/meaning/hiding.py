"""What the user's own rules hide: members by their names, and texts by patterns, after the built-in rules.

A secret becomes ``[redacted]``, an identity its keyed hash. Everything but the objects in which something is found runs
on whole Arrow columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.json_texts import matching, rewritten, where, with_texts
from functions.core.meaning.watch import Watch
from functions.core.meaning.written import Redact
from functions.core.redaction import Redactor
from functions.core.schema import JSON, TABLES, Column
from functions.core.secret_rules import FREE_TEXT_COLUMNS, HASH_MARK, REDACTED
from functions.core.values import text

_MARK = "\ue000"
"""Stands around a match while it is looked up; a character of nobody's, so one that is in the text already goes."""

_ESCAPED = r"\\u"
_Change = Callable[["_Rule", pa.StringArray, Redactor], pa.StringArray]


class Hiding:
    """The rules that hide, each watched; ``rules`` are empty where there are none."""

    def __init__(self, rules: Sequence[Redact], watch: Watch) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._watch = watch

    def __bool__(self) -> bool:
        return bool(self._rules)

    def table(self, name: str, rows: pa.Table, redactor: Redactor) -> pa.Table:
        """Rows of a table without what the rules name."""
        arrays = [
            self._column(column, each.chunk(0) if each.num_chunks == 1 else each.combine_chunks(), redactor)
            for column, each in zip(TABLES[name].columns, rows.columns, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=rows.schema)

    def _column(self, column: Column, array: Any, redactor: Redactor) -> Any:
        """A column of a table without what the rules name: texts, JSON and maps; others are as they were."""
        if column.type == JSON and column.repeated:
            values = self._all(array.dictionary, _Rule.in_json, redactor)
            return pa.DictionaryArray.from_arrays(array.indices, values).cast(column.arrow_type)
        if column.type == JSON:
            return self._all(array, _Rule.in_json, redactor)
        if column.type == "map<string,string>":
            items = self._all(array.items, _Rule.in_texts, redactor)
            for rule in self._rules:
                items = self._watch.run(rule.label, partial(rule.in_items, array.keys, items, redactor), items)
            return pa.MapArray.from_arrays(array.offsets, array.keys, items)
        return self._all(array, _Rule.in_texts, redactor) if column.name in FREE_TEXT_COLUMNS else array

    def _all(self, array: pa.StringArray, change: _Change, redactor: Redactor) -> pa.StringArray:
        shown = array
        for rule in self._rules:
            shown = self._watch.over(rule.label, shown, partial(_changed, change, rule, redactor))
        if shown is not array:
            redactor.count(pc.sum(pc.not_equal(array, shown)).as_py() or 0)
        return shown


def _changed(change: _Change, rule: _Rule, redactor: Redactor, part: pa.StringArray) -> pa.StringArray:
    return change(rule, part, redactor)


class _Rule:
    def __init__(self, written: Redact) -> None:
        self.label = f"redact: {written.name}"
        self._names = frozenset(name.lower() for name in written.names)
        self._secret = written.kind == "secret"
        self._whole_name = rf"(?i)^(?:.*\.)?{_any_of(self._names)}$"
        self._patterns = [(f"({written.pattern})", "", r"\1", "")] if written.pattern else []
        if self._names:
            self._patterns += [(pattern, r"\1", r"\2", r"\3") for pattern in _assignments(self._names)]
        hints = [f"(?:{written.pattern})"] if written.pattern else []
        # short, because it looks at everything
        hints += [rf"(?i:{_any_of(self._names)})\\*[\"']?\s*[:=]"] if self._names else []
        self._hint = "|".join(hints)
        self._json_hint = f"{self._hint}|{_ESCAPED}"

    def in_texts(self, array: pa.StringArray, redactor: Redactor) -> pa.StringArray:
        return where(array, matching(array, self._hint), lambda texts: self._hidden(texts, redactor))

    def in_json(self, array: pa.StringArray, redactor: Redactor) -> pa.StringArray:
        def shown(values: Sequence[Any]) -> Sequence[Any]:
            without_names = [self._without_names(value, redactor) for value in values]
            return with_texts(without_names, lambda texts: self._hidden(texts, redactor), least=0)

        return where(array, matching(array, self._json_hint), lambda texts: rewritten(texts, shown))

    def in_items(self, keys: pa.StringArray, items: pa.StringArray, redactor: Redactor) -> pa.StringArray:
        """Items of maps, without those whose keys are named."""
        named = pc.match_substring_regex(keys, self._whole_name) if self._names else pa.array([], pa.bool_())
        if not pc.any(named).as_py():
            return items
        hidden = [value and self._instead(value, redactor) for value in items.filter(named).to_pylist()]
        redactor.count(len(hidden))
        return pc.replace_with_mask(items, named, pa.array(hidden, pa.string()))

    def _without_names(self, value: Any, redactor: Redactor) -> Any:
        if type(value) is dict:
            return {
                name: self._instead(member, redactor)
                if name.lower() in self._names or name.lower().rpartition(".")[2] in self._names
                else self._without_names(member, redactor)
                for name, member in value.items()
            }
        return [self._without_names(item, redactor) for item in value] if type(value) is list else value

    def _instead(self, value: Any, redactor: Redactor) -> Any:
        if value is None or value == "" or (type(value) is str and value.startswith((HASH_MARK, REDACTED))):
            return value
        return REDACTED if self._secret else HASH_MARK + redactor.hashed(text(value) or "")

    def _hidden(self, texts: pa.StringArray, redactor: Redactor) -> pa.StringArray:
        for pattern, before, value, behind in self._patterns:
            if self._secret:
                texts = pc.replace_substring_regex(texts, pattern, f"{before}{REDACTED}{behind}")
            else:
                plain = pc.replace_substring(texts, _MARK, "")
                marked = pc.replace_substring_regex(plain, pattern, f"{before}{_MARK}{value}{_MARK}{behind}")
                texts = _hashed(marked, redactor)
        return texts


def _any_of(names: frozenset[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, sorted(names)))})"


def _assignments(names: frozenset[str]) -> list[str]:
    """As texts write a member, each with groups of what comes before the value, the value, and what comes behind it."""
    name = rf"(?i)((?:^|[^\w]){_any_of(names)}\\*[\"']?\s*[:=]\s*"
    return [
        rf"""{name}")((?:[^"\\]|\\.)+)(")""",
        rf"""{name}\\+")((?:[^"\\]|\\[^"])+)(\\+")""",
        rf"""{name}')([^'"]+)(')""",
        rf"""{name})([^\s,;&|<>()\[\]{{}}"'\\]+)()""",
    ]


def _hashed(marked: pa.StringArray, redactor: Redactor) -> pa.StringArray:
    """Texts with a hash in place of what stands between marks."""

    def shown(each: str | None) -> str | None:
        if each is None or _MARK not in each:
            return each
        pieces = each.split(_MARK)
        pieces[1::2] = [
            piece if piece.startswith((HASH_MARK, REDACTED)) else HASH_MARK + redactor.hashed(piece)
            for piece in pieces[1::2]
        ]
        return "".join(pieces)

    return pa.array(list(map(shown, marked.to_pylist())), pa.string())

"""Log statements: the lines that one place in a program writes, told by their words.

Lines are grouped as Drain does (He, Zhu, Zheng, Lyu: Drain: An Online Log Parsing Approach with Fixed Depth Tree, ICWS
2017): a line belongs to the first group with whose example most words agree in their places.
"""

from __future__ import annotations

import re
from collections import defaultdict

import pyarrow as pa

from functions.core.fingerprint import normalised
from functions.core.traces.calls import FAILURES, UNNAMED, Call, Item, Key, Window

SAME_WORDS = 0.7
"""Least share of words in the same place, of the longer line."""

COLUMNS = ("trace_id", "span_id", "request_id", "service", "level", "message")
"""What is needed of ``logs``."""

LONGEST_TEXT = 300
MOST_STATEMENTS = 100
"""Of a service, level and first word; what is beyond is one statement."""

_WORD = re.compile(r"<\w+>|\w+")


class Statements:
    """Tells which statement a line is of; the answer depends on the lines before it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Item] = {}
        self._groups: dict[tuple[str, str, str], list[tuple[list[str], Item]]] = defaultdict(list)

    def of(self, service: str, level: str, message: str) -> Item:
        """The statement, named by the first line that was met of it."""
        text = normalised(message.partition("\n")[0][:LONGEST_TEXT])
        key = (service, level, text)
        if key not in self._known:
            self._known[key] = self._find(service, level, text)
        return self._known[key]

    def _find(self, service: str, level: str, text: str) -> Item:
        words = _WORD.findall(text) or [""]
        group = self._groups[service, level, words[0]]
        for example, item in group:
            same = sum(map(str.__eq__, words, example))
            if same >= SAME_WORDS * max(len(words), len(example)):
                return item
        if len(group) == MOST_STATEMENTS:
            return group[-1][1]
        item = Item(text, level or "INFO")
        group.append((words, item))
        return item


def add(lines: pa.Table, window: Window, statements: Statements) -> None:
    """Counts the log lines of rows of ``logs`` in the calls that wrote them.

    Lines of no span's call make calls of their own, one for each trace or request and service; lines that name neither
    count nowhere.
    """
    columns = (lines[name].to_pylist() for name in COLUMNS)
    alone: dict[Key, Call] = {}
    for trace, span, request, named, level, message in sorted(
        zip(*columns, strict=True), key=lambda row: tuple(each or "" for each in row)
    ):
        service = named or UNNAMED
        unit = trace or request
        call = window.of_span.get((trace, span)) or window.of_trace.get((trace, service))
        if call is None and unit:
            call = alone.setdefault((unit, service), Call(service, "", service, unit, None))
            call.failed = call.failed or level in FAILURES
        if call and message:
            call.seen[statements.of(service, level or "", message)] += 1
    window.calls += alone.values()

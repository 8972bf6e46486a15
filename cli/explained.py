"""``tracelake rows --explain``: says of rows which source, which rule and which redaction made each column."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, TextIO

import msgspec

from cli import terminal
from cli.explain import Explained, Kind, Origin, explain
from cli.text import safe
from functions.core import decode, subscriptions
from functions.core.normalize import Rules

LONGEST_VALUE = 60
_IN_THE_HEAD = frozenset({"source", "event_id", "row_no"})


class Explainer:
    """Takes the records of the stream that files hold, and explains a row of each kind, or every row."""

    def __init__(self, rules: Rules, *, every: bool) -> None:
        self._rules = rules
        self._known: dict[Kind, Explained] | None = None if every else {}
        self._found: list[Explained] = []

    def add(self, record: bytes) -> None:
        """Takes a record; what is not a well-formed payload of log events gives nothing to explain."""
        try:
            payloads = [
                subscriptions.decode(each) for each in decode.payloads(record, self._rules.max_decompressed_bytes)
            ]
        except (decode.UnreadableError, msgspec.MsgspecError, UnicodeError):
            return
        for payload in payloads:
            self._found += explain(payload, self._rules, self._known)

    def show(self, out: TextIO, *, as_json: bool) -> None:
        """Prints what was found: tables, or a line of JSON for each row."""
        for each in self._found:
            if as_json:
                out.write(terminal.to_json(_plain(each)) + "\n")
            else:
                _show(each, out)


def _plain(each: Explained) -> dict[str, Any]:
    found = json.loads(json.dumps(asdict(each), default=_written))
    return found if isinstance(found, dict) else {}


def _show(each: Explained, out: TextIO) -> None:
    out.write(f"{each.table}: row {each.row_no} of event {safe(each.event_id)}, read as {safe(each.source)}")
    out.write(f" because of {_list(each.because_of)}\n" if each.because_of else "\n")
    shown = [_row(origin) for origin in each.columns if origin.column not in _IN_THE_HEAD]
    terminal.show(list(shown[0]), shown, "table", out)
    if each.empty:
        out.write(f"  empty: {', '.join(each.empty)}\n")
    if each.alike:
        out.write(f"  {each.alike:,} more {'row is' if each.alike == 1 else 'rows are'} filled like this one\n")
    out.write("\n")


def _row(origin: Origin) -> dict[str, terminal.Cell]:
    value = safe(_written(origin.value))
    how = "as written" if origin.as_written and not origin.hidden else "worked out" if origin.of else ""
    return {
        "column": origin.column,
        "value": value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "\u2026",
        "from": _list(origin.of) if origin.of else "always so",
        "rule": "; ".join(filter(None, [how, *origin.rules])) or None,
        "hidden": "; ".join(origin.hidden) or None,
    }


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(safe, names))


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)

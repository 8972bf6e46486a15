"""Where the columns of a row come from, found out by experiment: what is altered in the input, alters the column.

Nothing here knows how any format is read. An event is given to the Normalizer again and again, each time with one thing
made different: a member or a word of its line, what CloudWatch says of it, a line beside it, a setting. So what is told
is what the code really does, for every format, and reading costs nothing more when nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from cli.alterations import different, pieces
from functions.core import values
from functions.core.derived import DERIVE
from functions.core.meaning.meaning import standard
from functions.core.normalize import Normalizer, Rules
from functions.core.redaction import Redactor
from functions.core.schema import COMMON_COLUMNS
from functions.core.secret_rules import SECRET, Checked, Rule
from functions.core.subscriptions import LogEvent, Subscription

NEIGHBOURS = 25
"""So many lines before and behind an event are looked at for what they say about it."""

MOST_NAMED = 6
"""What comes from more pieces of a line than this comes from the line."""

THE_LINE = "the line"
_COMMON = frozenset(column.name for column in COMMON_COLUMNS)
_HASHED = "hashed with the key of the month"

Row = dict[str, Any]
Key = tuple[str, str, int]
"""Table, event and number of a row."""

Kind = tuple[str, str, frozenset[str]]
"""Table and source of a row, and the columns that are filled."""


class Named(NamedTuple):
    """A row, and its table."""

    table: str
    row: Row

    @property
    def source(self) -> str:
        return str(self.row["source"])

    @property
    def key(self) -> Key:
        return self.table, self.row["event_id"], self.row["row_no"]

    @property
    def filled(self) -> list[str]:
        return [name for name, value in self.row.items() if value is not None and value != {}]

    @property
    def kind(self) -> Kind:
        return self.table, self.source, frozenset(self.filled)


@dataclass(slots=True)
class Origin:
    """Where the value of one column comes from.

    ``of`` are the things without which it would be another: pieces of the line, what CloudWatch says of the event,
    lines beside it. None where it is the same for every event of the source. ``rules`` are the settings by which it was
    found, ``hidden`` is what redaction did to it.
    """

    column: str
    value: Any
    of: list[str]
    as_written: bool
    rules: list[str]
    hidden: list[str]


@dataclass(slots=True)
class Explained:
    """A row, why its event was taken for what it is, and where each filled column comes from.

    ``alike`` rows were not explained, because this one is.
    """

    table: str
    source: str
    event_id: str
    row_no: int
    because_of: list[str]
    columns: list[Origin]
    empty: list[str]
    alike: int = 0


class _Alteration(NamedTuple):
    """One thing made different: the payload and the rules with it. ``value`` is what it said before."""

    name: str
    value: Any
    payload: Subscription
    rules: Rules
    is_piece: bool = False
    is_rule: bool = False


def explain(payload: Subscription, rules: Rules, known: dict[Kind, Explained] | None = None) -> Iterator[Explained]:
    """Explains the rows of a payload; derived tables are left out.

    With ``known``, a row like one that was explained before (same table and source, same columns filled) is not
    explained again but counted in that one's ``alike``.
    """
    wanted: dict[int, list[Named]] = {}
    alike: dict[Kind, int] = {}
    for found in rows(payload, rules):
        if known is not None and (found.kind in known or found.kind in alike):
            alike[found.kind] = alike.get(found.kind, 0) + 1
        else:
            alike[found.kind] = 0
            wanted.setdefault(_owner(found, payload, rules), []).append(found)
    for at, those in wanted.items():
        kinds = {found.key: found.kind for found in those}
        for key, each in _Experiment(payload, at, those, rules).explained():
            if known is not None:
                known[kinds[key]] = each
            yield each
    if known is not None:
        for kind, count in alike.items():
            known[kind].alike += count


def rows(payload: Subscription, rules: Rules, redactor: Redactor | None = None) -> list[Named]:
    """What the lake would hold of a payload, without what is worked out from other rows."""
    normalizer = Normalizer(rules, redactor)
    normalizer.add(msgspec.json.encode(payload), "explain:0", None)
    return [
        Named(part.table, row)
        for part in normalizer.flush("explain")
        if part.table not in DERIVE
        for row in part.rows.to_pylist(maps_as_pydicts="lossy")
    ]


def _owner(found: Named, payload: Subscription, rules: Rules) -> int:
    """The event that a row is of. Not every row is named after its event, nor one that its event gives alone."""
    events = range(len(payload.logEvents))
    named = (at for at in events if payload.logEvents[at].id == found.row["event_id"])
    alone = (at for at in events if found in rows(_only(payload, [at]), rules))
    needed = (at for at in events if found not in rows(_only(payload, [each for each in events if each != at]), rules))
    return next(chain(named, alone, needed))


def _only(payload: Subscription, chosen: Iterable[int]) -> Subscription:
    return msgspec.structs.replace(payload, logEvents=[payload.logEvents[at] for at in chosen])


class _Experiment:
    """One event, with as few of the lines around it as give the same rows."""

    def __init__(self, payload: Subscription, at: int, wanted: list[Named], rules: Rules) -> None:
        self._rules = rules
        self._payload, self._at = _only(payload, [at]), 0
        alone = rows(self._payload, rules)
        if any(found not in alone for found in wanted):
            first = max(0, at - NEIGHBOURS)
            around = range(first, min(len(payload.logEvents), at + NEIGHBOURS + 1))
            self._payload, self._at = _only(payload, around), at - first
        self._is_json, line, self._pieces = pieces(self._event.message)
        anew = self._with(message=line)
        self._found = rows(anew, rules)
        keys = {found.key for found in wanted}
        if keys <= {found.key for found in self._found}:
            self._payload = anew
        else:  # the line is JSON only nearly
            self._is_json, self._pieces, self._found = False, [], rows(self._payload, rules)
        self._wanted = [number for number, found in enumerate(self._found) if found.key in keys]

    @property
    def _event(self) -> LogEvent:
        return self._payload.logEvents[self._at]

    def _with(self, **members: Any) -> Subscription:
        events = list(self._payload.logEvents)
        events[self._at] = msgspec.structs.replace(self._event, **members)
        return msgspec.structs.replace(self._payload, logEvents=events)

    def explained(self) -> Iterator[tuple[Key, Explained]]:
        """Alters one thing after another, and looks at what that does to each row."""
        noting = _Noting(self._rules.hash_key)
        rows(self._payload, self._rules, noting)
        effects = {number: _Effects(self._found[number].row) for number in self._wanted}
        for alteration in self._alterations():
            after = _matched(self._found, rows(alteration.payload, alteration.rules))
            for number, each in effects.items():
                each.note(alteration, after.get(number))
        pieces_of_line = {piece.name for piece in self._pieces}
        for number, each in effects.items():
            found = self._found[number]
            origins = [each.origin(name, pieces_of_line, is_text=not self._is_json) for name in found.filled]
            for origin in origins:
                if origin.column not in _COMMON:
                    origin.hidden = noting.of(origin.value) or origin.hidden
            empty = [name for name in found.row if name not in found.filled]
            because_of = list(dict.fromkeys(alteration.name for alteration in each.decisive))
            yield found.key, Explained(found.table, found.source, *found.key[1:], because_of, origins, empty)

    def _alterations(self) -> Iterator[_Alteration]:
        payload, rules, event = self._payload, self._rules, self._event
        whole = [(THE_LINE, event.message, different(event.message))] if not self._pieces else []
        for name, value, lines in [*self._pieces, *whole]:
            for line in lines:
                yield _Alteration(name, value, self._with(message=line), rules, is_piece=True)
        yield from _settings(payload, rules)
        yield _Alteration("the id of the log event", event.id, self._with(id=f"{event.id}-"), rules)
        if event.timestamp is not None:
            later = self._with(timestamp=event.timestamp + 1000)
            yield _Alteration("the time of the log event", event.timestamp, later, rules)
        for name, member in (("the log group", "logGroup"), ("the log stream", "logStream"), ("the account", "owner")):
            value = getattr(payload, member)
            for other in different(value) if value else ():
                yield _Alteration(name, value, msgspec.structs.replace(payload, **{member: other}), rules)
        for other, beside in enumerate(payload.logEvents):
            if other != self._at:
                without = _only(payload, [at for at in range(len(payload.logEvents)) if at != other])
                name = f"a line {'before' if other < self._at else 'behind'}: {beside.message.strip()[:40]}"
                yield _Alteration(name, beside.message, without, rules)


def _settings(payload: Subscription, rules: Rules) -> Iterator[_Alteration]:
    yield _Alteration("the region of the stage", rules.region, payload, replace(rules, region=f"{rules.region}-"))
    yield _Alteration("the account of the stage", rules.account, payload, replace(rules, account=f"{rules.account}-"))
    yield _Alteration(_HASHED, None, payload, replace(rules, hash_key=rules.hash_key + b"-"), is_rule=True)
    meaning = rules.meaning or standard(rules.tenant_keys)
    for key in meaning.tenant_keys:
        without = replace(rules, meaning=meaning.without(key=key))
        yield _Alteration(f"tenant key {key}", None, payload, without, is_rule=True)
    for rule in meaning.written.rules():
        yield _Alteration(
            f"rule {rule}", None, payload, replace(rules, meaning=meaning.without(rule=rule)), is_rule=True
        )


def _matched(before: Sequence[Named], after: Sequence[Named]) -> dict[int, Row]:
    """The rows after an alteration by the number of what they were before; none for a row that is gone, or is taken
    for something else."""
    found: dict[int, Row] = {}
    left = list(after)
    for number, each in enumerate(before):
        same = next((other for other in left if other.key == each.key and other.source == each.source), None)
        if same is not None:
            left.remove(same)
            found[number] = same.row
    renamed = [(number, each) for number, each in enumerate(before) if number not in found]
    pairs = list(zip(renamed, left, strict=False))
    if len(renamed) == len(left) and all(each.table == other.table for (_, each), other in pairs):
        found |= {number: other.row for (number, each), other in pairs if each.source == other.source}
    return found


class _Effects:
    """What alterations did to one row: those that left no such row, and by column those that gave another value, with
    the values they gave."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self.decisive: list[_Alteration] = []
        self._by_column: dict[str, list[tuple[_Alteration, Any]]] = {name: [] for name in row}

    def note(self, alteration: _Alteration, after: Row | None) -> None:
        """Takes the row as it is with the alteration."""
        if after is None:
            self.decisive.append(alteration)
            return
        for name, value in self._row.items():
            if after[name] != value:
                self._by_column[name].append((alteration, after[name]))

    def origin(self, column: str, pieces_of_line: Set[str], *, is_text: bool) -> Origin:
        """Where a column comes from."""
        value, noted = self._row[column], self._by_column[column]
        rules = dict.fromkeys(alteration.name for alteration, _ in noted if alteration.is_rule)
        things = [(alteration, after) for alteration, after in noted if not alteration.is_rule]
        if not things:  # what decides that there is a row may well be what is in it
            things = [(each, None) for each in self.decisive if each.is_piece and _same(each.value, value)]
        if is_text:
            things = _said(things, value)
        of = list(dict.fromkeys(alteration.name for alteration, _ in things))
        from_line = [name for name in of if name in pieces_of_line]
        of_all = len(from_line) == len(pieces_of_line) > (0 if is_text else 1)
        if len(from_line) > MOST_NAMED or of_all:
            of = [THE_LINE, *(name for name in of if name not in pieces_of_line)]
        as_written = len(of) == 1 and of != [THE_LINE] and _same(things[0][0].value, value)
        hidden = [_HASHED] if rules.pop(_HASHED, "") is None else []
        return Origin(column, value, of, as_written, list(rules), hidden)


def _said(things: list[tuple[_Alteration, Any]], value: Any) -> list[tuple[_Alteration, Any]]:
    """Of the words of a text those that say a value, not those by which it is found: the words that are the value, else
    those with which it is another one."""
    beside = [each for each in things if not each[0].is_piece]
    words = [each for each in things if each[0].is_piece]
    equal = [each for each in words if _same(each[0].value, value)]
    other = [each for each in words if each[1] is not None]
    return [*(equal or other or words), *beside]


def _same(written: Any, value: Any) -> bool:
    number = values.number(written)
    return values.text(written) == values.text(value) or (number is not None and number == values.number(value))


class _Noting(Redactor):
    """Redaction that notes what it did: ``notes`` are the texts that came out, each with what made it."""

    def __init__(self, hash_key: bytes) -> None:
        super().__init__(hash_key)
        self.notes: dict[str, set[str]] = {}
        self._by: list[set[str]] = []

    def of(self, value: Any) -> list[str]:
        """What was done to the texts in a column's value."""
        return sorted({name for each in _texts_in(value) for name in self.notes.get(each, ())})

    def _without_secrets(self, texts: pa.StringArray) -> pa.StringArray:
        self._by = [set() for _ in texts]
        clean = super()._without_secrets(texts)
        for shown, names in zip(clean.to_pylist(), self._by, strict=True):
            if names:
                self.notes.setdefault(shown, set()).update(names)
        return clean

    def _applied(self, rule: Rule | Checked, texts: pa.StringArray) -> pa.StringArray:
        clean = super()._applied(rule, texts)
        for names, before, after in zip(self._by, texts.to_pylist(), clean.to_pylist(), strict=True):
            if before != after:
                names.add(f"redacted: {rule.name}")
        return clean

    def _hidden_value(self, value: Any, protection: int) -> Any:
        hidden = super()._hidden_value(value, protection)
        if hidden != value:
            name = "redacted: its name means a secret" if protection == SECRET else f"a person by its name, {_HASHED}"
            self.notes.setdefault(hidden, set()).add(name)
        return hidden


def _texts_in(value: Any) -> Iterator[str]:
    """A text, or all texts in JSON, in a map or in a list."""
    if isinstance(value, str):
        yield value
        if value.startswith(("{", "[")):
            try:
                yield from _texts_in(msgspec.json.decode(value))
            except (msgspec.MsgspecError, RecursionError):
                return
    elif isinstance(value, dict):
        yield from _texts_in([*value, *value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)

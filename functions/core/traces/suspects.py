"""Which service is most likely the root cause of an incident, by how its calls differ from a time without a fault.

What differs is looked for where it begins and not where it is felt: time that a service spends itself, time between a
caller and what it calls, calls that fail although nothing below them does, calls that get no answer, and spans and log
statements that are new or missing in a call. Who fails or behaves differently while something that it calls differs too
is believed less. See docs/root_cause.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import pyarrow as pa

from functions.core.traces import calls, statements
from functions.core.traces.calls import Call, Item, Key
from functions.core.traces.differences import Difference, Samples, change, slowdown

SELF_TIME, WAIT, ERRORS, NO_ANSWER, CONTENT = "self_time", "wait", "errors", "no_answer", "content"
SYMPTOMS = frozenset({ERRORS, CONTENT})
"""What a fault further down can bring about."""

NOTHING = Item("")

LEAST = 0.05
"""Differences that are smaller are not shown and make nobody a suspect."""

FEWEST = 3
"""What is seen in fewer calls says nothing."""

MOST_ROUTES = 20

Pair = tuple[list[Call], list[Call]]
"""Calls that are alike, of the baseline and of the incident."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One difference of a component: its kind, where it is, how large from 0 to 1, and the numbers.

    The operation of a wait is its two ends. ``before`` and ``now`` are milliseconds for times and else counts per call.
    ``item`` is what is in the calls more or less often, or the span whose own time grew most; with it go ``others``.
    """

    kind: str
    operation: str
    size: float
    before: float
    now: float
    requests_before: int
    requests_now: int
    routes: tuple[str, ...]
    item: Item
    others: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A component, how likely it is the root cause from 0 to 1, and the evidence, strongest first."""

    service: str
    score: float
    evidence: tuple[Evidence, ...]


class Rows(NamedTuple):
    """What the lake holds of a time: rows of ``spans`` and of ``logs``."""

    spans: pa.Table
    logs: pa.Table


def rank(baseline: Rows, incident: Rows) -> list[Suspect]:
    """The components whose calls differ, the likeliest root cause first; none where nothing differs."""
    spans = [calls.read(rows.spans) for rows in (baseline, incident)]
    callees = calls.callees(span for each in spans for span in each)
    windows = [calls.window(each, callees) for each in spans]
    known = statements.Statements()
    for rows, window in zip((baseline, incident), windows, strict=True):
        statements.add(rows.logs, window, known)
    before, now = (window.calls for window in windows)
    found: dict[str, list[Evidence]] = defaultdict(list)
    for component, evidence in [*_of_operations(before, now), *_of_ways(before, now)]:
        if evidence:
            found[component].append(evidence)
    return _ranked(found, now)


def _ranked(found: Mapping[str, Sequence[Evidence]], now: Iterable[Call]) -> list[Suspect]:
    scores = {component: _score(evidence) for component, evidence in found.items()}
    called = _called(now)
    suspects = []
    for component, evidence in found.items():
        believed = []
        for each in evidence:
            below = _below((component, each.operation), called) - {component} if each.kind in SYMPTOMS else ()
            doubt = max((scores.get(other, 0.0) for other in below), default=0.0)
            believed.append(replace(each, size=each.size * (1 - doubt)))
        believed.sort(key=lambda each: (-each.size, each.kind, each.operation, each.item))
        suspects.append(Suspect(component, _score(believed), tuple(believed)))
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.service))


def _score(evidence: Iterable[Evidence]) -> float:
    """The largest difference of each kind, put together as independent hints are."""
    largest: dict[str, float] = {}
    for each in evidence:
        largest[each.kind] = max(each.size, largest.get(each.kind, 0.0))
    return 1 - prod(1 - size for size in largest.values())


def _called(found: Iterable[Call]) -> dict[Key, set[Key]]:
    """What each operation of a component calls."""
    called: dict[Key, set[Key]] = defaultdict(set)
    for call in found:
        if call.caller:
            called[call.caller.component, call.caller.operation].add((call.component, call.operation))
    return called


def _below(operation: Key, called: Mapping[Key, set[Key]]) -> set[str]:
    """The components that an operation reaches."""
    reached: set[Key] = set()
    open_ = [operation]
    while open_:
        more = called.get(open_.pop(), set()) - reached
        reached |= more
        open_ += more
    return {component for component, _ in reached}


def _of_operations(before: Sequence[Call], now: Sequence[Call]) -> Iterator[tuple[str, Evidence | None]]:
    """What differs in the calls of each operation."""
    for (component, operation), alike in _paired(before, now, lambda call: (call.component, call.operation)).items():
        for kind, happened in ((ERRORS, _failed), (NO_ANSWER, _unanswered)):
            yield component, _evidence(kind, operation, alike, change(_samples(alike, happened), only_more=True))
        answered = [pair for b, n in alike if all(pair := ([c for c in b if c.answered], [c for c in n if c.answered]))]
        if not answered:
            continue
        slower = slowdown(_samples(answered, _own_ms))
        if slower.size >= LEAST:
            yield component, _evidence(SELF_TIME, operation, answered, slower, [Item(_slowest(answered))])
        contents = _contents(answered)
        for items in contents:
            differs = change(_samples(answered, _seen(items[0])), len(contents))
            yield component, _evidence(CONTENT, operation, answered, differs, items)


def _contents(pairs: Sequence[Pair]) -> list[list[Item]]:
    """What is not in all calls equally often; what always comes together is one, failures and lines first."""
    found = [call.seen for pair in pairs for side in pair for call in side]
    where: dict[Item, list[tuple[int, int]]] = defaultdict(list)
    for number, seen in enumerate(found):
        for item, count in seen.items():
            where[item].append((number, count))
    together: dict[tuple[tuple[int, int], ...], list[Item]] = defaultdict(list)
    for item in sorted(where, key=lambda item: item.order):
        always = len(where[item]) == len(found) and len({count for _, count in where[item]}) == 1
        if len(where[item]) >= FEWEST and not always:
            together[tuple(where[item])].append(item)
    return list(together.values())


def _of_ways(before: Sequence[Call], now: Sequence[Call]) -> Iterator[tuple[str, Evidence | None]]:
    """Slow ways between two components, each blamed on the end that explains it and most others.

    What is cut off is slow to reach by all; what is starved is besides slow to reach others.
    """
    pairs = _paired(
        [call for call in before if call.wait_ms is not None],
        [call for call in now if call.wait_ms is not None],
        lambda call: (call.caller.component if call.caller else "", call.component),
    )
    slow = {ends: slowdown(_samples(alike, _wait_ms)) for ends, alike in pairs.items()}
    left = {ends: found.size for ends, found in slow.items() if found.size >= LEAST}
    to, both = (
        {end: [ways for ways in slow if end in ways[first:]] for way in left for end in way} for first in (1, 0)
    )

    def explains(end: str) -> tuple[float, int]:
        """Of the ways to it, or to and from it: what is left, times the share that is; of equal ends the called one."""
        sums = [(sum(left.get(ends, 0.0) for ends in ways), len(ways)) for ways in (to[end], both[end])]
        return max(total * total / (count or 1) for total, count in sums), sum(ends in left for ends in to[end])

    while left:
        blamed = max(sorted({end for ends in left for end in ends}), key=explains)
        for ends in sorted(ends for ends in left if blamed in ends):
            yield blamed, _evidence(WAIT, " -> ".join(ends), pairs[ends], slow[ends])
            del left[ends]


def _paired(before: Iterable[Call], now: Iterable[Call], key: Callable[[Call], Key]) -> dict[Key, list[Pair]]:
    """Calls of the same key, those for the same route and the same caller together; only what both times have."""
    found: dict[Key, dict[tuple[str, ...], Pair]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for side, each in enumerate((before, now)):
        for call in each:
            caller = (call.caller.component, call.caller.operation) if call.caller else ()
            found[key(call)][(call.route, call.operation, *caller)][side].append(call)
    both = {of: [pair for _, pair in sorted(strata.items()) if all(pair)] for of, strata in sorted(found.items())}
    return {of: pairs for of, pairs in both.items() if pairs}


def _samples(pairs: Iterable[Pair], value: Callable[[Call], float]) -> list[Samples]:
    """The mean of each trace: calls of one request are no independent observations."""
    return [(_means(before, value), _means(now, value)) for before, now in pairs]


def _means(found: Iterable[Call], value: Callable[[Call], float]) -> list[float]:
    of_trace: dict[str, list[float]] = defaultdict(list)
    for call in found:
        of_trace[call.trace].append(value(call))
    return [sum(values) / len(values) for values in of_trace.values()]


def _seen(item: Item) -> Callable[[Call], float]:
    return lambda call: call.seen[item]


def _own_ms(call: Call) -> float:
    return sum(call.own_ms.values())


def _wait_ms(call: Call) -> float:
    return call.wait_ms or 0.0


def _failed(call: Call) -> float:
    return float(call.failed)


def _unanswered(call: Call) -> float:
    return float(not call.answered)


def _slowest(pairs: Sequence[Pair]) -> str:
    """The span whose own time grew most, a call."""
    grown: dict[str, float] = defaultdict(float)
    for side, sign in ((0, -1), (1, 1)):
        found = [call for pair in pairs for call in pair[side]]
        for call in found:
            for name, own in call.own_ms.items():
                grown[name] += sign * own / len(found)
    return max(sorted(grown), key=lambda name: grown[name], default="")


def _evidence(
    kind: str, operation: str, pairs: Sequence[Pair], found: Difference, items: Sequence[Item] = (NOTHING,)
) -> Evidence | None:
    """A difference as evidence, if it is large enough."""
    if found.size < LEAST:
        return None
    before, now = (len({call.trace for pair in pairs for call in pair[side]}) for side in (0, 1))
    routes = sorted({call.route for _, after in pairs for call in after})
    return Evidence(kind, operation, *found, before, now, tuple(routes[:MOST_ROUTES]), items[0], len(items) - 1)

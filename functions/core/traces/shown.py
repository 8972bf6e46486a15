"""What is shown of a transaction: the steps that say most, in their order, and where the time went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.core.traces.critical_path import CALL, NETWORK, UNKNOWN, WAIT, WORK, Segment, critical_path, suspect
from functions.core.traces.facts import Fact
from functions.core.traces.transaction import CALLING, Step, Transaction

WARNINGS = ("WARN", "ERROR", "FATAL")
WORDS = {WORK: "at work", CALL: "being called", NETWORK: "on the way to it", WAIT: "until taken up", UNKNOWN: "unknown"}

FOLDED_FROM = 4
"""As many calls of one kind below one step are one line: each of them alone says nothing."""

Bar = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A step as a line, or the longest of several ``alike`` below one step.

    ``bars`` are beginning and length of each on the time of the whole (0 to 1), ``on_path_ms`` how much of their time
    is on the critical path, ``left_out`` how many steps below are not shown.
    """

    step: Step
    depth: int
    alike: tuple[Step, ...]
    bars: tuple[Bar, ...]
    on_path_ms: float
    left_out: int

    @property
    def takes_ms(self) -> float:
        """How long it took, or all of them together."""
        return sum(step.end_ms - step.start_ms for step in self.alike)

    @property
    def warnings(self) -> list[Fact]:
        """The log lines of the step that warn of something."""
        return [line for line in self.step.lines if line.kind in WARNINGS]

    @property
    def times(self) -> str:
        """``9 \u00d7``, or nothing for a single step."""
        return f"{len(self.alike)} \u00d7 " if len(self.alike) > 1 else ""


def title(transaction: Transaction) -> str:
    """What was asked for, and of whom."""
    root = transaction.roots[0]
    name = root.fact.name or root.service
    return name if name == root.service else f"{name} \u00b7 {root.service}"


def cause(transaction: Transaction) -> str:
    """Who is the likely cause, in a sentence; what can be said where nobody stands out."""
    found = suspect(transaction)
    if found is None:
        return "Nothing failed, and nobody took most of the time."
    return f"Likely cause: {named(found.service)}: {found.reason}"


def label(step: Step) -> str:
    """What a step did; the service where it is another than above."""
    fact = step.fact
    if fact.kind in CALLING and fact.remote_service:
        return " ".join(filter(None, (named(fact.remote_service), fact.remote_operation)))
    if fact.name in (None, step.service):
        return step.service
    same = step.parent is not None and step.parent.service == step.service
    return fact.name if same and fact.name else f"{step.service}: {fact.name}"


def named(service: str) -> str:
    """A service as people name it."""
    return service.removeprefix("AWS::")


def lines(transaction: Transaction, most: int) -> list[Line]:
    """At most so many lines: what failed, stands between services or took time of the critical path, and all that
    stands above these."""
    on_path: dict[int, float] = defaultdict(float)
    for segment in critical_path(transaction):
        on_path[id(segment.step)] += segment.duration_ms
    alike: dict[int, tuple[Step, ...]] = {}
    steps = [step for root in transaction.roots for step in _unfolded(root, alike)]
    chosen = _chosen(steps, on_path, most) or {id(root) for root in transaction.roots[:most]}
    start, whole = transaction.start_ms, max(transaction.end_ms - transaction.start_ms, 1e-9)
    depth: dict[int, int] = {}
    left_out: dict[int, int] = defaultdict(int)
    for step in steps:
        above = _shown_above(step, chosen)
        if id(step) in chosen:
            depth[id(step)] = depth[id(above)] + 1 if above else 0
        elif above:
            left_out[id(above)] += 1
    return [
        Line(
            step,
            depth[id(step)],
            those := alike.get(id(step), (step,)),
            tuple(((each.start_ms - start) / whole, (each.end_ms - each.start_ms) / whole) for each in those),
            sum(on_path[id(each)] for each in those),
            left_out[id(step)],
        )
        for step in steps
        if id(step) in chosen
    ]


def _unfolded(root: Step, alike: dict[int, tuple[Step, ...]]) -> Iterator[Step]:
    """The steps of a tree, each before its children; of several that are alike the longest, which ``alike`` says."""
    left = [root]
    while left:
        step = left.pop()
        yield step
        kinds: dict[tuple[str, bool, bool], list[Step]] = defaultdict(list)
        for child in step.children:
            kinds[label(child), child.failed, child.asynchronous].append(child)
        shown = []
        for those in kinds.values():
            if len(those) < FOLDED_FROM:
                shown += those
            else:
                longest = max(those, key=lambda each: each.end_ms - each.start_ms)
                alike[id(longest)] = tuple(those)
                shown.append(longest)
        left += sorted(shown, key=lambda child: min(each.start_ms for each in alike.get(id(child), (child,))))[::-1]


def _chosen(steps: Sequence[Step], on_path: Mapping[int, float], most: int) -> set[int]:
    chosen: set[int] = set()
    for step in sorted(steps, key=lambda step: _weight(step, on_path[id(step)])):
        above: list[int] = []
        each: Step | None = step
        while each is not None and id(each) not in chosen:
            above.append(id(each))
            each = each.parent
        if len(chosen) + len(above) <= most:
            chosen.update(above)
    return chosen


def time_spent(transaction: Transaction) -> list[tuple[str, str, float, float]]:
    """Whose time it was, of what kind (in words), how many ms and what share of the whole; the longest first."""
    path: list[Segment] = critical_path(transaction)
    spent: dict[tuple[str, str], float] = defaultdict(float)
    for segment in path:
        spent[segment.who, segment.kind] += segment.duration_ms
    total = sum(spent.values()) or 1.0
    most = sorted(spent.items(), key=lambda each: -each[1])
    return [(named(who), WORDS[kind], ms, ms / total) for (who, kind), ms in most]


def _weight(step: Step, on_path_ms: float) -> tuple[int, float]:
    crosses = step.parent is None or step.asynchronous or step.service != step.parent.service
    return (0 if step.failed or step.parent is None else 1 if crosses or step.fact.kind in CALLING else 2, -on_path_ms)


def _shown_above(step: Step, chosen: set[int]) -> Step | None:
    above = step.parent
    while above is not None and id(above) not in chosen:
        above = above.parent
    return above

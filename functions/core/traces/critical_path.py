"""Where the time of a transaction went, and who is the cause of it.

The critical path is what would have to be shorter for the end to come earlier: going back from the end, always the call
that ended last before (Zhang et al., *CRISP: Critical Path Analysis of Large-Scale Microservice Architectures*, USENIX
ATC 2022). Over a queue it goes on, and what lies between the sending and the beginning of the work is waiting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from functions.core.traces.facts import Fact
from functions.core.traces.transaction import CALLING, CLOCK_MS, Step, Transaction

WORK, CALL, NETWORK, WAIT, UNKNOWN = "work", "call", "network", "wait", "unknown"
LEAST_SHARE = 0.25
"""Of the time; who has less of it is not the cause of its length."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the critical path: own work, a call to somebody who writes no spans, the way to somebody who does,
    the waiting of a message, or what nothing is known of."""

    step: Step
    start_ms: float
    end_ms: float
    kind: str

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms

    @property
    def who(self) -> str:
        """Whose time it is."""
        step = self.step
        if self.kind in (WORK, UNKNOWN):
            return step.service
        called = (child.service for child in step.children if not child.asynchronous)
        return step.fact.remote_service or next(called, None) or step.fact.name or step.service


@dataclass(frozen=True, slots=True)
class Suspect:
    """Who is the likely cause, by what step, and why in words."""

    service: str
    step: Step
    reason: str


def critical_path(transaction: Transaction, *, whole: bool = True) -> list[Segment]:
    """The path in order of time, without gaps. ``whole`` goes to the end of all that was caused; else it is what the
    caller waited for. It is worked out once."""
    whole = whole or not any(step.asynchronous for step in transaction.steps)
    paths: dict[bool, list[Segment]] = transaction.__dict__.setdefault("_paths", {})
    if whole not in paths:
        paths[whole] = _path(transaction, whole=whole)
    return paths[whole]


def _path(transaction: Transaction, *, whole: bool) -> list[Segment]:
    top = transaction.roots[0]
    if len(transaction.roots) > 1:
        end = max(root.end_ms for root in transaction.roots)
        top = Step(Fact("unknown", transaction.start_ms), transaction.start_ms, end)
        top.children = list(transaction.roots)
    return list(_backwards(top, whole=whole))[::-1]


def suspect(transaction: Transaction) -> Suspect | None:
    """Who made it fail, or if nobody did who made it take its time; None where the time is spread."""
    origin = _origin(transaction)
    if origin is not None:
        return Suspect(origin.callee, origin, _failure(origin))
    path = critical_path(transaction, whole=False)
    total = sum(segment.duration_ms for segment in path)
    spent: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    for segment in path:
        spent[segment.who, segment.kind].append(segment)
    most = max(spent.values(), key=_total, default=[])
    if not total or _total(most) < LEAST_SHARE * total or most[0].kind == UNKNOWN:
        return None
    longest = max(most, key=lambda segment: segment.duration_ms)
    return Suspect(longest.who, longest.step, f"{_total(most) / total:.0%} of the time {_spent(longest, most)}")


def _total(segments: list[Segment]) -> float:
    return sum(segment.duration_ms for segment in segments)


def _backwards(top: Step, *, whole: bool) -> Iterator[Segment]:
    """The path from its end to its beginning. What began before that which caused it, by its own clock, is cut off
    there."""
    last: dict[int, float] = {}
    for step in reversed(list(top.walk())):
        caused = [last[id(child)] for child in step.children] if whole else []
        last[id(step)] = max([step.end_ms, *caused])
    stack = [(top, last[id(top)], top.start_ms, _latest_first(top, last, whole))]
    while stack:
        step, now, floor, children = stack.pop()
        # a child may end a little after its parent by the two clocks
        child = next((each for each in children if last[id(each)] <= now + CLOCK_MS and each.start_ms < now), None)
        ended = now if child is None else min(now, last[id(child)])
        if child is None or ended <= floor:
            yield from _segments(step, floor, now)
        else:
            yield from _segments(step, ended, now)
            began = max(floor, child.start_ms)
            stack.append((step, began, floor, children))
            stack.append((child, ended, began, _latest_first(child, last, whole)))


def _latest_first(step: Step, last: dict[int, float], whole: bool) -> Iterator[Step]:
    chosen = (child for child in step.children if whole or not child.asynchronous)
    return iter(sorted(chosen, key=lambda child: -last[id(child)]))


def _segments(step: Step, start: float, end: float) -> Iterator[Segment]:
    """A stretch of a step's time: what lies behind its end is waiting."""
    own_end = min(end, max(start, step.end_ms))
    if end > own_end:
        yield Segment(step, own_end, end, WAIT)
    if own_end > start:
        yield Segment(step, start, own_end, _kind(step))


def _kind(step: Step) -> str:
    if step.fact.fact == "unknown":
        return UNKNOWN
    if step.fact.kind not in CALLING:
        return WORK
    return NETWORK if any(not child.asynchronous for child in step.children) else CALL


def _origin(transaction: Transaction) -> Step | None:
    """Where it began to fail: down from what failed first of all, always to the call that failed last before its caller
    did, for what failed earlier was got over."""
    tops = [step for step in transaction.steps if step.failed and not (step.parent and step.parent.failed)]
    origin = min(tops, key=lambda step: (step.parent is not None, step.start_ms), default=None)
    while origin is not None:
        failing = [child for child in origin.children if child.failed]
        if not failing:
            break
        origin = max(failing, key=lambda child: (not child.asynchronous, child.end_ms))
    return origin


def _failure(step: Step) -> str:
    """What went wrong, in words."""
    fact, invocation = step.fact, step.invocation
    status = invocation.status if invocation is not None and invocation.status in ("timeout", "out_of_memory") else None
    if status == "timeout":
        return f"Lambda ended it after {step.end_ms - step.start_ms:,.0f} ms{_longest_call(step)}"
    if status == "out_of_memory":
        return "it ran out of memory"
    what = (
        fact.error_type
        or (invocation.error_type if invocation else None)
        or {"throttle": "throttled"}.get(fact.status or "", "failed")
    )
    said = next((line.message for line in reversed(step.lines) if line.kind in ("ERROR", "FATAL")), None)
    message = fact.message or said
    return f"{what}: {message}" if message else what


def _longest_call(step: Step) -> str:
    calls = [child for child in step.children if child.fact.kind in CALLING]
    if not calls:
        return ""
    longest = max(calls, key=lambda call: call.end_ms - call.start_ms)
    return f"; it had called {longest.callee} for {longest.end_ms - longest.start_ms:,.0f} ms"


def _spent(longest: Segment, those: list[Segment]) -> str:
    calls = len({id(segment.step) for segment in those})
    by = f"{calls} calls by {longest.step.service}" if calls > 1 else f"a call by {longest.step.service}"
    if longest.kind == CALL:
        return f"in {by}"
    if longest.kind == NETWORK:
        return f"on the way to it and back, in {by}"
    if longest.kind == WAIT:
        return "waiting until the message was taken up"
    return f"in {longest.step.fact.name or 'its own work'}" if calls == 1 else "in its own work"

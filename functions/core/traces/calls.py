"""Calls between services, put together from the spans of a time: who called whom, and how long each worked itself.

A call is what one service does for one request of another: its entry span and the spans of the same service below it.
What has no spans of its own (a third party, a table, a queue) is known by the client spans of its callers.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from functions.core.traces.transaction import CALLING, above, nobody_waits

UNNAMED = "(unknown)"
SINGLE_CALLEE = 0.9
"""Share of the answered calls of one kind that must go to one service for an unanswered one to count as its."""

FAILURES = frozenset({"ERROR", "FATAL"})

COLUMNS = (
    *("trace_id", "span_id", "parent_span_id", "links", "service", "name", "kind", "start_time", "duration_ms"),
    *("status", "remote_service", "remote_operation", "span_attributes"),
)
"""What is needed of ``spans``."""

_ENTERED = frozenset({"server", "consumer"})
_RESOURCE_NAMES = (
    *("aws.remote.resource.identifier", "aws.dynamodb.table_names", "table_name", "messaging.destination.name"),
    *("aws.sqs.queue.url", "queue_url", "aws.s3.bucket", "bucket_name", "db.namespace", "db.name"),
)
_CLOCK_MS = 1
"""Starts are known in whole milliseconds."""

Key = tuple[str, str]
Signature = tuple[str, str, str, str]
Callees = Mapping[Signature, Key]
"""Service and operation that calls of one kind lead to."""


class Item(NamedTuple):
    """What can be seen in a call: a span or, where it has a level, a log statement."""

    text: str
    level: str = ""

    @property
    def order(self) -> tuple[bool, bool, str]:
        """Lines of failures before others, lines before spans."""
        return (self.level not in FAILURES, not self.level, self.text)


class Span(NamedTuple):
    """What is needed of a row of ``spans``. Times are milliseconds."""

    key: Key
    parent: Key | None
    linked: bool
    service: str
    name: str
    kind: str
    start: int
    duration: float
    failed: bool
    refused: bool
    remote: str
    remote_operation: str

    @property
    def signature(self) -> Signature:
        return (self.service, self.name, self.remote, self.remote_operation)


@dataclass(slots=True, eq=False)
class Call:
    """One call of a component, with what happened in it.

    ``own_ms`` is the time not spent in calls of others, by the span that spent it. ``wait_ms`` is how much longer its
    caller waited than it took (network, queue); None where no caller is known. ``failed`` is one that failed although
    nothing that it called did. Of a call that was not ``answered`` only the caller tells.
    """

    component: str
    operation: str
    route: str
    trace: str
    caller: Call | None
    wait_ms: float | None = None
    failed: bool = False
    answered: bool = True
    own_ms: dict[str, float] = field(default_factory=dict)
    seen: Counter[Item] = field(default_factory=Counter)


@dataclass(slots=True)
class Window:
    """The calls of a time, and where log lines find theirs: by span, or by trace and service."""

    calls: list[Call] = field(default_factory=list)
    of_span: dict[Key, Call] = field(default_factory=dict)
    of_trace: dict[Key, Call] = field(default_factory=dict)


def read(table: pa.Table) -> list[Span]:
    """The finished spans of rows of ``spans``, each once, oldest first.

    A span whose parent is not among them hangs on a span that it links to, as what takes messages from a queue does.
    """
    # engines that read the lake have times of their own resolution
    starts = table["start_time"].cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    columns = [starts if name == "start_time" else table[name] for name in COLUMNS]
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    keys = {(row[0], row[1]) for row in rows}
    found: dict[Key, Span] = {}
    for trace, span, parent_id, links, service, name, kind, start, duration, status, remote, operation, more in rows:
        if start is None or duration is None or duration < 0:
            continue
        parent, linked = above((trace, parent_id), ((link["trace_id"], link["span_id"]) for link in links or ()), keys)
        found[trace, span] = Span(
            (trace, span),
            parent if parent != (trace, span) else None,
            linked,
            service or UNNAMED,
            name or "",
            kind or "",
            start,
            duration,
            status in {"error", "fault", "throttle"},
            status == "error",
            _component(remote, more) if remote and kind in CALLING else "",
            operation or "",
        )
    return sorted(found.values(), key=lambda span: (span.start, -span.duration, span.key))


def _component(remote: str, attributes: str | None) -> str:
    """What is called: its name, with the table, queue or bucket where the span tells."""
    try:
        known = json.loads(attributes or "{}")
    except (ValueError, RecursionError):
        return remote
    named = next((known[name] for name in _RESOURCE_NAMES if known.get(name)), None) if type(known) is dict else None
    resource = named[0] if isinstance(named, list) else named
    return f"{remote} {resource.rpartition('/')[2]}" if isinstance(resource, str) and resource != remote else remote


def callees(spans: Iterable[Span]) -> Callees:
    """What calls of one kind lead to, where nearly all that were answered lead to one service."""
    spans = list(spans)
    by_key = {span.key: span for span in spans}
    answers: dict[Signature, Counter[Key]] = defaultdict(Counter)
    for span in spans:
        caller = by_key.get(span.parent) if span.parent else None
        if caller and caller.kind == "client" and _enters(span, caller):
            answers[caller.signature][span.service, span.name] += 1
    found: dict[Signature, Key] = {}
    for signature, counted in answers.items():
        callee, operation = min(counted, key=lambda each: (-counted[each], each))
        if sum(count for each, count in counted.items() if each[0] == callee) >= SINGLE_CALLEE * counted.total():
            found[signature] = callee, operation
    return found


def window(spans: Sequence[Span], callees: Callees) -> Window:
    """The calls that spans tell of, each behind its caller."""
    by_key = {span.key: span for span in spans}
    children: dict[Key, list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent in by_key:
            children[span.parent].append(span)
    found = Window()
    # spans in a circle of parents are below no root: the oldest of them is taken for one
    for root in [span for span in spans if span.parent not in by_key] + list(spans):
        _walk(root, children, callees, found)
    failing: set[int] = set()
    for call in reversed(found.calls):
        if call.failed or id(call) in failing:
            call.failed = call.failed and id(call) not in failing
            failing.add(id(call.caller))
    return found


def _walk(root: Span, children: Mapping[Key, list[Span]], callees: Callees, found: Window) -> None:
    """Adds the calls of a root and of all below it that was not met yet."""
    open_: list[tuple[Span, Call | None, float | None]] = [(root, None, None)]
    while open_:
        span, call, wait = open_.pop()
        if span.key in found.of_span:
            continue
        if call is None or wait is not None or span.service != call.component:
            route = call.route if call else f"{span.service} {span.name}"
            call = Call(span.service, span.name, route, span.key[0], call, wait)
            found.calls.append(call)
            found.of_trace.setdefault((span.key[0], span.service), call)
        else:
            call.seen[Item(f"{span.kind or 'span'} {span.name}")] += 1
        found.of_span[span.key] = call
        call.failed = call.failed or span.failed
        below = children.get(span.key, ())
        meanwhile = [child for child in below if not _later(child, span)]
        own = span.duration - _covered(span, meanwhile)
        if not (span.kind == "client" and any(_enters(child, span) for child in meanwhile)):
            if callee := _unseen(span, callees):
                _add_unseen(span, call, *callee, found)
            else:
                call.own_ms[span.name] = call.own_ms.get(span.name, 0.0) + own
        for child in reversed(below):
            waited = None
            if span.kind in CALLING and _enters(child, span):
                waited = max(0.0, child.start - span.start - span.duration) if _later(child, span) else own
            open_.append((child, call, waited))


def _enters(span: Span, parent: Span) -> bool:
    """Whether a span is where another service, or the same one again, takes a call."""
    return span.service != parent.service or (span.kind in _ENTERED and parent.kind in CALLING)


def _later(span: Span, parent: Span) -> bool:
    """Whether nobody waits for a span's end."""
    return span.linked or nobody_waits(span.kind, span.start, parent.kind, parent.start + parent.duration)


def _unseen(span: Span, callees: Callees) -> tuple[Key, bool] | None:
    """What a call leads to of which there are no spans, and whether it could not have any."""
    if span.kind == "client" and span.signature in callees:
        return callees[span.signature], False
    return ((span.remote, span.remote_operation or span.name), True) if span.remote else None


def _add_unseen(span: Span, caller: Call, callee: Key, answered: bool, found: Window) -> None:
    """Adds the call that a client span tells of. What a caller is refused (4xx) is its own fault."""
    failed = span.failed and not (answered and span.refused)
    call = Call(*callee, caller.route, caller.trace, caller, failed=failed, answered=answered)
    if answered:
        call.own_ms[span.name] = span.duration
    else:
        call.wait_ms = span.duration
    found.calls.append(call)


def _covered(parent: Span, children: Sequence[Span]) -> float:
    """Milliseconds of a span in which at least one of its children ran.

    Children that seem to overlap by no more than the clock's resolution ran one after the other.
    """
    covered, until, end = 0.0, float(parent.start), parent.start + parent.duration
    for child in sorted(children, key=lambda span: span.start):
        begin = max(float(child.start), until)
        rest = child.duration if until - child.start <= _CLOCK_MS else child.start + child.duration - begin
        ran = max(0.0, min(rest, end + _CLOCK_MS - begin))
        covered += ran
        until = max(until, begin + ran)
    return min(covered, parent.duration)

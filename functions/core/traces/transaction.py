"""One transaction: what a request caused in all services, put together from what each of them says of it.

Spans are joined by parents, and over queues and batches by links; invocations by their request id, or where a function
writes no spans by trace and time; access logs as what stands before the first span; log lines by span or request. What
is missing is said and not made up: a span whose parent never came hangs on the root of its trace and is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from functions.core.cost.calls import call_usd, gateway_usd
from functions.core.traces.facts import FAILED, Fact

CALLING = frozenset({"client", "producer"})
CLOCK_MS = 5.0
"""Clocks of two machines of AWS differ less; times in the lake are whole milliseconds."""

MOST_INNER = 100
"""Requests behind the first one of a trace whose caller is looked for; more hang on the first one."""

_WHOLE_SECOND_MS = 1000.0

Place = TypeVar("Place", bound=tuple[str | None, str | None])
"""Trace and span id."""


@dataclass(slots=True, eq=False)
class Step:
    """Something that ran: a span, an invocation of a function that writes none, or a request that a gateway took.

    ``asynchronous`` steps began with a message: what sent it did not wait. ``placed`` says how it was found where it
    stands: by its ``parent``, by a ``link``, by ``time``, or not at all: its parent is missing (``lost``) or below it
    (``circle``). What was done for the one ``message`` of a batch hangs on the batch. ``shared_by`` is how many
    messages the batch had of which this transaction sent one, ``share`` the part of the cost that it bears.
    """

    fact: Fact
    start_ms: float
    end_ms: float
    placed: str = "parent"
    asynchronous: bool = False
    shared_by: int = 1
    share: float = 1.0
    parent: Step | None = None
    children: list[Step] = field(default_factory=list)
    invocation: Fact | None = None
    lines: list[Fact] = field(default_factory=list)
    cost_usd: float = 0.0

    @property
    def service(self) -> str:
        """Where it ran."""
        return self.fact.service or "(unknown)"

    @property
    def callee(self) -> str:
        """Who did what it stands for: of a call to somebody who writes no spans the one that was called."""
        silent = self.fact.kind in CALLING and all(child.asynchronous for child in self.children)
        return (self.fact.remote_service if silent else None) or self.service

    @property
    def failed(self) -> bool:
        """Whether it failed, by its own word or by Lambda's."""
        return self.fact.status in FAILED or (self.invocation is not None and self.invocation.status in FAILED)

    def walk(self) -> Iterator[Step]:
        """This step and all below it, each before its children, these in order of time."""
        left = [self]
        while left:
            step = left.pop()
            yield step
            left.extend(reversed(step.children))


@dataclass(frozen=True)
class Transaction:
    """One end-to-end request: ``roots`` is more than one where what joins them was not written; ``steps`` are all of
    it, each before its children."""

    roots: tuple[Step, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def start_ms(self) -> float:
        """When it began, in ms since 1970."""
        return min(root.start_ms for root in self.roots)

    @cached_property
    def end_ms(self) -> float:
        """When the last of it ended."""
        return max(step.end_ms for step in self.steps)

    @property
    def failed(self) -> bool:
        """Whether its caller got an error, or a part of it failed for which nobody waited."""
        return any(step.failed for step in self.steps if step.parent is None or step.asynchronous)

    @property
    def tenant(self) -> str | None:
        """The customer's id, as the first step says that knows it."""
        return next((step.fact.tenant for step in self.steps if step.fact.tenant), None)

    @property
    def customer(self) -> str | None:
        """The customer by the name on the list of customers, by the id where it has none."""
        return next((step.fact.customer_name for step in self.steps if step.fact.customer_name), self.tenant)

    @property
    def cost_usd(self) -> float:
        """What its invocations, calls and requests to gateways cost at least, at list price; of a batch its share."""
        return sum(step.cost_usd for step in self.steps)


def assemble(facts: Iterable[Fact], trace_id: str | None = None) -> Transaction | None:
    """The transaction that ``trace_id`` belongs to; None where nothing ran. Without it, of all facts.

    ``facts`` are rows of spans, invocations, requests and logs in any order, also of other traces and repeated.
    """
    by_kind: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_kind[fact.fact].append(fact)
    steps = _of_spans(by_kind["span"])
    _place(steps)
    _add_invocations(steps, by_kind["invocation"])
    _add_requests(steps, by_kind["request"])
    chosen = _chosen(steps, trace_id) if trace_id else steps
    if not chosen:
        return None
    _add_lines(chosen, by_kind["log"])
    for step in chosen:
        step.children.sort(key=lambda child: (child.start_ms, child.fact.span_id or ""))
    roots = sorted((step for step in chosen if step.parent is None), key=lambda step: step.start_ms)
    steps = [step for root in roots for step in root.walk()]
    for step in steps:
        _price(step)
    return Transaction(tuple(roots), tuple(steps), tuple(_notes(chosen, roots)))


def above(parent: Place, links: Iterable[Place], known: Container[Place]) -> tuple[Place | None, bool]:
    """What a span hangs on, and whether by a link: its parent, else the first that it links to; None where no such span
    is known."""
    if parent in known:
        return parent, False
    return next((link for link in links if link in known), None), True


def nobody_waits(kind: str | None, start_ms: float, parent_kind: str | None, parent_end_ms: float) -> bool:
    """Whether a span's parent has sent a message, and did not wait for it."""
    return parent_kind == "producer" or kind == "consumer" or start_ms > parent_end_ms + CLOCK_MS


def _of_spans(spans: Sequence[Fact]) -> list[Step]:
    """A step for each span; of several reports of one span the one that knows its end."""
    known: dict[tuple[str | None, str | None], Fact] = {}
    for span in spans:
        other = known.get((span.trace_id, span.span_id))
        if other is None or (other.duration_ms is None and span.duration_ms is not None):
            known[span.trace_id, span.span_id] = span
    return [Step(span, span.start_ms, span.end_ms) for span in known.values()]


def _place(steps: Sequence[Step]) -> None:
    """Hangs each span on its parent, else on the first that it links to, else on the root of its trace."""
    by_id = {(step.fact.trace_id, step.fact.span_id): step for step in steps}
    linked = []
    for step in steps:
        fact = step.fact
        found, is_linked = above((fact.trace_id, fact.parent_span_id), fact.links, by_id)
        if found is not None:
            parent = by_id[found]
            sent = is_linked or nobody_waits(fact.kind, step.start_ms, parent.fact.kind, parent.end_ms)
            _hang(step, parent, "link" if is_linked else "parent", asynchronous=sent)
        elif fact.parent_span_id:
            step.placed = "lost"
        if found is not None and is_linked:
            step.shared_by = len(fact.links)
            linked.append(step)
    _cut_circles(steps)
    _gather_orphans(steps)
    for step in linked:
        if step.parent is not None:
            _take_over(step, step.parent)


def _gather_orphans(steps: Sequence[Step]) -> None:
    """Hangs spans whose parent is missing on the root of their trace: the first without a parent, else the first."""
    tops: dict[str | None, list[Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: step.start_ms):
        if step.parent is None:
            tops[step.fact.trace_id].append(step)
    for of_trace in tops.values():
        root = next((step for step in of_trace if step.placed != "lost"), of_trace[0])
        for step in of_trace:
            if step.placed == "lost" and step is not root:
                _hang(step, root, "lost", asynchronous=step.start_ms > root.end_ms + CLOCK_MS)


def _take_over(step: Step, sender: Step) -> None:
    """Hangs on the invocation that worked off a batch what it did for the one message, in the message's own trace."""
    for other in [each for each in sender.children if each is not step]:
        if other.service == step.service and _encloses(step, other):
            sender.children.remove(other)
            _hang(other, step, "message", asynchronous=False)


def _hang(step: Step, parent: Step, placed: str, *, asynchronous: bool) -> None:
    step.parent, step.placed, step.asynchronous = parent, placed, asynchronous
    parent.children.append(step)


def _cut_circles(steps: Sequence[Step]) -> None:
    """Makes the first of a circle of spans a root: ids come from outside, and links may go both ways."""
    reached = {id(step) for root in steps if root.parent is None for step in root.walk()}
    for step in sorted(steps, key=lambda step: step.start_ms):
        if id(step) not in reached and step.parent is not None:
            step.parent.children.remove(step)
            step.parent, step.placed, step.asynchronous = None, "circle", False
            reached |= {id(each) for each in step.walk()}


def _add_invocations(steps: list[Step], invocations: Sequence[Fact]) -> None:
    """Gives each invocation to the first span of it; one without spans becomes a step inside what took its time."""
    first: dict[str, Step] = {}
    for step in sorted(steps, key=lambda step: step.start_ms):
        if step.fact.request_id and step.fact.kind not in CALLING:
            first.setdefault(step.fact.request_id, step)
    silent: list[Step] = []
    finished = {fact.request_id for fact in invocations if fact.status is not None}
    # a START is there as long as its REPORT is not; Lambda tries again under the same request id
    for invocation in {(fact.request_id, fact.start_ms): fact for fact in invocations}.values():
        if invocation.status is None and invocation.request_id in finished:
            continue
        known = first.get(invocation.request_id or "")
        if known is None or known.invocation is not None:
            silent.append(Step(invocation, invocation.start_ms, invocation.end_ms, "time", invocation=invocation))
        else:
            known.invocation = invocation
    steps += silent
    for step in silent:
        around = [other for other in steps if other.fact.trace_id == step.fact.trace_id and _encloses(other, step)]
        if around:
            _hang(step, max(around, key=lambda other: other.start_ms), "time", asynchronous=False)


def _encloses(outer: Step, inner: Step) -> bool:
    """Whether one took all the time of the other, and more."""
    length = outer.end_ms - outer.start_ms
    return (
        length > inner.end_ms - inner.start_ms
        and outer.start_ms - CLOCK_MS <= inner.start_ms
        and outer.end_ms + CLOCK_MS >= inner.end_ms
    )


def _add_requests(steps: list[Step], requests: Sequence[Fact]) -> None:
    """Puts what a gateway says of a request before the root of its trace; what gateways within say, into the step that
    called them."""
    roots: dict[str | None, list[Step]] = defaultdict(list)
    for step in steps:
        if step.parent is None:
            roots[step.fact.trace_id].append(step)
    outer: dict[str, Step] = {}
    inner: Counter[str] = Counter()
    # a line that was delivered twice is one request; of those of the same second the longest called the others
    for request in sorted(dict.fromkeys(requests), key=_outer_first):
        if request.trace_id is None:
            continue
        if request.trace_id in outer:
            inner[request.trace_id] += 1
            # who is outside chooses the trace, and may give all requests the same
            around = steps if inner[request.trace_id] <= MOST_INNER else []
            steps.append(_inner(request, outer[request.trace_id], around))
            continue
        below = roots[request.trace_id]
        start, duration = request.start_ms, request.duration_ms or 0.0
        if below and start % _WHOLE_SECOND_MS == 0:
            # the gateway writes whole seconds: it began before what it called, as far as the second allows
            first = min(step.start_ms for step in below)
            start = min(max(start, first - max(0.0, duration - _length(below))), first)
        outer[request.trace_id] = step = Step(request, start, start + duration)
        for root in below:
            _hang(root, step, root.placed, asynchronous=root.start_ms > step.end_ms + CLOCK_MS)
        steps.append(step)


def _outer_first(request: Fact) -> tuple[float, float]:
    return request.start_ms // _WHOLE_SECOND_MS, -(request.duration_ms or 0.0)


def _inner(request: Fact, outer: Step, steps: Iterable[Step]) -> Step:
    """A request to a gateway behind the first one: in the call that took all of its time, before what the call led to.

    Where nothing of its trace took so long, it hangs on the ``outer`` request.
    """
    late = _WHOLE_SECOND_MS - 1 if request.start_ms % _WHOLE_SECOND_MS == 0 else 0.0
    caller, found, nearest = outer, Step(request, request.start_ms, request.end_ms), (False, 0.0)
    for other in steps:
        if other is outer or other.fact.trace_id != request.trace_id:
            continue
        # of a whole second it may have begun as much later as fits into the call
        start = min(max(request.start_ms, other.start_ms), request.start_ms + late)
        step = Step(request, start, start + (request.duration_ms or 0.0))
        near = (other.fact.kind in CALLING, other.start_ms)
        if _encloses(other, step) and near > nearest:
            caller, found, nearest = other, step, near
    for child in list(caller.children) if caller is not outer else []:
        if (
            (child.placed == "time" or caller.fact.kind in CALLING)
            and not child.asynchronous
            and _encloses(found, child)
        ):
            caller.children.remove(child)
            _hang(child, found, child.placed, asynchronous=False)
    _hang(found, caller, "time", asynchronous=found.start_ms > caller.end_ms + CLOCK_MS)
    return found


def _length(steps: Sequence[Step]) -> float:
    return max(step.end_ms for step in steps) - min(step.start_ms for step in steps)


def _chosen(steps: Sequence[Step], trace_id: str) -> list[Step]:
    """Steps of the trees that the trace has a part in."""
    if all(step.fact.trace_id == trace_id for step in steps):
        return list(steps)
    chosen: list[Step] = []
    for root in (step for step in steps if step.parent is None):
        tree = list(root.walk())
        if any(step.fact.trace_id == trace_id for step in tree):
            chosen += tree
    return chosen


def _add_lines(steps: Sequence[Step], lines: Iterable[Fact]) -> None:
    by_span: dict[tuple[str | None, str | None], Step] = {}
    by_request: dict[str | None, Step] = {}
    by_trace: dict[str | None, Step] = {}
    for step in steps:
        request = step.invocation.request_id if step.invocation else step.fact.request_id
        if request and step.fact.kind not in CALLING:
            by_request.setdefault(request, step)
        by_trace.setdefault(step.fact.trace_id, step)
        if step.fact.span_id:
            by_span[step.fact.trace_id, step.fact.span_id] = step
    for line in sorted(lines, key=lambda line: line.start_ms):
        found = (
            by_span.get((line.trace_id, line.span_id))
            or by_request.get(line.request_id or "")
            or by_trace.get(line.trace_id or "")
        )
        if found is not None:
            found.lines.append(line)


def _price(step: Step) -> None:
    """Says what a step cost, after that above it."""
    above, fact = step.parent, step.fact
    if above is not None:
        step.share = above.share * above.shared_by if step.placed == "message" else above.share / step.shared_by
    whole = (step.invocation.cost_usd or 0.0) if step.invocation else 0.0
    if fact.fact == "span" and fact.kind in CALLING:
        whole += call_usd(fact.remote_service, fact.remote_operation)
    if fact.fact == "request":
        whole += gateway_usd(fact.kind, fact.request_id, fact.status)
    step.cost_usd = whole * step.share


def _notes(steps: Sequence[Step], roots: Sequence[Step]) -> Iterator[str]:
    """What somebody should know who reads it."""
    lost = sum(step.placed == "lost" and step.parent is not None for step in steps)
    if lost:
        yield f"{lost} of {len(steps)} spans name a parent that is not there: not written, left out, or still to come"
    if len(roots) > 1:
        yield f"{len(roots)} parts of it are joined by nothing but the trace id"
    shared = max((step.shared_by for step in steps), default=1)
    if shared > 1:
        yield f"a batch of {shared} messages was worked off together: of its cost this transaction bears its share"
    if any(step.fact.duration_ms is None for step in steps if step.fact.fact == "span"):
        yield "some spans have not ended yet"
    silent = {step.service for step in steps if step.fact.fact == "invocation"}
    if silent:
        yield f"no spans of {', '.join(sorted(silent))}: placed by trace and time"

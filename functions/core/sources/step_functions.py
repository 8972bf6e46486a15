"""Step Functions: executions and their states as spans, from execution logs and from GetExecutionHistory.

A log line: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html. A state is entered in one line and exited
in another, and only the order of the lines (``previous_event_id``) joins them. A state that is entered becomes an
unfinished span at once. Where its end is in the same payload, that line gives the finished span under the same
name, so `compact` keeps that one. An end whose beginning is not in sight stays a log line, and so does every other
event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from functions.core import values
from functions.core.context import Context
from functions.core.piles import Reader
from functions.core.rows import Event
from functions.core.sources import span_rows, spans
from functions.core.sources.span_rows import Found, SetTime
from functions.core.sources.spans import Span
from functions.core.traces.times import nanoseconds
from functions.core.traces.trace_ids import derived_id

READER = Reader("step_functions", spans.shapes, spans.read)

_EXECUTION = "0"
"""Stands for the event that an execution begins with: no event has this id."""

_TYPE = "aws.states.type"
_ENTERED = "StateEntered"
_FAULTS = ("Failed", "TimedOut", "Aborted")
_ENDS = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})
_MOST_NESTED = 64
_HISTORY_MEMBERS = frozenset({"events", "nextToken", "ResponseMetadata"})


@dataclass(slots=True, eq=False)
class _Open:
    """An execution or a state that has begun; ``within`` is the execution, or the state whose branch this one is in."""

    execution: str
    event: str
    name: Any
    start: int
    within: _Open | None
    attributes: dict[str, Any]
    end: int | None = None
    failure: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, Any] = field(default_factory=dict)
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        self.depth = self.within.depth + 1 if self.within else 0


Begun = dict[tuple[str, str], _Open]
"""By execution and id of an event: what is going on right after the event. Kept for one payload."""


def is_log(line: dict[str, Any]) -> bool:
    """Whether a JSON line is an event of an execution."""
    return type(line.get("execution_arn")) is str and type(line.get("type")) is str and "event_timestamp" in line


def is_history(line: dict[str, Any]) -> bool:
    """Whether a JSON object is what GetExecutionHistory answers."""
    events = line.get("events")
    return (
        line.keys() <= _HISTORY_MEMBERS
        and isinstance(events, list)
        and bool(events)
        and all(isinstance(each, dict) and {"id", "type", "timestamp"} <= each.keys() for each in events)
    )


def read_log(event: Event, line: dict[str, Any], begun: Begun, context: Context, set_time: SetTime) -> bool:
    """Adds the spans that a line begins or ends; False where it does neither."""
    found = _taken(line["execution_arn"], line, line.get("event_timestamp"), begun)
    if found:
        span_rows.add(event, found, READER, context, set_time, by_ids=True)
    return bool(found)


def read_history(event: Event, line: dict[str, Any], context: Context, set_time: SetTime) -> bool:
    """Adds the spans of an execution's history, each as far as the history goes; False where there is none.

    The history does not name the execution, so its first event stands for it.
    """
    events = sorted(line["events"], key=lambda each: values.number(each["id"]) or 0)
    execution, begun = derived_id(values.text(events[0]) or "", 32), Begun()
    found: dict[Any, Found] = {}
    for each in events:
        details = next((member for name, member in each.items() if name.endswith("EventDetails")), None)
        members = {**each, "details": details, "previous_event_id": each.get("previousEventId")}
        # a span that ends replaces itself as it began
        found |= {item.span.spanId: item for item in _taken(execution, members, each["timestamp"], begun)}
    if found:
        span_rows.add(event, list(found.values()), READER, context, set_time, by_ids=True)
    return bool(found)


def _taken(execution: str, line: dict[str, Any], written_time: Any, begun: Begun) -> list[Found]:
    """The spans that an event begins or ends."""
    kind, own = values.text(line.get("type")) or "", values.text(line.get("id")) or ""
    details = line["details"] if isinstance(line.get("details"), dict) else {}
    time = nanoseconds(written_time)
    if time is None:
        return []
    before = begun.get((execution, values.text(line.get("previous_event_id")) or ""))
    if kind == "ExecutionStarted":
        opened = _Open(
            execution, _EXECUTION, _state_machine(execution) or "execution", time, None, _data("input", details)
        )
        # the first state says that no event was before it
        begun[execution, own] = begun[execution, "0"] = opened
        return [_span(opened)]
    if kind.endswith(_ENTERED):
        attributes = {_TYPE: kind.removesuffix(_ENTERED), **_data("input", details)}
        within = before if before is not None and before.depth < _MOST_NESTED else None
        begun[execution, own] = opened = _Open(execution, own, details.get("name"), time, within, attributes)
        return [_span(opened)]
    if before is None:
        return []
    begun[execution, own] = before
    last = _ends(before, kind, details)
    if last is None:
        _note(before, kind, details)
        return []
    if last.within is not None:
        begun[execution, own] = last.within
    return _ended(before, last, kind, time, details)


def _ends(state: _Open, kind: str, details: dict[str, Any]) -> _Open | None:
    """What ends with an event of this kind: the execution, or a state that is this one or around it.

    With an execution that failed ends what of it is in sight, though its own beginning may not be.
    """
    if kind.endswith("StateAborted"):
        return state if state.event != _EXECUTION else None
    if kind in _ENDS:
        *_, outermost = _outwards(state)
        return outermost if outermost.event == _EXECUTION or kind.endswith(_FAULTS) else None
    if kind.endswith("StateExited"):
        states = (each for each in _outwards(state) if each.event != _EXECUTION)
        return next((each for each in states if each.name == details.get("name")), None)
    return None


def _note(state: _Open, kind: str, details: dict[str, Any]) -> None:
    """Notes what a state calls and whether it has failed; a try after a failure takes that back."""
    if kind.endswith("StateFailed"):  # tells of the state around those that failed
        of_type = kind.removesuffix("StateFailed")
        state = next((each for each in _outwards(state) if each.attributes.get(_TYPE) == of_type), state)
    if kind.endswith("Scheduled"):
        state.calls = {"resourceType": kind.removesuffix("Scheduled"), **details}
    state.failure = {"error": kind, **details} if kind.endswith(_FAULTS) else {}


def _ended(state: _Open, last: _Open, kind: str, time: int, details: dict[str, Any]) -> list[Found]:
    """A state and those around it up to the ``last`` as finished spans; those within the last one were aborted."""
    found = []
    for each in _outwards(state):
        if kind.endswith(_FAULTS):
            each.failure = each.failure or {"error": kind, **details}
        elif each is not last:
            each.failure = each.failure or {"error": "StateAborted"}
        else:
            each.attributes |= _data("output", details)
        if each.end is None:
            each.end = time
            found.append(_span(each))
        if each is last:
            break
    return found


def _outwards(state: _Open | None) -> Iterator[_Open]:
    """A state, those around it, and the execution if its beginning is in sight."""
    while state is not None:
        yield state
        state = state.within


def _span(opened: _Open) -> Found:
    """An execution or a state as a span; unfinished without an end."""
    is_execution, machine = opened.event == _EXECUTION, _state_machine(opened.execution)
    attributes = opened.attributes | {"aws.states.execution_arn": opened.execution}
    if opened.calls.get("resourceType"):
        attributes |= {"aws.remote.service": opened.calls["resourceType"]}
        attributes |= {"aws.remote.operation": opened.calls.get("resource")}
    if opened.failure:
        attributes |= {
            "exception.type": opened.failure["error"],
            "exception.message": opened.failure.get("cause"),
        }
    resource = {"service.name": machine, "aws.resource.type": "AWS::StepFunctions::StateMachine", "faas.name": machine}
    parent = opened.within.event if opened.within else _EXECUTION
    span = Span(
        derived_id(opened.execution, 32),
        _span_id(opened.execution, opened.event),
        None if is_execution else _span_id(opened.execution, parent),
        opened.name,
        "server" if is_execution else "client" if opened.calls.get("resourceType") else "internal",
        opened.start,
        opened.end,
        span_rows.raw({"code": "ERROR" if opened.failure else "OK"}),
        resource=span_rows.raw({"attributes": resource if machine else {}}),
    )
    return Found(span, attributes)


def _span_id(execution: str, event: str) -> str:
    return derived_id(f"{execution}#{event}", 16)


def _data(name: str, details: dict[str, Any]) -> dict[str, Any]:
    """Input or output, which are there unless execution data is left out of the log."""
    return {f"aws.states.{name}": details[name]} if details.get(name) is not None else {}


def _state_machine(execution: str) -> str | None:
    """The state machine's name in the ARN of an execution,
    ``arn:aws:states:<region>:<account>:execution:<state machine>:<execution>``."""
    parts = execution.split(":")
    return parts[6] if len(parts) > 7 else None

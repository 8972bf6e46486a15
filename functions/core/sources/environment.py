"""What the lines of one payload, which come from one log stream, say about each other.

A log stream of Lambda is one execution environment, which handles one request at a time. What is known here depends on
how CloudWatch cut the stream into payloads; so it fills columns, and only for START decides whether there is a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from functions.core.rows import Event
from functions.core.sources import step_functions

LONGEST_INIT_MS = 10_000
"""Init may take so long; a request that comes later than that after it did not wait for it.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

_AHEAD = frozenset({"provisioned-concurrency", "lambda-managed-instances"})


class Outcome(NamedTuple):
    """How the log says that a request ended: a status of ``invocations``, and the error type where it is known."""

    status: str
    error_type: str | None = None


@dataclass(slots=True)
class Start:
    """A START that waits for its REPORT within one payload."""

    time: int
    event_time: int | None
    event_id: str
    version: str | None
    trace_id: str | None


@dataclass(slots=True)
class OpenError:
    """An error line that is not a row yet: the lines that follow may belong to it. ``message`` is the line without its
    prefix, ``more`` are those lines."""

    event: Event
    level: str
    request_id: str | None
    line: str
    message: str
    more: list[tuple[Event, str]] = field(default_factory=list)


@dataclass(slots=True)
class Payload:
    """STARTs by request, the request that runs, what the log says of its end, and how the environment began.

    ``init_time`` is when it did, ``init_type`` AWS's initialization type, ``waited`` says that a request waited for an
    init or a restore whatever its REPORT says; ``executions`` are those of Step Functions that began,
    ``columns`` those of line_formats.
    """

    starts: dict[str, Start] = field(default_factory=dict)
    open_request: str | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    folded: int = 0
    init_time: int | None = None
    init_type: str | None = None
    waited: bool = False
    executions: step_functions.Begun = field(default_factory=dict)
    columns: Any = None
    open_error: OpenError | None = None

    def note(self, request_id: str | None, outcome: Outcome) -> None:
        """How a request ended, in case its REPORT does not tell; what came first is the cause."""
        request_id = request_id or self.open_request
        if request_id:
            self.outcomes.setdefault(request_id, outcome)

    def is_cold_start(self, start: Start | None, init_ms: float | None, restore_ms: float | None) -> bool:
        """Whether the request that is reported now waited for its environment to begin.

        A REPORT tells of the init also where it was done ahead (provisioned concurrency, proactive init).
        """
        waited, begun, type_ = self.waited, self.init_time, self.init_type
        self.waited, self.init_time, self.init_type = False, None, None
        if waited or restore_ms is not None:
            return True
        if init_ms is None or type_ in _AHEAD:
            return False
        return start is None or begun is None or start.time - begun <= init_ms + LONGEST_INIT_MS

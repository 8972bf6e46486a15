"""What the applications of the simulated account write, and what has to become of each event."""

import contextlib
import gzip
import json
from dataclasses import dataclass, field

from local.simulators.subscriptions import CallError, LogGroups, ThrottledError

from .kinesis import KEYS, STREAM_ARN, position

FILTER = "tracelake-main"
CHATTY = "/app/shop"
POISON = b"\x00this record makes the normaliser fail"


@dataclass(frozen=True)
class Event:
    """One event that was sent.

    ``fate``: ``row`` (one or more rows in ``table``), ``folded``, ``rejected``, ``start`` or ``report`` (of
    ``request``; ``pair`` counts the tries of a request, ``time_ms`` is its own time). A line with a ``trace`` may be
    left out by a plan.
    """

    id: str
    fate: str
    table: str = ""
    request: str = ""
    pair: int = 0
    time_ms: int = 0
    trace: str = ""


@dataclass
class Sent:
    """Everything that was put on the stream: records, and the events in each; and what was logged."""

    records: list = field(default_factory=list)
    payloads: list = field(default_factory=list)
    logged: dict = field(default_factory=dict)

    def add(self, record, events):
        self.records.append((record, events))

    def lost(self):
        """Log events that never came to the stream."""
        return self.logged.keys() - {event.id for _, events in self.records for event in events}


class Applications:
    """Writes telemetry to a stream and notes what has to become of it."""

    def __init__(self, stream, clock):
        self.stream, self.clock = stream, clock
        self.logs = LogGroups(self._deliver, clock)
        self.fault = None
        self.sent = Sent()
        self._numbers = 0
        self._later = []
        for group in ("/app/shop", "aws/spans", _FUNCTION):
            distribution = "Random" if group == "aws/spans" else "ByLogStream"
            self.logs.groups[group] = {FILTER: {"destinationArn": STREAM_ARN, "distribution": distribution}}

    def _deliver(self, destination, partition_key, data):
        """CloudWatch Logs puts a record: ``throttled``, ``refused`` or taken, and then the answer may be ``lost``."""
        assert destination == STREAM_ARN
        if self.fault == "throttled":
            raise ThrottledError
        if self.fault == "refused":
            raise PermissionError
        ids = [event["id"] for event in json.loads(gzip.decompress(data))["logEvents"]]
        record = self.stream.put(data, self.clock(), position(partition_key))
        self.sent.add(record, [self.sent.logged[each] for each in ids if each])
        if self.fault == "lost":
            raise ThrottledError

    def write(self, kind, key=0, size=2, age_ms=0):
        """Let something happen at the present time, or ``age_ms`` before."""
        self._numbers += 1
        getattr(self, f"_{kind}")(f"{self._numbers:04d}", key, size, self.clock() - age_ms)

    def catch_up(self, *, everything=False):
        """Write what was to come later and is due."""
        if everything:
            self.fault = None
        self.logs.retry()
        due = [entry for entry in self._later if everything or entry[0] <= self.clock()]
        self._later = [entry for entry in self._later if entry not in due]
        for _, lines, events, key in sorted(due, key=lambda entry: entry[0]):
            self._log_events(_FUNCTION, lines, events, key)

    def _put(self, data, events, key):
        self.sent.add(self.stream.put(data, self.clock(), key / KEYS), events)

    def _log_events(self, group, lines, events, key):
        """Lines are (id, time in ms, message)."""
        stream = f"2026/11/20/[$LATEST]{key:04d}"
        self.sent.payloads.append((group, stream, lines, events))
        self.sent.logged |= {event.id: event for event in events}
        self.logs.write(group, stream, [{"id": id_, "timestamp": at, "message": text} for id_, at, text in lines])

    def _logs(self, name, key, size, time):
        lines = [(f"line-{name}-{n}", time + n, f"[ERROR] line {n} of {name}") for n in range(size)]
        self._log_events("/app/shop", lines, [Event(line[0], "row", "logs") for line in lines], key)

    def _chatter(self, name, key, size, time):
        lines, events = [], []
        for n in range(size):
            trace = f"{int(name) * 10 + n:032x}"
            line = {"level": ("DEBUG", "INFO", "TRACE")[n % 3], "message": f"step {n} of {name}", "trace_id": trace}
            events.append(Event(f"chat-{name}-{n}", "row", "logs", time_ms=time + n, trace=trace))
            lines.append((events[-1].id, time + n, json.dumps(line)))
        self._log_events(CHATTY, lines, events, key)

    def _emf(self, name, key, size, time):
        metrics = [{"Name": f"m{n}", "Unit": "Count"} for n in range(size)]
        header = {"Timestamp": time, "CloudWatchMetrics": [
            {"Namespace": "shop", "Dimensions": [["service"]], "Metrics": metrics}]}  # fmt: skip
        line = {"_aws": header, "service": "shop", **{f"m{n}": n for n in range(size)}}
        event = Event(f"emf-{name}", "row", "metrics")
        self._log_events("/app/shop", [(event.id, time, json.dumps(line))], [event], key)

    def _spans(self, name, key, size, time):
        self._write_spans(name, key, [_span(int(name), n + 1, time) for n in range(size)])

    def _journey(self, name, key, size, time):
        """A message that is taken up ``size`` times a quarter of an hour later, in a trace of its own."""
        trace, later = int(name), int(name) + (1 << 64)
        link = {"traceId": f"{trace:032x}", "spanId": f"{2:016x}"}
        sent = [_span(trace, 1, time, "SERVER"), _span(trace, 2, time, "PRODUCER", parentSpanId=f"{1:016x}")]
        taken_up = [_span(later, 3, time + size * 15 * 60_000, "SERVER", links=[link])]
        self._write_spans(name, key, sent + taken_up)

    def _write_spans(self, name, key, spans):
        events = [Event(f"span-{name}-{n}", "row", "spans") for n in range(len(spans))]
        times = [span["startTimeUnixNano"] // 1_000_000 for span in spans]
        lines = [(event.id, at, json.dumps(span)) for event, at, span in zip(events, times, spans, strict=True)]
        self._log_events("aws/spans", lines, events, key)

    def _invocation(self, name, key, size, time):
        start, end, report = _invocation_lines(f"inv-{name}", f"{int(name):08x}-0000-4000-8000-000000000000", time, 40)
        lines, events = zip(start, end, report, strict=True)
        self._log_events(_FUNCTION, list(lines), list(events), key)

    def _split(self, name, key, size, time):
        """START now, END and REPORT in a later record; tried again under the same request id ``size`` times."""
        request = f"{int(name):08x}-0000-4000-8000-000000000000"
        for pair in range(size):
            gap = 200_000 * (pair + 1)
            start, end, report = _invocation_lines(f"split-{name}-{pair}", request, time, gap, pair)
            lines, events = zip(end, report, strict=True)
            self._later.append((time, [start[0]], [start[1]], key))
            self._later.append((time + gap, list(lines), list(events), key))
            time += gap + 1000
        self.catch_up()

    def _unfinished(self, name, key, size, time):
        request = f"{int(name):08x}-0000-4000-8000-000000000000"
        start, _, _ = _invocation_lines(f"open-{name}", request, time, 1)
        self._log_events(_FUNCTION, [start[0]], [start[1]], key)

    def _usage(self, name, key, size, time):
        body = {"event_type": "usage", "id": f"usage-{name}", "time": time, "tenant": "acme", "feature": "export"}
        for _ in range(size):  # the producer tries again
            self._put(json.dumps(body).encode(), [Event(f"usage-{name}", "row", "usage_events")], key)

    def _webhook(self, name, key, size, time):
        bodies = [{"event_type": "webhook", "time": time + n, "tenant": "acme", "service": "hooks", "method": "POST",
                   "route": "/hook", "path": "/hook", "status": 200 + 300 * (n % 2), "latency_ms": 12.5,
                   "request_bytes": 10, "response_bytes": 20} for n in range(size)]  # fmt: skip
        data = "\n".join(json.dumps(body) for body in bodies).encode()
        record = self.stream.put(data, self.clock(), key / KEYS)
        events = [Event(f"{record.shard}:{record.sequence}:{n}", "row", "requests") for n in range(size)]
        self.sent.add(record, events)

    def _garbage(self, name, key, size, time):
        record = self.stream.put(b"\x1f\x8b" + name.encode(), self.clock(), key / KEYS)
        self.sent.add(record, [Event(f"{record.shard}:{record.sequence}:0", "rejected")])

    def _poison(self, name, key, size, time):
        self._put(POISON + name.encode(), [], key)

    def _control(self, name, key, size, time):
        """The filter is put again."""
        with contextlib.suppress(CallError):
            params = {"logGroupName": "/app/shop", "filterName": FILTER, **self.logs.groups["/app/shop"][FILTER]}
            self.logs.call("PutSubscriptionFilter", params)

    def _repeat(self, name, key, size, time):
        """CloudWatch delivers the same log events again, grouped otherwise."""
        if not self.sent.payloads:
            return
        group, stream = self.sent.payloads[-1][:2]
        again = [entry for entry in self.sent.payloads[-size:] if entry[:2] == (group, stream)]
        lines = [line for entry in again for line in entry[2]]
        events = [event for entry in again for event in entry[3]]
        self._log_events(group, lines, events, int(stream[-4:]))


_FUNCTION = "/aws/lambda/checkout"


def _span(trace, number, time, kind="CLIENT", **members):
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "name": "GetItem",
        "kind": kind,
        "startTimeUnixNano": time * 1_000_000,
        "endTimeUnixNano": (time + 20) * 1_000_000,
        "attributes": {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "GetItem"},
        "resource": {"attributes": {"service.name": "shop"}},
        "status": {"code": "UNSET"},
        **members,
    }


def _invocation_lines(name, request, time, duration, pair=0):
    """START, END and REPORT: each a (id, time, message) and the event."""
    report = (
        f"REPORT RequestId: {request}\tDuration: {duration}.00 ms\tBilled Duration: {duration} ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 60 MB\t\n"
    )
    return (
        ((f"{name}-s", time, f"START RequestId: {request} Version: 7\n"),
         Event(f"{name}-s", "start", "invocations", request, pair, time)),
        ((f"{name}-e", time + duration, f"END RequestId: {request}\n"), Event(f"{name}-e", "folded")),
        ((f"{name}-r", time + duration, report),
         Event(f"{name}-r", "report", "invocations", request, pair, time + duration)),
    )  # fmt: skip

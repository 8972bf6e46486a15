"""The few numbers of a batch that become CloudWatch metrics, by minute of the events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from functions.core import histogram
from functions.core.publish import times_ms

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Datum:
    """A metric's minute: a sum (one value, count 1), or a distribution as values and how often each occurs."""

    name: str
    unit: str
    time_ms: int
    values: list[float]
    counts: list[float]


@dataclass
class Tally:
    """Adds up the rows of a batch: Requests, RequestErrors, RequestLatencyMs from ``traffic``, and Invocations,
    InvocationErrors, ColdStarts, InvocationDurationMs from finished ``invocations``."""

    _sums: defaultdict[tuple[str, int], float] = field(default_factory=lambda: defaultdict(float))
    _distributions: defaultdict[tuple[str, int], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, table: str, rows: pa.Table) -> None:
        """Add rows of a table; only those of the two tables count."""
        if table == "traffic":
            self._add_traffic(rows)
        elif table == "invocations":
            self._add_invocations(rows.filter(pc.is_valid(rows["status"])))

    def data(self) -> Iterator[Datum]:
        """What was added, a metric's minute each."""
        for (name, minute), total in self._sums.items():
            yield Datum(name, "Count", minute, [total], [1.0])
        for (name, minute), buckets in self._distributions.items():
            values = [histogram.value(number) for number in buckets]
            yield Datum(name, "Milliseconds", minute, values, [float(count) for count in buckets.values()])

    def _add_traffic(self, rows: pa.Table) -> None:
        columns = (_minutes(rows), *(rows[name].to_pylist() for name in ("requests", "errors", "latency_histogram")))
        for minute, requests, errors, latencies in zip(*columns, strict=True):
            self._sums["Requests", minute] += requests
            self._sums["RequestErrors", minute] += errors
            for number, count in latencies or ():
                self._distributions["RequestLatencyMs", minute][number] += count

    def _add_invocations(self, rows: pa.Table) -> None:
        durations = histogram.buckets(rows["duration_ms"]).to_pylist()
        columns = (_minutes(rows), rows["status"].to_pylist(), rows["cold_start"].to_pylist(), durations)
        for minute, status, cold, duration in zip(*columns, strict=True):
            self._sums["Invocations", minute] += 1
            self._sums["InvocationErrors", minute] += status != "success"
            self._sums["ColdStarts", minute] += bool(cold)
            if duration is not None:
                self._distributions["InvocationDurationMs", minute][duration] += 1


def _minutes(rows: pa.Table) -> list[int]:
    return [time // MINUTE_MS * MINUTE_MS for time in times_ms(rows)]

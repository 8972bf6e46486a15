"""Signals: what is counted and measured every five minutes of each service, route, customer, dependency, function,
error and metric. Detection reads nothing else.

They are summaries (see `functions.core.summaries`): one kind for each table that they are made from, one JSON object a
kind and hour, written while the hour goes on. Of each kind of subject the largest are kept by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import pyarrow as pa
import pyarrow.compute as pc

from functions.core import histogram
from functions.core.ranked import Ranked
from functions.core.schema import HOUR_MS, hour_start_ms

BIN_MS = 300_000
"""Five minutes."""

COARSE = 8
"""Buckets of 1 % precision that are one here: a latency is known to 8 %, which is what a change of it has to exceed
anyhow, and an hour has twelve histograms for each subject."""

UNTIMED: frozenset[SubjectKind] = frozenset({"customer"})
"""Whose latency is that of the routes they ask for: their histograms would be most of an hour's."""

LONGEST_NAME = 200
HISTOGRAM = "latency_histogram"
_IN_FILES = pa.array(["alb_log", "nlb_log", "clb_log", "s3_log", "cloudfront_log"])
NO_SERVICE = "-"
"""Of a metric that names none."""

SubjectKind = Literal["service", "route", "customer", "dependency", "function", "error", "metric"]
KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)
MOST: dict[SubjectKind, int] = {
    "service": 200,
    "route": 200,
    "customer": 200,
    "dependency": 200,
    "function": 300,
    "error": 100,
    "metric": 200,
}
"""Subjects of an hour that are kept by name, those with the largest counts."""


class Subject(NamedTuple):
    """What is measured. ``names``, by kind: (service), (service, route), (tenant), (caller, callee), (function name),
    (service, fingerprint), (namespace, metric, dimensions as ``name=value`` joined by commas)."""

    kind: SubjectKind
    names: tuple[str, ...]


@dataclass(slots=True)
class Measure:
    """What was seen of a subject in five minutes.

    ``count``: requests, calls, invocations, log lines with the error, or values of the metric. ``failed``: of them
    with 5xx, error, fault, throttle, or anything but success. ``refused``: of them with 4xx. ``total``: sum of their
    latencies (ms), or of the values. ``latency``: how many had which coarse bucket of latency. ``example``: what an
    error says.
    """

    count: int = 0
    failed: int = 0
    refused: int = 0
    total: float = 0.0
    latency: dict[int, int] = field(default_factory=dict)
    example: str = ""

    def add(self, other: Measure) -> None:
        """Add what was seen elsewhere in the same five minutes."""
        self.count += other.count
        self.failed += other.failed
        self.refused += other.refused
        self.total += other.total
        for number, count in other.latency.items():
            self.latency[number] = self.latency.get(number, 0) + count
        self.example = min(filter(None, (self.example, other.example)), default="")

    def quantile(self, share: float) -> float | None:
        """Latency (ms) that this share stays under, between the bounds of its bucket; ``None`` where none is known."""
        wanted, up_to = share * sum(self.latency.values()), 0
        for number, count in sorted(self.latency.items()):
            if up_to + count >= wanted:
                inside = (wanted - up_to) / count
                return float(histogram.GROWTH ** ((number - 1 + inside) * COARSE))
            up_to += count
        return None

    def plain(self) -> list[Any]:
        """As JSON takes it."""
        flat = [number for cell in sorted(self.latency.items()) for number in cell]
        return [self.count, self.failed, self.refused, round(self.total, 3), flat, self.example]

    @classmethod
    def of(cls, plain: Sequence[Any]) -> Measure:
        """Inverse of `plain`."""
        count, failed, refused, total, flat, example = plain
        return cls(count, failed, refused, total, dict(zip(flat[::2], flat[1::2], strict=True)), example)


@dataclass(slots=True)
class Course:
    """What was seen of a subject in an hour: measures by the number of the bin."""

    bins: dict[int, Measure] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: list[Any]) -> Course:
        return cls({number: Measure.of(measure) for number, *measure in plain})

    def plain(self) -> list[Any]:
        return [[number, *measure.plain()] for number, measure in sorted(self.bins.items())]

    @property
    def weight(self) -> int:
        return sum(measure.count for measure in self.bins.values())

    def add(self, other: Course) -> None:
        for number, measure in other.bins.items():
            self.at(number).add(measure)

    def at(self, number: int) -> Measure:
        """The measure of a bin."""
        if number not in self.bins:
            self.bins[number] = Measure()
        return self.bins[number]

    def bounded(self) -> Course:
        return self


Columns = dict[str, pa.Array | pa.ChunkedArray]
"""Of each row what is counted, by attribute of `Measure`, and the number of its ``bin``."""

COUNTED = ("count", "failed", "refused", "total")


class Latencies(NamedTuple):
    """Counts of latencies: number of the row, bucket of `histogram`, and how many."""

    rows: pa.Array = pa.array([], pa.int64())
    buckets: pa.Array = pa.array([], pa.int32())
    counts: pa.Array = pa.array([], pa.int64())


class Signals:
    """Courses of an hour by kind of subject and names, from the rows of one table.

    ``subjects`` are the columns that name the subjects of each kind; rows that lack one of them say nothing of it.
    """

    table: ClassVar[str]
    subjects: ClassVar[Mapping[SubjectKind, tuple[str, ...]]]
    reads: ClassVar[tuple[str, ...]]
    only_published: ClassVar[bool] = False

    def __init__(self, found: Mapping[str, Ranked[Course]] | None = None) -> None:
        self.found = {kind: found[kind] if found else Ranked(Course) for kind in self.subjects}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Signals:
        return cls({kind: Ranked.of(Course, ranked) for kind, ranked in plain.items()})

    def add_rows(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        measured, latencies = self.measured(rows)
        nothing = {**dict.fromkeys(COUNTED, pa.repeat(0, len(rows))), "example": pa.repeat("", len(rows))}
        columns = {**nothing, "bin": pc.divide(pc.minute(rows["time"]), BIN_MS // 60_000), **measured}
        for kind, by in self.subjects.items():
            timed = Latencies() if kind in UNTIMED else latencies
            _add(self.found[kind], [rows[name] for name in by], columns, timed)

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        """Of each row what is counted (nothing, of what is not named); and latencies of the rows."""
        raise NotImplementedError

    def merge(self, other: Signals) -> None:
        for kind, courses in self.found.items():
            courses.merge(other.found[kind])

    def bounded(self) -> Signals:
        return type(self)({kind: courses.bounded(MOST[kind]) for kind, courses in self.found.items()})

    def plain(self) -> dict[str, Any]:
        return {kind: courses.plain() for kind, courses in self.found.items()}


class TrafficSignals(Signals):
    """Services, routes and customers; without what comes in files, which is minutes to hours late: nobody could tell
    that from silence."""

    table = "traffic"
    subjects: ClassVar = {"service": ("service",), "route": ("service", "route"), "customer": ("tenant",)}
    reads = (
        *("time", "source", "service", "route", "tenant"),
        *("requests", "errors", "client_errors", "latency_sum_ms", HISTOGRAM),
    )

    def add_rows(self, rows: pa.Table) -> None:
        super().add_rows(rows.filter(pc.invert(pc.is_in(rows["source"], _IN_FILES))))

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        columns = {"count": "requests", "failed": "errors", "refused": "client_errors", "total": "latency_sum_ms"}
        return {name: rows[column] for name, column in columns.items()}, Latencies(*histogram.cells(rows[HISTOGRAM]))


class CallSignals(Signals):
    """Dependencies: who is called by whom."""

    table = "service_calls"
    subjects: ClassVar = {"dependency": ("caller", "callee")}
    reads = ("time", "caller", "callee", "calls", "ok", "latency_sum_ms", HISTOGRAM)

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        counted = {
            "count": rows["calls"],
            "failed": pc.subtract(rows["calls"], rows["ok"]),
            "total": rows["latency_sum_ms"],
        }
        return counted, Latencies(*histogram.cells(rows[HISTOGRAM]))


class InvocationSignals(Signals):
    """Functions. One that is not over yet is counted when it is."""

    table = "invocations"
    subjects: ClassVar = {"function": ("function_name",)}
    reads = ("time", "function_name", "status", "duration_ms")

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        counted = {
            "count": _ones(pc.is_valid(rows["status"])),
            "failed": _ones(pc.fill_null(pc.not_equal(rows["status"], "success"), False)),
            "total": pc.fill_null(rows["duration_ms"], 0.0),
        }
        return counted, _latencies(rows["duration_ms"])


class ErrorSignals(Signals):
    """Errors of log lines, by service and fingerprint."""

    table = "error_groups"
    subjects: ClassVar = {"error": ("service", "fingerprint")}
    reads = ("time", "service", "fingerprint", "occurrences", "error_type", "example")

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        said = (pc.fill_null(rows[name], "") for name in ("error_type", "example"))
        return {"count": rows["occurrences"], "example": pc.binary_join_element_wise(*said, ": ")}, Latencies()


class MetricSignals(Signals):
    """Metrics by namespace, name and service, over all of their dimensions. Of statistic sets sums and counts are
    taken, and no other statistic."""

    table = "metrics"
    subjects: ClassVar = {"metric": ("namespace", "name", "service")}
    reads = ("time", "namespace", "name", "service", "value", "labels")

    def add_rows(self, rows: pa.Table) -> None:
        at = rows.schema.get_field_index("service")
        super().add_rows(rows.set_column(at, "service", pc.fill_null(rows["service"], NO_SERVICE)))

    def measured(self, rows: pa.Table) -> tuple[Columns, Latencies]:
        value = rows["value"]
        statistic = pc.map_lookup(rows["labels"], "statistic", "first")
        single = pc.is_null(statistic)
        is_sum, is_count = (pc.fill_null(pc.equal(pc.utf8_lower(statistic), name), False) for name in ("sum", "count"))
        counted = {
            "count": pc.cast(pc.if_else(single, 1.0, pc.if_else(is_count, value, 0.0)), pa.int64(), safe=False),
            "total": pc.if_else(pc.or_(single, is_sum), value, 0.0),
        }
        return counted, Latencies()


BY_TABLE: dict[str, type[Signals]] = {
    f"signals_{kind.table}": kind
    for kind in (TrafficSignals, CallSignals, InvocationSignals, ErrorSignals, MetricSignals)
}
"""The kinds of summaries."""


def bins(hour: str, signals: Iterable[Signals]) -> dict[int, dict[Subject, Measure]]:
    """What was seen in each five minutes of an hour, by their start in ms; empty where nothing was."""
    start = hour_start_ms(hour)
    found: dict[int, dict[Subject, Measure]] = {start + offset: {} for offset in range(0, HOUR_MS, BIN_MS)}
    for each in signals:
        for kind, courses in each.found.items():
            for names, course in courses.entries.items():
                for number, measure in course.bins.items():
                    found[start + number * BIN_MS][Subject(kind, names)] = measure
    return found


def _add(into: Ranked[Course], names: Sequence[pa.ChunkedArray], columns: Columns, latencies: Latencies) -> None:
    """Adds what is counted in the rows that have all the names."""
    keys = {f"name{number}": pc.utf8_slice_codeunits(name, 0, LONGEST_NAME) for number, name in enumerate(names)}
    named = reduce(pc.and_, (pc.fill_null(pc.not_equal(name, ""), False) for name in names))
    rows = pa.table({**keys, **columns, "named": named})
    by = [*keys, "bin"]
    for *key, number, example, count, failed, refused, total in _summed(rows, [*by, "example"], COUNTED):
        _at(into, key, number).add(Measure(count, failed, refused, total, {}, example))
    cells = rows.take(latencies.rows).append_column("bucket", latencies.buckets)
    for *key, number, bucket, count in _summed(cells.append_column("n", latencies.counts), [*by, "bucket"], ("n",)):
        _at(into, key, number).add(Measure(latency={-(-bucket // COARSE): count}))


def _summed(rows: pa.Table, by: list[str], counted: Sequence[str]) -> Iterator[Any]:
    """Values of ``by`` and sums, of the rows that are named."""
    sums = rows.filter(rows["named"]).group_by(by, use_threads=False).aggregate([(name, "sum") for name in counted])
    return zip(*(sums[name].to_pylist() for name in (*by, *(f"{name}_sum" for name in counted))), strict=True)


def _at(courses: Ranked[Course], key: Sequence[str], number: int) -> Measure:
    return courses.entries.setdefault(tuple(key), Course()).at(number)


def _ones(chosen: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(chosen, pa.int64())


def _latencies(values: pa.ChunkedArray) -> Latencies:
    """One of each row that has one."""
    rows = pc.indices_nonzero(pc.is_valid(values))
    buckets = histogram.buckets(values.take(rows)).combine_chunks()
    return Latencies(rows, buckets, pa.repeat(1, len(rows)))

"""Summaries of an hour: small, mergeable, with exact totals. The first paint of every widget comes from them.

Each kind is made from one table of the lake and kept as one JSON object an hour: ``traffic`` (customers and routes),
``errors`` (by fingerprint and service), ``ledger`` (sums of the commits), ``deployments`` (watch/deployed.py),
``telemetry_<table>`` (which columns are filled, by what wrote the rows: dark/telemetry.py), and ``signals_<table>``
(what happened every five minutes: watch/signals.py). What is beyond the bounds of a summary is kept in its ``others``,
so that sums over a summary are sums over all rows. `merge` only adds and is associative; `bounded` is what is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core import histogram
from functions.core.dark.telemetry import KINDS as TELEMETRY
from functions.core.dark.telemetry import Telemetry
from functions.core.publish import times_ms
from functions.core.ranked import Failures, Key, Ranked, Requests
from functions.core.sampling import loudest
from functions.core.watch.deployed import Deployments
from functions.core.watch.signals import BY_TABLE as SIGNALS
from functions.core.watch.signals import Signals

VERSION = 1
TOP_CUSTOMERS = 200
TOP_ROUTES = 100
TOP_ERRORS = 100
LONGEST_NAME = 200

_SUMS = (
    "records",
    "duplicates",
    "events",
    "stored",
    "folded",
    "rejected",
    "redacted",
    "sampled",
    "files",
    "raw_bytes",
    "stored_bytes",
)
"""Columns of `ingest_ledger` that add up."""

_BY_LOG_GROUP = ("bytes_by_log_group", "quiet_bytes_by_log_group", "sampled_by_log_group")


class Summary(Protocol):
    """What all kinds can do."""

    table: ClassVar[str]
    only_published: ClassVar[bool]
    """Whether hours that are not published yet are left out."""

    reads: ClassVar[tuple[str, ...] | None]
    """The columns of the table that have to be read of a file; None for all."""

    def add_rows(self, rows: pa.Table) -> None:
        """Add rows of the kind's table."""

    def merge(self, other: Any) -> None:
        """Add another summary of the same kind."""

    def bounded(self) -> Summary:
        """The summary as it may be written."""

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""


class Traffic:
    """Requests by customer, and by service and route."""

    table = "traffic"
    reads = None
    only_published = False

    def __init__(self, customers: Ranked[Requests] | None = None, routes: Ranked[Requests] | None = None) -> None:
        self.customers = customers or Ranked(Requests)
        self.routes = routes or Ranked(Requests)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Traffic:
        return cls(Ranked.of(Requests, plain["customers"]), Ranked.of(Requests, plain["routes"]))

    def add_rows(self, rows: pa.Table) -> None:
        _add_requests(self.customers, rows, ("tenant",))
        _add_requests(self.routes, rows, ("service", "route"))

    def merge(self, other: Traffic) -> None:
        self.customers.merge(other.customers)
        self.routes.merge(other.routes)

    def bounded(self) -> Traffic:
        return Traffic(self.customers.bounded(TOP_CUSTOMERS), self.routes.bounded(TOP_ROUTES))

    def plain(self) -> dict[str, Any]:
        return {"customers": self.customers.plain(), "routes": self.routes.plain()}


class Errors:
    """Errors of log lines by fingerprint and service."""

    table = "error_groups"
    reads = None
    only_published = False

    def __init__(self, groups: Ranked[Failures] | None = None) -> None:
        self.groups = groups or Ranked(Failures)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Errors:
        return cls(Ranked.of(Failures, plain["groups"]))

    def add_rows(self, rows: pa.Table) -> None:
        names = ("fingerprint", "service", "tenant", "error_type", "example", "occurrences")
        columns = (rows[name].to_pylist() for name in names)
        for time, print_, service, tenant, kind, example, count in zip(times_ms(rows), *columns, strict=True):
            found = Failures(count, time, time, kind or "", example or "", {_cut(tenant): count})
            self.groups.add((print_, _cut(service)), found)

    def merge(self, other: Errors) -> None:
        self.groups.merge(other.groups)

    def bounded(self) -> Errors:
        return Errors(self.groups.bounded(TOP_ERRORS))

    def plain(self) -> dict[str, Any]:
        return {"groups": self.groups.plain()}


class Ledger:
    """Sums of the commits, how late the latest of them was (ms), and the loudest log groups by each column that has
    them."""

    table = "ingest_ledger"
    reads = None
    only_published = False

    def __init__(
        self,
        sums: Mapping[str, int] | None = None,
        longest_lag_ms: float = 0.0,
        log_groups: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self.sums = dict.fromkeys(("commits", "rows", *_SUMS), 0) | dict(sums or {})
        self.longest_lag_ms = longest_lag_ms
        self.log_groups = {name: Counter((log_groups or {}).get(name, {})) for name in _BY_LOG_GROUP}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Ledger:
        return cls(plain["sums"], plain["longest_lag_ms"], plain.get("log_groups"))

    def add_rows(self, rows: pa.Table) -> None:
        self.sums["commits"] += rows.num_rows
        for name in _SUMS:
            self.sums[name] += pc.sum(rows[name]).as_py() or 0
        self.sums["rows"] += sum(count for by_table in rows["rows"].to_pylist() for _, count in by_table or ())
        self.longest_lag_ms = max(self.longest_lag_ms, pc.max(rows["lag_ms"]).as_py() or 0.0)
        for name, groups in self.log_groups.items():
            for amounts in rows[name].to_pylist():
                groups.update(dict(amounts or ()))

    def merge(self, other: Ledger) -> None:
        for name, value in other.sums.items():
            self.sums[name] = self.sums.get(name, 0) + value
        self.longest_lag_ms = max(self.longest_lag_ms, other.longest_lag_ms)
        for name, groups in self.log_groups.items():
            groups.update(other.log_groups[name])

    def bounded(self) -> Ledger:
        return Ledger(self.sums, self.longest_lag_ms, self._loudest())

    def plain(self) -> dict[str, Any]:
        return {"sums": self.sums, "longest_lag_ms": self.longest_lag_ms, "log_groups": self._loudest()}

    def _loudest(self) -> dict[str, dict[str, int]]:
        return {name: dict(loudest(groups)) for name, groups in self.log_groups.items()}


AnySummary = Traffic | Errors | Ledger | Telemetry | Signals | Deployments
KINDS: dict[str, type[AnySummary]] = {
    "traffic": Traffic,
    "errors": Errors,
    "ledger": Ledger,
    "deployments": Deployments,
    **TELEMETRY,
    **SIGNALS,
}


class HourObject(msgspec.Struct):
    """What is written of one kind and hour.

    ``generation`` is the published generation it was made of; 0 is an hour that is not published, made of the files
    of ``commits``.
    """

    version: int = VERSION
    generation: int = 0
    commits: list[str] = []
    content: dict[str, Any] | None = None

    def summary(self, kind: str) -> AnySummary:
        """The summary in it."""
        return KINDS[kind].of(self.content) if self.content else KINDS[kind]()


_decode = msgspec.json.Decoder(HourObject).decode


def encode(made: HourObject) -> bytes:
    """The object as it is written."""
    return msgspec.json.encode(made)


def decode(body: bytes) -> HourObject:
    """Inverse of `encode`; an object of another version, or none of ours, is empty and will be made anew."""
    try:
        found = _decode(body)
    except msgspec.MsgspecError:
        return HourObject(version=0)
    return found if found.version == VERSION else HourObject(version=0)


def _add_requests(into: Ranked[Requests], rows: pa.Table, by: tuple[str, ...]) -> None:
    keys = {name: pc.utf8_slice_codeunits(pc.fill_null(rows[name], ""), 0, LONGEST_NAME) for name in by}
    sums = ("requests", "errors", "client_errors", "request_bytes", "response_bytes")
    flat = pa.table({**keys, **{name: rows[name] for name in sums}})
    summed = flat.group_by(list(by), use_threads=False).aggregate([(name, "sum") for name in sums])
    for values in zip(*(summed[name].to_pylist() for name in (*by, *(f"{name}_sum" for name in sums))), strict=True):
        into.add(values[: len(by)], Requests(*values[len(by) :]))
    for key, bucket, count in _latencies(pa.table(keys), rows["latency_histogram"], by):
        into.entries[key].add_latency(bucket, count)


def _latencies(keys: pa.Table, histograms: pa.ChunkedArray, by: tuple[str, ...]) -> list[tuple[Key, int, int]]:
    """Key, bucket and count over all rows, each bucket of a key once."""
    rows, buckets, counts = histogram.cells(histograms)
    cells = keys.take(rows).append_column("bucket", buckets).append_column("count", counts)
    summed = cells.group_by([*by, "bucket"], use_threads=False).aggregate([("count", "sum")])
    found = zip(*(summed[name].to_pylist() for name in (*by, "bucket", "count_sum")), strict=True)
    return [(tuple(values[: len(by)]), values[-2], values[-1]) for values in found]


def _cut(name: str | None) -> str:
    return (name or "")[:LONGEST_NAME]

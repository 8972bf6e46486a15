"""All transactions that began in an hour, as rows of the table ``transactions``.

A trace belongs to the hour of its first row. What a queue's consumer did in a trace of its own belongs to those who
sent the messages: to each of them its share. What goes on in the next hour is taken from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core.schema import TABLES
from functions.core.traces import shown
from functions.core.traces.critical_path import WAIT, critical_path, suspect
from functions.core.traces.facts import Fact, columns_of, of_table
from functions.core.traces.transaction import Transaction, assemble

SOURCE = "transactions"
TABLES_READ = ("spans", "invocations", "requests")
MOST_TRACES = 500
"""Traces that one transaction goes on in; what a loop of messages has beyond them is left out."""

ROWS_AT_A_TIME = 50_000
"""Rows as Python objects in memory at a time: about 60 MB."""

MOST_SERVICES = 50


class Rows(NamedTuple):
    """Rows of the tables read: of the hour that begins at ``start_ms``, and of the next one; ``earlier`` are the traces
    of the hour before."""

    start_ms: int
    hour: Mapping[str, pa.Table]
    later: Mapping[str, pa.Table]
    earlier: frozenset[str]


def transactions(rows: Rows, version: int, known: pa.Table | None = None) -> Iterator[pa.Table]:
    """Tables of transactions; ``version`` tells this run from earlier ones of the same hour.

    ``known`` are those that were made of the same rows of the hour: then only those are made anew that go on in the
    next hour, and the others are taken as they are.
    """
    whole = {name: pa.concat_tables([rows.hour[name], rows.later[name]]) for name in TABLES_READ}
    sizes: dict[str, int] = defaultdict(int)
    for name in TABLES_READ:
        counted = pc.value_counts(whole[name]["trace_id"].combine_chunks()).to_pylist()
        for each in counted:
            if each["values"]:
                sizes[each["values"]] += each["counts"]
    heads = _of_heads(traces_of(rows.hour.values()), rows.earlier, _receivers(whole["spans"]))
    if known is not None:
        later = traces_of(rows.later.values())
        heads = {head: traces for head, traces in heads.items() if not later.isdisjoint(traces)}
        yield known.filter(pc.invert(pc.is_in(known["event_id"], pa.array(heads, pa.string()))))
    for batch in _batches(heads, sizes):
        wanted = pa.array({trace for traces in batch.values() for trace in traces}, pa.string())
        by_trace = _by_trace(whole, wanted)
        found = [
            (head, assembled)
            for head, traces in batch.items()
            if (assembled := assemble((fact for trace in traces for fact in by_trace[trace]), head))
        ]
        if found:
            yield _table([_row(head, each, rows.start_ms, version) for head, each in found], whole)


def traces_of(tables: Iterable[pa.Table]) -> set[str]:
    """The traces that rows of some tables name."""
    return {trace for table in tables for trace in pc.unique(table["trace_id"]).to_pylist() if trace}


def _receivers(spans: pa.Table) -> dict[str, set[str]]:
    """Trace -> traces in which its messages were worked off."""
    linked = spans.select(["trace_id", "links"]).filter(pc.greater(pc.list_value_length(spans["links"]), 0))
    receivers: dict[str, set[str]] = defaultdict(set)
    for trace, links in zip(*(linked[name].to_pylist() for name in ("trace_id", "links")), strict=True):
        for link in links:
            if link["trace_id"] != trace:
                receivers[link["trace_id"]].add(trace)
    return receivers


def _of_heads(here: set[str], earlier: frozenset[str], receivers: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The first trace of each transaction of the hour -> all its traces."""
    senders: dict[str, set[str]] = defaultdict(set)
    for sender, those in receivers.items():
        if sender in here or sender in earlier:
            for trace in those:
                senders[trace].add(sender)
    found: dict[str, list[str]] = {}
    reached: set[str] = set()
    # traces that only send to each other have no first one: the first by its id stands for it
    for trace in [*sorted(here - earlier - senders.keys()), *sorted(here - earlier)]:
        if trace in reached or (trace in senders and senders[trace] & earlier):
            continue
        found[trace] = _reached_from(trace, receivers)
        reached.update(found[trace])
    return found


def _reached_from(head: str, receivers: Mapping[str, set[str]]) -> list[str]:
    reached = {head: None}
    left = [head]
    while left and len(reached) < MOST_TRACES:
        for trace in sorted(receivers.get(left.pop(), ())):
            if trace not in reached:
                reached[trace] = None
                left.append(trace)
    return list(reached)[:MOST_TRACES]


def _batches(heads: Mapping[str, list[str]], sizes: Mapping[str, int]) -> Iterator[dict[str, list[str]]]:
    """Some transactions at a time, of so many rows together."""
    batch: dict[str, list[str]] = {}
    rows = 0
    for head, traces in heads.items():
        batch[head] = traces
        rows += sum(sizes.get(trace, 0) for trace in traces)
        if rows >= ROWS_AT_A_TIME:
            yield batch
            batch, rows = {}, 0
    if batch:
        yield batch


def _by_trace(whole: Mapping[str, pa.Table], wanted: pa.Array) -> dict[str | None, list[Fact]]:
    """What is known of some traces; invocations of functions without tracing are of the trace that a span says."""
    by_trace: dict[str | None, list[Fact]] = defaultdict(list)
    traces: dict[str, str | None] = {}
    for name in ("spans", "requests"):
        for fact in of_table(name, whole[name].filter(pc.is_in(whole[name]["trace_id"], wanted))):
            by_trace[fact.trace_id].append(fact)
            if name == "spans" and fact.request_id:
                traces[fact.request_id] = fact.trace_id
    invocations = whole["invocations"]
    requests = pa.array(traces, pa.string())
    chosen = pc.or_(pc.is_in(invocations["trace_id"], wanted), pc.is_in(invocations["request_id"], requests))
    for fact in of_table("invocations", invocations.filter(chosen)):
        by_trace[fact.trace_id or traces.get(fact.request_id or "")].append(fact)
    return by_trace


def _row(head: str, found: Transaction, hour_ms: int, version: int) -> dict[str, Any]:
    root = found.roots[0]
    steps, path = found.steps, critical_path(found)
    services = list(dict.fromkeys(step.callee for step in steps))
    cause = suspect(found)
    return {
        "time": max(int(found.start_ms), hour_ms),  # a gateway's whole second may be of the hour before
        "event_id": head,
        "row_no": 0,
        "source": SOURCE,
        "trace_id": head,
        "service": root.service,
        "name": root.fact.name,
        "status": "failed" if found.failed else "ok",
        "duration_ms": found.end_ms - found.start_ms,
        "answered_ms": root.end_ms - root.start_ms,
        "waited_ms": sum(segment.duration_ms for segment in path if segment.kind == WAIT),
        "steps": len(steps),
        "invocations": sum(step.invocation is not None for step in steps),
        "cold_starts": sum(bool(step.invocation and step.invocation.init_duration_ms) for step in steps),
        "services": ",".join(services[:MOST_SERVICES]),
        "tenant": found.tenant,
        "cost_usd": found.cost_usd,
        "cause": cause.service if cause else None,
        "cause_reason": cause.reason if cause else None,
        "time_spent": msgspec.json.encode(
            [{"who": who, "what": what, "ms": round(ms, 3)} for who, what, ms, _ in shown.time_spent(found)[:20]]
        ).decode(),
        "complete": not any(step.placed in ("lost", "circle") and step.parent for step in steps)
        and len(found.roots) == 1,
        "version": version,
    }


def _table(made: Sequence[Mapping[str, Any]], whole: Mapping[str, pa.Table]) -> pa.Table:
    schema = TABLES["transactions"].arrow_schema
    place = {name: _first(whole, name) for name in ("account", "region")}
    return pa.Table.from_pylist([{**place, **row} for row in made], schema=schema)


def _first(whole: Mapping[str, pa.Table], column: str) -> str | None:
    """The account or region that the rows are of; a lake has rows of one."""
    values: Iterable[Any] = (
        value for rows in whole.values() if rows.num_rows for value in rows[column][:1].to_pylist()
    )
    return next(iter(values), None)


READ_COLUMNS = {name: [*columns_of(name), "account", "region"] for name in TABLES_READ}
"""What is needed of each table."""

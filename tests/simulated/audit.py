"""After everything: is each event accounted for exactly once?"""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pyarrow as pa

from functions.aws.dead_letters import DeadLetters
from functions.aws.items import unpack_json
from functions.aws.state import State
from functions.aws.summaries import key_of
from functions.core.schema import HOUR_MS, TABLES, hour_of, hour_start_ms
from functions.core.summaries import KINDS, decode
from functions.core.traces.hourly import TABLES_READ, Rows, transactions
from functions.core.watch.signals import BIN_MS, bins
from functions.core.watch.signals import BY_TABLE as SIGNALS

from .world import DEAD_LETTERS, LAKE, STATE, tried

OUTCOMES = ("stored", "folded", "rejected", "sampled")


def check(account):
    """Raise AssertionError where the settled lake, the dead letters or the ledger are not what was sent."""
    tried["audited histories"] += 1
    sent = account.applications.sent
    letters = [letter for _, found in DeadLetters(DEAD_LETTERS).committed(State(STATE)) for letter in found]
    given_up = Counter(letter.position for letter in letters if letter.reason.startswith("given up"))
    assert set(given_up.values()) <= {1}, f"given up twice: {given_up}"
    taken = [(record, events) for record, events in sent.records if _position(record) not in given_up]
    payloads = {_position(record): record.data for record, _ in sent.records}
    for letter in letters:
        if letter.position in given_up:
            assert letter.payload == payloads[letter.position]
    _check_what_was_lost_before(account)
    _check_events(account, taken, letters)
    _check_ledger(account, sent, taken)
    _check_aggregates(account)
    _check_summaries(account)
    _check_transactions(account)


def _check_what_was_lost_before(account):
    """Where log events never came to the stream CloudWatch has counted errors: this is what check_delivery sees."""
    lost = account.applications.sent.lost()
    metrics = account.applications.logs.metrics.names()
    failed = {metric.dimensions["LogGroupName"] for metric in metrics if metric.name == "DeliveryErrors"}
    tried["histories that lost logs before the stream"] += bool(lost)
    assert not lost or failed, f"nobody says that these were lost: {lost}"


def _position(record):
    return f"{record.shard}:{record.sequence}"


def _check_events(account, taken, letters):
    rows = {name: account.reader.counts(name) for name in TABLES if TABLES[name].of_events}
    rejected = Counter(letter.event_id for letter in letters if not letter.reason.startswith("given up"))
    events = {event.id: event for _, found in taken for event in found}
    invocations = {row["event_id"]: row for row in account.reader.table("invocations")}
    pairs = {}
    for event in events.values():
        if event.fate in ("start", "report"):
            pairs.setdefault(event.request, {})[event.fate, event.pair] = event
        elif event.fate == "rejected":
            assert rejected.pop(event.id) == 1, event
        else:
            held = {table for table, counts in rows.items() if event.id in counts}
            gone = event.fate != "row" or account.left_out(event)
            assert held == (set() if gone else {event.table}), (event, held)
    assert not rejected, f"dead letters of nothing: {rejected}"
    expected = {event.id for event in events.values() if event.fate != "folded"}
    for table, counts in rows.items():
        if table != "ingest_ledger":
            assert set(counts) <= expected, f"{table}: rows of nothing: {set(counts) - expected}"
    for request, found in pairs.items():
        _check_invocation(request, found, invocations, rows["invocations"])


def _check_invocation(request, found, invocations, counts):
    for (fate, pair), event in found.items():
        other = found.get(("report" if fate == "start" else "start", pair))
        if fate == "report":
            assert counts[event.id] == 1, f"{counts[event.id]} rows of {event}"
            if other:
                row = invocations[event.id]
                assert row["start_time"] is not None, f"the REPORT lacks its START: {event}"
                assert row["start_time"].timestamp() * 1000 == other.time_ms - _zone(row), (event, other)
                assert row["function_version"] == "7"
        elif other:
            assert counts[event.id] == 0, f"the START is still there: {event}"
        else:
            assert counts[event.id] == 1, f"{counts[event.id]} rows of {event}"


def _zone(row):
    """Times in the lake have no zone; Python takes them as local."""
    return row["time"].astimezone().utcoffset().total_seconds() * 1000


def _check_ledger(account, sent, taken):
    commits = {sk: item for (pk, sk), item in account.world.dynamodb.items.items() if pk.startswith("commit#")}
    counts = {sk: unpack_json(item, "counts") for sk, item in commits.items()}
    for name, found in counts.items():
        assert found["events"] == sum(found[outcome] for outcome in OUTCOMES), (name, found)
    assert sum(found["records"] for found in counts.values()) == len(sent.records), "records in the ledger"
    alone = len(sent.records) - len(taken)
    events = sum(len(events) for _, events in taken) + alone
    assert sum(found["events"] for found in counts.values()) == events, "events in the ledger"
    ledger = {row["event_id"]: row for row in account.reader.table("ingest_ledger")}
    assert len(account.reader.table("ingest_ledger")) == len(ledger) == len(commits), "rows of the settled ledger"
    for name, found in counts.items():
        assert {column: ledger[name][column] for column in ("records", "events", *OUTCOMES)} == {
            column: found[column] for column in ("records", "events", *OUTCOMES)
        }


def _check_aggregates(account):
    for name, column, base in (("traffic", "requests", "requests"), ("service_calls", "calls", "spans")):
        sums, rows = Counter(), Counter()
        for row in account.reader.table(name):
            sums[row["hour"]] += row[column]
        for row in account.reader.table(base):
            rows[row["hour"]] += row.get("kind") != "server"
        assert +sums == +rows, f"{name} is not the sum of {base}: {sums} {rows}"


def _check_transactions(account):
    """Each traced request is one transaction, of the hour it began in, and made of what is settled now."""
    of_hour = {name: defaultdict(list) for name in TABLES_READ}
    for name in TABLES_READ:
        for row in account.reader.table(name):
            of_hour[name][row["hour"]].append(row)
    found = {(row["hour"], row["event_id"]): row for row in account.reader.table("transactions")}
    assert len(found) == len(account.reader.table("transactions")), "a transaction is there twice"
    expected = {}
    for hour in {hour for rows in of_hour.values() for hour in rows}:
        start = hour_start_ms(hour)
        before, after = (hour_of(start + by) for by in (-HOUR_MS, HOUR_MS))
        here, later = (
            {name: pa.Table.from_pylist(rows[each], schema=TABLES[name].arrow_schema) for name, rows in of_hour.items()}
            for each in (hour, after)
        )
        earlier = {row["trace_id"] for rows in of_hour.values() for row in rows[before]} - {None, ""}
        for made in transactions(Rows(start, here, later, frozenset(earlier)), 0):
            expected |= {(hour, row["event_id"]): row for row in made.to_pylist()}
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    for key, row in expected.items():
        assert {name: found[key][name] for name in row if name != "version"} == {
            name: value for name, value in row.items() if name != "version"
        }
    tried["transactions"] += len(expected)


def _check_summaries(account):
    """Widgets see what is settled: the same sums, by hour."""
    for kind, made in KINDS.items():
        if kind in SIGNALS:
            _check_signals(account, kind, made)
            continue
        sums = Counter()
        for row in account.reader.table(made.table):
            sums[row["hour"]] += row[_SUMMED[kind]] if kind in _SUMMED else 1
        found = {hour: _total(account, kind, hour) for hour in sums}
        assert found == sums, f"summary of {kind}: {found} instead of {sums}"


def _check_signals(account, kind, made):
    """Detection sees what is settled: of each subject every five minutes."""
    sums, hours = Counter(), set()
    for row in account.reader.table(made.table):
        hours.add(row["hour"])
        for subject, columns in made.subjects.items():
            names = tuple(
                row[name] if name != "service" or subject != "metric" else row[name] or "-" for name in columns
            )
            if all(names):
                sums[(row["time"] - _EPOCH) // _BIN * BIN_MS, subject, names] += _COUNTED[made.table](row)
    found = Counter()
    for hour in hours:
        summary = decode(account.world.s3.objects.get((LAKE, key_of(kind, hour)), b"")).summary(kind)
        for start, measures in bins(hour, [summary]).items():
            for subject, measure in measures.items():
                found[start, *subject] += measure.count
    assert +found == +sums, f"{kind}: {found - sums} too much, {sums - found} too little"


_EPOCH, _BIN = datetime.fromisoformat("1970-01-01"), timedelta(milliseconds=BIN_MS)
_COUNTED = {
    "traffic": lambda row: row["requests"],
    "service_calls": lambda row: row["calls"],
    "invocations": lambda row: row["status"] is not None,
    "error_groups": lambda row: row["occurrences"],
    "metrics": lambda row: "statistic" not in dict(row["labels"] or ()),
}

_SUMMED = {"traffic": "requests", "errors": "occurrences", "ledger": "events"}
_RANKED = {"traffic": "customers", "errors": "groups"}


def _total(account, kind, hour):
    body = account.world.s3.objects.get((LAKE, key_of(kind, hour)), b"")
    summary = decode(body).summary(kind)
    if kind == "ledger":
        return summary.sums["events"]
    return getattr(summary, _RANKED.get(kind, "found")).total().weight


def check_nothing_is_left_over(account):
    """After the garbage is collected: only the published generations remain, and files that no commit names."""
    items = account.world.dynamodb.items
    assert not [sk for pk, sk in items if pk in ("pending", "garbage", "summarise")]
    published = {file[2] for (pk, _), item in items.items() if pk.startswith("hour#")
                 for file in json.loads(item["files"]["S"])}  # fmt: skip
    named = {key for (pk, _), item in items.items() if pk.startswith("commit#") for key in unpack_json(item, "files")}
    stored = set(account.world.s3.keys(LAKE, ""))
    assert published <= stored
    assert not {key for key in stored - published if key.startswith("settled/")}
    assert not named & stored, "hot files of published commits"

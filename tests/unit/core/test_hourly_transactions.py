"""The transactions of an hour: which traces belong together, to which hour, and what a row says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from functions.core.schema import TABLES
from functions.core.traces import hourly
from functions.core.traces.hourly import TABLES_READ, Rows, transactions

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
START = int(HOUR.timestamp() * 1000)
A, B, C, D = (letter * 32 for letter in "abcd")


class Lake:
    """Rows of the hour and of the next one."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES_READ}

    def put(self, table: str, second: float, **columns: Any) -> None:
        time = HOUR.replace(tzinfo=None) + timedelta(seconds=second)
        number = len(self.rows[table])
        row = {"time": time, "event_id": f"e{number}", "row_no": 0, "account": "1", "region": "eu-west-1", **columns}
        if table != "requests":
            row.setdefault("start_time", time)
        self.rows[table].append(row)

    def span(self, trace: str, id_: str, second: float, ms: float = 100, parent: str = "", **columns: Any) -> None:
        links = [{"trace_id": to, "span_id": span} for to, span in columns.pop("links", ())]
        given = {"kind": "server", "service": "shop", "name": id_, "status": "ok", "duration_ms": ms} | columns
        self.put("spans", second, trace_id=trace, span_id=id_, parent_span_id=parent, links=links, **given)

    def transactions(self, *earlier: str, known: pa.Table | None = None, version: int = 7) -> list[dict[str, Any]]:
        return sorted(self.table(*earlier, known=known, version=version).to_pylist(), key=lambda row: row["event_id"])

    def table(self, *earlier: str, known: pa.Table | None = None, version: int = 7) -> pa.Table:
        tables: list[dict[str, pa.Table]] = [{}, {}]
        for name, rows in self.rows.items():
            hour_end = HOUR.replace(tzinfo=None) + timedelta(hours=1)
            for place, of_hour in ((0, True), (1, False)):
                chosen = [row for row in rows if (row["time"] < hour_end) is of_hour]
                tables[place][name] = pa.Table.from_pylist(chosen, schema=TABLES[name].arrow_schema)
        found = transactions(Rows(START, *tables, frozenset(earlier)), version, known)
        return pa.concat_tables([TABLES["transactions"].arrow_schema.empty_table(), *found])


@pytest.fixture
def lake() -> Lake:
    return Lake()


def sent(lake: Lake, trace: str, second: float = 1) -> None:
    """A request that puts a message on a queue."""
    lake.span(trace, "root", second, 300, request_id=f"r-{trace[0]}", tenant="acme")
    lake.span(trace, "send", second + 0.2, 10, "root", kind="producer", remote_service="AWS::SQS")


def test_a_row_says_what_a_transaction_cost_how_long_it_took_and_who_is_the_cause(lake: Lake) -> None:
    sent(lake, A)
    lake.span(C, "work", 3, 500, service="mail", status="fault", links=[(A, "send")], request_id="r-mail")
    lake.put("invocations", 1.3, trace_id=A, request_id="r-a", function_name="shop", duration_ms=300.0, cost_usd=0.25)
    lake.put("invocations", 3.5, request_id="r-mail", function_name="mail", duration_ms=500.0, cost_usd=0.5,
             init_duration_ms=200.0)  # fmt: skip
    (row,) = lake.transactions()
    assert {name: row[name] for name in ("event_id", "trace_id", "account", "region", "source", "version")} == {
        "event_id": A, "trace_id": A, "account": "1", "region": "eu-west-1", "source": "transactions", "version": 7,
    }  # fmt: skip
    assert (row["service"], row["name"], row["status"], row["tenant"]) == ("shop", "root", "failed", "acme")
    assert (row["duration_ms"], row["answered_ms"], row["waited_ms"]) == (2500, 300, 1790)
    assert (row["steps"], row["invocations"], row["cold_starts"], row["services"]) == (3, 2, 1, "shop,AWS::SQS,mail")
    assert row["cost_usd"] == pytest.approx(0.75)
    assert (row["cause"], row["cause_reason"], row["complete"]) == ("mail", "failed", True)
    spent = {(each["who"], each["what"]): each["ms"] for each in json.loads(row["time_spent"])}
    assert sum(spent.values()) == pytest.approx(2500)
    assert spent["SQS", "until taken up"] == 1790
    assert row["time"] == HOUR.replace(tzinfo=None) + timedelta(seconds=1)


def test_a_batch_belongs_to_all_who_sent_its_messages(lake: Lake) -> None:
    sent(lake, A, 1)
    sent(lake, B, 2)
    lake.span(C, "work", 4, 100, service="mail", links=[(A, "send"), (B, "send")], request_id="r-c")
    lake.put("invocations", 4.1, trace_id=C, request_id="r-c", function_name="mail", duration_ms=100.0, cost_usd=0.5)
    first, second = lake.transactions()
    assert (first["trace_id"], second["trace_id"]) == (A, B)
    assert [row["steps"] for row in (first, second)] == [3, 3]
    assert [round(row["cost_usd"], 3) for row in (first, second)] == [0.25, 0.25]
    assert [row["duration_ms"] for row in (first, second)] == [3100, 2100]


def test_what_goes_on_in_the_next_hour_belongs_to_the_hour_it_began_in(lake: Lake) -> None:
    sent(lake, A, 3599)
    lake.span(A, "late", 3601, 100, "root")
    lake.span(C, "work", 3700, 100, links=[(A, "send")])
    lake.span(D, "other", 3800)
    (row,) = lake.transactions()
    assert (row["trace_id"], row["steps"], row["duration_ms"]) == (A, 4, 101_100)


def test_when_the_next_hour_comes_only_what_goes_on_there_is_made_anew(lake: Lake) -> None:
    sent(lake, A, 3590)
    sent(lake, B, 3591)
    sent(lake, D, 100)
    known = lake.table()
    lake.span(A, "late", 3601, 100, "root")
    lake.span(C, "work", 3700, 100, links=[(B, "send")])
    found = lake.transactions(known=known, version=8)
    assert [(row["trace_id"], row["steps"], row["version"]) for row in found] == [(A, 3, 8), (B, 3, 8), (D, 2, 7)]
    assert [row["duration_ms"] for row in found] == [row["duration_ms"] for row in lake.transactions()]


def test_what_began_in_the_hour_before_is_left_to_it(lake: Lake) -> None:
    lake.span(A, "rest", 1)
    lake.span(C, "work", 2, links=[(A, "send")])
    lake.span(B, "own", 3)
    assert [row["trace_id"] for row in lake.transactions(A)] == [B]


def test_a_consumer_whose_sender_is_not_known_is_a_transaction_of_its_own(lake: Lake) -> None:
    lake.span(C, "work", 2, links=[(A, "send")])
    assert [row["trace_id"] for row in lake.transactions()] == [C]


def test_traces_that_send_to_each_other_are_one_transaction(lake: Lake) -> None:
    lake.span(A, "ping", 1, links=[(B, "pong")])
    lake.span(B, "pong", 2, links=[(A, "ping")])
    (row,) = lake.transactions()
    assert (row["trace_id"], row["steps"]) == (A, 2)


def test_a_loop_of_messages_is_bounded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hourly, "MOST_TRACES", 3)
    traces = [f"{number:032x}" for number in range(10)]
    for number, trace in enumerate(traces):
        lake.span(trace, "s", number, links=[(traces[number - 1], "s")] if number else ())
    assert lake.transactions()[0]["steps"] == 3


def test_functions_and_gateways_without_spans_make_transactions_too(lake: Lake) -> None:
    lake.put("requests", 1, trace_id=A, method="GET", route="/x", status=500, latency_ms=90.0, service="api")
    lake.put("invocations", 1.08, trace_id=A, request_id="r", function_name="f", duration_ms=60.0, start_time=None)
    lake.put("invocations", 9, trace_id=B, request_id="q", function_name="cron", duration_ms=5.0)
    lake.put("invocations", 9, request_id="untraced", function_name="cron", duration_ms=5.0)
    first, second = lake.transactions()
    assert (first["service"], first["name"], first["status"], first["steps"]) == ("api", "GET /x", "failed", 2)
    assert (second["service"], second["steps"]) == ("cron", 1)


def test_a_missing_parent_is_told(lake: Lake) -> None:
    lake.span(A, "root", 1)
    lake.span(A, "lost", 1.01, 10, "never")
    assert [row["complete"] for row in lake.transactions()] == [False]


def test_many_transactions_are_made_a_part_at_a_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hourly, "ROWS_AT_A_TIME", 3)
    for number in range(20):
        lake.span(f"{number:032x}", "s", number)
        lake.put("invocations", number, trace_id=f"{number:032x}", request_id=str(number), cost_usd=1.0)
    found = lake.transactions()
    assert len(found) == 20
    assert {row["steps"] for row in found} == {2}


def test_an_empty_hour_has_none(lake: Lake) -> None:
    assert lake.transactions() == []

"""Every statement of the product runs on the engine that Athena is, and gives what the local engine gives.

Both read the same lake on the emulator: Glue tables as CloudFormation made them, partitions as `create_partitions` and
`compact` registered them, files as `normalize` and `compact` wrote them, three settled hours and the present one.
S3 and Glue are the emulator's rather than local files, so that locations and partitions are part of what is tried.
"""

from __future__ import annotations

import ast
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from on_the_emulator import NAMES, Deployed, wait_for
from trino_server import Answer, Trino, TrinoError

from functions.aws.athena import Cell
from functions.compact.handler import SETTLE_AFTER_MS
from functions.core import views
from functions.core.customers.listing import Customer, encode
from functions.core.questions import FOLDER, Param, TimeRange, Value, load_all
from functions.core.schema import HOUR_MS, LISTS, TABLES, TENANTS, hour_of
from functions.core.widgets.details import DETAILS, Section
from local.run import ROOT
from local.viewer import past_traffic, rehearsal

HOURS = 2
QUESTIONS = load_all()
VIEWS = views.load_all()
# approx_percentile estimates in Trino and counts on the local engine
ESTIMATES = re.compile(r"p\d\d_\w+|init_p50_ms")
ESTIMATES_WITHIN = {"p99": 0.35}
"""The 99th percentile of a few hundred rows has neighbours that are far away; all others lie close."""

Rows = list[dict[str, Cell]]
NEEDED = {"id": f"{1:032x}", "steps": "GET /orders/{id},DELETE /orders/{id}"}
"""Parameters without which a question has no answer."""

CUSTOMERS = [
    Customer("o'neil", 'O\'Neil & "Sons"', "business", 49.5),
    Customer("\u65e5\u672c", "\u65e5\u672c", None, 0.0),
    Customer("harbor-foods", "Harbor Foods", "business", 249.0),
    Customer("nobody", "Never seen"),
]


def _odd_ones(at: int) -> dict[str, list[tuple[int, str]]]:
    """What tells engines apart: ties, nulls, quotes and other scripts; and a little of what the shop does not write."""
    unmeasured = {"requestId": "r-0", "routeKey": "GET /orders/{id}", "status": "200", "responseLatency": "-"}
    requests = [
        past_traffic.request_line(tenant, route, status, 20, f"{tenant}-{number}-{route}")
        for tenant in ("o'neil", "\u65e5\u672c", "")
        for route in ("GET /orders/{id}", "DELETE /orders/{id}")
        for number, status in enumerate((200, 404, 500))
    ]
    error = {"level": "ERROR", "message": 'it\'s "50 %" off', "exception_name": "KeyError", "tenant": "o'neil"}
    errors = [error | {"function_request_id": "r-1"}, error | {"message": "it's gone"}, error | {"extra": {"a": [1]}}]
    setting = {"event_type": "setting_changed", "setting": "theme"}
    settings = [
        setting | {"tenant": tenant, "old": old, "new": new}
        for tenant, old, new in (("o'neil", None, "dark"), ("o'neil", "dark", "light"), ("globex", "light", "dark"))
    ]
    emf = {"_aws": {"Timestamp": at, "CloudWatchMetrics": [
        {"Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "orders"}]}]}}  # fmt: skip
    usage = {"event_type": "usage", "tenant": "o'neil", "feature": "export", "id": "usage-1"}
    application = [*errors, *settings, usage, emf | {"service": "shop", "orders": 3}, *_deployments(at)]
    return {
        past_traffic.GATEWAY: [(at, line) for line in (*requests, json.dumps(unmeasured))],
        "/shop/application": [(at, json.dumps(each)) for each in application],
        "aws/spans": [(at, json.dumps(_span(at, number))) for number in range(30)],
    }


def _deployments(at: int) -> list[dict[str, Any]]:
    """A function of a stack, told of by every source, with an error that is new; and a change half an hour before."""
    stack = "arn:aws:cloudformation:eu-central-1:1:stack/shop/1"
    of_function = {"resource-type": "AWS::Lambda::Function", "physical-resource-id": "application"}
    events = [
        {"id": f"stack-{number}", "detail-type": f"CloudFormation {kind} Status Change", "source": "aws.cloudformation",
         "time": datetime.fromtimestamp((at - 60_000) / 1000, UTC).isoformat(), "detail": {
             "stack-id": stack, "status-details": {"status": status, "status-reason": "it's late"}, **of}}
        for number, (kind, status, of) in enumerate(
            (("Stack", "UPDATE_COMPLETE", {}), ("Resource", "UPDATE_COMPLETE", of_function)))
    ]  # fmt: skip
    changed = {"memory_mb": {"old": 128, "new": 256}}
    told = {"event_type": "configuration_changed", "function": "application", "action": "updated", "changes": changed}
    commit = {"event_type": "deployment", "commit": "1f2e3d4c", "service": "application", "time": at - 30_000}
    return [
        *events,
        told | {"id": "c-1", "time": at - 50_000},
        told | {"id": "c-2", "time": at - 1_900_000},
        commit | {"id": "d-1", "version": "7"},
        {"level": "ERROR", "message": "new since then", "service": "application"},
    ]


def _span(at: int, number: int) -> dict[str, Any]:
    fault = {"http.response.status_code": 503} if number % 10 == 0 else {}
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": "GetItem",
        "kind": "CLIENT",
        "startTimeUnixNano": at * 1_000_000,
        "endTimeUnixNano": (at + 5 + number) * 1_000_000,
        "attributes": {"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "GetItem", **fault},
        "resource": {"attributes": {"service.name": "checkout"}},
        "status": {"code": "ERROR" if fault else "UNSET"},
        "links": [{"traceId": f"{number:032x}", "spanId": f"{number:016x}"}] if number % 2 else [],
    }


class Lake:
    """The lake as both engines see it, and each statement's run on Trino, once."""

    def __init__(self, deployed: Deployed, trino: Trino) -> None:
        self.deployed, self.trino = deployed, trino
        now = datetime.now(UTC)
        self.range = TimeRange(now - timedelta(hours=HOURS), now).whole_minutes()
        self.run = cache(self._run)

    def _run(self, question: str, form: str) -> tuple[str, list[str], Answer]:
        asked = replace(QUESTIONS[question], params=tuple(map(_of_the_lake, QUESTIONS[question].params)))
        if form == "console":
            sql, literals = asked.console_sql(NAMES.database), []
        else:
            sql, literals = asked.bind({}, self.range)
        return sql, literals, self.trino.ask(sql, literals)

    def on_both(self, question: str, params: dict[str, Value]) -> tuple[Rows, Rows]:
        sql, literals = QUESTIONS[question].bind(params, self.range)
        return self.trino.ask(sql, literals).rows, self.deployed.ask(sql, literals)


def _of_the_lake(param: Param) -> Param:
    """A parameter that has to be given, with something that is in the lake; others as they are."""
    return replace(param, default=NEEDED[param.name]) if param.name in NEEDED else param


@pytest.fixture(scope="module")
def lake(deployed: Deployed, trino: Trino) -> Lake:
    # an hour that is over is settled two minutes later
    hour_ago = int(time.time() * 1000) - HOUR_MS - SETTLE_AFTER_MS
    rehearsal.add_past(deployed.emulator, datetime.now(UTC), 4, incident=True, extra=_odd_ones(hour_ago))
    _put_customers(deployed, encode(CUSTOMERS))
    for table in sorted(name for name in TABLES if not TABLES[name].assembled):
        wait_for(lambda table=table: deployed.ask(f"SELECT 1 AS x FROM {table} WHERE hour > '2026' LIMIT 1"))
    deployed.invoke("compact")
    assert deployed.location("spans", hour_of(hour_ago)).startswith("settled/")
    return Lake(deployed, trino)


def _put_customers(deployed: Deployed, file: bytes) -> None:
    deployed.client("s3").put_object(Bucket=deployed.parameter("lake-bucket"), Key=TENANTS.file, Body=file)


def differences(theirs: Rows, ours: Rows) -> list[str]:
    """Where two answers differ, by row and column."""
    found = [f"{len(theirs)} rows on Trino, {len(ours)} on the local engine"] if len(theirs) != len(ours) else []
    for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
        if list(one) != list(other):
            return [f"columns {list(one)} on Trino, {list(other)} on the local engine"]
        found += [
            f"row {number}, {name}: {one[name]!r} on Trino, {other[name]!r} on the local engine"
            for name in one
            if not _same(name, one[name], other[name])
        ]
    return found


def _same(column: str, one: Cell, other: Cell) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        within = ESTIMATES_WITHIN.get(column[:3], 0.05) if ESTIMATES.fullmatch(column) else 1e-9
        return one == pytest.approx(other, rel=within)
    return type(one) is type(other) and one == other


FORMS = pytest.mark.parametrize("form", ["bound", "console"])
EACH_QUESTION = pytest.mark.parametrize("question", sorted(QUESTIONS))


@EACH_QUESTION
@FORMS
def test_a_question_has_the_same_answer_on_both_engines(lake: Lake, question: str, form: str) -> None:
    sql, literals, answer = lake.run(question, form)
    assert answer.rows
    assert differences(answer.rows, lake.deployed.ask(sql, literals)) == []


@EACH_QUESTION
@FORMS
def test_a_question_reads_only_the_hours_of_its_time_range(lake: Lake, question: str, form: str) -> None:
    now = lake.range.end
    span = timedelta(hours=HOURS) if form == "bound" else QUESTIONS[question].since
    first, last = hour_of(int((now - span).timestamp() * 1000) - 60_000), hour_of(int(time.time() * 1000))
    read = {table: hours for table, hours in lake.run(question, form)[2].hours.items() if table not in LISTS}
    assert read
    for table, hours in read.items():
        assert hours
        assert [hour for hour in sorted(hours) if not first <= hour <= last] == [], table


def test_a_statement_without_its_hours_is_seen_to_read_all_of_them(lake: Lake) -> None:
    sql, literals = QUESTIONS["which_errors_occur"].bind({}, lake.range)
    unbounded = sql.replace("hour BETWEEN ? AND ?", "? <= ?", 1)
    assert {len(hours) for hours in lake.trino.ask(sql, literals).hours.values()} == {HOURS + 1}
    assert min(len(hours) for hours in lake.trino.ask(unbounded, literals).hours.values()) > 24


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_has_the_same_rows_on_both_engines_and_reads_only_the_hours_asked_for(lake: Lake, name: str) -> None:
    hours = lake.range.values
    sql = f"SELECT * FROM {name} WHERE hour BETWEEN ? AND ? ORDER BY {', '.join(c.name for c in VIEWS[name].columns)}"
    bounds = [f"'{hours['from_hour']}'", f"'{hours['to_hour']}'"]
    answer = lake.trino.ask(sql, bounds)
    assert answer.rows
    assert differences(answer.rows, lake.deployed.ask(sql, bounds)) == []
    for table, read in answer.hours.items():
        assert len(read) == HOURS + 1, table


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_has_the_columns_that_glue_says(lake: Lake, name: str) -> None:
    said = lake.trino.ask(f"SELECT * FROM {name} WHERE hour = ''").columns
    assert [(column, kind.split("(")[0]) for column, kind in said] == [
        (column, kind.split("(")[0]) for column, kind in lake.trino.ask(f"{VIEWS[name].sql} LIMIT 0").columns
    ]


CLICKS = {
    "customer": ({"customer": "o'neil"}, {"customer": "\u65e5\u672c"}, {"customer": "globex"}),
    "route": ({"service": "shop", "route": "GET /orders/{id}"}, {"service": "", "route": "GET /orders/{id}"}),
    "error": ({"fingerprint": ""}, {"fingerprint": "none' OR '1' = '1"}),
    "log_lines": ({"level": "error"}, {"text": "O'", "tenant": "globex"}),
    "request": ({"trace": NEEDED["id"]}, {"trace": f"1-00000000-{2:024x}"}, {"trace": "r-1"}, {"trace": "o'"}),
    "unit_cost": ({},),
}


@pytest.mark.parametrize("kind", sorted(DETAILS))
def test_a_click_in_a_widget_has_the_same_answer_on_both_engines(lake: Lake, kind: str) -> None:
    found = 0
    for event in CLICKS[kind]:
        sections: list[Section] = list(DETAILS[kind](event).sections)
        for section in sections:
            theirs, ours = lake.on_both(section.question, dict(section.params))
            assert differences(theirs, ours) == [], (event, section.title)
            found += len(theirs)
    assert found


OF_CUSTOMERS = ("who_produces_which_traffic", "what_do_customers_cost", "find_log_lines", "when_did_this_error_occur")


@pytest.mark.parametrize("question", OF_CUSTOMERS)
def test_customers_on_the_list_have_their_names_on_both_engines(lake: Lake, question: str) -> None:
    theirs, ours = lake.on_both(question, {})
    assert differences(theirs, ours) == []
    named = {row.get("customer") or row.get("tenant"): row["customer_name"] for row in theirs}
    listed = {each.tenant: each.name for each in CUSTOMERS}
    assert named == {tenant: listed.get(str(tenant)) for tenant in named}
    assert set(named) & set(listed)
    assert set(named) - set(listed)


def test_the_list_has_the_columns_that_glue_says_and_all_its_rows(lake: Lake) -> None:
    answer = lake.trino.ask("SELECT * FROM tenants ORDER BY tenant")
    assert answer.columns == [
        ("tenant", "varchar"),
        ("name", "varchar"),
        ("plan", "varchar"),
        ("monthly_price_usd", "double"),
    ]
    assert [tuple(row.values()) for row in answer.rows] == [
        (each.tenant, each.name, each.plan, each.monthly_price_usd)
        for each in sorted(CUSTOMERS, key=lambda each: each.tenant)
    ]


@pytest.mark.parametrize("file", [None, encode([])], ids=["no file", "a file without a row"])
def test_without_a_list_every_question_is_answered_with_ids(lake: Lake, file: bytes | None) -> None:
    if file is None:
        lake.deployed.client("s3").delete_object(Bucket=lake.deployed.parameter("lake-bucket"), Key=TENANTS.file)
    else:
        _put_customers(lake.deployed, file)
    try:
        for question in OF_CUSTOMERS:
            theirs, ours = lake.on_both(question, {})
            assert theirs
            assert differences(theirs, ours) == []
            assert {row["customer_name"] for row in theirs} == {None}
    finally:
        _put_customers(lake.deployed, encode(CUSTOMERS))


def test_a_difference_is_seen() -> None:
    row: dict[str, Cell] = {"requests": 1, "share_pct": 50.0, "p90_ms": 100.0, "customer": None}
    assert differences([row], [dict(row)]) == []
    assert differences([row], [row | {"p90_ms": 102.0}]) == []
    for change in ({"requests": 1.0}, {"share_pct": 50.1}, {"p90_ms": 110.0}, {"customer": ""}, {"other": 1}):
        assert differences([row], [row | change])
    assert differences([row], [])


def test_trino_refuses_what_the_local_engine_lets_pass(lake: Lake) -> None:
    sql = "SELECT requests = 'many' AS x FROM traffic WHERE hour > '2026'"
    with pytest.raises(TrinoError, match="TYPE_MISMATCH"):
        lake.trino.ask(sql)


def test_all_sql_is_in_folders_that_are_tried_here() -> None:
    assert {path.parent for path in FOLDER.parent.rglob("*.sql")} == {FOLDER, views.FOLDER}
    assert [path for path in FOLDER.parent.iterdir() if path.is_file()] == []


# `tracelake try` asks tables in memory, with DuckDB and nothing else
OF_DUCKDB = {ROOT / "cli" / "in_memory.py", ROOT / "cli" / "try_out.py"}


def test_functions_and_the_command_have_no_sql_beside_it() -> None:
    files = [path for folder in ("functions", "cli", "stacks") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    assert {path for path in files if statements(path)} == OF_DUCKDB


def test_sql_in_a_function_is_seen(tmp_path: Path) -> None:
    planted = tmp_path / "handler.py"
    planted.write_text('''"""SELECT x FROM docs"""
run(f"select {column} from logs where hour = ?")
run("CREATE TABLE x AS TABLE y")
run(f"INSERT INTO {table} SELECT 1")
''')
    assert len(statements(planted)) == 3


def statements(path: Path) -> list[str]:
    """String constants of a Python file that are SQL, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False)
    }
    texts = [
        (node, "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
        if isinstance(node, ast.JoinedStr)
        else (node, str(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.Constant)
    ]
    sql = re.compile(
        r"\bSELECT\b.*\bFROM\b|\b(INSERT\s+INTO|(CREATE|REPLACE)\s+(TABLE|VIEW))\s+\w|\bUNLOAD\s*\(\s*SELECT\b",
        re.IGNORECASE | re.DOTALL,
    )
    return [text for node, text in texts if id(node) not in documentation and sql.search(text)]

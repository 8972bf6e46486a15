"""The questions give right answers.

They run here on DuckDB, with the functions of Athena's SQL that it lacks; the tests on the emulator run the same
files through Athena's API.
"""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from cli.in_memory import FUNCTIONS, SETTINGS
from functions.core import histogram, questions, views
from functions.core.customers.listing import Customer, table_of
from functions.core.schema import LISTS, TABLES, hour_of
from functions.core.traces.facts import of_row
from functions.core.traces.transaction import assemble

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = questions.TimeRange(NOON - timedelta(hours=24), NOON)
QUESTIONS = questions.load_all()


class Lake:
    """Lake tables in memory; rows that are put in get their hour and what they lack."""

    def __init__(self):
        self.db = duckdb.connect()
        self.db.execute(SETTINGS + FUNCTIONS)
        self.rows = {name: [] for name in TABLES}
        self.customers = []

    def put(self, table, minutes_ago=60.0, **columns):
        time = NOON.replace(tzinfo=None) - timedelta(minutes=minutes_ago)
        event_id = f"{table}-{len(self.rows[table])}"
        self.rows[table].append({"time": time, "event_id": event_id, "row_no": 0, **columns})

    def _fill(self):
        for name, rows in self.rows.items():
            schema = TABLES[name].arrow_schema
            hours = [hour_of(int(row["time"].replace(tzinfo=UTC).timestamp() * 1000)) for row in rows]
            table = pa.Table.from_pylist(rows, schema=schema).append_column("hour", pa.array(hours, pa.string()))
            self.db.register(f"{name}_rows", table)
            self.db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name}_rows")
        self.db.register("tenants_rows", table_of(self.customers))
        self.db.execute("CREATE OR REPLACE TABLE tenants AS SELECT * FROM tenants_rows")
        for view in views.load_all().values():
            self.db.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")

    def ask(self, name, time_range=DAY, **values):
        self._fill()
        sql, literals = QUESTIONS[name].bind(values, time_range)
        pieces = sql.split("?")
        whole = "".join(piece + value for piece, value in zip(pieces, [*literals, ""], strict=True))
        result = self.db.execute(whole)
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def lake():
    return Lake()


def counted(latencies):
    buckets = [histogram.bucket(latency) for latency in latencies]
    return [(bucket, buckets.count(bucket)) for bucket in sorted(set(buckets))]


def traffic(lake, tenant, latencies, *, minutes_ago=60.0, route="GET /orders", errors=0, **columns):
    lake.put(
        "traffic",
        minutes_ago,
        tenant=tenant,
        service="shop",
        route=route,
        requests=len(latencies),
        errors=errors,
        client_errors=0,
        request_bytes=100 * len(latencies),
        response_bytes=1000 * len(latencies),
        latency_sum_ms=float(sum(latencies)),
        latency_histogram=counted(latencies),
        **columns,
    )


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_every_question_answers_an_empty_lake_with_no_rows(lake, name):
    assert lake.ask(name) == []


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_every_question_runs_in_its_console_form(lake, name):
    lake._fill()
    lake.db.execute("CREATE SCHEMA tracelake_main")
    for table in (*TABLES, *LISTS, *views.names()):
        lake.db.execute(f"CREATE TABLE tracelake_main.{table} AS SELECT * FROM main.{table}")
    assert lake.db.execute(QUESTIONS[name].console_sql("tracelake_main")).fetchall() == []


def test_traffic_is_summed_over_partial_aggregates_with_shares_and_error_rates(lake):
    traffic(lake, "acme", [10.0] * 60, errors=3)
    traffic(lake, "acme", [10.0] * 15, route="POST /orders")
    traffic(lake, "umbrella", [20.0] * 25)
    acme, umbrella = lake.ask("who_produces_which_traffic")
    assert (acme["customer"], acme["requests"], acme["share_pct"], acme["error_pct"]) == ("acme", 75, 75.0, 4.0)
    assert (acme["routes"], acme["busiest_route"]) == (2, "GET /orders")
    assert (umbrella["customer"], umbrella["requests"], umbrella["share_pct"]) == ("umbrella", 25, 25.0)
    assert (umbrella["mb_in"], umbrella["mb_out"]) == (0.0, 0.03)


def test_percentiles_from_merged_histograms_are_within_one_percent(lake):
    latencies = [1.5 * 1.07**step for step in range(100)]
    for part in range(4):
        traffic(lake, "acme", latencies[part::4])
    [row] = lake.ask("who_produces_which_traffic")
    for column, exact in (("p50_ms", latencies[49]), ("p90_ms", latencies[89]), ("p99_ms", latencies[98])):
        assert row[column] == pytest.approx(exact, rel=0.0101, abs=0.051)


def test_the_value_of_a_bucket_in_sql_is_that_of_the_histogram(lake):
    for number in (-340, -1, 0, 1, 2, 100, 1000):
        [[in_sql]] = lake.db.execute(f"SELECT 0.99e0 * power(1.01e0 / 0.99e0, {number})").fetchall()
        assert in_sql == pytest.approx(histogram.value(number), rel=1e-9)


def test_traffic_outside_of_the_time_range_or_of_another_service_does_not_count(lake):
    traffic(lake, "acme", [10.0] * 5)
    traffic(lake, "acme", [10.0] * 7, minutes_ago=25 * 60)
    traffic(lake, "acme", [10.0] * 9, minutes_ago=0)
    assert [row["requests"] for row in lake.ask("who_produces_which_traffic")] == [5]
    assert lake.ask("who_produces_which_traffic", service="other") == []


def test_a_row_without_a_customer_is_called_unknown_and_one_without_latency_has_no_percentile(lake):
    lake.put("traffic", tenant=None, service="shop", requests=4, errors=0, client_errors=0)
    [row] = lake.ask("who_produces_which_traffic")
    assert (row["customer"], row["requests"], row["p90_ms"]) == ("(unknown)", 4, None)


def test_top_bounds_the_rows_but_not_the_shares(lake):
    for index in range(10):
        traffic(lake, f"tenant-{index}", [10.0] * (10 - index))
    rows = lake.ask("who_produces_which_traffic", top=3)
    assert [row["customer"] for row in rows] == ["tenant-0", "tenant-1", "tenant-2"]
    assert rows[0]["share_pct"] == round(100 * 10 / 55, 1)


def test_access_patterns_tell_reads_from_writes_and_find_the_peak(lake):
    traffic(lake, "acme", [10.0] * 5, minutes_ago=61)
    traffic(lake, "umbrella", [10.0] * 5, minutes_ago=61)
    traffic(lake, "acme", [10.0] * 2, minutes_ago=62)
    traffic(lake, "acme", [10.0] * 1, route="POST /orders")
    read, write = lake.ask("which_access_patterns_exist")
    assert (read["access"], read["route"], read["requests"], read["customers"]) == ("read", "GET /orders", 12, 2)
    assert (read["peak_per_minute"], read["per_active_minute"]) == (10, 6.0)
    assert read["peak_minute"] == NOON.replace(tzinfo=None) - timedelta(minutes=61)
    assert (write["access"], write["requests"], write["kb_out_each"]) == ("write", 1, 1.0)


def setting(lake, tenant, old, new, minutes_ago):
    lake.put("tenant_settings", minutes_ago, tenant=tenant, setting="theme", old_value=old, new_value=new)


def test_a_setting_is_popular_by_what_customers_have_now(lake):
    setting(lake, "acme", "light", "dark", 90)
    setting(lake, "umbrella", "light", "dark", 80)
    setting(lake, "umbrella", "dark", "sepia", 70)
    setting(lake, "initech", "light", "dark", 60)
    rows = {row["value"]: row for row in lake.ask("which_settings_are_popular")}
    assert {value: row["customers"] for value, row in rows.items()} == {"dark": 2, "sepia": 1, "light": 0}
    assert (rows["dark"]["switched_to"], rows["dark"]["switched_away"]) == (3, 1)
    assert rows["light"]["switched_away"] == 3
    assert rows["dark"]["share_pct"] == round(100 * 2 / 3, 1)


def test_a_setting_change_that_was_delivered_twice_counts_once(lake):
    setting(lake, "acme", "light", "dark", 90)
    lake.rows["tenant_settings"].append(dict(lake.rows["tenant_settings"][0]))
    rows = {row["value"]: row for row in lake.ask("which_settings_are_popular")}
    assert (rows["dark"]["customers"], rows["dark"]["switched_to"]) == (1, 1)


def test_errors_of_log_lines_invocations_and_requests_are_grouped_by_cause(lake):
    for minutes_ago, tenant in ((50, "acme"), (40, "umbrella")):
        lake.put("logs", minutes_ago, level="ERROR", service="checkout", error_type="PaymentDeclined", tenant=tenant,
                 fingerprint="f1", message=f"declined at {minutes_ago}", request_id=f"r-{minutes_ago}")  # fmt: skip
    lake.put("logs", level="INFO", service="checkout", message="fine")
    lake.put("invocations", function_name="checkout", status="timeout", duration_ms=3000.0)
    lake.put("invocations", function_name="checkout", status="success", duration_ms=30.0)
    lake.put("invocations", function_name="checkout", status=None)
    lake.put("requests", service="api", route="GET /x", status=502, tenant="acme")
    lake.put("requests", service="api", route="GET /x", status=200, tenant="acme")
    lines, *others = lake.ask("which_errors_occur")
    assert (lines["kind"], lines["error"], lines["occurrences"], lines["customers"]) == ("log", "PaymentDeclined", 2, 2)
    assert (lines["example"], lines["last_request_id"]) == ("declined at 40", "r-40")
    assert {(row["kind"], row["error"], row["example"], row["occurrences"]) for row in others} == {
        ("invocation", "timeout", "timeout after 3000 ms", 1),
        ("request", "HTTP 502", "GET /x", 1),
    }


def test_an_error_that_was_stored_twice_while_hot_counts_once(lake):
    lake.put("logs", level="ERROR", service="checkout", fingerprint="f1", message="boom")
    lake.rows["logs"].append(dict(lake.rows["logs"][0]))
    [row] = lake.ask("which_errors_occur")
    assert row["occurrences"] == 1


def test_errors_of_one_customer_leave_out_what_names_no_customer(lake):
    lake.put("logs", level="ERROR", service="checkout", message="boom", tenant="acme")
    lake.put("invocations", function_name="checkout", status="timeout", duration_ms=3000.0)
    assert [row["kind"] for row in lake.ask("which_errors_occur", tenant="acme")] == ["log"]
    assert lake.ask("which_errors_occur", tenant="o'neil") == []


def report(lake, name="checkout", **columns):
    columns = {
        "status": "success",
        "duration_ms": 100.0,
        "billed_duration_ms": 100.0,
        "memory_size_mb": 1024,
        "max_memory_used_mb": 100,
        "cold_start": False,
        "cost_usd": 0.00001,
    } | columns
    lake.put("invocations", function_name=name, **columns)


def test_cost_leaves_out_unfinished_invocations_and_adds_up(lake):
    for _ in range(3):
        report(lake)
    report(lake, "mail", cost_usd=0.00001)
    lake.put("invocations", function_name="checkout", status=None)
    checkout, mail = lake.ask("what_do_invocations_cost")
    assert (checkout["function_name"], checkout["invocations"], checkout["share_pct"]) == ("checkout", 3, 75.0)
    assert (checkout["usd_per_million"], checkout["billed_ms_each"], checkout["gb_seconds"]) == (10.0, 100.0, 0.3)
    assert mail["invocations"] == 1


def test_cold_starts_count_snapstart_restores(lake):
    report(lake, cold_start=True, init_duration_ms=400.0)
    report(lake, cold_start=True, restore_duration_ms=200.0)
    report(lake)
    report(lake)
    [row] = lake.ask("which_functions_start_cold")
    assert (row["invocations"], row["cold_starts"], row["cold_pct"], row["init_max_ms"]) == (4, 2, 50.0, 400.0)
    assert row["waited_s"] == 0.6


def test_memory_is_wasted_by_what_is_never_used(lake):
    for used in range(20):
        report(lake, max_memory_used_mb=100 + used)
    report(lake, "rare")
    [row] = lake.ask("which_functions_waste_memory")
    assert (row["memory_size_mb"], row["used_mb_max"], row["enough_mb"]) == (1024, 119, 192)
    assert row["never_used_pct"] == round(100 * (1024 - 119) / 1024, 1)
    assert row["saving_usd_at_most"] == round(20 * 0.00001 * (1024 - 192) / 1024, 6)


def test_what_is_slow_ranks_functions_routes_and_calls_together(lake):
    traffic(lake, "acme", [50.0] * 10)
    for _ in range(10):
        report(lake, duration_ms=200.0)
    lake.put("service_calls", caller="checkout", callee="dynamodb", operation="GetItem", calls=10, ok=10,
             latency_sum_ms=50.0, latency_histogram=counted([5.0] * 10))  # fmt: skip
    lake.put("service_calls", caller="checkout", callee="s3", operation="Get", calls=1, latency_histogram=[])
    rows = lake.ask("what_is_slow")
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("function", "checkout"),
        ("route", "shop GET /orders"),
        ("call", "checkout to dynamodb GetItem"),
    ]
    assert rows[0]["total_s"] == 2.0
    assert rows[1]["p90_ms"] == pytest.approx(50, rel=0.0101)


TRACE = "6759b1c50e59b643038a6a070e115043"
REQUEST = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def lines(lake):
    lake.put(
        "logs", 30, level="ERROR", message="No stock: 100% gone", line='{"order": 7}', tenant="acme", trace_id=TRACE
    )
    lake.put("logs", 20, level="INFO", message="Order it's 7", request_id=REQUEST, tenant="umbrella")
    lake.put("logs", 10, level="INFO", message="order 8")
    return lake


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [
        ({}, [10, 20, 30]),
        ({"text": "ORDER"}, [10, 20, 30]),
        ({"text": '"order": 7'}, [30]),
        ({"text": "it's"}, [20]),
        ({"text": "%"}, [30]),
        ({"tenant": "acme"}, [30]),
        ({"level": "info", "text": "7"}, [20]),
        ({"trace": TRACE}, [30]),
        ({"trace": TRACE.upper()}, [30]),
        ({"trace": f"1-{TRACE[:8]}-{TRACE[8:]}"}, [30]),
        ({"trace": REQUEST}, [20]),
        ({"top": 2}, [10, 20]),
    ],
)
def test_log_lines_are_found_by_text_trace_customer_and_level_the_latest_first(lines, asked, minutes):
    found = lines.ask("find_log_lines", **asked)
    assert [row["time"] for row in found] == [NOON.replace(tzinfo=None) - timedelta(minutes=each) for each in minutes]


def test_what_a_customer_costs_is_what_the_invocations_cost_whose_lines_name_it(lake):
    report(lake, request_id="a", cost_usd=0.00003)
    report(lake, request_id="b", cost_usd=0.00002)
    report(lake, request_id="c", cost_usd=0.00005, status="error")
    for request, tenant in (
        ("a", "acme"),
        ("a", "acme"),
        ("b", "acme"),
        ("b", "umbrella"),
        ("c", None),
        (None, "acme"),
    ):
        lake.put("logs", request_id=request, tenant=tenant)
    lake.put("invocations", function_name="checkout", request_id="a", status=None)

    found = {
        row["customer"]: (row["invocations"], row["failed"], row["cost_usd"])
        for row in lake.ask("what_do_customers_cost")
    }

    assert found == {"(unknown)": (1, 1, 0.00005), "acme": (2, 0, 0.00004), "umbrella": (1, 0, 0.00001)}
    assert sum(row["share_pct"] for row in lake.ask("what_do_customers_cost")) == 100


def deployed(lake, minutes_ago, source, **columns):
    lake.put("deployments", minutes_ago, source=source, **{"status": "succeeded", **columns})


@pytest.fixture
def deployments(lake):
    """A stack with a function, of which all sources tell; the same function again; and another one by hand."""
    deployed(
        lake, 62, "cloudformation", kind="resource", resource="shop-checkout", service="shop-checkout", stack="shop"
    )
    deployed(lake, 61, "cloudtrail", kind="function_code", resource="shop-checkout", service="shop-checkout",
             actor="role/deploy", changes='{"code_sha256":{"new":"a"}}')  # fmt: skip
    deployed(lake, 60, "cloudformation", kind="stack", resource="shop", stack="shop")
    deployed(lake, 50, "deployed", kind="commit", service="shop-checkout", commit_sha="1f2e3d4c", service_version="7",
             run_url="https://ci.example.com/7")  # fmt: skip
    deployed(lake, 20, "configuration_snapshot", kind="function_config", resource="shop-checkout",
             service="shop-checkout", changes='{"memory_mb":{"old":128,"new":256}}')  # fmt: skip
    deployed(lake, 61, "cloudtrail", kind="alias", resource="mail:live", service="mail", status="failed",
             message="AccessDenied", actor="user/~1")  # fmt: skip
    return lake


def test_what_several_sources_tell_of_one_deployment_is_one_row(deployments):
    again, whole, other = deployments.ask("what_was_deployed")
    assert (whole["what"], whole["status"], whole["services"]) == ("shop", "succeeded", "shop-checkout")
    assert whole["told_by"] == "cloudformation, cloudtrail, deployed"
    assert (whole["commit_sha"], whole["service_version"], whole["actors"]) == ("1f2e3d4c", "7", "role/deploy")
    assert whole["changes"] == 'shop-checkout {"code_sha256":{"new":"a"}}'
    assert (whole["began"], whole["ended"]) == tuple(NOON.replace(tzinfo=None) - timedelta(minutes=m) for m in (62, 50))
    assert (again["what"], again["told_by"]) == ("shop", "configuration_snapshot")
    assert (other["what"], other["status"], other["reason"], other["actors"]) == (
        *("mail", "failed", "AccessDenied", "user/~1"),
    )


def test_deployments_that_were_stored_twice_while_hot_are_one(deployments):
    before = deployments.ask("what_was_deployed")
    deployments.rows["deployments"] += [dict(row) for row in deployments.rows["deployments"]]
    assert deployments.ask("what_was_deployed") == before


@pytest.mark.parametrize(("what", "found"), [("shop", 2), ("shop-checkout", 2), ("mail", 1), ("checkout", 0)])
def test_deployments_are_found_by_stack_or_service(deployments, what, found):
    assert len(deployments.ask("what_was_deployed", what=what)) == found


def line_of_error(lake, minutes_ago, fingerprint, group="/aws/lambda/shop-checkout", service="checkout"):
    lake.put(
        "logs", minutes_ago, log_group=group, service=service, fingerprint=fingerprint, error_type="E", message="m"
    )


def test_an_error_that_is_new_after_a_deployment_of_its_function_is_shown_with_it(deployments):
    line_of_error(deployments, 45, "new")
    line_of_error(deployments, 15, "new")
    line_of_error(deployments, 300, "old")
    line_of_error(deployments, 45, "old")
    line_of_error(deployments, 45, "elsewhere", group="/aws/lambda/stock", service="stock")
    line_of_error(deployments, 58, "by service", group="/shop/logs", service="mail")
    found = {row["fingerprint"]: row for row in deployments.ask("which_errors_followed_a_deployment")}
    assert found.keys() == {"new", "by service"}
    new = found["new"]
    assert (new["deployed"], new["commit_sha"], new["occurrences"]) == (
        *(NOON.replace(tzinfo=None) - timedelta(minutes=50), "1f2e3d4c", 2),
    )
    assert deployments.ask("which_errors_followed_a_deployment", minutes=2) == []


def spent(lake, tenant, usd, number=0):
    """An invocation of a customer, an hour ago."""
    lake.put("invocations", request_id=f"{tenant}-{number}", function_name="f", status="success", cost_usd=usd,
             billed_duration_ms=1.0)  # fmt: skip
    if tenant:
        lake.put("logs", request_id=f"{tenant}-{number}", tenant=tenant)


def test_a_margin_is_the_share_of_the_price_that_the_time_range_is_less_what_was_spent(lake):
    lake.customers = [Customer("acme", "Acme Ltd", "business", 730.0)]
    spent(lake, "acme", 0.5)
    traffic(lake, "acme", [10.0] * 100)

    [row] = lake.ask("what_do_customers_cost")

    assert (row["customer"], row["customer_name"], row["plan"]) == ("acme", "Acme Ltd", "business")
    assert (row["monthly_price_usd"], row["price_usd"], row["margin_usd"]) == (730.0, 24.0, 23.5)
    assert row["margin_pct"] == 97.9
    assert (row["requests"], row["usd_per_million_requests"]) == (100, 5000.0)


@pytest.mark.parametrize("minutes", [1, 59, 60, 1440, 43_200, 525_600, 60 * 24 * 3660])
def test_the_price_is_that_of_the_minutes_asked_for_however_many_they_are(lake, minutes):
    lake.customers = [Customer("acme", "Acme", None, 43_800.0)]
    lake.put(
        "invocations", 0.5, request_id="r", function_name="f", status="success", cost_usd=1.0, billed_duration_ms=1
    )
    lake.put("logs", 0.5, request_id="r", tenant="acme")

    [row] = lake.ask("what_do_customers_cost", questions.TimeRange(NOON - timedelta(minutes=minutes), NOON))

    assert row["price_usd"] == minutes


def test_what_nobody_is_named_for_stays_visible_beyond_the_top_and_has_no_margin(lake):
    lake.customers = [Customer("acme", "Acme", "free", 0.0)]
    for tenant, usd in (("acme", 0.3), ("umbrella", 0.2), ("", 0.1)):
        spent(lake, tenant, usd)

    first, unknown = lake.ask("what_do_customers_cost", top=1)

    assert (first["customer"], first["margin_usd"], first["margin_pct"]) == ("acme", -0.3, None)
    assert (unknown["customer"], unknown["cost_usd"], unknown["margin_usd"]) == ("(unknown)", 0.1, None)


NAMED = {
    "what_do_customers_cost": "customer",
    "who_produces_which_traffic": "customer",
    "find_log_lines": "tenant",
    "when_did_this_error_occur": "tenant",
}


@pytest.mark.parametrize(("question", "column"), NAMED.items())
def test_a_customer_has_the_name_on_the_list_and_one_that_is_not_on_it_has_none(lake, question, column):
    lake.customers = [Customer("acme", "Acme Ltd"), Customer("acme2", "Another")]
    for tenant in ("acme", "o'neil", "Acme"):
        spent(lake, tenant, 0.1)
        traffic(lake, tenant, [1.0])
        lake.put("logs", tenant=tenant, fingerprint="f")

    found = {(row[column], row["customer_name"]) for row in lake.ask(question)}

    assert found == {("acme", "Acme Ltd"), ("o'neil", None), ("Acme", None)}


def test_every_question_that_shows_a_customer_shows_the_name(lake):
    lake._fill()
    shown = {}
    for name in QUESTIONS:
        lake.db.execute(QUESTIONS[name].console_sql("main"))
        shown[name] = {column[0] for column in lake.db.description}
    with_customers = {name for name, columns in shown.items() if columns & {"customer", "tenant"}}
    assert with_customers == {name for name, columns in shown.items() if "customer_name" in columns}
    usage = {"which_customers_are_at_risk", "who_calls_us_wrongly", "who_uses_costly_features"}
    assert with_customers == {*NAMED, *usage, "what_happened", "which_requests_were_slow"}


def test_loud_log_groups_come_with_what_could_be_and_what_was_left_out(lake):
    columns = ("bytes_by_log_group", "quiet_bytes_by_log_group", "sampled_by_log_group")
    for minutes_ago, raw_bytes, *groups in (
        (5, 800, {"/loud": 500, "/other": 200}, {"/loud": 400}, {"/loud": 3}),
        (65, 200, {"/loud": 100, "aws/spans": 100}, {}, {}),
        (3000, 10**9, {"/old": 10**9}, {}, {}),
    ):
        maps = {name: list(found.items()) for name, found in zip(columns, groups, strict=True)}
        lake.put("ingest_ledger", minutes_ago, raw_bytes=raw_bytes, **maps)
    lake.put("ingest_ledger", 70, raw_bytes=0)  # of an earlier release, without these columns
    assert [tuple(row.values()) for row in lake.ask("which_log_groups_are_loud")] == [
        ("/loud", 600, 60.0, 400, 3),
        ("/other", 200, 20.0, 0, 0),
        ("aws/spans", 100, 10.0, 0, 0),
    ]


def test_features_are_counted_by_customers_and_users_from_events_and_routes(lake):
    for number, (tenant, user) in enumerate([("acme", "u1"), ("acme", "u2"), ("umbrella", "u3"), (None, None)]):
        lake.put("usage_events", 1 + number, feature="export", tenant=tenant, user_id=user)
    lake.put("usage_events", feature="import", tenant="acme", user_id="u1")
    lake.put("requests", feature="export", tenant="acme", user_id="u9", status=500)
    lake.put("requests", feature="import", tenant="acme", user_id="u1", status=200)
    lake.put("requests", tenant="acme", status=200)
    lake.rows["requests"].append(lake.rows["requests"][0])  # not settled yet, so it is there twice
    export, import_ = lake.ask("which_features_are_popular")
    assert (export["feature"], export["customers"], export["users"]) == ("export", 2, 4)
    assert (export["uses"], export["usage_events"], export["requests"], export["error_pct"]) == (5, 4, 1, 100.0)
    assert (export["busiest_customer"], export["busiest_pct"]) == ("acme", 60.0)
    assert (import_["feature"], import_["customers"], import_["users"], import_["uses"]) == ("import", 1, 1, 2)
    assert export["share_pct"] + import_["share_pct"] == pytest.approx(100, abs=0.1)
    (only,) = lake.ask("which_features_are_popular", tenant="umbrella")
    assert (only["feature"], only["uses"], only["customers"]) == ("export", 1, 1)


def test_versions_are_compared_by_what_failed_of_their_lines_and_spans(lake):
    for number in range(4):
        level = "ERROR" if number == 0 else "INFO"
        lake.put("logs", 600 - number, service="shop", service_version="1", level=level, user_id=f"u{number}")
        level = "ERROR" if number else "INFO"
        lake.put("logs", 30 - number, service="shop", service_version="2", level=level, user_id=f"u{number}")
    lake.put("spans", 30, service="shop", service_version="2", kind="server", status="fault", duration_ms=40.0)
    lake.put("spans", 30, service="shop", service_version="2", kind="client", status="fault", duration_ms=4000.0)
    lake.put("logs", 30, service="other", level="INFO")
    new, old, unknown = lake.ask("which_versions_fail")
    assert (new["version"], new["is_newest"], new["lines"], new["error_line_pct"]) == ("2", True, 4, 75.0)
    assert (new["users_with_errors"], new["spans"], new["failed_span_pct"], new["p90_ms"]) == (3, 1, 100.0, 40.0)
    assert (old["version"], old["is_newest"], old["error_line_pct"]) == ("1", False, 25.0)
    assert (unknown["service"], unknown["version"]) == ("other", "(unknown)")
    assert [row["version"] for row in lake.ask("which_versions_fail", service="shop")] == ["2", "1"]


def test_an_error_says_how_many_users_it_met(lake):
    for user in ("u1", "u2", "u2", None):
        lake.put("logs", service="shop", level="ERROR", message="no", fingerprint="f", user_id=user)
    assert [row["users"] for row in lake.ask("which_errors_occur")] == [2]


def span(lake, id_, minutes_ago, **columns):
    time = NOON.replace(tzinfo=None) - timedelta(minutes=minutes_ago)
    lake.put("spans", minutes_ago, span_id=id_, start_time=time, **columns)


def test_what_happened_follows_a_request_over_the_queue_and_finds_what_only_names_the_request(lake):
    order, batch, other = "a" * 32, "b" * 32, "c" * 32
    lake.customers = [Customer("acme", "Acme Ltd")]
    span(lake, "s1", 10, trace_id=order, kind="server", service="shop", request_id="r-1", tenant="acme")
    span(lake, "s2", 9, trace_id=order, kind="producer", service="shop", parent_span_id="s1", request_id="aws-1")
    span(lake, "s3", 8, trace_id=batch, kind="server", request_id="r-2", links=[{"trace_id": order, "span_id": "s2"}])
    span(lake, "x", 8, trace_id=other, kind="server", request_id="r-3")
    lake.put("invocations", 7, request_id="r-2", function_name="fulfil", duration_ms=5.0)
    lake.put("invocations", 7, request_id="aws-1", function_name="not ours")
    lake.put("logs", 6, request_id="r-1", message="charged", level="INFO")
    lake.put("logs", 6, request_id="r-3", message="of another")
    lake.put("requests", 11, trace_id=order, method="POST", route="/orders", status=201, latency_ms=9.0)
    for asked in (order, f"1-{order[:8]}-{order[8:]}", "r-1"):
        rows = lake.ask("what_happened", id=asked)
        found = [(row["fact"], row["span_id"] or row["name"] or row["message"]) for row in rows]
        assert found == [
            ("request", "POST /orders"), ("span", "s1"), ("span", "s2"), ("span", "s3"),
            ("invocation", "fulfil"), ("log", "charged"),
        ]  # fmt: skip
    facts = [of_row(row) for row in rows]
    assert [fact.customer_name for fact in facts if fact.tenant] == ["Acme Ltd"]
    assert facts[3].links == ((order, "s2"),)
    assert [step.fact.span_id for step in assemble(facts, order).steps if step.fact.span_id] == ["s1", "s2", "s3"]
    assert [row["fact"] for row in lake.ask("what_happened", id="r-3")] == ["span", "log"]
    assert lake.ask("what_happened", id="unknown") == []


def transaction(lake, minutes_ago, name, **columns):
    given = {"service": "shop", "status": "ok", "answered_ms": 100.0, "duration_ms": 200.0, "cost_usd": 0.00001,
             "invocations": 2, "cold_starts": 0, "trace_id": f"t{minutes_ago}"}  # fmt: skip
    lake.put("transactions", minutes_ago, name=name, **(given | columns))


def test_what_a_request_costs_is_the_mean_of_all_that_it_caused(lake):
    for minutes_ago in (1, 2, 3):
        transaction(lake, minutes_ago, "POST /orders", cost_usd=0.00002 * minutes_ago, cold_starts=1)
    transaction(lake, 4, "GET /orders", cost_usd=0.00008, status="failed", tenant="acme")
    orders, other = lake.ask("what_does_a_request_cost")
    assert (orders["name"], orders["requests"], orders["usd_a_million"], orders["share_pct"]) == (
        "POST /orders", 3, 40.0, 60.0,
    )  # fmt: skip
    assert (orders["invocations_a_request"], orders["cold_starts"], orders["failed_pct"]) == (2.0, 3, 0.0)
    assert other["failed_pct"] == 100.0
    assert [row["name"] for row in lake.ask("what_does_a_request_cost", tenant="acme")] == ["GET /orders"]


def test_who_is_the_cause_begins_with_what_failed(lake):
    for minutes_ago in (1, 2):
        transaction(lake, minutes_ago, "POST /orders", cause="payments", cause_reason=f"slow {minutes_ago}")
    transaction(lake, 3, "POST /orders", status="failed", cause="payments", cause_reason="late", tenant="acme")
    transaction(lake, 4, "GET /orders")
    failed, slow = lake.ask("who_is_the_cause")
    assert (failed["cause"], failed["status"], failed["requests"], failed["customers"]) == ("payments", "failed", 1, 1)
    assert (slow["status"], slow["requests"], slow["latest_reason"], slow["latest_trace"]) == ("ok", 2, "slow 1", "t1")


def test_slow_requests_come_with_the_trace_to_follow(lake):
    lake.customers = [Customer("acme", "Acme Ltd")]
    transaction(lake, 1, "POST /orders", answered_ms=900.0, tenant="acme")
    transaction(lake, 2, "POST /orders", answered_ms=50.0, status="failed")
    rows = lake.ask("which_requests_were_slow")
    assert [(row["trace_id"], row["customer_name"]) for row in rows] == [("t1", "Acme Ltd"), ("t2", None)]
    assert [row["trace_id"] for row in lake.ask("which_requests_were_slow", status="failed")] == ["t2"]
    assert [row["trace_id"] for row in lake.ask("which_requests_were_slow", tenant="acme")] == ["t1"]

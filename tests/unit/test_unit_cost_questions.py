"""What a feature costs adds up to what all invocations and calls cost, whoever asks by feature, route or customer."""

import random
from dataclasses import replace

import pytest
import test_questions_sql
from test_questions_sql import Lake

from functions.core.cost import calls
from functions.core.customers.listing import Customer
from functions.core.questions import Question

SQS = calls.call_usd("AWS::SQS", "SendMessage")
COST, WHO = "what_does_a_feature_cost", "who_uses_costly_features"


@pytest.fixture
def lake():
    return Lake()


def request(lake, trace, cost, *, feature=None, tenant="acme", name="POST /orders", status="ok", **also):
    """A transaction whose only cost is one invocation, and the access log that names its feature."""
    lake.put("transactions", trace_id=trace, cost_usd=cost, service="shop", name=name, tenant=tenant, status=status)
    lake.put("invocations", trace_id=trace, cost_usd=cost, status="success", **also)
    lake.put("requests", trace_id=trace, feature=feature, tenant=tenant)


def by(rows, *columns):
    return {row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns): row for row in rows}


def check_sums(lake, rows):
    """Raises where a question does not account for every dollar of the lake once."""
    whole = sum(row["cost_usd"] for row in lake.rows["invocations"] if row["status"])
    whole += sum(row["calls"] * calls.call_usd(row["callee"], row["operation"]) for row in lake.rows["service_calls"])
    whole += sum(
        calls.gateway_usd(row.get("source"), row.get("request_id"), "throttle" if row.get("status") == 429 else "ok")
        for row in lake.rows["requests"]
    )
    attributed = sum(row["cost_usd"] for row in lake.rows["transactions"])
    within = 1e-6 * (len(rows) + 1)
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(whole, abs=within)
    known = [row["cost_usd"] for row in rows if "(not attributed)" not in row.values()]
    assert sum(known) == pytest.approx(attributed, abs=within)


def test_a_feature_costs_what_its_requests_cost_and_part_of_it_is_wasted_on_failures(lake):
    for number in range(8):
        request(lake, f"e{number}", 0.05, feature="export", tenant=f"t{number % 2}")
    request(lake, "e8", 0.2, feature="export", status="failed")
    request(lake, "s0", 0.4, feature="search")
    export, search, rest = lake.ask(COST)
    assert (export["feature"], export["requests"], export["customers"], export["cost_usd"]) == ("export", 9, 3, 0.6)
    assert (export["share_pct"], export["usd_per_thousand"], export["p90_usd_per_thousand"]) == (60.0, 66.666667, 200.0)
    assert (export["failed"], export["failed_usd"], export["failed_cost_pct"]) == (1, 0.2, 33.3)
    assert (search["feature"], search["failed_usd"], search["all_usd"]) == ("search", 0.0, 1.0)
    assert (rest["feature"], rest["requests"], rest["cost_usd"]) == ("(not attributed)", 0, 0.0)


def test_what_no_request_accounts_for_is_not_attributed(lake):
    request(lake, "a", 0.1, feature="export")
    request(lake, "b", 0.2)
    lake.put("invocations", cost_usd=0.3, status="success")
    lake.put("service_calls", caller="cron", callee="AWS::SQS", operation="SendMessage", calls=1_000_000)
    rows = by(lake.ask(COST), "feature")
    assert {name: row["cost_usd"] for name, row in rows.items()} == {
        "export": 0.1,
        "(no feature)": 0.2,
        "(not attributed)": pytest.approx(0.3 + 1e6 * SQS),
    }
    assert rows["export"]["all_usd"] == pytest.approx(1.0)


def test_by_route_the_same_cost_is_told_apart_by_what_was_asked_for(lake):
    request(lake, "a", 0.1, feature="orders")
    request(lake, "b", 0.2, feature="orders", name="GET /orders")
    assert [(row["feature"], row["cost_usd"]) for row in lake.ask(COST, by="route")] == [
        ("shop GET /orders", 0.2),
        ("shop POST /orders", 0.1),
        ("(not attributed)", 0.0),
    ]


def test_of_one_customer_nothing_is_said_about_what_is_not_attributed(lake):
    request(lake, "a", 0.1, feature="export")
    request(lake, "b", 0.2, feature="export", tenant="umbrella")
    lake.put("invocations", cost_usd=0.3, status="success")
    [row] = lake.ask(COST, tenant="acme")
    assert (row["cost_usd"], row["share_pct"], row["all_usd"]) == (0.1, 100.0, 0.1)


def test_features_beyond_the_top_are_summed_so_that_it_still_adds_up(lake):
    for number in range(5):
        request(lake, f"t{number}", 0.1 * (5 - number), feature=f"f{number}", tenant=f"t{number % 2}")
    rows = lake.ask(COST, top=2)
    assert [(row["feature"], row["requests"], row["customers"]) for row in rows] == [
        ("f0", 1, 1),
        ("f1", 1, 1),
        ("(others)", 3, 2),
        ("(not attributed)", 0, 0),
    ]
    check_sums(lake, rows)
    check_sums(lake, lake.ask(WHO, top=2))


def test_a_feature_is_told_by_the_access_log_then_by_spans_then_by_usage_events(lake):
    for trace in ("a", "b", "c"):
        request(lake, trace, 0.1, feature="log" if trace == "a" else None)
        lake.put("usage_events", trace_id=trace, feature="event")
        if trace != "c":
            lake.put("spans", trace_id=trace, feature="span")
    assert set(by(lake.ask(COST), "feature")) == {"log", "span", "event", "(not attributed)"}


@pytest.mark.parametrize("question", [COST, WHO])
def test_every_dollar_is_in_one_row_of_any_lake(question):
    for seed in range(2):
        chance, lake = random.Random(seed), Lake()
        for number in range(40):
            tenant = chance.choice(["acme", "umbrella", "", None])
            request(lake, f"t{number}", chance.random(), feature=chance.choice("abcde"), tenant=tenant,
                    status=chance.choice(["ok", "failed"]), name=chance.choice(["GET /a", None]))  # fmt: skip
            for _ in range(chance.randrange(3)):
                lake.put("requests", trace_id=f"t{number}", feature=chance.choice("abcde"))
        for _ in range(5):
            lake.put("invocations", cost_usd=chance.random(), status="error")
            operation = chance.choice(["PutItem", "Query", "TransactWriteItems", None])
            lake.put("service_calls", callee="AWS::DynamoDB", operation=operation, calls=chance.randrange(10**6))
        lake.put("invocations", cost_usd=None, status=None)
        lake.customers = [Customer("acme", "Acme", "business", 49.0)]
        for values in ({}, {"top": 3}, *([{"by": "route"}] if question == COST else [])):
            check_sums(lake, lake.ask(question, **values))


def test_the_check_of_sums_sees_a_trace_that_is_counted_twice(lake, monkeypatch):
    request(lake, "a", 0.1, feature="export")
    lake.put("requests", trace_id="a", feature="search")
    lake.put("invocations", cost_usd=0.3, status="success")
    check_sums(lake, lake.ask(COST))
    right: Question = test_questions_sql.QUESTIONS[COST]
    twice = right.sql.replace("min_by(feature, ROW(told_by, time, feature)) AS feature", "feature").replace(
        "GROUP BY trace_id", ""
    )
    assert twice != right.sql
    monkeypatch.setitem(test_questions_sql.QUESTIONS, COST, replace(right, sql=twice))
    with pytest.raises(AssertionError):
        check_sums(lake, lake.ask(COST))


def test_calls_cost_in_sql_what_they_cost_in_python(lake):
    names = [(service, f"{beginning}Item") for service, units in calls._UNITS.items() for beginning in units]
    names += [("AWS::SQS", None), ("AWS::DynamoDB", "DescribeTable"), ("payments.example.com", "POST /charges")]
    for service, operation in names:
        lake.put("service_calls", callee=service, operation=operation, calls=1_000_000)
    expected = sum(1e6 * calls.call_usd(service, operation) for service, operation in names)
    [row] = lake.ask(COST)
    assert row["cost_usd"] == pytest.approx(expected, abs=1e-6)


def test_requests_to_api_gateway_cost_in_sql_what_they_cost_in_python(lake):
    uuid = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    ids = [uuid, uuid.upper(), f"{uuid}_REPLACED_INVALID_REQUEST_ID", f"{uuid}0", "JKJaXmPLvHcESHA=", "", None]
    for each in ids * 1_000:
        lake.put("requests", source="access_log", request_id=each, status=200)
    lake.put("requests", source="access_log", request_id=uuid, status=429)
    lake.put("requests", source="webhook", request_id=uuid, status=200)
    expected = 1_000 * sum(calls.gateway_usd("access_log", each, "ok") for each in ids)
    [row] = lake.ask(COST)
    assert row["cost_usd"] == pytest.approx(expected, abs=1e-6)


def test_who_uses_a_costly_feature_stands_beside_what_it_pays(lake):
    lake.customers = [
        Customer("acme", "Acme", "business", 73.0),
        Customer("umbrella", "Umbrella", "business", 146.0),
        Customer("quiet", "Never came", "business", 73.0),
    ]
    request(lake, "a", 0.9, feature="export")
    request(lake, "b", 0.24, feature="export", tenant="umbrella")
    request(lake, "c", 0.1, feature="search", tenant="umbrella")
    request(lake, "d", 0.2, feature="export", tenant=None)
    rows = by(lake.ask(WHO), "customer", "feature")
    acme, umbrella = rows["acme", "export"], rows["umbrella", "export"]
    assert (acme["customer_name"], acme["plan"]) == ("Acme", "business")
    # a day is 24 of the 730 hours that a monthly price is for
    assert (acme["price_usd"], acme["margin_usd"], acme["pct_of_price"]) == (2.4, 1.5, 37.5)
    assert (umbrella["price_usd"], umbrella["margin_usd"], umbrella["pct_of_price"]) == (4.8, 4.46, 5.0)
    usual = (0.9 + 0.24 + 0.2) / 3
    assert (acme["times_usual"], umbrella["times_usual"]) == (round(0.9 / usual, 2), round(0.24 / usual, 2))
    assert (acme["plan_price_usd"], acme["plan_cost_usd"], acme["plan_margin_usd"]) == (9.6, 1.24, 8.36)
    assert rows["(unknown)", "export"]["price_usd"] is None
    assert rows["(not attributed)", "(not attributed)"]["cost_usd"] == 0.0


def test_of_one_feature_its_customers_are_told_and_margins_stay_those_of_all_features(lake):
    lake.customers = [Customer("acme", "Acme", "business", 73.0)]
    request(lake, "a", 0.9, feature="export")
    request(lake, "b", 0.5, feature="search")
    [row] = lake.ask(WHO, feature="search")
    assert (row["feature"], row["share_pct"], row["margin_usd"]) == ("search", 100.0, 1.0)

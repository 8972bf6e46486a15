"""Questions, messages and the widget, on real data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from on_the_emulator import NAMES, UNREADABLE, Deployed, wait_for

from cli import target
from functions.aws import clients
from functions.core.questions import load_all
from local.run import ROOT


@pytest.fixture(scope="session")
def shop(deployed: Deployed) -> str:
    """A little of everything that the questions ask for; gives the name of its busiest customer."""
    now = int(time.time() * 1000)
    request_id = str(uuid4())
    access = {"requestId": str(uuid4()), "httpMethod": "GET", "routeKey": "GET /orders/{id}", "ip": "192.0.2.1"}
    access |= {
        "status": "500",
        "responseLength": "17",
        "responseLatency": "250",
        "path": "/orders/7",
        "tenant": "globex",
    }
    report = (
        f"REPORT RequestId: {request_id}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 512 MB\t"
        "Max Memory Used: 64 MB\tInit Duration: 400.00 ms\tStatus: timeout\t\n"
    )
    error = {"level": "ERROR", "message": "no route", "exception_name": "KeyError", "tenant": "globex"}
    setting = {"event_type": "setting_changed", "tenant": "globex", "setting": "theme", "old": "light", "new": "dark"}
    lines = [report, *(json.dumps(each) for each in (access, error, setting))]
    deployed.log("/shop/gateway", [(now, line) for line in lines])
    wait_for(lambda: deployed.ask("SELECT 1 AS x FROM requests WHERE hour > '2026' AND tenant = 'globex'"))
    return "globex"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", sorted(load_all()))
def test_every_named_query_runs_as_it_stands_in_the_console(deployed: Deployed, name: str) -> None:
    athena = deployed.client("athena")
    ids = athena.list_named_queries(WorkGroup=NAMES.workgroup)["NamedQueryIds"]
    queries = {each["Name"]: each for each in athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]}
    query = next(each for key, each in queries.items() if name in key)

    assert isinstance(deployed.ask(query["QueryString"]), list)


FOUND_IN_THE_SHOP = {
    "which_settings_are_popular": "dark",
    "which_errors_occur": "KeyError",
    "which_access_patterns_exist": "GET /orders/{id}",
    "who_produces_which_traffic": "globex",
}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", sorted(FOUND_IN_THE_SHOP))
def test_the_command_answers_the_four_questions(deployed: Deployed, name: str) -> None:
    assert FOUND_IN_THE_SHOP[name] in deployed.command("ask", name, "--format", "json")


def test_a_pipeline_tells_of_its_commit_and_is_found_among_the_deployments(deployed: Deployed) -> None:
    deployed.command("deployed", "--commit", "1f2e3d4c", "--service", "checkout", "--version", "7")
    (row,) = wait_for(
        lambda: json.loads(deployed.command("ask", "what_was_deployed", "--param", "what=checkout", "--format", "json"))
    )
    assert (row["commit_sha"], row["service_version"], row["told_by"]) == ("1f2e3d4c", "7", "deployed")


@pytest.mark.usefixtures("shop")
def test_a_list_of_customers_that_is_put_names_them_in_answers_and_widgets(deployed: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("\ufeffid;name;plan;monthly price\nglobex;Globex <Corp>;business;49.50\n", encoding="utf-8")

    deployed.command("customers", "put", str(file), "--yes")

    [shown] = json.loads(deployed.command("customers", "show", "--format", "json"))
    assert shown == {"tenant": "globex", "name": "Globex <Corp>", "plan": "business", "monthly_price_usd": 49.5}
    rows = json.loads(deployed.command("ask", "who_produces_which_traffic", "--format", "json"))
    assert [row["customer_name"] for row in rows if row["customer"] == "globex"] == ["Globex <Corp>"]
    deployed.invoke("compact")
    html = deployed.invoke("widgets", {"widget": "top_customers"})
    assert "Globex &lt;Corp&gt;" in html


# by itself, as it is deployed only where a setting names a table
READ_CUSTOMERS = """
from types import SimpleNamespace
from functions.read_customers.handler import handle
handle({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))
"""


def test_customers_of_a_dynamodb_table_become_the_list(deployed: Deployed) -> None:
    dynamodb = deployed.client("dynamodb")
    key = {"AttributeName": "account.no", "AttributeType": "N"}, {"AttributeName": "account.no", "KeyType": "HASH"}
    dynamodb.create_table(
        TableName="crm", AttributeDefinitions=key[:1], KeySchema=key[1:], BillingMode="PAY_PER_REQUEST"
    )
    for number in range(3):
        item = {"account.no": {"N": str(number)}, "name": {"S": f"Name {number}"}, "monthlyPrice": {"N": "49.50"}}
        dynamodb.put_item(TableName="crm", Item=item | {"e-mail": {"S": "a@example.com"}})
    settings = {"TENANTS_TABLE": "crm", "TENANTS_ATTRIBUTES": "tenant=account.no"}
    settings["LAKE_BUCKET"] = deployed.parameter("lake-bucket")

    subprocess.run(
        [sys.executable, "-c", READ_CUSTOMERS],
        cwd=ROOT,
        env={**os.environ, **deployed.emulator.environment, **settings},
        check=True,
        timeout=60,
    )

    rows = deployed.ask("SELECT tenant, name, plan, monthly_price_usd FROM tenants ORDER BY tenant")
    assert [tuple(row.values()) for row in rows] == [(str(n), f"Name {n}", None, 49.5) for n in range(3)]


@pytest.mark.usefixtures("shop")
def test_try_answers_from_the_log_groups_alone(deployed: Deployed) -> None:
    told = json.loads(deployed.command("try", "/shop/gateway", "--since", "1h", "--format", "json"))

    answers = {name: answer["rows"] for name, answer in told["answers"].items()}
    assert [row["invocations"] for row in answers["what_do_invocations_cost"]] == [1]
    assert {row["error"] for row in answers["which_errors_occur"]} == {"KeyError", "timeout", "HTTP 500"}
    assert [row["customer"] for row in answers["who_produces_which_traffic"]] == ["globex"]
    assert told["read"][0]["events"] == 4


@pytest.mark.usefixtures("shop")
def test_doctor_tells_which_telemetry_a_log_group_gives(deployed: Deployed) -> None:
    told = json.loads(deployed.command("doctor", "/shop/gateway", "--since", "1h", "--format", "json"))

    things = {each["name"]: each for each in told["things"]}
    assert {"invocations", "logs", "requests"} <= set(things["/shop/gateway"]["telemetry"].split(", "))
    assert things["/shop/gateway"]["cannot be subscribed, or read"] is None


def test_rules_are_put_into_the_lake_bucket_and_shown(deployed: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('version = ["build"]\n')
    deployed.command("rules", "put", str(file))

    assert deployed.command("rules", "show") == file.read_text()
    assert "in" in deployed.command("rules", "status")


def test_the_command_finds_the_stack_that_runs_here(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in deployed.emulator.environment:
        monkeypatch.setenv(name, "set by the command")
    clients._client.cache_clear()

    found = target.find(None, local=True, current=deployed.emulator.folder / "current.json")

    clients._client.cache_clear()
    assert (found.database, found.workgroup) == (NAMES.database, NAMES.workgroup)


def test_a_rejected_event_makes_a_message_to_the_subscribers(deployed: Deployed, subscriber: str) -> None:
    deployed.client("cloudwatch").set_alarm_state(
        AlarmName=f"{NAMES.prefix}-rejected-events", StateValue="OK", StateReason="a test begins"
    )
    deployed.client("kinesis").put_record(StreamName=NAMES.stream, PartitionKey="k", Data=UNREADABLE)

    message = wait_for(lambda: _alarm_message(deployed, subscriber, "rejected-events"))

    assert "retry-rejected" in message["AlarmDescription"]
    assert "was greater than or equal to the threshold (1.0)" in message["NewStateReason"]


def test_failing_requests_make_a_message_to_the_subscribers(deployed: Deployed, subscriber: str) -> None:
    now = int(time.time() * 1000)
    failed = {
        "requestId": "r",
        "httpMethod": "GET",
        "routeKey": "GET /",
        "path": "/",
        "status": "500",
        "ip": "192.0.2.1",
    }
    # the alarm wants two periods of five minutes
    deployed.log("/shop/failing", [(now - 300_000 * (n % 2), json.dumps(failed)) for n in range(60)])

    message = wait_for(lambda: _composed(deployed, subscriber, "error-rate"), seconds=60)

    assert "% of requests failed (5xx)" in message["Subject"]
    assert "tracelake ask which_errors_occur --since 1h" in message["Message"]
    assert message["MessageAttributes"]["severity"]["Value"] == "high"


def test_the_end_of_a_pipeline_alarm_is_told_by_notify(deployed: Deployed, subscriber: str) -> None:
    sqs, cloudwatch = deployed.client("sqs"), deployed.client("cloudwatch")
    # set as if it had gone off; at its next evaluation nothing is the matter, and it ends
    cloudwatch.set_alarm_state(AlarmName=f"{NAMES.prefix}-ingest-behind", StateValue="ALARM", StateReason="a test")

    message = wait_for(lambda: _composed(deployed, subscriber, "ingest-behind"), seconds=60)

    assert message["Subject"].startswith("Over after ")
    assert message["MessageAttributes"]["telling"]["Value"] == "over"
    assert not sqs.receive_message(QueueUrl=subscriber).get("Messages")


def test_deliveries_and_subscriptions_are_checked(deployed: Deployed, subscriber: str) -> None:
    assert subscriber
    assert deployed.invoke("check_delivery") == {"DeliveryErrors": 0, "MissingSubscriptions": 0}


@pytest.fixture
def subscriber(deployed: Deployed) -> str:
    """URL of a queue that gets what the topic sends."""
    sqs, topic = deployed.client("sqs"), deployed.parameter("topic")
    queue: str = sqs.create_queue(QueueName=f"subscriber-{uuid4()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    deployed.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue


def _alarm_message(deployed: Deployed, queue: str, alarm: str) -> dict[str, Any]:
    """What CloudWatch itself tells of an alarm that goes off."""
    told = [json.loads(each["Message"]) for each in _received(deployed, queue) if "MessageAttributes" not in each]
    wanted = {"AlarmName": f"{NAMES.prefix}-{alarm}", "NewStateValue": "ALARM"}
    return next((each for each in told if wanted.items() <= each.items()), {})


def _composed(deployed: Deployed, queue: str, alarm: str) -> dict[str, Any]:
    """What notify tells of an alarm."""
    told = [each for each in _received(deployed, queue) if "MessageAttributes" in each]
    return next((each for each in told if each["MessageAttributes"]["alarm"]["Value"] == alarm), {})


def _received(deployed: Deployed, queue: str) -> list[dict[str, Any]]:
    received = deployed.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
    return [json.loads(each["Body"]) for each in received.get("Messages", [])]


def _draw(deployed: Deployed, widget: str, **params: str) -> str:
    now = int(time.time() * 1000)
    context = {
        "dashboardName": NAMES.dashboard("application", "us-east-1"),
        "widgetId": "w",
        "timeRange": {"mode": "relative", "start": now - 3_600_000, "end": now + 60_000, "relativeStart": 3_600_000},
        "theme": "dark",
        "width": 800,
        "height": 400,
        "params": {},
        "forms": {"all": {}},
    }
    html: str = deployed.invoke("widgets", {"widget": widget, "widgetContext": context, **params})
    return html


SHOWN = {
    "top_customers": "globex",
    "top_routes": "GET /orders/{id}",
    "errors": "KeyError",
    "ledger": "Every event is accounted for",
    "subscriptions": "/shop/gateway",
    "rules": " rule",
}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("widget", SHOWN)
def test_a_widget_shows_what_came_in_while_the_hour_goes_on(deployed: Deployed, widget: str) -> None:
    deployed.invoke("compact")

    assert SHOWN[widget] in _draw(deployed, widget)


DETAILS = {
    "customer": ({"customer": "globex"}, "GET /orders/{id}"),
    "route": ({"route": "GET /orders/{id}", "service": ""}, "globex"),
    "error": ({"fingerprint": "", "error": "KeyError"}, "no route"),
    "log_lines": ({"level": "error"}, "no route"),
}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("widget", DETAILS)
def test_a_click_asks_for_more(deployed: Deployed, widget: str) -> None:
    params, found = DETAILS[widget]

    assert found in _draw(deployed, widget, **params)


AWS_SENDS = {"AWS/Lambda", "AWS/Kinesis", "AWS/Logs"}
"""Namespaces whose metrics AWS sends itself; the emulator has not all of them."""


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("subject", ["application", "pipeline"])
def test_every_metric_of_a_dashboard_is_really_emitted(deployed: Deployed, subject: str) -> None:
    for function in ("compact", "subscribe_log_groups"):
        deployed.invoke(function)
    cloudwatch = deployed.client("cloudwatch")
    body = json.loads(
        cloudwatch.get_dashboard(DashboardName=deployed.parameter(f"dashboard-{subject}"))["DashboardBody"]
    )
    rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", [])]
    shown = {_metric(row) for row in rows if isinstance(row[0], str)}
    # one is sent only of an hour that is too large; tests/simulated/test_summaries.py has one
    own = {metric for metric in shown if metric[0] not in AWS_SENDS and metric[1] != "HoursWithoutTransactions"}
    for row in rows:
        if isinstance(row[0], dict) and "SEARCH(" in row[0]["expression"]:
            assert "{AWS/Logs," in row[0]["expression"]

    assert {namespace for namespace, *_ in own} == {"tracelake"}
    wait_for(lambda: own <= _emitted(deployed))


def _metric(row: list[Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Namespace, name and dimensions of a metric of a dashboard."""
    words = [word for word in row[2:] if isinstance(word, str)]
    return row[0], row[1], tuple(sorted(zip(words[::2], words[1::2], strict=True)))


def _emitted(deployed: Deployed) -> set[Any]:
    pages = deployed.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="tracelake")
    return {
        (
            metric["Namespace"],
            metric["MetricName"],
            tuple(sorted((d["Name"], d["Value"]) for d in metric["Dimensions"])),
        )
        for page in pages
        for metric in page["Metrics"]
    }

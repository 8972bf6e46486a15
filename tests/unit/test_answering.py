"""The clients that tests are given see what a lenient mock would let pass: each kind of mistake is planted here."""

import re
from pathlib import Path

import pytest
from answering import ContractError, RefusedError, answering
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.aws import clients, logs, metrics
from functions.check_delivery import subscriptions
from functions.core.tally import Datum

GROUPS = {"logGroups": [{"logGroupName": f"/g/{number}"} for number in range(5)]}
TOPIC = "arn:aws:sns:eu-west-1:1:tracelake-main-alerts"


@pytest.mark.parametrize(
    ("service", "call", "mistake"),
    [
        ("logs", lambda client: client.describe_log_groups(Limit=5), 'Unknown parameter in input: "Limit"'),
        ("logs", lambda client: client.describe_log_groups(limit="5"), "Invalid type for parameter limit"),
        ("logs", lambda client: client.describe_log_groups(limit=51), "at most 50"),
        ("logs", lambda client: client.describe_subscription_filters(), 'Missing required.*"logGroupName"'),
        ("logs", lambda client: client.describe_account_policies(policyType="FILTER"), "must be one of"),
        ("ssm", lambda client: client.get_parameters(Names=["/a"] * 11), "11, and at most 10"),
    ],
)
def test_a_request_that_the_model_does_not_know_fails(service, call, mistake):
    with pytest.raises(ContractError, match=mistake):
        call(answering(service, lambda _operation, _params: {}))


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        ({"groups": []}, 'Unknown parameter in input: "groups"'),
        ({"logGroups": [{"logGroupName": 7}]}, "Invalid type"),
        ({"logGroups": [{"name": "/a"}]}, 'Unknown parameter in logGroups'),
    ],
)  # fmt: skip
def test_an_answer_that_the_model_does_not_know_fails(answer, mistake):
    with pytest.raises(ContractError, match=mistake):
        answering("logs", lambda _operation, _params: answer).describe_log_groups()


def test_a_function_that_swallows_errors_of_aws_does_not_swallow_a_mistake(monkeypatch):
    client = answering("cloudwatch", lambda _operation, _params: {"Unknown": 1})
    monkeypatch.setattr(clients, "_client", lambda _name: client)
    monkeypatch.setattr(metrics.environment, "now_ms", lambda: 0)
    with pytest.raises(ContractError):
        metrics.put_data([Datum("L", "Milliseconds", 0, [0.0], [1.0])])


def test_a_function_that_reads_one_page_reads_too_little():
    client = answering("logs", lambda _operation, _params: GROUPS)
    assert len(client.describe_log_groups()["logGroups"]) == 2
    assert [group["logGroupName"] for group in logs.Subscriptions(client).log_groups()] == [
        f"/g/{number}" for number in range(5)
    ]


@pytest.mark.parametrize(
    ("service", "operation", "answer", "key"),
    [
        ("s3", "list_objects_v2", {"Contents": [{"Key": str(n)} for n in range(5)]}, "Contents"),
        ("dynamodb", "query", {"Items": [{"pk": {"S": str(n)}} for n in range(5)], "Count": 5}, "Items"),
        ("sns", "list_subscriptions_by_topic", {"Subscriptions": [{"Protocol": "email"}] * 5}, "Subscriptions"),
        ("cloudwatch", "get_metric_data", {"MetricDataResults": [{"Id": "m"}] * 5}, "MetricDataResults"),
    ],
)  # fmt: skip
def test_pages_are_cut_as_each_service_names_them(service, operation, answer, key):
    client = answering(service, lambda _operation, _params: dict(answer))
    params = {
        "list_objects_v2": {"Bucket": "lake"},
        "query": {"TableName": "state"},
        "list_subscriptions_by_topic": {"TopicArn": TOPIC},
        "get_metric_data": {"MetricDataQueries": [], "StartTime": 0, "EndTime": 1},
    }[operation]
    pages = list(client.get_paginator(operation).paginate(**params))
    assert [len(page[key]) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page[key]] == answer[key]


def test_each_operation_is_throttled_once_and_who_does_not_try_again_fails(monkeypatch):
    found = {"Subscriptions": [{"SubscriptionArn": "a", "Endpoint": "b"}]}
    patient = answering("sns", lambda _operation, _params: found)
    monkeypatch.setattr(clients, "_client", lambda _name: patient)
    assert subscriptions.of(TOPIC) == [("a", "b")]
    monkeypatch.setattr(clients, "_CONFIG", Config(retries={"mode": "standard", "total_max_attempts": 1}))
    hasty = answering("sns", lambda _operation, _params: found)
    monkeypatch.setattr(clients, "_client", lambda _name: hasty)
    with pytest.raises(ClientError, match="Rate exceeded"):
        subscriptions.of(TOPIC)


def test_an_error_of_aws_is_botocores_and_a_mistake_of_the_test_is_none():
    def answer(_operation, params):
        if params["logGroupName"] == "/gone":
            raise RefusedError("ResourceNotFoundException")
        raise KeyError("a mistake")

    client = answering("logs", answer)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_subscription_filters(logGroupName="/gone")
    with pytest.raises(ContractError, match="a mistake"):
        client.describe_subscription_filters(logGroupName="/other")


def test_no_test_stands_in_for_aws_with_something_that_accepts_anything():
    lenient = re.compile(r"unittest\.mock|\bM" r"agicMock\b|botocore\.stub|\bm" r"oto\b")
    tests = Path(__file__).parents[1]
    found = [path.name for path in tests.rglob("*.py") if lenient.search(path.read_text(encoding="utf-8"))]
    assert found == []

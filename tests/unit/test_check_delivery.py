"""check_delivery: what is lost before the stream, and whether alerts reach anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answering import answering

from functions.aws import clients, environment
from functions.check_delivery import deliveries, handler

EIGHT = 1_795_161_600_000 // 86_400_000 * 86_400_000 + 8 * 3_600_000
TOPIC = "arn:aws:sns:eu-central-1:444455556666:tracelake-main-alerts"


class Account:
    """Log groups with delivery errors, rules with events in their queue, and subscriptions of the topic."""

    def __init__(self) -> None:
        self.errors: dict[str, float] = {}
        self.queued: dict[str, float] = {}
        self.subscriptions: list[tuple[str, str]] = [("arn:aws:sns:eu-central-1:4:t:1", "ops@example.com")]
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._clients = {name: answering(name, self._answer) for name in ("cloudwatch", "sns")}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def _answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, params))
        if operation == "ListMetrics":
            if params["Namespace"] == "AWS/Events":
                return {"Metrics": [_rule_metric(rule) for rule in self.queued]}
            return {"Metrics": [_metric(group) for group in self.errors]}
        if operation == "GetMetricStatistics":
            names = {each["Name"]: each["Value"] for each in params["Dimensions"]}
            sum_ = self.queued[names["RuleName"]] if "RuleName" in names else self.errors[names["LogGroupName"]]
            return {"Datapoints": [{"Sum": sum_}]}
        if operation == "ListSubscriptionsByTopic":
            return {"Subscriptions": [{"SubscriptionArn": arn, "Endpoint": end} for arn, end in self.subscriptions]}
        return {"SubscriptionArn": "pending confirmation"}

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]


def _metric(group: str) -> dict[str, Any]:
    dimensions = {"LogGroupName": group, "DestinationType": "Kinesis", "FilterName": "tracelake-main"}
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {"Namespace": "AWS/Logs", "MetricName": "DeliveryErrors", "Dimensions": named}


def _rule_metric(rule: str) -> dict[str, Any]:
    dimensions = [{"Name": "RuleName", "Value": rule}]
    return {"Namespace": "AWS/Events", "MetricName": "InvocationsSentToDlq", "Dimensions": dimensions}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(clients, "_client", made.client)
    monkeypatch.setattr(environment, "now_ms", lambda: EIGHT + 60_000)
    for name, value in {"TOPIC_ARN": TOPIC, "ALERT_EMAIL": "ops@example.com", "TRACELAKE_STAGE": "main"}.items():
        monkeypatch.setenv(name, value)
    return made


def test_changes_that_eventbridge_could_not_deliver_count_too_but_not_those_of_other_rules(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.errors = {"/aws/lambda/a": 3.0}
    account.queued = {"tracelake-main-ingest-ApiCalled-1": 2.0, "tracelake-dev-ingest-ApiCalled-1": 5.0, "shop": 7.0}
    assert handler.handle({}, None)["DeliveryErrors"] == 5
    (named,) = (record for record in caplog.records if record.message == "changes were not delivered")
    assert vars(named)["by_rule"] == {"tracelake-main-ingest-ApiCalled-1": 2}


def test_errors_are_added_up_over_log_groups_and_named_in_the_log(
    account: Account, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    account.errors = {"/aws/lambda/a": 3.0, "/aws/lambda/b": 4.0, "/aws/lambda/quiet": 0.0}
    assert handler.handle({}, None)["DeliveryErrors"] == 7
    (named,) = (record for record in caplog.records if record.message == "log events were not delivered")
    assert vars(named)["by_log_group"] == {"/aws/lambda/a": 3, "/aws/lambda/b": 4}
    (emitted,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line)
    assert (emitted["DeliveryErrors"], emitted["MissingSubscriptions"], emitted["Stage"]) == ([7.0], [0.0], "main")


def test_only_groups_that_cloudwatch_lists_are_read(account: Account) -> None:
    handler.handle({}, None)
    assert account.operations() == ["ListMetrics", "ListMetrics", "ListSubscriptionsByTopic"]
    _, asked = account.asked[0]
    assert asked["RecentlyActive"] == "PT3H"
    assert asked["Dimensions"] == [{"Name": "FilterName", "Value": "tracelake-main"}]


def test_however_many_groups_fail_the_price_is_bounded(account: Account) -> None:
    account.errors = {f"/aws/lambda/{number}": 1.0 for number in range(300)}
    assert handler.handle({}, None)["DeliveryErrors"] == deliveries.MOST_GROUPS
    assert account.operations().count("GetMetricStatistics") == deliveries.MOST_GROUPS


@pytest.mark.parametrize(
    ("subscriptions", "missing"),
    [([], 1), ([("PendingConfirmation", "ops@example.com")], 1), ([("arn:aws:sns:x:1:t:1", "ops@example.com")], 0)],
)
def test_a_missing_subscription_is_counted_and_aws_asked_to_write_again(
    account: Account, subscriptions: list[tuple[str, str]], missing: int
) -> None:
    account.subscriptions = subscriptions
    assert handler.handle({}, None)["MissingSubscriptions"] == missing
    assert account.operations().count("Subscribe") == missing


def test_it_asks_once_a_day(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.subscriptions = []
    for quarter in range(96):
        at = EIGHT + 60_000 + quarter * 900_000
        monkeypatch.setattr(environment, "now_ms", lambda at=at: at)
        handler.handle({}, None)
    assert account.operations().count("Subscribe") == 1

"""What people see and are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from template_reading import Template, of_type, only, text


def _alarm(insight: Template, name: str) -> dict[str, Any]:
    (found,) = (a for a in of_type(insight, "AWS::CloudWatch::Alarm").values() if a["AlarmName"].endswith(name))
    return found


def _own(name: str, statistic: str, period: int) -> dict[str, Any]:
    return {
        "Metric": {
            "Namespace": "tracelake",
            "MetricName": name,
            "Dimensions": [{"Name": "Stage", "Value": "main"}],
        },
        "Stat": statistic,
        "Period": period,
    }


ALARMS = {
    "error-rate": {
        "Threshold": 5,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "notBreaching",
        "Metrics": [
            {
                "Id": "expr_1",
                "Expression": "IF(requests >= 20, 100 * errors / requests, 0)",
                "Label": "error-rate",
                "ReturnData": True,
            },
            {"Id": "requests", "MetricStat": _own("Requests", "Sum", 300), "ReturnData": False},
            {"Id": "errors", "MetricStat": _own("RequestErrors", "Sum", 300), "ReturnData": False},
        ],
    },
    "rejected-events": {
        "Threshold": 1,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
        "Namespace": "tracelake",
        "MetricName": "EventsRejected",
        "Dimensions": [{"Name": "Stage", "Value": "main"}],
        "Statistic": "Sum",
        "Period": 900,
    },
    "poison-records": {
        "Threshold": 1,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
        "Metrics": [
            {
                "Id": "expr_1",
                "Expression": "FILL(poison, 0) + FILL(failures, 0)",
                "Label": "poison-records",
                "ReturnData": True,
            },
            {"Id": "poison", "MetricStat": _own("PoisonRecords", "Sum", 300), "ReturnData": False},
            {
                "Id": "failures",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": "Errors",
                        "Dimensions": [{"Name": "FunctionName", "Value": "tracelake-main-record-poison"}],
                    },
                    "Stat": "Sum",
                    "Period": 300,
                },
                "ReturnData": False,
            },
        ],
    },
    "ingest-behind": {
        "Threshold": 600_000,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "TreatMissingData": "notBreaching",
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": "tracelake-main-normalize"}],
        "Statistic": "Maximum",
        "Period": 300,
    },
    "unpublished-hours": {
        "Threshold": 3 * 3_600_000,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "breaching",
        "Namespace": "tracelake",
        "MetricName": "OldestUnpublishedMs",
        "Dimensions": [{"Name": "Stage", "Value": "main"}],
        "Statistic": "Minimum",
        "Period": 900,
    },
}
RECOVERING = {"error-rate", "ingest-behind", "unpublished-hours"}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_exactly_this(insight: Template, name: str) -> None:
    alarm = dict(_alarm(insight, name))
    assert alarm.pop("AlarmName") == f"tracelake-main-{name}"
    (topic,) = of_type(insight, "AWS::SNS::Topic")
    assert alarm.pop("AlarmActions") == [{"Ref": topic}]
    assert alarm.pop("OKActions", []) == ([{"Ref": topic}] if name in RECOVERING else [])
    for ignored in ("AlarmDescription", "Tags"):
        alarm.pop(ignored)
    assert alarm == {"ComparisonOperator": "GreaterThanOrEqualToThreshold", **ALARMS[name]}


def test_there_are_no_other_alarms(insight: Template) -> None:
    assert len(of_type(insight, "AWS::CloudWatch::Alarm")) == len(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_it_means_and_what_to_do(insight: Template, name: str) -> None:
    description = _alarm(insight, name)["AlarmDescription"]
    assert len(description.split(". ")) >= 2
    assert any(word in description for word in ("Ask ", "Read ", "Look ", "Find "))
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert len(description) <= 1024


def test_the_topic_has_a_key_that_cloudwatch_may_use(insight: Template) -> None:
    (key,) = of_type(insight, "AWS::KMS::Key")
    assert text(only(insight, "AWS::SNS::Topic")["KmsMasterKeyId"]) == f"<{key}.Arn>"
    properties = only(insight, "AWS::KMS::Key")
    assert properties["EnableKeyRotation"] is True
    (grant,) = (
        s for s in properties["KeyPolicy"]["Statement"] if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    )
    assert grant["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]


def test_alarms_of_this_account_may_publish_and_only_over_tls(insight: Template) -> None:
    denied, allowed = only(insight, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert text(allowed["Condition"]["StringEquals"]["aws:SourceAccount"]) == "<AWS::AccountId>"
    source = text(allowed["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source == "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*"


def test_an_address_is_subscribed_only_where_the_settings_name_one(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert not of_type(insight, "AWS::SNS::Subscription")
    subscription = only(other_templates["insight"], "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def test_a_budget_is_watched_only_where_the_settings_name_one(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert not of_type(insight, "AWS::Budgets::Budget")
    budget = only(other_templates["insight"], "AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": ["user:tracelake$dev"]}
    for notification in budget["NotificationsWithSubscribers"]:
        assert notification["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "ops@example.com"}]


@pytest.fixture(scope="module")
def widgets(templates: dict[str, Template]) -> list[dict[str, Any]]:
    body = json.loads(text(only(templates["insight"], "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return sorted(body["widgets"], key=lambda widget: (widget["y"], widget["x"]))


def test_the_dashboard_is_named_after_the_stage(insight: Template) -> None:
    assert only(insight, "AWS::CloudWatch::Dashboard")["DashboardName"] == "tracelake-main"


def test_the_first_rows_are_standard_widgets_and_show_what_one_looks_for(widgets: list[dict[str, Any]]) -> None:
    first = widgets[:6]
    assert {widget["type"] for widget in first} == {"metric"}
    shown = [
        [(metric[1], metric[-1].get("stat", "Average")) for metric in widget["properties"]["metrics"]]
        for widget in first
    ]
    assert shown == [
        [("Requests", "Sum")],
        [("RequestErrors", "Sum")],
        [("RequestLatencyMs", "p50"), ("RequestLatencyMs", "p90"), ("RequestLatencyMs", "p99")],
        [("Invocations", "Sum"), ("InvocationErrors", "Sum"), ("ColdStarts", "Sum")],
        [("CommitLagMs", "Maximum"), ("IteratorAge", "Maximum")],
        [("LedgerDifference", "Sum"), ("EventsRejected", "Sum")],
    ]


def test_every_row_of_the_dashboard_is_full_and_no_widget_covers_another(widgets: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
    height = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(24) for y in range(height)}


def test_the_custom_widget_comes_after_the_line_that_says_how_to_allow_it(widgets: list[dict[str, Any]]) -> None:
    kinds = [widget["type"] for widget in widgets[6:]]
    assert kinds == ["text", "custom", "alarm"]
    assert "Allow always" in widgets[6]["properties"]["markdown"]
    custom = widgets[7]["properties"]
    assert custom["endpoint"].startswith("<WidgetTopCustomersFunction")
    assert custom["updateOn"] == {"refresh": True, "resize": True, "timeRange": True}
    assert len(widgets[8]["properties"]["alarms"]) == len(ALARMS)


def test_the_widget_asks_athena_and_gets_what_it_needs_for_it(insight: Template) -> None:
    widget = only(insight, "AWS::Lambda::Function")
    assert widget["FunctionName"] == "tracelake-main-widget-top-customers"
    variables = widget["Environment"]["Variables"]
    assert variables["GLUE_DATABASE"] == "tracelake_main"
    assert variables["WORKGROUP"] == "tracelake-main"

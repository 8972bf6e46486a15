"""Every expression of the templates is one that the simulators evaluate, so that what is shown and alarmed is tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from template_reading import Template, of_type, text

from local.simulators.metric_series import Result, evaluate
from local.simulators.metrics import Measured, Metric, Point
from local.viewer.metric_widget import lines

BEGIN, HOUR = 1_795_168_800, 3600
FILTER = {"FilterName": "tracelake-main", "DestinationType": "Kinesis"}


def _requests(template: Template) -> dict[str, list[dict[str, Any]]]:
    """What the alarms and the widgets ask CloudWatch for, by their names."""
    found = {
        alarm["AlarmName"]: alarm["Metrics"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if "Metrics" in alarm
    }
    for dashboard in of_type(template, "AWS::CloudWatch::Dashboard").values():
        for widget in json.loads(text(dashboard["DashboardBody"]))["widgets"]:
            if widget["type"] == "metric" and "metrics" in widget["properties"]:
                found[widget["properties"].get("title", "numbers")] = [
                    line.query for line in lines(widget["properties"], 300)
                ]
    return found


def _expressions(asked: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {query["Expression"]: name for name, queries in asked.items() for query in queries if "Expression" in query}


def _measured(asked: dict[str, list[dict[str, Any]]]) -> Measured:
    """A value of each metric that is named, and of those that searches are for."""
    metrics = Measured()
    for stat in (query["MetricStat"] for queries in asked.values() for query in queries if "MetricStat" in query):
        metric = stat["Metric"]
        dimensions = {each["Name"]: str(each["Value"]) for each in metric.get("Dimensions") or []}
        metrics.put(Metric(metric["Namespace"], metric["MetricName"], dimensions), Point(BEGIN, 1.0))
    for group in ("/shop/a", "/shop/b"):
        for name in ("ForwardedLogEvents", "DeliveryErrors", "DeliveryThrottling"):
            metrics.put(Metric("AWS/Logs", name, {"LogGroupName": group, **FILTER}), Point(BEGIN, 1.0))
    return metrics


def _unanswered(asked: dict[str, list[dict[str, Any]]]) -> list[str]:
    metrics = _measured(asked)
    wrong = []
    for name, queries in asked.items():
        results: list[Result] = evaluate(queries, metrics, BEGIN, BEGIN + HOUR)
        wrong += [f"{name}: {result.error or result.label}" for result in results if result.error or not result.values]
        wrong += [name] * (not results)
    return wrong


def test_every_expression_of_the_templates_has_values(insight: Template) -> None:
    asked = _requests(insight)
    assert _unanswered(asked) == []
    kinds = {expression.split("(")[0] for expression in _expressions(asked)}
    assert kinds >= {"IF", "ABS", "FILL", "SUM"}


@pytest.mark.parametrize(
    "expression", ['SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda") GROUP BY FunctionName', "STDDEV(m1)", "m1 + nothing"]
)
def test_an_expression_that_is_not_covered_is_found(insight: Template, expression: str) -> None:
    asked = _requests(insight)
    queries = next(queries for queries in asked.values() if any("Expression" in query for query in queries))
    asked["planted"] = [*(query for query in queries if "MetricStat" in query), {"Id": "e", "Expression": expression}]
    assert [found.split(":")[0] for found in _unanswered(asked)] == ["planted"]


def test_alarms_use_nothing_that_depends_on_how_far_they_look_back(insight: Template) -> None:
    """An alarm reads more periods than it says, so AWS advises against statistics over them
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html)."""
    asked = {name: queries for name, queries in _requests(insight).items() if name.startswith("tracelake-main-")}
    over_time = (
        "AVG(",
        "MAX(",
        "MIN(",
        "SUM(",
        "STDDEV(",
        "RUNNING_SUM(",
        "DATAPOINT_COUNT(",
        "REMOVE_EMPTY(",
        "SEARCH(",
    )
    assert not [each for each in _expressions(asked) if any(function in each for function in over_time)]

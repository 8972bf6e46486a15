"""What the templates cost while nothing happens, and that the price table knows all that is in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from template_reading import Template, of_type, only

from functions.core.cost import at_rest
from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.at_rest import Line, UnpricedError

LIMIT_USD = 15
FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


@pytest.fixture(scope="module")
def lines(templates: dict[str, Template]) -> list[Line]:
    return at_rest.lines(templates)


def test_with_the_defaults_it_costs_at_most_15_dollars_a_month_at_rest(lines: list[Line]) -> None:
    """By list price, less what CloudWatch and the Glue catalog give every account each month."""
    assert at_rest.total(lines)[1] <= LIMIT_USD


def test_it_stays_below_15_dollars_only_because_the_dashboards_and_first_metrics_are_free(lines: list[Line]) -> None:
    at_list, after_free = at_rest.total(lines)
    freed = {line.price for line in lines if line.free}
    assert at_list > LIMIT_USD, "say so in the README: it holds by list price too"
    assert freed <= {
        "cloudwatch_alarm_metric",
        "cloudwatch_dashboard",
        "cloudwatch_metric",
        "cloudwatch_request",
        "glue_object_month",
        "glue_request",
    }
    assert at_list - after_free == pytest.approx(sum(line.free * line.usd_each for line in lines))


def test_every_dashboard_is_small_enough_to_be_a_free_one(lines: list[Line]) -> None:
    dashboards = [line for line in lines if line.price == "cloudwatch_dashboard"]
    assert dashboards
    assert all(line.can_be_free for line in dashboards)


def test_every_setting_gives_templates_that_have_a_price(other_templates: dict[str, Template]) -> None:
    lines = at_rest.lines(other_templates)
    assert {line.price for line in lines if line.price.startswith("kinesis")} == {"kinesis_on_demand_hour"}


def _add(kind: str, **properties: Any) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        template["Resources"]["Planted"] = {"Type": kind, "Properties": properties}

    return change


def _rename_handler(template: Template) -> None:
    only(template, "AWS::Lambda::Function", "Compact")["Handler"] = "functions.new.handler.handle"


def _change_schedule(template: Template) -> None:
    rule = next(r for r in of_type(template, "AWS::Events::Rule").values() if "ScheduleExpression" in r)
    rule["ScheduleExpression"] = "cron(0 3 * * ? *)"


UNKNOWN = {
    "a resource of a new type": (_add("AWS::EC2::NatGateway"), "AWS::EC2::NatGateway has no price"),
    "a scheduled function whose work nobody stated": (
        _rename_handler,
        "is not in functions/core/cost/assumptions.json",
    ),
    "a schedule that is not counted": (_change_schedule, "how often cron"),
    "an alarm on as many metrics as there may be": (
        _add("AWS::CloudWatch::Alarm", Metrics=[{"Expression": 'SELECT SUM(Errors) FROM "AWS/Lambda" GROUP BY F'}]),
        "how many metrics Planted matches",
    ),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_nothing_is_silently_free(templates: dict[str, Template], kind: str) -> None:
    planted = deepcopy(templates)
    change, message = UNKNOWN[kind]
    change(planted["ingest"])
    with pytest.raises(UnpricedError, match=message):
        at_rest.lines(planted)


DEARER: dict[str, tuple[Callable[[Template], None], float]] = {
    "an alarm on one metric": (_add("AWS::CloudWatch::Alarm", MetricName="Errors", Period=60), 0.1),
    "an alarm that combines two metrics": (
        _add(
            "AWS::CloudWatch::Alarm",
            Metrics=[
                {"Id": "a", "MetricStat": {"Period": 60}},
                {"Id": "b", "MetricStat": {"Period": 60}},
                {"Id": "c", "Expression": "a / b"},
            ],
        ),
        0.2,
    ),
    "an alarm on an anomaly band": (
        _add(
            "AWS::CloudWatch::Alarm",
            Metrics=[
                {"Id": "a", "MetricStat": {"Period": 60}},
                {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(a, 2)"},
            ],
        ),
        0.3,
    ),
    "an alarm every ten seconds": (_add("AWS::CloudWatch::Alarm", MetricName="Errors", Period=10), 0.3),
    "a composite alarm": (_add("AWS::CloudWatch::CompositeAlarm"), 0.5),
    "a dashboard": (_add("AWS::CloudWatch::Dashboard", DashboardBody='{"widgets": []}'), 3),
    "a key": (_add("AWS::KMS::Key"), 1),
    "a key that has been rotated each year": (_add("AWS::KMS::Key", EnableKeyRotation=True), 3),
    "a shard": (_add("AWS::Kinesis::Stream", ShardCount=1), 10.95),
    "a stream that keeps records for two days": (
        _add("AWS::Kinesis::Stream", ShardCount=1, RetentionPeriodHours=48),
        10.95 + 14.60,
    ),
}


@pytest.mark.parametrize("kind", DEARER)
def test_what_is_added_costs_what_aws_says(templates: dict[str, Template], lines: list[Line], kind: str) -> None:
    planted = deepcopy(templates)
    change, dollars = DEARER[kind]
    change(planted["ingest"])
    more = at_rest.total(at_rest.lines(planted))[0] - at_rest.total(lines)[0]
    assert more == pytest.approx(dollars)


def test_what_is_free_is_given_once_and_not_to_a_large_dashboard(templates: dict[str, Template]) -> None:
    planted = deepcopy(templates)
    metrics = [["tracelake", f"Metric{number}", "Stage", "main"] for number in range(51)]
    body = f'{{"widgets": [{{"properties": {{"metrics": {metrics}}}}}]}}'.replace("'", '"')
    for number in range(4):
        planted["insight"]["Resources"][f"Small{number}"] = {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": f"small-{number}", "DashboardBody": '{"widgets": []}'},
        }
    _add("AWS::CloudWatch::Dashboard", DashboardName="large", DashboardBody=body)(planted["data"])
    free = [line.free for line in at_rest.lines(planted) if line.price == "cloudwatch_dashboard"]
    large = next(line for line in at_rest.lines(planted) if line.resource == "large")
    assert sum(free) == 3
    assert (large.free, large.usd_after_free) == (0, 3)


def test_the_memory_that_volume_is_priced_with_is_that_of_the_functions(ingest: Template, insight: Template) -> None:
    for name, memory_mb in ASSUMED.load.memory_mb.items():
        template = insight if name == "detect" else ingest
        assert only(template, "AWS::Lambda::Function", name.title())["MemorySize"] == memory_mb


def test_the_window_that_volume_is_priced_with_is_that_of_the_event_source(ingest: Template) -> None:
    source = only(ingest, "AWS::Lambda::EventSourceMapping")
    assert source["MaximumBatchingWindowInSeconds"] == ASSUMED.load.window_seconds


def _own_metrics(value: Any) -> set[str]:
    """Names of tracelake's own metrics anywhere in a template."""
    if isinstance(value, dict):
        own = {str(value["MetricName"])} if value.get("Namespace") == "tracelake" else set()
        return own.union(*map(_own_metrics, value.values()))
    if isinstance(value, list):
        return set().union(*map(_own_metrics, value))
    return set(re.findall(r'"tracelake","(\w+)"', value)) if isinstance(value, str) else set()


def test_every_own_metric_that_is_looked_at_has_its_price(templates: dict[str, Template]) -> None:
    at_rest_metrics = {name for rest in ASSUMED.at_rest.functions.values() for name in rest.metrics}
    assert not at_rest_metrics & set(ASSUMED.load.metrics), "these would be paid twice"
    only_when_something_is_wrong = {"PoisonRecords", "HoursWithoutTransactions"}
    looked_at = set().union(*map(_own_metrics, templates.values()))
    assert len(looked_at) > 15
    assert looked_at <= at_rest_metrics | set(ASSUMED.load.metrics) | only_when_something_is_wrong


def test_the_metrics_of_a_function_at_rest_are_in_its_code() -> None:
    for name, rest in ASSUMED.at_rest.functions.items():
        sources = (FUNCTIONS / name).glob("*.py")
        code = "".join(source.read_text() for source in sources)
        assert all(f'"{metric}"' in code for metric in rest.metrics), name

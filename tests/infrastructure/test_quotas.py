"""The templates keep AWS's quotas; quotas.toml names them with the page each comes from."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from template_reading import Template, of_type, text

from stacks.quotas import QUOTAS, quota
from stacks.settings import EXTRA_ALARMS, MAX_LOG_BUCKETS, MAX_NAMES_LENGTH

# how long what stands for a reference can be, in a text whose length counts; anything else is a name or an ARN
LENGTHS = {"AWS::Partition": 10, "AWS::AccountId": 12, "AWS::Region": 14, "AWS::URLSuffix": 16}
ARN_CHARACTERS = 140
LONGEST = {"stage": "s" * 16, "alert_email": f"{'a' * 60}@example.com", "runbooks_url": f"https://{'r' * 192}"}


@pytest.fixture(scope="session")
def largest(
    tmp_path_factory: pytest.TempPathFactory, synthesise_with: Callable[..., dict[str, Template]]
) -> dict[str, Template]:
    """Of an installation in which every list of the settings is as long as it may be."""
    return synthesise_with(
        tmp_path_factory.mktemp("largest"),
        **LONGEST,
        include=tuple(f"/aws/lambda/{'i' * 180}{index}" for index in range(9)),
        tenant_keys=tuple(f"{'t' * 126}{index:02}" for index in range(20)),
        extra_alarms=EXTRA_ALARMS,
        log_buckets=tuple(f"{'b' * 62}{index}/{'p' * 14}" for index in range(MAX_LOG_BUCKETS)),
        monthly_budget_usd=1_000_000,
    )


@pytest.fixture(scope="session")
def by_names(
    tmp_path_factory: pytest.TempPathFactory, synthesise_with: Callable[..., dict[str, Template]]
) -> dict[str, Template]:
    """In account mode, with as many names to leave out as there may be."""
    names = tuple(f"/aws/lambda/{'n' * 180}{index}" for index in range(10))
    return synthesise_with(tmp_path_factory.mktemp("names"), **LONGEST, ingest_mode="account", exclude_names=names)


@pytest.fixture(params=["templates", "largest", "by_names"])
def stacks(request: pytest.FixtureRequest) -> dict[str, Template]:
    found: dict[str, Template] = request.getfixturevalue(request.param)
    return found


def beyond(templates: dict[str, Template]) -> list[str]:
    """What of the templates is larger than AWS takes."""
    measured = [each for name, template in templates.items() for each in _measured(name, template)]
    return [f"{what}: {size} > {quota(name)} ({name})" for what, name, size in measured if size > quota(name)]


def _measured(stack: str, template: Template) -> Iterator[tuple[str, str, int]]:
    yield stack, "cloudformation.template", len(json.dumps(template, indent=1).encode())
    yield stack, "cloudformation.resources", len(template["Resources"])
    yield stack, "cloudformation.parameters", len(template.get("Parameters", {}))
    yield stack, "cloudformation.outputs", len(template.get("Outputs", {}))
    inline: Counter[str] = Counter()
    for properties in of_type(template, "AWS::IAM::Policy").values():
        for role in properties["Roles"]:
            inline[role["Ref"]] += _policy_size(properties["PolicyDocument"])
    for role, properties in of_type(template, "AWS::IAM::Role").items():
        inline[role] += sum(_policy_size(each["PolicyDocument"]) for each in properties.get("Policies", []))
        yield role, "iam.trust_policy", _policy_size(properties["AssumeRolePolicyDocument"])
    for role, size in inline.items():
        yield role, "iam.inline_policies_of_a_role", size
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        variables = properties.get("Environment", {}).get("Variables", {})
        yield name, "lambda.environment", sum(len(key) + len(_resolved(value)) for key, value in variables.items())
        yield name, "lambda.timeout_seconds", properties.get("Timeout", 3)
        yield name, "lambda.memory_mb_of_a_new_account", properties.get("MemorySize", 128)
        yield name, "lambda.layers", len(properties.get("Layers", []))
    callers: Counter[str] = Counter(
        json.dumps(each["FunctionName"]) for each in of_type(template, "AWS::Lambda::Permission").values()
    )
    for function, count in callers.items():
        yield function, "lambda.resource_policy", count * 2 * ARN_CHARACTERS
    for name, properties in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        yield name, "event_source.batch_records", properties["BatchSize"]
        yield name, "event_source.window_seconds", properties["MaximumBatchingWindowInSeconds"]
        yield name, "event_source.retries", properties["MaximumRetryAttempts"]
        yield name, "event_source.record_age_seconds", properties["MaximumRecordAgeInSeconds"]
    yield from _of_cloudwatch(template)
    rules = of_type(template, "AWS::Events::Rule")
    yield stack, "events.rules_of_a_bus", len(rules)
    for name, properties in rules.items():
        yield name, "events.targets_of_a_rule", len(properties["Targets"])
    for name, properties in of_type(template, "AWS::SSM::Parameter").items():
        yield name, "ssm.parameter", len(_resolved(properties["Value"]).encode())


def _of_cloudwatch(template: Template) -> Iterator[tuple[str, str, int]]:
    for name, properties in of_type(template, "AWS::CloudWatch::Dashboard").items():
        widgets = json.loads(_resolved(properties["DashboardBody"]))["widgets"]
        metrics = [len(widget["properties"].get("metrics", [])) for widget in widgets]
        yield name, "cloudwatch.widgets_of_a_dashboard", len(widgets)
        yield name, "cloudwatch.metrics_of_a_widget", max(metrics)
        yield name, "cloudwatch.metrics_of_a_dashboard", sum(metrics)
    for name, properties in of_type(template, "AWS::CloudWatch::Alarm").items():
        metrics = properties.get("Metrics", [])
        periods = [properties.get("Period", 0), *(each.get("MetricStat", each).get("Period", 0) for each in metrics)]
        yield name, "cloudwatch.metrics_of_an_alarm", sum("MetricStat" in each for each in metrics)
        yield name, "cloudwatch.alarm_range_seconds", max(periods) * properties["EvaluationPeriods"]
        yield name, "cloudwatch.actions_of_an_alarm", len(properties.get("AlarmActions", []))
        yield name, "cloudwatch.actions_of_an_alarm", len(properties.get("OKActions", []))
        yield name, "cloudwatch.description_of_an_alarm", len(_resolved(properties.get("AlarmDescription", "")))


def _policy_size(document: Any) -> int:
    return len(re.sub(r"\s", "", _resolved_all(document)))


def _resolved(value: Any) -> str:
    """A text whose references are as long as an ARN."""
    return re.sub(r"<([^<>]*)>", lambda found: "x" * LENGTHS.get(found[1], ARN_CHARACTERS), text(value))


def _resolved_all(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
        return json.dumps(_resolved(value))
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{_resolved_all(each)}' for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_resolved_all, value)) + "]"
    return json.dumps(value)


def test_no_template_is_beyond_a_quota_however_long_the_settings_are(stacks: dict[str, Template]) -> None:
    assert beyond(stacks) == []


@pytest.mark.parametrize(
    ("kind", "change", "name"),
    [
        ("AWS::Lambda::Function", {"Environment": {"Variables": {"LONG": "x" * 4_100}}}, "lambda.environment"),
        ("AWS::Lambda::Function", {"MemorySize": 10_240}, "lambda.memory_mb_of_a_new_account"),
        ("AWS::Lambda::EventSourceMapping", {"BatchSize": 10_001}, "event_source.batch_records"),
        ("AWS::CloudWatch::Alarm", {"EvaluationPeriods": 1_441}, "cloudwatch.alarm_range_seconds"),
        ("AWS::CloudWatch::Alarm", {"Metrics": [{"MetricStat": {}}] * 11}, "cloudwatch.metrics_of_an_alarm"),
        ("AWS::SSM::Parameter", {"Value": "x" * 4_097}, "ssm.parameter"),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Sid": "x" * 2_048}}, "iam.trust_policy"),
        ("AWS::IAM::Policy", {"PolicyDocument": {"Sid": "x" * 10_240}}, "iam.inline_policies_of_a_role"),
        ("AWS::Events::Rule", {"Targets": [{}] * 6}, "events.targets_of_a_rule"),
        (
            "AWS::CloudWatch::Dashboard",
            {"DashboardBody": json.dumps({"widgets": [{"properties": {"metrics": [[]] * 501}}] * 6})},
            "cloudwatch.metrics_of_a_dashboard",
        ),
    ],
)
def test_what_is_beyond_a_quota_is_seen(templates: dict[str, Template], kind: str, change: Any, name: str) -> None:
    planted = copy.deepcopy(templates)
    found = (r for t in planted.values() for r in t["Resources"].values() if r["Type"] == kind)
    next(r for r in found if "Period" in r["Properties"] or kind != "AWS::CloudWatch::Alarm")["Properties"] |= change
    assert [each for each in beyond(planted) if f"({name})" in each]


def test_a_template_with_too_many_resources_is_seen(templates: dict[str, Template]) -> None:
    planted = copy.deepcopy(templates)
    one = next(iter(planted["data"]["Resources"].values()))
    planted["data"]["Resources"] |= {f"More{index}": one for index in range(500)}
    assert any("cloudformation.resources" in each for each in beyond(planted))


def test_a_new_accounts_concurrency_is_enough_and_none_of_it_is_reserved(templates: dict[str, Template]) -> None:
    functions = [each for t in templates.values() for each in of_type(t, "AWS::Lambda::Function").values()]
    assert not any("ReservedConcurrentExecutions" in each for each in functions)
    sources = [each for t in templates.values() for each in of_type(t, "AWS::Lambda::EventSourceMapping").values()]
    shards = sum(t["ShardCount"] for each in templates.values() for t in of_type(each, "AWS::Kinesis::Stream").values())
    assert len(functions) <= quota("lambda.concurrency_of_a_new_account")
    assert sum(each["ParallelizationFactor"] for each in sources) * shards == 1


def test_a_list_of_names_is_bounded_by_what_its_function_has_room_for() -> None:
    assert quota("lambda.environment") >= 2 * MAX_NAMES_LENGTH


def test_every_quota_has_its_page_and_is_held_by_something() -> None:
    root = Path(__file__).parents[2]
    files = [path for folder in ("stacks", "tests") for path in (root / folder).rglob("*.py")]
    used = "".join(path.read_text(encoding="utf-8") for path in files)
    for section, values in QUOTAS.items():
        assert values["page"].startswith("https://docs.aws.amazon.com/"), section
        unused = [key for key in values if key not in ("page", "note") and f"{section}.{key}" not in used]
        assert unused == [], section

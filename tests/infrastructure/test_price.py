"""What an installation costs while nothing happens, by the template, at list price."""

from __future__ import annotations

from typing import Any

import pytest
from template_reading import Template, of_type, only

LIMIT_USD = 15
HOURS = 730
MINUTES_BETWEEN = {"rate(5 minutes)": 5, "rate(6 hours)": 360}
# us-east-1, November 2026
USD = {
    "shard_hour": 0.015,
    "key": 1.00,  # a yearly rotation adds 1.00, twice at most
    "alarm_metric": 0.10,
    "metric": 0.30,
    "dashboard": 3.00,
    "arm_gb_second": 0.0000133334,
    "million_invocations": 0.20,
    "log_gb": 0.50,
    "million_reads": 0.125,
}
# https://aws.amazon.com/cloudwatch/pricing/: free in every account and month
FREE = {"alarm_metric": 10, "metric": 10, "dashboard": 3}
# what the sweeps say although there is nothing to do: compact 3, subscribe_log_groups 2
IDLE_METRICS = 5
# generous: a sweep of an account with many log groups, a query of compact
IDLE_SECONDS = {"Compact": 1.0, "SubscribeLogGroups": 8.0, "CreatePartitions": 5.0}
LOG_BYTES_A_RUN = 2000
READS_A_RUN = 10


def _all(templates: dict[str, Template], kind: str) -> list[dict[str, Any]]:
    return [properties for template in templates.values() for properties in of_type(template, kind).values()]


def _count(templates: dict[str, Template]) -> dict[str, int]:
    alarms = _all(templates, "AWS::CloudWatch::Alarm")
    return {
        "key": len(_all(templates, "AWS::KMS::Key")),
        "alarm_metric": sum(sum("MetricStat" in m for m in a.get("Metrics", [])) or 1 for a in alarms),
        "metric": IDLE_METRICS,
        "dashboard": len(_all(templates, "AWS::CloudWatch::Dashboard")),
    }


def _sweeps_usd(ingest: Template) -> float:
    total = 0.0
    for name, rule in of_type(ingest, "AWS::Events::Rule").items():
        if "ScheduleExpression" not in rule:
            continue
        function = name.split("Schedule")[0]
        memory_gb = only(ingest, "AWS::Lambda::Function", f"{function}Function")["MemorySize"] / 1024
        runs = HOURS * 60 / MINUTES_BETWEEN[rule["ScheduleExpression"]]
        total += runs * IDLE_SECONDS[function] * memory_gb * USD["arm_gb_second"]
        total += runs / 1e6 * USD["million_invocations"]
        total += runs * LOG_BYTES_A_RUN / 1e9 * USD["log_gb"] + runs * READS_A_RUN / 1e6 * USD["million_reads"]
    return total


def _idle_usd(templates: dict[str, Template], free: dict[str, int]) -> float:
    shards = only(templates["ingest"], "AWS::Kinesis::Stream")["ShardCount"]
    fixed = shards * HOURS * USD["shard_hour"]
    counted = sum(max(0, n - free.get(kind, 0)) * USD[kind] for kind, n in _count(templates).items())
    return fixed + counted + _sweeps_usd(templates["ingest"])


def test_with_the_defaults_it_costs_at_most_15_dollars_a_month_at_rest(templates: dict[str, Template]) -> None:
    assert _idle_usd(templates, FREE) <= LIMIT_USD


def test_the_price_at_rest_is_known_where_others_use_up_what_cloudwatch_gives_free(
    templates: dict[str, Template],
) -> None:
    assert _idle_usd(templates, {}) - _idle_usd(templates, FREE) == pytest.approx(3.00 + 5 * 0.30 + 7 * 0.10)


def test_nothing_is_deployed_that_costs_by_the_hour_and_is_not_counted(templates: dict[str, Template]) -> None:
    kinds = {resource["Type"] for template in templates.values() for resource in template["Resources"].values()}
    counted = {"AWS::Kinesis::Stream", "AWS::KMS::Key", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    free_at_rest = {
        "AWS::Athena::NamedQuery",
        "AWS::Athena::WorkGroup",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SSM::Parameter",
        "Custom::CreatePartitions",
        "Custom::SubscribeLogGroups",
    }
    assert kinds == counted | free_at_rest

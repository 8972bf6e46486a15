"""What CloudWatch Logs and EventBridge could not deliver to the stream.

Its metric DeliveryErrors is by log group. ListMetrics tells for free which groups had any lately, and only those are
read, so the price does not grow with the account
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from functions.aws.clients import client

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import DimensionFilterTypeDef, MetricOutputTypeDef

MOST_GROUPS = 50
LOOK_BACK_MS = 30 * 60_000
LATE_MS = 5 * 60_000
"""A metric of CloudWatch Logs may come some minutes late; two runs see each minute, and the alarm takes the larger."""

log = Logger(service="tracelake-check-delivery")


def errors(filter_name: str, now_ms: int) -> dict[str, int]:
    """Log events not delivered in the last half hour through the filters of this name, by log group."""
    of_filter: DimensionFilterTypeDef = {"Name": "FilterName", "Value": filter_name}
    listed = _with_errors_lately("AWS/Logs", "DeliveryErrors", of_filter)
    if len(listed) > MOST_GROUPS:
        log.warning("more log groups have delivery errors than are read", groups=len(listed), read=MOST_GROUPS)
    counted: Counter[str] = Counter()
    for metric in listed[:MOST_GROUPS]:
        # that of a policy of the whole account may name no log group
        counted[_named(metric, "LogGroupName") or "any"] += _sum(metric, now_ms)
    return {group: count for group, count in counted.items() if count}


def changes(rule_prefix: str, now_ms: int) -> dict[str, int]:
    """Events that EventBridge put into the queue of what it could not deliver in the last half hour, by rule
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html)."""
    listed = _with_errors_lately("AWS/Events", "InvocationsSentToDlq", {"Name": "RuleName"})
    counted = {
        rule: _sum(metric, now_ms) for metric in listed if (rule := _named(metric, "RuleName")).startswith(rule_prefix)
    }
    return {rule: count for rule, count in counted.items() if count}


def _with_errors_lately(namespace: str, name: str, dimension: DimensionFilterTypeDef) -> list[MetricOutputTypeDef]:
    pages = (
        client("cloudwatch")
        .get_paginator("list_metrics")
        .paginate(Namespace=namespace, MetricName=name, Dimensions=[dimension], RecentlyActive="PT3H")
    )
    return [metric for page in pages for metric in page["Metrics"]]


def _sum(metric: MetricOutputTypeDef, now_ms: int) -> int:
    end_ms = now_ms - LATE_MS
    answer = client("cloudwatch").get_metric_statistics(
        Namespace=metric["Namespace"],
        MetricName=metric["MetricName"],
        Dimensions=metric["Dimensions"],
        StartTime=datetime.fromtimestamp((end_ms - LOOK_BACK_MS) / 1000, UTC),
        EndTime=datetime.fromtimestamp(end_ms / 1000, UTC),
        Period=300,
        Statistics=["Sum"],
    )
    return round(sum(point["Sum"] for point in answer["Datapoints"]))


def _named(metric: MetricOutputTypeDef, dimension: str) -> str:
    return next((each["Value"] for each in metric["Dimensions"] if each["Name"] == dimension), "")

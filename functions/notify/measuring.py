"""What the metrics of an alarm were, and who is hit: what CloudWatch and the summaries of the hour know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from functions.aws import environment
from functions.aws.clients import client
from functions.aws.customers import known_names
from functions.aws.metrics import NAMESPACE
from functions.aws.summaries import Summaries
from functions.core import summaries
from functions.core.incidents.figures import BEFORE_MS, DAY_MS, MINUTE_MS, Points
from functions.core.incidents.rules import Rule, Source
from functions.core.incidents.wording import CUSTOMERS, Customer, Customers
from functions.core.schema import HOUR_MS, hour_of

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef, MetricDataQueryTypeDef

HOURS = 3


def read_metrics(rule: Rule, start_ms: int, end_ms: int) -> dict[str, Points]:
    """The metrics of an alarm by the minute, by the name the rule gives them."""
    queries: list[MetricDataQueryTypeDef] = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": source.namespace or ("AWS/Lambda" if source.function else NAMESPACE),
                    "MetricName": source.name,
                    "Dimensions": _dimensions(source),
                },
                "Period": MINUTE_MS // 1000,
                "Stat": source.stat,
            },
        }
        for name, source in rule.metrics.items()
    ]
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in rule.metrics}
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start_ms / 1000, UTC),
            EndTime=datetime.fromtimestamp(end_ms / 1000, UTC),
            ScanBy="TimestampAscending",
        )
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            times = (round(at.timestamp() * 1000) for at in result["Timestamps"])
            found[result["Id"]] += zip(times, result["Values"], strict=True)
    return {name: sorted(points) for name, points in found.items()}


def read_now_and_usual(rule: Rule, since_ms: int, until_ms: int) -> dict[str, Points]:
    """The hours before ``since_ms`` and until ``until_ms``, and the same time a day before."""
    now = read_metrics(rule, since_ms - BEFORE_MS, until_ms + MINUTE_MS)
    yesterday = read_metrics(rule, since_ms - DAY_MS, until_ms - DAY_MS)
    return {name: [*yesterday[name], *now[name]] for name in rule.metrics}


def read_customers(bucket: str, since_ms: int, until_ms: int) -> Customers | None:
    """Customers whose requests failed in the hours of the trouble, worst first; ``None`` where no summary is."""
    newest = until_ms // HOUR_MS * HOUR_MS
    starts = range(max(since_ms // HOUR_MS * HOUR_MS, newest - (HOURS - 1) * HOUR_MS), newest + 1, HOUR_MS)
    traffic = summaries.Traffic()
    known = [start for start in starts if _add(traffic, bucket, hour_of(start))]
    if not known:
        return None
    failed = sorted(
        (
            Customer(key[0], sums.requests, sums.errors)
            for key, sums in traffic.customers.entries.items()
            if sums.errors
        ),
        key=lambda each: (-each.errors, each.tenant),
    )
    failed = [*_named(bucket, failed[:CUSTOMERS]), *failed[CUSTOMERS:]]
    when = f"since {datetime.fromtimestamp(known[0] / 1000, UTC):%H:%M} UTC"
    return Customers(when, failed)


def _named(bucket: str, customers: list[Customer]) -> list[Customer]:
    """With what the list of customers knows of them."""
    known = known_names(bucket).of(each.tenant for each in customers)
    return [
        replace(each, name=found.name, plan=found.plan or "") if (found := known.get(each.tenant)) else each
        for each in customers
    ]


def _add(traffic: summaries.Traffic, bucket: str, hour: str) -> bool:
    (body,) = Summaries(bucket).read_hours("traffic", [hour])
    content = summaries.decode(body).content if body else None
    if content is None:
        return False
    traffic.merge(summaries.Traffic.of(content))
    return True


def _dimensions(source: Source) -> list[DimensionTypeDef]:
    if source.function:
        name = f"tracelake-{environment.stage()}-{source.function.replace('_', '-')}"
        return [{"Name": "FunctionName", "Value": name}]
    return [] if source.namespace else [{"Name": "Stage", "Value": environment.stage()}]

"""What an installation costs a month while nothing is sent to it, line by line, from its CloudFormation templates.

Every resource type is either priced here or named in ``FREE`` with the reason; any other raises ``UnpricedError``, so
that nothing is silently free. Prices are those of prices.json whatever region the template is for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.core.cost.assumptions import ASSUMED, AtRest
from functions.core.cost.prices import PRICES, PriceTable

HOURS = 730
"""Hours of a month, as AWS's calculator counts them."""

GB = 1e9
FREE_DASHBOARD_METRICS = 50
"""A dashboard with more metrics is not one of the free ones (https://aws.amazon.com/cloudwatch/pricing/)."""

FREE = {
    "AWS::Athena::NamedQuery": "text; a query is billed by what it scans",
    "AWS::Athena::WorkGroup": "a query is billed by what it scans",
    "AWS::Budgets::Budget": "budgets without actions are free",
    "AWS::DynamoDB::Table": "on demand: requests are billed, and what is stored is far below a cent",
    "AWS::Glue::Database": "one object of the catalog",
    "AWS::IAM::Policy": "IAM is free",
    "AWS::IAM::Role": "IAM is free",
    "AWS::Lambda::EventInvokeConfig": "part of Lambda",
    "AWS::Lambda::EventSourceMapping": "polling a stream is free; requests to its key are counted with the stream",
    "AWS::Lambda::Function": "billed by run: at rest only schedules start one, and are priced with what they start",
    "AWS::Lambda::LayerVersion": "part of Lambda",
    "AWS::Lambda::Permission": "part of Lambda",
    "AWS::Logs::LogGroup": "billed by what is written into it, counted with the functions",
    "AWS::Logs::QueryDefinition": "text; a query is billed by what it scans",
    "AWS::S3::Bucket": "billed by what is stored and asked, nothing of which happens at rest",
    "AWS::S3::BucketPolicy": "part of S3",
    "AWS::SNS::Subscription": "billed by message",
    "AWS::SNS::Topic": "billed by message, and no alarm rings at rest",
    "AWS::SNS::TopicPolicy": "part of SNS",
    "AWS::SQS::Queue": "billed by message: the queue holds only what failed",
    "AWS::SQS::QueuePolicy": "part of SQS",
    "AWS::SSM::Parameter": "standard parameters are free",
    "AWS::CDK::Metadata": "no resource",
    "Custom::CreatePartitions": "one invocation a deployment",
    "Custom::SubscribeLogGroups": "one invocation a deployment",
}

Properties = Mapping[str, Any]
Resources = Mapping[str, Mapping[str, Any]]
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_YEAR_DAYS = 365


class UnpricedError(ValueError):
    """A template has something whose price is not known here; the message says what, and where to put its price."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is billed: ``quantity`` a month of the price of this name, for a resource of a stack.

    ``free`` is how much of the quantity every account gets free each month; ``can_be_free`` says whether it may.
    """

    stack: str
    resource: str
    price: str
    quantity: float
    usd_each: float
    free: float = 0
    can_be_free: bool = True

    @property
    def usd(self) -> float:
        """Dollars a month at list price."""
        return self.quantity * self.usd_each

    @property
    def usd_after_free(self) -> float:
        """Dollars a month where nobody else in the account uses what is free."""
        return (self.quantity - self.free) * self.usd_each


def lines(
    templates: Mapping[str, Mapping[str, Any]], prices: PriceTable = PRICES, assumed: AtRest = ASSUMED.at_rest
) -> list[Line]:
    """What is billed of these templates (CloudFormation, by stack name), in their order."""
    tables = sum(
        resource["Type"] == "AWS::Glue::Table" and _has_hours(resource["Properties"])
        for template in templates.values()
        for resource in template["Resources"].values()
    )
    found = []
    for stack, template in templates.items():
        pricing = _Stack(stack, template["Resources"], prices, assumed, tables)
        found += list(pricing.lines())
    return _with_free(found, prices)


def _has_hours(table: Properties) -> bool:
    """Whether a Glue table has partitions, as views have not."""
    return bool(table["TableInput"]["PartitionKeys"])


def total(lines: list[Line]) -> tuple[float, float]:
    """Dollars a month: at list price, and after what is free in every account."""
    return sum(line.usd for line in lines), sum(line.usd_after_free for line in lines)


def _with_free(found: list[Line], prices: PriceTable) -> list[Line]:
    left = {name: price.free_a_month for name, price in prices.prices.items()}
    given = []
    for line in found:
        free = min(left[line.price], line.quantity) if line.can_be_free else 0
        left[line.price] -= free
        given.append(Line(line.stack, line.resource, line.price, line.quantity, line.usd_each, free, line.can_be_free))
    return given


@dataclass(frozen=True, slots=True)
class _Stack:
    name: str
    resources: Resources
    prices: PriceTable
    assumed: AtRest
    tables: int

    def lines(self) -> Iterator[Line]:
        by_type: dict[str, dict[str, Properties]] = {}
        for id, resource in self.resources.items():
            by_type.setdefault(resource["Type"], {})[id] = resource.get("Properties", {})
        for kind, found in by_type.items():
            if kind == "AWS::Glue::Table":
                hours = self.assumed.partitions_kept_days * 24
                tables = sum(map(_has_hours, found.values()))
                yield self._line(f"hours of {tables} tables", "glue_object_month", len(found) + tables * hours)
            elif kind in _PRICED:
                for id, properties in found.items():
                    yield from _PRICED[kind](self, _named(id, properties), properties)
            elif kind not in FREE:
                raise UnpricedError(f"{self.name}: {kind} has no price; give it one in functions/core/cost/at_rest.py")

    def _line(self, resource: str, price: str, quantity: float, *, can_be_free: bool = True) -> Line:
        return Line(self.name, resource, price, quantity, self.prices.usd(price), can_be_free=can_be_free)

    def stream(self, name: str, properties: Properties) -> Iterator[Line]:
        if properties.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
            yield self._line(name, "kinesis_on_demand_hour", HOURS)
        else:
            shards = int(properties["ShardCount"])
            yield self._line(name, "kinesis_shard_hour", shards * HOURS)
            if int(properties.get("RetentionPeriodHours", 24)) > 24:
                yield self._line(name, "kinesis_extended_shard_hour", shards * HOURS)
        if "StreamEncryption" in properties:
            yield self._line(name, "kms_request", self.assumed.key_requests_an_hour * HOURS)

    def key(self, name: str, properties: Properties) -> Iterator[Line]:
        rotations = 0
        if properties.get("EnableKeyRotation"):
            days = int(properties.get("RotationPeriodInDays", _YEAR_DAYS))
            rotations = min(2, self.assumed.key_age_years * _YEAR_DAYS // days)
        yield self._line(name, "kms_key", 1 + rotations)

    def alarm(self, name: str, properties: Properties) -> Iterator[Line]:
        metrics = properties.get("Metrics") or [{"MetricStat": {"Period": properties.get("Period", 60)}}]
        expressions = [str(metric.get("Expression", "")) for metric in metrics]
        if any(expression.lstrip().upper().startswith(("SELECT", "SEARCH")) for expression in expressions):
            raise UnpricedError(
                f"{self.name}: how many metrics {name} matches, and so its price, is not in the template"
            )
        billed = [metric["MetricStat"] for metric in metrics if "MetricStat" in metric]
        # a band is an upper and a lower metric beside the metric itself
        count = len(billed) + 2 * sum("ANOMALY_DETECTION_BAND" in expression for expression in expressions)
        fast = any(int(metric["Period"]) < 60 for metric in billed)
        yield self._line(name, "cloudwatch_fast_alarm_metric" if fast else "cloudwatch_alarm_metric", count)

    def composite(self, name: str, _: Properties) -> Iterator[Line]:
        yield self._line(name, "cloudwatch_composite_alarm", 1)

    def dashboard(self, name: str, properties: Properties) -> Iterator[Line]:
        count = dashboard_metrics(properties["DashboardBody"], self.assumed.metrics_of_a_search)
        yield self._line(name, "cloudwatch_dashboard", 1, can_be_free=count <= FREE_DASHBOARD_METRICS)

    def rule(self, _: str, properties: Properties) -> Iterator[Line]:
        """Schedules, and events of AWS's services, are free; what they start is not."""
        if "ScheduleExpression" not in properties:
            return
        schedule = _RATE.fullmatch(properties["ScheduleExpression"])
        if schedule is None or properties.get("State", "ENABLED") != "ENABLED":
            raise UnpricedError(f"{self.name}: how often {properties['ScheduleExpression']} runs is not known here")
        runs = HOURS * 60 / (int(schedule[1]) * _MINUTES[schedule[2]])
        for target in properties["Targets"]:
            yield from self._runs(self.resources[target["Arn"]["Fn::GetAtt"][0]]["Properties"], runs)

    def _runs(self, function: Properties, runs: float) -> Iterator[Line]:
        name = str(function["FunctionName"])
        rest = self.assumed.functions.get(str(function["Handler"]).split(".")[1])
        if rest is None:
            raise UnpricedError(f"{self.name}: what {name} does at rest is not in functions/core/cost/assumptions.json")
        gb_second = f"lambda_gb_second_{'arm64' if function.get('Architectures') == ['arm64'] else 'x86_64'}"
        yield self._line(name, "lambda_request", runs)
        yield self._line(name, gb_second, runs * rest.seconds * function["MemorySize"] / 1024)
        quantities = {
            "logs_gb": runs * rest.log_bytes / GB,
            "dynamodb_read_unit": runs * rest.read_units,
            "dynamodb_write_unit": runs * rest.write_units,
            "s3_get": runs * rest.summaries,
            "cloudwatch_request": runs * rest.metric_requests,
            "glue_request": runs * rest.catalog_requests_a_table * self.tables,
            "cloudwatch_metric": len(rest.metrics),
        }
        yield from (self._line(name, price, quantity) for price, quantity in quantities.items() if quantity)


_PRICED: dict[str, Callable[[_Stack, str, Properties], Iterator[Line]]] = {
    "AWS::CloudWatch::Alarm": _Stack.alarm,
    "AWS::CloudWatch::CompositeAlarm": _Stack.composite,
    "AWS::CloudWatch::Dashboard": _Stack.dashboard,
    "AWS::Events::Rule": _Stack.rule,
    "AWS::KMS::Key": _Stack.key,
    "AWS::Kinesis::Stream": _Stack.stream,
}


def dashboard_metrics(body: Any, metrics_of_a_search: int) -> int:
    """Different metrics that a dashboard shows; ``body`` is the JSON text, or CloudFormation that joins it."""
    text = body if isinstance(body, str) else "".join(p if isinstance(p, str) else "-" for p in body["Fn::Join"][1])
    metrics, searches = set(), 0
    for widget in json.loads(text)["widgets"]:
        for entry in widget.get("properties", {}).get("metrics", ()):
            names = tuple(part for part in entry if isinstance(part, str))
            if names:
                metrics.add(names)
            elif re.search(r"\b(SEARCH\(|SELECT\b)", str(entry[-1].get("expression", ""))):
                searches += 1
    return len(metrics) + searches * metrics_of_a_search


def _named(id: str, properties: Properties) -> str:
    """A name that people know the resource by."""
    for key in ("AlarmName", "FunctionName", "DashboardName", "Name", "Description"):
        if isinstance(properties.get(key), str):
            return str(properties[key])
    return re.sub(r"[0-9A-F]{8}$", "", id)

"""What tracelake does: is it behind, is everything accounted for, and did everything reach it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.dashboards.parts import BAD, BLUE, GOOD, PURPLE, QUIET, WARN, Expression, custom, graph, numbers
from stacks.metrics import ITERATOR_AGE, Metric
from stacks.names import Names
from stacks.quotas import quota

TITLE = "Pipeline"
ABOUT = "Is tracelake behind, is every event accounted for, and did all of them reach it?"

OWN_FUNCTIONS = (
    "normalize",
    "compact",
    "record_poison",
    "create_partitions",
    "subscribe_log_groups",
    "widgets",
    "notify",
    "check_delivery",
    "detect",
)


def _of_filters(metric: str, statistic: str = "Sum") -> str:
    """A metric of CloudWatch Logs about the stage's own filters, a series for each log group
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html)."""
    schema = "{AWS/Logs,DestinationType,FilterName,LogGroupName}"
    return f"SEARCH('{schema} MetricName=\"{metric}\" FilterName=\"tracelake-{{stage}}\"', '{statistic}', 300)"


_SENT = f"SUM({_of_filters('ForwardedLogEvents')})"
# in a larger account the sum is not whole, and nobody shall take the difference for a loss
_SENT_LABEL = f"sent by the filters (of {quota('cloudwatch_search.series')} log groups at most)"


def rows(names: Names, widgets_arn: str) -> Iterator[list[cloudwatch.ConcreteWidget]]:
    """The widgets, a row each."""
    yield [
        numbers(
            names,
            Metric("EventsIn", "Sum", "Events in", colour=BLUE),
            Metric("LedgerDifference", "Sum", "Ledger difference (always 0)", colour=BAD),
            Metric("EventsRejected", "Sum", "Rejected events", colour=WARN),
            Metric("CommitLagMs", "Maximum", "Longest lag (ms)", colour=PURPLE),
            Metric("SubscribedLogGroups", "Maximum", "Subscribed log groups", colour=GOOD),
            Metric("UnsubscribedLogGroups", "Maximum", "Log groups that cannot be", colour=WARN),
        )
    ]
    yield [
        graph(
            names,
            "How far behind",
            "ms",
            [
                Metric("CommitLagMs", "Maximum", "arrival to commit", colour=BLUE),
                replace(ITERATOR_AGE, label="age of the records read", colour=PURPLE),
            ],
        ),
        graph(
            names,
            "What became of the events",
            "events a minute",
            [
                Metric("EventsStored", "Sum", "stored", colour=BLUE),
                Metric("EventsFolded", "Sum", "folded into invocations", colour="#aec7e8"),
                Metric("EventsRejected", "Sum", "rejected", colour=BAD),
                Metric("EventsSampled", "Sum", "sampled", colour=QUIET),
            ],
            stacked=True,
        ),
        graph(
            names,
            "Not accounted for, dropped or refused",
            "a minute",
            [
                Metric("LedgerDifference", "Sum", "ledger difference", colour=BAD),
                Metric("LoopEvents", "Sum", "own events (a loop)", colour=PURPLE),
                Metric("DuplicateRecords", "Sum", "records that came twice", colour=QUIET),
            ],
        ),
    ]
    yield [
        graph(
            names,
            "Sent by CloudWatch Logs, arrived here",
            "events",
            [
                Expression(_SENT, _SENT_LABEL, colour=QUIET, search=True),
                Metric("EventsIn", "Sum", "events in", colour=BLUE),
            ],
            [Metric("IncomingRecords", "Sum", "records into the stream", namespace="AWS/Kinesis", colour=GOOD)],
            right_unit="records",
        ),
        graph(
            names,
            "Lost or slowed before the stream, by log group",
            "log events",
            [
                Expression(_of_filters("DeliveryErrors"), "not delivered: ${PROP('Dim.LogGroupName')}", search=True),
                Expression(_of_filters("DeliveryThrottling"), "throttled: ${PROP('Dim.LogGroupName')}", search=True),
            ],
        ),
        graph(
            names,
            "Stream",
            "records a minute",
            [
                Metric("IncomingRecords", "Sum", "in", namespace="AWS/Kinesis", colour=BLUE),
                Metric(
                    "WriteProvisionedThroughputExceeded", "Sum", "refused: too few shards",
                    namespace="AWS/Kinesis", colour=BAD,
                ),
            ],
        ),
    ]  # fmt: skip
    yield [
        graph(
            names,
            "Commits",
            "a minute",
            [Metric("EventsIn", "SampleCount", "commits", colour=BLUE)],
            width=6,
        ),
        graph(
            names,
            "Hours published, and waiting",
            "hours",
            [
                Metric("PublishedHours", "Sum", "published", colour=GOOD),
                Metric("UnpublishedHours", "Maximum", "waiting", colour=WARN),
                Metric("HoursWithoutTransactions", "Sum", "too large for transactions", colour=BAD),
            ],
            width=6,
        ),
        graph(
            names,
            "Bytes in, bytes kept",
            "bytes a minute",
            [
                Metric("RawBytes", "Sum", "raw", colour=QUIET),
                Metric("StoredBytes", "Sum", "Parquet", colour=BLUE),
            ],
            width=6,
        ),
        graph(
            names,
            "Private values hidden",
            "a minute",
            [Metric("RedactedValues", "Sum", "secrets and persons", colour=PURPLE)],
            width=6,
        ),
    ]
    yield [
        custom("Ledger", widgets_arn, 13, 9, widget="ledger"),
        custom("Subscriptions", widgets_arn, 11, 9, widget="subscriptions"),
    ]
    yield [custom("Rules", widgets_arn, 24, 5, widget="rules")]
    yield [
        graph(
            names,
            "Errors of tracelake's own functions",
            "a minute",
            [Metric("Errors", "Sum", name, own_function=name) for name in OWN_FUNCTIONS],
            width=12,
        ),
        graph(
            names,
            "Time that tracelake's own functions take",
            "ms",
            [Metric("Duration", "Maximum", name, own_function=name) for name in OWN_FUNCTIONS],
            width=12,
        ),
    ]

"""The alarms: few, each with what it means and what to do."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.metrics import ITERATOR_AGE, Metric
from stacks.names import Names

ERROR_RATE_FLOOR = 20
ERROR_RATE_PERCENT = 5
BEHIND = Duration.minutes(10)
UNPUBLISHED = Duration.hours(3)

_NOT_BREACHING = cloudwatch.TreatMissingData.NOT_BREACHING
_BREACHING = cloudwatch.TreatMissingData.BREACHING


@dataclass(frozen=True)
class AlarmRule:
    """One alarm: at or above ``threshold`` for ``periods`` periods of ``period`` in a row.

    ``metrics`` is one metric, or those that ``expression`` combines by their names. ``recovers`` says whether the end
    of the alarm is news too; a rejected event stays rejected when the alarm ends.
    """

    name: str
    metrics: Mapping[str, Metric]
    threshold: float
    description: str
    period: Duration = field(default_factory=lambda: Duration.minutes(5))
    periods: int = 1
    expression: str = ""
    missing: cloudwatch.TreatMissingData = _NOT_BREACHING
    recovers: bool = False


RULES = (
    AlarmRule(
        name="error-rate",
        metrics={"requests": Metric("Requests", "Sum"), "errors": Metric("RequestErrors", "Sum")},
        expression=f"IF(requests >= {ERROR_RATE_FLOOR}, 100 * errors / requests, 0)",
        threshold=ERROR_RATE_PERCENT,
        periods=2,
        recovers=True,
        description=(
            f"At least {ERROR_RATE_PERCENT} % of the requests were answered with 5xx for ten minutes "
            f"(periods with fewer than {ERROR_RATE_FLOOR} requests do not count). "
            "Ask `tracelake ask which_errors_occur --since 1h` for what failed and for whom."
        ),
    ),
    AlarmRule(
        name="rejected-events",
        metrics={"rejected": Metric("EventsRejected", "Sum")},
        threshold=1,
        period=Duration.minutes(15),
        description=(
            "Events could not be read and are in the dead-letter bucket under rejected/, each with its reason, "
            "until their time there is over. Read the reasons, deploy a fix, then run `tracelake retry-rejected`."
        ),
    ),
    AlarmRule(
        name="poison-records",
        # a failing record_poison counts too: it would say nothing of what it was told
        metrics={
            "poison": Metric("PoisonRecords", "Sum"),
            "failures": Metric("Errors", "Sum", own_function="record_poison"),
        },
        expression="FILL(poison, 0) + FILL(failures, 0)",
        threshold=1,
        description=(
            "normalize failed on a batch until it was given up; the records are in the dead-letter bucket under "
            "aws/lambda/. Find the failure in the log group of normalize, fix it, then run `tracelake retry-rejected`."
        ),
    ),
    AlarmRule(
        name="ingest-behind",
        metrics={"age": ITERATOR_AGE},
        threshold=BEHIND.to_milliseconds(),
        periods=3,
        recovers=True,
        description=(
            "For a quarter of an hour normalize has read records that were more than ten minutes old; the stream keeps "
            "them for 24 hours. Look for errors and throttles of normalize; where there are none, raise `shards`."
        ),
    ),
    AlarmRule(
        name="unpublished-hours",
        # the least of three runs: events that come days late leave an old hour unpublished for one run, as they may
        metrics={"oldest": Metric("OldestUnpublishedMs", "Minimum")},
        threshold=UNPUBLISHED.to_milliseconds(),
        period=Duration.minutes(15),
        periods=2,
        # compact says how far it is every five minutes: silence means that it does not run
        missing=_BREACHING,
        recovers=True,
        description=(
            "An hour that ended more than three hours ago is not published, or compact does not run. Its rows can be "
            "queried, but may be seen twice. Look in the log group of compact; hot files are deleted after 14 days."
        ),
    ),
)


def build_alarms(scope: Construct, names: Names, topic: sns.Topic) -> list[cloudwatch.Alarm]:
    """One alarm for each rule, all of them to the topic."""
    notify = actions.SnsAction(topic)
    alarms = []
    for rule in RULES:
        alarm = cloudwatch.Alarm(
            scope,
            f"Alarm{rule.name.title().replace('-', '')}",
            alarm_name=f"{names.prefix}-{rule.name}",
            alarm_description=rule.description,
            metric=_metric(rule, names),
            threshold=rule.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data=rule.missing,
        )
        alarm.add_alarm_action(notify)
        if rule.recovers:
            alarm.add_ok_action(notify)
        alarms.append(alarm)
    return alarms


def _metric(rule: AlarmRule, names: Names) -> cloudwatch.IMetric:
    metrics = {name: metric.of(names, rule.period) for name, metric in rule.metrics.items()}
    if not rule.expression:
        (only,) = metrics.values()
        return only
    return cloudwatch.MathExpression(
        expression=rule.expression, using_metrics=metrics, period=rule.period, label=rule.name
    )

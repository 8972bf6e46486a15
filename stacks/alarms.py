"""The alarms of functions/core/incidents/alarms.toml, each to whom it is for."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Sequence

import jsii
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from functions.core.incidents.rules import RULES, Rule, Source
from stacks.metrics import Metric
from stacks.names import Names
from stacks.settings import Settings

_MISSING = {
    "notBreaching": cloudwatch.TreatMissingData.NOT_BREACHING,
    "missing": cloudwatch.TreatMissingData.MISSING,
    "breaching": cloudwatch.TreatMissingData.BREACHING,
}


@jsii.implements(cloudwatch.IAlarmAction)
class _Invoke:
    """Invokes a function that lets all alarms of the stage; CDK's own action would add a permission for each."""

    def __init__(self, function_arn: str) -> None:
        self._arn = function_arn

    def bind(self, scope: IConstruct, alarm: cloudwatch.IAlarm) -> cloudwatch.AlarmActionConfig:  # noqa: ARG002
        return cloudwatch.AlarmActionConfig(alarm_action_arn=self._arn)


def deployed_rules(settings: Settings) -> dict[str, Rule]:
    """The default alarms and those that the settings add: by name, or because they deploy what can fail."""
    return {
        name: rule
        for name, rule in RULES.items()
        if rule.default or name in settings.extra_alarms or (rule.setting and getattr(settings, rule.setting))
    }


def build_alarms(
    scope: Construct, names: Names, settings: Settings, topic: sns.Topic, notify_arn: str
) -> list[cloudwatch.Alarm]:
    """One alarm for each rule: its beginning to the topic or to notify, its end to notify."""
    people, notify = actions.SnsAction(topic), _Invoke(notify_arn)
    alarms = []
    for name, rule in deployed_rules(settings).items():
        alarm = cloudwatch.Alarm(
            scope,
            f"Alarm{name.title().replace('-', '')}",
            alarm_name=f"{names.prefix}-{name}",
            alarm_description=describe(rule, settings.runbooks_url),
            metric=_metric(name, rule, names),
            threshold=rule.at_least,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=rule.of,
            datapoints_to_alarm=rule.beyond,
            treat_missing_data=_MISSING[rule.missing],
        )
        alarm.add_alarm_action(people if rule.told == "people" else notify)
        if rule.silence:
            alarm.add_insufficient_data_action(people)
        if rule.recovers:
            alarm.add_ok_action(notify)
        alarms.append(alarm)
    return alarms


def describe(rule: Rule, runbooks_url: str) -> str:
    """What the mail that CloudWatch itself sends says of the alarm."""
    page = f"{runbooks_url.rstrip('/')}/{rule.runbook}.md" if runbooks_url else rule.page
    return f"{rule.title}. {rule.means} What to do: {_sentences(rule.do)} Runbook: {page}"


def _sentences(steps: Sequence[str]) -> str:
    return " ".join(f"({number}) {step}" for number, step in enumerate(steps, 1))


def _metric(name: str, rule: Rule, names: Names) -> cloudwatch.IMetric:
    period = Duration.minutes(rule.minutes)
    metrics = {key: _of(source, names, period) for key, source in rule.metrics.items()}
    if not rule.expression:
        (only,) = metrics.values()
        return only
    return cloudwatch.MathExpression(expression=rule.expression, using_metrics=metrics, period=period, label=name)


def _of(source: Source, names: Names, period: Duration) -> cloudwatch.Metric:
    if not source.namespace:
        return Metric(source.name, source.stat, own_function=source.function).of(names, period)
    return cloudwatch.Metric(
        namespace=source.namespace,
        metric_name=source.name,
        dimensions_map={"StreamName": names.stream} if source.stream else {},
        statistic=source.stat,
        period=period,
    )

"""The two dashboards of one stage: what the application does, and what tracelake does with what it hears of it."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.dashboards import application, pipeline
from stacks.dashboards.parts import header
from stacks.names import Names

SUBJECTS = {"application": application, "pipeline": pipeline}
ALARMS_HEIGHT = 6


def build_dashboards(
    scope: Construct, names: Names, widgets_arn: str, alarms: list[cloudwatch.Alarm]
) -> dict[str, cloudwatch.Dashboard]:
    """Each dashboard by its subject: a header, standard widgets, then custom widgets and the alarms."""
    built, region = {}, Stack.of(scope).region
    for subject, module in SUBJECTS.items():
        dashboard = cloudwatch.Dashboard(
            scope,
            f"{subject.title()}Dashboard",
            dashboard_name=names.dashboard(subject, region),
            default_interval=Duration.hours(3),
            period_override=cloudwatch.PeriodOverride.AUTO,
        )
        (other,) = SUBJECTS.keys() - {subject}
        dashboard.add_widgets(header(names.dashboard(other, region), module.TITLE, module.ABOUT, other))
        for row in module.rows(names, widgets_arn):
            dashboard.add_widgets(*row)
        dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=24, height=ALARMS_HEIGHT)
        )
        built[subject] = dashboard
    return built

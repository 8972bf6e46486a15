"""The dashboard of one stage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.metrics import ITERATOR_AGE, Metric
from stacks.names import Names

PERIOD = Duration.minutes(1)
WIDTH = 8
HEIGHT = 6


@dataclass(frozen=True, slots=True)
class Graph:
    """One standard widget."""

    title: str
    metrics: tuple[Metric, ...]
    unit: str


# a custom widget shows nothing until its viewer has allowed it, so the first rows need none
ROWS = (
    (
        Graph("Requests", (Metric("Requests", "Sum", "requests"),), "a minute"),
        Graph("Request errors (5xx)", (Metric("RequestErrors", "Sum", "errors"),), "a minute"),
        Graph(
            "Request latency",
            (
                Metric("RequestLatencyMs", "p50", "p50"),
                Metric("RequestLatencyMs", "p90", "p90"),
                Metric("RequestLatencyMs", "p99", "p99"),
            ),
            "ms",
        ),
    ),
    (
        Graph(
            "Lambda invocations",
            (
                Metric("Invocations", "Sum", "invocations"),
                Metric("InvocationErrors", "Sum", "errors"),
                Metric("ColdStarts", "Sum", "cold starts"),
            ),
            "a minute",
        ),
        Graph(
            "How far behind tracelake is",
            (
                Metric("CommitLagMs", "Maximum", "arrival to commit"),
                replace(ITERATOR_AGE, label="age of the records read"),
            ),
            "ms",
        ),
        Graph(
            "Events in less events accounted for (always 0)",
            (Metric("LedgerDifference", "Sum", "difference"), Metric("EventsRejected", "Sum", "rejected")),
            "events",
        ),
    ),
)

ALLOW_ONCE = (
    "**Top customers** is drawn by a function in this account: the first time, press *Allow always* in the widget. "
    "It runs with your own permissions and shows every customer."
)


def build_dashboard(
    scope: Construct, names: Names, top_customers_arn: str, alarms: list[cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """Standard widgets first, then the custom widget with the line that says how to allow it, then the alarms."""
    dashboard = cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=names.dashboard,
        default_interval=Duration.hours(3),
        period_override=cloudwatch.PeriodOverride.AUTO,
    )
    for row in ROWS:
        dashboard.add_widgets(*(_graph(graph, names) for graph in row))
    dashboard.add_widgets(cloudwatch.TextWidget(markdown=ALLOW_ONCE, width=24, height=2))
    dashboard.add_widgets(
        cloudwatch.CustomWidget(
            title="Top customers",
            function_arn=top_customers_arn,
            update_on_refresh=True,
            update_on_resize=True,
            update_on_time_range_change=True,
            width=16,
            height=9,
        ),
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=8, height=9),
    )
    return dashboard


def _graph(graph: Graph, names: Names) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=graph.title,
        left=[metric.of(names, PERIOD) for metric in graph.metrics],
        left_y_axis=cloudwatch.YAxisProps(min=0, label=graph.unit, show_units=False),
        width=WIDTH,
        height=HEIGHT,
    )

"""The kinds of widgets that the dashboards are made of."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.metrics import Metric
from stacks.names import Names

PERIOD = Duration.minutes(1)
SEARCH_PERIOD = Duration.minutes(5)
"""CloudWatch Logs sends its metrics every five minutes where nothing is urgent; finer points would be gaps."""

WIDTH = 24

# those of CloudWatch's own palette, so that good, bad and quiet look the same everywhere
GOOD, BAD, WARN, QUIET, BLUE, PURPLE = "#2ca02c", "#d62728", "#ff7f0e", "#7f7f7f", "#1f77b4", "#9467bd"


@dataclass(frozen=True, slots=True)
class Expression:
    """Metric math over metrics by name; with ``search`` what it finds is a series each."""

    expression: str
    label: str
    using: Mapping[str, Metric] = field(default_factory=dict)
    colour: str = ""
    search: bool = False

    def of(self, names: Names) -> cloudwatch.IMetric:
        """The expression for one stage; ``{stage}`` in it is the stage's name."""
        text = self.expression.replace("{stage}", names.stage)
        if self.search:
            return cloudwatch.SearchExpression(
                expression=text, label=self.label, period=SEARCH_PERIOD, color=self.colour or None
            )
        metrics = {name: metric.of(names, PERIOD) for name, metric in self.using.items()}
        return cloudwatch.MathExpression(
            expression=text, using_metrics=metrics, label=self.label, period=PERIOD, color=self.colour or None
        )


Series = Metric | Expression


def header(other_name: str, title: str, about: str, other: str) -> cloudwatch.TextWidget:
    """What the dashboard shows, the way to the other one, and what has to be done once."""
    link = f"[{other} dashboard](#dashboards:name={other_name})"
    markdown = (
        f"### {title}\n{about} See also the {link}. Tables are drawn by a function of this account: the first time, "
        "press **Allow always** in each. It runs with your own permissions and shows every customer."
    )
    return cloudwatch.TextWidget(markdown=markdown, width=WIDTH, height=2)


def numbers(names: Names, *series: Series) -> cloudwatch.SingleValueWidget:
    """A row of numbers over the whole time range, each with its course."""
    return cloudwatch.SingleValueWidget(
        metrics=[_of(each, names) for each in series],
        set_period_to_time_range=True,
        width=WIDTH,
        height=3,
    )


def graph(
    names: Names,
    title: str,
    unit: str,
    left: Sequence[Series],
    right: Sequence[Series] = (),
    *,
    right_unit: str = "",
    stacked: bool = False,
    width: int = 8,
    height: int = 6,
) -> cloudwatch.GraphWidget:
    """Lines over time, or areas on top of each other."""
    return cloudwatch.GraphWidget(
        title=title,
        left=[_of(each, names) for each in left],
        right=[_of(each, names) for each in right],
        left_y_axis=cloudwatch.YAxisProps(min=0, label=unit, show_units=False),
        right_y_axis=cloudwatch.YAxisProps(min=0, label=right_unit, show_units=False) if right else None,
        stacked=stacked,
        legend_position=cloudwatch.LegendPosition.BOTTOM,
        width=width,
        height=height,
    )


def custom(title: str, widgets_arn: str, width: int, height: int, **params: Any) -> cloudwatch.CustomWidget:
    """A table that the function ``widgets`` draws; ``params`` say which."""
    return cloudwatch.CustomWidget(
        title=title,
        function_arn=widgets_arn,
        params=params,
        update_on_refresh=True,
        update_on_resize=True,
        update_on_time_range_change=True,
        width=width,
        height=height,
    )


def _of(series: Series, names: Names) -> cloudwatch.IMetric:
    return series.of(names) if isinstance(series, Expression) else series.of(names, PERIOD)

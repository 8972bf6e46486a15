"""What the metrics are; dashboard and alarms show them."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.names import METRIC_NAMESPACE, Names


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric with the statistic it is looked at by.

    tracelake's own have the dimension Stage; where ``own_function`` is set, it is AWS's metric of that function.
    """

    name: str
    statistic: str
    label: str = ""
    own_function: str = ""

    def of(self, names: Names, period: Duration) -> cloudwatch.Metric:
        """The metric of one stage."""
        if self.own_function:
            namespace, dimensions = "AWS/Lambda", {"FunctionName": names.function(self.own_function)}
        else:
            namespace, dimensions = METRIC_NAMESPACE, {"Stage": names.stage}
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=self.name,
            dimensions_map=dimensions,
            statistic=self.statistic,
            period=period,
            label=self.label or None,
        )


# AWS's own metric and not CommitLagMs: it goes on while normalize fails and commits nothing
ITERATOR_AGE = Metric("IteratorAge", "Maximum", own_function="normalize")

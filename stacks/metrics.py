"""What the metrics are; dashboard and alarms show them."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.names import METRIC_NAMESPACE, Names


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric with the statistic it is looked at by.

    tracelake's own have the dimension Stage; where ``own_function`` is set, it is AWS's metric of that function, and
    where ``namespace`` is set AWS's, of tracelake's stream or (AWS/Lambda) of the whole account.
    """

    name: str
    statistic: str
    label: str = ""
    own_function: str = ""
    namespace: str = ""
    colour: str = ""

    def of(self, names: Names, period: Duration) -> cloudwatch.Metric:
        """The metric of one stage."""
        namespace: str
        dimensions: dict[str, str] | None
        if self.own_function:
            namespace, dimensions = "AWS/Lambda", {"FunctionName": names.function(self.own_function)}
        elif self.namespace:
            namespace = self.namespace
            dimensions = {"StreamName": names.stream} if namespace == "AWS/Kinesis" else None
        else:
            namespace, dimensions = METRIC_NAMESPACE, {"Stage": names.stage}
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=self.name,
            dimensions_map=dimensions,
            statistic=self.statistic,
            period=period,
            label=self.label or None,
            color=self.colour or None,
        )


# AWS's own metric and not CommitLagMs: it goes on while normalize fails and commits nothing
ITERATOR_AGE = Metric("IteratorAge", "Maximum", own_function="normalize")

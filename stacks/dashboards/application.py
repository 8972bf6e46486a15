"""What the application does: for whom, how fast, and what fails."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.dashboards.parts import BAD, BLUE, GOOD, PURPLE, WARN, Expression, custom, graph, numbers
from stacks.metrics import Metric
from stacks.names import Names

TITLE = "Application"
ABOUT = "Who did what, how fast was it, and what failed."

_ERROR_RATE = Expression(
    # a minute without requests has no rate; it must not look like a good one
    "IF(requests > 0, 100 * errors / requests)",
    "failed %",
    {"requests": Metric("Requests", "Sum"), "errors": Metric("RequestErrors", "Sum")},
    BAD,
)


def rows(names: Names, widgets_arn: str) -> Iterator[list[cloudwatch.ConcreteWidget]]:
    """The widgets, a row each."""
    yield [
        numbers(
            names,
            Metric("Requests", "Sum", "Requests", colour=BLUE),
            Metric("RequestErrors", "Sum", "Failed requests (5xx)", colour=BAD),
            Metric("RequestLatencyMs", "p90", "Latency p90 (ms)", colour=PURPLE),
            Metric("Invocations", "Sum", "Lambda invocations", colour=BLUE),
            Metric("InvocationErrors", "Sum", "Failed invocations", colour=BAD),
            Metric("ColdStarts", "Sum", "Cold starts", colour=WARN),
        )
    ]
    yield [
        graph(
            names,
            "Requests",
            "a minute",
            [
                Metric("Requests", "Sum", "requests", colour=BLUE),
                Metric("RequestErrors", "Sum", "failed (5xx)", colour=BAD),
            ],
        ),
        graph(names, "Failed requests", "% of requests", [_ERROR_RATE]),
        graph(
            names,
            "Request latency",
            "ms",
            [
                Metric("RequestLatencyMs", "p50", "p50", colour=GOOD),
                Metric("RequestLatencyMs", "p90", "p90", colour=BLUE),
                Metric("RequestLatencyMs", "p99", "p99", colour=PURPLE),
            ],
        ),
    ]
    yield [
        graph(
            names,
            "Lambda invocations",
            "a minute",
            [
                Metric("Invocations", "Sum", "invocations", colour=BLUE),
                Metric("InvocationErrors", "Sum", "failed", colour=BAD),
            ],
        ),
        graph(
            names,
            "Cold starts and throttles",
            "a minute",
            [
                Metric("ColdStarts", "Sum", "cold starts", colour=WARN),
                # logs know nothing of an invocation that was refused; this one is AWS's, of the whole account
                Metric("Throttles", "Sum", "throttles (account)", namespace="AWS/Lambda", colour=BAD),
            ],
        ),
        graph(
            names,
            "Lambda duration",
            "ms",
            [
                Metric("InvocationDurationMs", "p50", "p50", colour=GOOD),
                Metric("InvocationDurationMs", "p90", "p90", colour=BLUE),
                Metric("InvocationDurationMs", "p99", "p99", colour=PURPLE),
            ],
        ),
    ]
    yield [custom("What is unusual", widgets_arn, 24, 8, widget="unusual")]
    yield [
        custom("Top customers", widgets_arn, 12, 10, widget="top_customers", top=20),
        custom("Top routes", widgets_arn, 12, 10, widget="top_routes", top=20),
    ]
    yield [custom("Errors", widgets_arn, 24, 8, widget="errors", top=20)]
    yield [custom("Customers by day", widgets_arn, 24, 7, widget="usage")]
    yield [custom("Find log lines or a request", widgets_arn, 24, 2, widget="find_log_lines")]
    yield [custom("What is still dark", widgets_arn, 24, 10, widget="dark", top=20)]

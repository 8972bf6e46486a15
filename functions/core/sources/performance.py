"""Performance events of Container Insights, Lambda Insights and the CloudWatch agent's Prometheus scraper.

They are the embedded metric format with more in it than its directives say, or without directives: here every number is
a metric (yes and no are 1 and 0), and every text a label. Units and namespace are those of the directives, where there
are some.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference.html,
.../Lambda-Insights-metrics.html, .../ContainerInsights-Prometheus-metrics-conversion.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MEMBERS = frozenset({"CloudWatchMetrics", "ClusterName", "prom_metric_type"})
"""One of them is in every performance event that is not marked with ``_aws``."""

MARK = "Insights"
"""Stands in every line marked with ``_aws`` that is a performance event."""

_INSIGHTS = frozenset({"LambdaInsights", "ContainerInsights", "ECS/ContainerInsights", "ContainerInsights/Prometheus"})
_OF_ECS = frozenset({"TaskId", "TaskDefinitionFamily", "ServiceName", "ContainerInstanceId", "ContainerInstanceCount"})
_NO_METRICS = frozenset({"Timestamp", "Version"})
_NO_LABELS = _NO_METRICS | {"request_id", "trace_id"}

Header = dict[str, Any]
"""What ``_aws`` is in the embedded metric format."""


def is_event(line: dict[str, Any]) -> bool:
    """Whether a JSON line that has one of ``MEMBERS`` is a performance event."""
    return "CloudWatchMetrics" in line or "prom_metric_type" in line or ("Type" in line and "Version" in line)


def header_of(line: dict[str, Any]) -> Header:
    """The header of a performance event, whose own directives are taken out of the line."""
    return _header(line, line.pop("CloudWatchMetrics", None), line.get("Timestamp"))


def completed(line: dict[str, Any], header: Any) -> Any:
    """The header of a line in the embedded metric format; where Insights wrote it, with all of its numbers."""
    directives = header.get("CloudWatchMetrics") if isinstance(header, dict) else None
    if any(directive.get("Namespace") in _INSIGHTS for directive in _objects(directives)):
        return _header(line, directives, header.get("Timestamp"))
    return header


def _header(line: dict[str, Any], directives: Any, timestamp: Any) -> Header:
    line.update({name: int(value) for name, value in line.items() if type(value) is bool})
    definitions = [
        definition for directive in _objects(directives) for definition in _objects(directive.get("Metrics"))
    ]
    units = {name: each.get("Unit") for each in definitions if type(name := each.get("Name")) is str}
    namespaces = (directive.get("Namespace") for directive in _objects(directives))
    default = "ContainerInsights" if _OF_ECS.isdisjoint(line) else "ECS/ContainerInsights"
    numbers = [name for name, value in line.items() if type(value) in {int, float} and name not in _NO_METRICS]
    # what is defined and no number is rejected by name, like in any other line of the format
    names = dict.fromkeys([*numbers, *(name for name in units if name in line)])
    directive = {
        "Namespace": next((each for each in namespaces if type(each) is str), default),
        "Dimensions": [[name for name, value in line.items() if type(value) is str and name not in _NO_LABELS]],
        "Metrics": [{"Name": name, "Unit": units.get(name)} for name in names],
    }
    return {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())

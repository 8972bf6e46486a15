"""Metrics in log lines, as CloudWatch extracts them from every log group
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)."""

import json
from collections.abc import Iterator
from typing import NamedTuple


class Datum(NamedTuple):
    """One metric under one set of dimensions; `values` are those of one line, `time` is seconds since 1970."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    time: float
    unit: str
    values: list[float]


def read(line: str) -> Iterator[Datum]:
    """The metrics of a log line; none where the line is not in the format."""
    if not line.startswith("{") or '"_aws"' not in line:
        return
    try:
        root = json.loads(line)
        metadata = root["_aws"]
        for directive in metadata["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                value = root.get(metric["Name"])
                for names in directive.get("Dimensions") or [[]]:
                    if value is not None and all(name in root for name in names):
                        yield Datum(
                            directive["Namespace"],
                            metric["Name"],
                            {name: str(root[name]) for name in names},
                            metadata["Timestamp"] / 1000,
                            metric.get("Unit", "None"),
                            [float(each) for each in (value if isinstance(value, list) else [value])],
                        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return

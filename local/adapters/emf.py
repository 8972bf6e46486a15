"""Gap: metrics in the embedded metric format stay log lines.

AWS extracts them from every log group
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ministack.services import cloudwatch, cloudwatch_logs


class Datum(NamedTuple):
    """One metric under one set of dimensions; `values` are those of one line, `time` is seconds since 1970."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    time: float
    unit: str
    values: list[float]


def install() -> None:
    deliver = cloudwatch_logs._fanout_to_subscription_filters

    def extract_and_deliver(group: str, stream: str, events: list[dict[str, Any]]) -> None:
        for event in events:
            for datum in read(event["message"]):
                cloudwatch._store_datum(*datum[:5], None, datum.values, None, None)
        deliver(group, stream, events)

    cloudwatch_logs._fanout_to_subscription_filters = extract_and_deliver


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

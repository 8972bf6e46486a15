"""CloudWatch metrics: own numbers as EMF on stdout, distributions with PutMetricData."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import environment
from functions.aws.clients import client
from functions.core.tally import Datum

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

NAMESPACE = "tracelake"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
# and API_MetricDatum.html: values of a datum, age of a datum
VALUES_LIMIT = 150
OLDEST_MS = 14 * 86_400_000
_DATA_IN_REQUEST = 100  # a full distribution is about 4 KB as sent, and a request takes 1 MB

log = Logger(service="tracelake")


def emit(values: Mapping[str, float]) -> None:
    """Print numbers of this invocation as embedded metrics; the unit follows from the name."""
    # an empty service, else POWERTOOLS_SERVICE_NAME becomes a second dimension and no alarm finds the metric
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name="Stage", value=environment.stage())
    for name, value in values.items():
        metrics.add_metric(name=name, unit=_unit(name), value=value)
    metrics.flush_metrics()


def put_data(data: Iterable[Datum]) -> None:
    """Send sums and distributions at the time of their events; what CloudWatch finds too old is left out.

    Metrics are a view of the lake and not its record: a failure is logged and the batch stays committed.
    """
    oldest = environment.now_ms() - OLDEST_MS
    entries = [entry for datum in data if datum.time_ms > oldest for entry in _entries(datum)]
    try:
        for start in range(0, len(entries), _DATA_IN_REQUEST):
            part = entries[start : start + _DATA_IN_REQUEST]
            client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=part)
    except (BotoCoreError, ClientError):
        log.exception("metrics of this batch are lost; its rows are committed")


def _entries(datum: Datum) -> Iterator[MetricDatumTypeDef]:
    for start in range(0, len(datum.values), VALUES_LIMIT):
        yield {
            "MetricName": datum.name,
            "Dimensions": [{"Name": "Stage", "Value": environment.stage()}],
            "Timestamp": datetime.fromtimestamp(datum.time_ms // 1000, UTC),
            "Unit": datum.unit,  # type: ignore[typeddict-item]
            "Values": datum.values[start : start + VALUES_LIMIT],
            "Counts": datum.counts[start : start + VALUES_LIMIT],
        }


def _unit(name: str) -> MetricUnit:
    if name.endswith("Ms"):
        return MetricUnit.Milliseconds
    return MetricUnit.Bytes if name.endswith("Bytes") else MetricUnit.Count

"""CloudWatch metric streams in JSON: one object is one metric in one period, each of its statistics is a row.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-metric-streams-formats-json.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from functions.core import values
from functions.core.context import Context
from functions.core.piles import Reader
from functions.core.rows import Event
from functions.core.shapes import Keys
from functions.core.sources import emf, json_logs

SOURCE = "metric_stream"
_LOG = Reader(SOURCE, json_logs.shapes, json_logs.read)


class UnusableMetricError(ValueError):
    """The object has no statistic that is a number."""


def read(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds a metrics row for each statistic, with the label ``statistic``; and a logs row whose line names the metric
    in ``rejected_metrics``, where some of them are no numbers. Raises UnusableMetricError where none is."""
    written, dimensions = line.get("value"), line.get("dimensions")
    statistics = {name: values.number(value) for name, value in written.items()} if isinstance(written, dict) else {}
    usable = {name: value for name, value in statistics.items() if value is not None}
    if not usable:
        raise UnusableMetricError("a metric of a metric stream without a statistic that is a number")
    labels = dimensions if isinstance(dimensions, dict) else {}
    account, region = values.name(line.get("account_id")), values.name(line.get("region"))
    place = event.place = msgspec.structs.replace(
        event.place, account=account or event.place.account, region=region or event.place.region
    )
    texts = (*map(values.text, labels.values()),)
    keys = Keys((*labels, emf.STATISTIC), (*texts, ""))
    name = values.text(line.get("metric_name"))
    of_metric = (values.text(line.get("namespace")), name)
    unit = values.text(line.get("unit"))
    service = values.name(labels.get("FunctionName")) or place.service
    common = (place.account, place.region, SOURCE, event.event_time, *of_metric)
    for row_no, (statistic, value) in enumerate(usable.items()):
        labelled = (keys, (*texts, statistic))
        context.rows.metrics.append((event.time, event.id, row_no, *common, value, unit, service, labelled))
    if len(usable) < len(statistics):
        emf.note_rejected(event, [name or ""])
        context.add(_LOG, event, line, row_no=len(usable))

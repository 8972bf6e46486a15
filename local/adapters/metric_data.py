"""Gap: GetMetricData evaluates no expressions and no dynamic labels; `local.simulators.metric_series` does."""

import time
from collections import defaultdict
from typing import Any

from ministack.services import cloudwatch

from local.simulators import metric_series
from local.simulators.metrics import Metric, Values


def install() -> None:
    without_expressions = cloudwatch._get_metric_data

    def with_expressions(params: Any, asked: Any, is_cbor: bool, is_json: bool = False) -> Any:
        if not (is_cbor or is_json):
            return without_expressions(params, asked, is_cbor, is_json)
        start, end = cloudwatch._parse_ts(asked.get("StartTime")), cloudwatch._parse_ts(asked.get("EndTime"))
        found = metric_series.evaluate(
            asked["MetricDataQueries"], EmulatorMetrics(), int(start or 0), int(end or time.time())
        )
        newest_first = asked.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = [_result(each, newest_first=newest_first) for each in found]
        if is_json:
            return cloudwatch._json_ok({"MetricDataResults": results})
        return cloudwatch._cbor_ok({"MetricDataResults": [cloudwatch._cbor_metric_data_result(r) for r in results]})

    cloudwatch._get_metric_data = with_expressions


class EmulatorMetrics:
    """The emulator's metrics of the account and region at hand."""

    def names(self) -> list[Metric]:
        return [self._metric(key) for key in list(cloudwatch._metrics)]

    def values(self, metric: Metric, stat: str, period: int, start: int, end: int) -> Values:
        points: dict[int, list[Any]] = defaultdict(list)
        for point in _points(metric):
            if start <= point["Timestamp"] < end:
                points[start + int(point["Timestamp"] - start) // period * period].append(point)
        values = {
            at: cloudwatch._stat_value(cloudwatch._calc_stats(points[at]), stat, points[at]) for at in sorted(points)
        }
        return {at: value for at, value in values.items() if value is not None}

    @staticmethod
    def _metric(key: tuple[str, str, str]) -> Metric:
        namespace, name, _ = key
        points = cloudwatch._metrics.get(key) or [{"Dimensions": {}}]
        return Metric(namespace, name, dict(points[0]["Dimensions"]))


def _points(metric: Metric) -> list[dict[str, Any]]:
    """What is stored of a metric; of AWS's own without dimensions, that of the whole account."""
    if metric.namespace.startswith("AWS/") and not metric.dimensions:
        keys = [key for key in list(cloudwatch._metrics) if key[:2] == (metric.namespace, metric.name)]
    else:
        keys = [(metric.namespace, metric.name, cloudwatch._dims_key(metric.dimensions))]
    return [point for key in keys for point in list(cloudwatch._metrics.get(key) or [])]


def _result(found: metric_series.Result, *, newest_first: bool) -> dict[str, Any]:
    points = sorted(found.values.items(), reverse=newest_first)
    result = {
        "Id": found.id,
        "Label": found.label,
        "Timestamps": [cloudwatch._ts_iso(at) for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "InternalError" if found.error else "Complete",
    }
    return {**result, "Messages": [{"Code": "ArgumentError", "Value": found.error}]} if found.error else result

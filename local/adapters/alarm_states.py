"""When an alarm goes off, by AWS's rules, which need no emulator.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarm-evaluation
"""

from datetime import UTC, datetime
from typing import Any

from local.adapters import metric_math

_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}


def state_of(alarm: dict[str, Any], now: float, statistic: metric_math.Statistic, most: int = 100) -> tuple[str, str]:
    """State and reason of an alarm (as CloudFormation and DescribeAlarms write it), with at most so many datapoints.

    `now` is in seconds and falls into the newest period that counts.
    """
    queries = queries_of(alarm)
    period = period_of(queries)
    newest = int(now // period) * period
    starts = [newest - period * back for back in range(min(int(alarm["EvaluationPeriods"]), most))]
    return judge(alarm, [(start, metric_math.evaluate(queries, start, period, statistic)) for start in starts])


def queries_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What the alarm looks at, as metric data queries; an alarm of one metric has one."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric = {key: alarm[key] for key in ("Namespace", "MetricName")} | {"Dimensions": alarm.get("Dimensions") or []}
    stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat}, "ReturnData": True}]


def period_of(queries: list[dict[str, Any]]) -> int:
    """Seconds of one period."""
    return int(next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query))


def judge(alarm: dict[str, Any], points: list[tuple[int, float | None]]) -> tuple[str, str]:
    """State and reason of an alarm, given its datapoints, newest first; None is a missing one."""
    missing = alarm.get("TreatMissingData") or "missing"
    needed = min(int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]), len(points))
    is_beyond, words = _COMPARISONS[alarm["ComparisonOperator"]]
    present = [(start, value) for start, value in points if value is not None]
    beyond = [(start, value) for start, value in present if is_beyond(value, float(alarm["Threshold"]))]
    absent = len(points) - len(present)
    if len(beyond) + (absent if missing == "breaching" else 0) >= needed:
        shown = ", ".join(
            f"{value} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})" for start, value in beyond
        )
        verb = "was" if len(beyond) == 1 else "were"
        return "ALARM", (
            f"Threshold Crossed: {len(beyond)} out of the last {len(points)} datapoints [{shown}] {verb} {words} the "
            f"threshold ({float(alarm['Threshold'])}) "
            f"(minimum {needed} datapoint{'s' * (needed > 1)} for OK -> ALARM transition)."
        )
    if present or missing in ("notBreaching", "breaching"):
        return (
            "OK",
            f"Threshold not crossed: {len(present) - len(beyond)} of the last {len(points)} datapoints within it.",
        )
    if missing == "ignore":
        return alarm["StateValue"], alarm["StateReason"]
    return "INSUFFICIENT_DATA", f"Insufficient Data: {absent} datapoints were unknown."

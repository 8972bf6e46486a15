"""When an alarm goes off, and when it is over.

- Alarms are evaluated every minute, each time over the periods that end just then [1]; those of less than a minute
  every ten seconds, those of more than a day every hour.
- More periods are looked at than the alarm says, in case some are missing [2]. AWS gives one example, five for three;
  so two more are taken here. Datapoints that exist count before missing ones are filled in. A lonely datapoint beyond
  the threshold sets the alarm off when it has become old and all after it are missing; until then AWS says only that it
  does not do so at once: here it is OK, and where missing data is ignored nothing changes.
- A percentile of few values is not looked at where the alarm says so [3].
- The series of a Metrics Insights query are contributors, each with a state of its own, never INSUFFICIENT_DATA [4];
  one that is gone is OK, and without any the alarm is INSUFFICIENT_DATA [2].

[1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
[2] https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
[3] https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
[4] https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Acting_Alarm_Changes.html

An alarm is written as CloudFormation and DescribeAlarms write it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.simulators import metric_math

EXTRA_PERIODS = 2
MULTI_DAY_SECONDS = 86_400
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}

Alarm = Mapping[str, Any]
Point = tuple[int, float | None]
"""Start of a period, in seconds since 1970, and its value; None is a missing datapoint."""


def states(
    alarm: Alarm,
    known: Callable[[int], metric_math.Statistic],
    start: int,
    end: int,
    state: str = "INSUFFICIENT_DATA",
) -> Iterator[tuple[int, str]]:
    """State of an alarm at each evaluation from `start` to `end`, seconds since 1970; it begins with `state`.

    `known(now)` is what CloudWatch has at a time: metrics may come late.
    """
    for now in range(start, end + 1, evaluation_interval(alarm)):
        state, _ = state_of({"StateReason": "", **alarm, "StateValue": state}, now, known(now))
        yield now, state


def evaluation_interval(alarm: Alarm) -> int:
    """Seconds between two evaluations."""
    period = period_of(queries_of(alarm))
    if period * int(alarm["EvaluationPeriods"]) > MULTI_DAY_SECONDS:
        return 3600
    return 60 if period >= 60 else 10


def state_of(alarm: Alarm, now: float, statistic: metric_math.Statistic) -> tuple[str, str]:
    """State and reason of an alarm at `now`, seconds since 1970, at which its newest period has just ended."""
    queries = queries_of(alarm)
    period = period_of(queries)
    ends = [int(now) - period * back for back in range(int(alarm["EvaluationPeriods"]) + EXTRA_PERIODS)]
    if _has_few_samples(alarm, queries, ends, period, statistic):
        return alarm["StateValue"], alarm["StateReason"]
    return judge(
        alarm, [(end - period, metric_math.evaluate(queries, end - period, period, statistic)) for end in ends]
    )


def queries_of(alarm: Alarm) -> list[dict[str, Any]]:
    """What the alarm looks at, as metric data queries; an alarm of one metric has one."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric = {key: alarm[key] for key in ("Namespace", "MetricName")} | {"Dimensions": alarm.get("Dimensions") or []}
    stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat}, "ReturnData": True}]


def period_of(queries: Sequence[Mapping[str, Any]]) -> int:
    """Seconds of one period."""
    return int(next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query))


def judge(alarm: Alarm, points: Sequence[Point]) -> tuple[str, str]:
    """State and reason of an alarm, given the datapoints of its evaluation range, newest first."""
    wanted = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm") or wanted)
    missing = alarm.get("TreatMissingData") or "missing"
    is_beyond, _ = _COMPARISONS[alarm["ComparisonOperator"]]
    present = [(start, value) for start, value in points if value is not None][:wanted]
    beyond = [(start, value) for start, value in present if is_beyond(value, float(alarm["Threshold"]))]
    filled = wanted - len(present) if missing == "breaching" else 0
    if len(beyond) + filled >= needed:
        return "ALARM", _crossed(alarm, beyond, wanted, needed)
    if len(present) < wanted and missing in ("missing", "ignore"):
        if not present and missing == "missing":
            return "INSUFFICIENT_DATA", f"Insufficient Data: {len(points)} datapoints were unknown."
        if len(beyond) == len(present):
            if missing == "ignore":
                return alarm["StateValue"], alarm["StateReason"]
            if _is_old(present, points, needed):
                return "ALARM", _crossed(alarm, beyond, wanted, needed)
    within = len(present) - len(beyond)
    return "OK", f"Threshold not crossed: {within} of the last {wanted} datapoints within it."


def contributors(
    alarm: Alarm, before: Iterable[str], series: Mapping[str, Sequence[Point]]
) -> tuple[str, dict[str, str]]:
    """State of an alarm on a Metrics Insights query, and those of its contributors: of the `series` that the query
    gives now, and of those that were in ALARM `before`, of which one that is gone is OK."""
    if not series:
        return "INSUFFICIENT_DATA", dict.fromkeys(before, "OK")
    states = dict.fromkeys(before, "OK")
    for name, points in series.items():
        state, _ = judge({**alarm, "StateValue": "ALARM" if name in states else "OK", "StateReason": ""}, points)
        states[name] = "OK" if state == "INSUFFICIENT_DATA" else state
    return "ALARM" if "ALARM" in states.values() else "OK", states


def _is_old(present: Sequence[Point], points: Sequence[Point], needed: int) -> bool:
    """Whether the oldest datapoint that exists is the M-th from the newest period, or older."""
    return [start for start, _ in points].index(present[-1][0]) + 1 >= needed


def _has_few_samples(
    alarm: Alarm,
    queries: Sequence[Mapping[str, Any]],
    ends: Sequence[int],
    period: int,
    statistic: metric_math.Statistic,
) -> bool:
    if alarm.get("EvaluateLowSampleCountPercentile") != "ignore" or "Metrics" in alarm:
        return False
    stat = queries[0]["MetricStat"]
    share = float(stat["Stat"].removeprefix("p")) / 100
    wanted = int(alarm["EvaluationPeriods"])
    counts = [statistic({**stat, "Stat": "SampleCount"}, end - period, period) or 0.0 for end in ends[:wanted]]
    return sum(counts) < 10 / (1 - share if share >= 0.5 else share)


def _crossed(alarm: Alarm, beyond: Sequence[tuple[int, float]], wanted: int, needed: int) -> str:
    _, words = _COMPARISONS[alarm["ComparisonOperator"]]
    shown = ", ".join(f"{value} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})" for start, value in beyond)
    verb = "was" if len(beyond) == 1 else "were"
    return (
        f"Threshold Crossed: {len(beyond)} out of the last {wanted} datapoints [{shown}] {verb} {words} the "
        f"threshold ({float(alarm['Threshold'])}) "
        f"(minimum {needed} datapoint{'s' * (needed > 1)} for OK -> ALARM transition)."
    )

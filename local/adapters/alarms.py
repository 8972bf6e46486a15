"""Gap: alarms ignore dimensions, metric math, missing data and datapoints-to-alarm.

AWS's rules: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarm-evaluation.
Liberties, so that nobody waits for ten minutes: alarms are evaluated every `PERIOD_SECONDS`, the running period counts
as it stands, and at most `MOST_DATAPOINTS` are looked at.
"""

import json
import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import cloudwatch, sns
from ministack.services.cloudformation import provisioners

from local.adapters import metric_math

PERIOD_SECONDS = float(os.environ.get("TRACELAKE_LOCAL_ALARM_PERIOD", "5"))
MOST_DATAPOINTS = int(os.environ.get("TRACELAKE_LOCAL_ALARM_DATAPOINTS", "100"))
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}
_SHOWN = ("AlarmName", "AlarmDescription", "AlarmArn", "OKActions", "AlarmActions", "InsufficientDataActions")
_TRIGGER = ("EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "Threshold", "TreatMissingData")


def install() -> None:
    make_record = provisioners._cw_metric_alarm_record

    def make_record_with_math(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return make_record(name, properties)
        alarm = make_record(name, {**properties, "Metrics": None, "MetricName": "-", "Namespace": "-"})
        for key in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions"):
            del alarm[key]
        return {**alarm, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = make_record_with_math
    cloudwatch._evaluate_alarm = lambda _alarm: None
    threading.Thread(target=_watch, daemon=True, name="alarms").start()


def _watch() -> None:
    while True:
        time.sleep(PERIOD_SECONDS)
        for (account, region, _), alarm in list(cloudwatch._alarms._data.items()):
            with request_scope(account, region):
                try:
                    _evaluate(alarm, time.time())
                except Exception as error:  # one alarm that cannot be evaluated must not silence the others
                    alarm["StateReason"] = f"Cannot be evaluated here: {error!r}"
                    cloudwatch.logger.warning("alarm %s: %r", alarm["AlarmName"], error)


def _evaluate(alarm: dict[str, Any], now: float) -> None:
    queries = alarm.get("Metrics") or [_as_query(alarm)]
    period = int(next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query))
    last = int(now // period) * period
    starts = [last - period * back for back in range(min(int(alarm["EvaluationPeriods"]), MOST_DATAPOINTS))]
    points = [(start, metric_math.evaluate(queries, start, period)) for start in starts]
    state, reason = _judge(alarm, points)
    if state != alarm["StateValue"]:
        _move(alarm, queries, state, reason)


def _as_query(alarm: dict[str, Any]) -> dict[str, Any]:
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}
    stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat}, "ReturnData": True}


def _judge(alarm: dict[str, Any], points: list[tuple[int, float | None]]) -> tuple[str, str]:
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


def _move(alarm: dict[str, Any], queries: list[dict[str, Any]], state: str, reason: str) -> None:
    old, now = alarm["StateValue"], time.time()
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(now))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    region = alarm["AlarmArn"].split(":")[3]
    message = {
        **{key: alarm.get(key) for key in _SHOWN},
        "AWSAccountId": alarm["AlarmArn"].split(":")[4],
        "AlarmConfigurationUpdatedTimestamp": _instant(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": state,
        "NewStateReason": reason,
        "StateChangeTime": _instant(now),
        "Region": region,
        "OldStateValue": old,
        "Trigger": {**{key: alarm[key] for key in _TRIGGER if key in alarm}, **_trigger(alarm, queries)},
    }
    for action in alarm.get(_ACTIONS[state], []) if alarm.get("ActionsEnabled", True) else []:
        if ":sns:" in action:
            sns._fanout(action, new_uuid(), json.dumps(message), f'{state}: "{alarm["AlarmName"]}" in {region}'[:100])


def _trigger(alarm: dict[str, Any], queries: list[dict[str, Any]]) -> dict[str, Any]:
    if alarm.get("Metrics"):
        return {"Period": next(q["MetricStat"]["Period"] for q in queries if "MetricStat" in q), "Metrics": queries}
    dimensions = [{"value": each["Value"], "name": each["Name"]} for each in alarm["Dimensions"]]
    statistic = {"StatisticType": "Statistic", "Statistic": alarm["Statistic"].upper(), "Unit": alarm.get("Unit")}
    if alarm.get("ExtendedStatistic"):
        statistic = {
            "StatisticType": "ExtendedStatistic",
            "ExtendedStatistic": alarm["ExtendedStatistic"],
            "Unit": None,
        }
    metric = {key: alarm[key] for key in ("MetricName", "Namespace", "Period")}
    return {**metric, **statistic, "Dimensions": dimensions}


def _instant(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000"

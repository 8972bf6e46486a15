"""Gap: alarms ignore dimensions, metric math, missing data and datapoints-to-alarm; `local.simulators.alarm_states`
does not.

Liberties, so that nobody waits for ten minutes: alarms are evaluated every `PERIOD_SECONDS`, and none waits for more
than `MOST_DATAPOINTS` periods.
"""

import json
import os
import threading
import time
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import cloudwatch, lambda_svc, sns
from ministack.services.cloudformation import provisioners

from local.adapters.metric_data import EmulatorMetrics
from local.simulators import alarm_states, metric_math

PERIOD_SECONDS = float(os.environ.get("TRACELAKE_LOCAL_ALARM_PERIOD", "5"))
MOST_DATAPOINTS = int(os.environ.get("TRACELAKE_LOCAL_ALARM_DATAPOINTS", "100"))
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
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
    counts = {"EvaluationPeriods": alarm["EvaluationPeriods"], "DatapointsToAlarm": alarm.get("DatapointsToAlarm")}
    few = {name: min(int(count), MOST_DATAPOINTS) for name, count in counts.items() if count}
    state, reason = alarm_states.state_of({**alarm, **few}, now, metric_math.statistic_of(EmulatorMetrics()))
    if state != alarm["StateValue"]:
        _move(alarm, state, reason)


def _move(alarm: dict[str, Any], state: str, reason: str) -> None:
    before = {key: alarm.get(key) for key in ("StateValue", "StateReason", "StateUpdatedTimestamp")}
    now = time.time()
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(now))
    cloudwatch._record_history(alarm["AlarmName"], before["StateValue"], state, reason)
    region = alarm["AlarmArn"].split(":")[3]
    for action in alarm.get(_ACTIONS[state], []) if alarm.get("ActionsEnabled", True) else []:
        if ":sns:" in action:
            message = json.dumps(_message(alarm, before, now))
            sns._fanout(action, new_uuid(), message, f'{state}: "{alarm["AlarmName"]}" in {region}'[:100])
        elif ":lambda:" in action:
            _invoke(action, _event(alarm, before, now))


def _message(alarm: dict[str, Any], before: dict[str, Any], now: float) -> dict[str, Any]:
    """What a topic is told."""
    return {
        **{key: alarm.get(key) for key in _SHOWN},
        "AWSAccountId": alarm["AlarmArn"].split(":")[4],
        "AlarmConfigurationUpdatedTimestamp": _instant(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": _instant(now),
        "Region": alarm["AlarmArn"].split(":")[3],
        "OldStateValue": before["StateValue"],
        "Trigger": {
            **{key: alarm[key] for key in _TRIGGER if key in alarm},
            **_trigger(alarm, alarm_states.queries_of(alarm)),
        },
    }


def _event(alarm: dict[str, Any], before: dict[str, Any], now: float) -> dict[str, Any]:
    """What a function is told:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#Lambda-action-payload."""
    _, _, _, region, account, *_ = alarm["AlarmArn"].split(":")
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": account,
        "time": _instant(now),
        "region": region,
        "alarmData": {
            "alarmName": alarm["AlarmName"],
            "state": {"value": alarm["StateValue"], "reason": alarm["StateReason"], "timestamp": _instant(now)},
            "previousState": {
                "value": before["StateValue"],
                "reason": before["StateReason"] or "",
                "timestamp": _instant(before["StateUpdatedTimestamp"] or now),
            },
            "configuration": {
                "description": alarm.get("AlarmDescription") or "",
                "metrics": [_metric_of_event(query) for query in alarm_states.queries_of(alarm)],
            },
        },
    }


def _metric_of_event(query: dict[str, Any]) -> dict[str, Any]:
    returns = str(query.get("ReturnData", True)).lower() != "false"
    if "Expression" in query:
        return {
            "id": query["Id"],
            "expression": query["Expression"],
            "label": query.get("Label", ""),
            "returnData": returns,
        }
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions") or []},
    }
    return {
        "id": query["Id"],
        "metricStat": {"metric": metric, "period": int(stat["Period"]), "stat": stat["Stat"]},
        "returnData": returns,
    }


def _invoke(arn: str, event: dict[str, Any]) -> None:
    """As CloudWatch does: without waiting, and only where the function's policy lets the alarm."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        cloudwatch.logger.warning("alarm %s: there is no function %s", event["alarmArn"], name)
    elif not any(_allows(statement, event) for statement in function["policy"]["Statement"]):
        cloudwatch.logger.warning("alarm %s may not invoke %s", event["alarmArn"], name)
    else:
        lambda_svc.invoke_async_with_retry(function, event)


def _allows(statement: dict[str, Any], event: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    arns = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
    return service == "lambda.alarms.cloudwatch.amazonaws.com" and fnmatchcase(event["alarmArn"], arns)


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

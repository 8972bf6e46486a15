"""What the viewer asks CloudWatch and Lambda of the running stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from local.viewer import markdown, metric_widget
from local.viewer.metric_widget import Line

Json = dict[str, Any]

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_QUERIES_LIMIT = 500
_ALARM = ("AlarmName", "AlarmArn", "AlarmDescription", "StateValue", "StateReason")
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": "≥",
    "GreaterThanThreshold": ">",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}


@dataclass(frozen=True, slots=True)
class Period:
    """A time range in seconds since 1970."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Console:
    """One running stack, reached by the environment that `local.run.Emulator` announces."""

    def __init__(self, environment: Mapping[str, str], stage: str) -> None:
        self.stage = stage
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        self._environment = environment
        self._cloudwatch, self._lambda = self._client("cloudwatch"), self._client("lambda")

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=self._environment["AWS_REGION"],
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(read_timeout=60, connect_timeout=2, retries={"total_max_attempts": 1}),
        )

    def overview(self) -> Json:
        """Where this is, and which dashboards it has."""
        pages = self._cloudwatch.get_paginator("list_dashboards").paginate()
        names = [entry["DashboardName"] for page in pages for entry in page["DashboardEntries"]]
        return {
            "dashboards": sorted(names),
            "stage": self.stage,
            "account": self._environment["AWS_ACCESS_KEY_ID"],
            "region": self._environment["AWS_REGION"],
            "endpoint": self.endpoint,
        }

    def dashboard(self, name: str) -> Json:
        """The body of a dashboard; a widget also has its `id`, and one of text its `html`."""
        body: Json = json.loads(self._cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        for number, widget in enumerate(body["widgets"]):
            widget["id"] = f"widget-{number}"
            if widget["type"] == "text":
                widget["html"] = markdown.as_html(str(widget["properties"].get("markdown", "")))
        return body

    def metrics(self, properties: Mapping[str, Any], period: Period, *, auto: bool) -> Json:
        """The series of a metric widget, times in seconds; with `auto` their period follows from the time range."""
        extra: Json = {}
        if not properties.get("metrics"):
            properties, extra = self._alarm_as_widget(properties)
        seconds = metric_widget.auto_period(period.seconds) if auto else None
        if properties.get("setPeriodToTimeRange"):
            seconds = metric_widget.one_period(period.end)
        lines = metric_widget.lines(properties, seconds)
        found: list[Json] = []
        for start in range(0, len(lines), _QUERIES_LIMIT):
            found += self._read(lines[start : start + _QUERIES_LIMIT], period)
        by_id = {line.query["Id"]: line for line in lines}
        shortest = seconds or min((line.period for line in lines if line.period), default=metric_widget.DEFAULT_PERIOD)
        return {
            "period": shortest,
            "series": [_series(result, by_id[result["Id"]], shortest) for result in found],
            **extra,
        }

    def _read(self, lines: list[Line], period: Period) -> list[Json]:
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[line.query for line in lines],
            StartTime=datetime.fromtimestamp(period.start, UTC),
            EndTime=datetime.fromtimestamp(period.end, UTC),
            ScanBy="TimestampAscending",
        )
        return [result for page in pages for result in page["MetricDataResults"]]

    def _alarm_as_widget(self, properties: Mapping[str, Any]) -> tuple[Mapping[str, Any], Json]:
        """A widget that names an alarm instead of metrics shows the alarm's metrics and its threshold."""
        arns = (properties.get("annotations") or {}).get("alarms") or []
        alarm = next((each for each in self._all_alarms() if each["AlarmArn"] in arns), None)
        if alarm is None:
            return properties, {}
        sign = _COMPARISONS.get(alarm["ComparisonOperator"], "")
        threshold = {
            "value": alarm.get("Threshold", 0),
            "label": f"{alarm['AlarmName']} {sign} {alarm['Threshold']:,.12g}",
        }
        metrics = [_metric_row(query) for query in alarm.get("Metrics") or [_as_query(alarm)]]
        return {**properties, "metrics": metrics}, {"annotations": {"horizontal": [threshold]}}

    def alarms(self) -> list[Json]:
        """Every alarm with its state; `since` in milliseconds, the description also as HTML."""
        return [
            {
                **{key: alarm.get(key, "") for key in _ALARM},
                "since": alarm["StateUpdatedTimestamp"].timestamp() * 1000,
                "condition": _condition(alarm),
                "html": markdown.with_runbooks(markdown.as_html(alarm.get("AlarmDescription", ""))),
            }
            for alarm in self._all_alarms()
        ]

    def _all_alarms(self) -> list[Json]:
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate()
        return [alarm for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for alarm in page.get(kind, [])]

    def invoke(self, function: str, event: Json) -> Json:
        """What a function answers: `html` to be sanitised, or another `value`; or the `error` that it ended with."""
        answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        value = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            known = value if isinstance(value, dict) else {}
            return {"error": f"{known.get('errorType', 'Error')}: {known.get('errorMessage', value)}"}
        if isinstance(value, str):
            return {"html": value}
        if isinstance(value, dict) and value.keys() == {"markdown"}:
            return {"html": markdown.as_html(str(value["markdown"]))}
        return {"value": value}


def _series(result: Json, line: Line, shortest: int) -> Json:
    """One series as the page draws it; an expression without a period has the shortest of its widget."""
    return {
        "id": result["Id"],
        "label": result["Label"],
        "times": [int(at.timestamp()) for at in result["Timestamps"]],
        "values": result["Values"],
        "period": line.period or shortest,
        "right": line.options.get("yAxis") == "right",
        "color": line.options.get("color"),
        "messages": [message["Value"] for message in result.get("Messages", [])],
    }


def _condition(alarm: Json) -> str:
    """In words when an alarm goes off, as far as one line says it."""
    if "Threshold" not in alarm:
        return str(alarm.get("AlarmRule", ""))
    what = alarm.get("MetricName") or next(
        (str(each.get("Label") or each["Id"]) for each in alarm.get("Metrics", []) if each.get("ReturnData", True)), ""
    )
    sign = _COMPARISONS.get(alarm["ComparisonOperator"], alarm["ComparisonOperator"])
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    return f"{what} {sign} {alarm['Threshold']:,.12g}, {needed} of {alarm['EvaluationPeriods']} periods"


def _as_query(alarm: Json) -> Json:
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}
    stat = {"Metric": metric, "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"], "Period": alarm["Period"]}
    return {"Id": "m1", "MetricStat": stat}


def _metric_row(query: Json) -> list[Any]:
    """A query of an alarm as a row of a widget."""
    options: Json = {"id": query["Id"], "visible": query.get("ReturnData", True)}
    if label := query.get("Label"):
        options["label"] = label
    if "Expression" in query:
        return [{**options, "expression": query["Expression"]}]
    stat = query["MetricStat"]
    metric = stat["Metric"]
    names = [part for each in metric.get("Dimensions", []) for part in (each["Name"], each["Value"])]
    return [
        metric["Namespace"],
        metric["MetricName"],
        *names,
        {**options, "stat": stat["Stat"], "period": stat["Period"]},
    ]

"""Log events that never come to the stream are made visible: CloudWatch Logs counts them, check_delivery adds them up,
and the deployed alarm goes off."""

from __future__ import annotations

from typing import Any

import pytest
from answering import answering
from template_reading import Template, of_type

from functions.aws import clients, environment
from functions.check_delivery import handler
from local.simulators import alarm_states, emf
from local.simulators.metric_math import statistic_of
from local.simulators.metrics import Measured, Metric, Point
from local.simulators.subscriptions import LogGroups, ThrottledError

BEGIN = 1_795_168_800  # a full hour
MINUTE, DAY = 60, 86_400
NAME = "tracelake-main"
STREAM = f"arn:aws:kinesis:eu-central-1:1:stream/{NAME}"


class Account:
    """Two log groups of which one writes each minute, and the schedule of check_delivery."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.fault: Exception | None = None
        self.taken = 0
        self.logs = LogGroups(self._put, lambda: self.now * 1000)
        self.logs.groups = {group: {NAME: {"destinationArn": STREAM}} for group in ("/shop", "/quiet")}
        self.own = Measured()
        self._clients = {name: answering(name, self._answer) for name in ("cloudwatch", "sns")}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def live(self, minutes: int, capsys: pytest.CaptureFixture[str]) -> None:
        for _ in range(minutes):
            self.logs.write("/shop", "s", [{"id": str(self.now), "timestamp": self.now * 1000, "message": "m"}])
            self.now += MINUTE
            self.logs.retry()
            if self.now % (15 * MINUTE) == 0:
                handler.handle({}, None)
                for datum in (datum for line in capsys.readouterr().out.splitlines() for datum in emf.read(line)):
                    points = [Point(self.now, value) for value in datum.values]
                    self.own.put(Metric(datum.namespace, datum.name, datum.dimensions), *points)

    def course(self, alarm: dict[str, Any]) -> list[str]:
        """States of the alarm since the beginning."""
        statistic = statistic_of(self.own)
        return [state for _, state in alarm_states.states(alarm, lambda _now: statistic, BEGIN, self.now, "OK")]

    def _put(self, _stream: str, _key: str, _data: bytes) -> None:
        if self.fault:
            raise self.fault
        self.taken += 1

    def _answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if operation == "ListSubscriptionsByTopic":
            return {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:eu-central-1:1:t:1", "Endpoint": "ops"}]}
        if operation == "ListMetrics":
            wanted = {each["Name"]: each["Value"] for each in params["Dimensions"] if "Value" in each}
            asked = (params["Namespace"], params["MetricName"])
            found = [each for each in self.logs.metrics.names() if (each.namespace, each.name) == asked]
            return {"Metrics": [_as_listed(each) for each in found if wanted.items() <= each.dimensions.items()]}
        metric = Metric(
            params["Namespace"], params["MetricName"], {d["Name"]: d["Value"] for d in params["Dimensions"]}
        )
        start, end = (int(params[name].timestamp()) for name in ("StartTime", "EndTime"))
        found = self.logs.metrics.values(metric, "Sum", params["Period"], start, end)
        return {"Datapoints": [{"Sum": value} for value in found.values()]}


def _as_listed(metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


TOPIC = f"arn:aws:sns:eu-central-1:123456789012:{NAME}-alerts"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(clients, "_client", made.client)
    monkeypatch.setattr(environment, "now_ms", lambda: made.now * 1000)
    for name, value in {"TOPIC_ARN": TOPIC, "ALERT_EMAIL": "", "TRACELAKE_STAGE": "main"}.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def alarm(insight: Template) -> dict[str, Any]:
    found = of_type(insight, "AWS::CloudWatch::Alarm").values()
    return next(each for each in found if each["AlarmName"] == f"{NAME}-delivery-errors")


@pytest.mark.parametrize("minute", range(0, 15, 2))
def test_one_refused_record_sets_the_alarm_off_whenever_it_is_and_it_ends(
    account: Account, alarm: dict[str, Any], minute: int, capsys: pytest.CaptureFixture[str]
) -> None:
    account.live(60 + minute, capsys)
    account.fault = PermissionError()
    account.live(1, capsys)
    account.fault = None
    assert "ALARM" not in account.course(alarm)
    account.live(180 - minute, capsys)
    assert account.taken == 60 + minute + 180 - minute - 9  # the filter was off for ten minutes
    states = account.course(alarm)
    assert states.index("ALARM") <= 60 + minute + 21
    assert states[-1] == "OK"


def test_what_is_late_sets_nothing_off(
    account: Account, alarm: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    account.fault = ThrottledError()
    account.live(120, capsys)
    account.fault = None
    account.live(60, capsys)
    assert account.taken == 180
    assert set(account.course(alarm)) == {"OK"}


def test_the_log_of_check_delivery_names_the_log_groups(
    account: Account, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    account.fault = PermissionError()
    account.live(15, capsys)
    account.fault = None
    account.live(15, capsys)
    named = [vars(record)["by_log_group"] for record in caplog.records if "not delivered" in record.message]
    assert named[-1] == {"/shop": 2}


def test_without_check_delivery_looking_at_this_filter_nobody_would_say_it(
    account: Account, alarm: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = handler.deliveries.errors
    monkeypatch.setattr(handler.deliveries, "errors", lambda _name, now_ms: found("another", now_ms))
    account.fault = PermissionError()
    account.live(120, capsys)
    assert "ALARM" not in account.course(alarm)

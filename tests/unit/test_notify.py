"""notify: one change of an alarm in, one message out, whatever else is broken."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from answering import RefusedError, answering
from botocore.response import StreamingBody

from functions.aws import clients
from functions.core.customers.listing import Customer
from functions.core.customers.listing import encode as encode_list
from functions.core.ranked import Requests
from functions.core.summaries import HourObject, Traffic, encode
from functions.notify import handler

EVENT = json.loads((Path(__file__).parents[1] / "events" / "alarm_with_metric_math.json").read_text())
AT = datetime(2026, 11, 20, 10, 17, 8, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-central-1:444455556666:tracelake-main-alerts"
DAY_S = 86_400


class Account:
    """The topic, the table, the metrics and the lake bucket that notify sees; `broken` services refuse everything."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.table: dict[tuple[str, str], dict[str, Any]] = {}
        self.broken: set[str] = set()
        self.summaries: dict[str, bytes] = {}
        self.errors_a_minute = 34
        services = {"sns": self._sns, "dynamodb": self._dynamodb, "cloudwatch": self._cloudwatch, "s3": self._s3}
        self._clients = {name: answering(name, self._unless_broken(name, each)) for name, each in services.items()}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def _unless_broken(self, name: str, answer: Any) -> Any:
        def respond(operation: str, params: dict[str, Any]) -> Any:
            if name in self.broken:
                raise RefusedError("AccessDenied", f"{name} is broken")
            return answer(params)

        return respond

    def _sns(self, params: dict[str, Any]) -> dict[str, Any]:
        texts = json.loads(params["Message"])
        self.sent.append({**params, "Message": texts["default"], "Short": texts["sms"]})
        return {"MessageId": "1"}

    def _dynamodb(self, params: dict[str, Any]) -> dict[str, Any]:
        if "Key" in params:
            item = self.table.get((params["Key"]["pk"]["S"], params["Key"]["sk"]["S"]))
            return {"Item": item} if item else {}
        for write in params["TransactItems"]:
            if "Put" in write:
                item = write["Put"]["Item"]
                self.table[item["pk"]["S"], item["sk"]["S"]] = item
            else:
                key = write["Update"]["Key"]
                self.table[key["pk"]["S"], key["sk"]["S"]]["count"] = write["Update"]["ExpressionAttributeValues"][
                    ":new_count"
                ]
        return {}

    def _cloudwatch(self, params: dict[str, Any]) -> dict[str, Any]:
        """A hundred requests each minute; yesterday one of them failed, and since 10:05 today many."""
        start, end = (params[name].timestamp() for name in ("StartTime", "EndTime"))
        minutes = [at for at in range(int(start) // 60 * 60, int(end), 60) if start <= at]
        bad_since = AT.replace(minute=5, second=0).timestamp()
        results = []
        for query in params["MetricDataQueries"]:
            bad = float(self.errors_a_minute) if query["Id"] == "errors" else 100.0
            good = 1.0 if query["Id"] == "errors" else 100.0
            values = [bad if at >= bad_since else good for at in minutes]
            times = [datetime.fromtimestamp(at, UTC) for at in minutes]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": values})
        return {"MetricDataResults": results}

    def _s3(self, params: dict[str, Any]) -> dict[str, Any]:
        body = self.summaries.get(params["Key"])
        if body is None:
            raise RefusedError("NoSuchKey")
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": "e"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(clients, "_client", made.client)
    names = {
        "TOPIC_ARN": TOPIC,
        "STATE_TABLE": "state",
        "LAKE_BUCKET": "lake",
        "DASHBOARD": "tracelake-main-application",
    }
    for name, value in {**names, "TRACELAKE_STAGE": "main"}.items():
        monkeypatch.setenv(name, value)
    return made


def _event(state: str = "ALARM", minutes: int = 0, name: str = "error-rate", before: str = "OK") -> dict[str, Any]:
    event = deepcopy(EVENT)
    data = event["alarmData"]
    data["alarmName"] = f"tracelake-main-{name}"
    at = datetime.fromtimestamp(AT.timestamp() + minutes * 60, UTC)
    data["state"] |= {"value": state, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"}
    data["previousState"]["value"] = before
    return event


def _summary(**customers: tuple[int, int]) -> bytes:
    traffic = Traffic()
    for name, (requests, errors) in customers.items():
        traffic.customers.add((name,), Requests(requests, errors))
    return encode(HourObject(content=traffic.plain()))


def test_the_message_compares_with_yesterday_and_names_the_customers(account: Account) -> None:
    account.summaries["summaries/traffic/hour=2026-11-20-10.json"] = _summary(globex=(70, 61), initech=(90, 0))
    handler.handle(EVENT, None)
    (sent,) = account.sent
    assert (sent["TopicArn"], sent["MessageStructure"]) == (TOPIC, "json")
    assert sent["Short"] == "34 % of requests failed (5xx), usually 1 %"
    assert sent["Subject"] == "34 % of requests failed (5xx), usually 1 % [tracelake main]"
    assert "Since 10:05 UTC, Fri 20 Nov.\nUsual: 1 % (at this time yesterday)." in sent["Message"]
    assert "CUSTOMERS (since 10:00 UTC)\n- globex: 61 of 70 failed\n\n" in sent["Message"]
    assert sent["MessageAttributes"]["severity"] == {"DataType": "String", "StringValue": "high"}


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (encode_list([Customer("globex", "Globex Corporation", "business")]), "Globex Corporation: 61 of 70 failed"),
        (b"PAR1 broken", "globex: 61 of 70 failed"),
    ],
)
def test_the_message_has_the_names_of_the_list_and_ids_where_it_cannot_be_read(
    account: Account, file: bytes, told: str
) -> None:
    account.summaries["summaries/traffic/hour=2026-11-20-10.json"] = _summary(globex=(70, 61))
    account.summaries["lists/tenants/tenants.parquet"] = file
    handler.handle(EVENT, None)
    (sent,) = account.sent
    assert f"\n- {told}" in sent["Message"]


def test_the_end_is_told_with_its_length_and_a_repeated_event_is_not_told(account: Account) -> None:
    for event in (EVENT, EVENT, _event("OK", 20), _event("OK", 20)):
        handler.handle(event, None)
    assert [sent["Subject"] for sent in account.sent] == [
        "34 % of requests failed (5xx), usually 1 % [tracelake main]",
        "Over after 32 min: requests fail no more [tracelake main]",
    ]
    assert "It lasted 32 min: 10:05 to 10:37 UTC" in account.sent[1]["Message"]


def test_the_end_of_a_pipeline_alarm_is_told_though_its_beginning_went_to_the_topic(account: Account) -> None:
    handler.handle(_event("OK", name="unpublished-hours", before="ALARM"), None)
    (sent,) = account.sent
    assert sent["Subject"].startswith("Over after 25 h 46 min: all hours are published again")


def test_a_deployment_sends_nothing(account: Account) -> None:
    for name in ("error-rate", "ingest-behind", "unpublished-hours"):
        handler.handle(_event("OK", name=name, before="INSUFFICIENT_DATA"), None)
    assert account.sent == []


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("cloudwatch", "At least 5 % of the requests were answered with 5xx"),
        ("s3", "CUSTOMERS\nNot known yet."),
        ("dynamodb", "34 % of requests failed"),
    ],
)
def test_a_service_that_fails_costs_only_what_it_would_have_said(account: Account, broken: str, missing: str) -> None:
    account.broken = {broken}
    handler.handle(EVENT, None)
    (sent,) = account.sent
    assert missing in sent["Message"]
    assert "DO\n1. " in sent["Message"]


def test_where_composing_fails_the_event_itself_is_sent(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHBOARD")
    handler.handle(EVENT, None)
    (sent,) = account.sent
    assert sent["Subject"] == "ALARM: tracelake-main-error-rate [tracelake main]"
    assert "MissingSettingError" in sent["Message"]
    assert json.loads(sent["Message"].split("\n\n", 1)[1]) == EVENT


@pytest.mark.parametrize("event", [{}, {"Records": []}, _event(name="of-somebody-else")])
def test_what_is_none_of_its_alarms_is_sent_as_it_is(account: Account, event: dict[str, Any]) -> None:
    handler.handle(event, None)
    (sent,) = account.sent
    assert json.loads(sent["Message"].split("\n\n", 1)[1]) == event


def test_what_cannot_be_published_is_an_error_and_is_told_at_the_next_try(account: Account) -> None:
    account.broken = {"sns"}
    with pytest.raises(Exception, match="sns is broken"):
        handler.handle(EVENT, None)
    account.broken = set()
    handler.handle(EVENT, None)
    assert len(account.sent) == 1


def test_no_more_than_twenty_messages_are_sent_in_an_hour_and_the_last_says_so(account: Account) -> None:
    for minute in range(25):
        account.table.pop(("incident", "error-rate"), None)  # as if each were another alarm
        handler.handle(_event(minutes=minute), None)
    assert len(account.sent) == 20
    assert ["last message of this hour" in sent["Message"] for sent in account.sent] == [False] * 19 + [True]


def test_a_hostile_customer_does_not_reach_the_subject_or_break_the_message(account: Account) -> None:
    hostile = "\r\nSubject: pay here\u202e<script>"
    account.summaries["summaries/traffic/hour=2026-11-20-10.json"] = _summary(**{hostile: (9, 9)})
    handler.handle(EVENT, None)
    (sent,) = account.sent
    assert "pay here" not in sent["Subject"]
    assert "\n- Subject: pay here<script>: 9 of 9 failed\n" in sent["Message"]

"""check_budget and `tracelake budget`: what a month has cost is found, told once, and what is left out can be ended."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from answering import RefusedError, answering
from botocore.response import StreamingBody

from cli import target
from cli.main import main
from functions.aws import clients, environment, plans
from functions.check_budget import handler
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import HourObject, Ledger, encode

START = 1_793_491_200_000  # 2026-11-01
TOPIC = "arn:aws:sns:eu-central-1:444455556666:tracelake-main-alerts"
CONTEXT: Any = SimpleNamespace(
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:tracelake-main-check-budget"
)


class Account:
    """The summaries of the ledger, the state table and the topic."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.table: dict[tuple[str, str], dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.read: list[str] = []
        self.refuse = ""
        self.now_ms = START
        services = {"sns": self._sns, "dynamodb": self._dynamodb, "s3": self._s3}
        self._clients = {name: answering(name, each) for name, each in services.items()}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def hours(self, count: int, raw_bytes: int = 10**9) -> None:
        """Telemetry in the first hours of the month, most of it DEBUG lines of one log group."""
        groups = {
            "bytes_by_log_group": {"/loud": raw_bytes // 2, "aws/spans": raw_bytes // 4},
            "quiet_bytes_by_log_group": {"/loud": raw_bytes // 3},
        }
        counts = {"commits": 180, "records": 2000, "raw_bytes": raw_bytes, "stored_bytes": raw_bytes // 12}
        ledger = Ledger({**counts, "files": 1200, "rows": 10**6}, 0, groups)
        for hour in range(count):
            key = f"summaries/ledger/hour={hour_of(START + hour * HOUR_MS)}.json"
            self.objects[key] = encode(HourObject(content=ledger.plain()))

    def _sns(self, _operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuse == "sns":
            raise RefusedError("AccessDenied")
        self.sent.append({**params, "Message": json.loads(params["Message"])["default"]})
        return {"MessageId": "1"}

    def _dynamodb(self, _operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if "Key" in params:
            item = self.table.get((params["Key"]["pk"]["S"], params["Key"]["sk"]["S"]))
            return {"Item": item} if item else {}
        for write in params["TransactItems"]:
            if "Put" in write:
                item = write["Put"]["Item"]
                self.table[item["pk"]["S"], item["sk"]["S"]] = item
            else:
                update = write["Update"]
                key = (update["Key"]["pk"]["S"], update["Key"]["sk"]["S"])
                values = update["ExpressionAttributeValues"]
                self.table[key] = {**update["Key"], "plan": values[":new_plan"], "version": values[":new_version"]}
        return {}

    def _s3(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if operation == "PutObject":
            self.objects[params["Key"]] = params["Body"]
            return {"ETag": "e"}
        self.read.append(params["Key"])
        body = self.objects.get(params["Key"])
        if body is None:
            raise RefusedError("NoSuchKey")
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": "e"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(clients, "_client", made.client)
    monkeypatch.setattr(environment, "now_ms", lambda: made.now_ms)
    values = {
        "TOPIC_ARN": TOPIC,
        "STATE_TABLE": "state",
        "LAKE_BUCKET": "lake",
        "DASHBOARD": "tracelake-main-pipeline-eu-central-1",
        "BUDGET_USD": "50",
        "REST_USD": "18",
        "OVER_BUDGET": "sample",
        "TRACELAKE_STAGE": "main",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    place = target.Target("here", "db", "wg", "stream", "dead", "state", "lake")
    monkeypatch.setattr(target, "find", lambda _stage, local: place)
    return made


def _look(account: Account, hour: int) -> dict[str, Any]:
    account.now_ms = START + hour * HOUR_MS
    return handler.handle({}, CONTEXT)


def test_with_money_left_nobody_is_told(account: Account) -> None:
    account.hours(24)
    found = _look(account, 24)
    assert 1 < found["usd"] < 5
    assert found["told"] == []
    assert account.sent == []


def test_the_topic_of_the_alerts_is_told_once_when_80_percent_are_spent(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.hours(48)
    spent = _look(account, 48)["usd"]
    monkeypatch.setenv("BUDGET_USD", str(spent * 1.2))
    assert _look(account, 48)["told"] == ["80"]
    assert _look(account, 49)["told"] == []
    (sent,) = account.sent
    assert sent["TopicArn"] == TOPIC
    assert sent["Subject"].startswith("80 % of this month's budget is spent: $")
    assert "- /loud: 12.0 GB (50 %), 8.0 GB of it DEBUG and INFO" in sent["Message"]
    assert "tracelake main, account 123456789012, eu-central-1" in sent["Message"]


def test_a_message_that_was_not_taken_is_sent_by_the_next_attempt(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.hours(48)
    monkeypatch.setenv("BUDGET_USD", "0.1")
    account.refuse = "sns"
    with pytest.raises(Exception, match="AccessDenied"):
        _look(account, 48)
    account.refuse = ""
    assert len(_look(account, 48)["told"]) == 3
    assert len(account.sent) == 1


def test_old_hours_are_read_once_and_nothing_is_counted_twice(account: Account) -> None:
    account.hours(100)
    whole = _look(account, 100)["usd"]
    account.read.clear()
    assert _look(account, 100)["usd"] == whole
    assert len(account.read) == 49
    account.table.clear()
    for hour in range(0, 101, 20):
        found = _look(account, hour)
    assert found["usd"] == pytest.approx(whole, abs=0.0002)


def test_what_is_deployed_counts_from_when_it_was_there(account: Account) -> None:
    assert _look(account, 100)["usd"] == 0  # no commit, no memory: it is deployed just now
    assert _look(account, 172)["usd"] == pytest.approx(72 / 720 * 18, abs=0.001)
    december = START + 720 * HOUR_MS
    account.now_ms = december + 31 * HOUR_MS
    assert handler.handle({}, CONTEXT)["usd"] == pytest.approx(31 / 744 * 18, abs=0.001)


def _budget(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["budget", *arguments])
    shown = capsys.readouterr()
    return status, shown.out + shown.err


def test_the_command_says_what_is_spent_and_left_out_and_can_end_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUDGET_USD", "0.1")
    account.hours(48)
    _look(account, 48)
    status, said = _budget(capsys)
    assert status == 0
    assert "of $0.10" in said
    assert "Left out: 9 in 10 DEBUG, TRACE and INFO lines of /loud, from 03 Nov 00:10 UTC to 01 Dec 00:00 UTC." in said
    account.now_ms += HOUR_MS
    status, said = _budget(capsys, "--off")
    assert status == 0
    assert said.startswith("All lines with times from 03 Nov 01:10 UTC on are kept, for the rest of 2026-11.")
    assert _look(account, 58)["told"] == [f"ended {START + 49 * HOUR_MS + 600_000} /loud"]
    assert [each.log_group for each in plans.read("state").periods] == ["/loud"]
    assert "Nothing is left out; over_budget is sample." in _budget(capsys)[1]


def test_without_a_budget_the_command_says_what_to_do(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = _budget(capsys)
    assert status == 1
    assert "set monthly_budget_usd and deploy" in said

"""detect, from its schedule to the mail: what is unusual is told once, with what was deployed and who is hit."""

from __future__ import annotations

import json
import random
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from answering import RefusedError, answering
from botocore.response import StreamingBody
from made_incidents import in_lake, incident, usual

from functions.aws import clients, environment, items
from functions.aws.signals import STATE_KEY
from functions.aws.summaries import INCIDENTS
from functions.core import parquet
from functions.core.customers.listing import Customer
from functions.core.customers.listing import encode as encode_list
from functions.core.lake_files import LakeFile, to_plain
from functions.core.schema import HOUR_MS, TENANTS, hour_of
from functions.core.summaries import HourObject, Ledger, encode
from functions.core.traces.suspects import Rows
from functions.core.watch import page
from functions.core.watch.deployed import Deployment, Deployments
from functions.core.watch.signals import BIN_MS, Course, Measure, TrafficSignals
from functions.detect import handler, telling
from functions.detect.looking import SETTLE_MS

START = 1_793_491_200_000  # 2026-11-01
DAYS = 3
TOPIC = "arn:aws:sns:eu-central-1:123456789012:tracelake-main-alerts"
MINUTE_MS = 60_000
CONTEXT: Any = SimpleNamespace(
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:tracelake-main-detect",
    get_remaining_time_in_millis=lambda: 300_000,
)


class Account:
    """Signals of a service with one customer, the state table and the topic."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.table: dict[tuple[str, str], dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.refuse = ""
        self.listed = 0
        self.now_ms = START
        self._chance = random.Random(1)
        services = {"sns": self._sns, "dynamodb": self._dynamodb, "s3": self._s3}
        self._clients = {name: answering(name, each) for name, each in services.items()}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def goes_on(self, hours: float, failing: float = 0.002) -> None:
        """So much time goes by, of which `compact` knows until the end."""
        end = self.now_ms + int(hours * HOUR_MS)
        for start in range(self.now_ms // HOUR_MS * HOUR_MS, end, HOUR_MS):
            key = f"summaries/signals_traffic/hour={hour_of(start)}.json"
            made = HourObject() if key not in self.objects else json.loads(self.objects[key])
            signals = TrafficSignals.of(made["content"]) if isinstance(made, dict) else TrafficSignals()
            for number in range(12):
                at = start + number * BIN_MS
                if self.now_ms <= at < end:
                    for kind, names in (("service", ("checkout",)), ("customer", ("acme",))):
                        signals.found[kind].add(names, Course({number: self._measure(failing)}))
            self.objects[key] = encode(HourObject(content=signals.plain()))
        self.now_ms = end
        self.table["signals", "seen"] = {"until_ms": {"N": str(end + SETTLE_MS + 1000)}}
        key = f"summaries/ledger/hour={hour_of(end)}.json"
        self.objects[key] = encode(HourObject(content=Ledger({"commits": 5}, 800.0).plain()))

    def deployed(self, name: str) -> None:
        made = Deployments()
        made.found.add((name,), Deployment(1, 0, self.now_ms, self.now_ms, "42"))
        key = f"summaries/deployments/hour={hour_of(self.now_ms)}.json"
        self.objects[key] = encode(HourObject(content=made.plain()))

    def worked(self, rows: Rows, minutes_ago: int, *, published: bool = False) -> None:
        """Requests as `normalize` has committed them, or `compact` has published them."""
        at = self.now_ms - minutes_ago * MINUTE_MS
        hour, folder = hour_of(at), "settled" if published else "hot"
        files = []
        for table, written in zip(("spans", "logs"), in_lake(rows, at), strict=True):
            key = f"{folder}/{table}/hour={hour}/{at}.parquet"
            self.objects[key] = parquet.encode(table, written)
            files.append(LakeFile.of(table, hour, key, written, len(self.objects[key])))
            generation = {"generation": 1, "prefix": "settled/", "files": to_plain(files[-1:])}
            if published:
                self.table[f"hour#{table}", hour] = items.pack(generation)
        if not published:
            pending = {"pk": "pending", "sk": f"{hour}#{at}", "files": to_plain(files), "committed_at": at}
            self.table["pending", f"{hour}#{at}"] = items.pack(pending)

    def look(self) -> dict[str, Any]:
        return handler.handle({}, CONTEXT)

    def shown(self) -> tuple[page.Shown, ...]:
        found = page.decode(self.objects[INCIDENTS])
        assert found
        return found.shown

    def _measure(self, failing: float) -> Measure:
        count = max(1, round(self._chance.gauss(500, 20)))
        return Measure(count, sum(self._chance.random() < failing for _ in range(count)), latency={40: count})

    def _sns(self, _operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuse == "sns":
            raise RefusedError("AccessDenied")
        self.sent.append({**params, "Message": json.loads(params["Message"])["default"]})
        return {"MessageId": "1"}

    def _dynamodb(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if operation == "Query":
            values = params["ExpressionAttributeValues"]
            pk, sk = (values[f":{name}"]["S"] for name in ("pk", "sk"))
            return {"Items": [item for key, item in self.table.items() if key[0] == pk and key[1].startswith(sk)]}
        if "Key" in params:
            item = self.table.get((params["Key"]["pk"]["S"], params["Key"]["sk"]["S"]))
            return {"Item": item} if item else {}
        for write in params["TransactItems"]:
            if "Put" in write:
                item = write["Put"]["Item"]
                self.table[item["pk"]["S"], item["sk"]["S"]] = item
            else:
                key = tuple(write["Update"]["Key"][name]["S"] for name in ("pk", "sk"))
                self.table[key]["count"] = write["Update"]["ExpressionAttributeValues"][":new_count"]
        return {}

    def _s3(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if operation == "ListObjectsV2":
            self.listed += 1
            later = [key for key in self.objects if key > params["StartAfter"] and key.startswith(params["Prefix"])]
            return {"Contents": [{"Key": key} for key in sorted(later)[: params["MaxKeys"]]]}
        key = params["Key"]
        if self.refuse and self.refuse in key:
            raise RefusedError("AccessDenied")
        if operation == "PutObject":
            self.objects[key] = params["Body"]
            return {"ETag": "e"}
        if key not in self.objects:
            raise RefusedError("NoSuchKey")
        body = self.objects[key]
        return {"Body": StreamingBody(BytesIO(body), len(body)), "ETag": '"e"'}


@pytest.fixture(scope="module")
def learnt() -> tuple[dict[str, bytes], dict[tuple[str, str], dict[str, Any]], int]:
    """Three days of it, as detect has learnt them."""
    account = Account()
    with pytest.MonkeyPatch.context() as patch:
        _at(account, patch)
        account.goes_on(24 * DAYS)
        assert account.look()["judged"] == DAYS * 288
        assert account.sent == []
    return account.objects, account.table, account.now_ms


@pytest.fixture
def account(learnt: Any, monkeypatch: pytest.MonkeyPatch) -> Account:
    found = Account()
    found.objects, found.table, found.now_ms = dict(learnt[0]), dict(learnt[1]), learnt[2]
    _at(found, monkeypatch)
    return found


def _at(account: Account, patch: pytest.MonkeyPatch) -> None:
    for name, value in {"STATE_TABLE": "state", "LAKE_BUCKET": "lake", "TOPIC_ARN": TOPIC, "DASHBOARD": "app"}.items():
        patch.setenv(name, value)
    patch.setattr(clients, "_client", account.client)
    patch.setattr(environment, "now_ms", lambda: account.now_ms)


def test_what_is_unusual_is_told_once_and_its_end(account: Account) -> None:
    account.deployed("shop-checkout")
    account.goes_on(0.25, failing=0.3)
    (subject,) = account.look()["told"]
    assert account.look() == {"judged": 0, "told": []}
    (mail,) = account.sent
    assert mail["Subject"] == subject
    assert "checkout" in subject
    assert "expected 0." in subject
    text = mail["Message"]
    assert "DEPLOYED\n- 00:00 UTC" in text
    assert "shop-checkout 42" in text
    assert "acme" in text
    account.goes_on(0.25, failing=0.3)
    assert account.look()["told"] == []
    account.goes_on(1)
    (over,) = account.look()["told"]
    assert over.startswith("Over after ")
    (shown,) = account.shown()
    assert shown.over_ms
    assert shown.deployed


def test_who_is_the_likely_cause_is_told_and_shown(account: Account) -> None:
    account.goes_on(0.25, failing=0.3)
    account.worked(usual(), minutes_ago=30, published=True)
    account.worked(incident(slow={"stock": 100.0}), minutes_ago=12)
    account.look()
    (shown,) = account.shown()
    assert shown.causes[0] == "stock: likely (0.72)"
    assert "\n".join(("LIKELY CAUSE", *shown.causes)) in account.sent[0]["Message"]
    account.goes_on(1)
    account.look()
    assert "LIKELY CAUSE" not in account.sent[1]["Message"]


def test_a_look_that_dies_of_looking_for_causes_does_not_keep_the_next_from_telling(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(telling, "likely_causes", dies)
    account.goes_on(0.25, failing=0.3)
    with pytest.raises(MemoryError):
        account.look()
    assert account.sent == []
    assert len(account.look()["told"]) == 1


def test_where_requests_are_not_traced_the_message_does_without_a_cause(account: Account) -> None:
    account.goes_on(0.25, failing=0.3)
    account.look()
    assert "LIKELY CAUSE" not in account.sent[0]["Message"]
    assert account.shown()[0].causes == ()


def test_what_is_usual_is_not_told_but_shown_to_be_watched(account: Account) -> None:
    account.goes_on(12)
    assert account.look() == {"judged": 144, "told": []}
    found = page.decode(account.objects[INCIDENTS])
    assert found
    assert (found.until_ms, found.shown) == (account.now_ms, ())
    assert found.series >= 4


def test_what_was_long_ago_when_detect_comes_to_it_is_learnt_and_no_news(account: Account) -> None:
    account.goes_on(0.5, failing=0.3)
    account.goes_on(3)
    assert account.look()["told"] == []


def test_customers_have_their_names(account: Account) -> None:
    account.objects[TENANTS.file] = encode_list([Customer("acme", "Acme Corporation", "pro", 10.0)])
    account.goes_on(0.25, failing=0.3)
    account.look()
    assert "Acme Corporation" in account.sent[0]["Message"]
    assert account.shown()[0].customers == ("Acme Corporation (acme)",)


@pytest.mark.parametrize("refused", ["lists/", "summaries/deployments", "hot/"])
def test_a_message_does_without_what_cannot_be_read(account: Account, refused: str) -> None:
    account.deployed("shop")
    account.worked(usual(), minutes_ago=15)
    account.refuse = refused
    account.goes_on(0.25, failing=0.3)
    assert len(account.look()["told"]) == 1


def test_what_cannot_be_sent_is_sent_by_the_next_look(account: Account) -> None:
    account.refuse = "sns"
    account.goes_on(0.25, failing=0.3)
    before = account.objects[STATE_KEY]
    with pytest.raises(Exception, match="AccessDenied"):
        account.look()
    assert account.objects[STATE_KEY] is before
    account.refuse = ""
    assert len(account.look()["told"]) == 1


def test_no_more_is_sent_in_an_hour_than_people_read_but_all_is_shown(account: Account) -> None:
    account.goes_on(0.25, failing=0.3)
    hour = hour_of(account.now_ms)
    account.table["messages", hour] = {"pk": {"S": "messages"}, "sk": {"S": hour}, "count": {"N": "20"}}
    assert account.look()["told"] == []
    assert len(account.shown()) == 1


def test_what_the_rules_mute_is_not_told(account: Account) -> None:
    rules = '[[alerts.mute]]\nname = "checkout"\n[[alerts.mute]]\nkind = "customer"\nname = "acm?"\n'
    account.objects["config/rules.state.json"] = json.dumps({"etag": "e", "text": rules}).encode()
    account.goes_on(0.25, failing=0.3)
    assert account.look()["told"] == []
    assert account.shown() == ()


def test_where_nothing_comes_in_nothing_is_written_and_what_was_before_is_learnt_when_something_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account()
    _at(account, monkeypatch)
    account.table["signals", "seen"] = {"until_ms": {"N": str(account.now_ms + SETTLE_MS)}}
    before = dict(account.table)
    assert account.look() == {"judged": 0, "told": []}
    assert (account.listed, account.objects, account.table) == (0, {}, before)
    account.goes_on(3)
    assert account.look()["judged"] == 36
    assert account.listed == 5

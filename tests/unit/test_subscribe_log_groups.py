"""The sweep over log groups, against an account in memory."""

import json
import subprocess
import sys

import pytest
from answering import RefusedError, answering

from functions.aws import logs, objects
from functions.aws.logs import DestinationError, Pace, Subscriptions
from functions.core.selection import Selection
from functions.core.widgets import subscription_state
from functions.subscribe_log_groups import handler, written_down
from functions.subscribe_log_groups.sweep import Report, Sweep, Target
from local.simulators.subscriptions import CallError, LogGroups

NOW = 1_795_000_000_000
TARGET = Target("tracelake-main", "arn:aws:kinesis:eu-west-1:1:stream/tracelake-main", "arn:aws:iam::1:role/subscribe")


class Account(LogGroups):
    """Log groups with their filters, behind a client; what else can go wrong there."""

    def __init__(self, names=(), *, infrequent=False):
        super().__init__(self._take, lambda: NOW)
        self.groups = {name: {} for name in names}
        self.infrequent = set(names) if infrequent else set()
        self.calls = []
        self.undeliverable = 0
        self.throttled_after = None
        self.locked = set()
        self.client = answering("logs", self.call)

    def hold(self, group, *holders):
        for holder in holders:
            self.groups[group][holder] = {
                "filterName": holder,
                "logGroupName": group,
                "filterPattern": "",
                "destinationArn": f"arn:aws:lambda:eu-west-1:1:function:{holder}",
                "distribution": "ByLogStream",
            }

    def own(self):
        return {group for group, filters in self.groups.items() if "tracelake-main" in filters}

    def call(self, operation, params):
        self.calls.append(operation)
        if self.throttled_after is not None and len(self.calls) > self.throttled_after:
            raise RefusedError("ThrottlingException", "Rate exceeded")
        if not operation.startswith("Describe") and params.get("logGroupName") in self.locked:
            raise RefusedError("OperationAbortedException", "somebody else changes it")
        try:
            return super().call(operation, params)
        except CallError as error:
            raise RefusedError(error.code, error.message) from error

    def _take(self, stream, key, data):
        if self.undeliverable:
            self.undeliverable -= 1
            raise ConnectionRefusedError


def sweep(account, selection=None, **circumstances):
    """A sweep on a clock that only moves when somebody sleeps."""
    clock = Clock()
    subscriptions = Subscriptions(account.client, lambda: Pace(clock.now, clock.sleep))
    values = {"refused": {}, "has_time": lambda: True, "sleep": clock.sleep} | circumstances
    return Sweep(subscriptions, selection or Selection(), TARGET, **values)


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


def test_missing_filters_are_put_and_present_ones_are_left_alone():
    account = Account(["/aws/lambda/a", "aws/spans"])
    first = sweep(account).run(NOW, everything=False)
    assert sorted(first.put) == ["/aws/lambda/a", "aws/spans"]
    assert first.subscribed == 2
    assert account.groups["/aws/lambda/a"]["tracelake-main"]["distribution"] == "ByLogStream"
    assert account.groups["aws/spans"]["tracelake-main"]["distribution"] == "Random"
    assert sweep(account).run(NOW, everything=False).put == []


def test_a_filter_that_points_to_an_old_stream_is_replaced():
    account = Account(["/a"])
    account.hold("/a", "tracelake-main")
    assert sweep(account).run(NOW, everything=False).put == ["/a"]
    assert account.groups["/a"]["tracelake-main"]["destinationArn"] == TARGET.stream_arn


def test_groups_of_every_stage_of_tracelake_are_never_subscribed_and_lose_a_planted_filter():
    own = ["/tracelake/main/normalize", "/tracelake/other/compact", "/aws/lambda/tracelake-main-provider"]
    account = Account([*own, "/shop"])
    account.hold("/tracelake/main/normalize", "tracelake-main")
    report = sweep(account, Selection(include=("/",))).run(NOW, everything=False)
    assert account.own() == {"/shop"}
    assert sorted(report.guarded.popitem()[1]) == sorted(own)
    assert report.refused == {}


def test_a_group_that_left_the_selection_loses_our_filter_and_keeps_all_others():
    account = Account(["/a", "/b"])
    account.hold("/b", "tracelake-main", "datadog")
    report = sweep(account, Selection(include=("/a",))).run(NOW, everything=True)
    assert report.removed == ["/b"]
    assert set(account.groups["/b"]) == {"datadog"}


def test_another_stage_keeps_its_filter():
    account = Account(["/a"])
    account.hold("/a", "tracelake-dev")
    sweep(account).run(NOW, everything=True)
    assert set(account.groups["/a"]) == {"tracelake-dev", "tracelake-main"}


def test_where_no_slot_is_free_the_holders_are_named_and_remembered():
    account = Account([f"/g/{index:03}" for index in range(600)])
    account.hold("/g/007", "datadog", "splunk")
    remembered = {}
    report = sweep(account, refused=remembered).run(NOW, everything=True)
    assert "datadog -> arn:aws:lambda:eu-west-1:1:function:datadog" in report.refused["/g/007"]
    assert "splunk" in report.refused["/g/007"]
    assert report.subscribed == 599
    for turn in range(3):
        again = sweep(account, refused=remembered).run(NOW + turn * 300_000, everything=False)
        assert set(again.refused) == {"/g/007"}
    account.groups["/g/007"].pop("splunk")
    freed = sweep(account, refused=remembered).run(NOW, everything=True)
    assert (freed.refused, freed.put) == ({}, ["/g/007"])


def test_a_group_without_a_slot_costs_one_call_and_no_waiting():
    account = Account([f"/g/{index}" for index in range(6)])
    for group in account.groups:
        account.hold(group, "datadog", "splunk")
    report = sweep(account).run(NOW, everything=True)
    assert len(report.refused) == 6
    assert account.calls.count("PutSubscriptionFilter") == 6


def test_a_class_that_cannot_be_subscribed_is_listed_with_the_reason():
    account = Account(["/rare"], infrequent=True)
    report = sweep(account).run(NOW, everything=False)
    assert "INFREQUENT_ACCESS" in report.refused["/rare"]
    assert (report.subscribed, account.own()) == (0, set())


def test_only_subscribes_one_group_and_says_where_there_is_none_of_this_name():
    account = Account(["/a", "/b"])
    assert sweep(account, Selection(only="/a")).run(NOW, everything=True).subscribed == 1
    assert account.own() == {"/a"}
    mistyped = sweep(account, Selection(only="/A")).run(NOW, everything=True)
    assert (mistyped.subscribed, mistyped.removed) == (0, ["/a"])
    assert mistyped.refused == {"/A": "there is no log group of this name (yet)"}


def test_one_refused_group_does_not_stop_the_others():
    account = Account(["/a", "/b", "/c"])
    account.locked.add("/b")
    report = sweep(account).run(NOW, everything=False)
    assert account.own() == {"/a", "/c"}
    assert report.refused == {"/b": "OperationAbortedException: somebody else changes it"}


def test_a_group_that_disappears_meanwhile_is_no_error():
    account = Account(["/a"])
    gone = sweep(account)
    groups = gone.groups()
    gone.groups = lambda: groups
    account.groups.clear()
    report = gone.run(NOW, everything=False)
    assert (report.put, report.refused) == ([], {})


def test_a_fresh_role_is_waited_for_on_deploy():
    account = Account(["/a", "/b"])
    account.undeliverable = 4
    report = sweep(account, patience_seconds=60.0).run(NOW, everything=True)
    assert sorted(report.put) == ["/a", "/b"]


def test_a_stream_that_stays_unreachable_fails_instead_of_being_tried_for_every_group():
    account = Account([f"/g/{index}" for index in range(40)])
    account.undeliverable = 10_000
    with pytest.raises(DestinationError, match="Could not deliver test message"):
        sweep(account).run(NOW, everything=True)
    assert account.calls.count("PutSubscriptionFilter") == 1


def test_a_sweep_stops_before_its_time_is_over_and_says_what_is_left():
    account = Account([f"/g/{index:02}" for index in range(40)])
    lasts = iter([True] * 10)
    report = sweep(account, has_time=lambda: next(lasts, False)).run(NOW, everything=True)
    assert (len(report.put), report.left) == (10, 30)


def test_a_sweep_stops_when_it_is_throttled():
    account = Account([f"/g/{index:02}" for index in range(40)])
    account.throttled_after = 11
    report = sweep(account).run(NOW, everything=True)
    assert report.left == 35
    assert "Rate exceeded" in report.stopped_by


def test_all_own_filters_are_removed_from_all_pages():
    account = Account([f"/g/{index:03}" for index in range(120)])
    sweep(account).run(NOW, everything=True)
    account.hold("/g/003", "datadog")
    report = sweep(account, Selection(include=("/g/1",))).remove_all()
    assert len(report.removed) == 120
    assert account.own() == set()
    assert set(account.groups["/g/003"]) == {"datadog"}


def test_the_pace_lets_a_burst_through_and_then_holds_its_rate():
    clock = Clock()
    pace = Pace(clock.now, clock.sleep)
    for _ in range(int(logs.BURST)):
        pace.wait()
    assert clock.seconds == 0
    for _ in range(40):
        pace.wait()
    assert clock.seconds == pytest.approx(40 / logs.CALLS_PER_SECOND)


class Context:
    def get_remaining_time_in_millis(self):
        return 300_000


@pytest.fixture
def deployed(monkeypatch):
    """The handler in its environment; gives the account and the answers CloudFormation got."""
    account = Account(["/shop", "/tracelake/main/compact"])
    account.written = []
    sent = []

    def put(_operation, params):
        if "Key" in params:
            account.written.append((params["Key"], params["Body"]))

    s3 = answering("s3", put)
    monkeypatch.setattr(objects, "client", lambda _name: s3)
    monkeypatch.setattr(written_down, "_last", {})
    monkeypatch.setenv("LAKE_BUCKET", "lake")
    monkeypatch.setenv("TRACELAKE_STAGE", "main")
    monkeypatch.setenv("STREAM_ARN", TARGET.stream_arn)
    monkeypatch.setenv("SUBSCRIPTION_ROLE_ARN", TARGET.role_arn)
    monkeypatch.setattr(handler, "client", lambda _name: account.client)
    monkeypatch.setattr(handler, "_refused", {})
    monkeypatch.setattr(handler.custom_resource, "_put", lambda _url, body: sent.append(json.loads(body)))
    return account, sent


def request(kind):
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation.example/answer",
        "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/tracelake-main-ingest/0",
        "RequestId": "1",
        "LogicalResourceId": "Subscriptions",
    }


@pytest.mark.parametrize("event", [None, {}, {"source": "aws.events"}, {"detail": {}}])
def test_any_event_and_none_is_a_sweep_with_metrics(deployed, capsys, event):
    account, _ = deployed
    report = handler.handle(event, Context())
    assert (report["subscribed"], report["put"]) == (1, ["/shop"])
    assert account.own() == {"/shop"}
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metrics["SubscribedLogGroups"], metrics["UnsubscribedLogGroups"]) == ([1.0], [0.0])
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]


def test_a_deployment_subscribes_and_a_removal_cleans_up(deployed):
    account, sent = deployed
    handler.handle(request("Create"), Context())
    assert account.own() == {"/shop"}
    handler.handle(request("Delete") | {"PhysicalResourceId": sent[0]["PhysicalResourceId"]}, Context())
    assert account.own() == set()
    assert [each["Status"] for each in sent] == ["SUCCESS", "SUCCESS"]
    assert sent[0]["Data"] == {"groups": 2, "subscribed": 1, "left": 0, "refused": 0}
    assert sent[0]["PhysicalResourceId"] == sent[1]["PhysicalResourceId"]


def test_a_removal_that_leaves_filters_fails_and_says_which(deployed):
    account, sent = deployed
    handler.handle(request("Create"), Context())
    account.locked.add("/shop")
    handler.handle(request("Delete"), Context())
    assert sent[-1]["Status"] == "FAILED"
    assert "/shop" in sent[-1]["Reason"]


def test_what_a_sweep_found_is_written_down_when_it_changes(deployed):
    account, _ = deployed
    for _ in range(2):
        handler.handle(None, Context())
    [(key, body)] = account.written
    state = subscription_state.decode(body)
    assert key == "summaries/subscriptions.json"
    assert (state.subscribed, state.groups, state.refused) == (["/shop"], 2, {})
    assert list(state.guarded.values()) == [["/tracelake/main/compact"]]
    account.groups["/new"] = {}
    handler.handle(None, Context())
    assert subscription_state.decode(account.written[-1][1]).subscribed == ["/new", "/shop"]


def test_what_is_written_down_is_bounded():
    report = Report(groups=9000, names=[f"/g/{n}" for n in range(9000)], refused={f"/r/{n}": "no" for n in range(900)})
    state = written_down.state_of(report, NOW)
    assert (state.subscribed_count, len(state.subscribed)) == (9000, 500)
    assert (state.refused_count, len(state.refused)) == (900, 200)


def test_a_sweep_loads_no_arrow():
    code = "import functions.subscribe_log_groups.handler, sys; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

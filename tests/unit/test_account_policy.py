"""The account mode of subscribe_log_groups, against an account in memory with its one policy."""

import json
from datetime import UTC, datetime

import pytest
from answering import RefusedError as Refused
from hypothesis import given, settings
from hypothesis import strategies as st
from test_subscribe_log_groups import NOW, TARGET, Account, Clock, Context, deployed, request, sweep  # noqa: F401

from functions.aws.account_policies import AccountPolicies
from functions.aws.logs import DestinationError
from functions.core.account_policy import (
    CRITERIA_BYTES,
    SETTLED_MS,
    Policy,
    TooManyExcludedError,
    excluded,
    held_by,
    wanted_policy,
)
from functions.core.selection import LogGroup, Selection
from functions.core.widgets import subscriptions
from functions.core.widgets.page import WidgetContext
from functions.subscribe_log_groups.account import AccountMode
from functions.subscribe_log_groups.written_down import state_of

OWN = ("/tracelake/main/compact", "/tracelake/main/normalize")
LATER = NOW + SETTLED_MS


class PolicyAccount(Account):
    """Where the account's policy can be refused."""

    def __init__(self, names=(), **kwargs):
        self.now = NOW
        self.refusal = None
        super().__init__(names, **kwargs)
        self._clock = lambda: self.now

    def put_account_policy(self, params):
        if self.refusal:
            raise Refused(*self.refusal)
        document = {"DestinationArn", "RoleArn", "FilterPattern", "Distribution"}
        assert set(json.loads(params["policyDocument"])) <= document
        return super().put_account_policy(params)

    def hold_policy(self, name="datadog"):
        self.policies[name] = {
            "policyName": name,
            "policyDocument": json.dumps({"DestinationArn": f"arn:aws:lambda:eu-west-1:1:function:{name}"}),
            "policyType": "SUBSCRIPTION_FILTER_POLICY",
            "lastUpdatedTime": 1,
        }

    def left_out(self):
        criteria = self.policies["tracelake-main"]["selectionCriteria"]
        assert criteria.startswith("LogGroupName NOT IN [")
        return json.loads(criteria.removeprefix("LogGroupName NOT IN "))

    def changes(self):
        return [call for call in self.calls if call.startswith(("Put", "Delete"))]


def mode(account, selection=None, **circumstances):
    return AccountMode(AccountPolicies(account.client), sweep(account, selection, **circumstances), OWN)


def test_one_policy_subscribes_every_log_group_and_no_group_has_a_filter():
    account = PolicyAccount(["/aws/lambda/a", "/b"])
    report = mode(account).run(NOW, everything=True)
    document = json.loads(account.policies["tracelake-main"]["policyDocument"])
    assert document["DestinationArn"] == TARGET.stream_arn
    assert document["RoleArn"] == TARGET.role_arn
    assert document["Distribution"] == "ByLogStream"
    assert account.own() == set()
    assert (report.subscribed, report.policy_refused) == (2, "")


def test_own_groups_of_every_stage_and_trails_and_the_users_names_are_left_out_by_their_exact_names():
    groups = ["/tracelake/dev/normalize", "/aws/lambda/tracelake-dev-x", "aws-cloudtrail-logs-1", "/shop", "/secret/a"]
    account = PolicyAccount(groups)
    mode(account, Selection(exclude_names=("/secret/a", "/secret/not-there-yet"))).run(NOW, everything=True)
    assert set(account.left_out()) == {
        *OWN,
        "/tracelake/dev/normalize",
        "/aws/lambda/tracelake-dev-x",
        "aws-cloudtrail-logs-1",
        "/secret/a",
        "/secret/not-there-yet",
        "aws/spans",
    }


def test_a_policy_that_says_what_it_should_is_left_alone_and_one_that_does_not_is_replaced():
    account = PolicyAccount(["/shop"])
    mode(account).run(NOW, everything=True)
    account.calls.clear()
    mode(account).run(LATER, everything=False)
    assert account.changes() == []
    account.groups["/tracelake/dev/compact"] = {}
    mode(account).run(LATER, everything=False)
    assert account.changes() == ["PutAccountPolicy"]
    assert "/tracelake/dev/compact" in account.left_out()


def test_spans_have_a_filter_of_their_own_that_spreads_them_over_the_shards():
    account = PolicyAccount(["/shop", "aws/spans"])
    mode(account).run(NOW, everything=False)
    assert account.own() == {"aws/spans"}
    assert account.groups["aws/spans"]["tracelake-main"]["distribution"] == "Random"
    assert "aws/spans" in account.left_out()


def test_filters_of_the_other_mode_go_only_when_the_policy_holds_everywhere():
    account = PolicyAccount(["/a", "/b", "aws/spans"])
    sweep(account).run(NOW, everything=True)
    account.hold("/a", "datadog")
    mode(account).run(NOW, everything=True)
    mode(account).run(LATER - 1, everything=True)
    assert account.own() == {"/a", "/b", "aws/spans"}
    mode(account).run(LATER, everything=True)
    assert account.own() == {"aws/spans"}
    assert set(account.groups["/a"]) == {"datadog"}


def test_going_back_puts_all_filters_before_the_policy_goes():
    account = PolicyAccount(["/a", "/b"])
    mode(account).run(NOW, everything=True)
    account.calls.clear()
    mode(account).leave(NOW)
    assert account.own() == {"/a", "/b"}
    assert account.policies == {}
    assert account.changes() == ["PutSubscriptionFilter", "PutSubscriptionFilter", "DeleteAccountPolicy"]


def test_the_policy_stays_while_a_log_group_has_not_been_reached():
    account = PolicyAccount([f"/g/{index}" for index in range(5)])
    mode(account).run(NOW, everything=True)
    lasts = iter([True] * 2)
    report = mode(account, has_time=lambda: next(lasts, False)).leave(NOW)
    assert report.left == 3
    assert set(account.policies) == {"tracelake-main"}


@pytest.mark.parametrize("holder", ["datadog", "tracelake-dev"])
def test_a_policy_of_somebody_else_or_of_another_stage_is_never_touched_and_filters_do_its_work(holder):
    account = PolicyAccount(["/a"])
    account.hold_policy(holder)
    before = dict(account.policies)
    report = mode(account).run(NOW, everything=True)
    assert account.policies == before
    assert "PutAccountPolicy" not in account.calls
    assert account.own() == {"/a"}
    assert f"held by {holder} -> arn:aws:lambda:eu-west-1:1:function:{holder}" in report.policy_refused


def test_the_policy_is_taken_when_its_holder_has_left():
    account = PolicyAccount(["/a"])
    account.hold_policy()
    mode(account).run(NOW, everything=True)
    account.policies.clear()
    account.now = NOW
    assert mode(account).run(NOW, everything=False).policy_refused == ""
    mode(account).run(LATER, everything=True)
    assert (set(account.policies), account.own()) == ({"tracelake-main"}, set())


@pytest.mark.parametrize("code", ["LimitExceededException", "InvalidParameterException", "OperationAbortedException"])
def test_where_aws_refuses_the_policy_filters_do_its_work_and_the_reason_is_told(code):
    account = PolicyAccount(["/a"])
    account.refusal = (code, "no")
    report = mode(account).run(NOW, everything=True)
    assert account.own() == {"/a"}
    assert code in report.policy_refused


def test_a_policy_that_can_no_longer_name_all_that_is_to_be_left_out_gives_way_to_filters():
    account = PolicyAccount(["/a"])
    mode(account).run(NOW, everything=True)
    account.groups |= {f"/tracelake/{'x' * 100}{index}/normalize": {} for index in range(250)}
    report = mode(account).run(NOW, everything=False)
    assert account.policies == {}
    assert account.own() == {"/a"}
    assert "an account policy holds 25000" in report.policy_refused


def test_a_fresh_role_is_waited_for_and_a_stream_that_stays_unreachable_fails():
    account = PolicyAccount(["/a"])
    account.undeliverable = 4
    mode(account, patience_seconds=60.0).run(NOW, everything=True)
    assert set(account.policies) == {"tracelake-main"}
    account = PolicyAccount(["/a"])
    account.undeliverable = 10_000
    with pytest.raises(DestinationError, match="Could not deliver test message"):
        mode(account).run(NOW, everything=True)


def test_removal_takes_the_policy_first_then_every_filter_and_leaves_others_alone():
    account = PolicyAccount(["/a", "aws/spans"])
    mode(account).run(NOW, everything=True)
    account.hold("/a", "datadog")
    account.calls.clear()
    report = mode(account).remove()
    assert account.changes()[0] == "DeleteAccountPolicy"
    assert (account.policies, account.own(), report.removed) == ({}, set(), ["aws/spans"])
    assert set(account.groups["/a"]) == {"datadog"}


def test_removal_does_not_touch_the_policy_of_somebody_else():
    account = PolicyAccount(["/a"])
    account.hold_policy()
    mode(account).run(NOW, everything=True)
    mode(account).remove()
    assert (set(account.policies), account.own()) == ({"datadog"}, set())


NAMES = st.text("abc/-_.#", min_size=1, max_size=60)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.sets(NAMES, max_size=30), st.sets(NAMES, max_size=5))
def test_what_is_left_out_is_what_is_not_wanted_whatever_the_groups_are_called(names, exclude):
    selection = Selection(exclude_names=tuple(exclude))
    groups = [LogGroup(name, 1) for name in {*names, *exclude, "/tracelake/x/normalize", "aws/spans"}]
    left_out = set(excluded(groups, selection, OWN))
    carried = {group.name for group in groups} - left_out
    wanted = {group.name for group in groups if selection.verdict(group).kind == "wanted"}
    assert carried == wanted - {"aws/spans"}
    assert set(OWN) <= left_out


def test_a_policy_takes_names_up_to_25_kb_and_no_more():
    fits = ["x" * 24_900]
    assert len(wanted_policy("p", "s", "r", fits).criteria) <= CRITERIA_BYTES
    with pytest.raises(TooManyExcludedError, match="holds 25000"):
        wanted_policy("p", "s", "r", [*fits, "y" * 100])


def test_a_policy_is_the_same_whatever_the_order_of_its_document():
    wanted = wanted_policy("p", "s", "r", ["a"])
    shuffled = Policy("p", '{"RoleArn": "r", "DestinationArn": "s"}', wanted.criteria, 5)
    assert shuffled.says(wanted)
    assert not Policy("p", shuffled.document, "").says(wanted)
    assert held_by([Policy("other", "no JSON", "")], "p").endswith("other -> a destination that cannot be read")


@pytest.fixture
def account_mode(deployed, monkeypatch):  # noqa: F811
    """The handler in account mode; gives the account, what CloudFormation was answered, and a way to set the mode."""
    from functions.subscribe_log_groups import handler  # noqa: PLC0415

    account = PolicyAccount(["/shop", "/tracelake/main/compact", "aws/spans"])
    monkeypatch.setattr(handler, "client", lambda _name: account.client)
    monkeypatch.setenv("INGEST_MODE", "account")
    monkeypatch.setenv("OWN_LOG_GROUPS", ",".join(OWN))
    return handler, account, deployed[1]


def test_one_resource_does_both_modes(account_mode, monkeypatch):
    handler, account, sent = account_mode
    handler.handle(request("Create"), Context())
    assert (set(account.policies), account.own()) == ({"tracelake-main"}, {"aws/spans"})
    monkeypatch.setenv("INGEST_MODE", "per-group")
    old = {"OldResourceProperties": {"IngestMode": "account"}}
    handler.handle(request("Update") | old, Context())
    assert (account.policies, account.own()) == ({}, {"/shop", "aws/spans"})
    monkeypatch.setenv("INGEST_MODE", "account")
    handler.handle(request("Update") | {"OldResourceProperties": {"IngestMode": "per-group"}}, Context())
    handler.handle(request("Delete"), Context())
    assert (account.policies, account.own()) == ({}, set())
    assert [each["Status"] for each in sent] == ["SUCCESS"] * 4


def test_a_second_stage_is_deployed_with_filters_and_the_stack_says_why(account_mode):
    handler, account, sent = account_mode
    account.hold_policy("tracelake-dev")
    handler.handle(request("Create"), Context())
    assert sent[0]["Status"] == "SUCCESS"
    assert "held by tracelake-dev" in sent[0]["Data"]["policy_refused"]
    assert account.own() == {"/shop", "aws/spans"}


def test_the_widget_shows_what_the_policy_subscribes_and_why_filters_do_its_work():
    account = PolicyAccount(["/shop", "aws/spans"])
    state = state_of(mode(account).run(NOW, everything=True), NOW)
    assert (state.subscribed, state.policy_refused) == (["/shop", "aws/spans"], "")
    account.policies.clear()
    account.hold_policy("<b>")
    state = state_of(mode(account).run(NOW, everything=True), NOW)
    page = subscriptions.render(state, WidgetContext.parse({}, datetime.now(UTC)))
    assert "The log groups have filters, because the account policy cannot be used" in page
    assert "held by &lt;b&gt;" in page


def test_a_scheduled_sweep_keeps_the_policy(account_mode):
    handler, account, _ = account_mode
    report = handler.handle({}, Context())
    assert (report["subscribed"], report["policy_refused"]) == (2, "")
    assert set(account.policies) == {"tracelake-main"}

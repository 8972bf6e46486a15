"""What CloudWatch Logs delivers, and what it lets one subscribe."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from local.simulators import subscriptions
from local.simulators.subscriptions import CallError, LogGroups, ThrottledError
from stacks.quotas import quota

STREAM = "arn:aws:kinesis:eu-central-1:1:stream/s"
MINUTE, HOUR = 60_000, 3_600_000


class Account:
    """Log groups, and a stream that takes what it gets unless it is told otherwise."""

    def __init__(self, *groups: str) -> None:
        self.now = 1_795_168_800_000
        self.fault: Exception | None = None
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.logs = LogGroups(self._put, lambda: self.now)
        self.logs.groups = {group: {} for group in groups}

    def _put(self, stream: str, key: str, data: bytes) -> None:
        if self.fault:
            raise self.fault
        assert stream == STREAM
        self.taken.append((key, json.loads(gzip.decompress(data))))

    def subscribe(self, group: str, name: str = "f", **more: str) -> None:
        params = {"logGroupName": group, "filterName": name, "filterPattern": "", "destinationArn": STREAM, **more}
        self.logs.call("PutSubscriptionFilter", params)

    def put_policy(self, name: str = "p", criteria: str = "", **more: str) -> None:
        document = json.dumps({"DestinationArn": STREAM, "RoleArn": "r", "FilterPattern": "", **more})
        params = {"policyName": name, "policyDocument": document, "policyType": "SUBSCRIPTION_FILTER_POLICY"}
        self.logs.call("PutAccountPolicy", params | ({"selectionCriteria": criteria} if criteria else {}))

    def write(self, *ids: str, group: str = "/a", stream: str = "s") -> None:
        self.logs.write(group, stream, [{"id": each, "timestamp": self.now, "message": each} for each in ids])

    def wait(self, ms: int) -> None:
        self.now += ms
        self.logs.retry()

    def delivered(self) -> list[str]:
        return [event["id"] for _, record in self.taken for event in record["logEvents"] if event["id"]]

    def counted(self, metric: str) -> float:
        names = [name for name in self.logs.metrics.names() if name.name == metric]
        return sum(sum(self.logs.metrics.values(name, "Sum", 1 << 40, 0, 1 << 40).values()) for name in names)


@pytest.fixture
def account() -> Account:
    made = Account("/a", "/b")
    made.subscribe("/a")
    return made


def test_its_limits_are_those_of_the_list_of_quotas() -> None:
    assert quota("logs.filters_of_a_group") == subscriptions.FILTERS_OF_A_GROUP
    assert quota("logs.account_policy") == subscriptions.CRITERIA_BYTES


def test_a_new_filter_sends_a_control_message(account: Account) -> None:
    ((_, record),) = account.taken
    assert (record["messageType"], record["owner"]) == ("CONTROL_MESSAGE", "CloudwatchLogs")
    assert record["logEvents"][0]["message"].startswith("CWL CONTROL MESSAGE: ")


def test_events_of_a_log_stream_come_as_one_record_of_their_group(account: Account) -> None:
    account.write("1", "2")
    account.write("3", group="/b")
    _, record = account.taken[-1]
    assert (record["messageType"], record["logGroup"], record["subscriptionFilters"]) == ("DATA_MESSAGE", "/a", ["f"])
    assert account.delivered() == ["1", "2"]
    assert account.counted("ForwardedLogEvents") == 2


@pytest.mark.parametrize(("distribution", "keys"), [("ByLogStream", 1), ("Random", 20)])
def test_a_log_stream_keeps_its_shard_unless_it_is_spread(distribution: str, keys: int) -> None:
    account = Account("/a")
    account.subscribe("/a", distribution=distribution)
    account.taken.clear()
    for number in range(20):
        account.write(str(number))
    assert len({key for key, _ in account.taken}) == keys


def test_a_stream_that_cannot_be_reached_cannot_be_subscribed(account: Account) -> None:
    account.fault = PermissionError()
    with pytest.raises(CallError, match="InvalidParameterException: Could not deliver test message"):
        account.subscribe("/b")
    with pytest.raises(CallError, match="Could not deliver test message"):
        account.put_policy()
    assert (account.logs.groups["/b"], account.logs.policies) == ({}, {})


def test_a_group_has_two_filters_and_an_account_one_policy(account: Account) -> None:
    account.subscribe("/a", "g")
    with pytest.raises(CallError, match="LimitExceededException"):
        account.subscribe("/a", "h")
    account.subscribe("/a", "g")
    account.put_policy("p")
    with pytest.raises(CallError, match="LimitExceededException"):
        account.put_policy("q")
    account.put_policy("p")


def test_a_class_without_subscriptions_is_refused_and_no_policy_reaches_it(account: Account) -> None:
    account.logs.infrequent = {"/b"}
    with pytest.raises(CallError, match="InvalidParameterException"):
        account.subscribe("/b")
    account.put_policy()
    account.write("1", group="/b")
    assert account.delivered() == []


@pytest.mark.parametrize(
    "criteria",
    ['LogGroupName IN ["/a"]', "LogGroupName NOT LIKE x", "NOT IN", f'LogGroupName NOT IN ["{"x" * 25_000}"]'],
)
def test_a_policy_selects_by_names_left_out_in_25_kb(account: Account, criteria: str) -> None:
    with pytest.raises(CallError, match="InvalidParameterException"):
        account.put_policy(criteria=criteria)


def test_a_policy_delivers_all_groups_but_those_it_names_exactly(account: Account) -> None:
    account.logs.groups["/b/c"] = {}
    account.put_policy(criteria='LogGroupName NOT IN ["/b"]')
    account.write("1", group="/b")
    account.write("2", group="/b/c")
    account.write("3")
    assert account.delivered() == ["2", "3", "3"]


def test_what_is_throttled_comes_later(account: Account) -> None:
    account.fault = ThrottledError()
    account.write("1")
    account.wait(23 * HOUR)
    account.fault = None
    account.wait(MINUTE)
    assert account.delivered() == ["1"]
    assert (account.counted("DeliveryThrottling"), account.counted("DeliveryErrors")) == (2, 0)


def test_what_is_throttled_for_a_day_is_lost(account: Account) -> None:
    account.fault = ThrottledError()
    account.write("1")
    account.fault = None
    account.wait(24 * HOUR + 1)
    assert account.delivered() == []


def test_a_record_whose_answer_was_lost_comes_twice(account: Account) -> None:
    put = account.logs._put

    def without_answer(*record: Any) -> None:
        put(*record)
        account.logs._put = put
        raise ThrottledError

    account.logs._put = without_answer
    account.write("1")
    account.wait(MINUTE)
    assert account.delivered() == ["1", "1"]


def test_after_an_error_a_filter_is_off_for_ten_minutes_and_others_are_not(account: Account) -> None:
    account.subscribe("/b")
    account.fault = PermissionError()
    account.write("1", "2")
    account.fault = None
    account.wait(10 * MINUTE - 1)
    account.write("3")
    account.write("4", group="/b")
    account.wait(1)
    account.write("5")
    assert account.delivered() == ["4", "5"]
    assert account.counted("DeliveryErrors") == 2

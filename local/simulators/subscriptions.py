"""Subscriptions of CloudWatch Logs: who may have which, and what they deliver to a stream.

- A log group has at most two filters, and not in every log class; an account and region has one policy more, which
  selects by `LogGroupName NOT IN [...]`, exact names in at most 25 KB [1][2]. Both deliver.
- A filter or policy is put when a control message reached the stream [3].
- A record is the gzipped events of one log stream; filter patterns are not looked at, tracelake has none. By log stream
  it always has the same partition key, at random another each time [3].
- What fails and may be tried again (throttling) is, for 24 hours; a record whose answer was lost comes twice. After
  another error the filter is off for up to ten minutes, and what is logged meanwhile is not delivered [1].
- ForwardedLogEvents, DeliveryThrottling and DeliveryErrors count log events by log group and filter [4]. That those
  skipped while a filter is off are not counted is our reading of "received an error when forwarding".

[1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions.html
[2] https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
[3] https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
[4] https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
"""

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.simulators.metrics import Measured, Metric, Point

FILTERS_OF_A_GROUP = 2
CRITERIA_BYTES = 25_000
RETRIED_MS = 24 * 3_600_000
OFF_MS = 10 * 60_000
_CRITERIA = re.compile(r"LogGroupName NOT IN (\[.*\])", re.DOTALL)
_NOT_DELIVERED = (
    "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."
)

Params = dict[str, Any]
Event = dict[str, Any]
"""Of a log stream: id, timestamp (milliseconds since 1970) and message."""
Put = Callable[[str, str, bytes], None]
"""Puts a record: ARN of the stream, partition key, data. Raises ThrottledError, or anything else if it is refused."""


class CallError(Exception):
    """The answer to a call is this error of AWS."""

    def __init__(self, code: str, message: str = "refused") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class ThrottledError(Exception):
    """The stream may take it later; or it has, and the answer was lost."""


def data_message(owner: str, group: str, stream: str, filters: Sequence[str], events: Sequence[Event]) -> bytes:
    """A record with log events."""
    return _record("DATA_MESSAGE", owner, group, stream, filters, events)


def control_message(now_ms: int) -> bytes:
    """The record that tries whether a stream can be reached."""
    text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    event = {"id": "", "timestamp": now_ms, "message": text}
    return _record("CONTROL_MESSAGE", "CloudwatchLogs", "", "", [], [event])


def partition_key(distribution: str, group: str, stream: str, number: int) -> str:
    """Of the n-th record."""
    return hashlib.md5(f"{group}:{stream}:{number if distribution == 'Random' else ''}".encode()).hexdigest()


def _record(kind: str, owner: str, group: str, stream: str, filters: Sequence[str], events: Sequence[Event]) -> bytes:
    document = {
        "messageType": kind,
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": list(filters),
        "logEvents": list(events),
    }
    return gzip.compress(json.dumps(document).encode(), 1)


@dataclass
class _Delivery:
    """What one filter has still to deliver: since when, partition key, record and its number of events."""

    waiting: list[tuple[int, str, bytes, int]] = field(default_factory=list)
    off_until_ms: int = 0
    records: int = 0


class LogGroups:
    """The log groups of an account and region; `clock` is in milliseconds since 1970."""

    def __init__(self, put: Put, clock: Callable[[], int], owner: str = "123456789012") -> None:
        self.groups: dict[str, dict[str, Params]] = {}
        self.policies: dict[str, Params] = {}
        self.infrequent: set[str] = set()
        self.metrics = Measured()
        self._put, self._clock, self._owner = put, clock, owner
        self._deliveries: dict[tuple[str, str], _Delivery] = {}

    def call(self, operation: str, params: Params) -> Params:
        """The answer to an operation of the API, by the name that botocore's model has for it."""
        answer: Params | None = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())(params)
        return answer or {}

    def describe_log_groups(self, params: Params) -> Params:
        names, start, limit = sorted(self.groups), int(params.get("nextToken", 0)), params.get("limit", 50)
        page = {"logGroups": [self._described(name) for name in names[start : start + limit]]}
        return page | ({"nextToken": str(start + limit)} if start + limit < len(names) else {})

    def describe_subscription_filters(self, params: Params) -> Params:
        return {"subscriptionFilters": list(self._filters(params).values())}

    def put_subscription_filter(self, params: Params) -> None:
        filters = self._filters(params)
        if params["logGroupName"] in self.infrequent:
            raise CallError("InvalidParameterException", "This log group's class has no subscription filters.")
        self._try(params["destinationArn"])
        if len(filters) >= FILTERS_OF_A_GROUP and params["filterName"] not in filters:
            raise CallError("LimitExceededException", "Resource limit exceeded.")
        filters[params["filterName"]] = dict(params)

    def delete_subscription_filter(self, params: Params) -> None:
        if self._filters(params).pop(params["filterName"], None) is None:
            raise CallError("ResourceNotFoundException")

    def describe_account_policies(self, params: Params) -> Params:
        return {
            "accountPolicies": [each for each in self.policies.values() if each["policyType"] == params["policyType"]]
        }

    def put_account_policy(self, params: Params) -> Params:
        criteria = params.get("selectionCriteria", "")
        if criteria and (not _CRITERIA.fullmatch(criteria) or len(criteria.encode()) > CRITERIA_BYTES):
            raise CallError("InvalidParameterException", "selectionCriteria")
        self._try(json.loads(params["policyDocument"])["DestinationArn"])
        if self.policies and params["policyName"] not in self.policies:
            raise CallError("LimitExceededException", "Resource limit exceeded.")
        self.policies[params["policyName"]] = {**params, "lastUpdatedTime": self._clock()}
        return {"accountPolicy": self.policies[params["policyName"]]}

    def delete_account_policy(self, params: Params) -> None:
        if self.policies.pop(params["policyName"], None) is None:
            raise CallError("ResourceNotFoundException")

    def write(self, group: str, stream: str, events: Sequence[Event]) -> None:
        """Events come in, and go to all who subscribed."""
        for name, each in self.groups.get(group, {}).items():
            self._deliver(name, each["destinationArn"], each.get("distribution", ""), group, stream, events)
        for name, policy in self.policies.items():
            if group not in _left_out(policy) and group not in self.infrequent:
                document = json.loads(policy["policyDocument"])
                self._deliver(name, document["DestinationArn"], document.get("Distribution", ""), group, stream, events)

    def retry(self) -> None:
        """What was throttled is tried again, and after a day no more."""
        for (group, name), delivery in self._deliveries.items():
            destination = self._destination(group, name)
            entries, delivery.waiting = delivery.waiting, []
            for entry in entries:
                if destination and self._clock() - entry[0] <= RETRIED_MS:
                    self._send(delivery, group, name, destination, entry)

    def _described(self, name: str) -> Params:
        kind = "INFREQUENT_ACCESS" if name in self.infrequent else "STANDARD"
        return {"logGroupName": name, "creationTime": 1, "logGroupClass": kind}

    def _filters(self, params: Params) -> dict[str, Params]:
        if params["logGroupName"] not in self.groups:
            raise CallError("ResourceNotFoundException")
        return self.groups[params["logGroupName"]]

    def _try(self, destination: str) -> None:
        try:
            self._put(destination, partition_key("Random", "", "", self._clock()), control_message(self._clock()))
        except Exception as error:
            raise CallError("InvalidParameterException", _NOT_DELIVERED) from error

    def _destination(self, group: str, name: str) -> str:
        found = self.groups.get(group, {}).get(name)
        if found:
            return str(found["destinationArn"])
        policy = self.policies.get(name)
        return str(json.loads(policy["policyDocument"])["DestinationArn"]) if policy else ""

    def _deliver(
        self, name: str, destination: str, distribution: str, group: str, stream: str, events: Sequence[Event]
    ) -> None:
        delivery = self._deliveries.setdefault((group, name), _Delivery())
        if self._clock() < delivery.off_until_ms:
            return
        delivery.records += 1
        key = partition_key(distribution, group, stream, delivery.records)
        data = data_message(self._owner, group, stream, [name], events)
        self._send(delivery, group, name, destination, (self._clock(), key, data, len(events)))

    def _send(
        self, delivery: _Delivery, group: str, name: str, destination: str, entry: tuple[int, str, bytes, int]
    ) -> None:
        _, key, data, count = entry
        try:
            self._put(destination, key, data)
        except ThrottledError:
            delivery.waiting.append(entry)
            self._count("DeliveryThrottling", group, name, count)
        except Exception:
            delivery.off_until_ms = self._clock() + OFF_MS
            self._count("DeliveryErrors", group, name, count)
        else:
            self._count("ForwardedLogEvents", group, name, count)

    def _count(self, metric: str, group: str, name: str, events: int) -> None:
        dimensions = {"LogGroupName": group, "DestinationType": "Kinesis", "FilterName": name}
        self.metrics.put(Metric("AWS/Logs", metric, dimensions), Point(self._clock() / 1000, events))


def _left_out(policy: Params) -> list[str]:
    match = _CRITERIA.fullmatch(policy.get("selectionCriteria", ""))
    return list(json.loads(match[1])) if match else []

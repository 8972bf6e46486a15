"""Subscription filters of CloudWatch Logs, called no faster than its quotas allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import LogGroupTypeDef, SubscriptionFilterTypeDef

# Quotas of each of these calls are 5 to 10 a second for the whole account and region; other tools need some of it.
CALLS_PER_SECOND = 4.0
BURST = 20.0

_REFUSED = {
    "InvalidOperationException",
    "InvalidParameterException",
    "OperationAbortedException",
    "ValidationException",
}
_NO_SLOT = "NoSlot"
_THROTTLED = {"ThrottlingException", "Throttling", "ServiceUnavailableException", "LimitExceededException"}


class RefusedError(Exception):
    """This log group cannot have the filter; the message is CloudWatch's reason."""


class NoSlotError(RefusedError):
    """The log group has as many filters as it may have."""


class DestinationError(Exception):
    """CloudWatch cannot deliver to the stream: it does not exist (yet), or the role may not (yet) be assumed."""


class ThrottledError(Exception):
    """CloudWatch asks to be left alone for a while."""


class Pace:
    """Lets ``BURST`` calls through at once and then ``CALLS_PER_SECOND``."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._free = BURST
        self._at = clock()

    def wait(self) -> None:
        now = self._clock()
        self._free = min(BURST, self._free + (now - self._at) * CALLS_PER_SECOND)
        self._at = now
        if self._free < 1:
            self._sleep((1 - self._free) / CALLS_PER_SECOND)
        self._free -= 1


class Subscriptions:
    """The calls that a sweep makes; each kind of call has a quota, and so a pace, of its own."""

    def __init__(self, logs: CloudWatchLogsClient, new_pace: Callable[[], Pace] = Pace) -> None:
        self._logs = logs
        answered = "response-received.cloudwatch-logs.PutSubscriptionFilter"
        logs.meta.events.register(answered, _full_is_not_busy, unique_id="full-is-not-busy")
        self._list, self._describe, self._put, self._delete = (new_pace() for _ in range(4))

    def log_groups(self) -> Iterator[LogGroupTypeDef]:
        """All log groups of the account and region."""
        request: dict[str, Any] = {"limit": 50}
        while True:
            self._list.wait()
            page = self._logs.describe_log_groups(**request)
            yield from page["logGroups"]
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]

    def filters(self, log_group: str) -> list[SubscriptionFilterTypeDef] | None:
        """Filters of a group; ``None`` where the group is gone."""
        self._describe.wait()
        try:
            return self._logs.describe_subscription_filters(logGroupName=log_group)["subscriptionFilters"]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            if code_of(error) in _THROTTLED:
                raise ThrottledError(str(error)) from error
            raise

    def put(self, log_group: str, name: str, destination: str, role: str, distribution: str) -> bool:
        """Put or replace a filter for everything; ``False`` where the group is gone."""
        self._put.wait()
        try:
            self._logs.put_subscription_filter(
                logGroupName=log_group,
                filterName=name,
                filterPattern="",
                destinationArn=destination,
                roleArn=role,
                distribution="Random" if distribution == "Random" else "ByLogStream",
            )
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return False
            raise put_error(error) from error
        return True

    def delete(self, log_group: str, name: str) -> bool:
        """Delete a filter; ``False`` where there was none."""
        self._delete.wait()
        try:
            self._logs.delete_subscription_filter(logGroupName=log_group, filterName=name)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return False
            if code_of(error) in _THROTTLED:
                raise ThrottledError(str(error)) from error
            if code_of(error) in _REFUSED:
                raise RefusedError(_reason(error)) from error
            raise
        return True


def _full_is_not_busy(parsed_response: dict[str, Any] | None, **_: Any) -> None:
    """botocore takes LimitExceededException for throttling: it would ask five times, up to fifteen seconds long, for
    each log group that has no room for a filter, and a sweep over hundreds of them would not reach the others."""
    error = (parsed_response or {}).get("Error", {})
    if error.get("Code") == "LimitExceededException":
        error["Code"] = _NO_SLOT


def put_error(error: ClientError) -> Exception:
    """What an error of putting a filter or policy means to whoever puts it; itself where it is none of that."""
    code, reason = code_of(error), _reason(error)
    if code in (_NO_SLOT, "LimitExceededException"):
        return NoSlotError(reason)
    # CloudWatch sends a test message first; with a role made seconds ago that fails until IAM has spread it
    if code == "InvalidParameterException" and ("deliver" in reason or "assume" in reason.lower()):
        return DestinationError(reason)
    if code in _THROTTLED:
        return ThrottledError(reason)
    return RefusedError(reason) if code in _REFUSED else error


def code_of(error: ClientError) -> str:
    """AWS's name for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _reason(error: ClientError) -> str:
    return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"

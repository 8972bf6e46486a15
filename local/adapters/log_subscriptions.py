"""Gap: a subscription filter with a Kinesis destination is stored, but nothing is delivered.

What is delivered is as `local.simulators.subscriptions` has it; the emulator's stream takes everything.
"""

import itertools
import secrets
import time
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, cloudwatch_logs, kinesis

from local.simulators.subscriptions import control_message, data_message, partition_key

_EVENT_NUMBERS = itertools.count(secrets.randbits(40))
_RECORD_NUMBERS = itertools.count()


def install() -> None:
    deliver_to_lambda = cloudwatch_logs._fanout_to_subscription_filters
    put_filter = cloudwatch_logs._put_subscription_filter

    def deliver(group: str, stream: str, events: list[dict[str, Any]]) -> None:
        deliver_to_lambda(group, stream, events)
        for subscription in list(cloudwatch_logs._log_groups.get(group, {}).get("subscriptionFilters", {}).values()):
            if ":kinesis:" in subscription["destinationArn"]:
                _deliver(subscription, group, stream, events)

    def put(request: dict[str, Any]) -> Any:
        response = put_filter(request)
        if response[0] == 200 and ":kinesis:" in request.get("destinationArn", ""):
            record = control_message(int(time.time() * 1000))
            kinesis.put_record_internal(request["destinationArn"], secrets.token_hex(16), record)
        return response

    cloudwatch_logs._fanout_to_subscription_filters = deliver
    cloudwatch_logs._put_subscription_filter = put


def _deliver(subscription: dict[str, Any], group: str, stream: str, events: list[dict[str, Any]]) -> None:
    matching = [
        {"id": _event_id(event["timestamp"]), "timestamp": event["timestamp"], "message": event["message"]}
        for event in events
        if cloudwatch_logs._subscription_pattern_matches(subscription["filterPattern"], event["message"])
    ]
    if not matching:
        return
    name = subscription["filterName"]
    dimensions = {"LogGroupName": group, "DestinationType": "Kinesis", "FilterName": name}
    cloudwatch.record_metric("AWS/Logs", "ForwardedLogEvents", len(matching), "Count", dimensions)
    key = partition_key(subscription["distribution"], group, stream, next(_RECORD_NUMBERS))
    record = data_message(get_account_id(), group, stream, [name], matching)
    kinesis.put_record_internal(subscription["destinationArn"], key, record)


def _event_id(timestamp_ms: int) -> str:
    """56 digits that begin with the time, as CloudWatch's ids do."""
    return str((timestamp_ms << 144) | next(_EVENT_NUMBERS)).zfill(56)

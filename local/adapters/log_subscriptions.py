"""Gap: a subscription filter with a Kinesis destination is stored, but nothing is delivered.

AWS gzips the matching events of a batch into one record, and checks the destination with a control message when a
filter is made (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
"""

import gzip
import hashlib
import itertools
import json
import secrets
import time
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, cloudwatch_logs, kinesis

_EVENT_NUMBERS = itertools.count(secrets.randbits(40))


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
            text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
            event = {"id": "", "timestamp": int(time.time() * 1000), "message": text}
            _send(
                request["destinationArn"],
                secrets.token_hex(16),
                "CONTROL_MESSAGE",
                "CloudwatchLogs",
                "",
                "",
                [],
                [event],
            )
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
    by_stream = subscription["distribution"] == "ByLogStream"
    key = hashlib.md5(f"{group}:{stream}".encode()).hexdigest() if by_stream else secrets.token_hex(16)
    names = [subscription["filterName"]]
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    dimensions = {"LogGroupName": group, "DestinationType": "Kinesis", "FilterName": names[0]}
    cloudwatch.record_metric("AWS/Logs", "ForwardedLogEvents", len(matching), "Count", dimensions)
    _send(subscription["destinationArn"], key, "DATA_MESSAGE", get_account_id(), group, stream, names, matching)


def _send(
    destination: str,
    partition_key: str,
    message_type: str,
    owner: str,
    group: str,
    stream: str,
    filters: list[str],
    events: list[dict[str, Any]],
) -> None:
    payload = {
        "messageType": message_type,
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": filters,
        "logEvents": events,
    }
    kinesis.put_record_internal(destination, partition_key, gzip.compress(json.dumps(payload).encode()))


def _event_id(timestamp_ms: int) -> str:
    """56 digits that begin with the time, as CloudWatch's ids do."""
    return str((timestamp_ms << 144) | next(_EVENT_NUMBERS)).zfill(56)

"""Payloads of CloudWatch Logs as they stand in the stream."""

from __future__ import annotations

import re
from typing import Any

import deflate
import msgspec

_LAMBDA = "/aws/lambda/"
_STREAM_OF_FUNCTION = re.compile(r"\d{4}/\d\d/\d\d/([\w-]{1,140})\[[$\w-]{1,140}\][0-9a-f]")


class LogEvent(msgspec.Struct, gc=False):
    """One log event of a subscription payload."""

    id: str
    timestamp: int | None
    message: str
    extractedFields: dict[str, Any] | None = None  # noqa: N815


class Subscription(msgspec.Struct, gc=False):
    """A payload of CloudWatch Logs, https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html."""

    messageType: str  # noqa: N815
    logEvents: list[LogEvent]  # noqa: N815
    owner: str = ""
    logGroup: str = ""  # noqa: N815
    logStream: str = ""  # noqa: N815


decode = msgspec.json.Decoder(Subscription).decode


def service_of(log_group: str, log_stream: str) -> str | None:
    """The service for lines that name none: the function of a Lambda log group, or of a log stream in a group that
    functions share (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html)."""
    if log_group.startswith(_LAMBDA):
        return log_group[len(_LAMBDA) :]
    match = _STREAM_OF_FUNCTION.match(log_stream)
    return match[1] if match else None


def payload_of(owner: str, log_group: str, log_stream: str, entry: LogEvent) -> bytes:
    """A subscription payload that holds one event, as CloudWatch would put it on the stream."""
    single = Subscription("DATA_MESSAGE", [entry], owner, log_group, log_stream)
    return bytes(deflate.gzip_compress(msgspec.json.encode(single)))

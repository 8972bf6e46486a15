"""What a call to a service of AWS, or a request to API Gateway, costs at least: one unit of what is billed, at list
price.

A span tells neither sizes nor how many messages there were, so a call counts as the smallest that AWS bills. What is
not in the table (calls of services that bill by time, and of others than AWS) counts as nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from functions.core.cost.prices import PRICES

_UNITS: dict[str, dict[str, tuple[str, float]]] = {
    "SQS": {"": ("sqs_request", 1)},
    "SNS": {"Publish": ("sns_publish", 1)},
    "EventBridge": {"PutEvents": ("eventbridge_event", 1)},
    "Kinesis": {"PutRecord": ("kinesis_put_unit", 1)},
    "KMS": {"": ("kms_request", 1)},
    "DynamoDB": {
        # an eventually consistent read is half a unit, a transaction bills each item twice
        **dict.fromkeys(("Get", "Query", "Scan", "BatchGet"), ("dynamodb_read_unit", 0.5)),
        **dict.fromkeys(("Put", "Update", "Delete", "BatchWrite"), ("dynamodb_write_unit", 1)),
        "TransactGet": ("dynamodb_read_unit", 2),
        "TransactWrite": ("dynamodb_write_unit", 2),
    },
    "S3": {
        **dict.fromkeys(("Get", "Head"), ("s3_get", 1)),
        **dict.fromkeys(("Put", "Copy", "Post", "List", "CreateMultipart", "UploadPart"), ("s3_put", 1)),
    },
}
"""Service -> beginning of the operation -> price and how many units of it."""


@lru_cache(maxsize=4096)
def call_usd(service: str | None, operation: str | None) -> float:
    """List price in US dollars; ``service`` is as Application Signals names it (``AWS::DynamoDB``) or without
    ``AWS::``."""
    units = _UNITS.get((service or "").removeprefix("AWS::"), {})
    for beginning, (price, count) in units.items():
        if (operation or "").startswith(beginning):
            return PRICES.usd(price) * count
    return 0.0


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(_REPLACED_INVALID_REQUEST_ID)?", re.IGNORECASE)


def gateway_usd(source: str | None, request_id: str | None, status: str | None) -> float:
    """List price in US dollars of a request that an access log tells of; 0 where no API Gateway wrote it, and of one
    that it throttled, which is not billed.

    An access log does not name the kind of its API. The ids that REST APIs give are UUIDs
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html) and those of HTTP APIs are
    not; whatever has another id counts as the cheaper HTTP API.
    """
    if source != "access_log" or status == "throttle":
        return 0.0
    return PRICES.usd("rest_api_request" if _UUID.fullmatch(request_id or "") else "http_api_request")


def sql_values() -> list[str]:
    """The price list as rows of an SQL VALUES list: service, beginning of the operation, US dollars a call; requests to
    API Gateway with the kind of the API as their operation."""
    listed = [
        (service, beginning, PRICES.usd(price) * count)
        for service, units in _UNITS.items()
        for beginning, (price, count) in units.items()
    ]
    listed += [("API Gateway", kind, PRICES.usd(f"{kind.lower()}_api_request")) for kind in ("REST", "HTTP")]
    return [f"('{service}', '{beginning}', {usd:.3e})" for service, beginning, usd in listed]

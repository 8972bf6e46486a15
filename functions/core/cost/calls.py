"""What a call to a service of AWS costs at least: one unit of what the service bills, at list price.

A span tells neither sizes nor how many messages there were, so a call counts as the smallest that AWS bills. What is
not in the table (calls of services that bill by time, and of others than AWS) counts as nothing.
"""

from __future__ import annotations

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

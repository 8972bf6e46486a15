"""The function URL that the payment provider calls back; no access log sees it, so it tells tracelake itself."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from . import events, spans
from .http import answer

logger = Logger()
stream = boto3.client("kinesis")
STREAM = os.environ["TRACELAKE_STREAM"]


@spans.traced
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Notes that a payment was captured, and puts one webhook event on tracelake's stream."""
    started = time.perf_counter()
    notice = json.loads(event["body"])
    logger.info("payment captured", extra={"tenant": notice["tenant"], "order": notice["order"]})
    result = answer(200, {"received": True})
    record = events.webhook(
        notice["tenant"],
        event["rawPath"],
        result["statusCode"],
        (time.perf_counter() - started) * 1000,
        (len(event["body"]), len(result["body"])),
        {"request_id": context.aws_request_id, "trace_id": spans.current().trace_id},
    )
    with spans.call("Kinesis", "PutRecords", STREAM):
        stream.put_records(StreamName=STREAM, Records=[{"Data": record.encode(), "PartitionKey": notice["order"]}])
    return result

"""Takes orders from the queue and stores them."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from . import spans

logger = Logger()
metrics = Metrics()
orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])


@spans.traced
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Stores each order of the batch.

    The span of the invocation links to the messages; each message goes on in the trace of the request that sent it.
    """
    for record in event["Records"]:
        trace_id, span_id = spans.read_xray_header(record["attributes"]["AWSTraceHeader"])
        spans.current().links.append({"traceId": trace_id, "spanId": span_id, "attributes": {}})
        order = json.loads(record["body"])
        queue = record["eventSourceARN"].rpartition(":")[2]
        attributes = {
            "messaging.system": "aws_sqs",
            "messaging.operation.type": "process",
            "messaging.message.id": record["messageId"],
            "messaging.destination.name": queue,
            "tenant": order["tenant"],
        }
        with spans.span(f"{queue} process", "CONSUMER", attributes, (trace_id, span_id)):
            _store(order)
    metrics.add_metric("OrdersFulfilled", MetricUnit.Count, len(event["Records"]))
    return {"batchItemFailures": []}


def _store(order: dict[str, Any]) -> None:
    item = {**order, "state": "fulfilled"}
    with spans.call("DynamoDB", "PutItem", orders.name):
        orders.put_item(Item=item)
    logger.info("order fulfilled", extra={"tenant": order["tenant"], "order": order["order"]})

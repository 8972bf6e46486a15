"""POST /orders: charges the customer at the payment provider and queues the order."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from . import events, payments, spans
from .http import answer, customer
from .products import BY_ID

logger = Logger()
metrics = Metrics()
queue = boto3.client("sqs")
QUEUE_URL = os.environ["ORDERS_QUEUE_URL"]


@spans.traced
@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers 202 with the order's number, 400, 402 where the payment is declined, 502 or 504 where it fails."""
    caller = customer(event)
    order = json.loads(event["body"])
    logger.append_keys(tenant=caller["tenant"], order=order.get("order"))
    if unknown := [line["product"] for line in order["lines"] if line["product"] not in BY_ID]:
        logger.warning("unknown product", extra={"products": unknown})
        return answer(400, {"message": f"There is no product {unknown[0]}."})
    total = sum(BY_ID[line["product"]].price * line["quantity"] for line in order["lines"])
    started = time.perf_counter()
    try:
        payment = payments.charge({**caller, "order": order["order"], "cents": total})
    except payments.PaymentDeclinedError as error:
        logger.warning("payment declined", extra={"reason": str(error)})
        return answer(402, {"message": str(error)})
    except payments.PaymentUnavailableError:
        logger.exception("order not placed: no payment")
        metrics.add_metric("PaymentFailures", MetricUnit.Count, 1)
        return answer(502, {"message": "The payment provider does not answer. Please try again."})
    finally:
        metrics.add_metric("PaymentLatency", MetricUnit.Milliseconds, (time.perf_counter() - started) * 1000)
    _queue({**order, **caller, "cents": total, "payment": payment})
    metrics.add_metric("OrdersPlaced", MetricUnit.Count, 1)
    metrics.add_metric("OrderValue", MetricUnit.Count, total / 100)
    events.usage(caller["tenant"], "checkout", context.aws_request_id, {"cents": total}, order["user"])
    logger.info("order placed", extra={"cents": total, "lines": len(order["lines"])})
    return answer(202, {"order": order["order"], "state": "placed"})


def _queue(order: dict[str, Any]) -> None:
    with spans.call("SQS", "SendMessage", QUEUE_URL.rpartition("/")[2], "PRODUCER") as span:
        queue.send_message(
            QueueUrl=QUEUE_URL,
            MessageBody=json.dumps(order),
            MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": span.xray_header}},
        )

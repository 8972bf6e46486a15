"""GET /products, GET /products/{id}, GET /orders/{id} and PUT /settings."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from . import events, spans
from .http import answer, customer
from .products import BY_ID, PRODUCTS

logger = Logger()
metrics = Metrics()
orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])
settings = boto3.resource("dynamodb").Table(os.environ["SETTINGS_TABLE"])


@spans.traced
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers one request of the HTTP API."""
    tenant = customer(event)["tenant"]
    logger.append_keys(tenant=tenant)
    metrics.add_dimension("route", event["routeKey"])
    metrics.add_metric("Served", MetricUnit.Count, 1)
    match event["routeKey"]:
        case "GET /products":
            return _list_products(event, tenant, context.aws_request_id)
        case "GET /products/{id}":
            return _show_product(event["pathParameters"]["id"])
        case "GET /orders/{id}":
            return _show_order(event["pathParameters"]["id"], tenant, context.aws_request_id)
        case _:
            return _change_settings(json.loads(event["body"]), tenant)


def _list_products(event: dict[str, Any], tenant: str, request_id: str) -> dict[str, Any]:
    words = (event.get("queryStringParameters") or {}).get("q", "").lower()
    found = [product._asdict() for product in PRODUCTS if words in product.name.lower()]
    if words:
        logger.info("searched", extra={"words": words, "found": len(found)})
        events.usage(tenant, "search", request_id, {"found": len(found)})
    return answer(200, found)


def _show_product(product_id: str) -> dict[str, Any]:
    product = BY_ID.get(product_id)
    if product is None:
        logger.warning("product not found", extra={"product": product_id})
        return answer(404, {"message": f"There is no product {product_id}."})
    return answer(200, product._asdict())


def _show_order(order_id: str, tenant: str, request_id: str) -> dict[str, Any]:
    with spans.call("DynamoDB", "GetItem", orders.name):
        order = orders.get_item(Key={"tenant": tenant, "order": order_id}).get("Item")
    if order is None:
        logger.warning("order not found", extra={"order": order_id})
        return answer(404, {"message": f"There is no order {order_id}."})
    events.usage(tenant, "order_tracking", request_id, {"state": order["state"]})
    return answer(200, {"order": order_id, "state": order["state"]})


def _change_settings(change: dict[str, str], tenant: str) -> dict[str, Any]:
    with spans.call("DynamoDB", "UpdateItem", settings.name):
        before = settings.update_item(
            Key={"tenant": tenant, "setting": change["setting"]},
            UpdateExpression="SET #value = :value",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":value": change["value"]},
            ReturnValues="UPDATED_OLD",
        )
    old = before.get("Attributes", {}).get("value")
    events.setting_changed(tenant, change["setting"], str(old) if old else None, change["value"])
    logger.info("setting changed", extra={"setting": change["setting"]})
    return answer(200, change)

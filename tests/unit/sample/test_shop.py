from __future__ import annotations

import gzip
import json
from urllib.parse import urlsplit

import pytest
from shop_at_work import PARENT, TRACE, ShopAtWork

from functions.core.normalize import Normalizer, Rules
from local.sample.payment_provider import Outage, PaymentProvider
from local.sample.shop import payments

CUSTOMER = {"tenant": "harbor-foods", "plan": "business", "region": "eu"}
ORDER = {"order": "o-1", "user": "u-7", "lines": [{"product": "p-100", "quantity": 2}]}


def request(route, path, body=None, parameters=None, query=None):
    method = route.partition(" ")[0]
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "pathParameters": parameters,
        "queryStringParameters": query,
        "body": json.dumps(body) if body else None,
        "requestContext": {
            "http": {"method": method, "path": path},
            "requestId": "r",
            "authorizer": {"lambda": CUSTOMER},
        },
    }


@pytest.fixture
def shop(monkeypatch):
    return ShopAtWork(monkeypatch)


@pytest.fixture
def provider(monkeypatch):
    with PaymentProvider() as running:
        monkeypatch.setattr(payments, "_ADDRESS", urlsplit(running.url))
        yield running


def spans_by_name(shop):
    return {span["name"]: span for span in shop.rows("spans")}


def test_an_order_is_charged_and_queued_in_the_trace_of_its_request(shop, provider):
    assert shop.run("checkout", request("POST /orders", "/orders", ORDER))["statusCode"] == 202

    (message,) = shop.calls("SendMessage")
    header = message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"]
    spans = spans_by_name(shop)
    root, charge, send = spans["shop-checkout"], spans["POST"], spans["SQS.SendMessage"]
    assert {span["trace_id"] for span in spans.values()} == {TRACE}
    assert root["parent_span_id"] == PARENT
    assert charge["parent_span_id"] == send["parent_span_id"] == root["span_id"]
    assert f"Parent={send['span_id']}" in header
    assert (root["kind"], charge["kind"], send["kind"]) == ("server", "client", "producer")


def test_a_span_of_a_request_names_customer_route_and_status(shop, provider):
    shop.run("checkout", request("POST /orders", "/orders", ORDER))

    root = spans_by_name(shop)["shop-checkout"]
    assert root["tenant"] == "harbor-foods"
    assert (root["http_method"], root["http_route"], root["http_status"]) == ("POST", "/orders", 202)
    assert (root["service"], root["resource_type"]) == ("shop-checkout", "AWS::Lambda::Function")


def test_a_call_to_the_third_party_names_it_as_remote_service(shop, provider):
    shop.run("checkout", request("POST /orders", "/orders", ORDER))

    charge = spans_by_name(shop)["POST"]
    assert (charge["remote_service"], charge["remote_operation"]) == ("payments.example.com", "POST /charges")
    assert charge["status"] == "ok"


def test_a_failing_provider_becomes_a_failed_request_with_its_cause_in_log_and_span(shop, provider):
    provider.outage = Outage("business", "eu")
    failing = next(number for number in range(100) if provider.behaviour(f"o-{number}", "business", "eu").status == 503)
    answer = shop.run("checkout", request("POST /orders", "/orders", {**ORDER, "order": f"o-{failing}"}))

    assert answer["statusCode"] == 502
    (error,) = [row for row in shop.rows("logs") if row["level"] == "ERROR"]
    assert (error["error_type"], error["tenant"]) == ("PaymentUnavailableError", "harbor-foods")
    spans = spans_by_name(shop)
    assert (spans["POST"]["status"], spans["POST"]["http_status"]) == ("fault", 503)
    assert spans["shop-checkout"]["status"] == "fault"
    assert not shop.calls("SendMessage")


def test_an_order_becomes_a_usage_event_and_metrics(shop, provider):
    shop.run("checkout", request("POST /orders", "/orders", ORDER))

    (usage,) = shop.rows("usage_events")
    assert (usage["feature"], usage["tenant"], usage["properties"]) == ("checkout", "harbor-foods", {"cents": "2980"})
    metrics = {row["name"]: row for row in shop.rows("metrics")}
    assert metrics["OrderValue"]["value"] == 29.8
    assert (metrics["OrdersPlaced"]["namespace"], metrics["OrdersPlaced"]["service"]) == ("shop", "shop-checkout")


def test_a_changed_setting_is_told_with_old_and_new_value(shop):
    shop.answers["UpdateItem"] = {"Attributes": {"value": {"S": "light"}}}
    shop.run("catalog", request("PUT /settings", "/settings", {"setting": "theme", "value": "dark"}))

    (row,) = shop.rows("tenant_settings")
    assert (row["tenant"], row["setting"], row["old_value"], row["new_value"]) == (
        "harbor-foods",
        "theme",
        "light",
        "dark",
    )


@pytest.mark.parametrize(
    ("route", "path", "parameters", "status"),
    [
        ("GET /products", "/products", None, 200),
        ("GET /products/{id}", "/products/p-100", {"id": "p-100"}, 200),
        ("GET /products/{id}", "/products/p-99", {"id": "p-99"}, 404),
        ("GET /orders/{id}", "/orders/o-1", {"id": "o-1"}, 404),
    ],
)
def test_the_catalog_answers(shop, route, path, parameters, status):
    assert shop.run("catalog", request(route, path, parameters=parameters))["statusCode"] == status


def test_a_message_goes_on_in_the_trace_of_the_request_that_sent_it(shop):
    sent = {"trace": "7" * 32, "span": "8" * 16}
    record = {
        "messageId": "m-1",
        "body": json.dumps({**ORDER, **CUSTOMER, "cents": 2980}),
        "attributes": {"AWSTraceHeader": f"Root=1-{'7' * 8}-{'7' * 24};Parent={sent['span']};Sampled=1"},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111111111111:shop-orders",
    }
    shop.run("fulfil", {"Records": [record]})

    (item,) = shop.calls("PutItem")
    assert item["Item"]["state"] == {"S": "fulfilled"}
    spans = spans_by_name(shop)
    consumed, stored, invocation = spans["shop-orders process"], spans["DynamoDB.PutItem"], spans["shop-fulfil"]
    assert (consumed["trace_id"], consumed["parent_span_id"]) == (sent["trace"], sent["span"])
    assert (stored["trace_id"], stored["parent_span_id"]) == (sent["trace"], consumed["span_id"])
    assert invocation["trace_id"] == TRACE
    assert invocation["links"] == [{"trace_id": sent["trace"], "span_id": sent["span"]}]


def test_a_webhook_is_one_request_on_the_stream(shop):
    event = request("$default", "/webhooks/payments", {"payment": "pay-1", "tenant": "harbor-foods", "order": "o-1"})
    event["requestContext"] = {"http": {"method": "POST", "path": "/webhooks/payments"}}
    shop.run("webhooks", event)

    (call,) = shop.calls("PutRecords")
    normalizer = Normalizer(Rules(account="1" * 12, region="eu-west-1"))
    normalizer.add(gzip.compress(call["Records"][0]["Data"]), "shard:1", None)
    (row,) = [row for part in normalizer.flush("c") if part.table == "requests" for row in part.rows.to_pylist()]
    assert (row["tenant"], row["route"], row["status"]) == ("harbor-foods", "POST /webhooks/payments", 200)
    assert (row["service"], row["trace_id"]) == ("shop-webhooks", TRACE)
    assert not shop.rows("requests")

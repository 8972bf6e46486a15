from __future__ import annotations

import json

import pytest
from feeding import read

from functions.core.sources.request_meaning import template

ACCESS = {
    "requestId": "abc",
    "ip": "203.0.113.7",
    "requestTime": "20/Nov/2026:11:02:03 +0000",
    "httpMethod": "GET",
    "resourcePath": "/orders/{id}",
    "path": "/v1/orders/4711?token=x",
    "status": "502",
    "responseLength": "1024",
    "responseLatency": "37",
    "integrationLatency": "30",
    "userAgent": "curl/8",
    "xrayTraceId": "1-5e61292c-cc1229a4dfbeae1043928548",
    "user": "-",
}


def test_an_access_log_line_is_a_request() -> None:
    (row,) = read("requests", ACCESS, group="/aws/apigateway/shop")
    assert (row["service"], row["method"], row["route"], row["path"]) == (
        "shop",
        "GET",
        "GET /orders/{id}",
        "/v1/orders/4711",
    )
    assert (row["status"], row["latency_ms"], row["response_bytes"], row["user_agent"]) == (502, 37.0, 1024, "curl/8")
    assert row["trace_id"] == "5e61292ccc1229a4dfbeae1043928548"
    assert json.loads(row["line"])["integrationLatency"] == ACCESS["integrationLatency"]


def test_the_client_is_known_by_a_keyed_hash_only() -> None:
    first, same, other = read("requests", ACCESS, ACCESS, {**ACCESS, "ip": "203.0.113.8"})
    assert first["client_ip_hash"] == same["client_ip_hash"] != other["client_ip_hash"]
    assert "203.0.113.7" not in str(first)


@pytest.mark.parametrize(
    "member",
    [
        {"tenant": "acme"},
        {"authorizer": {"tenant_id": "acme"}},
        {"authorizer": {"jwt": {"claims": {"custom:tenant": "acme"}}}},
        {"authorizer.tenantId": "acme"},
        {"authorizer.claims.tenant_id": "acme"},
    ],
)
def test_the_tenant_is_found_where_authorizers_put_it(member: dict[str, object]) -> None:
    (row,) = read("requests", {**ACCESS, **member})
    assert row["tenant"] == "acme"


@pytest.mark.parametrize(
    ("method", "route", "path", "expected"),
    [
        ("GET", "/orders/{id}", None, "GET /orders/{id}"),
        (None, "GET /orders/{id}", None, "GET /orders/{id}"),
        ("GET", "$default", None, "$default"),
        ("GET", None, "/orders/4711/items?x=1", "GET /orders/{id}/items"),
        ("GET", None, "/users/8edab1f8-7d34-4a8e-a965-15ccbbb78d4c", "GET /users/{id}"),
        ("GET", None, "/v1/catalog", "GET /v1/catalog"),
        (None, None, None, None),
    ],
)
def test_route_templates(method: str | None, route: str | None, path: str | None, expected: str | None) -> None:
    assert template(method, route, path) == expected


def test_a_log_line_with_a_level_is_no_access_log() -> None:
    assert len(read("logs", {**ACCESS, "level": "INFO"})) == 1


def test_odd_values_leave_their_column_empty_and_reject_nothing() -> None:
    (row,) = read("requests", {**ACCESS, "status": "-", "responseLatency": "fast", "responseLength": 10**30})
    assert (row["status"], row["latency_ms"], row["response_bytes"]) == (None, None, None)

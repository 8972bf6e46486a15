from __future__ import annotations

import pytest

from functions.core.usage.routes import MOST_PARTS, folded, path_of


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/orders/4711/items/2", "/orders/{id}/items/{id}"),
        ("/users/8edab1f8-7d34-4a8e-a965-15ccbbb78d4c", "/users/{id}"),
        ("/commits/9f86d081884c7d65", "/commits/{id}"),
        ("/jobs/0x1f4a9c2e", "/jobs/{id}"),
        ("/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/sessions/{id}"),
        ("/customers/cus_9s6XKzkNRiz8i3/cards", "/customers/{id}/cards"),
        ("/objects/507f1f77bcf86cd799439011", "/objects/{id}"),
        ("/reports/2026-11-20", "/reports/{id}"),
        ("/reports/2026/11/20", "/reports/{id}/{id}/{id}"),
        ("/reports/20261120T110203Z", "/reports/{id}"),
        ("/invite/jane@example.com", "/invite/{id}"),
        ("/invite/jane%40example.com", "/invite/{id}"),
        ("/t/dGhpcyBpcyBhIHRlc3Q0Mg==", "/t/{id}"),
        ("/t/aGVsbG9Xb3JsZEFuZE1vcmVUZXh0", "/t/{id}"),
        ("/blog/why-our-database-was-slow-last-tuesday", "/blog/{id}"),
        ("/orders/order-12345", "/orders/{id}"),
        ("/invoices/4711.pdf", "/invoices/{id}.pdf"),
        ("/assets/8f3e2a91b7c4.js", "/assets/{id}.js"),
        ("/tenants/eu-west-1_aB3dE5fG7", "/tenants/{id}"),
    ],
)
def test_what_names_one_of_many_is_folded(path: str, route: str) -> None:
    assert folded(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/catalog",
        "/api/v2.1/health-check",
        "/oauth2/token",
        "/s3/buckets",
        "/k8s/pods",
        "/base64/decode",
        "/index.html",
        "/static/main.css",
        "/.well-known/openid-configuration",
        "/password-reset/confirm",
        "/example.metrics.v1.MetricsService/ReportMetrics",
        "/shop.PaymentMethods/ListConsumerGroupOffsets",
        "/users/me/two-factor-auth",
        "/orders/{orderId}/items/{proxy+}",
        "/2fa/setup",
        "",
    ],
)
def test_names_stay(path: str) -> None:
    assert folded(path) == path


def test_many_values_give_one_route() -> None:
    assert len({folded(f"/orders/{number * 7919:x}/lines/{number}") for number in range(10**6, 10**6 + 500)}) == 1


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/orders/17?a=b", "/orders/17"),
        ("https://shop.example.com:443/orders/17", "/orders/17"),
        ("https://shop.example.com?a=/b", "/"),
        ("/login?next=https://other.example.com/x", "/login"),
        ("orders", None),
        ("", None),
    ],
)
def test_the_path_of_a_url_has_no_scheme_host_or_query(url: str, path: str | None) -> None:
    assert path_of(url) == path


def test_a_route_has_an_end() -> None:
    assert folded("/a" * 500).count("/") == MOST_PARTS + 1
    assert folded("/" + "a" * 10_000) == "/{id}"

"""What the user's rules and the usual names say of spans: customer, user, feature, version and route."""

from __future__ import annotations

import json
from typing import Any

import pytest
from feeding import NOW_MS, payload, rows, span, taken
from test_rules import PATHS, by

IDS = {"traceId": "6759b1c50e59b643038a6a070e115043", "spanId": "2a22ad6d7aeb6ef2"}


def read(text: str, *messages: Any, group: str = "aws/spans") -> list[dict[str, Any]]:
    normalizer = taken(payload(*messages, group=group), rules=by(text))
    assert not normalizer.rejected, normalizer.rejected
    return rows(normalizer, "spans")


def row(text: str, kind: str = "SERVER", **attributes: Any) -> dict[str, Any]:
    (found,) = read(
        text, span(kind=kind, attributes={name.replace("__", "."): each for name, each in attributes.items()})
    )
    return found


def aws_spans(attributes: dict[str, Any]) -> Any:
    return span(kind="SERVER", attributes=attributes)


def otlp(attributes: dict[str, Any]) -> Any:
    listed = [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()]
    members = {"name": "s", "kind": 2, "startTimeUnixNano": str(NOW_MS * 10**6), "endTimeUnixNano": str(NOW_MS * 10**6)}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [{**IDS, **members, "attributes": listed}]}]}]}


def sdk(attributes: dict[str, Any]) -> Any:
    context = {"trace_id": f"0x{IDS['traceId']}", "span_id": f"0x{IDS['spanId']}"}
    time = "2026-09-21T14:13:19.000000Z"
    return {
        "name": "s", "context": context, "kind": "SpanKind.SERVER", "start_time": time, "end_time": time,
        "attributes": attributes, "resource": {"attributes": {"service.name": "s"}},
    }  # fmt: skip


def xray(attributes: dict[str, Any]) -> Any:
    times = {"start_time": NOW_MS / 1000, "end_time": NOW_MS / 1000 + 1}
    segment = {"id": "2a22ad6d7aeb6ef2", "trace_id": "1-6759b1c5-0e59b643038a6a070e115043", "name": "shop", **times}
    request = {"method": attributes["http.request.method"], "url": f"https://shop.example.com{attributes['url.path']}"}
    return {**segment, "user": attributes["enduser.id"], "http": {"request": request}}


@pytest.mark.parametrize("source", [aws_spans, otlp, sdk, xray])
def test_a_path_tells_route_customer_and_feature_of_a_span_of_any_source(source: Any) -> None:
    attributes = {"http.request.method": "GET", "url.path": "/t/acme/orders/17", "enduser.id": "jane"}
    (found,) = read(PATHS, source(attributes), group="/ecs/shop")
    assert (found["http_route"], found["tenant"], found["feature"]) == ("/t/{tenant}/orders/{id}", "acme", "orders")
    log = rows(taken(payload({"message": "m", "user_id": "jane"}), rules=by("")), "logs")
    assert found["user_id"] == log[0]["user_id"]
    assert "jane" not in str(found)


@pytest.mark.parametrize("name", ["enduser.id", "user.id", "user_id", "username"])
def test_the_usual_names_of_a_user_need_no_rule(name: str) -> None:
    (known, nobody) = read("", aws_spans({name: "jane"}), aws_spans({name: ""}))
    assert len(known["user_id"]) == 32
    assert nobody["user_id"] is None
    assert "jane" not in str(known)


def test_names_of_the_rules_are_attributes_or_paths_into_what_they_hold() -> None:
    text = 'tenant = ["ctx.customer"]\nuser = ["who"]\nfeature = ["ff"]\nversion = ["build"]\nroute = ["template"]'
    attributes = {"who": "jane", "ff": "export", "build": "c0ffee", "template": "/x/{y}", "http.route": "/usual"}
    for ctx in ({"ctx.customer": "acme"}, {"ctx": {"customer": "acme"}}, {"ctx": '{"customer": "acme"}'}):
        (found,) = read(text, aws_spans({**ctx, "tenant": "usual", "feature": "usual", **attributes}))
        assert (found["tenant"], found["feature"], found["service_version"]) == ("acme", "export", "c0ffee")
        assert found["http_route"] == "/x/{y}"
        assert found["user_id"] == row("", user__id="jane")["user_id"]


def test_what_a_span_says_comes_before_its_path_and_both_before_its_process() -> None:
    process = {"attributes": {"tenant": "of process", "service.version": "1"}}
    for attributes, tenant in (
        ({"tenant": "own", "url.path": "/t/acme/orders/1"}, "own"),
        ({"url.path": "/t/acme/orders/1"}, "acme"),
        ({"url.path": "/other"}, "of process"),
    ):
        (found,) = read(PATHS, span(kind="SERVER", attributes=attributes, resource=process))
        assert (found["tenant"], found["service_version"]) == (tenant, "1")


@pytest.mark.parametrize(
    ("attributes", "route"),
    [
        ({"http.route": "/orders/{o}", "url.path": "/orders/17"}, "/orders/{o}"),
        ({"url.path": "/orders/17"}, "/orders/{id}"),
        ({"http.target": "/orders/17?a=/b/c"}, "/orders/{id}"),
        ({"http.url": "https://shop.example.com/orders/17?next=https://other/x"}, "/orders/{id}"),
        ({"url.full": "https://shop.example.com"}, "/"),
        ({"http.route": "", "url.path": "/t/acme/orders/1"}, "/t/{tenant}/orders/{id}"),
        ({"http.route": "/{proxy+}", "url.path": "/t/acme/orders/1"}, "/t/{tenant}/orders/{id}"),
        ({"http.route": "/{proxy+}", "url.path": "/orders/17"}, "/{proxy+}"),
        ({"url.path": "orders"}, None),
        ({"url.path": ["/orders/17"]}, None),
        ({"url.path": None}, None),
        ({}, None),
    ],
)
def test_the_route_of_a_server_is_its_own_or_that_of_its_path(attributes: dict[str, Any], route: str | None) -> None:
    (found,) = read(PATHS, aws_spans(attributes))
    assert (found["http_route"] or None) == route


@pytest.mark.parametrize("kind", ["CLIENT", "PRODUCER", "CONSUMER", "INTERNAL", None])
def test_the_path_that_a_span_calls_is_no_route_and_no_customer_of_its_service(kind: str | None) -> None:
    found = row(PATHS, kind, url__full="https://x/t/acme/orders/17", url__path="/t/acme/orders/17")  # type: ignore[arg-type]
    assert (found["http_route"], found["tenant"], found["feature"]) == (None, None, None)


@pytest.mark.parametrize(
    ("attributes", "feature"),
    [
        ({"http.route": "/t/{t}/orders/{o}", "http.request.method": "GET"}, "orders"),
        ({"http.route": "/t/{t}/orders/{o}", "http.request.method": "POST"}, None),
        ({"http.route": "/x", "http.method": "DELETE"}, "removal"),
        ({"http.route": "/x", "http.method": "DELETE", "feature": "own"}, "own"),
        ({"url.path": "/f/export"}, "export"),
        ({"http.route": ["/x"], "http.method": {"a": 1}}, None),
    ],
)
def test_the_feature_is_the_spans_own_that_of_its_path_or_that_of_its_route(
    attributes: dict[str, Any], feature: str | None
) -> None:
    (found,) = read(PATHS, aws_spans(attributes))
    assert found["feature"] == feature


def test_spans_of_one_shape_keep_what_is_their_own() -> None:
    paths = ("/t/acme/orders/1", "/other/2", "/t/beta/users/jane")
    messages = [span(kind=kind, attributes={"url.path": path}) for path in paths for kind in ("SERVER", "CLIENT")]
    found = sorted(read(PATHS, *messages), key=lambda each: each["event_id"])
    assert [(each["http_route"], each["tenant"], each["user_id"] is not None) for each in found] == [
        ("/t/{tenant}/orders/{id}", "acme", False),
        (None, None, False),
        ("/other/{id}", None, False),
        (None, None, False),
        ("/t/{tenant}/users/{user}", "beta", True),
        (None, None, False),
    ]


def test_a_person_in_a_path_is_in_no_route() -> None:
    found = row("", url__path="/users/jane@example.com/orders")
    assert found["http_route"] == "/users/{id}/orders"
    assert "jane" not in str(found)


def test_the_attributes_stay_as_they_were_written() -> None:
    attributes = {"url.path": "/t/acme/orders/1", "feature": "own"}
    assert json.loads(row(PATHS, url__path="/t/acme/orders/1", feature="own")["span_attributes"]) == attributes

from __future__ import annotations

import itertools
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.sample import traffic
from local.sample.shop.tenants import BY_API_KEY, TENANTS


def first(count, seed=7):
    return list(itertools.islice(traffic.requests(seed), count))


def test_the_same_seed_gives_the_same_requests():
    assert first(300) == first(300)
    assert first(300) != first(300, seed=8)


def test_customers_are_uneven_and_all_of_them_come():
    counts = Counter(request.tenant.id for request in first(600))
    assert set(counts) == {tenant.id for tenant in TENANTS}
    assert counts[TENANTS[0].id] > 4 * counts[TENANTS[-1].id]


def test_every_route_is_used():
    shapes = Counter(request.method + " " + request.path.partition("?")[0].rpartition("/")[0] for request in first(300))
    assert set(shapes) == {"GET ", "GET /products", "GET /orders", "POST ", "PUT "}


def test_every_order_has_its_own_number():
    orders = [request.body["order"] for request in first(600) if request.is_order]
    assert len(orders) == len(set(orders)) > 100


def test_a_customer_asks_for_orders_of_its_own():
    own: dict[str, set[str]] = {}
    for request in first(600):
        if request.is_order:
            own.setdefault(request.tenant.id, set()).add(f"/orders/{request.body['order']}")
        elif request.path.startswith("/orders/"):
            assert request.path == "/orders/o-lost" or request.path in own[request.tenant.id]


def test_every_customer_has_a_key_of_its_own():
    assert len(BY_API_KEY) == len(TENANTS)


@pytest.fixture
def shop():
    """A server that fails every order, and counts what it was asked."""
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked[f"{self.command} {self.path} {BY_API_KEY[self.headers['x-api-key']].id}"] += 1
            self.send_response(502 if self.command == "POST" else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_each_request_is_sent_once_and_a_failed_order_once_more(shop):
    url, asked = shop
    wanted = first(60)
    with traffic.Load(url, wanted) as load:
        pass
    expected: Counter[str] = Counter()
    for request in wanted:
        expected[f"{request.method} {request.path} {request.tenant.id}"] += 2 if request.is_order else 1
    assert asked == expected
    assert Counter(answer.status for answer in load.answers)[502] == 2 * sum(request.is_order for request in wanted)


def test_a_story_that_ends_early_sends_no_more(shop):
    url, asked = shop
    with pytest.raises(KeyboardInterrupt), traffic.Load(url, traffic.requests(7)):
        raise KeyboardInterrupt
    assert sum(asked.values()) < 100

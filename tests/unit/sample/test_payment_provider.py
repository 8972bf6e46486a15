from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from local.sample.payment_provider import Outage, PaymentProvider
from local.sample.shop.payments import TIMEOUT_SECONDS

ORDERS = [f"o-{number}" for number in range(400)]


def behaviours(outage=None, plan="business", region="eu", seed=7):
    provider = PaymentProvider(seed)
    provider.outage = outage
    found = [provider.behaviour(order, plan, region) for order in ORDERS]
    provider._server.server_close()
    return found


def test_an_order_fares_by_its_number_alone():
    assert behaviours() == behaviours()
    assert behaviours() != behaviours(seed=8)


def test_on_a_good_day_nearly_every_order_is_paid_at_once():
    paid = [each for each in behaviours() if each.status == 200 and each.seconds < 0.1]
    assert len(paid) > 0.95 * len(ORDERS)


def test_an_outage_fails_most_orders_and_lets_some_wait_for_ever():
    found = behaviours(Outage("business", "eu"))
    assert sum(each.status == 503 for each in found) > 0.5 * len(found)
    assert 0 < sum(each.seconds > TIMEOUT_SECONDS for each in found) < 0.2 * len(found)


@pytest.mark.parametrize(("plan", "region"), [("business", "us"), ("starter", "eu")])
def test_an_outage_spares_everybody_else(plan, region):
    assert behaviours(Outage("business", "eu"), plan, region) == behaviours(None, plan, region)


@pytest.fixture
def callbacks():
    """Where the provider calls back, and what it said there."""
    notices = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            notices.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", notices
    server.shutdown()
    server.server_close()


def charge(provider, order):
    body = {"order": order, "tenant": "harbor-foods", "plan": "business", "region": "eu", "cents": 100}
    try:
        with urlopen(
            Request(f"{provider.url}/charges", json.dumps(body).encode(), method="POST"), timeout=10
        ) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def test_each_captured_payment_is_called_back_once(callbacks):
    url, notices = callbacks
    with PaymentProvider() as provider:
        provider.webhooks_url = url
        statuses = [charge(provider, order) for order in ORDERS[:8]]
        provider.wait_for_notices()
        assert [notice["order"] for _, notice in notices] == [
            order for order, status in zip(ORDERS, statuses, strict=False) if status == 200
        ]
        assert provider.notices == len(notices) > 0
        assert {path for path, _ in notices} == {"/webhooks/payments"}


def test_a_failed_payment_is_not_called_back(callbacks):
    url, notices = callbacks
    with PaymentProvider() as provider:
        provider.webhooks_url = url
        provider.outage = Outage("business", "eu")
        failing = next(order for order in ORDERS if provider.behaviour(order, "business", "eu").status == 503)
        assert charge(provider, failing) == 503
        provider.wait_for_notices()
    assert notices == []

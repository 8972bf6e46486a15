"""The third party: a payment provider on loopback that can be made slow and failing for some customers.

What it does to an order depends on the seed and the order's number alone, so the same orders always fare the same.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

NOTICE_ATTEMPTS = 5


class Behaviour(NamedTuple):
    """How one charge is answered."""

    status: int
    seconds: float
    message: str = ""


class Outage(NamedTuple):
    """Customers that an incident hits."""

    plan: str
    region: str


def healthy(chance: float) -> Behaviour:
    """An answer on a good day; ``chance`` is from 0 to 1."""
    if chance > 0.985:
        return Behaviour(402, 0.02, "card declined")
    return Behaviour(200, 0.01 + 0.03 * chance)


def impaired(chance: float) -> Behaviour:
    """An answer during the incident: slow, failing, or none for longer than anybody waits."""
    if chance < 0.2:
        return Behaviour(200, 0.5 + chance)
    if chance < 0.92:
        return Behaviour(503, 0.15 + 0.2 * chance, "acquirer not available")
    return Behaviour(200, 3.5)


class PaymentProvider:
    """The provider's server; a context manager.

    ``webhooks_url`` is called back, in the background, for each captured payment. ``notices`` counts the calls that
    were answered with 200.
    """

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.outage: Outage | None = None
        self.webhooks_url = ""
        self.notices = 0
        self._notices: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._charge))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True),
            threading.Thread(target=self._send_notices, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._notices.put(None)

    def wait_for_notices(self) -> None:
        """Returns when no callback is waiting."""
        self._notices.join()

    def behaviour(self, order: str, plan: str, region: str) -> Behaviour:
        """How a charge for the order is answered now."""
        digest = hashlib.sha256(f"{self.seed}/{order}".encode()).digest()
        chance = int.from_bytes(digest[:8]) / 2**64
        return impaired(chance) if self.outage == (plan, region) else healthy(chance)

    def _charge(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        behaviour = self.behaviour(order["order"], order["plan"], order["region"])
        time.sleep(behaviour.seconds)
        if behaviour.status != 200:
            return behaviour.status, {"message": behaviour.message}
        payment = "pay-" + hashlib.sha256(order["order"].encode()).hexdigest()[:12]
        if self.webhooks_url and self.outage != (order["plan"], order["region"]):
            self._notices.put({"payment": payment, "tenant": order["tenant"], "order": order["order"]})
        return 200, {"payment": payment}

    def _send_notices(self) -> None:
        while (notice := self._notices.get()) is not None:
            for _ in range(NOTICE_ATTEMPTS):
                if self._deliver(notice):
                    self.notices += 1
                    break
                time.sleep(0.5)
            self._notices.task_done()

    def _deliver(self, notice: dict[str, Any]) -> bool:
        headers = {"content-type": "application/json", "user-agent": "payments/2.4"}
        body = json.dumps(notice).encode()
        request = urllib.request.Request(f"{self.webhooks_url}/webhooks/payments", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def _handler(charge: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, answer = charge(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                return  # the caller has given up waiting

        def log_message(self, *_: Any) -> None:
            return

    return Handler

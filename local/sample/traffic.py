"""The shop's customers at work: which requests come is fixed by a seed, when they are answered is real."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from local.sample.shop.products import PRODUCTS
from local.sample.shop.tenants import TENANTS, Tenant, api_key

THREADS = 4
ROUTES = {"GET /products": 26, "GET /products/{id}": 28, "POST /orders": 30, "GET /orders/{id}": 10, "PUT /settings": 6}
SETTINGS = {
    "theme": ("light", "dark", "system"),
    "two_factor": ("off", "on"),
    "invoice_format": ("pdf", "html", "xml"),
    "stock_alerts": ("off", "daily", "instant"),
}
# the first value of a setting is liked most
_LIKING = (5, 3, 1)
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) Firefox/148.0", "ShopApp/7.2 (iOS 20.1)", "ShopApp/7.2 (Android 17)")


class Request(NamedTuple):
    """One request of one customer."""

    tenant: Tenant
    method: str
    path: str
    body: dict[str, Any] | None
    user_agent: str

    @property
    def is_order(self) -> bool:
        return self.method == "POST"


class Answer(NamedTuple):
    """What became of a request; status 0 means that no answer came."""

    request: Request
    status: int


def requests(seed: int) -> Iterator[Request]:
    """Requests without end, always the same for one seed."""
    chance = random.Random(seed)
    placed: dict[str, list[str]] = {tenant.id: [] for tenant in TENANTS}
    number = 0
    while True:
        number += 1
        tenant = chance.choices(TENANTS, [tenant.weight for tenant in TENANTS])[0]
        route = chance.choices(list(ROUTES), list(ROUTES.values()))[0]
        agent = chance.choice(_AGENTS)
        method, _, path = route.partition(" ")
        body: dict[str, Any] | None = None
        match route:
            case "GET /products":
                path += chance.choice(("", "?q=mug", "?q=lamp", "?q=bag", ""))
            case "GET /products/{id}":
                path = f"/products/{_product(chance)}"
            case "POST /orders":
                body = _order(chance, f"o-{seed}-{number}")
                placed[tenant.id].append(body["order"])
            case "GET /orders/{id}":
                path = f"/orders/{chance.choice(placed[tenant.id] or ['o-lost'])}"
            case "PUT /settings":
                setting = chance.choice(list(SETTINGS))
                values = SETTINGS[setting]
                body = {"setting": setting, "value": chance.choices(values, _LIKING[: len(values)])[0]}
        yield Request(tenant, method, path, body, agent)


def _product(chance: random.Random) -> str:
    """A product, sometimes one that an old link still points to."""
    return "p-99" if chance.random() < 0.03 else chance.choice(PRODUCTS).id


def _order(chance: random.Random, number: str) -> dict[str, Any]:
    lines = [{"product": _product(chance), "quantity": chance.randint(1, 3)} for _ in range(chance.randint(1, 3))]
    return {"order": number, "user": f"u-{chance.randint(1, 400)}", "lines": lines}


class Load:
    """Customers that send requests, on a few threads, until all are sent or it is stopped.

    An order that fails is tried once more by its customer. ``answers`` grows while it runs.
    """

    def __init__(self, url: str, wanted: Iterable[Request], threads: int = THREADS) -> None:
        self.answers: list[Answer] = []
        self._url = url
        self._wanted = iter(wanted)
        self._next = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def runs(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._next:
                request = next(self._wanted, None)
            if request is None:
                return
            answer = send(self._url, request)
            self.answers.append(answer)
            if request.is_order and answer.status >= 500:
                self.answers.append(send(self._url, request))


def send(url: str, request: Request) -> Answer:
    """Sends one request and waits for its answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    headers = {"x-api-key": api_key(request.tenant.id), "user-agent": request.user_agent}
    body = json.dumps(request.body) if request.body else None
    if body:
        headers["content-type"] = "application/json"
    try:
        connection.request(request.method, address.path + request.path, body, headers)
        response = connection.getresponse()
        response.read()
        return Answer(request, response.status)
    except (OSError, http.client.HTTPException):
        return Answer(request, 0)
    finally:
        connection.close()

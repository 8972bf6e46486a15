"""The client of the payment provider, a third party."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

from . import spans

TIMEOUT_SECONDS = 2.0
_ADDRESS = urlsplit(os.environ.get("PAYMENTS_URL", ""))


class PaymentUnavailableError(Exception):
    """The provider answered with a failure of its own."""


class PaymentTimeoutError(Exception):
    """The provider did not answer in time."""


class PaymentDeclinedError(Exception):
    """The customer's means of payment was refused."""


def charge(order: dict[str, Any]) -> str:
    """Charges an order and returns the provider's number of the payment.

    A call without an answer is tried once more. Raises PaymentUnavailableError, PaymentTimeoutError or
    PaymentDeclinedError.
    """
    try:
        return _charge(order)
    except PaymentTimeoutError:
        return _charge(order)


def _charge(order: dict[str, Any]) -> str:
    attributes = {
        "http.request.method": "POST",
        "server.address": _ADDRESS.hostname,
        "server.port": _ADDRESS.port,
        "url.full": f"{_ADDRESS.geturl()}/charges",
        "aws.remote.service": "payments.example.com",
        "aws.remote.operation": "POST /charges",
    }
    with spans.span("POST", "CLIENT", attributes) as span:
        status, answer = _post("/charges", order, span.traceparent)
        span.attributes["http.response.status_code"] = status
        if status >= 500:
            raise PaymentUnavailableError(f"payment provider answered {status}: {answer['message']}")
        if status == 402:
            raise PaymentDeclinedError(answer["message"])
    return str(answer["payment"])


def _post(path: str, body: dict[str, Any], traceparent: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(_ADDRESS.hostname or "", _ADDRESS.port, timeout=TIMEOUT_SECONDS)
    headers = {"content-type": "application/json", "traceparent": traceparent}
    try:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except TimeoutError as error:
        raise PaymentTimeoutError(f"payment provider did not answer within {TIMEOUT_SECONDS:.0f} s") from error
    except OSError as error:
        raise PaymentUnavailableError(f"payment provider cannot be reached: {error}") from error
    finally:
        connection.close()

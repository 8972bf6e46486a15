"""Answers of an HTTP API's Lambda integration, payload format 2.0
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html)."""

from __future__ import annotations

import json
from typing import Any


def answer(status: int, body: Any) -> dict[str, Any]:
    """A JSON answer."""
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def customer(event: dict[str, Any]) -> dict[str, str]:
    """What the authorizer said of the caller: ``tenant``, ``plan`` and ``region``."""
    context: dict[str, str] = event["requestContext"]["authorizer"]["lambda"]
    return context

"""Lambda authorizer: an API key names the customer. API Gateway puts what it answers into the access log.

Payload 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from .tenants import BY_API_KEY

logger = Logger()


def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Allows known keys; the context names tenant, plan and region."""
    tenant = BY_API_KEY.get(event["headers"].get("x-api-key", ""))
    if tenant is None:
        logger.warning("unknown API key")
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": {"tenant": tenant.id, "plan": tenant.plan, "region": tenant.region}}

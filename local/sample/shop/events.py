"""Application events as JSON log lines: what customers use, and what they set."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def usage(tenant: str, feature: str, request_id: str, properties: dict[str, Any], user: str = "") -> None:
    """One use of a feature; the id is the request's, so that a retry of the same request counts once."""
    event = {"event_type": "usage", "id": f"{feature}-{request_id}", "tenant": tenant, "feature": feature}
    _write({**event, **({"user": user} if user else {}), "properties": properties})


def setting_changed(tenant: str, setting: str, old: str | None, new: str) -> None:
    """One setting changed by a customer."""
    _write({"event_type": "setting_changed", "tenant": tenant, "setting": setting, "old": old, "new": new})


def webhook(tenant: str, path: str, status: int, latency_ms: float, sizes: tuple[int, int], ids: dict[str, str]) -> str:
    """One webhook that came in past the API, for tracelake's own stream; ``sizes`` are bytes in and out."""
    event = {
        "event_type": "webhook",
        "time": now(),
        "tenant": tenant,
        "service": "shop-webhooks",
        "method": "POST",
        "route": "POST /webhooks/payments",
        "path": path,
        "status": status,
        "latency_ms": round(latency_ms, 3),
        "request_bytes": sizes[0],
        "response_bytes": sizes[1],
    }
    return json.dumps({**event, **ids})


def now() -> str:
    """The present instant, ISO 8601 in UTC with milliseconds."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _write(event: dict[str, Any]) -> None:
    print(json.dumps({"time": now(), **event}))

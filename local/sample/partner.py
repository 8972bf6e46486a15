"""A partner's webhooks of the last day: after a deployment some fail. Something to learn from, and to tell of."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from local.sample.shop.tenants import TENANTS

SERVICE, ORDERS, STOCK = "partner-webhooks", "POST /partner/orders", "POST /partner/stock"
HOURS, TROUBLE = 24, timedelta(minutes=25)
BIN = timedelta(minutes=5)
A_BIN = 100.0
"""Webhooks in five minutes, on average."""

FAILING, USUALLY = 0.5, 0.002
COMMIT = "5d41402abc4b2a76b9719d911017c592ae1f2c3d"


def last_day(now: datetime, seed: int = 7) -> tuple[bytes, int]:
    """A record of the stream with all events, and how many."""
    # the last five minutes that detection can judge at once
    latest = now.astimezone(UTC) - timedelta(minutes=4)
    end = latest.replace(minute=latest.minute // 5 * 5, second=0, microsecond=0)
    deployed: dict[str, Any] = {"event_type": "deployment", "service": SERVICE, "version": "2.14.0", "commit": COMMIT}
    deployed["time"] = int((end - TROUBLE - BIN / 2).timestamp() * 1000)
    events = [json.dumps(event) for event in (*_webhooks(end, random.Random(seed)), deployed)]
    return gzip.compress("\n".join(events).encode()), len(events)


def _webhooks(end: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Oldest first, more by day than by night; in the trouble before the end orders fail."""
    start = end - timedelta(hours=HOURS)
    while start < end:
        by_day = 1 + 0.4 * math.sin((start.hour + start.minute / 60 - 9) / 24 * 2 * math.pi)
        for _ in range(round(chance.gauss(A_BIN * by_day, math.sqrt(A_BIN)))):
            route = ORDERS if chance.random() < 0.6 else STOCK
            failing = FAILING if route == ORDERS and start >= end - TROUBLE else USUALLY
            yield {
                "event_type": "webhook",
                "time": int((start + chance.random() * BIN).timestamp() * 1000),
                "tenant": chance.choices(TENANTS, [tenant.weight for tenant in TENANTS])[0].id,
                "service": SERVICE,
                "method": "POST",
                "route": route,
                "status": 502 if chance.random() < failing else 200,
                "latency_ms": round(chance.lognormvariate(4, 0.4), 1),
            }
        start += BIN

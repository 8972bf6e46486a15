"""The shop's customers: companies of uneven size, each with a plan and a region."""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Tenant(NamedTuple):
    """One customer; ``weight`` is its share of the traffic, relative to the others."""

    id: str
    name: str
    plan: str
    region: str
    weight: float


# weights fall like 1 / rank, as sizes of customers do
TENANTS = tuple(
    Tenant(id_, name, plan, region, round(1 / rank, 3))
    for rank, (id_, name, plan, region) in enumerate(
        (
            ("kestrel-cycles", "Kestrel Cycles", "enterprise", "us"),
            ("harbor-foods", "Harbor Foods", "business", "eu"),
            ("juniper-books", "Juniper Books", "business", "eu"),
            ("tidewater-tools", "Tidewater Tools", "enterprise", "eu"),
            ("lantern-toys", "Lantern Toys", "business", "us"),
            ("copperfield-tea", "Copperfield Tea", "business", "eu"),
            ("meadow-pets", "Meadow Pets", "starter", "eu"),
            ("pixel-prints", "Pixel Prints", "starter", "us"),
        ),
        start=1,
    )
)


def api_key(tenant_id: str) -> str:
    """The key that a customer sends as ``x-api-key``; a shop with secrets would keep them elsewhere."""
    return hashlib.sha256(f"shop/{tenant_id}".encode()).hexdigest()[:32]


BY_API_KEY = {api_key(tenant.id): tenant for tenant in TENANTS}

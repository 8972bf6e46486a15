"""What things cost, from the dated table in prices.json, and what one Lambda invocation cost by it."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Prices(msgspec.Struct, frozen=True):
    """List prices in US dollars of one region on one day, without free tiers, volume tiers or discounts.

    Units are in the names; ``kinesis_put_unit`` is the price of one PUT payload unit of ``kinesis_put_unit_bytes``.
    """

    as_of: str
    region: str
    lambda_gb_second_x86_64: float
    lambda_gb_second_arm64: float
    lambda_request: float
    kinesis_shard_hour: float
    kinesis_put_unit: float
    kinesis_put_unit_bytes: int
    s3_put: float
    s3_get: float
    s3_gb_month: float
    dynamodb_write_unit: float
    dynamodb_read_unit: float


PRICES = msgspec.json.decode(Path(__file__).with_name("prices.json").read_bytes(), type=Prices)


def invocation_cost(billed_ms: float | None, memory_mb: int | None) -> float | None:
    """Compute and request of one invocation in US dollars; None where billed time or memory are not known.

    A REPORT does not name the architecture, so the x86 price is taken: on arm64 the true price is 20 % lower.
    """
    if billed_ms is None or memory_mb is None:
        return None
    gb_seconds = billed_ms / 1000 * memory_mb / 1024
    return gb_seconds * PRICES.lambda_gb_second_x86_64 + PRICES.lambda_request

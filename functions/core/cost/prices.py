"""What things cost, from the dated table in prices.json, and what one Lambda invocation cost by it."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """List price of one unit in US dollars, without volume tiers or discounts, and the page it is from.

    ``free_a_month`` is what AWS gives every account each month for ever, however old it is; other offers are left out.
    """

    usd: float
    per: str
    source: str
    free_a_month: float = 0


class PriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of one region on one day."""

    as_of: str
    currency: str
    region: str
    prices: dict[str, Price]

    def usd(self, name: str) -> float:
        """Price of one unit; ``KeyError`` where the table has none of this name."""
        return self.prices[name].usd


PRICES = msgspec.json.decode(Path(__file__).with_name("prices.json").read_bytes(), type=PriceTable)

_X86_GB_SECOND = PRICES.usd("lambda_gb_second_x86_64")
_REQUEST = PRICES.usd("lambda_request")


def invocation_cost(billed_ms: float | None, memory_mb: int | None) -> float | None:
    """Compute and request of one invocation in US dollars; None where billed time or memory are not known.

    A REPORT does not name the architecture, so the x86 price is taken: on arm64 the true price is 20 % lower.
    """
    if billed_ms is None or memory_mb is None:
        return None
    gb_seconds = billed_ms / 1000 * memory_mb / 1024
    return gb_seconds * _X86_GB_SECOND + _REQUEST

"""What every source needs besides the event: where the rows go, how tenants are found, how identities are hashed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from functions.core.rows import Rows
from functions.core.usage.tenants import TakeTenant


@dataclass(slots=True)
class Context:
    """Shared by all events of one Normalizer."""

    rows: Rows
    tenant_keys: tuple[str, ...]
    take_tenant: TakeTenant
    hashed: Callable[[str], str]
    own_services: str


class OwnEventError(Exception):
    """The event comes from this product itself; storing it would feed the pipeline with its own output."""

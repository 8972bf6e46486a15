"""What every source needs besides the event: where the rows go, how tenants are found, how identities are hashed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from functions.core.redaction import Redactor
from functions.core.rows import Rows
from functions.core.usage.tenants import tenant_taker

T = TypeVar("T")


class Context:
    """Shared by all events of one Normalizer. ``cached`` keeps what a source works out once for many events."""

    __slots__ = ("_cached", "hashed", "own_services", "redactor", "rows", "take_tenant", "tenant_keys")

    def __init__(self, tenant_keys: tuple[str, ...], own_services: str, redactor: Redactor) -> None:
        self.rows = Rows()
        self.tenant_keys = tenant_keys
        self.take_tenant = tenant_taker(tenant_keys)
        self.own_services = own_services
        self.redactor = redactor
        self.hashed = redactor.hashed
        self._cached: dict[Callable[[Context], Any], Any] = {}

    def cached(self, make: Callable[[Context], T]) -> T:
        """What ``make`` returned for this context the first time."""
        made: T | None = self._cached.get(make)
        if made is None:
            made = self._cached[make] = make(self)
        return made


class OwnEventError(Exception):
    """The event comes from this product itself; storing it would feed the pipeline with its own output."""

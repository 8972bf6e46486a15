"""What every source needs besides the event: where the rows go, how tenants are found, how identities are hashed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from functions.core.redaction import Redactor
from functions.core.rows import Rows
from functions.core.usage.tenants import tenant_taker

T = TypeVar("T")


class Context:
    """Shared by all events of one Normalizer.

    ``cached`` keeps what a source works out once for many events, also for the Normalizers that follow.
    """

    __slots__ = ("_known", "hashed", "own_services", "redactor", "rows", "take_tenant", "tenant_keys")

    def __init__(self, tenant_keys: tuple[str, ...], own_services: str, hash_key: bytes) -> None:
        self.rows = Rows()
        self.tenant_keys = tenant_keys
        self.own_services = own_services
        self.take_tenant = tenant_taker(tenant_keys)
        self.redactor, self._known = _kept(tenant_keys, hash_key)
        self.hashed = self.redactor.hashed

    def cached(self, make: Callable[[Context], T]) -> T:
        """What ``make`` returned the first time."""
        made: T | None = self._known.get(make)
        if made is None:
            made = self._known[make] = make(self)
        return made


@lru_cache(maxsize=2)
def _kept(_tenant_keys: tuple[str, ...], hash_key: bytes) -> tuple[Redactor, dict[Callable[[Context], Any], Any]]:
    """What outlives a Normalizer; no more than two, for the hash key changes every month."""
    return Redactor(hash_key), {}


class OwnEventError(Exception):
    """The event comes from this product itself; storing it would feed the pipeline with its own output."""

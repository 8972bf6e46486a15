"""Who the customer is: found by the tenant keys of the settings, wherever a format puts such a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.core import values

DEFAULT_TENANT_KEYS = (
    "tenant",
    "tenant_id",
    "tenantId",
    "tenant.id",
    "custom:tenant",
    "custom:tenant_id",
    "customer_id",
    "customerId",
    "organization_id",
    "organizationId",
    "org_id",
    "orgId",
)

_CONTAINERS = ("authorizer", "claims", "jwt", "lambda", "requestContext")

TakeTenant = Callable[[dict[str, Any]], str | None]


def tenant_taker(keys: tuple[str, ...]) -> TakeTenant:
    """A function that takes the tenant out of a flat map of fields; the first key that has a value counts."""
    known = frozenset(keys)

    def take(fields: dict[str, Any]) -> str | None:
        if known.isdisjoint(fields):
            return None
        for key in keys:
            if key in fields:
                tenant = fields[key]
                if tenant is not None and tenant != "" and not isinstance(tenant, dict | list):
                    del fields[key]
                    return values.name(tenant)
        return None

    return take


def may_hold_tenant(name: str, keys: tuple[str, ...]) -> bool:
    """Whether ``nested_tenant`` would look into a field of this name."""
    return name in _CONTAINERS or ("." in name and name.rpartition(".")[2] in keys)


def nested_tenant(fields: dict[Any, Any], keys: tuple[str, ...]) -> str | None:
    """The tenant in the fields of an authorizer: nested (``authorizer``, ``claims``) or with a dotted name.

    The fields stay as they are.
    """
    for container in _CONTAINERS:
        inner = fields.get(container)
        if isinstance(inner, dict):
            for key in keys:
                if inner.get(key):
                    return values.name(inner[key])
            found = nested_tenant(inner, keys)
            if found is not None:
                return found
    for key, value in fields.items():
        if key and value and "." in key and key.rpartition(".")[2] in keys:
            return values.name(value)
    return None

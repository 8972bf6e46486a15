"""Names that fields with the customer usually have."""

from __future__ import annotations

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

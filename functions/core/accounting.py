"""What a Normalizer is told, and what it tells: rules, counts, refused events, and rows by table and hour."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from functions.core.meaning.meaning import Meaning
from functions.core.sampling import Plan
from functions.core.schema import HOUR_MS
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS

DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read: whose events these are where they do not say, bounds, and what belongs to this product itself.

    Without ``meaning`` the tenant keys and the usual names count.
    ``plan`` says which lines are left out; where there is none, it is not even looked how many could be.
    """

    account: str
    region: str
    tenant_keys: tuple[str, ...] = DEFAULT_TENANT_KEYS
    meaning: Meaning | None = None
    hash_key: bytes = b""
    own_log_groups: str = "/tracelake/"
    own_services: str = "tracelake-"
    max_event_age_ms: int = 35 * DAY_MS
    max_decompressed_bytes: int = 64 << 20
    max_json_depth: int = 64
    plan: Plan | None = None


@dataclass(slots=True)
class Counts:
    """Events by what became of them: events == stored + folded + rejected + sampled.

    What is sampled counts as stored until its rows were given. ``loops`` are events of this product itself; they are
    counted as rejected too. ``raw_bytes`` are decompressed. ``redacted`` are values in which a secret or an identity
    was replaced, as far as rows were given.
    """

    events: int = 0
    stored: int = 0
    folded: int = 0
    rejected: int = 0
    sampled: int = 0
    raw_bytes: int = 0
    loops: int = 0
    redacted: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was refused, with the reason; ``payload`` can be put on the stream again as it is."""

    reason: str
    position: str
    event_id: str
    log_group: str
    log_stream: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table and hour, in the schema of the table."""

    table: str
    hour: str
    rows: pa.Table

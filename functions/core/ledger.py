"""Rows of the table `ingest_ledger`: what a commit took and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from functions.core.lake_files import LakeFile
from functions.core.sampling import Volumes
from functions.core.schema import TABLES

SOURCE = "tracelake"

OUTCOMES = ("stored", "folded", "rejected", "sampled")
"""What can become of an event, once."""


def difference(counts: Mapping[str, int]) -> int:
    """Events that are not accounted for; anything but 0 is a defect."""
    return counts["events"] - sum(counts[name] for name in OUTCOMES)


def numbers(counts: Mapping[str, int], files: Iterable[LakeFile]) -> dict[str, float]:
    """What a commit says of itself as metrics; ``counts`` and ``files`` as ``ledger_row`` takes them.

    How many values were hidden is a metric only where some were: a custom metric is billed for the hours in which it
    is sent (https://aws.amazon.com/cloudwatch/pricing/).
    """
    hidden = {"RedactedValues": counts["redacted"]} if counts["redacted"] else {}
    return {
        "EventsIn": counts["events"],
        **{f"Events{name.capitalize()}": counts[name] for name in OUTCOMES},
        "LedgerDifference": difference(counts),
        "RawBytes": counts["raw_bytes"],
        "StoredBytes": sum(file.bytes for file in files),
        "LoopEvents": counts["loops"],
        **hidden,
    }


def ledger_row(
    commit_id: str,
    at_ms: int,
    place: Mapping[str, str],
    counts: Mapping[str, int],
    files: Iterable[LakeFile],
    *,
    lag_ms: float,
    volumes: Volumes | None = None,
) -> pa.Table:
    """The one row of a commit.

    ``place`` holds account, region, writer, stream, shard, first_position and last_position; ``counts`` holds records,
    duplicates, events, stored, folded, rejected, sampled, redacted, loops and raw_bytes.
    ``volumes`` are by log group, where these are known.
    """
    files = list(files)
    rows: dict[str, int] = {}
    for file in files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    values = {
        **place,
        **counts,
        "time": at_ms,
        "event_id": commit_id,
        "row_no": 0,
        "source": SOURCE,
        "commit_id": commit_id,
        "rows": list(rows.items()),
        "files": len(files),
        "stored_bytes": sum(file.bytes for file in files),
        "lag_ms": lag_ms,
        **(volumes or Volumes()).columns(),
    }
    schema = TABLES["ingest_ledger"].arrow_schema
    return pa.table([pa.array([values.get(field.name)], field.type) for field in schema], schema=schema)

"""What the pipeline does at rest and for a batch, as far as templates and the ledger do not say it.

The figures are in assumptions.json, each group with the reason for them; tests hold them against the code where the
code knows better (memory, names of metrics).
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class RestOfFunction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run of a function that finds nothing to do: seconds, log bytes, requests, summaries that it reads, and
    the metrics it sends."""

    why: str
    seconds: float = 0
    log_bytes: int = 0
    read_units: int = 0
    write_units: int = 0
    metric_requests: int = 0
    summaries: int = 0
    catalog_requests_a_table: int = 0
    metrics: tuple[str, ...] = ()


class AtRest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An installation that nothing is sent to; ``functions`` by the name of their folder."""

    functions: dict[str, RestOfFunction]
    key_age_years: int
    key_requests_an_hour: int
    partitions_kept_days: int
    metrics_of_a_search: int
    why: str


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What raw bytes, commits and hours with telemetry bring with them; the units are in the names."""

    memory_mb: dict[str, int]
    window_seconds: float
    batch_bytes: int
    raw_bytes_per_second: float
    seconds_a_commit: float
    compressed: float
    stored: float
    rows_a_raw_byte: float
    records_a_raw_byte: float
    files_a_commit: float
    log_bytes_a_commit: int
    read_units_a_commit: float
    write_units_a_commit: float
    metric_requests_a_commit: float
    publications_an_hour: float
    tables_a_publication: int
    seconds_a_publication: float
    compact_rows_per_second: float
    traced_share: float
    traced_rows_per_second: float
    write_units_a_publication: float
    read_units_a_publication: float
    summary_writes_an_hour: float
    judging_seconds_an_hour: float
    summary_read_units_an_hour: float
    rules_reads_an_hour: float
    stored_months: float
    metrics_of_a_search: int
    raw_bytes_a_request: int
    metrics: tuple[str, ...]
    why: str


class Assumptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both."""

    at_rest: AtRest
    load: Load


ASSUMED = msgspec.json.decode(Path(__file__).with_name("assumptions.json").read_bytes(), type=Assumptions)

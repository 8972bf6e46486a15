"""What telemetry costs on its way through the pipeline: dollars from the counts of the ledger's commits.

The price is linear in these counts, so ``CHARGES`` holds it: the same list gives the price of a gigabyte, a month, and
what the question `what_does_tracelake_cost` sums over the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from functions.core.cost.assumptions import ASSUMED, Load
from functions.core.cost.at_rest import GB, HOURS
from functions.core.cost.prices import PRICES, PriceTable


@dataclass(frozen=True, slots=True)
class Volume:
    """Sums over commits: ``hours`` counts the different hours with one, the others are the ledger's columns."""

    hours: float = 0
    commits: float = 0
    records: float = 0
    raw_bytes: float = 0
    stored_bytes: float = 0
    files: float = 0
    rows: float = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """Dollars for each one of a count of ``Volume``, under the heading ``part``."""

    part: str
    count: str
    usd: float


def charges(prices: PriceTable = PRICES, load: Load = ASSUMED.load) -> tuple[Charge, ...]:
    """The price list of the pipeline."""
    each: dict[tuple[str, str], float] = {}

    def add(part: str, count: str, quantity: float, price: str) -> None:
        each[part, count] = each.get((part, count), 0.0) + quantity * prices.usd(price)

    normalize_gb, compact_gb, detect_gb = (load.memory_mb[name] / 1024 for name in ("normalize", "compact", "detect"))
    publications = load.publications_an_hour
    add("Kinesis requests", "raw_bytes", load.compressed / 25_600, "kinesis_put_unit")
    # a record is rounded up to whole units, by half a unit on average
    add("Kinesis requests", "records", 0.5, "kinesis_put_unit")
    add("normalize", "commits", 1, "lambda_request")
    add("normalize", "commits", load.seconds_a_commit * normalize_gb, "lambda_gb_second_arm64")
    add("normalize", "raw_bytes", normalize_gb / load.raw_bytes_per_second, "lambda_gb_second_arm64")
    add("compact", "hours", publications * load.seconds_a_publication * compact_gb, "lambda_gb_second_arm64")
    add("compact", "rows", compact_gb / load.compact_rows_per_second, "lambda_gb_second_arm64")
    traced = load.traced_share / load.traced_rows_per_second
    add("compact", "rows", compact_gb * traced, "lambda_gb_second_arm64")
    add("detect", "hours", load.judging_seconds_an_hour * detect_gb, "lambda_gb_second_arm64")
    # the ledger's own file is not among those it counts; compact reads to publish and for two summaries
    for count in ("files", "commits"):
        add("S3 requests", count, 1, "s3_put")
        add("S3 requests", count, 3, "s3_get")
    add("S3 requests", "hours", publications * load.tables_a_publication, "s3_put")
    add("S3 requests", "hours", load.rules_reads_an_hour, "s3_get")
    for price in ("s3_put", "s3_get"):
        add("S3 requests", "hours", load.summary_writes_an_hour, price)
    add("S3 storage of a month", "stored_bytes", load.stored_months / GB, "s3_gb_month")
    add("DynamoDB", "commits", load.read_units_a_commit, "dynamodb_read_unit")
    add("DynamoDB", "commits", load.write_units_a_commit, "dynamodb_write_unit")
    add("DynamoDB", "hours", load.summary_read_units_an_hour, "dynamodb_read_unit")
    add("DynamoDB", "hours", publications * load.read_units_a_publication, "dynamodb_read_unit")
    add("DynamoDB", "hours", publications * load.write_units_a_publication, "dynamodb_write_unit")
    add("CloudWatch metrics", "hours", len(load.metrics) / HOURS, "cloudwatch_metric")
    add("CloudWatch metrics", "commits", load.metric_requests_a_commit, "cloudwatch_request")
    add("Own logs", "commits", load.log_bytes_a_commit / GB, "logs_gb")
    return tuple(Charge(part, count, usd) for (part, count), usd in each.items())


CHARGES = charges()


def cost_by_part(volume: Volume, charged: tuple[Charge, ...] = CHARGES) -> dict[str, float]:
    """Dollars by heading, without what an installation costs at rest."""
    counts: Mapping[str, float] = asdict(volume)
    parts: dict[str, float] = {}
    for charge in charged:
        parts[charge.part] = parts.get(charge.part, 0.0) + counts[charge.count] * charge.usd
    return parts


def cost(volume: Volume) -> float:
    """Dollars of all headings."""
    return sum(cost_by_part(volume).values())


def of_gigabytes(gigabytes: float, load: Load = ASSUMED.load) -> Volume:
    """Counts of so many GB of raw telemetry in full batches, as where a shard is busy."""
    raw = gigabytes * GB
    commits = raw * load.compressed / load.batch_bytes
    return Volume(
        commits=commits,
        records=raw * load.records_a_raw_byte,
        raw_bytes=raw,
        stored_bytes=raw * load.stored,
        files=commits * load.files_a_commit,
        rows=raw * load.rows_a_raw_byte,
    )


def of_month(gigabytes: float, load: Load = ASSUMED.load) -> Volume:
    """Counts of a month with so many GB spread around the clock: then each window of a shard gives a commit."""
    full = of_gigabytes(gigabytes, load)
    commits = max(full.commits, HOURS * 3600 / load.window_seconds)
    return Volume(
        hours=HOURS,
        commits=commits,
        records=max(full.records, commits),
        raw_bytes=full.raw_bytes,
        stored_bytes=full.stored_bytes,
        files=commits * load.files_a_commit,
        rows=full.rows,
    )


def usd_per_gigabyte() -> float:
    """Dollars that one more GB of raw telemetry costs where batches are full."""
    return cost(of_gigabytes(1))


def usd_per_million_requests(load: Load = ASSUMED.load) -> float:
    """Dollars that a million more requests of the application cost, by the telemetry a request is assumed to write."""
    return cost(of_gigabytes(1e6 * load.raw_bytes_a_request / GB))


def occasional(prices: PriceTable = PRICES) -> dict[str, float]:
    """Dollars for what happens now and then, and is in neither templates nor ledger."""
    usd = prices.usd
    return {
        "an alert by e-mail": usd("sns_email"),
        "a file of rejected events": usd("s3_put") + usd("kms_request") + usd("eventbridge_s3_event"),
        "a query for each GB that it reads": usd("athena_tb") / 1000,
        "more than 24 hours in the stream, a shard and month": HOURS * usd("kinesis_extended_shard_hour"),
        "one more shard, a month": HOURS * usd("kinesis_shard_hour"),
        "an on-demand stream instead of a shard, a month": HOURS * usd("kinesis_on_demand_hour"),
        "an on-demand stream, for each GB of raw telemetry": usd("kinesis_on_demand_gb") * ASSUMED.load.compressed,
    }


def sql_values() -> Iterator[str]:
    """``CHARGES`` as rows of an SQL VALUES list: part, count, dollars each."""
    for charge in CHARGES:
        yield f"('{charge.part}', '{charge.count}', {charge.usd:.6e})"

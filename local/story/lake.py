"""What the demo reads from the lake, through Athena as everybody does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from functions.aws import athena, dead_letters
from functions.aws.athena import Cell
from functions.aws.dead_letters import DeadLetter
from functions.core import questions
from local.run import Emulator
from stacks.names import Names

Row = dict[str, Cell]
SINCE = timedelta(hours=1)
_TIMEOUT_SECONDS = 60

_CUSTOMERS = """
SELECT
    requests.tenant, max(name) AS name, max(plan) AS plan, max(json_extract_scalar(line, '$.region')) AS region,
    count(*) AS requests,
    sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors, approx_percentile(latency_ms, 0.9e0) AS p90_ms
FROM requests LEFT JOIN tenants ON tenants.tenant = requests.tenant
WHERE hour BETWEEN {from_hour} AND {to_hour} AND source = 'access_log'
    AND time >= CAST({from_time} AS timestamp) AND time < CAST({to_time} AS timestamp)
GROUP BY requests.tenant
ORDER BY requests DESC, requests.tenant
"""
_CALLEES = """
SELECT
    remote_service, count(*) AS calls,
    sum(CASE WHEN status = 'fault' THEN 1 ELSE 0 END) AS faults, approx_percentile(duration_ms, 0.9e0) AS p90_ms
FROM spans
WHERE hour BETWEEN {from_hour} AND {to_hour} AND kind IN ('client', 'producer')
    AND time >= CAST({from_time} AS timestamp) AND time < CAST({to_time} AS timestamp)
GROUP BY remote_service
ORDER BY faults DESC, calls DESC
"""
_FAILING_ROUTES = """
SELECT route, count(*) AS requests, sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors
FROM requests
WHERE hour BETWEEN {from_hour} AND {to_hour} AND source = 'access_log'
    AND time >= CAST({from_time} AS timestamp) AND time < CAST({to_time} AS timestamp)
GROUP BY route
HAVING sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) > 0
ORDER BY errors DESC
"""
_JOURNEY = """
SELECT max_by(trace_id, start_time) AS trace_id
FROM spans
WHERE hour BETWEEN {from_hour} AND {to_hour} AND kind = 'consumer'
    AND time >= CAST({from_time} AS timestamp) AND time < CAST({to_time} AS timestamp)
"""
_STATUS = """
SELECT status, count(*) AS invocations
FROM invocations
WHERE hour BETWEEN {from_hour} AND {to_hour} AND status <> 'success'
    AND time >= CAST({from_time} AS timestamp) AND time < CAST({to_time} AS timestamp)
GROUP BY status
ORDER BY status
"""
_LEDGER = """
SELECT
    coalesce(sum(events), 0) AS events, coalesce(sum(stored), 0) AS stored, coalesce(sum(folded), 0) AS folded,
    coalesce(sum(rejected), 0) AS rejected, coalesce(sum(sampled), 0) AS sampled, count(*) AS commits,
    coalesce(max(lag_ms), 0e0) AS slowest_ms
FROM ingest_ledger
WHERE hour BETWEEN {from_hour} AND {to_hour}
"""


class Ledger(NamedTuple):
    """Sums over all commits; ``slowest_ms`` is the longest way of a record from the stream into the lake."""

    events: int
    stored: int
    folded: int
    rejected: int
    sampled: int
    commits: int
    slowest_ms: float

    @property
    def difference(self) -> int:
        return self.events - self.stored - self.folded - self.rejected - self.sampled


class Lake:
    """The lake of a stage on the emulator. ``began`` is the moment before which nothing in it counts."""

    def __init__(self, emulator: Emulator, stage: str, began: datetime) -> None:
        self._emulator = emulator
        self._names = Names(stage)
        self._began = began

    def customers(self, start: datetime | None = None, end: datetime | None = None) -> list[Row]:
        """Requests, errors and latency of each customer, from the API's access logs."""
        return self._rows(_CUSTOMERS, start, end)

    def failing_routes(self, start: datetime, end: datetime) -> list[Row]:
        """Routes with requests that failed."""
        return self._rows(_FAILING_ROUTES, start, end)

    def callees(self, start: datetime, end: datetime) -> list[Row]:
        """What the functions called, and how often that failed, from spans."""
        return self._rows(_CALLEES, start, end)

    def latest_journey(self) -> str:
        """The trace of the request that went through the queue last; empty where none did."""
        return str(self._rows(_JOURNEY, None, None)[0]["trace_id"] or "")

    def failed_invocations(self, start: datetime, end: datetime) -> dict[str, int]:
        """Invocations that did not succeed, by their status, from REPORT lines."""
        return {str(row["status"]): int(str(row["invocations"])) for row in self._rows(_STATUS, start, end)}

    def ledger(self) -> Ledger:
        """The ledger's sums."""
        (row,) = self._rows(_LEDGER, None, None)
        return Ledger(**row)  # type: ignore[arg-type]

    def answer(self, question: str, **values: questions.Value) -> list[Row]:
        """What `tracelake ask` answers to one of the questions in sql/questions."""
        asked = questions.load_all()[question]
        end = _now()
        sql, literals = asked.bind(values, questions.TimeRange(end - SINCE, end))
        return self._run(sql, literals)

    def dead_letters(self) -> list[DeadLetter]:
        """What was rejected, with the reason."""
        s3, bucket = self._emulator.client("s3"), self.parameter("dead-letter-bucket")
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=dead_letters.REJECTED)["Contents"]]
        return [letter for key in keys for letter in dead_letters.DeadLetters(bucket).read(key)]

    def parameter(self, name: str) -> str:
        """A name that the stacks published."""
        found = self._emulator.client("ssm").get_parameter(Name=self._names.parameter(name))
        return str(found["Parameter"]["Value"])

    def _rows(self, sql: str, start: datetime | None, end: datetime | None) -> list[Row]:
        values = questions.TimeRange(start or self._began, end or _now()).values
        return self._run(sql.format(**{name: questions.literal(value) for name, value in values.items()}), [])

    def _run(self, sql: str, literals: list[str]) -> list[Row]:
        return athena.run(
            self._emulator.client("athena"),
            sql,
            literals,
            database=self._names.database,
            workgroup=self._names.workgroup,
            timeout_seconds=_TIMEOUT_SECONDS,
        ).rows


def _now() -> datetime:
    """A little ahead, as the running second counts too."""
    return datetime.now(UTC) + timedelta(seconds=1)

"""One query on Athena, from its text to typed rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

Cell = str | int | float | bool | datetime | None

_FIRST_POLL_SECONDS = 0.15
_LONGEST_POLL_SECONDS = 2.0
_PAGE_ROWS = 1000


class QueryFailedError(Exception):
    """A query that Athena refused, failed or cancelled; the message is Athena's reason."""


class QueryTimeoutError(QueryFailedError):
    """A query that took longer than it was given; it has been stopped."""


@dataclass(frozen=True, slots=True)
class Result:
    """Rows by column name; ``scanned_bytes`` is what the query is billed for."""

    columns: tuple[str, ...]
    rows: list[dict[str, Cell]]
    scanned_bytes: int


def run(
    athena: AthenaClient,
    sql: str,
    parameters: Sequence[str],
    *,
    database: str,
    workgroup: str,
    timeout_seconds: float,
    reuse_minutes: int = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Run one SELECT and wait for its rows.

    ``parameters`` are SQL literals for the ``?`` in order. A result not older than ``reuse_minutes`` is used again,
    where that is above 0. However the wait ends (``QueryTimeoutError``, an interrupt), the query does not go on.
    """
    request: dict[str, Any] = {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": database},
        "WorkGroup": workgroup,
    }
    if parameters:
        request["ExecutionParameters"] = list(parameters)
    if reuse_minutes:
        reuse = {"Enabled": True, "MaxAgeInMinutes": reuse_minutes}
        request["ResultReuseConfiguration"] = {"ResultReuseByAgeConfiguration": reuse}
    query_id = athena.start_query_execution(**request)["QueryExecutionId"]
    try:
        scanned = _wait(athena, query_id, clock() + timeout_seconds, clock, sleep)
    except QueryTimeoutError:
        athena.stop_query_execution(QueryExecutionId=query_id)
        raise QueryTimeoutError(f"the query took longer than {timeout_seconds:g} seconds and was stopped") from None
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=query_id)
        raise
    return _result(athena, query_id, scanned)


def _wait(
    athena: AthenaClient, query_id: str, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> int:
    pause = _FIRST_POLL_SECONDS
    while True:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        status = execution["Status"]
        if status["State"] == "SUCCEEDED":
            return execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        if status["State"] in {"FAILED", "CANCELLED"}:
            reason = status.get("StateChangeReason") or status.get("AthenaError", {}).get("ErrorMessage")
            raise QueryFailedError(reason or f"the query was {status['State'].lower()} without a reason")
        if clock() + pause > deadline:
            raise QueryTimeoutError
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)


def _result(athena: AthenaClient, query_id: str, scanned_bytes: int) -> Result:
    columns: list[tuple[str, str]] = []
    rows: list[dict[str, Cell]] = []
    for number, result in enumerate(_pages(athena, query_id)):
        columns = columns or [(each["Name"], each["Type"]) for each in result["ResultSetMetadata"]["ColumnInfo"]]
        # the first row of the first page holds the names of the columns
        for row in result["Rows"][1 if number == 0 else 0 :]:
            cells = zip(columns, row["Data"], strict=True)
            rows.append({name: _typed(datum.get("VarCharValue"), kind) for (name, kind), datum in cells})
    return Result(tuple(name for name, _ in columns), rows, scanned_bytes)


def _pages(athena: AthenaClient, query_id: str) -> Iterator[Any]:
    request: dict[str, Any] = {"QueryExecutionId": query_id, "MaxResults": _PAGE_ROWS}
    while True:
        page = athena.get_query_results(**request)
        yield page["ResultSet"]
        if "NextToken" not in page:
            return
        request["NextToken"] = page["NextToken"]


def _typed(text: str | None, kind: str) -> Cell:
    """A cell by its Athena type; types without a plain counterpart (maps, arrays) stay text, NaN is no number."""
    if text is None:
        return None
    if kind in {"tinyint", "smallint", "integer", "int", "bigint"}:
        return int(text)
    if kind in {"double", "float", "real", "decimal"}:
        return number if isfinite(number := float(text)) else None
    if kind == "boolean":
        return text.lower() == "true"
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)
    return text

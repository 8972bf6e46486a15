"""read_customers: the list of customers is that of a DynamoDB table of the user's."""

from __future__ import annotations

from typing import Any, Protocol

from aws_lambda_powertools import Logger

from functions.aws import environment
from functions.aws.customers import READING, CustomerList, UnreadableListError, names_of
from functions.aws.summaries import Summaries
from functions.core.customers import items
from functions.core.customers.listing import NOBODY, changes
from functions.read_customers import table

RESERVE_MS = 20_000

log = Logger(service="tracelake-read-customers")


class Context(Protocol):
    """What is needed of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int: ...


def handle(_event: object, context: Context) -> dict[str, Any]:
    """Read the table and replace the list where it has changed.

    Where the table cannot be read, the list stays as it is, the reason is written down for `tracelake customers show`,
    and the run fails, so that Lambda tries again and the alarm goes off.
    """
    bucket, source = environment.required("LAKE_BUCKET"), environment.required("TENANTS_TABLE")
    reading = items.Reading(source, environment.now_ms())
    try:
        names = items.attributes(environment.comma_list("TENANTS_ATTRIBUTES"))
        taken = table.read(source, names, lambda: context.get_remaining_time_in_millis() > RESERVE_MS)
        reading.customers, reading.refused, reading.reasons = len(taken.customers), taken.refused, taken.reasons
        changed = _replace(CustomerList(bucket), taken)
    except Exception as error:
        reading.error = f"{type(error).__name__}: {error}"
        raise
    finally:
        Summaries(bucket).write(READING, items.encode(reading))
    found: dict[str, Any] = {"customers": reading.customers, "refused": reading.refused, "changed": changed}
    (log.warning if reading.refused else log.info)("customers read", **found, reasons=reading.reasons)
    return found


def _replace(kept: CustomerList, taken: items.Taken) -> bool:
    """Whether the list was another one; where two runs write at the same time, the next hour sees what is left."""
    stored = kept.read()
    try:
        before = names_of(stored)
    except UnreadableListError as error:
        log.warning("the list is replaced", reason=str(error))
        before = NOBODY
    listed = list(taken.customers.values())
    return bool(changes(before.all(), listed)) and kept.replace(listed, stored)

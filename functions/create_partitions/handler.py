"""create_partitions: every hour has its partition, pointing at hot files, days before it begins."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import custom_resource, environment
from functions.aws.catalog import Partitions
from functions.aws.lake import Lake, hot_prefix
from functions.core.schema import HOUR_MS, TABLES, hour_of

HOURS_BACK = 24
HOURS_AHEAD = 96


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """On schedule, and as custom resource when the stack is deployed; a deleted stack takes its tables with it."""
    if not custom_resource.is_custom_resource(event):
        return create()
    work = create if event["RequestType"] != "Delete" else dict
    custom_resource.answer(event, context, work)
    return {}


def create() -> dict[str, Any]:
    """Create what is missing, index first; partitions that exist stay where they point."""
    lake = Lake(environment.required("LAKE_BUCKET"))
    database = environment.required("GLUE_DATABASE")
    now_ms = environment.now_ms()
    hours = [hour_of(now_ms + number * HOUR_MS) for number in range(-HOURS_BACK, HOURS_AHEAD + 1)]
    created = 0
    for table in TABLES:
        partitions = Partitions(database, table)
        partitions.index()
        created += partitions.create([(hour, lake.location(hot_prefix(table, hour))) for hour in hours])
    return {"Created": created}

"""Details by Athena: the questions of a detail are asked at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from functions.aws import athena, environment
from functions.aws.clients import client
from functions.core.questions import FOLDER, TimeRange, load
from functions.core.widgets import details
from functions.core.widgets.page import WidgetContext

TIMEOUT_SECONDS = 25.0
REUSE_MINUTES = 5


def draw(detail: details.Detail, context: WidgetContext) -> str:
    """The detail as HTML; where Athena refuses or takes too long, what it said."""
    time_range = TimeRange(context.start, context.end).whole_minutes()
    with ThreadPoolExecutor(len(detail.sections)) as pool:
        asked = [pool.submit(_ask, section, time_range) for section in detail.sections]
    try:
        return details.render(detail, [each.result().rows for each in asked], context)
    except athena.QueryFailedError as error:
        return details.failure(context, str(error), detail.sections[0].question)


def _ask(section: details.Section, time_range: TimeRange) -> athena.Result:
    sql, literals = load(FOLDER / f"{section.question}.sql").bind(section.params, time_range)
    return athena.run(
        client("athena"),
        sql,
        literals,
        database=environment.required("GLUE_DATABASE"),
        workgroup=environment.required("WORKGROUP"),
        timeout_seconds=TIMEOUT_SECONDS,
        reuse_minutes=REUSE_MINUTES,
    )

"""The custom widget of the top customers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import athena, environment
from functions.aws.clients import client
from functions.core.questions import FOLDER, Question, TimeRange, load
from functions.core.widgets import top_customers
from functions.core.widgets.page import WidgetContext

READ_CUSTOMERS = 1000
TIMEOUT_SECONDS = 20.0
REUSE_MINUTES = 1

logger = Logger(service="tracelake-widget-top-customers")
_question: Question = load(FOLDER / "who_produces_which_traffic.sql")


def handle(event: dict[str, Any], _context: object) -> str:
    """HTML of the widget, or its documentation in Markdown where the dashboard asks for that."""
    if event.get("describe"):
        return top_customers.DOCS
    now = datetime.fromtimestamp(environment.now_ms() / 1000, UTC)
    context = WidgetContext.parse(event.get("widgetContext") or {}, now)
    try:
        customers = _read(str(event.get("service") or ""), TimeRange(context.start, context.end).whole_minutes())
    except (athena.QueryFailedError, BotoCoreError, ClientError) as error:
        logger.warning("customers could not be read", reason=str(error))
        return top_customers.failure(context, str(error))
    complete = len(customers) < READ_CUSTOMERS
    return top_customers.render(customers, _top(event.get("top")), context, complete=complete)


def _read(service: str, time_range: TimeRange) -> list[top_customers.Customer]:
    sql, literals = _question.bind({"service": service, "top": READ_CUSTOMERS}, time_range)
    result = athena.run(
        client("athena"),
        sql,
        literals,
        database=environment.required("GLUE_DATABASE"),
        workgroup=environment.required("WORKGROUP"),
        timeout_seconds=TIMEOUT_SECONDS,
        reuse_minutes=REUSE_MINUTES,
    )
    return [
        top_customers.Customer(
            name=str(row["customer"]),
            requests=_whole(row["requests"]),
            errors=_whole(row["errors"]),
            p90_ms=float(p90) if isinstance(p90 := row["p90_ms"], (int, float)) else None,
        )
        for row in result.rows
    ]


def _whole(value: athena.Cell) -> int:
    return int(value) if isinstance(value, (int, float)) else 0


def _top(value: object) -> int:
    """A parameter of the widget, which anybody may have typed: 1 to 200, else 20."""
    text = str(value)
    return min(int(text), 200) if text.isascii() and text.isdigit() and int(text) else 20

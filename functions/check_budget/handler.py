"""check_budget: once an hour, what has this month cost? Who has to know, and which lines are left out from now on?"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment, messages
from functions.aws.summaries import Summaries
from functions.check_budget.checking import Installation, check
from functions.core.incidents.wording import Place

log = Logger(service="tracelake-check-budget")


def handle(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look once; returns dollars so far and what was told."""
    topic = environment.required("TOPIC_ARN")
    region, account = context.invoked_function_arn.split(":")[3:5]
    place = Place(environment.stage(), account, region, environment.required("DASHBOARD"))
    installation = Installation(
        environment.required("STATE_TABLE"),
        Summaries(environment.required("LAKE_BUCKET")),
        place,
        float(environment.required("BUDGET_USD")),
        float(environment.required("REST_USD")),
        "sample" if environment.optional("OVER_BUDGET") == "sample" else "tell",
    )
    status, told = check(installation, environment.now_ms(), lambda message: messages.publish(topic, message))
    log.info("looked", usd=status.usd, budget_usd=status.budget_usd, told=told)
    return {"usd": status.usd, "told": list(told)}

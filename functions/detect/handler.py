"""detect: every three minutes, is anything unusual in what has come in? Who has to know?"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment
from functions.aws.rules_object import wishes_in_force
from functions.core.incidents.wording import Place
from functions.detect.looking import Watch
from functions.detect.telling import Teller

log = Logger(service="tracelake-detect")


def handle(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look once; returns how many times five minutes were judged, and the subjects of what was sent."""
    region, account = context.invoked_function_arn.split(":")[3:5]
    place = Place(environment.stage(), account, region, environment.required("DASHBOARD"))
    bucket = environment.required("LAKE_BUCKET")
    watch = Watch(environment.required("STATE_TABLE"), bucket, environment.now_ms)
    teller = Teller(watch, environment.required("TOPIC_ARN"), place, context.get_remaining_time_in_millis)
    looked = watch.look(lambda: wishes_in_force(bucket), teller.tell)
    if looked is None:
        return {"judged": 0, "told": []}
    log.info("looked", judged=looked.judged, series=looked.state.series, told=teller.told)
    return {"judged": looked.judged, "told": teller.told}

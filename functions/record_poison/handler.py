"""record_poison: what the event source gave up becomes dead letters and a ledger entry, once."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment, metrics
from functions.aws.clients import client
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import State
from functions.record_poison.given_up import GivenUp, Recorder


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Enter one object of the event source's failure destination; told again, it changes nothing."""
    bucket, key = event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    recorder = Recorder(
        State(environment.required("STATE_TABLE")),
        Lake(environment.required("LAKE_BUCKET")),
        DeadLetters(environment.required("DEAD_LETTER_BUCKET")),
    )
    rejected = recorder.record(GivenUp.parse(key, json.loads(body)))
    metrics.emit({"PoisonRecords": rejected, "EventsIn": rejected, "EventsRejected": rejected})
    return {"rejected": rejected}

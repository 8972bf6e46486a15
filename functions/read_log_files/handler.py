"""read_log_files: a log file that came into one of the user's buckets becomes rows of the lake, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment, metrics
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.plans import plan_of
from functions.aws.rules_object import RulesObject, rules_object
from functions.aws.state import State
from functions.core.normalize import DAY_MS, DEFAULT_TENANT_KEYS, Rules
from functions.read_log_files.reading import Reading
from functions.read_log_files.source import LogFile, is_selected


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Read the object of one S3 event as EventBridge delivers it
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html); told again, it changes nothing.

    Raises ``UnfinishedError`` where the time was too short: what was read is committed, and the next attempt goes on.
    """
    file = LogFile.of(event)
    lake, letters = environment.required("LAKE_BUCKET"), environment.required("DEAD_LETTER_BUCKET")
    if file.bucket in (lake, letters) or not is_selected(file, environment.comma_list("LOG_BUCKETS")):
        metrics.emit({"LoopEvents": 1} if file.bucket in (lake, letters) else {"LogFilesRefused": 1})
        return {"events": 0}
    state = State(environment.required("STATE_TABLE"))
    own = rules_object(lake, environment.comma_list("TENANT_KEYS") or DEFAULT_TENANT_KEYS)
    try:
        reading = Reading(state, Lake(lake), DeadLetters(letters), _rules(state, event, own), file)
        numbers = reading.take(context.get_remaining_time_in_millis)
    except Exception:
        metrics.emit({"LogFileFailures": 1})
        raise
    own.tell_what_is_off()
    metrics.emit(numbers)
    metrics.put_data(reading.attempt.tally.data())
    reading.raise_unfinished()
    return {"events": int(numbers.get("EventsIn", 0))}


def _rules(state: State, event: dict[str, Any], own: RulesObject) -> Rules:
    return Rules(
        account=event["account"],
        region=event["region"],
        meaning=own.meaning(),
        hash_key=state.hash_key(f"{datetime.fromtimestamp(environment.now_ms() // 1000, UTC):%Y-%m}"),
        max_event_age_ms=int(environment.optional("MAX_EVENT_AGE_DAYS", "35")) * DAY_MS,
        plan=plan_of(state.table),
    )

"""normalize: a batch of raw stream records becomes rows of the lake, metrics and dead letters."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import environment, metrics
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.plans import plan_of
from functions.aws.rules_object import RulesObject, rules_object
from functions.aws.state import State
from functions.core.normalize import Rules
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS
from functions.normalize.batch import Batch, Shard

DAY_MS = 86_400_000


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one batch of one shard; the answer names the first record that was not reached (partial batch response,
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html)."""
    records = event["Records"]
    state = State(environment.required("STATE_TABLE"))
    shard = Shard.of(records[0])
    lake = environment.required("LAKE_BUCKET")
    own = rules_object(lake, environment.comma_list("TENANT_KEYS") or DEFAULT_TENANT_KEYS)
    batch = Batch(
        state,
        Lake(lake),
        DeadLetters(environment.required("DEAD_LETTER_BUCKET")),
        _rules(state, shard, own),
        shard,
    )
    with _collector_paused():
        outcome = batch.take(records, context.get_remaining_time_in_millis)
    own.tell_what_is_off()
    metrics.emit(outcome.numbers)
    metrics.put_data(outcome.tally.data())
    failures = [{"itemIdentifier": outcome.unprocessed}] if outcome.unprocessed else []
    return {"batchItemFailures": failures}


def _rules(state: State, shard: Shard, own: RulesObject) -> Rules:
    return Rules(
        account=shard.account,
        region=shard.region,
        meaning=own.meaning(),
        hash_key=state.hash_key(f"{datetime.fromtimestamp(environment.now_ms() // 1000, UTC):%Y-%m}"),
        max_event_age_ms=int(environment.optional("MAX_EVENT_AGE_DAYS", "35")) * DAY_MS,
        plan=plan_of(state.table),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows make many objects and no cycles: the collector would walk over all of them for nothing."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()

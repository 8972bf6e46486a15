"""check_delivery: what goes wrong outside tracelake. Do logs reach the stream, and do alerts reach somebody?"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from functions.aws import environment, metrics
from functions.check_delivery import deliveries, subscriptions
from functions.core.incidents.subscribers import is_time_to_remind, judge

log = Logger(service="tracelake-check-delivery")


def handle(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Look once; returns the numbers that also become metrics."""
    now_ms = environment.now_ms()
    errors = deliveries.errors(f"tracelake-{environment.stage()}", now_ms)
    if errors:
        log.warning("log events were not delivered", by_log_group=dict(sorted(errors.items())))
    changes = deliveries.changes(f"tracelake-{environment.stage()}-ingest-", now_ms)
    if changes:
        log.warning("changes were not delivered", by_rule=dict(sorted(changes.items())))
    topic, address = environment.required("TOPIC_ARN"), environment.optional("ALERT_EMAIL")
    found = judge(subscriptions.of(topic), address)
    if found.missing:
        log.warning("subscriptions of the alerts are missing", confirmed=found.confirmed, missing=found.missing)
    if found.remind and is_time_to_remind(now_ms):
        subscriptions.ask_again(topic, address)
        log.info("AWS sends its confirmation mail again")
    numbers = {"DeliveryErrors": sum(errors.values()) + sum(changes.values()), "MissingSubscriptions": found.missing}
    metrics.emit(numbers)
    return numbers

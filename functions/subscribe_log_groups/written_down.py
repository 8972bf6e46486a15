"""What a sweep found, as the object that the widget `subscriptions` is drawn from."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import environment
from functions.aws.summaries import SUBSCRIPTIONS, Summaries
from functions.core.widgets.subscription_state import State
from functions.subscribe_log_groups.sweep import Report

MOST_NAMES = 500
MOST_REFUSED = 200
MOST_GUARDED = 50

logger = Logger(service="tracelake-subscribe-log-groups")
_last: dict[str, bytes] = {}


def state_of(report: Report, now_ms: int) -> State:
    """The report within bounds."""
    subscribed = [name for name in report.names if name not in report.refused]
    return State(
        changed_ms=now_ms,
        groups=report.groups,
        subscribed_count=len(subscribed),
        subscribed=subscribed[:MOST_NAMES],
        refused_count=len(report.refused),
        refused=dict(sorted(report.refused.items())[:MOST_REFUSED]),
        guarded={reason: sorted(names)[:MOST_GUARDED] for reason, names in report.guarded.items()},
        guarded_counts={reason: len(names) for reason, names in report.guarded.items()},
        stopped_by=report.stopped_by,
        policy_refused=report.policy_refused,
    )


def write(report: Report, now_ms: int) -> None:
    """Write the object unless this container wrote the same before; a failure is logged and the next sweep tries."""
    compared = msgspec.json.encode(state_of(report, 0))
    if _last.get("state") == compared:
        return
    try:
        summaries = Summaries(environment.required("LAKE_BUCKET"))
        summaries.write(SUBSCRIPTIONS, msgspec.json.encode(state_of(report, now_ms)))
    except (BotoCoreError, ClientError):
        logger.exception("what was found is not written down, the next sweep tries again")
        return
    _last["state"] = compared

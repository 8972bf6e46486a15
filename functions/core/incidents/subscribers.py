"""Whether the alerts reach anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PENDING = ("PendingConfirmation", "Deleted")
"""What SNS shows in place of the ARN: https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""

REMIND_HOUR_UTC = 8
REMIND_MINUTES = 15
"""Length of the time in which exactly one scheduled run falls, so that one mail a day is sent and nothing is kept."""


@dataclass(frozen=True, slots=True)
class Subscribers:
    """``missing`` counts what should be confirmed and is not; ``remind`` says that the address is not among the
    confirmed ones."""

    confirmed: int
    missing: int
    remind: bool


def judge(subscriptions: Iterable[tuple[str, str]], address: str) -> Subscribers:
    """Of the (ARN, endpoint) of a topic's subscriptions, and the address that the settings name (or none).

    Missing is each that nobody confirmed, the address where it has no subscription any more, and, where there is
    none at all, that one.
    """
    found = list(subscriptions)
    confirmed = [endpoint for arn, endpoint in found if arn not in PENDING]
    pending = [endpoint for arn, endpoint in found if arn == "PendingConfirmation"]
    gone = bool(address) and address not in (*confirmed, *pending)
    missing = len(pending) + gone
    return Subscribers(
        confirmed=len(confirmed),
        missing=missing or int(not confirmed),
        remind=bool(address) and address not in confirmed,
    )


def is_time_to_remind(now_ms: int) -> bool:
    """Once a day, for a function that runs every `REMIND_MINUTES`."""
    minute_of_day = now_ms // 60_000 % 1440
    return 0 <= minute_of_day - REMIND_HOUR_UTC * 60 < REMIND_MINUTES

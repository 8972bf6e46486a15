"""A change of an alarm's state, as CloudWatch tells a function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#Lambda-action-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class NotAnAlarmError(ValueError):
    """The event is not one that CloudWatch sends for an alarm; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Change:
    """``state`` is ALARM, OK or INSUFFICIENT_DATA; ``at_ms`` is when it came, ``before_ms`` when the one before did."""

    alarm: str
    state: str
    reason: str
    at_ms: int
    before: str
    before_ms: int
    description: str
    account: str
    region: str

    def short_name(self, stage: str) -> str:
        """Name of the alarm without that of the stage: ``error-rate``."""
        return self.alarm.removeprefix(f"tracelake-{stage}-")


def read(event: Mapping[str, Any]) -> Change:
    """The change that an event tells of; ``NotAnAlarmError`` for any other event."""
    try:
        data = event["alarmData"]
        state, before = data["state"], data.get("previousState") or {}
        at_ms = _ms(state["timestamp"])
        return Change(
            alarm=str(data["alarmName"]),
            state=str(state["value"]),
            reason=str(state.get("reason", "")),
            at_ms=at_ms,
            before=str(before.get("value", "")),
            before_ms=_ms(before["timestamp"]) if before.get("timestamp") else at_ms,
            description=str((data.get("configuration") or {}).get("description") or ""),
            account=str(event["accountId"]),
            region=str(event["region"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotAnAlarmError(f"this is no event of an alarm: {error!r}") from error


def _ms(instant: str) -> int:
    return round(datetime.strptime(instant, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)

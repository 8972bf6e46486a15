"""notify: an alarm changed its state; people are told in words, or, where that fails, as CloudWatch said it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from functions.aws import environment, messages
from functions.core.incidents.changes import NotAnAlarmError
from functions.core.incidents.wording import Message, raw
from functions.notify.telling import Told, tell

log = Logger(service="tracelake-notify")


def handle(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Publish the message about one change of an alarm, if it is news; returns what was told.

    Only a failure to publish is an error: Lambda tries again, and then sends the event itself to the topic.
    """
    topic = environment.required("TOPIC_ARN")
    told = _composed(event)
    if told.message:
        messages.publish(topic, told.message)
        log.info("told", alarm=told.alarm, telling=told.telling, subject=told.message.subject)
    else:
        log.info("not told", alarm=told.alarm, telling=told.telling)
    # after the message, because a message that is sent twice is better than one that is not
    _remember(told)
    return {"telling": told.telling, "subject": told.message.subject if told.message else ""}


def _composed(event: dict[str, Any]) -> Told:
    try:
        return tell(event)
    except Exception as error:
        # whatever is wrong with composing, a message is never lost
        (log.warning if isinstance(error, NotAnAlarmError) else log.exception)(
            "the event is sent as it is", reason=str(error)
        )
        message: Message = raw(event, environment.stage(), f"{type(error).__name__}: {error}")
        return Told(alarm=message.attributes["alarm"], telling="raw", message=message)


def _remember(told: Told) -> None:
    try:
        told.remember()
    except Exception:
        # it was told; forgetting it means at worst that it is told again
        log.exception("what was told could not be remembered")

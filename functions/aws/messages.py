"""Publishing messages, and remembering what was told: items of the state table that nobody else uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import items
from functions.aws.clients import client
from functions.aws.items import ConditionLostError
from functions.core.incidents.memory import Memory
from functions.core.incidents.wording import Message

MEMORY_LIFE_S = 30 * 86_400
COUNT_LIFE_S = 86_400
_TRIES = 5

Found = TypeVar("Found")


def publish(topic: str, message: Message) -> None:
    """Send to everybody who is subscribed: the text, or its short form; subscriptions filter by the attributes."""
    client("sns").publish(
        TopicArn=topic,
        Subject=message.subject,
        Message=json.dumps({"default": message.text, "sms": message.short}),
        MessageStructure="json",
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items() if value
        },
    )


def or_nothing(read: Callable[[], Found], what: str, log: Logger) -> Found | None:
    """What is read, or ``None``: a message without it is better than none."""
    try:
        return read()
    except (BotoCoreError, ClientError) as error:
        log.warning("the message does without", what=what, reason=str(error))
        return None


class Memories:
    """What was told about each alarm, and how many messages an hour had."""

    def __init__(self, table: str) -> None:
        self._table = table

    def of(self, alarm: str) -> Memory:
        """What is remembered of an alarm; all zero where it is nothing."""
        item = items.get(self._table, "incident", alarm)
        return Memory(**items.unpack_json(item, "memory")) if item else Memory()

    def keep(self, alarm: str, memory: Memory) -> None:
        """Remember, for a month after the last change."""
        expires_at = memory.change_ms // 1000 + MEMORY_LIFE_S
        values = {"pk": "incident", "sk": alarm, "memory": asdict(memory), "expires_at": expires_at}
        items.transact([items.put(self._table, values)])

    def count(self, hour: str, now_ms: int) -> int:
        """Count one more message of an hour; returns how many there were before it."""
        for _ in range(_TRIES):
            found = items.get(self._table, "messages", hour)
            before = int(found["count"]["N"]) if found else 0
            values = {
                "pk": "messages",
                "sk": hour,
                "count": before + 1,
                "expires_at": now_ms // 1000 + COUNT_LIFE_S,
            }
            try:
                if not found:
                    items.put_new(self._table, values)
                else:
                    sets = {"count": before + 1}
                    condition = "#count = :read"
                    items.transact([items.update(self._table, "messages", hour, sets, condition, read=before)])
            except ConditionLostError:
                continue
            return before
        return 0  # rather one message too many than one too few

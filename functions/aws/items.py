"""DynamoDB items of the state table: scalars as they are, lists and maps as JSON text."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.aws.clients import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Item = dict[str, Any]

TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

_TEXT_LIMIT = 100_000  # an item holds 400 KB; longer text is compressed


class ConditionLostError(Exception):
    """A conditional write found the state other than it had to be; nothing was written."""


def pack(values: Mapping[str, Any]) -> Item:
    """An item from plain values: str, int, bool, bytes; anything else becomes JSON text (compressed where long)."""
    return {name: _pack(value) for name, value in values.items()}


def unpack_json(item: Item, name: str) -> Any:
    """The list or map that `pack` stored under ``name``."""
    attribute = item[name]
    return json.loads(zlib.decompress(attribute["B"]) if "B" in attribute else attribute["S"])


def _pack(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    text = json.dumps(value, separators=(",", ":"))
    return {"S": text} if len(text) <= _TEXT_LIMIT else {"B": zlib.compress(text.encode())}


def get(table: str, pk: str, sk: str) -> Item | None:
    """The item as it is now (strongly consistent), or ``None``."""
    answer = client("dynamodb").get_item(TableName=table, Key=pack({"pk": pk, "sk": sk}), ConsistentRead=True)
    return answer.get("Item")


def query(table: str, condition: str, values: Mapping[str, str], limit: int | None = None) -> list[Item]:
    """All items of one key condition over ``pk`` and ``sk``, strongly consistent, ascending; at most ``limit``."""
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": pack(values),
        "ConsistentRead": True,
    }
    if limit:
        request["Limit"] = limit
    found: list[Item] = []
    while True:
        answer = client("dynamodb").query(**request)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer or (limit and len(found) >= limit):
            return found
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def put_new(table: str, values: Mapping[str, Any]) -> None:
    """Put an item whose key does not exist yet, else ``ConditionLostError``."""
    transact([put(table, values, "attribute_not_exists(pk)")])


def put(table: str, values: Mapping[str, Any], condition: str = "") -> TransactWriteItemTypeDef:
    """A put, as part of a transaction."""
    request: dict[str, Any] = {"TableName": table, "Item": pack(values)}
    if condition:
        request["ConditionExpression"] = condition
    return {"Put": request}  # type: ignore[typeddict-item]


def delete(table: str, pk: str, sk: str, condition: str = "", **values: Any) -> TransactWriteItemTypeDef:
    """A deletion, as part of a transaction; ``condition`` as in `update`."""
    request: dict[str, Any] = {"TableName": table, "Key": pack({"pk": pk, "sk": sk})}
    if condition:
        request["ConditionExpression"] = condition
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in _names(condition)}
        request["ExpressionAttributeValues"] = pack({f":{name}": value for name, value in values.items()})
    return {"Delete": request}  # type: ignore[typeddict-item]


def update(
    table: str, pk: str, sk: str, sets: Mapping[str, Any], condition: str, **values: Any
) -> TransactWriteItemTypeDef:
    """An update, as part of a transaction. In ``condition`` names are written ``#name``, values ``:name``."""
    names = {f"#{name}": name for name in {*sets, *_names(condition)}}
    return {
        "Update": {
            "TableName": table,
            "Key": pack({"pk": pk, "sk": sk}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :new_{name}" for name in sets),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": pack(
                {**{f":new_{name}": value for name, value in sets.items()}, **{f":{k}": v for k, v in values.items()}}
            ),
        }
    }


def check(table: str, pk: str, sk: str, condition: str, **values: Any) -> TransactWriteItemTypeDef:
    """A condition on an item that the transaction leaves as it is."""
    request: dict[str, Any] = {
        "TableName": table,
        "Key": pack({"pk": pk, "sk": sk}),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in _names(condition)},
    }
    if values:
        request["ExpressionAttributeValues"] = pack({f":{name}": value for name, value in values.items()})
    return {"ConditionCheck": request}  # type: ignore[typeddict-item]


def _names(condition: str) -> set[str]:
    words = condition.replace("(", " ").replace(")", " ").split()
    return {word[1:] for word in words if word.startswith("#")}


def transact(writes: list[TransactWriteItemTypeDef]) -> None:
    """All writes or none. botocore adds an idempotency token, so its own retries of a lost answer are harmless.

    ``ConditionLostError`` where a condition does not hold. What another transaction under way or DynamoDB's throttling
    cancelled is tried again here: botocore retries a throttled call, but not a cancelled transaction
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * 2**attempt)
        try:
            client("dynamodb").transact_write_items(TransactItems=writes)
            return
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons:
                raise ConditionLostError(str(error)) from error
            if not reasons & _PASSING or attempt + 1 == _ATTEMPTS:
                raise


_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

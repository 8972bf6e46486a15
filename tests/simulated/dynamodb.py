"""DynamoDB in memory: the calls and expressions that the project uses; anything else is refused.

Enforced as AWS documents it: 400 KB an item, 100 items and 4 MB a transaction, one write per item in a transaction,
idempotency tokens, all conditions of a transaction before any effect, attribute names only through `#name`.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""

import re

from .errors import ServiceError

PAGE = 7
"""Items in a page of a query; AWS counts to 1 MB. Small, so that paging is always exercised."""

_TERM = re.compile(r"(#\w+) (=|<=|>=|<|>) (:\w+)")
_NOT_EXISTS = re.compile(r"attribute_not_exists\((#\w+|pk)\)")
_SK = re.compile(r"pk = :pk(?: AND (?:sk (=|<=|>=|<|>) :sk|(begins_with)\(sk, :sk\)))?")
_COMPARE = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "begins_with": lambda a, b: a.startswith(b),
}


class DynamoDB:
    def __init__(self):
        self.items = {}
        self.tokens = set()

    def get_item(self, params):
        assert params["ConsistentRead"], "the protocol needs consistent reads"
        item = self.items.get(_key(params["Key"]))
        return {"Item": dict(item)} if item else {}

    def query(self, params):
        assert params["ConsistentRead"], "the protocol needs consistent reads"
        match = _SK.fullmatch(params["KeyConditionExpression"])
        assert match, params["KeyConditionExpression"]
        values = {name: value["S"] for name, value in params["ExpressionAttributeValues"].items()}
        compare = _COMPARE[match[1] or match[2] or "begins_with"]
        found = sorted(key for key in self.items if key[0] == values[":pk"] and compare(key[1], values.get(":sk", "")))
        if "ExclusiveStartKey" in params:
            found = [key for key in found if key > _key(params["ExclusiveStartKey"])]
        page = found[: min(PAGE, params.get("Limit", PAGE))]
        answer = {"Items": [dict(self.items[key]) for key in page], "Count": len(page)}
        if len(page) < len(found):
            answer["LastEvaluatedKey"] = {"pk": {"S": page[-1][0]}, "sk": {"S": page[-1][1]}}
        return answer

    def transact_write_items(self, params):
        if params["ClientRequestToken"] in self.tokens:
            return {}
        writes = [next(iter(write.items())) for write in params["TransactItems"]]
        keys = [_key(write.get("Key") or write["Item"]) for _, write in writes]
        if len(writes) > 100 or len(set(keys)) < len(keys):
            raise ServiceError("ValidationException", f"{len(writes)} writes to {len(set(keys))} items")
        results = [self._result(kind, key, write) for (kind, write), key in zip(writes, keys, strict=True)]
        sizes = [_size(result) for result in results if isinstance(result, dict)]
        if sum(sizes) > 4 << 20 or max(sizes, default=0) > 400 << 10:
            raise ServiceError("ValidationException", f"items of {max(sizes)} bytes, {sum(sizes)} in all")
        if _LOST in results:
            reasons = [{"Code": "ConditionalCheckFailed" if result is _LOST else "None"} for result in results]
            raise ServiceError("TransactionCanceledException", "cancelled", CancellationReasons=reasons)
        for key, result in zip(keys, results, strict=True):
            if result is None:
                self.items.pop(key, None)
            elif result is not _SAME:
                self.items[key] = result
        self.tokens.add(params["ClientRequestToken"])
        return {}

    def _result(self, kind, key, write):
        """What the write leaves under its key: an item, None, the same as before, or a lost condition."""
        old = self.items.get(key)
        if "ConditionExpression" in write and not _holds(write, old or {}):
            return _LOST
        if kind == "Put":
            return dict(write["Item"])
        if kind == "Delete":
            return None
        if kind == "ConditionCheck":
            return _SAME
        assert kind == "Update"
        new = dict(old or write["Key"])
        for assignment in write["UpdateExpression"].removeprefix("SET ").split(", "):
            name, value = re.fullmatch(r"(#\w+) = (:\w+)", assignment).groups()
            new[write["ExpressionAttributeNames"][name]] = write["ExpressionAttributeValues"][value]
        return new


_LOST, _SAME = "lost", "same"


def _key(item):
    return item["pk"]["S"], item["sk"]["S"]


def _size(item):
    return sum(len(name) + sum(len(value) for value in attribute.values() if hasattr(value, "__len__")) + 1
               for name, attribute in item.items())  # fmt: skip


def _holds(write, item):
    return any(all(_term(write, term, item) for term in part.split(" AND "))
               for part in write["ConditionExpression"].split(" OR "))  # fmt: skip


def _term(write, term, item):
    names = {"pk": "pk", **write.get("ExpressionAttributeNames", {})}
    if match := _NOT_EXISTS.fullmatch(term):
        return names[match[1]] not in item
    match = _TERM.fullmatch(term)
    assert match, f"an expression that is not known here: {term}"
    attribute, value = item.get(names[match[1]]), write["ExpressionAttributeValues"][match[3]]
    if attribute is None:
        return False
    (left_type, left), (right_type, right) = *attribute.items(), *value.items()
    assert left_type == right_type, term
    return _COMPARE[match[2]](int(left), int(right)) if left_type == "N" else _COMPARE[match[2]](left, right)

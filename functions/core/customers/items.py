"""The list of customers from items of a DynamoDB table, and what is said about how it was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from functions.core.customers.listing import COLUMNS, BadCustomerError, Customer, customer, quoted

MOST_REASONS = 20

Attributes = Mapping[str, Sequence[str]]
"""By column, the attributes that may hold it; the first that an item has counts."""


def attributes(named: Iterable[str] = ()) -> Attributes:
    """The usual names, in snake_case and camelCase, and those that ``column=attribute`` names in their place."""
    found: dict[str, Sequence[str]] = {
        column: tuple(dict.fromkeys(each for name in usual for each in (name, _camel(name))))
        for column, usual in COLUMNS.items()
    }
    for each in named:
        column, _, attribute = each.partition("=")
        found[column] = (attribute,)
    return found


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda letter: letter[1].upper(), name)


@dataclass(slots=True)
class Taken:
    """Customers of some items, those that were refused, and the first reasons why."""

    customers: dict[str, Customer] = field(default_factory=dict)
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, item: Mapping[str, Mapping[str, Any]], names: Attributes) -> None:
        """One item, in DynamoDB's JSON
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html)."""
        try:
            found = customer({column: _text(column, item, names[column]) for column in COLUMNS})
            if self.customers.setdefault(found.tenant, found) != found:
                raise BadCustomerError(f"tenant {quoted(found.tenant)} stands in another item as well")
        except BadCustomerError as error:
            self.refused += 1
            if len(self.reasons) < MOST_REASONS:
                self.reasons.append(str(error))


def _text(column: str, item: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> str:
    held = next((item[name] for name in names if name in item), {"NULL": True})
    ((kind, value),) = held.items()
    if kind not in ("S", "N", "NULL"):
        raise BadCustomerError(f"{column} is of the type {kind}, not a text or a number")
    return "" if kind == "NULL" else str(value)


class Reading(msgspec.Struct):
    """How the table was read last: what was found at ``read_ms``, or the ``error`` for which the list is an older
    one."""

    table: str
    read_ms: int
    customers: int = 0
    refused: int = 0
    reasons: list[str] = []
    error: str = ""


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Reading).decode


def decode(body: bytes) -> Reading | None:
    """Inverse of ``encode``; ``None`` for what is none of ours."""
    try:
        return _decode(body)
    except msgspec.MsgspecError:
        return None

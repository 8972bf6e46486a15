"""The user's table of customers, read page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from functions.aws.clients import client
from functions.core.customers.items import Attributes, Taken
from functions.core.customers.listing import MOST_CUSTOMERS

MOST_PAGES = 64
"""A page is a megabyte, 128 read units of a table that others need too: so a run costs a tenth of a cent at most.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html"""


class UnreadError(Exception):
    """A table that was not read to its end, or has no customer; says why."""


def read(table: str, names: Attributes, has_time: Callable[[], bool]) -> Taken:
    """All customers of the table; ``UnreadError`` where there are too many, or the time is too short."""
    taken = Taken()
    for number, items in enumerate(_pages(table, names), 1):
        if number > MOST_PAGES:
            raise UnreadError(f"the table holds more than {MOST_PAGES} MB: keep customers in a table of their own")
        for item in items:
            taken.add(item, names)
        if len(taken.customers) > MOST_CUSTOMERS:
            raise UnreadError(f"the table has more than {MOST_CUSTOMERS:,} customers")
        if not has_time():
            raise UnreadError("the table was not read to its end in time")
    if not taken.customers:
        raise UnreadError(f"the table has no item that names a customer: {taken.reasons or 'it is empty'}")
    return taken


def _pages(table: str, names: Attributes) -> Iterator[list[dict[str, Any]]]:
    wanted = list(dict.fromkeys(name for each in names.values() for name in each))
    # names may be words of DynamoDB's own, as name is, or have a point in them
    placeholders = {f"#a{number}": name for number, name in enumerate(wanted)}
    pages = (
        client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=table,
            ProjectionExpression=", ".join(placeholders),
            ExpressionAttributeNames=placeholders,
        )
    )
    return (page["Items"] for page in pages)

"""The list of customers in the lake bucket: one object, replaced as a whole, which Athena reads as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.objects import Objects, Stored
from functions.aws.summaries import FOLDER
from functions.core.customers.listing import NOBODY, Customer, Names, encode
from functions.core.schema import TENANTS

READING = f"{FOLDER}customers.json"
"""How the DynamoDB table was read last, where the list comes from one."""

log = Logger(service="tracelake-customers")


class UnreadableListError(Exception):
    """The object is there, and is no list of customers."""


class CustomerList:
    """The list of one bucket."""

    def __init__(self, bucket: str) -> None:
        self._objects = Objects(bucket)

    def read(self) -> Stored:
        """The object as it is; empty where there is none yet."""
        return self._objects.read(TENANTS.file)

    def names(self) -> Names:
        """The list; ``UnreadableListError`` where the object is none."""
        return names_of(self.read())

    def replace(self, customers: Sequence[Customer], read: Stored) -> bool:
        """Write another list if the object still is what was read; ``False`` where somebody else wrote it."""
        return self._objects.replace(TENANTS.file, encode(customers), read)


def known_names(bucket: str) -> Names:
    """The list; nobody where it cannot be read, for ids are better than nothing."""
    try:
        return CustomerList(bucket).names()
    except (BotoCoreError, ClientError, UnreadableListError) as error:
        log.warning("customers have no names", reason=str(error))
        return NOBODY


def names_of(stored: Stored) -> Names:
    """The list in an object; ``UnreadableListError`` where it is none."""
    try:
        return Names(stored.body)
    except (pa.ArrowException, KeyError) as error:
        raise UnreadableListError(f"{TENANTS.file} is no list of customers: {error}") from error

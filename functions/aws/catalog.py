"""Glue partitions: where Athena finds the rows of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from functions.aws.clients import client

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import PartitionInputTypeDef, StorageDescriptorTypeDef

BATCH = 100
"""https://docs.aws.amazon.com/glue/latest/webapi/API_BatchCreatePartition.html"""

INDEX = "hour"
"""Glue finds the partitions of a few hours among years of them by an index; CloudFormation has no word for it."""

_MISSING = "EntityNotFoundException"
_EXISTS = "AlreadyExistsException"


class PartitionError(RuntimeError):
    """Glue did not accept a partition."""


class Partitions:
    """The partitions of one table."""

    def __init__(self, database: str, table: str) -> None:
        self.database = database
        self.table = table
        self._descriptor: StorageDescriptorTypeDef | None = None

    def _input(self, hour: str, location: str) -> PartitionInputTypeDef:
        return {"Values": [hour], "StorageDescriptor": {**self._format(), "Location": location}}

    def _format(self) -> StorageDescriptorTypeDef:
        """The table's own; asked for once (a cached_property would hold a lock of the class while Glue answers)."""
        if self._descriptor is None:
            found = client("glue").get_table(DatabaseName=self.database, Name=self.table)
            self._descriptor = cast("StorageDescriptorTypeDef", found["Table"]["StorageDescriptor"])
        return self._descriptor

    def create(self, hours: Sequence[tuple[str, str]]) -> int:
        """Create partitions (hour, location) and return how many are new; those that exist stay as they are."""
        new = 0
        for start in range(0, len(hours), BATCH):
            batch = [self._input(hour, location) for hour, location in hours[start : start + BATCH]]
            answer = client("glue").batch_create_partition(
                DatabaseName=self.database, TableName=self.table, PartitionInputList=batch
            )
            errors = {
                error["PartitionValues"][0]: error["ErrorDetail"].get("ErrorCode", "")
                for error in answer.get("Errors", [])
            }
            self._raise_unless(_EXISTS, errors)
            new += len(batch) - len(errors)
        return new

    def index(self) -> bool:
        """Create the index on the hour unless it is there; tells whether it was created.

        https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html
        """
        place = {"DatabaseName": self.database, "TableName": self.table}
        if client("glue").get_partition_indexes(**place)["PartitionIndexDescriptorList"]:
            return False
        with suppress(client("glue").exceptions.AlreadyExistsException):  # by a run at the same time
            client("glue").create_partition_index(**place, PartitionIndex={"Keys": ["hour"], "IndexName": INDEX})
        return True

    def point(self, hour: str, location: str) -> None:
        """Let the partition of the hour show this folder; it is created where it is missing."""
        for _ in range(3):  # somebody may create it between the two calls
            answer = client("glue").batch_update_partition(
                DatabaseName=self.database,
                TableName=self.table,
                Entries=[{"PartitionValueList": [hour], "PartitionInput": self._input(hour, location)}],
            )
            errors = {
                error["PartitionValueList"][0]: error["ErrorDetail"].get("ErrorCode", "")
                for error in answer.get("Errors", [])
            }
            self._raise_unless(_MISSING, errors)
            if not errors or self.create([(hour, location)]):
                return
        raise PartitionError(f"{self.database}.{self.table} hour={hour}: exists and exists not")

    def _raise_unless(self, accepted: str, errors: dict[str, str]) -> None:
        others = {hour: code for hour, code in errors.items() if code != accepted}
        if others:
            raise PartitionError(f"{self.database}.{self.table}: Glue refused {len(others)} partitions: {others}")

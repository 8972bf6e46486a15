"""Somebody who queries all the time: after every change the rows that Athena would find in the partition concerned.

Athena takes the location of the partition from Glue and reads every object under it.
"""

import re
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from functions.core.schema import HOUR_MS, TABLES, hour_of, hour_start_ms

from .world import LAKE, tried

_PLACE = re.compile(r"(?:hot|settled)/(\w+)/hour=([\d-]+)/")


class PromiseBrokenError(AssertionError):
    """A query saw what it must not see."""


@dataclass(frozen=True)
class Seen:
    """What a query sees of a row."""

    event_id: str
    row_no: int
    request: str | None = None
    finished: bool = True


class Reader:
    """Watches a `World`: a settled row is never missed and never seen twice, and no file vanishes under a query."""

    def __init__(self, world):
        self.world = world
        self.settled = {}
        self._files = {}
        self._seen = {}
        world.watchers.append(self.changed)

    def changed(self, operation, params):
        """Look at the partitions that a call may have changed."""
        if operation == "batch_update_partition":
            for entry in params["Entries"]:
                self.look(params["TableName"], entry["PartitionValueList"][0])
        elif operation == "batch_create_partition":
            for entry in params["PartitionInputList"]:
                self.look(params["TableName"], entry["Values"][0])
        elif operation in ("put_object", "delete_objects", "delete_object") and params["Bucket"] == LAKE:
            keys = [params["Key"]] if "Key" in params else [entry["Key"] for entry in params["Delete"]["Objects"]]
            for key in filter(_PLACE.match, keys):
                location = self.world.glue.locations.get(_PLACE.match(key).groups())
                if location and f"s3://{LAKE}/{key}".startswith(location):
                    self.look(*_PLACE.match(key).groups())

    def look(self, table, hour):
        """One query of one partition."""
        tried["queries"] += 1
        location = self.world.glue.locations.get((table, hour), "")
        if "/settled/" not in location:
            return
        rows = {(row.event_id, row.row_no): row for row in self.seen(table, hour)}
        if sum(1 for _ in self.seen(table, hour)) != len(rows):
            raise PromiseBrokenError(f"{table} {hour}: a row is seen twice")
        if TABLES[table].of_events:
            missed = [row for key, row in self.settled.get((table, hour), {}).items() if key not in rows]
            for row in missed:
                if row.finished or not self._report_of(row, hour):
                    raise PromiseBrokenError(f"{table} {hour}: a settled row is missed: {row}")
        self.settled[table, hour] = rows

    def _report_of(self, start, hour):
        following = hour_of(hour_start_ms(hour) + HOUR_MS)
        return any(row.finished and row.request == start.request
                   for name in (hour, following) if ("invocations", name) in self.world.glue.locations
                   for row in self.seen("invocations", name))  # fmt: skip

    def seen(self, table, hour):
        """Rows of a partition as a query finds them."""
        prefix = self.world.glue.locations[table, hour].removeprefix(f"s3://{LAKE}/")
        for key in self.world.s3.keys(LAKE, prefix):
            yield from self._rows(key)

    def _rows(self, key):
        if key not in self._seen:
            is_invocation = key.split("/")[1] == "invocations"
            self._seen[key] = [
                Seen(row["event_id"], row["row_no"], row.get("request_id"), not is_invocation or bool(row["status"]))
                for row in self._read(key)
            ]
        return self._seen[key]

    def _read(self, key):
        """Rows of a file, as dicts; no file is ever written twice with other rows."""
        if key not in self._files:
            file = pq.ParquetFile(pa.BufferReader(self.world.s3.objects[LAKE, key]))
            self._files[key] = file.read(use_threads=False).to_pylist()
        return self._files[key]

    def table(self, name):
        """All settled rows of a table, as dicts."""
        rows = []
        for (table, hour), location in sorted(self.world.glue.locations.items()):
            if table == name and "/settled/" in location:
                for key in self.world.s3.keys(LAKE, location.removeprefix(f"s3://{LAKE}/")):
                    rows += [{**row, "hour": hour} for row in self._read(key)]
        return rows

    def counts(self, name):
        """How many settled rows each event has."""
        return Counter(row["event_id"] for row in self.table(name))

"""How Lambda reads a Kinesis stream.

- A batch is records of one shard, in order: up to the batch size, or 6 MB of event, or what came within the batch
  window, whichever is first [1]. One batch of a shard is under way at a time; shards do not wait for each other.
- The children of a shard that was split or merged are read when all that was in their parents is done [2].
- `batchItemFailures` that is empty or missing: all is done. Otherwise everything from the lowest number on is tried
  again; a number that is empty, null or not in the batch makes the whole batch a failure [3].
- A failed batch is halved where bisecting is on, which does not count as a retry; a batch of one record is retried.
  A partial failure is cut at its number instead [3]. Whether one that got on counts as a retry is not said, so both can
  be asked for.
- Batches without retries left, and records that are too old, go to the destination; then reading goes on [4].

[1] https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
[2] https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
[3] https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
[4] https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

BATCH_BYTES = 6 << 20
NO_LIMIT = -1

Event = dict[str, Any]


class InvocationError(Exception):
    """The function answered with an error, or not at all."""


class Record(NamedTuple):
    """A record of a shard; `arrival_ms` is milliseconds since 1970."""

    shard: str
    sequence: str
    data: bytes
    arrival_ms: int
    partition_key: str = "1"


class Stream(Protocol):
    """What is read."""

    def parents(self) -> Mapping[str, Sequence[str]]:
        """All shards, each with those it came from."""
        ...

    def is_closed(self, shard: str) -> bool:
        """Whether nothing more is put into it."""
        ...

    def read(self, shard: str, position: int, most: int) -> Sequence[Record]:
        """Records of a shard from its n-th on."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """An event source mapping."""

    stream_arn: str
    function_arn: str
    id: str
    batch_size: int = 10_000
    window_ms: int = 0
    retries: int = 5
    max_age_ms: int = 12 * 3_600_000
    bisect: bool = True
    reports_failures: bool = True
    progress_counts_as_retry: bool = False

    def event(self, records: Sequence[Record]) -> Event:
        """What the function gets."""
        return {"Records": [self._record(each) for each in records]}

    def _record(self, record: Record) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.arrival_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{record.shard}:{record.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self.function_arn,
            "awsRegion": self.stream_arn.split(":")[3],
            "eventSourceARN": self.stream_arn,
        }


class _Batch(NamedTuple):
    records: Sequence[Record]
    retries: int = 0


class _Reading(NamedTuple):
    """Where the reading of a shard is: `position` of the next record, and batches that are to be delivered."""

    position: int = 0
    waiting: tuple[_Batch, ...] = ()
    free_since_ms: int = 0


class EventSource:
    """Reads a stream from its beginning. `give_up(document, key)` takes what goes to the S3 destination."""

    def __init__(self, settings: Settings, stream: Stream, give_up: Callable[[dict[str, Any], str], None]) -> None:
        self.settings = settings
        self._stream = stream
        self._give_up = give_up
        self._shards: defaultdict[str, _Reading] = defaultdict(_Reading)
        self._given_up = 0

    def readable(self) -> list[str]:
        """Shards that are read at the moment."""
        parents = self._stream.parents()
        return [
            shard
            for shard in sorted(parents)
            if not self._is_drained(shard) and all(self._is_drained(parent) for parent in parents[shard])
        ]

    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return all(self._is_done(shard) for shard in self._stream.parents())

    def is_retrying(self, shard: str) -> bool:
        """Whether the next batch of the shard was tried before, and is not just half of one."""
        waiting = self._shards[shard].waiting
        return bool(waiting) and waiting[0].retries > 0

    def poll(self, shard: str, invoke: Callable[[Event], Any], now_ms: int) -> bool:
        """Deliver the next batch of a shard; False where there is none yet. `invoke` raises InvocationError."""
        reading = self._shards[shard]
        if not reading.waiting:
            reading = self._gathered(shard, reading, now_ms)
        if not reading.waiting:
            return False
        batch, *later = reading.waiting
        young = [record for record in batch.records if not self._is_too_old(record, now_ms)]
        old = batch.records[: len(batch.records) - len(young)]
        if old:
            self._send(old, "RecordAgeExceeded", batch.retries, now_ms)
        again = self._delivered(_Batch(young, batch.retries), invoke, now_ms) if young else []
        self._shards[shard] = _Reading(reading.position, (*again, *later), now_ms)
        return True

    def _is_done(self, shard: str) -> bool:
        reading = self._shards[shard]
        return not reading.waiting and not self._stream.read(shard, reading.position, 1)

    def _is_drained(self, shard: str) -> bool:
        return self._stream.is_closed(shard) and self._is_done(shard)

    def _is_too_old(self, record: Record, now_ms: int) -> bool:
        return self.settings.max_age_ms != NO_LIMIT and now_ms - record.arrival_ms > self.settings.max_age_ms

    def _gathered(self, shard: str, reading: _Reading, now_ms: int) -> _Reading:
        """With the next batch where it is full, or where its window is over."""
        records = self._stream.read(shard, reading.position, self.settings.batch_size)
        fitting, size = 0, 0
        for record in records:
            size += len(record.data) * 4 // 3
            if fitting and size > BATCH_BYTES:
                break
            fitting += 1
        if not fitting:
            return reading
        is_full = fitting == self.settings.batch_size or size >= BATCH_BYTES
        begin_ms = max(records[0].arrival_ms, reading.free_since_ms)
        if not is_full and now_ms < begin_ms + self.settings.window_ms:
            return reading
        return _Reading(reading.position + fitting, (_Batch(records[:fitting]),))

    def _delivered(self, batch: _Batch, invoke: Callable[[Event], Any], now_ms: int) -> list[_Batch]:
        """What is to be tried again."""
        records = batch.records
        try:
            first = self._first_failed(records, invoke(self.settings.event(records)))
        except InvocationError:
            if self.settings.bisect and len(records) > 1:
                middle = len(records) // 2
                return [_Batch(records[:middle], batch.retries), _Batch(records[middle:], batch.retries)]
            return self._retried(batch, now_ms)
        rest = _Batch(records[first:], batch.retries)
        if not rest.records or (first and not self.settings.progress_counts_as_retry):
            return [rest] if rest.records else []
        return self._retried(rest, now_ms)

    def _first_failed(self, records: Sequence[Record], answer: Any) -> int:
        """How many records from the front are done."""
        failures = (answer or {}).get("batchItemFailures") if self.settings.reports_failures else None
        if not failures:
            return len(records)
        places = {record.sequence: place for place, record in enumerate(records)}
        numbers = [failure.get("itemIdentifier") for failure in failures]
        if not all(number in places for number in numbers):
            raise InvocationError(f"batchItemFailures names no record of the batch: {numbers}")
        return min(places[number] for number in numbers)

    def _retried(self, batch: _Batch, now_ms: int) -> list[_Batch]:
        if self.settings.retries == NO_LIMIT or batch.retries < self.settings.retries:
            return [_Batch(batch.records, batch.retries + 1)]
        self._send(batch.records, "RetryAttemptsExhausted", batch.retries + 1, now_ms)
        return []

    def _send(self, records: Sequence[Record], condition: str, invokes: int, now_ms: int) -> None:
        """Lambda's invocation record, with the whole event, as only S3 gets it."""
        self._given_up += 1
        at, shard = datetime.fromtimestamp(now_ms / 1000, UTC), records[0].shard
        document = {
            "requestContext": {
                "requestId": f"{self._given_up:08x}-0000-4000-8000-000000000000",
                "functionArn": self.settings.function_arn,
                "condition": condition,
                "approximateInvokeCount": invokes,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": _iso(now_ms),
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": records[0].sequence,
                "endSequenceNumber": records[-1].sequence,
                "approximateArrivalOfFirstRecord": _iso(records[0].arrival_ms),
                "approximateArrivalOfLastRecord": _iso(records[-1].arrival_ms),
                "batchSize": len(records),
                "streamArn": self.settings.stream_arn,
            },
            "payload": json.dumps(self.settings.event(records)),
        }
        name = f"{at:%Y-%m-%dT%H.%M.%S}-{self._given_up:08d}"
        self._give_up(document, f"aws/lambda/{self.settings.id}/{shard}/{at:%Y/%m/%d}/{name}")


def _iso(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"

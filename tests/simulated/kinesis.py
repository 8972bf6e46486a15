"""A Kinesis stream and its Lambda event source, as AWS documents them.

- One batch of a shard at a time, in order; at most ``batch_size`` records and 6 MB as base64.
- Empty ``batchItemFailures``: all done. Otherwise everything from the lowest returned number on is tried again; a
  number that is not in the batch makes the whole batch fail.
- A failed invocation (error, timeout, crash) halves the batch where bisecting is on; halving does not count as a
  retry. A batch of one record is retried ``retries`` times.
- Records that are older than ``max_age_ms`` and batches without retries left go to the S3 destination; then it goes on.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import FunctionError

STREAM_ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/tracelake-main"
BATCH_BYTES = 6 << 20


@dataclass(frozen=True)
class Record:
    shard: str
    sequence: str
    data: bytes
    arrival_ms: int

    def as_event(self):
        """The record as the function gets it."""
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": self.sequence,
                "data": base64.b64encode(self.data).decode(),
                "approximateArrivalTimestamp": self.arrival_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard}:{self.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/normalize",
            "awsRegion": "eu-central-1",
            "eventSourceARN": STREAM_ARN,
        }


class Stream:
    """Shards with all records ever put; sequence numbers grow within a shard, with gaps, and in length."""

    def __init__(self, shards=1):
        self.shards = {f"shardId-{number:012d}": [] for number in range(shards)}
        self._next = 97

    def put(self, data, arrival_ms, shard=0):
        name = sorted(self.shards)[shard]
        self._next += 7
        record = Record(name, str(self._next), data, arrival_ms)
        self.shards[name].append(record)
        return record


@dataclass
class _Batch:
    records: list
    retries: int = 0


@dataclass
class EventSource:
    """Polls the shards of a stream. ``give_up(document, key)`` takes what goes to the S3 destination."""

    stream: Stream
    give_up: object
    batch_size: int = 10_000
    retries: int = 5
    max_age_ms: int = 12 * 3_600_000
    bisect: bool = True
    progress_counts_as_retry: bool = False
    _read: dict = field(default_factory=dict)
    _waiting: dict = field(default_factory=dict)
    _given_up: int = 0

    def idle(self):
        """Whether nothing is left to do."""
        return not any(self._waiting.values()) and all(
            self._read.get(name, 0) == len(records) for name, records in self.stream.shards.items()
        )

    def poll(self, shard, invoke, now_ms):
        """Deliver the next batch of a shard to ``invoke(event)``; False where there is none."""
        waiting = self._waiting.setdefault(shard, [])
        if not waiting:
            waiting += self._next(shard)
        if not waiting:
            return False
        batch = waiting.pop(0)
        old = [record for record in batch.records if now_ms - record.arrival_ms > self.max_age_ms]
        if old:
            self._send(old, "RecordAgeExceeded", batch.retries, now_ms)
            batch.records = batch.records[len(old) :]
        if batch.records:
            self._deliver(batch, waiting, invoke, now_ms)
        return True

    def _next(self, shard):
        start = self._read.get(shard, 0)
        records, size = [], 0
        for record in self.stream.shards[shard][start : start + self.batch_size]:
            size += len(record.data) * 4 // 3
            if records and size > BATCH_BYTES:
                break
            records.append(record)
        self._read[shard] = start + len(records)
        return [_Batch(records)] if records else []

    def _deliver(self, batch, waiting, invoke, now_ms):
        records = batch.records
        try:
            answer = invoke({"Records": [record.as_event() for record in records]})
        except FunctionError as error:
            if self.bisect and len(records) > 1:
                middle = len(records) // 2
                waiting[:0] = [_Batch(records[:middle], batch.retries), _Batch(records[middle:], batch.retries)]
            else:
                self._retry(batch, waiting, now_ms, str(error))
            return
        failures = [failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures") or []]
        if not failures:
            return
        places = [index for index, record in enumerate(records) if record.sequence in failures]
        first = places[0] if len(places) == len(failures) else 0
        rest = _Batch(records[first:], batch.retries)
        if first and not self.progress_counts_as_retry:
            waiting.insert(0, rest)
        else:
            self._retry(rest, waiting, now_ms, "")

    def _retry(self, batch, waiting, now_ms, error):
        if batch.retries < self.retries:
            waiting.insert(0, _Batch(batch.records, batch.retries + 1))
        else:
            self._send(batch.records, "RetryAttemptsExhausted", batch.retries + 1, now_ms, error)

    def _send(self, records, condition, invokes, now_ms, error=""):
        """Lambda's invocation record, with the whole event for S3."""
        self._given_up += 1
        at = datetime.fromtimestamp(now_ms / 1000, UTC)
        shard = records[0].shard
        document = {
            "requestContext": {
                "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
                "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:tracelake-main-normalize",
                "condition": condition,
                "approximateInvokeCount": invokes,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": records[0].sequence,
                "endSequenceNumber": records[-1].sequence,
                "approximateArrivalOfFirstRecord": _iso(records[0].arrival_ms),
                "approximateArrivalOfLastRecord": _iso(records[-1].arrival_ms),
                "batchSize": len(records),
                "streamArn": STREAM_ARN,
            },
            "payload": json.dumps({"Records": [record.as_event() for record in records]}),
        }
        key = f"aws/lambda/2b5e3b4c-esm/{shard}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{self._given_up:08d}"
        self.give_up(document, key)


def _iso(time_ms):
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"

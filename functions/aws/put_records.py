"""Records onto the stream, in requests as large as they may be, with patience for what is throttled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5_000_000
MAX_RECORD_BYTES = 1_048_576
ATTEMPTS = 8


class Record(Protocol):
    """What is put: the payload, and what spreads payloads over the shards."""

    @property
    def payload(self) -> bytes: ...
    @property
    def log_stream(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def position(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A record of nothing but its payload, spread by the event's id."""

    payload: bytes
    event_id: str
    log_stream: str = ""
    position: str = ""


T = TypeVar("T", bound=Record)


def put(
    kinesis: KinesisClient, stream: str, records: Sequence[T], sleep: Callable[[float], None] = time.sleep
) -> list[T]:
    """Put records on the stream and return those that it took: what it throttles is tried again a few times."""
    taken: list[T] = []
    for batch in batches(records):
        waiting = batch
        for attempt in range(ATTEMPTS):
            if attempt:
                sleep(min(0.2 * 2**attempt, 5.0))
            answers = kinesis.put_records(
                StreamName=stream,
                Records=[{"Data": record.payload, "PartitionKey": _partition_key(record)} for record in waiting],
            )["Records"]
            failed = [record for record, answer in zip(waiting, answers, strict=True) if answer.get("ErrorCode")]
            refused = {id(record) for record in failed}
            taken += [record for record in waiting if id(record) not in refused]
            waiting = failed
            if not waiting:
                break
    return taken


def batches(records: Sequence[T]) -> Iterator[list[T]]:
    """Records in requests of at most 500 and 5 MB; what fits into no record is left out."""
    batch: list[T] = []
    size = 0
    for record in records:
        length = len(record.payload) + len(_partition_key(record).encode())
        if length > MAX_RECORD_BYTES:
            continue
        if len(batch) == MAX_RECORDS or size + length > MAX_REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch


def _partition_key(record: Record) -> str:
    return (record.log_stream or record.event_id or record.position or "-")[:256]

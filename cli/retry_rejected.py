"""``tracelake retry-rejected``: dead letters back onto the stream, after what rejected them has been mended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from cli import target
from cli.errors import FAILED, OK
from cli.text import safe
from functions.aws.clients import client
from functions.aws.dead_letters import DeadLetter, DeadLetters
from functions.aws.state import State

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5_000_000
MAX_RECORD_BYTES = 1_048_576
ATTEMPTS = 8


def run(place: tuple[bool, str | None], *, reason: str, dry_run: bool, out: TextIO, err: TextIO) -> int:
    """Put committed dead letters whose reason contains ``reason`` on the stream and move them to ``retried/``.

    A letter is moved only when the stream has taken it; what it did not take stays and is counted. Exit code 1 where
    something stayed.
    """
    local, stage = place
    done: Counter[str] = Counter()
    found = 0
    with target.explained():
        where = target.find(stage, local=local)
        print(f"Dead letters in {where.place}", file=err)
        store = DeadLetters(where.dead_letter_bucket)
        for key, letters in store.committed(State(where.state_table)):
            chosen = [letter for letter in letters if reason in letter.reason]
            taken = chosen if dry_run else put(client("kinesis"), where.stream, chosen)
            done.update(letter.reason for letter in taken)
            found += len(chosen)
            if taken and not dry_run:
                _move(store, key, letters, taken)
    left = found - done.total()
    for each, count in done.most_common():
        print(f"{count:>8,}  {safe(each)}", file=out)
    print(
        f"{done.total():,} {'would be retried' if dry_run else 'retried'}, {left:,} not taken by the stream",
        file=err,
    )
    return FAILED if left else OK


def put(
    kinesis: KinesisClient,
    stream: str,
    letters: Sequence[DeadLetter],
    sleep: Callable[[float], None] = time.sleep,
) -> list[DeadLetter]:
    """Put letters on the stream and return those that it took: what it throttles is tried again a few times."""
    taken: list[DeadLetter] = []
    for batch in batches(letters):
        waiting = batch
        for attempt in range(ATTEMPTS):
            if attempt:
                sleep(min(0.2 * 2**attempt, 5.0))
            answers = kinesis.put_records(
                StreamName=stream,
                Records=[{"Data": letter.payload, "PartitionKey": _partition_key(letter)} for letter in waiting],
            )["Records"]
            failed = [letter for letter, answer in zip(waiting, answers, strict=True) if answer.get("ErrorCode")]
            refused = {id(letter) for letter in failed}
            taken += [letter for letter in waiting if id(letter) not in refused]
            waiting = failed
            if not waiting:
                break
    return taken


def batches(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Letters in requests of at most 500 records and 5 MB; a letter that fits into no record is left out."""
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        length = len(letter.payload) + len(_partition_key(letter).encode())
        if length > MAX_RECORD_BYTES:
            continue
        if len(batch) == MAX_RECORDS or size + length > MAX_REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += length
    if batch:
        yield batch


def _partition_key(letter: DeadLetter) -> str:
    return (letter.log_stream or letter.event_id or letter.position or "-")[:256]


def _move(store: DeadLetters, key: str, letters: Sequence[DeadLetter], taken: Sequence[DeadLetter]) -> None:
    gone = {id(letter) for letter in taken}
    kept = [letter for letter in letters if id(letter) not in gone]
    if not kept:
        store.mark_retried(key)
    else:
        store.split_retried(key, taken, kept)

"""One batch of one shard: normalised in chunks of bounded memory, committed at once."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.aws.attempt import CHUNK_BYTES, RESERVE_MS, Attempt
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import Range, State
from functions.core.normalize import Normalizer, Rules
from functions.core.tally import Tally

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """Where a batch comes from."""

    account: str
    region: str
    stream: str
    name: str

    @classmethod
    def of(cls, record: Record) -> Shard:
        """From a record of an event: eventSourceARN and eventID."""
        region, account, stream = record["eventSourceARN"].split(":", 5)[3:]
        return cls(account, region, stream.removeprefix("stream/"), record["eventID"].split(":")[0])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: numbers for the metrics, and the first record that was not reached, if any."""

    numbers: Mapping[str, float]
    tally: Tally
    unprocessed: str | None = None


class BrokenRecordError(Exception):
    """Normalising failed on a record that has others before it; ``index`` counts from 0."""

    def __init__(self, index: int) -> None:
        super().__init__(f"record {index} of the batch cannot be normalised")
        self.index = index


@dataclass
class Batch:
    """Takes a batch through: committed records dropped, the rest normalised, written, committed."""

    state: State
    lake: Lake
    dead_letters: DeadLetters
    rules: Rules
    shard: Shard
    chunk_bytes: int = CHUNK_BYTES

    def take(self, records: Sequence[Record], remaining_ms: Callable[[], int]) -> Outcome:
        """Commit what can be committed in time.

        Where a record makes the normaliser fail, those before it are committed and the answer names it, so that it
        comes first next time; there the failure is raised, and the event source bisects until the record is alone.
        """
        position = self.state.position(self.shard.stream, self.shard.name)
        fresh = [record for record in records if not position.is_past(_sequence(record))]
        duplicates = len(records) - len(fresh)
        if not fresh:
            return Outcome({"DuplicateRecords": duplicates}, Tally())
        try:
            return self._attempt(duplicates).take(fresh, remaining_ms)
        except BrokenRecordError as broken:
            outcome = self._attempt(duplicates).take(fresh[: broken.index], remaining_ms)
            return Outcome(outcome.numbers, outcome.tally, outcome.unprocessed or _sequence(fresh[broken.index]))

    def _attempt(self, duplicates: int) -> _Attempt:
        attempt = Attempt(self.state, self.lake, self.dead_letters, Normalizer(self.rules), "normalize")
        return _Attempt(self, attempt, duplicates)


@dataclass
class _Attempt:
    """One attempt at a batch."""

    batch: Batch
    attempt: Attempt
    duplicates: int

    def take(self, records: Sequence[Record], remaining_ms: Callable[[], int]) -> Outcome:
        reserve_ms = min(RESERVE_MS, remaining_ms() // 3)
        taken = 0
        for index, record in enumerate(records):
            if taken and remaining_ms() < reserve_ms:
                break
            self._add(index, record)
            taken += 1
            if self.attempt.normalizer.pending_bytes >= self.batch.chunk_bytes:
                self.attempt.flush()
        self.attempt.flush()
        committed = self._commit(records[:taken])
        return Outcome(committed, self.attempt.tally, _sequence(records[taken]) if taken < len(records) else None)

    def _add(self, index: int, record: Record) -> None:
        data = binascii.a2b_base64(record["kinesis"]["data"])
        position = f"{self.batch.shard.name}:{_sequence(record)}"
        try:
            self.attempt.normalizer.add(data, position, _arrival_ms(record))
        except Exception as error:
            if index == 0:
                raise
            raise BrokenRecordError(index) from error

    def _commit(self, records: Sequence[Record]) -> dict[str, float]:
        shard, taken = self.batch.shard, Range(_sequence(records[0]), _sequence(records[-1]))
        place = {"account": shard.account, "region": shard.region, "stream": shard.stream, "shard": shard.name}
        arrival_ms = _arrival_ms(records[-1])
        numbers = self.attempt.commit(
            place, shard.name, taken, arrival_ms, records=len(records), duplicates=self.duplicates
        )
        return {**numbers, "DuplicateRecords": self.duplicates, "CommitLagMs": self.attempt.lag_ms}


def _sequence(record: Record) -> str:
    return str(record["kinesis"]["sequenceNumber"])


def _arrival_ms(record: Record) -> int:
    return int(record["kinesis"]["approximateArrivalTimestamp"] * 1000)

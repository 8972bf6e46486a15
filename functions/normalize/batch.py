"""One batch of one shard: normalised in chunks of bounded memory, committed at once."""

from __future__ import annotations

import binascii
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from functions.aws import environment
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import Commit, Range, State
from functions.core.lake_files import LakeFile
from functions.core.ledger import ledger_row, numbers
from functions.core.normalize import Normalizer, Rules
from functions.core.schema import hour_of
from functions.core.tally import Tally

CHUNK_BYTES = 32 * 1024 * 1024
"""Raw bytes that are normalised before their rows are written and forgotten."""

RESERVE_MS = 60_000
"""At most this much of the function's time is kept for writing and committing."""

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
        return _Attempt(self, duplicates, environment.now_ms())


@dataclass
class _Attempt:
    """One attempt at a commit; its id is in the names of all its files."""

    batch: Batch
    duplicates: int
    began_ms: int
    id: str = ""
    files: list[LakeFile] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.id = environment.new_id(self.began_ms)
        self.hour = hour_of(self.began_ms)
        self.normalizer = Normalizer(self.batch.rules)
        self.chunks = itertools.count()

    def take(self, records: Sequence[Record], remaining_ms: Callable[[], int]) -> Outcome:
        reserve_ms = min(RESERVE_MS, remaining_ms() // 3)
        taken = 0
        for index, record in enumerate(records):
            if taken and remaining_ms() < reserve_ms:
                break
            self._add(index, record)
            taken += 1
            if self.normalizer.pending_bytes >= self.batch.chunk_bytes:
                self._flush()
        self._flush()
        committed = self._commit(records[:taken])
        return Outcome(committed, self.tally, _sequence(records[taken]) if taken < len(records) else None)

    def _add(self, index: int, record: Record) -> None:
        data = binascii.a2b_base64(record["kinesis"]["data"])
        position = f"{self.batch.shard.name}:{_sequence(record)}"
        try:
            self.normalizer.add(data, position, _arrival_ms(record))
        except Exception as error:
            if index == 0:
                raise
            raise BrokenRecordError(index) from error

    def _flush(self) -> None:
        name = f"{self.id}.{next(self.chunks)}"
        parts = self.normalizer.flush(name)
        for part in parts:
            self.tally.add(part.table, part.rows)
        self.files += self.batch.lake.write_hot(name, ((part.table, part.hour, part.rows) for part in parts))
        rejected = self.normalizer.rejected
        if rejected:
            self.letters.append(self.batch.dead_letters.write(self.hour, self.id, str(len(self.letters)), rejected))
            rejected.clear()

    def _commit(self, records: Sequence[Record]) -> dict[str, float]:
        shard = self.batch.shard
        at_ms = environment.now_ms()
        lag_ms = max(0, at_ms - _arrival_ms(records[-1]))
        taken = Range(_sequence(records[0]), _sequence(records[-1]))
        counts = asdict(self.normalizer.counts)
        counts |= {"records": len(records), "duplicates": self.duplicates}
        place = {
            "account": shard.account,
            "region": shard.region,
            "writer": "normalize",
            "stream": shard.stream,
            "shard": shard.name,
            "first_position": taken.first,
            "last_position": taken.last,
        }
        volumes = self.normalizer.volumes
        ledger = ledger_row(self.id, at_ms, place, counts, self.files, lag_ms=lag_ms, volumes=volumes)
        files = [*self.files, *self.batch.lake.write_hot(self.id, [("ingest_ledger", hour_of(at_ms), ledger)])]
        commit = Commit(
            id=self.id,
            at_ms=at_ms,
            hour=self.hour,
            writer="normalize",
            stream=shard.stream,
            shard=shard.name,
            ranges=[taken],
            counts=counts,
            files=files,
            dead_letters=self.letters,
        )
        self.batch.state.commit_batch(commit)
        return _numbers(counts, files, lag_ms)


def _numbers(counts: Mapping[str, int], files: Sequence[LakeFile], lag_ms: int) -> dict[str, float]:
    return {**numbers(counts, files), "DuplicateRecords": counts["duplicates"], "CommitLagMs": lag_ms}


def _sequence(record: Record) -> str:
    return str(record["kinesis"]["sequenceNumber"])


def _arrival_ms(record: Record) -> int:
    return int(record["kinesis"]["approximateArrivalTimestamp"] * 1000)

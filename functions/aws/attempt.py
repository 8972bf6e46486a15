"""An attempt at a commit: files under its own id, which count only once the commit names them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict

from functions.aws import environment
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import COMMIT_LIFE_S, Commit, Range, State
from functions.core.lake_files import LakeFile
from functions.core.ledger import ledger_row, numbers
from functions.core.normalize import Normalizer
from functions.core.schema import hour_of
from functions.core.tally import Tally

CHUNK_BYTES = 32 << 20
"""Raw bytes that are normalised before their rows are written and forgotten."""

RESERVE_MS = 60_000
"""At most this much of the function's time is kept for writing and committing."""


class Attempt:
    """What ``writer`` has read so far of a shard of a stream, written in chunks of bounded memory.

    To the state a bucket is a stream, too, and each file in it a shard. ``lag_ms`` is how old the last record was when
    it was committed.
    """

    def __init__(
        self, state: State, lake: Lake, dead_letters: DeadLetters, normalizer: Normalizer, writer: str
    ) -> None:
        began_ms = environment.now_ms()
        self.id, self.hour = environment.new_id(began_ms), hour_of(began_ms)
        self.normalizer = normalizer
        self.tally = Tally()
        self.lag_ms = 0
        self._state, self._lake, self._dead_letters, self._writer = state, lake, dead_letters, writer
        self._files: list[LakeFile] = []
        self._letters: list[str] = []
        self._chunks = itertools.count()

    def flush(self) -> None:
        """Write the rows since the last chunk, and what was rejected."""
        name = f"{self.id}.{next(self._chunks)}"
        parts = self.normalizer.flush(name)
        for part in parts:
            self.tally.add(part.table, part.rows)
        self._files += self._lake.write_hot(name, ((part.table, part.hour, part.rows) for part in parts))
        rejected = self.normalizer.rejected
        if rejected:
            self._letters.append(self._dead_letters.write(self.hour, self.id, str(len(self._letters)), rejected))
            rejected.clear()

    def commit(
        self,
        place: Mapping[str, str],
        shard: str,
        taken: Range,
        written_ms: int,
        *,
        records: int,
        duplicates: int = 0,
        forget: bool = False,
    ) -> dict[str, float]:
        """Commit all that was flushed; the numbers for the metrics.

        ``place`` has the account, region, stream and shard for the ledger, ``shard`` is the state's name of it;
        ``written_ms`` is when the last record was written. ``forget`` lets the position expire. Raises
        ``ConditionLostError`` where another attempt was faster: then nothing is committed.
        """
        at_ms = environment.now_ms()
        self.lag_ms = max(0, at_ms - written_ms)
        counts = {**asdict(self.normalizer.counts), "records": records, "duplicates": duplicates}
        positions = {"writer": self._writer, "first_position": taken.first, "last_position": taken.last}
        place = {**place, **positions}
        volumes = self.normalizer.volumes
        ledger = ledger_row(self.id, at_ms, place, counts, self._files, lag_ms=self.lag_ms, volumes=volumes)
        files = [*self._files, *self._lake.write_hot(self.id, [("ingest_ledger", hour_of(at_ms), ledger)])]
        commit = Commit(
            id=self.id,
            at_ms=at_ms,
            hour=self.hour,
            writer=self._writer,
            stream=place["stream"],
            shard=shard,
            ranges=[taken],
            counts=counts,
            files=files,
            dead_letters=self._letters,
        )
        self._state.commit_batch(commit, at_ms // 1000 + COMMIT_LIFE_S if forget else None)
        return numbers(counts, files)

"""One log file: read piece by piece, written in chunks of bounded memory, committed at once.

To the state table a bucket is a stream and a file a shard of it, whose records are the pieces: what is committed once
is never committed again, and a file that takes longer than a function may run is gone on with where the commit ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from functions.aws import environment
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import COMMIT_LIFE_S, Commit, Range, State
from functions.core.lake_files import LakeFile
from functions.core.ledger import ledger_row, numbers
from functions.core.log_files import BrokenFileError, Piece, opened, pieces
from functions.core.normalize import Normalizer, Rules
from functions.core.rows import Place
from functions.core.schema import hour_of
from functions.core.tally import Tally
from functions.read_log_files.source import LogFile

WRITER = "read_log_files"
CHUNK_BYTES = 32 << 20
"""Raw bytes that are normalised before their rows are written and forgotten."""

RESERVE_MS = 60_000
"""At most this much of the function's time is kept for writing and committing."""

HEAD_BYTES = 64 << 10
"""Header lines stand in so much of a file."""

END = "9" * 18
"""Position of a file that is read to its end; no file has so many pieces."""


class UnfinishedError(Exception):
    """There was no time for the whole file. What was read is committed; it is raised so that Lambda tries again."""


@dataclass
class Reading:
    """One attempt at a file; its id is in the names of all files that it writes."""

    state: State
    lake: Lake
    dead_letters: DeadLetters
    rules: Rules
    file: LogFile
    tally: Tally = field(default_factory=Tally)
    files: list[LakeFile] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    unfinished: bool = False

    def __post_init__(self) -> None:
        began_ms = environment.now_ms()
        self.id, self.hour = environment.new_id(began_ms), hour_of(began_ms)
        self.normalizer = Normalizer(self.rules)
        self.place = Place(
            self.rules.account,
            self.rules.region,
            f"s3://{self.file.bucket}",
            self.file.key,
            position=self.file.name,
        )
        self.chunks = itertools.count()
        self.columns: Any = None

    def take(self, remaining_ms: Callable[[], int]) -> dict[str, float]:
        """Read and commit what time allows; the numbers for the metrics.

        Raises ``ConditionLostError`` where another attempt at the same file was faster: then nothing is committed.
        """
        position = self.state.position(self._stream, self.file.digest)
        if position.is_past(END):
            return {"DuplicateRecords": 1}
        found = self.file.content()
        if found is None:
            return {"LogFilesGone": 1}
        written_ms, content = found
        reserve_ms = min(RESERVE_MS, remaining_ms() // 3)
        begin = next_ = int(position.committed or "0")
        for piece in self._pieces(content):
            if piece.number < begin:
                self._look_for_columns(piece)
                continue
            if next_ > begin and remaining_ms() < reserve_ms:
                self.unfinished = True
                break
            self._add(piece, written_ms)
            next_ = piece.number + 1
        self._flush()
        return self._commit(begin, next_, written_ms)

    def raise_unfinished(self) -> None:
        """Raises ``UnfinishedError`` where the file has more than was committed."""
        if self.unfinished:
            raise UnfinishedError(f"{self.file.name}: committed in part; the next attempt goes on there")

    @property
    def _stream(self) -> str:
        return f"s3://{self.file.bucket}"

    def _pieces(self, content: Iterator[bytes]) -> Iterator[Piece]:
        """The pieces of the content; what is behind broken compression is one that is refused."""
        number = -1
        broken: list[str] = []

        def readable() -> Iterator[bytes]:
            try:
                yield from opened(content)
            except BrokenFileError as error:
                broken.append(str(error))

        for piece in pieces(readable()):
            number = piece.number
            yield piece
        if broken:
            yield Piece(number + 1, broken[0].encode(), refused=broken[0])

    def _look_for_columns(self, piece: Piece) -> None:
        """Header lines stand at the beginning of a file: a file that is gone on with has them in its first piece."""
        if piece.number == 0:
            scratch = Normalizer(self.rules)
            self.columns = scratch.add_piece(piece.text[:HEAD_BYTES], self.file.name, self.place, 0)

    def _add(self, piece: Piece, written_ms: int) -> None:
        position = f"{self.file.name}/{piece.number}"
        if piece.refused:
            self.normalizer.refuse(piece.refused, position, self.place, piece.text)
        else:
            self.columns = self.normalizer.add_piece(piece.text, position, self.place, written_ms, self.columns)
        if self.normalizer.pending_bytes >= CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        name = f"{self.id}.{next(self.chunks)}"
        parts = self.normalizer.flush(name)
        for part in parts:
            self.tally.add(part.table, part.rows)
        self.files += self.lake.write_hot(name, ((part.table, part.hour, part.rows) for part in parts))
        rejected = self.normalizer.rejected
        if rejected:
            self.letters.append(self.dead_letters.write(self.hour, self.id, str(len(self.letters)), rejected))
            rejected.clear()

    def _commit(self, begin: int, end: int, written_ms: int) -> dict[str, float]:
        """Commit the pieces from ``begin`` up to ``end``; a position is the number of pieces that are committed."""
        taken = Range(str(begin + 1), str(end) if self.unfinished else END)
        at_ms = environment.now_ms()
        lag_ms = max(0, at_ms - written_ms)
        counts = {**asdict(self.normalizer.counts), "records": end - begin, "duplicates": 0}
        place = {
            "account": self.rules.account,
            "region": self.rules.region,
            "writer": WRITER,
            "stream": self._stream,
            "shard": f"{self.file.key}/{self.file.etag}",
            "first_position": taken.first,
            "last_position": taken.last,
        }
        volumes = self.normalizer.volumes
        ledger = ledger_row(self.id, at_ms, place, counts, self.files, lag_ms=lag_ms, volumes=volumes)
        files = [*self.files, *self.lake.write_hot(self.id, [("ingest_ledger", hour_of(at_ms), ledger)])]
        commit = Commit(
            id=self.id,
            at_ms=at_ms,
            hour=self.hour,
            writer=WRITER,
            stream=self._stream,
            shard=self.file.digest,
            ranges=[taken],
            counts=counts,
            files=files,
            dead_letters=self.letters,
        )
        self.state.commit_batch(commit, forget_at_s=at_ms // 1000 + COMMIT_LIFE_S)
        return {**numbers(counts, files), "LogFilesRead": 0 if self.unfinished else 1}

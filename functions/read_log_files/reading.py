"""One log file: read piece by piece, written in chunks of bounded memory, committed at once.

To the state table a bucket is a stream and a file a shard of it, whose records are the pieces: what is committed once
is never committed again, and a file that takes longer than a function may run is gone on with where the commit ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from functions.aws.attempt import CHUNK_BYTES, RESERVE_MS, Attempt
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import Range, State
from functions.core.log_files import BrokenFileError, Piece, opened, pieces
from functions.core.normalize import Normalizer, Rules
from functions.core.rows import Place
from functions.read_log_files.source import LogFile

WRITER = "read_log_files"
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
    unfinished: bool = False

    def __post_init__(self) -> None:
        self.normalizer = Normalizer(self.rules)
        self.attempt = Attempt(self.state, self.lake, self.dead_letters, self.normalizer, WRITER)
        self.place = Place(
            self.rules.account,
            self.rules.region,
            f"s3://{self.file.bucket}",
            self.file.key,
            position=self.file.name,
        )
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
        self.attempt.flush()
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
            self.attempt.flush()

    def _commit(self, begin: int, end: int, written_ms: int) -> dict[str, float]:
        """Commit the pieces from ``begin`` up to ``end``; a position is the number of pieces that are committed."""
        taken = Range(str(begin + 1), str(end) if self.unfinished else END)
        place = {
            "account": self.rules.account,
            "region": self.rules.region,
            "stream": self._stream,
            "shard": f"{self.file.key}/{self.file.etag}",
        }
        numbers = self.attempt.commit(place, self.file.digest, taken, written_ms, records=end - begin, forget=True)
        return {**numbers, "LogFilesRead": 0 if self.unfinished else 1}

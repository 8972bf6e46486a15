"""Raw telemetry that a command is given: files, or the newest events of log groups, as records of the stream."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from cli import raw_files, target, try_out
from cli.commands import place_of
from cli.errors import CommandError
from cli.log_events import Limits
from cli.rows import MAX_FILE_BYTES, files, read, records
from functions.core.accounting import Counts, Part, Rules
from functions.core.meaning.meaning import Meaning
from functions.core.normalize import Normalizer

FLUSH_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where it comes from."""

    paths: Sequence[str]
    groups: Sequence[str]
    since: str
    place: tuple[bool, str | None]
    seconds: float = 40

    def __bool__(self) -> bool:
        return bool(self.paths or self.groups)

    def records(self, err: TextIO) -> list[bytes]:
        """All records; CommandError where something cannot be read."""
        found: list[bytes] = []
        for path in files(self.paths):
            try:
                content, modified_ms = read(path)
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror or error}") from None
            found += records(path, content, modified_ms, raw_files.AUTO)
        if self.groups:
            found += self._of_groups(err)
        return found

    def _of_groups(self, err: TextIO) -> Iterator[bytes]:
        local, _ = self.place
        with target.explained():
            print(f"Reading {' '.join(self.groups)} in {target.reach(local)}; nothing is written", file=err)
            _, found = try_out.read(self.groups, try_out.span_of(self.since), Limits(seconds=self.seconds))
        for sample in found.samples:
            yield from sample.payloads()


def normalised(records: Sequence[bytes], meaning: Meaning) -> tuple[list[Part], Counts]:
    """What the lake would hold of records, and the counts of their events."""
    # the same key each time, so that what differs differs by the rules; it is nobody's
    rules = Rules(
        "000000000000", "us-east-1", meaning=meaning, hash_key=b"compared", max_decompressed_bytes=MAX_FILE_BYTES
    )
    normalizer = Normalizer(rules)
    parts: list[Part] = []
    for number, record in enumerate(records):
        normalizer.add(record, f"record:{number}", None)
        if normalizer.pending_bytes >= FLUSH_BYTES:
            parts += normalizer.flush(str(number))
    parts += normalizer.flush("last")
    return parts, normalizer.counts


def telemetry_of(given: argparse.Namespace) -> Telemetry:
    """What the arguments of a command name."""
    return Telemetry(given.paths, given.group, given.since, place_of(given), given.seconds)

"""Dead letters: rejected events, kept with the reason and so that they can be put on the stream again.

One gzipped JSON line each: ``reason``, ``position``, ``event_id``, ``log_group``, ``log_stream``, ``payload`` (base64).
Files lie under ``rejected/hour=<hour of the commit>/<commit id>.<part>.jsonl.gz``; those that a commit names count.
"""

from __future__ import annotations

import binascii
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from functions.aws.clients import client
from functions.aws.state import State

REJECTED = "rejected/"
RETRIED = "retried/"


class RejectedEvent(Protocol):
    """What is kept of an event; `functions.core.normalize.Rejected` has this shape."""

    @property
    def reason(self) -> str: ...
    @property
    def position(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def log_group(self) -> str: ...
    @property
    def log_stream(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected event."""

    reason: str
    position: str
    event_id: str
    log_group: str
    log_stream: str
    payload: bytes


class DeadLetters:
    """The dead-letter bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def write(self, hour: str, commit_id: str, part: str, letters: Iterable[RejectedEvent]) -> str:
        """Write one file of a commit and return its key."""
        lines = b"".join(_line(letter) for letter in letters)
        key = f"{REJECTED}hour={hour}/{commit_id}.{part}.jsonl.gz"
        client("s3").put_object(Bucket=self.bucket, Key=key, Body=gzip.compress(lines, 6, mtime=0))
        return key

    def committed(self, state: State) -> Iterator[tuple[str, list[DeadLetter]]]:
        """Files that belong to a commit, oldest first, with their letters; what a crash left over is passed over."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=REJECTED)
        for page in pages:
            for found in page.get("Contents", []):
                hour, name = found["Key"].removeprefix(f"{REJECTED}hour=").split("/")
                if found["Key"] in state.dead_letters_of(hour, name.split(".")[0]):
                    yield found["Key"], self.read(found["Key"])

    def read(self, key: str) -> list[DeadLetter]:
        """The letters of one file."""
        body = client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        letters = []
        for line in gzip.decompress(body).splitlines():
            values = json.loads(line)
            letters.append(DeadLetter(**{**values, "payload": binascii.a2b_base64(values["payload"])}))
        return letters

    def split_retried(self, key: str, retried: Sequence[RejectedEvent], kept: Sequence[RejectedEvent]) -> None:
        """Move some letters of a file to ``retried/``; the file goes on with those that are ``kept``.

        A crash in between leaves the moved letters in both: they are put on the stream twice, and count once in the
        lake where their event has an id of its own.
        """
        name = key.removeprefix(REJECTED).removesuffix(".jsonl.gz")
        # each split keeps fewer letters than the one before, so the name is new
        parts = ((f"{RETRIED}{name}.before-{len(kept)}.jsonl.gz", retried), (key, kept))
        for target, letters in parts:
            body = gzip.compress(b"".join(_line(letter) for letter in letters), 6, mtime=0)
            client("s3").put_object(Bucket=self.bucket, Key=target, Body=body)

    def mark_retried(self, key: str) -> None:
        """Move a file whose events are on the stream again to ``retried/``."""
        target = RETRIED + key.removeprefix(REJECTED)
        client("s3").copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": key})
        client("s3").delete_object(Bucket=self.bucket, Key=key)


def _line(letter: RejectedEvent) -> bytes:
    return (
        json.dumps(
            {
                "reason": letter.reason,
                "position": letter.position,
                "event_id": letter.event_id,
                "log_group": letter.log_group,
                "log_stream": letter.log_stream,
                "payload": binascii.b2a_base64(letter.payload, newline=False).decode(),
            },
            separators=(",", ":"),
        ).encode()
        + b"\n"
    )

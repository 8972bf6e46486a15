"""Which object an S3 event names, and its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws.clients import client

CHUNK_BYTES = 1 << 20
_GONE = frozenset({"NoSuchKey", "PreconditionFailed", "412", "404"})


@dataclass(frozen=True, slots=True)
class LogFile:
    """One version of an object's content."""

    bucket: str
    key: str
    etag: str

    @classmethod
    def of(cls, event: dict[str, Any]) -> LogFile:
        """From an ``Object Created`` event; its key is not URL-encoded, unlike in S3's own notifications."""
        found = event["detail"]["object"]
        return cls(event["detail"]["bucket"]["name"], found["key"], found["etag"].strip('"'))

    @property
    def name(self) -> str:
        """What its events are named by."""
        return f"{self.bucket}/{self.key}/{self.etag}"

    @property
    def digest(self) -> str:
        """The name in few characters: a key may be longer than a key of DynamoDB."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    def content(self) -> tuple[int, Iterator[bytes]] | None:
        """When it was written (ms), and its bytes; None where it is gone or has other content by now."""
        try:
            answer = client("s3").get_object(Bucket=self.bucket, Key=self.key, IfMatch=f'"{self.etag}"')
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise
        written_ms = int(answer["LastModified"].timestamp() * 1000)
        return written_ms, iter(partial(answer["Body"].read, CHUNK_BYTES), b"")


def is_selected(file: LogFile, log_buckets: Sequence[str]) -> bool:
    """Whether an entry of the setting, ``<bucket>`` or ``<bucket>/<prefix>``, names the object."""
    for entry in log_buckets:
        bucket, _, prefix = entry.partition("/")
        if file.bucket == bucket and file.key.startswith(prefix):
            return True
    return False

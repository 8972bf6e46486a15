"""Summaries in the lake bucket: ``summaries/<kind>/hour=<hour>.json``, and others that widgets are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from functions.aws.clients import client

FOLDER = "summaries/"
SUBSCRIPTIONS = f"{FOLDER}subscriptions.json"

_ABSENT = ("NoSuchKey", "404")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


def key_of(kind: str, hour: str) -> str:
    """Key of the summary of an hour."""
    return f"{FOLDER}{kind}/hour={hour}.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read; both empty where there is none."""

    body: bytes = b""
    etag: str = ""


class Summaries:
    """Reads and writes summaries of one bucket; so many reads run at a time."""

    workers = 16

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def read(self, key: str) -> Stored:
        """One object."""
        try:
            answer = client("s3").get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return Stored()
            raise
        return Stored(answer["Body"].read(), answer["ETag"])

    def read_all(self, keys: Sequence[str]) -> list[bytes]:
        """Bodies in the order of the keys, empty for those that do not exist."""
        if len(keys) < 2:
            return [self.read(key).body for key in keys]
        with ThreadPoolExecutor(self.workers) as pool:
            return [found.body for found in pool.map(self.read, keys)]

    def read_hours(self, kind: str, hours: Iterable[str]) -> list[bytes]:
        """Bodies of the summaries of these hours."""
        return self.read_all([key_of(kind, hour) for hour in hours])

    def write(self, key: str, body: bytes) -> None:
        """Write whatever is there."""
        client("s3").put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")

    def replace(self, key: str, body: bytes, read: Stored) -> bool:
        """Write if the object still is what was read; ``False`` where somebody else wrote it."""
        condition = {"IfMatch": read.etag} if read.etag else {"IfNoneMatch": "*"}
        try:
            client("s3").put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _LOST:
                return False
            raise
        return True

"""Single objects of a bucket, which are read and replaced whole."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from functions.aws.clients import client

_ABSENT = ("NoSuchKey", "404")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read; both empty where there is none."""

    body: bytes = b""
    etag: str = ""


class Objects:
    """Objects of one bucket."""

    content_type = "application/octet-stream"

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

    def write(self, key: str, body: bytes) -> None:
        """Write whatever is there."""
        client("s3").put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=self.content_type)

    def replace(self, key: str, body: bytes, read: Stored) -> bool:
        """Write if the object still is what was read; ``False`` where somebody else wrote it."""
        condition = {"IfMatch": read.etag} if read.etag else {"IfNoneMatch": "*"}
        try:
            client("s3").put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=self.content_type,
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _LOST:
                return False
            raise
        return True

"""The lake bucket: Parquet files in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pyarrow as pa

from functions.aws.clients import client
from functions.core.lake_files import LakeFile
from functions.core.parquet import decode, decode_batches, encode

_DELETE_LIMIT = 1_000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

Given = TypeVar("Given")
Made = TypeVar("Made")


class Lake:
    """The lake bucket; so many calls run at a time."""

    workers = 8

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def location(self, prefix: str) -> str:
        """A folder as Glue names it."""
        return f"s3://{self.bucket}/{prefix}"

    def write(self, table: str, hour: str, key: str, rows: pa.Table) -> LakeFile:
        """Write one file."""
        body = encode(table, rows)
        client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return LakeFile.of(table, hour, key, rows, len(body))

    def write_hot(self, name: str, parts: Iterable[tuple[str, str, pa.Table]]) -> list[LakeFile]:
        """Write table, hour, rows as ``hot/<table>/hour=<hour>/<name>.parquet``, several at a time."""
        writes = [
            partial(self.write, table, hour, f"{hot_prefix(table, hour)}{name}.parquet", rows)
            for table, hour, rows in parts
        ]
        return self.at_once(lambda write: write(), writes)

    def at_once(self, do: Callable[[Given], Made], each: Sequence[Given]) -> list[Made]:
        """What is made of each, several at a time."""
        if self.workers == 1 or len(each) == 1:
            return [do(given) for given in each]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(do, each))

    def read(self, key: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of one file; columns that the file does not have are left out. Raises where the file is missing."""
        return decode(self._body(key), columns)

    def read_batches(self, key: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same, a part at a time: of a large file only that is in memory."""
        return decode_batches(self._body(key), columns)

    def _body(self, key: str) -> bytes:
        return client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are gone already do no harm."""
        for start in range(0, len(keys), _DELETE_LIMIT):
            part = keys[start : start + _DELETE_LIMIT]
            answer = client("s3").delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
            )
            if answer.get("Errors"):
                raise OSError(f"{len(answer['Errors'])} objects were not deleted, first: {answer['Errors'][0]}")

    def delete_folder(self, prefix: str) -> None:
        """Delete all objects of a folder."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            self.delete([found["Key"] for found in page.get("Contents", [])])


def hot_prefix(table: str, hour: str) -> str:
    """Folder of an hour's hot files."""
    return f"hot/{table}/hour={hour}/"


def settled_prefix(table: str, hour: str, number: int, name: str) -> str:
    """Folder of one generation; two attempts at the same number do not share it."""
    return f"settled/{table}/hour={hour}/gen={number}-{name}/"

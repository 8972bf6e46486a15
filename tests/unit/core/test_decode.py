from __future__ import annotations

import gzip
import hashlib
import zlib

import pytest

from functions.core import kpl
from functions.core.decode import UnreadableError, payloads

LIMIT = 1 << 20
TEXT = b'{"event_type": "usage"}'
GZIPPED = gzip.compress(TEXT, mtime=0)
"""The same in every process, for it is in names of tests."""


def aggregate(*records: bytes) -> bytes:
    """What the Kinesis Producer Library would send; every field shorter than 128 bytes."""
    body = b"\x0a\x01k"
    for record in records:
        entry = b"\x08\x00\x1a" + bytes([len(record)]) + record
        body += b"\x1a" + bytes([len(entry)]) + entry
    return kpl.MAGIC + body + hashlib.md5(body).digest()


@pytest.mark.parametrize(
    "record",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(gzip.compress(TEXT)),
        zlib.compress(TEXT),
        gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]),
        gzip.compress(TEXT) + b"\x00" * 12,
    ],
    ids=["plain", "gzip", "gzip twice", "zlib", "two gzip members", "zeros after gzip"],
)
def test_a_record_is_opened_whatever_its_compression(record: bytes) -> None:
    assert payloads(record, LIMIT) == [TEXT]


def test_two_equal_gzip_members_give_both_contents() -> None:
    assert payloads(gzip.compress(TEXT) * 2, LIMIT) == [TEXT * 2]


def test_the_records_of_an_aggregate_come_in_order_and_opened() -> None:
    assert payloads(aggregate(b"one", gzip.compress(b"two"), b""), LIMIT) == [b"one", b"two", b""]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (GZIPPED[:-9], "cut off"),
        (GZIPPED + b"garbage after the end", "unknown bytes follow"),
        (GZIPPED[:12] + b"\xff\xff\xff" + GZIPPED[15:], "broken compression"),
        (gzip.compress(b"a" * (LIMIT + 1)), "decompresses to more than"),
        (zlib.compress(b"a" * (LIMIT + 1)), "decompresses to more than"),
        (b"a" * (LIMIT + 1), "more than"),
        (aggregate(b"one")[:-1] + b"\x00", "checksum"),
        (kpl.MAGIC, "checksum"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_the_reason(record: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        payloads(record, LIMIT)


def test_the_limit_holds_for_the_records_of_an_aggregate_together() -> None:
    with pytest.raises(UnreadableError, match="more than 20 bytes"):
        payloads(aggregate(b"a" * 60, b"b" * 60), 80)


def test_an_aggregate_whose_protobuf_is_broken_is_refused() -> None:
    body = b"\x1a\x7fshort"
    with pytest.raises(UnreadableError, match="cut off"):
        payloads(kpl.MAGIC + body + hashlib.md5(body).digest(), LIMIT)


def test_a_lie_about_the_size_allocates_nothing_and_is_found_out() -> None:
    lie = GZIPPED[:-4] + (900_000).to_bytes(4, "little")
    with pytest.raises(UnreadableError, match="incorrect length"):
        payloads(lie, LIMIT)

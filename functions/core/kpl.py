"""Records that the Kinesis Producer Library aggregated.

Format: magic, a protobuf ``AggregatedRecord``, the MD5 of the protobuf
(https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

MAGIC = b"\xf3\x89\x9a\xc2"
_MD5_BYTES = 16
_RECORDS_FIELD = 3
_DATA_FIELD = 3


class BrokenAggregateError(ValueError):
    """The record bears the magic of an aggregate and is none."""


def user_records(record: bytes) -> list[bytes]:
    """The records in an aggregate, in order; raises BrokenAggregateError."""
    body, digest = record[len(MAGIC) : -_MD5_BYTES], record[-_MD5_BYTES:]
    if len(record) < len(MAGIC) + _MD5_BYTES or hashlib.md5(body, usedforsecurity=False).digest() != digest:
        raise BrokenAggregateError("checksum of the aggregated record does not match")
    return [_data(entry) for number, entry in _fields(body) if number == _RECORDS_FIELD]


def _data(entry: bytes) -> bytes:
    for number, value in _fields(entry):
        if number == _DATA_FIELD:
            return value
    raise BrokenAggregateError("a record of the aggregate has no data")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Length-delimited fields of a protobuf message; others are passed over."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire_type = key & 7
        if wire_type == 2:
            length, position = _varint(message, position)
            if position + length > len(message):
                raise BrokenAggregateError("a field of the aggregate is cut off")
            yield key >> 3, message[position : position + length]
            position += length
        elif wire_type == 0:
            _, position = _varint(message, position)
        elif wire_type in {1, 5}:
            position += 8 if wire_type == 1 else 4
        else:
            raise BrokenAggregateError(f"unknown wire type {wire_type} in the aggregate")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if position >= len(message):
            raise BrokenAggregateError("a number of the aggregate is cut off")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise BrokenAggregateError("a number of the aggregate is too long")

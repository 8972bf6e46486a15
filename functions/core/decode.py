"""A stream record's bytes to the payloads in it: aggregates taken apart, compression undone within bounds."""

from __future__ import annotations

import zlib

import deflate

from functions.core import kpl

_GZIP = b"\x1f\x8b\x08"
_GZIP_SHORTEST = 18
_LARGEST_RATIO = 1032
_MAX_LAYERS = 3
_GZIP_WINDOW = 31
_ZLIB_WINDOW = 15


class UnreadableError(ValueError):
    """A record that cannot be opened; the message says why."""


def payloads(record: bytes, max_bytes: int) -> list[bytes | bytearray]:
    """The payloads of one stream record, decompressed; at most ``max_bytes`` of them together.

    A record of the Kinesis Producer Library gives one payload for each record in it, any other record one.
    gzip (with several members, also twice over) and zlib are undone. Raises UnreadableError.
    """
    if not record.startswith(kpl.MAGIC):
        return [_inflate(record, max_bytes)]
    try:
        records = kpl.user_records(record)
    except kpl.BrokenAggregateError as error:
        raise UnreadableError(str(error)) from None
    opened: list[bytes | bytearray] = []
    for inner in records:
        opened.append(_inflate(inner, max_bytes))
        max_bytes -= len(opened[-1])
    return opened


def _inflate(data: bytes | bytearray, max_bytes: int) -> bytes | bytearray:
    for _ in range(_MAX_LAYERS):
        if data.startswith(_GZIP):
            data = _gunzip(data, max_bytes)
        elif _is_zlib(data):
            data = _inflate_slowly(data, _ZLIB_WINDOW, max_bytes)
        else:
            break
    if len(data) > max_bytes:
        raise UnreadableError(f"more than {max_bytes} bytes")
    return data


def _is_zlib(data: bytes | bytearray) -> bool:
    """RFC 1950: method deflate, window at most 32 KB, header checksum, no dictionary; text never has such a start."""
    return len(data) > 6 and data[0] == 0x78 and data[1] in {0x01, 0x5E, 0x9C, 0xDA} and not data[:64].isascii()


def _gunzip(data: bytes | bytearray, max_bytes: int) -> bytes | bytearray:
    """libdeflate where the trailer's size is within bounds and there is one member; else zlib, bounded."""
    size = int.from_bytes(data[-4:], "little")
    plausible = len(data) >= _GZIP_SHORTEST and 0 < size <= min(max_bytes, len(data) * _LARGEST_RATIO)
    if plausible and data.find(_GZIP, 10) < 0:
        try:
            inflated = deflate.gzip_decompress(data, size)
        except deflate.DeflateError:
            return _inflate_slowly(data, _GZIP_WINDOW, max_bytes)
        if len(inflated) == size and data[-8:-4] == deflate.crc32(inflated).to_bytes(4, "little"):
            return inflated
    return _inflate_slowly(data, _GZIP_WINDOW, max_bytes)


def _inflate_slowly(data: bytes | bytearray, window: int, max_bytes: int) -> bytearray:
    inflated = bytearray()
    while True:
        member = zlib.decompressobj(window)
        try:
            inflated += member.decompress(data, max_bytes + 1 - len(inflated))
        except zlib.error as error:
            raise UnreadableError(f"broken compression: {error}") from None
        if len(inflated) > max_bytes:
            raise UnreadableError(f"decompresses to more than {max_bytes} bytes")
        if not member.eof:
            raise UnreadableError("compressed data is cut off")
        data = member.unused_data.lstrip(b"\x00")
        if not data:
            return inflated
        if not data.startswith(_GZIP):
            raise UnreadableError("unknown bytes follow the compressed data")

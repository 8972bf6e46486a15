"""Log files of any size, in pieces that fit into memory.

The pieces of a file are the same however its bytes arrive, so a piece's number names it for good: in the ids of its
events, and as the position up to which a file is committed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PIECE_BYTES = 8 << 20
"""Text is cut into pieces of at most this size, at ends of lines."""

DOCUMENT_BYTES = 64 << 20
"""A JSON document or a line may have this size; of a larger one only the beginning is kept, as a rejected event."""

KEPT_BYTES = 1024
_JSON = re.compile(rb"\s*(?:\[\s*)?(?:\{|$)")
_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 31
_STEP = 1 << 20


class BrokenFileError(ValueError):
    """The file cannot be read on from here; the message says why."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines; ``refused`` says why they cannot be read: then they are only the beginning of what is left out."""

    number: int
    text: bytes
    refused: str = ""


def opened(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a file that may be compressed by gzip (several members too), a bounded part at a time.

    Raises BrokenFileError where the compression is broken or cut off; what came before is given first.
    """
    member = None
    first = True
    for chunk in chunks:
        if first and chunk:
            first = False
            member = zlib.decompressobj(_GZIP_WINDOW) if chunk.startswith(_GZIP[: len(chunk)]) else None
            if member is None:
                yield chunk
                yield from chunks
                return
        data = chunk
        while data and member is not None:
            if member.eof:
                data = data.lstrip(b"\x00")  # tapes and some writers pad behind the last member
                if not data:
                    break
                member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                yield member.decompress(data, _STEP)
            except zlib.error as error:
                raise BrokenFileError(f"broken compression: {error}") from None
            data = member.unconsumed_tail or member.unused_data
    while member is not None and not member.eof:
        rest = member.decompress(member.unconsumed_tail, _STEP)
        if not rest:
            raise BrokenFileError("compressed data is cut off")
        yield rest


def pieces(
    content: Iterable[bytes], piece_bytes: int = PIECE_BYTES, document_bytes: int = DOCUMENT_BYTES
) -> Iterator[Piece]:
    """The pieces of a content, numbered from 0.

    A file that begins with an object, or a list of some, is JSON, whose documents may have many lines: it is cut only
    before one.
    """
    content = iter(content)
    buffer, number, mark = bytearray(), 0, b"\n"
    for part in content:
        if number == 0 and not buffer.strip():
            mark = b"\n{" if _JSON.match(bytes(buffer) + part) else b"\n"
        buffer += part
        while len(buffer) > piece_bytes:
            end = buffer.rfind(mark, 0, piece_bytes) + 1 or buffer.find(mark, piece_bytes, document_bytes) + 1
            if not end and len(buffer) <= document_bytes:
                break
            yield Piece(
                number,
                bytes(buffer[: end or KEPT_BYTES]),
                "" if end else f"more than {document_bytes} bytes without an end of line",
            )
            number += 1
            if end:
                del buffer[:end]
            else:
                buffer = _behind(buffer, content, mark)
    if buffer.strip():
        yield Piece(number, bytes(buffer))


def _behind(buffer: bytearray, content: Iterator[bytes], mark: bytes) -> bytearray:
    """What follows what is too long: from the next line or document on."""
    while (end := buffer.find(mark)) < 0:
        part = next(content, None)
        if part is None:
            return bytearray()
        buffer = buffer[-1:] + part
    return buffer[end + 1 :]

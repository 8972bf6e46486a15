from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from functions.core.log_files import BrokenFileError, Piece, opened, pieces

LINES = b"".join(b"line %d of a file\n" % number for number in range(2_000))


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_content_is_the_same_compressed_or_not(size: int) -> None:
    members = gzip.compress(LINES[:5000]) + gzip.compress(LINES[5000:]) + b"\x00" * 100
    assert b"".join(opened(in_chunks(LINES, size))) == LINES
    assert b"".join(opened(in_chunks(members, size))) == LINES


def test_a_bomb_is_opened_a_little_at_a_time() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert max(map(len, opened([bomb]))) <= 1 << 20


@pytest.mark.parametrize("broken", [gzip.compress(LINES)[:-20], gzip.compress(LINES)[:500] + b"junk" * 500])
def test_what_is_before_broken_compression_is_read(broken: bytes) -> None:
    found = bytearray()

    def read_all() -> None:
        for part in opened(in_chunks(broken, 100)):
            found.extend(part)

    with pytest.raises(BrokenFileError):
        read_all()
    assert LINES.startswith(found)


@pytest.mark.parametrize("size", [1, 13, 400, 10**6])
def test_pieces_are_the_same_however_the_bytes_come(size: int) -> None:
    found = list(pieces(in_chunks(LINES, size), piece_bytes=1000))
    assert found == list(pieces([LINES], piece_bytes=1000))
    assert b"".join(piece.text for piece in found) == LINES
    assert all(piece.text.endswith(b"\n") and len(piece.text) <= 1000 for piece in found)
    assert [piece.number for piece in found] == list(range(len(found)))


def test_a_document_of_many_lines_is_not_cut() -> None:
    documents = [json.dumps({"Records": [{"number": number}] * 40}, indent=1) for number in range(30)]
    found = list(pieces(in_chunks("\n".join(documents).encode(), 100), piece_bytes=3000))
    assert len(found) > 10
    assert all(piece.text.startswith(b"{\n") and piece.text.rstrip().endswith(b"}") for piece in found)


def test_lines_that_begin_with_a_bracket_are_no_document() -> None:
    lines = b"[Thu Nov 26 10:00:00 2026] [core:error] no stock\n" * 100
    found = list(pieces([lines], piece_bytes=1000, document_bytes=2_000))
    assert b"".join(piece.text for piece in found) == lines
    assert not any(piece.refused for piece in found)


@pytest.mark.parametrize("size", [1, 999, 10**6])
def test_of_a_line_that_is_too_long_only_its_beginning_is_kept(size: int) -> None:
    content = b"first\n" + b"x" * 50_000 + b"\nlast\n"
    found = list(pieces(in_chunks(content, size), piece_bytes=100, document_bytes=2_000))
    assert [(piece.text[:6], bool(piece.refused)) for piece in found] == [
        (b"first\n", False),
        (b"xxxxxx", True),
        (b"last\n", False),
    ]
    assert len(found[1].text) == 1024


def test_an_empty_file_has_no_pieces() -> None:
    assert list(pieces(opened([b""]))) == list(pieces(opened([gzip.compress(b"\n")]))) == []
    assert list(pieces([b"no end of line"])) == [Piece(0, b"no end of line")]

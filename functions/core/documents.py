"""JSON from outside: one document fast, or several in a row, whatever is wrong with some of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

_DECODE = msgspec.json.Decoder().decode
_SPACE = re.compile(r"[\s,\x00\ufeff\x1e]*")
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
"""A string, also one that is cut off: else each escaped quote in it would be tried as the beginning of one."""

_STRUCTURE = re.compile(rf"{_TEXT}|[\[{{]|[\]}}]", re.DOTALL)
NESTED = frozenset({dict, list})
"""Types of what holds values of JSON."""

_LENIENT = json.JSONDecoder(strict=False)


class NotJsonError(ValueError):
    """The text is no JSON, or nested deeper than allowed."""


def parse(document: str, max_depth: int) -> Any:
    """The value of one JSON document; see ``parse_strictly`` and ``parse_leniently``."""
    try:
        return parse_strictly(document, max_depth)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return parse_leniently(document)


def parse_strictly(document: str, max_depth: int) -> Any:
    """The value of one document that is JSON as RFC 8259 has it; NotJsonError where it is nested too deep."""
    try:
        value = _DECODE(document)
    except RecursionError:
        raise NotJsonError(f"nested deeper than {max_depth}") from None
    if _openings(document) > max_depth and _is_deeper(value, max_depth):
        raise NotJsonError(f"nested deeper than {max_depth}")
    return value


def objects(lines: Sequence[str], max_depth: int) -> list[Any]:
    """``parse_strictly`` of the lines that begin as objects do; None for those it refuses, and for all others."""
    return [_object(line, max_depth) if line.startswith("{") else None for line in lines]


def _object(line: str, max_depth: int) -> Any:
    try:
        return parse_strictly(line, max_depth)
    except (NotJsonError, msgspec.MsgspecError, UnicodeError):
        return None


def _openings(document: str) -> int:
    """Brackets that open; to find that there is none is ten times as fast as to count none."""
    return document.count("{") + (document.count("[") if "[" in document else 0)


def dump(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


def _is_deeper(value: Any, max_depth: int) -> bool:
    """Whether objects and lists are nested deeper than so."""
    level = [value]
    for _ in range(max_depth + 1):
        level = [each for each in level if type(each) in NESTED]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if type(each) is dict else each)]
    return True


def split(text: str, max_depth: int) -> Iterator[tuple[str, Any]]:
    """Each of the documents that follow one another in a text, as (its text, its value).

    Between documents any white space or commas. What is no JSON is yielded line by line as a string value, so that
    nothing is left out.
    """
    position = _after_space(text, 0)
    while position < len(text):
        try:
            end, value = document_at(text, position, max_depth)
        except NotJsonError:
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            line = text[position:end].rstrip("\r")
            yield line, line
        else:
            yield text[position:end], value
        position = _after_space(text, end)


def records(document: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The records of a document that holds nothing but them, as CloudTrail's files do; else the document itself."""
    inner = value.get("Records") if type(value) is dict and len(value) == 1 else None
    if type(inner) is list and inner and all(type(record) is dict for record in inner):
        for record in inner:
            yield json.dumps(record, ensure_ascii=False), record
    else:
        yield document, value


def document_at(text: str, position: int, max_depth: int) -> tuple[int, Any]:
    """End and value of the object or array that starts at a position; raises NotJsonError."""
    end = _end_of_document(text, position, max_depth)
    return end, parse(text[position:end], max_depth)


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _end_of_document(text: str, position: int, max_depth: int) -> int:
    if text[position] not in "[{":
        raise NotJsonError("no object and no array")
    depth = 0
    for match in _STRUCTURE.finditer(text, position):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > max_depth:
                raise NotJsonError(f"nested deeper than {max_depth}")
        elif mark in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise NotJsonError("cut off")


def parse_leniently(document: str) -> Any:
    """The value of one JSON document; control characters, unpaired surrogates (see ``printable``), NaN and numbers of
    any size are accepted. Raises NotJsonError."""
    try:
        return _without_surrogates(_LENIENT.decode(document.strip("\ufeff\x00 \t\r\n")))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from None


def printable(text: str) -> str:
    """Text without surrogates: bytes that were no UTF-8 (decoded with ``surrogateescape``) become ``\\xNN``."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value

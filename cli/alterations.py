"""A line of telemetry in pieces, and the same line with one piece at a time made different.

A piece is a value in JSON, or a word of a text. It is made different so that an id stays an id and, where that is
possible, a time a time, and it is taken away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_PIECES = 200
"""Of a longer line the first so many are looked at."""

_WORD = re.compile(r"[^\s,;=\"'<>\[\](){}|]+")
_LABEL = re.compile(r"[A-Za-z]{1,20}[ :=]*")
_PLAIN_NAME = re.compile(r"[\w$@:-]+")
_RINGS = ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")
_NEXT = {old: new for ring in _RINGS for old, new in zip(ring, ring[1:] + ring[0], strict=True)}
_GONE = object()

Path = tuple[str | int, ...]


class Piece(NamedTuple):
    """A piece of a line: what it is called, what it says, and the lines in which it says something else."""

    name: str
    value: Any
    altered: list[str]


def pieces(line: str) -> tuple[bool, str, list[Piece]]:
    """Whether a line is a JSON object, the line as it has to be compared with (JSON is written anew), its pieces."""
    try:
        document = json.loads(line)
        if isinstance(document, dict):
            return True, json.dumps(document), list(_members(document))
    except (ValueError, RecursionError):
        pass
    return False, line, list(_words(line))


def different(value: Any) -> list[Any]:
    """Other values of the same form, if there are any."""
    if type(value) is bool:
        return [not value]
    if type(value) is int or type(value) is float:
        return list(dict.fromkeys([value + 1, value + max(1, abs(value) // 1000), value * 3]))
    if type(value) is str:
        last = max((place for place, character in enumerate(value) if character in _NEXT), default=None)
        if last is None:
            return ["x", ""]
        whole = "".join(_NEXT.get(character, character) for character in value)
        last_different = value[:last] + whole[last] + value[last + 1 :]
        number = [str(int(value) * 3)] if value.isascii() and value.isdigit() and len(value) < 20 else []
        return list(dict.fromkeys([last_different, whole, *number, ""]))
    return ["x"] if value is None else []


def _members(document: dict[str, Any]) -> Iterator[Piece]:
    for path, value in list(_leaves(document, ()))[:MOST_PIECES]:
        altered = [_dumped(document, path, other) for other in (*different(value), _GONE)]
        yield Piece(_name(path), value, altered)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not value or not inner:
        yield path, value
    for step, member in inner:
        yield from _leaves(member, (*path, step))


def _dumped(document: Any, path: Path, value: Any) -> str:
    """The document with another value in one place, as JSON."""
    return json.dumps(_replaced(document, path, value))


def _replaced(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    step, *rest = path
    copied: Any = dict(document) if isinstance(document, dict) else list(document)
    if not rest and value is _GONE:
        del copied[step]
    else:
        copied[step] = _replaced(copied[step], tuple(rest), value)
    return copied


def _name(path: Path) -> str:
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            written += f".{step}" if written else step
        else:
            written += f"[{json.dumps(step, ensure_ascii=False)}]"
    return written


def _words(line: str) -> Iterator[Piece]:
    found = list(_WORD.finditer(line))[:MOST_PIECES]
    for number, word in enumerate(found):
        start = word.start()
        for before in reversed(found[max(0, number - 2) : number]):
            if not _LABEL.fullmatch(line, before.start(), start):
                break
            start = before.start()
        altered = [line[: word.start()] + other + line[word.end() :] for other in different(word[0])]
        yield Piece(line[start : word.end()], word[0], altered)

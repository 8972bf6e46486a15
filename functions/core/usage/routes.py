"""Paths of high cardinality folded to routes: what names one thing among many becomes ``{id}``."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

VARIABLE = "{id}"
MOST_PARTS = 12
"""Parts of a path that make its route; deeper ones are folded into one."""

_LONGEST_NAME = 48
_LONGEST_CACHED = 100
_VERSION = re.compile(r"[vV]\d{1,3}(?:[._]\d{1,3}){0,3}(?:alpha|beta)?\d{0,2}")
_WORDS = re.compile(
    r"[A-Za-z]{1,30}\d{0,2}(?:[._-][A-Za-z]{1,30}\d{0,2}){0,5}|[A-Za-z]\d{1,2}[a-z]{1,12}|\d[a-z]{2,12}"
)
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{8,}")
_EXTENSION = re.compile(r"(.+)(\.[A-Za-z][A-Za-z0-9]{0,4})")
_LETTERS_OF_A_NAME = 20
_WORDS_OF_A_NAME = 5


def path_of(url: str) -> str | None:
    """The path of a URL that may be broken: without scheme, host, query; None where it has none."""
    url = url.partition("?")[0]
    _, scheme, behind = url.partition("://")
    if scheme:
        url = "/" + behind.partition("/")[2]
    return url if url.startswith("/") else None


def folded(path: str) -> str:
    """The route of a path without query: numbers, ids, hex, dates, addresses, keys and long slugs as ``{id}``."""
    parts = path.split("/", MOST_PARTS + 1)
    kept = [_part(part) if len(part) <= _LONGEST_CACHED else VARIABLE for part in parts[: MOST_PARTS + 1]]
    return "/".join([*kept, VARIABLE] if len(parts) > MOST_PARTS + 1 else kept)


@lru_cache(maxsize=10_000)
def _part(part: str) -> str:
    if not is_variable(part):
        return part
    file = _EXTENSION.fullmatch(part)
    return VARIABLE + file[2] if file and not _is_address(part) and is_variable(file[1]) else VARIABLE


def is_variable(part: str) -> bool:
    """Whether a part of a path is a value rather than a name."""
    if not part or _VERSION.fullmatch(part) or part.startswith(("{", ":", "$")):
        return False
    digits = sum(map(str.isdigit, part))
    if _is_address(part) or len(part) > _LONGEST_NAME:
        return True
    if digits * 2 >= len(part):
        return not _WORDS.fullmatch(part)
    if _HEX.fullmatch(part) and digits:
        return True
    if not digits:
        return _is_slug(part) or _is_random(part)
    return not _WORDS.fullmatch(part) and not all(_is_name(piece) for piece in part.split("."))


def _is_address(part: str) -> bool:
    return "@" in part or "%40" in part


def _is_name(piece: str) -> bool:
    return bool(_WORDS.fullmatch(piece) or _VERSION.fullmatch(piece))


def _is_slug(part: str) -> bool:
    """A title: more words than names have."""
    return part.count("-") + part.count("_") + part.count("%20") + part.count("+") >= _WORDS_OF_A_NAME


def _is_random(part: str) -> bool:
    """Letters as of base64: upper and lower case change far more often than in names of several words."""
    if len(part) < _LETTERS_OF_A_NAME or part.islower() or part.isupper():
        return False
    changes = sum(one.isupper() != other.isupper() for one, other in pairwise(part))
    return changes * 3 > len(part)

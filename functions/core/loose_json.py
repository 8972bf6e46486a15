"""Objects that are nearly JSON: cut off, or written by Python's ``print``.

CloudWatch Logs and container runtimes cut long lines (256 KB; 16 KB), and what stands before the cut can still be read.
"""

from __future__ import annotations

import ast
import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from functions.core import documents

REST = "_truncated"
"""The member of a cut-off object that marks it, and holds the text from the member on that could not be read."""

LONGEST_REPR = 1 << 17
_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")
_PYTHON = re.compile(r"""'(?:[^'\\]|\\.)*+(?:'|\Z)|"(?:[^"\\]|\\.)*+(?:"|\Z)|\b(?:True|False|None)\b""", re.DOTALL)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_NOT_JSON = (ValueError, SyntaxError, RecursionError, documents.NotJsonError)


def salvaged(line: str, max_depth: int) -> dict[str, Any] | None:
    """The object that a line begins with ``{`` was meant to be, as far as it can be read; None where it is none."""
    try:
        text = _json_of_repr(line) if line.startswith("{'") else _json_of_beginning(line)
        value = documents.parse(text, max_depth) if text else None
    except _NOT_JSON:
        return None
    return value if isinstance(value, dict) else None


def _json_of_repr(line: str) -> str | None:
    return _PYTHON.sub(lambda match: _token(match[0]), line) if len(line) <= LONGEST_REPR else None


def _token(token: str) -> str:
    if token in _WORDS:
        return _WORDS[token]
    if token[0] == "'" and "\\" not in token and '"' not in token and len(token) > 1:
        return f'"{token[1:-1]}"'
    return json.dumps(ast.literal_eval(token))


def _json_of_beginning(line: str) -> str | None:
    """The members before the cut, and of the one that was cut its text if it is one; None where nothing was cut: what
    ends with a brace is no JSON for another reason, or was cut at just that place and stays text."""
    if line.endswith(("}", "}\n")):
        return None
    found: dict[str, Any] = {}
    position = start = _after_space(line, 1)
    try:
        while line[position] == '"':
            name, after = scanstring(line, position + 1, False)
            after = _after_space(line, after)
            if line[after] != ":":
                return None
            after = _after_space(line, after + 1)
            if line[after] == '"':
                found[name] = line[after + 1 :]
            value, after = _DECODER.raw_decode(line, after)
            after = _after_space(line, after)
            if line[after] != ",":
                return None
            found[name] = value
            position = start = _after_space(line, after + 1)
    except (ValueError, IndexError):
        pass
    else:
        return None
    if not found:
        return None
    name, last = next(reversed(found.items()))
    cut = line[start:]
    if type(last) is str and last and line.endswith(last) and cut.endswith(last) and cut.startswith('"'):
        found[name] = _unescaped(last)
        cut = ""
    return json.dumps({**found, REST: cut})


def _unescaped(cut: str) -> str:
    """A text that was cut, at worst within an escape."""
    for shorter in range(min(7, len(cut))):
        try:
            text: str = scanstring(cut[: len(cut) - shorter] + '"', 0, False)[0]
        except ValueError:
            continue
        return text
    return cut


def _after_space(line: str, position: int) -> int:
    match = _SPACE.match(line, position)
    return match.end() if match else position

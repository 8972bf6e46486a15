"""JSON texts, changed where that is needed; what is not stays to the letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core.values import as_json

_NUMBERS = frozenset({int, float})
_DECODE_LIST = msgspec.json.Decoder(list[Any]).decode

_COLON = re.compile(r"\\u003a", re.IGNORECASE)
"""A colon that the text does not show. All others stand in a text and in its value, but for one of each member that the
value lacks."""

Change = Callable[[pa.StringArray], pa.StringArray]


def matching(texts: pa.StringArray, pattern: str) -> pa.BooleanArray:
    """Which texts match a pattern."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False)


def where(texts: pa.StringArray, found: pa.BooleanArray, change: Change) -> pa.StringArray:
    """Texts, of which some are changed."""
    return pc.replace_with_mask(texts, found, change(texts.filter(found))) if found.true_count else texts


def rewritten(texts: pa.StringArray, change: Callable[[Sequence[Any]], Sequence[Any]]) -> pa.StringArray:
    """JSON texts with their values changed, each as ``with_value`` has it; what is no JSON is a text."""
    written = texts.to_pylist()
    values = _decoded(written)
    shown = [
        new if old is text else with_value(text, old, new)
        for text, old, new in zip(written, values, change(values), strict=True)
    ]
    return pa.array(shown, pa.string())


def with_value(text: str, old: Any, new: Any) -> str:
    """A JSON text whose value is ``new`` in place of ``old``: compact, or to the letter where it stays the same.

    Of members of one name a value has but the last: a text that has more than its value says never stays.
    """
    compact = as_json(new)
    if new == old and text.count(":") == compact.count(":") and _COLON.search(text) is None:
        return text
    return compact


def with_texts(values: Sequence[Any], change: Change, *, least: int) -> Sequence[Any]:
    """Values of JSON with their texts changed, names of members included, and numbers that are at least so large as if
    they were texts."""
    texts = list(_texts_in(values, least))
    changed = {
        old: new for old, new in zip(texts, change(pa.array(texts, pa.string())).to_pylist(), strict=True) if old != new
    }
    return [_replaced(value, changed, least) for value in values] if changed else values


def _decoded(written: Sequence[str]) -> Sequence[Any]:
    """The values of texts; of what is no JSON the very text."""
    try:
        values = _DECODE_LIST("[" + ",".join(written) + "]")
    except (msgspec.MsgspecError, RecursionError):
        values = []
    return values if len(values) == len(written) else list(map(_decoded_alone, written))


def _decoded_alone(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text


def _texts_in(values: Sequence[Any], least: int) -> set[str]:
    texts: set[str] = set()
    left = list(values)
    while left:
        value = left.pop()
        if type(value) is str:
            texts.add(value)
        elif type(value) is dict:
            texts.update(value)
            left.extend(value.values())
        elif type(value) is list:
            left.extend(value)
        elif type(value) in _NUMBERS and abs(value) >= least:
            texts.add(str(value))
    return texts


def _replaced(value: Any, changed: Mapping[str, str], least: int) -> Any:
    if type(value) is str:
        return changed.get(value, value)
    if type(value) is dict:
        return {changed.get(name, name): _replaced(member, changed, least) for name, member in value.items()}
    if type(value) is list:
        return [_replaced(item, changed, least) for item in value]
    return changed.get(str(value), value) if type(value) in _NUMBERS and abs(value) >= least else value

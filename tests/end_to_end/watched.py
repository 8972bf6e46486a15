"""Properties of a template that remember who looked at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

EVERYTHING = "*"


class Watched(dict[str, Any]):
    """Properties that remember which of them were looked at."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__({key: _watched(value) for key, value in values.items()})
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.seen.add(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self.seen.add(EVERYTHING)
        return super().__iter__()

    def keys(self) -> Any:
        self.seen.add(EVERYTHING)
        return super().keys()

    def values(self) -> Any:
        self.seen.add(EVERYTHING)
        return super().values()

    def items(self) -> Any:
        self.seen.add(EVERYTHING)
        return super().items()


def _watched(value: Any) -> Any:
    if isinstance(value, dict):
        return Watched(value)
    return [_watched(each) for each in value] if isinstance(value, list) else value


def given(value: Any, path: str = "") -> Iterator[str]:
    """All properties of a resource, e.g. ``Code.S3Key``; lists stand for their members."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, member in dict.items(value):
            yield from given(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for member in value:
            yield from given(member, path)


def unseen(value: Any, path: str = "") -> Iterator[str]:
    """The properties that nobody looked at; of an object that was handed on whole, none."""
    if isinstance(value, Watched):
        for key, member in dict.items(value):
            place = f"{path}.{key}" if path else key
            if key not in value.seen and EVERYTHING not in value.seen:
                if not path or value.seen:
                    yield place
            else:
                yield from unseen(member, place)
    elif isinstance(value, list):
        for member in value:
            yield from unseen(member, path)

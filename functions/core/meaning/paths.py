"""Routes and paths by the user's patterns: which feature a route belongs to, and what a path says.

Both are compared part by part and never with a backtracking expression, so their time is linear in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from functions.core.meaning.written import PARTS, variables
from functions.core.usage.routes import folded

_CACHED = 10_000
_LONGEST_CACHED = 512
_LONGEST = 4096
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY", "CONNECT", "TRACE"})


class Features:
    """Routes to features: the first pattern that a route fits counts."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = [(_Glob(pattern), feature) for pattern, feature in patterns.items()]
        self._cached = lru_cache(maxsize=_CACHED)(self._of)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def of(self, route: str | None) -> str | None:
        """The feature of a route, e.g. of ``GET /orders/{id}``; None where it has none."""
        if not route or not self._patterns:
            return None
        return self._cached(route) if len(route) <= _LONGEST_CACHED else self._of(route[:_LONGEST])

    def _of(self, route: str) -> str | None:
        return next((feature for glob, feature in self._patterns if glob.fits(route)), None)


class _Glob:
    """``[METHOD ]text`` in which ``*`` stands for anything; without a method, for any."""

    def __init__(self, pattern: str) -> None:
        method, _, rest = pattern.partition(" ")
        self._method = method.upper() if method.upper() in _METHODS and rest else ""
        self._pieces = (rest if self._method else pattern).split("*")

    def fits(self, route: str) -> bool:
        method, _, rest = route.partition(" ")
        if method in _METHODS and rest:
            if self._method not in {"", "ANY", method} and method != "ANY":
                return False
            route = rest
        elif self._method not in {"", "ANY"}:
            return False
        first, *more = self._pieces
        if not more:
            return route == first
        *middle, last = more
        if not route.startswith(first):
            return False
        at = len(first)
        for piece in middle:
            found = route.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(route) - len(last) >= at and route.endswith(last)


class Said(NamedTuple):
    """What a path says by a template: its route, and values of columns by name."""

    rule: str
    route: str
    values: Mapping[str, str]


class Paths:
    """Path templates such as ``/t/{tenant}/orders/{id}``; ``/*`` at the end stands for any parts, which are folded."""

    def __init__(self, templates: Sequence[str]) -> None:
        self._templates = [_Template(template) for template in templates]
        self._cached = lru_cache(maxsize=_CACHED)(self._of)

    def __bool__(self) -> bool:
        return bool(self._templates)

    def of(self, path: str | None) -> Said | None:
        """What the first template says that a path without query fits; None where none does."""
        if not path:
            return None
        return self._cached(path) if len(path) <= _LONGEST_CACHED else self._of(path[:_LONGEST])

    def _of(self, path: str) -> Said | None:
        parts = path.split("/")
        return next((said for template in self._templates if (said := template.said(parts))), None)


class _Template:
    def __init__(self, template: str) -> None:
        self._rule = f"paths: {template}"
        self._open = template.endswith("/*")
        self._route = template.removesuffix("/*")
        self._parts = self._route.split("/")
        names = iter(variables(self._route))
        self._names = [next(names) if part.startswith("{") else None for part in self._parts]

    def said(self, parts: Sequence[str]) -> Said | None:
        count = len(self._parts)
        if len(parts) < count or (len(parts) > count and not self._open):
            return None
        found: dict[str, str] = {}
        for wanted, name, part in zip(self._parts, self._names, parts, strict=False):
            if name is None:
                if wanted != part:
                    return None
            elif not part:
                return None
            elif name in PARTS:
                found[name] = part
        rest = folded("/" + "/".join(parts[count:])) if len(parts) > count else ""
        return Said(self._rule, self._route + rest, found)

"""Which routes are one feature, proposed from the routes themselves: by the first part of a path that means something.

What every route begins with (``/api/v2/{tenant}``) says nothing; where one feature would have most of the traffic, its
parts are told apart by what follows. Checks of health, assets and catch-all routes are no features.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MOST_FEATURES = 50
LONGEST_PATTERN = 200
"""What a rule may be called (meaning/written.py)."""

_DOMINANT = 0.5
_LEAST_PARTS = 3
_TECHNICAL = re.compile(
    r"api|apis|rest|rpc|public|private|internal|service|services|app|v\d{1,3}(?:[._]\d{1,3})?", re.I
)
_NO_FEATURE = re.compile(
    r"health.{0,2}|healthcheck|ping|ready|readyz|readiness|live|livez|liveness|status|metrics|favicon\.ico|robots\.txt"
    r"|static|assets|_next|\.well-known|.{1,80}\.(?:js|css|png|jpe?g|svg|ico|gif|woff2?|map|txt)",
    re.I,
)
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Use:
    """A route (``GET /orders/{id}``) with its requests and how many customers sent them."""

    route: str
    requests: int
    customers: int = 0


@dataclass(slots=True)
class Feature:
    """A proposal: routes that fit one of the ``patterns``, and what speaks for them."""

    name: str
    patterns: list[str]
    routes: list[Use] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(use.requests for use in self.routes)

    @property
    def customers(self) -> int:
        """Customers of the route that most use; what they have in common is not known."""
        return max(use.customers for use in self.routes)

    @property
    def read_share(self) -> float:
        """Share of its requests that read."""
        reads = sum(use.requests for use in self.routes if _method(use.route) in _READS)
        return reads / self.requests if self.requests else 0.0


def propose(uses: Iterable[Use]) -> list[Feature]:
    """The features, the most used first; none where no route says anything."""
    known = [(use, _parts(use.route)) for use in uses if _method(use.route) != "OPTIONS"]
    found = [(use, parts) for use, parts in known if parts and not any(map(_NO_FEATURE.fullmatch, parts))]
    groups: dict[tuple[str, ...], list[tuple[Use, list[str]]]] = defaultdict(list)
    begin = _shared([parts for _, parts in found])
    for use, parts in found:
        head = _head(parts, begin)
        if head:
            groups[head].append((use, parts))
    total = sum(use.requests for use, _ in found)
    features = [feature for head, members in groups.items() for feature in _features(head, members, total)]
    features = [feature for feature in features if max(map(len, feature.patterns)) <= LONGEST_PATTERN]
    features.sort(key=lambda feature: (-feature.requests, feature.name))
    return features[:MOST_FEATURES]


def _features(head: tuple[str, ...], members: list[tuple[Use, list[str]]], total: int) -> list[Feature]:
    """A group as one feature, or as several where it is most of the traffic and falls into parts."""
    by_next: dict[tuple[str, ...], list[tuple[Use, list[str]]]] = defaultdict(list)
    for use, parts in members:
        by_next[_head(parts, len(head)) or head].append((use, parts))
    large = sum(use.requests for use, _ in members) > _DOMINANT * total
    if large and len(by_next) >= _LEAST_PARTS and head not in by_next:
        return [_feature(part, those, depth=2) for part, those in by_next.items()]
    return [_feature(head, members)]


def _feature(head: tuple[str, ...], members: list[tuple[Use, list[str]]], depth: int = 1) -> Feature:
    names = [part for part in head if not _is_variable(part)][-depth:]
    path = "/" + "/".join("*" if _is_variable(part) else part for part in head)
    uses = sorted((use for use, _ in members), key=lambda use: (-use.requests, use.route))
    exact = [path] if any(len(parts) == len(head) for _, parts in members) else []
    deeper = [f"{path}/*"] if any(len(parts) > len(head) for _, parts in members) else []
    return Feature(" ".join(names), [*exact, *deeper], uses)


def _head(parts: Sequence[str], begin: int) -> tuple[str, ...] | None:
    """The parts up to the first one, from a place on, that means something."""
    for at in range(begin, len(parts)):
        if not _is_variable(parts[at]) and not _TECHNICAL.fullmatch(parts[at]):
            return tuple(parts[: at + 1])
    return None


def _shared(routes: Sequence[Sequence[str]]) -> int:
    """How many parts all routes have in common at their beginning, where they go on behind them."""
    if len(routes) < 2:
        return 0
    shortest = min(map(len, routes))
    same = 0
    while same < shortest and len({_kind(parts[same]) for parts in routes}) == 1:
        same += 1
    return same if same < shortest else max(0, shortest - 1) if len({len(parts) for parts in routes}) > 1 else 0


def _kind(part: str) -> str:
    return "{}" if _is_variable(part) else part


def _parts(route: str) -> list[str]:
    path = route.partition(" ")[2] or route
    parts = [part for part in path.split("/") if part]
    return [] if not path.startswith("/") or any("proxy" in part and _is_variable(part) for part in parts) else parts


def _method(route: str) -> str:
    method, _, path = route.partition(" ")
    return method if path else ""


def _is_variable(part: str) -> bool:
    return part.startswith(("{", ":", "*"))

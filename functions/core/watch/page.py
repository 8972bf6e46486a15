"""What the dashboard shows of incidents: one object that `detect` keeps, and the courses that are drawn beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from functions.core.watch.signals import Measure, Subject, SubjectKind

MOST_KEPT = 100
MOST_LINES = 8

_MEASURED: dict[str, Callable[[Measure], float | None]] = {
    "failures": lambda seen: 100 * seen.failed / seen.count if seen.count else None,
    "refusals": lambda seen: 100 * seen.refused / seen.count if seen.count else None,
    "latency": lambda seen: seen.quantile(0.9),
    "mean": lambda seen: seen.total / seen.count if seen.count else None,
}


class Line(msgspec.Struct, frozen=True):
    """Something unusual in an incident, in ``words``; from ``low`` to ``high`` was usual, in the unit of ``what``."""

    kind: SubjectKind
    names: tuple[str, ...]
    what: str
    words: str
    low: float = 0.0
    high: float = 0.0

    @property
    def subject(self) -> Subject:
        return Subject(self.kind, self.names)


class Shown(msgspec.Struct, frozen=True):
    """An incident. Times are ms; ``over_ms`` is 0 while it goes on. ``lines`` are in order of weight, ``more`` are
    left out; ``causes`` and ``deployed`` are lines of the message about its beginning."""

    incident: str
    title: str
    since_ms: int
    at_ms: int
    over_ms: int = 0
    lines: tuple[Line, ...] = ()
    more: int = 0
    customers: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    deployed: tuple[str, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Since when (ms) and until when the application is watched, how many series are, and how many subjects are not;
    the latest incidents, the newest last."""

    first_ms: int = 0
    until_ms: int = 0
    series: int = 0
    left_out: int = 0
    shown: tuple[Shown, ...] = ()

    def with_news(self, news: Sequence[Shown]) -> Page:
        """With what is new: what was found out when an incident began stays beside what is told of it later."""
        found = {each.incident: each for each in self.shown}
        for new in news:
            before = found.get(new.incident, new)
            found[new.incident] = msgspec.structs.replace(
                new,
                lines=new.lines or before.lines,
                more=new.more or before.more,
                customers=new.customers or before.customers,
                causes=new.causes or before.causes,
                deployed=new.deployed or before.deployed,
            )
        latest = sorted(found.values(), key=lambda each: each.since_ms)[-MOST_KEPT:]
        return msgspec.structs.replace(self, shown=tuple(latest))


_decode = msgspec.json.Decoder(Page).decode
encode = msgspec.json.encode


def decode(body: bytes) -> Page | None:
    """The page in an object; ``None`` where there is none, or one of another release."""
    try:
        found = _decode(body)
    except msgspec.MsgspecError:
        return None
    return found if found.until_ms else None


def course(line: Line, seen: Mapping[int, Mapping[Subject, Measure]]) -> list[float | None]:
    """What a line is about, every five minutes, from what was seen in them; ``None`` where nothing can be said."""
    measured, nothing = _MEASURED.get(line.what, _count), Measure()
    return [measured(seen[start].get(line.subject, nothing)) for start in sorted(seen)]


def _count(seen: Measure) -> float:
    return seen.count

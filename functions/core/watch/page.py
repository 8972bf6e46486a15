"""What the dashboard shows of incidents: one object that `detect` keeps, and the courses that are drawn beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from functions.core.watch import words
from functions.core.watch.signals import Measure, Subject, SubjectKind
from functions.core.watch.watching import Change, State

MOST_KEPT = 100
MOST_LINES = 8
MOST_CUSTOMERS = 20

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

    def after(self, state: State, news: Sequence[Shown]) -> Page:
        """What is shown after a look. What was found out when an incident began stays beside what is told of it later;
        what goes on goes on until now."""
        found = {each.incident: each for each in self.shown}
        for new in news:
            before = found.get(new.incident, new)
            worst = before if new.over_ms else new
            found[new.incident] = msgspec.structs.replace(
                new,
                lines=worst.lines,
                more=worst.more,
                customers=new.customers or before.customers,
                causes=new.causes or before.causes,
                deployed=new.deployed or before.deployed,
            )
        open_ = {each.name for each in state.incidents if not each.over_ms}
        open_ |= {f"silence-{state.silence.since_ms}"} if state.silence.told else set()
        latest = sorted(found.values(), key=lambda each: each.since_ms)[-MOST_KEPT:]
        shown = tuple(
            each
            if each.over_ms
            else msgspec.structs.replace(each, at_ms=state.until_ms)
            if each.incident in open_
            else msgspec.structs.replace(each, over_ms=each.at_ms)
            for each in latest
        )
        return Page(state.first_ms, state.until_ms, state.series, state.left_out, shown)


def shown(change: Change, causes: Sequence[str], deployed: Sequence[str]) -> Shown:
    """What is shown of a change."""
    lines = [
        Line(*member.subject, member.what, words.line(member), member.alert.low, member.alert.high)
        for member in change.members[:MOST_LINES]
    ]
    return Shown(
        change.incident,
        words.title(change),
        change.since_ms,
        change.at_ms,
        change.at_ms if change.event == "ended" else 0,
        tuple(lines),
        len(change.members) - len(lines),
        tuple(each.tenant for each in change.customers[:MOST_CUSTOMERS]),
        tuple(causes),
        tuple(deployed),
    )


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

"""Which alerts a series would have given: to be asked before a rule is switched on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from functions.core.detect.alerts import Alert
from functions.core.detect.series import DEFAULT, Options, Point, Result, update
from functions.core.detect.wording import span

_WEEK = 7 * 86400


class Replay(msgspec.Struct, frozen=True):
    """The alerts of some time (seconds). ``told`` are messages that would have been sent, ends included."""

    told: tuple[Alert, ...]
    seconds: float

    @property
    def fired(self) -> int:
        """How many incidents there were."""
        return sum(alert.event == "begins" for alert in self.told)

    @property
    def per_week(self) -> float:
        """Incidents a week; of less than a week, those that there were."""
        return self.fired / max(1.0, self.seconds / _WEEK)

    def __str__(self) -> str:
        times = "once" if self.fired == 1 else f"{self.fired:,} times"
        weekly = f": {self.per_week:.1f} a week" if self.seconds >= _WEEK else ""
        return f"would have fired {times} in {span(self.seconds)}{weekly}"


def replay(points: Iterable[Point | tuple[float, float]], options: Options = DEFAULT) -> Replay:
    """What a series would have told, had it been watched from its first point."""
    return of_results(update(None, points, options)[1])


def of_results(results: Sequence[Result]) -> Replay:
    """The same of results that are there already, in order of time."""
    seconds = results[-1].time - results[0].time if results else 0.0
    return Replay(tuple(alert for result in results for alert in result.alerts), seconds)

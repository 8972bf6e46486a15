"""What is expected of a series next, and how surprising is what comes: strictly causal, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy

import msgspec

from functions.core.detect.calibration import Calibration

VERSION = 1
"""Of the stored form. Fields with a default can be added without a new one."""

WARM_UP, AFTER_GAP = 96, 6
"""Points at the beginning of a series, and after a gap, that are learnt and not judged: the longest and the shortest of
`SMOOTHED`."""

FAMILIAR = 500
"""Points after which evidence counts in full: before, nobody knows well what is rare (its error falls with the root of
the points). Without this, noise makes four times as many alerts in the first 500 points."""

SETTLING = 12
"""Points before residuals have a scale that they can be measured in."""

GAP = 30
"""A gap is this many usual intervals; averages from before it say little."""

FAST, SLOW = 0.1, 0.01
SCALE, ERRORS, HOUR = 0.01, 0.02, 0.02
DAY, WEEK = 0.2, 0.1
"""Weights of a new value in the running averages: by the point, and for slots of the day and the week by the day and
the week."""

SMOOTHED = (6, 24, 96)
"""Points over which residuals are averaged: a drift shows where no single point is unusual."""

OF_HOUR = 0.3
"""How much of the scale is that of the hour of the day."""

FLOOR = 0.01
"""No scale is less than this share of the level: a constant series has no spread, and rounding errors are none."""

FURTHEST, CLIP, CLAMP, WIDEST = 100.0, 8.0, 4.0, 6.0
"""In scales: the most that a point can be off, that it adds to a drift, moves an average and widens the scale. What is
learnt of an incident is bounded by them."""

AGAIN, FORGET, LOUDEST = 1.15, 0.995, 30.0
"""After evidence, only 1.15 times as much counts; that falls by 0.5 % a point (half in 140), and from 30 at most, so
that one spike does not hide what comes next."""

CRIED, CRY_MEMORY = 6.0, 0.001
"""Evidence that counts as a cry, and the weight of a point in how often a series cries: who often does must cry
louder."""

HOLDS = 6
"""Points that a forecast waits, where that is asked for, for what is unusual to pass: else it follows, and a new level
is unusual for one point only."""

KINDS = ("step", "drift of 6", "drift of 24", "drift of 96", "record", "unrest")
_TINY = 1e-9


class Judgement(msgspec.Struct):
    """A value against what was expected.

    ``evidence`` is the sum of -log10 p over all kinds, 0 where it does not count or is not news; ``kind`` the strongest
    of `KINDS` and ``surprise`` its -log10 p. ``furthest`` is how far off the series ever was at this hour of the day.
    Between ``low`` and ``high`` lie about 96 % of values. ``slots`` are its quarter-hour of the day, hour of the week
    and hour of the day.
    """

    time: float
    value: float
    expected: float
    low: float
    high: float
    scale: float
    slots: tuple[int, int, int]
    forecasts: tuple[float | None, ...]
    evidence: float = 0.0
    up: bool = True
    kind: int = 0
    surprise: float = 0.0
    furthest: float = 0.0

    @property
    def p_value(self) -> float:
        """The chance of evidence as strong as the strongest, by the series' own history, for as many kinds."""
        return min(1.0, len(KINDS) * 10**-self.surprise)


class Rarity(msgspec.Struct, array_like=True):
    """What is known of how rare things are."""

    up: list[Calibration]
    down: list[Calibration]
    record: Calibration
    restless: Calibration
    drift: list[float]
    unrest: float
    top: float
    bottom: float


class Before(msgspec.Struct, array_like=True):
    """Averages from before an incident; and, where that is asked for, all else that it would spoil."""

    slow: float
    scale: float
    errors: list[float | None]
    rarity: Rarity | None = None


class Model(msgspec.Struct):
    """What is known of a series; about 4 kB. Times are seconds since 1970."""

    version: int = VERSION
    count: int = 0
    blind: int = WARM_UP
    first_time: float = 0.0
    time: float = 0.0
    interval: float = 0.0
    last: float = 0.0
    fast: float = 0.0
    slow: float = 0.0
    level: float = 0.0
    day: list[float | None] = msgspec.field(default_factory=lambda: [None] * 96)
    week: list[float | None] = msgspec.field(default_factory=lambda: [None] * 168)
    errors: list[float | None] = msgspec.field(default_factory=lambda: [None] * 5)
    scale: float = 0.0
    hour_scale: list[float | None] = msgspec.field(default_factory=lambda: [None] * 24)
    furthest: list[float] = msgspec.field(default_factory=lambda: [0.0] * 24)
    drift: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(SMOOTHED))
    unrest: float = 0.0
    smooth: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    loudest: float = 0.0
    cries: float = 0.0
    held: int = 0
    up: list[Calibration] = msgspec.field(default_factory=lambda: [Calibration() for _ in range(4)])
    down: list[Calibration] = msgspec.field(default_factory=lambda: [Calibration() for _ in range(4)])
    record: Calibration = msgspec.field(default_factory=Calibration)
    restless: Calibration = msgspec.field(default_factory=Calibration)

    def judge(
        self,
        time: float,
        value: float,
        min_level: float = 0.0,
        heard: Callable[[bool], bool] = lambda _: True,
        most: Callable[[Judgement], float] | None = None,
        needed: float = 0.0,
        least: Callable[[Judgement], float] | None = None,
    ) -> Judgement:
        """Judges a value by what came before it; `learn` comes next. ``time`` must be later than that of the last one.

        Evidence does not count where neither the value nor, for a fall, what was expected reaches ``min_level``. Of a
        rise (or a fall) that is not ``heard`` it hides nothing that comes after, nor does evidence of less than is
        ``needed``. ``most`` bounds evidence that is a cry; it is no less than ``least``, however little is known yet.
        """
        hour = int(time) // 3600
        day, week, hour_of_day = int(time) // 900 % 96, hour % 168, hour % 24
        if not self.count:
            self._begin(time, value)
        elif 0 < GAP * self.interval < time - self.time:
            self.blind = max(self.blind, AFTER_GAP)
            self.last = self.fast = self.smooth = value
        forecasts = (self.last, self.fast, self.slow, self.day[day], self.week[week])
        expected = self._mix(forecasts)
        residual = value - expected
        scale = self._scale(hour_of_day)
        up, down = self.up[0], self.down[0]
        low, high = expected - down.quantile * scale, expected + up.quantile * scale
        judged = Judgement(time, value, expected, low, high, scale, (day, week, hour_of_day), forecasts)
        if self.bottom >= 0:
            judged.low = max(0.0, judged.low)
        judged.furthest = self.furthest[hour_of_day]
        if self.count >= SETTLING:
            self._weigh(judged, value, min(FURTHEST, max(-FURTHEST, residual / scale)))
        reached = max(abs(value), abs(expected)) if not judged.up else abs(value)
        if self.blind or reached < min_level:
            judged.evidence = 0.0
        elif most and judged.evidence > CRIED:
            judged.evidence = min(judged.evidence, most(judged))
        if least and not self.blind and self.count >= SETTLING and reached >= min_level:
            judged.evidence = max(judged.evidence, least(judged))
        self._what_is_news(judged, heard(judged.up), needed)
        return judged

    def _begin(self, time: float, value: float) -> None:
        self.first_time = self.time = time
        self.last = self.fast = self.slow = self.smooth = self.top = self.bottom = value
        self.level = abs(value)

    def _mix(self, forecasts: tuple[float | None, ...]) -> float:
        """The forecasts, weighted by how little they erred lately."""
        floor = 0.001 * self.level + _TINY
        total = weights = 0.0
        for forecast, error in zip(forecasts, self.errors, strict=True):
            if forecast is not None and error is not None:
                weight = 1 / (error + floor)
                total += weight * forecast
                weights += weight
        return total / weights if weights else self.fast

    def _scale(self, hour: int) -> float:
        scale, of_hour = self.scale, self.hour_scale[hour]
        if scale and of_hour:
            scale = scale ** (1 - OF_HOUR) * of_hour**OF_HOUR
        return max(scale, FLOOR * self.level, _TINY)

    def _weigh(self, judged: Judgement, value: float, off: float) -> None:
        """Sums the evidence; ``off`` is the residual in scales."""
        clipped = min(CLIP, max(-CLIP, off))
        drift = self.drift
        for at, points in enumerate(SMOOTHED):
            drift[at] += (clipped - drift[at]) / points
        rises, falls = [0.0] * 6, [0.0] * 6
        for kind, each in enumerate((off, *drift)):
            if each > 0:
                rises[kind] = self.up[kind].surprise(each)
                self.down[kind].surprise(0.0)
            else:
                falls[kind] = self.down[kind].surprise(-each)
                self.up[kind].surprise(0.0)
        self._record(value, rises, falls)
        self.unrest += (abs(clipped) - self.unrest) / SMOOTHED[1]
        unrest = self.restless.surprise(self.unrest)
        (rises if off > 0 else falls)[5] = unrest
        up, down = sum(rises), sum(falls)
        judged.up = up >= down
        found = rises if judged.up else falls
        judged.evidence = max(up, down) * min(1.0, math.sqrt(self.count / FAMILIAR))
        judged.surprise = max(found)
        judged.kind = found.index(judged.surprise)

    def _record(self, value: float, rises: list[float], falls: list[float]) -> None:
        """How far the smoothed value lies outside of all that it ever was."""
        self.smooth += (value - self.smooth) / SMOOTHED[0]
        smooth, span = self.smooth, max(self.top - self.bottom, FLOOR * self.level, _TINY)
        if smooth > self.top:
            rises[4] = self.record.surprise((smooth - self.top) / span)
            self.top = smooth
        elif smooth < self.bottom:
            falls[4] = self.record.surprise((self.bottom - smooth) / span)
            self.bottom = smooth
        else:
            self.record.surprise(0.0)

    def _what_is_news(self, judged: Judgement, heard: bool, needed: float) -> None:
        """Takes the evidence away where it is not more than was told lately."""
        evidence, limit = judged.evidence, AGAIN * self.loudest
        louder = evidence - math.log10(1 + self.cries / CRY_MEMORY)
        judged.evidence = louder if louder > limit else 0.0
        self.loudest *= FORGET
        if heard:
            self.cries += ((evidence > max(CRIED, limit)) - self.cries) * max(CRY_MEMORY, 1 / (self.count + 1))
            if louder >= needed:
                self.loudest = max(self.loudest, min(louder, LOUDEST))

    def learn(self, judged: Judgement, *, usual: bool = True, hold: bool = False) -> None:
        """Learns what was judged. What is not ``usual``, as in an incident, leaves no trace in what the hours of day
        and week are known for. ``hold``: nor, for some points, in what is expected next."""
        value, expected, scale = judged.value, judged.expected, judged.scale
        day, week, hour = judged.slots
        self.count = count = self.count + 1
        if self.blind:
            self.blind -= 1
            if count > WARM_UP:
                self.drift = [0.0] * len(SMOOTHED)
        new = 1 / count
        off, bounded = abs(value - expected), value
        self.furthest[hour] = max(self.furthest[hour], off)
        if count > 50:
            bounded = min(max(value, expected - CLAMP * scale), expected + CLAMP * scale)
            off = min(off, WIDEST * scale)
        weight = max(SCALE, new)
        self.scale += (off - self.scale) * weight
        self.level += (abs(bounded) - self.level) * weight
        self.hour_scale[hour] = towards(self.hour_scale[hour], off, HOUR)
        errors = self.errors
        for at, forecast in enumerate(judged.forecasts):
            if forecast is not None:
                errors[at] = towards(errors[at], abs(value - forecast), ERRORS)
        self.held = self.held + 1 if hold else 0
        if not 0 < self.held <= HOLDS:
            self.last = value
            self.fast += (bounded - self.fast) * max(FAST, new)
        self.slow += (bounded - self.slow) * max(SLOW, new)
        if usual:
            self.day[day] = towards(self.day[day], bounded, DAY)
            self.week[week] = towards(self.week[week], bounded, WEEK)
        since = judged.time - self.time
        self.interval += (min(since, GAP * self.interval or since) - self.interval) * max(FAST, new)
        self.time = judged.time

    def before(self, *, rarity: bool = False) -> Before:
        """What an incident would spoil."""
        before = Before(self.slow, self.scale, list(self.errors))
        if rarity:
            up, down = ([copy(each) for each in side] for side in (self.up, self.down))
            rest = (copy(self.record), copy(self.restless), list(self.drift), self.unrest, self.top, self.bottom)
            before.rarity = Rarity(up, down, *rest)
        return before

    def restore(self, before: Before, needed: float = 0.0) -> None:
        """As if an incident that is over had not been; ``needed`` is the evidence that made it one."""
        self.slow, self.scale, self.errors = before.slow, before.scale, list(before.errors)
        self.fast = self.smooth = self.last
        if before.rarity:
            for name in Rarity.__struct_fields__:
                setattr(self, name, getattr(before.rarity, name))
            self.loudest = min(self.loudest, needed)

    def rebase(self, by: float) -> None:
        """What was known of day and week holds at another level."""
        self.day = [each if each is None else each + by for each in self.day]
        self.week = [each if each is None else each + by for each in self.week]


def towards(average: float | None, value: float, weight: float) -> float:
    """The running average after a value of this weight; the value where there is none yet."""
    return value if average is None else average + (value - average) * weight

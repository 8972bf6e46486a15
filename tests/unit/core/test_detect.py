"""What users of anomaly detection complain about, as synthetic series; the same with what prevents it taken away."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable

import pytest

from functions.core.detect import alerts, group, model, series
from functions.core.detect.alerts import Alert
from functions.core.detect.model import Model
from functions.core.detect.replay import replay
from functions.core.detect.series import Options, Point, State, UnknownStateError, pack, unpack, update
from functions.core.detect.wording import explain

MINUTES = 60.0
HOURS = 3600.0
DAYS = 86400.0
MONDAY = 4 * DAYS  # 1970-01-05
STEP = 5 * MINUTES


def noisy(days: float, level: Callable[[float], float] = lambda _: 100.0, noise: float = 2.0) -> list[Point]:
    """Points every five minutes from a Monday on, normally distributed around a level."""
    chance = random.Random(1)
    times = [MONDAY + at * STEP for at in range(int(days * DAYS / STEP))]
    return [Point(time, level(time) + chance.gauss(0, noise)) for time in times]


def at(day: float, hour: float = 0.0) -> float:
    return MONDAY + day * DAYS + hour * HOURS


def changed(points: Iterable[Point], start: float, end: float, by: float) -> list[Point]:
    return [point._replace(value=point.value + by) if start <= point.time < end else point for point in points]


def begun(points: Iterable[Point], options: Options = series.DEFAULT) -> list[Alert]:
    return [alert for alert in replay(points, options).told if alert.event == "begins"]


def told_after(points: Iterable[Point], time: float, options: Options = series.DEFAULT) -> list[str]:
    return [alert.event for alert in replay(points, options).told if alert.time >= time]


def by_the_day(time: float) -> float:
    return 100 + 60 * math.sin(2 * math.pi * time / DAYS)


# --- one incident, one alert


def test_a_level_shift_is_one_alert_and_then_the_new_normal() -> None:
    shifted = changed(noisy(8), at(4), at(8), 40)
    assert told_after(shifted, at(4)) == ["begins", "new normal"]


def test_without_rebasing_a_level_shift_goes_on_for_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "NEW_NORMAL", math.inf)
    shifted = changed(noisy(8), at(4), at(8), 40)
    assert "new normal" not in told_after(shifted, at(4))


def test_after_a_level_shift_the_new_level_is_expected_and_the_old_one_is_an_alert() -> None:
    shifted = changed(noisy(8), at(4), at(7), 40)
    expected = [result.expected for result in update(None, shifted)[1] if at(6) <= result.time < at(7)]
    assert all(130 < each < 150 for each in expected if each)
    assert [alert.up for alert in begun(shifted) if alert.time >= at(6)] == [False]


def test_an_incident_that_gets_worse_is_told_again_and_its_end_too() -> None:
    worse = changed(changed(noisy(6), at(4), at(4, 3), 20), at(4, 2), at(4, 3), 300)
    assert told_after(worse, at(4)) == ["begins", "worse", "back"]


def test_a_longer_incident_of_one_height_is_not_told_again() -> None:
    assert told_after(changed(noisy(6), at(4), at(4, 4), 40), at(4)) == ["begins", "back"]


# --- what was learnt of an anomaly


def spikes() -> list[Point]:
    return changed(changed(noisy(6), at(4), at(4) + STEP, 5000), at(4, 10), at(4, 10) + STEP, 40)


def test_one_spike_does_not_hide_the_next_anomaly() -> None:
    assert [alert.time for alert in begun(spikes()) if alert.time >= at(4)] == [at(4), at(4, 10)]


def test_without_bounds_on_what_is_learnt_a_spike_hides_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("FURTHEST", "CLIP", "CLAMP", "WIDEST", "LOUDEST"):
        monkeypatch.setattr(model, bound, math.inf)
    assert [alert.time for alert in begun(spikes()) if alert.time >= at(4)] == [at(4)]


def mondays(incidents: Iterable[int]) -> list[Point]:
    points = noisy(36, by_the_day)
    for week in incidents:
        points = changed(points, at(7 * week, 10), at(7 * week, 11), 150)
    return points


def test_an_incident_does_not_become_every_monday() -> None:
    """After two of them in a row a third is an alert again, and a Monday without is none."""
    third = begun(mondays((2, 3, 4)))
    assert [alert.time for alert in third if alert.time >= at(14)] == [at(week * 7, 10) for week in (2, 3, 4)]
    assert not [alert for alert in begun(mondays((2, 3))) if alert.time >= at(28)]


def test_without_bounds_the_hour_of_an_incident_is_expected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def expected() -> float:
        results = update(None, mondays((2, 3)))[1]
        return next(result.expected or 0.0 for result in results if result.time == at(28, 10))

    bounded, learn = expected(), Model.learn
    monkeypatch.setattr(Model, "learn", lambda state, judged, **_: learn(state, judged, usual=True))
    monkeypatch.setattr(model, "CLAMP", math.inf)
    assert expected() > bounded + 5


# --- what is usual


def test_what_happens_every_day_is_no_alert_and_the_same_at_another_time_is() -> None:
    job = [
        point._replace(value=point.value + 80) if point.time % DAYS < HOURS else point
        for point in noisy(14, by_the_day)
    ]
    assert not [alert for alert in begun(job) if alert.time >= at(10)]
    assert [alert.time for alert in begun(changed(job, at(13, 9), at(13, 10), 80)) if alert.time >= at(10)] == [
        at(13, 9)
    ]


def test_noise_alone_seldom_alerts() -> None:
    """A week has 2,016 points."""
    assert replay(noisy(56)).per_week <= 4
    assert replay(noisy(56), Options(sensitivity="fewer alerts")).per_week <= 0.5


def test_a_constant_series_is_quiet_until_it_changes() -> None:
    constant = [Point(at(0) + n * STEP, 45.0) for n in range(2000)]
    assert not begun(constant)
    assert not begun([point._replace(value=point.value + 1e-9 * (n % 7)) for n, point in enumerate(constant)])
    [alert] = begun(changed(constant, at(5), at(5, 1), 20))
    assert (alert.time, alert.up) == (at(5), True)


def test_a_series_that_started_today_is_watched_after_its_first_hours() -> None:
    today = changed(noisy(1), at(0, 12), at(0, 13), 60)
    assert [alert.time for alert in begun(today) if alert.time >= at(0, 11)] == [at(0, 12)]


def test_after_a_gap_the_series_is_picked_up_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gap = [point for point in noisy(3, by_the_day) if not at(2, 4) < point.time < at(2, 18)]
    assert not [alert for alert in begun(with_gap) if alert.time >= at(2, 18)]
    monkeypatch.setattr(model, "GAP", math.inf)
    monkeypatch.setattr(model, "AFTER_GAP", 0)
    assert [alert for alert in begun(with_gap) if alert.time >= at(2, 18)]


def test_irregular_sampling_finds_the_same() -> None:
    chance = random.Random(2)
    thinned = [point for point in changed(noisy(8), at(6), at(6, 2), 60) if chance.random() < 0.6]
    [alert] = [alert for alert in begun(thinned) if alert.time >= at(5)]
    assert at(6) <= alert.time < at(6, 0.5)


# --- what the owner wants to hear of


def test_only_the_direction_of_interest_is_told() -> None:
    points = changed(changed(noisy(8), at(5), at(5, 1), 60), at(6), at(6, 1), -60)
    for direction, ups in (("both", [True, False]), ("up", [True]), ("down", [False])):
        found = begun(points, Options(direction=direction))  # type: ignore[arg-type]
        assert [alert.up for alert in found if alert.time >= at(5)] == ups


def test_a_drop_does_not_hide_a_rise_that_alone_is_wanted() -> None:
    points = changed(changed(noisy(8), at(5), at(5, 0.5), -100), at(5, 1), at(5, 2), 30)
    assert [alert.time for alert in begun(points, Options(direction="up")) if alert.time >= at(5)] == [at(5, 1)]


def test_a_rise_below_the_minimum_level_is_no_alert() -> None:
    points = changed(noisy(8), at(5), at(5, 1), 60)
    assert [alert for alert in begun(points, Options(min_level=150)) if alert.time >= at(5)]
    assert not [alert for alert in begun(points, Options(min_level=200)) if alert.time >= at(5)]


def errors(volume: float) -> list[Point]:
    """Percent of requests that fail: 0.2, and one request that failed at three in the night."""
    points = [point._replace(value=max(0.0, point.value), volume=500.0) for point in noisy(8, lambda _: 0.2, 0.05)]
    return [point._replace(value=100.0, volume=volume) if point.time == at(6, 3) else point for point in points]


def test_one_error_of_one_request_is_no_alert_where_a_minimum_volume_is_given() -> None:
    quiet = Options(min_volume=20)
    for volume, options, told in (
        (1, series.DEFAULT, True),
        (1, quiet, False),
        (math.nan, quiet, False),
        (20, quiet, True),
    ):
        assert (at(6, 3) in [alert.time for alert in begun(errors(volume), options)]) == told


def test_fewer_alerts_are_those_with_more_evidence() -> None:
    points = changed(noisy(28, by_the_day, 20), at(20), at(21), 300)
    many, few = (begun(points, Options(sensitivity=each)) for each in ("standard", "fewer alerts"))
    assert len(few) < len(many)
    assert at(20) in [alert.time for alert in few]


# --- the state between runs


def test_judging_in_parts_with_a_stored_state_gives_the_same() -> None:
    points = changed(noisy(6), at(4), at(5), 40)
    whole = update(None, points)[1]
    state, parts = State(), []
    for start in range(0, len(points), 97):
        after, results = update(unpack(pack(state)), points[start : start + 97])
        parts += results
        state = after
    assert parts == whole


def test_points_that_come_again_change_nothing() -> None:
    points = changed(noisy(6), at(4), at(5), 40)
    state, _ = update(None, points)
    again, results = update(state, points[-500:])
    assert again == state
    assert not any(result.alerts or result.score for result in results)


def test_the_given_state_stays_as_it_is() -> None:
    state, _ = update(None, noisy(1))
    before = pack(state)
    update(state, changed(noisy(2), at(1), at(2), 500))
    assert pack(state) == before


def test_the_state_stays_small_however_long_the_series() -> None:
    assert len(pack(update(None, noisy(10))[0])) < 5000
    assert len(pack(update(None, noisy(60))[0])) < 5000


def test_a_state_of_another_version_or_no_state_is_refused() -> None:
    with pytest.raises(UnknownStateError, match="version 99"):
        unpack(pack(State(model=Model(version=99))))
    with pytest.raises(UnknownStateError):
        unpack(b"\x01\x02")


def test_what_is_no_measurement_is_not_judged_and_not_learnt() -> None:
    points = noisy(2)
    nasty = [
        *(Point(points[-1].time + 1, value) for value in (math.nan, math.inf, -math.inf, 1e308)),
        *(Point(time, 1e9) for time in (math.nan, math.inf, points[-1].time, 0.0, -1e300)),
    ]
    state, _ = update(None, points)
    after, results = update(state, nasty)
    assert after == state
    assert all(result.expected is None and not result.score for result in results)


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1.0, 1e12, 9e99])
def test_values_of_any_size_give_finite_scores(size: float) -> None:
    chance = random.Random(3)
    points = [Point(n * 60.0, chance.choice((0.0, size, -size, chance.random() * size))) for n in range(2000)]
    for result in update(None, points)[1]:
        assert 0 <= result.score < 1
        assert 0 <= result.p_value <= 1
        assert all(math.isfinite(each or 0.0) for each in (result.expected, result.low, result.high))


# --- in words


def test_an_alert_says_how_unusual_it_is() -> None:
    points = [point._replace(value=max(0.0, point.value)) for point in noisy(14, lambda _: 0.2, 0.05)]
    alert = begun(changed(points, at(13, 10), at(13, 11), 6.8))[-1]
    words = explain(alert, "errors of checkout", "%")
    assert words.startswith(f"errors of checkout rose to {alert.value:.3g} % where 0.")
    assert words.endswith("times as far off as it ever was at this hour in 13 days")
    assert 0 < alert.p_value < 1e-6


def test_the_end_says_how_long_it_was_or_from_where_to_where() -> None:
    back = replay(changed(noisy(6), at(4), at(4, 2), 40)).told[-1]
    assert explain(back, "latency", "ms").startswith("latency is back at ")
    assert " after 2 hours; it was at most 14" in explain(back, "latency", "ms")
    moved = replay(changed(noisy(6), at(4), at(6), 40)).told[-1]
    assert re.match(r"latency moved from 100 to 1[34]\d at 1970-01-09 00:00 and stayed", explain(moved, "latency"))


def test_the_replay_counts_incidents_and_says_so() -> None:
    found = replay(changed(noisy(28), at(20), at(20, 2), 60))
    assert found.fired == sum(alert.event == "begins" for alert in found.told) > 0
    assert str(found).endswith(f" in 4 weeks: {found.fired / (27.9965 / 7):.1f} a week")
    assert str(replay([])) == "would have fired 0 times in 0 seconds"


# --- groups


def members(count: int = 5, days: float = 6) -> list[tuple[float, dict[str, float]]]:
    """Members that follow one another through the day; m0 always runs 30 hotter."""
    chance = random.Random(4)
    times = [point.time for point in noisy(days)]
    return [
        (time, {f"m{n}": by_the_day(time) + chance.gauss(0, 2) + (30 if n == 0 else 0) for n in range(count)})
        for time in times
    ]


def group_alerts(rows: list[tuple[float, dict[str, float]]]) -> list[tuple[str, float]]:
    found = []
    for result in group.update(None, rows)[1]:
        for name, each in [("group", result.whole), *result.members.items()]:
            found += [(name, alert.time) for alert in each.alerts if alert.event == "begins"]
    return [(name, time) for name, time in found if time >= at(5)]


def test_the_member_that_differs_is_told_of_and_not_one_that_always_does() -> None:
    rows = members()
    for time, values in rows:
        if at(5) <= time < at(5, 1):
            values["m3"] += 40
    assert group_alerts(rows) == [("m3", at(5))]


def test_a_move_of_the_whole_group_is_one_alert() -> None:
    rows = members()
    for time, values in rows:
        if at(5) <= time < at(5, 2):
            for n, name in enumerate(values):
                values[name] += 150 + 10 * n
    assert [name for name, time in group_alerts(rows) if at(5) <= time < at(5, 2)] == ["group"]


def test_of_two_members_nobody_is_told() -> None:
    rows = members(2)
    for time, values in rows:
        if at(5) <= time < at(5, 1):
            values["m1"] += 500
    assert not group_alerts(rows)


def test_a_group_goes_on_from_where_it_was_whatever_comes_again() -> None:
    rows = members(3, days=2)
    whole = group.update(None, rows)
    first, _ = group.update(None, rows[:300])
    rest = group.update(group.unpack(group.pack(first)), rows[300:])
    assert rest[0] == whole[0]
    assert rest[1] == whole[1][300:]
    assert group.update(rest[0], rows[-100:])[0] == whole[0]
    with pytest.raises(UnknownStateError):
        group.unpack(group.pack(group.Group(whole=State(model=Model(version=99)))))


# --- where evidence is asked for, as where many series are watched

MANY = Options(evidence=20.0)


def shifts() -> list[Point]:
    """The same shift twice, half a day apart."""
    return changed(changed(noisy(8), at(6), at(6, 1), 40), at(6, 12), at(6, 13), 40)


def test_a_forecast_waits_for_what_is_unusual_to_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def expected() -> float:
        results = update(None, changed(noisy(8), at(6), at(6, 1), 8), Options(evidence=1000.0))[1]
        return next(result.expected or 0.0 for result in results if result.time == at(6) + 3 * STEP)

    assert expected() < 101
    monkeypatch.setattr(model, "HOLDS", 0)
    assert expected() > 101.5


def test_an_incident_that_is_over_does_not_hide_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def second() -> list[float]:
        return [alert.time for alert in begun(shifts(), MANY) if at(6, 12) <= alert.time < at(6, 13)]

    assert second()
    before = Model.before
    monkeypatch.setattr(Model, "before", lambda state, rarity: before(state))
    assert not second()


def test_whoever_knows_what_was_counted_bounds_the_evidence() -> None:
    points = changed(noisy(8), at(6), at(6, 1), 60)
    assert [alert for alert in begun(points, MANY) if alert.time >= at(6)]
    bounded = [point._replace(most=lambda _: 19.0) for point in points]
    assert not begun(bounded, MANY)

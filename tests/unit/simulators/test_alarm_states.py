"""CloudWatch's rules of alarms, against the examples of its documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.simulators import alarm_states
from local.simulators.alarm_states import contributors, judge, state_of, states

OK, ALARM, GREY, KEEP = "OK", "ALARM", "INSUFFICIENT_DATA", "as it was"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
MINUTE = 60

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
# datapoints to alarm, the five newest datapoints (newest last; X beyond the threshold, 0 within, - missing), and the
# state under each treatment
DOCUMENTED = [
    (3, "0 - X - X", OK, OK, OK, OK),
    (3, "0 - - - -", OK, OK, OK, OK),
    (3, "- - - - -", GREY, KEEP, ALARM, OK),
    (3, "0 X X - X", ALARM, ALARM, ALARM, ALARM),
    (3, "- - X - -", ALARM, KEEP, ALARM, OK),
    (2, "0 - X - X", ALARM, ALARM, ALARM, ALARM),
    (2, "0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    (2, "0 - X - -", OK, OK, ALARM, OK),
    (2, "- - - - 0", OK, OK, ALARM, OK),
    (2, "- - - X -", ALARM, KEEP, ALARM, OK),
]
NOT_AT_ONCE = [(3, "- - - - X"), (3, "- - - X -"), (3, "- - - X 0"), (3, "- - X - 0")]


def _alarm(**more: Any) -> dict[str, Any]:
    return {
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 3,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "StateValue": KEEP,
        "StateReason": "",
        **more,
    }


def _points(drawn: str) -> list[tuple[int, float | None]]:
    values = {"X": 1.0, "0": 0.0, "-": None}
    return [(-index, values[mark]) for index, mark in enumerate(reversed(drawn.split()))]


def _after_the_documentation() -> list[tuple[int, str, str, str]]:
    return [
        (needed, drawn, treatment, state)
        for needed, drawn, *expected in DOCUMENTED
        for treatment, state in zip(TREATMENTS, expected, strict=True)
    ]


@pytest.mark.parametrize(("needed", "drawn", "treatment", "state"), _after_the_documentation())
def test_missing_data_is_treated_as_documented(needed: int, drawn: str, treatment: str, state: str) -> None:
    alarm = _alarm(DatapointsToAlarm=needed, TreatMissingData=treatment)
    assert judge(alarm, _points(drawn))[0] == state


@pytest.mark.parametrize(("needed", "drawn"), NOT_AT_ONCE)
def test_a_lonely_datapoint_sets_nothing_off_until_it_is_old(needed: int, drawn: str) -> None:
    assert judge(_alarm(DatapointsToAlarm=needed), _points(drawn))[0] != ALARM


@pytest.mark.parametrize("extra", [0, 1])
def test_the_examples_need_the_whole_evaluation_range(extra: int) -> None:
    differing = [
        drawn
        for needed, drawn, treatment, state in _after_the_documentation()
        if judge(_alarm(DatapointsToAlarm=needed, TreatMissingData=treatment), _points(drawn)[: 3 + extra])[0] != state
    ]
    assert differing


def test_datapoints_to_alarm_is_all_of_them_where_it_is_not_said() -> None:
    assert judge(_alarm(), _points("X X X"))[0] == ALARM
    assert judge(_alarm(), _points("X 0 X"))[0] == OK


@pytest.mark.parametrize(
    ("operator", "beyond"),
    [
        ("GreaterThanOrEqualToThreshold", {1.0, 2.0}),
        ("GreaterThanThreshold", {2.0}),
        ("LessThanThreshold", {0.0}),
        ("LessThanOrEqualToThreshold", {0.0, 1.0}),
    ],
)
def test_each_comparison_knows_on_which_side_the_threshold_is(operator: str, beyond: set[float]) -> None:
    alarm = _alarm(EvaluationPeriods=1, ComparisonOperator=operator)
    assert {value for value in (0.0, 1.0, 2.0) if judge(alarm, [(0, value)])[0] == ALARM} == beyond


def _at(*minutes: int, value: float = 1.0) -> Callable[[dict[str, Any], int, int], float | None]:
    """A metric that has a value in these minutes."""

    def statistic(query: dict[str, Any], start: int, period: int) -> float | None:
        found = sum(start <= minute * MINUTE < start + period for minute in minutes)
        return found * value if found else None

    return statistic


def test_periods_slide_by_the_minute() -> None:
    alarm = _alarm(EvaluationPeriods=1, TreatMissingData="notBreaching", Threshold=2)
    told = list(states(alarm, lambda _now: _at(4, 5), 0, 30 * MINUTE))
    assert next(now // MINUTE for now, state in told if state == ALARM) == 6


def test_an_alarm_whose_metric_falls_silent_stays_until_its_datapoint_leaves_the_evaluation_range() -> None:
    alarm = _alarm(EvaluationPeriods=1, TreatMissingData="notBreaching")
    told = dict(states(alarm, lambda _now: _at(4), 0, 40 * MINUTE))
    assert (told[4 * MINUTE], told[5 * MINUTE]) == (OK, ALARM)
    assert (told[19 * MINUTE], told[20 * MINUTE]) == (ALARM, OK)


@pytest.mark.parametrize(("period", "periods", "seconds"), [(10, 3, 10), (60, 1, 60), (3600, 24, 60), (3600, 25, 3600)])
def test_evaluations_come_every_minute_but_for_very_short_and_very_long_alarms(
    period: int, periods: int, seconds: int
) -> None:
    assert alarm_states.evaluation_interval(_alarm(Period=period, EvaluationPeriods=periods)) == seconds


@pytest.mark.parametrize(
    ("stat", "samples", "state"),
    [
        ("p99", 999, KEEP),
        ("p99", 1000, ALARM),
        ("p50", 19, KEEP),
        ("p50", 20, ALARM),
        ("p10", 99, KEEP),
        ("p10", 100, ALARM),
    ],
)
def test_a_percentile_of_few_values_is_not_looked_at_where_the_alarm_says_so(
    stat: str, samples: int, state: str
) -> None:
    def statistic(query: dict[str, Any], start: int, period: int) -> float:
        return samples if query["Stat"] == "SampleCount" else 5.0

    alarm = _alarm(EvaluationPeriods=1, ExtendedStatistic=stat)
    assert state_of({**alarm, "EvaluateLowSampleCountPercentile": "ignore"}, 0, statistic)[0] == state
    assert state_of({**alarm, "EvaluateLowSampleCountPercentile": "evaluate"}, 0, statistic)[0] == ALARM


def test_each_series_of_a_query_has_a_state_of_its_own_and_none_is_grey() -> None:
    alarm = _alarm(EvaluationPeriods=1)
    series = {"a": _points("X"), "b": _points("0"), "c": _points("-")}
    assert contributors(alarm, [], series) == (ALARM, {"a": ALARM, "b": OK, "c": OK})


def test_a_series_that_is_gone_is_over_and_without_any_series_the_alarm_is_grey() -> None:
    alarm = _alarm(EvaluationPeriods=1, TreatMissingData="breaching")
    assert contributors(alarm, ["a"], {"b": _points("0")}) == (OK, {"a": OK, "b": OK})
    assert contributors(alarm, ["a"], {}) == (GREY, {"a": OK})

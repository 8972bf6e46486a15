"""Metric math over time, as GetMetricData answers it."""

from __future__ import annotations

from typing import Any

import pytest

from local.simulators.metric_series import Result, evaluate
from local.simulators.metrics import Measured, Metric, Point

START = 1_795_168_800  # a full hour
VALUES = {"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, 20.0, None, 40.0]}


@pytest.fixture
def measured() -> Measured:
    metrics = Measured()
    for name, values in VALUES.items():
        points = [Point(START + 60 * at, value) for at, value in enumerate(values) if value is not None]
        metrics.put(Metric("math", "m", {"D": name}), *points)
    metrics.put(Metric("math", "spread", {}), *(Point(START, float(value), 2.0) for value in range(1, 101)))
    return metrics


def _stat(name: str, metric: str, stat: str = "Sum", **dimensions: str) -> dict[str, Any]:
    given = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    asked = {"Metric": {"Namespace": "math", "MetricName": metric, "Dimensions": given}, "Period": 60, "Stat": stat}
    return {"Id": name, "MetricStat": asked, "ReturnData": False}


def _ask(measured: Measured, expression: str, **more: str) -> list[Result]:
    queries = [_stat("a", "m", D="a"), _stat("b", "m", D="b"), {"Id": "e", "Expression": expression, **more}]
    return evaluate(queries, measured, START, START + 240)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a + 1", [2, 3, 4, 5]),
        ("100 * a / b", [10, 10, 10]),
        ("a + FILL(b, 0)", [11, 22, 3, 44]),
        ("FILL(b, REPEAT)", [10, 20, 20, 40]),
        ("SUM([a, b])", [11, 22, 3, 44]),
        ("SUM(METRICS())", [11, 22, 3, 44]),
        ("SUM(SEARCH('{math,D} MetricName=\"m\"', 'Sum', 60))", [11, 22, 3, 44]),
        ("MAX(a)", [4, 4, 4, 4]),
        ("RUNNING_SUM(a)", [1, 3, 6, 10]),
        ("DIFF(b)", [10, 20]),
        ("RATE(a) * PERIOD(a)", [1, 1, 1]),
        ("IF(a > 2, a, 0)", [0, 0, 3, 4]),
        ("IF(b > 10, b, 0)", [0, 20, 40]),
        ("IF(a > 2 AND b > 2, 1, 0)", [0, 0, 1]),
        ("IF(a > 2 OR b > 10, 1, 0)", [0, 1, 1]),
    ],
)
def test_an_expression_is_evaluated(measured: Measured, expression: str, values: list[float]) -> None:
    (result,) = _ask(measured, expression)
    assert not result.error
    assert list(result.values.values()) == pytest.approx(values)


def test_a_search_gives_a_series_each_with_the_label_it_asks_for(measured: Measured) -> None:
    search = "SEARCH('{math,D} MetricName=\"m\"', 'Sum', 60)"
    found = {
        each.label: list(each.values.values()) for each in _ask(measured, search, Label="${PROP('Dim.D')}: ${MAX}")
    }
    assert found == {"a: 4": [1, 2, 3, 4], "b: 40": [10, 20, 40]}
    assert [each.label for each in _ask(measured, f"SORT({search}, MAX, DESC)")] == ["b", "a"]
    assert [list(each.values.values()) for each in _ask(measured, f"{search} * 2")] == [[2, 4, 6, 8], [20, 40, 80]]


@pytest.mark.parametrize(
    ("stat", "value"),
    [("p50", 50), ("p90", 90), ("p99", 99), ("SampleCount", 200), ("Average", 50.5), ("Minimum", 1), ("Maximum", 100)],
)
def test_statistics_come_from_values_and_counts(measured: Measured, stat: str, value: float) -> None:
    (result,) = evaluate([{**_stat("s", "spread", stat), "ReturnData": True}], measured, START, START + 60)
    assert list(result.values.values()) == [value]


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(a)", "a +", "nobody + 1"])
def test_what_cannot_be_evaluated_says_so(measured: Measured, expression: str) -> None:
    (result,) = _ask(measured, expression)
    assert expression in result.error

"""What a widget's `metrics` ask CloudWatch for."""

from __future__ import annotations

import pytest

from local.viewer.metric_widget import auto_period, lines, one_period


def _asked(line):
    stat = line.query["MetricStat"]
    dimensions = {each["Name"]: each["Value"] for each in stat["Metric"]["Dimensions"]}
    return stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], dimensions, stat["Stat"], stat["Period"]


def test_a_row_is_a_namespace_a_name_and_pairs_of_dimensions():
    (line,) = lines({"metrics": [["AWS/Lambda", "Errors", "FunctionName", "f", {"stat": "Sum", "period": 60}]]}, None)
    assert _asked(line) == ("AWS/Lambda", "Errors", {"FunctionName": "f"}, "Sum", 60)


def test_dots_stand_for_what_is_above_them():
    rows = [["AWS/Lambda", "Errors", "FunctionName", "f"], [".", "Duration", ".", "."], ["...", "g"]]
    assert [_asked(line)[:3] for line in lines({"metrics": rows}, None)] == [
        ("AWS/Lambda", "Errors", {"FunctionName": "f"}),
        ("AWS/Lambda", "Duration", {"FunctionName": "f"}),
        ("AWS/Lambda", "Duration", {"FunctionName": "g"}),
    ]


def test_what_a_row_leaves_out_the_widget_says_and_else_cloudwatch():
    rows = [["n", "m"], ["n", "m", {"stat": "p99"}]]
    first, second = lines({"metrics": rows, "stat": "Sum", "period": 10}, None)
    assert (_asked(first)[3:], _asked(second)[3:]) == (("Sum", 10), ("p99", 10))
    (bare,) = lines({"metrics": [["n", "m"]]}, None)
    assert _asked(bare)[3:] == ("Average", 300)


def test_a_period_overrides_all_others_also_that_of_a_search():
    rows = [["n", "m", {"period": 60}], [{"expression": "SUM(SEARCH('{n,D} MetricName=\"m\"', 'Sum', 60))"}]]
    metric, search = lines({"metrics": rows}, 300)
    assert metric.query["MetricStat"]["Period"] == 300
    assert search.query["Expression"] == "SUM(SEARCH('{n,D} MetricName=\"m\"', 'Sum', 300))"
    (without,) = lines({"metrics": [[{"expression": "SEARCH('x','Sum')"}]]}, 300)
    assert without.query["Expression"] == "SEARCH('x','Sum', 300)"


def test_what_is_not_visible_is_asked_for_without_being_returned():
    hidden, _ = lines({"metrics": [["n", "m", {"id": "m1", "visible": False}], [{"expression": "m1 * 2"}]]}, None)
    assert hidden.query["Id"] == "m1"
    assert hidden.query["ReturnData"] is False


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ([["n", "a"], ["n", "b"]], ["a", "b"]),
        ([["n", "a", "D", "x"], ["n", "a", "D", "y"]], ["x", "y"]),
        ([["n", "a", "D", "x"], ["n", "a", "D", "y"], ["n", "b", "D", "y"]], ["x a", "y a", "y b"]),
        ([["n", "a", {"label": "mine"}]], ["mine"]),
        ([[{"expression": "1 + m1"}]], ["1 + m1"]),
    ],
)
def test_a_series_is_called_what_tells_it_apart(rows, labels):
    assert [line.label for line in lines({"metrics": rows}, None)] == labels


@pytest.mark.parametrize("row", [[], ["n"], ["n", "m", "D"]])
def test_a_row_that_is_no_metric_is_named(row):
    with pytest.raises(ValueError, match="is no metric"):
        lines({"metrics": [row]}, None)


def test_longer_ranges_have_longer_periods():
    assert [auto_period(hours * 3600) for hours in (1, 3, 12, 24, 72, 168, 24 * 60, 24 * 365)] == [
        60, 60, 300, 300, 900, 3600, 21600, 86400,
    ]  # fmt: skip


def test_one_period_holds_all_until_the_end():
    assert one_period(1_000_000_030.5) == 1_000_000_020 + 60 - 1_000_000_020 % 60
    assert one_period(1_000_000_030.5) % 60 == 0
    assert one_period(1_000_000_030.5) > 1_000_000_030

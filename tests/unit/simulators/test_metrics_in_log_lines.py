"""Metrics in log lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.aws import metrics
from local.simulators.emf import Datum, read


def _line(root: dict[str, Any], *names: str, dimensions: list[list[str]] | None = None) -> str:
    directive = {
        "Namespace": "n",
        "Dimensions": dimensions or [["Stage"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in names],
    }
    return json.dumps({"_aws": {"Timestamp": 1_795_168_800_500, "CloudWatchMetrics": [directive]}, **root})


def test_a_metric_has_the_namespace_the_dimensions_the_unit_and_the_time_of_its_line() -> None:
    assert list(read(_line({"Stage": "main", "a": 3}, "a"))) == [
        Datum("n", "a", {"Stage": "main"}, 1_795_168_800.5, "Count", [3.0])
    ]


def test_each_set_of_dimensions_is_a_metric_and_one_that_the_line_lacks_is_none() -> None:
    line = _line({"Stage": "main", "f": "x", "a": 1}, "a", dimensions=[["Stage"], ["Stage", "f"], ["missing"], []])
    assert [datum.dimensions for datum in read(line)] == [{"Stage": "main"}, {"Stage": "main", "f": "x"}, {}]


def test_several_values_are_one_metric_and_one_without_value_is_none() -> None:
    (datum,) = read(_line({"Stage": "main", "a": [1, 2.5]}, "a", "b"))
    assert datum.values == [1.0, 2.5]


@pytest.mark.parametrize(
    "line", ["", "plain", '{"a": 1}', '{"_aws": 1}', '{"_aws": {}}', "{", _line({"Stage": "m", "a": "many"}, "a")]
)
def test_any_other_line_has_no_metrics(line: str) -> None:
    assert list(read(line)) == []


def test_what_functions_print_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TRACELAKE_STAGE", "main")
    metrics.emit({"DeliveryErrors": 2, "MissingSubscriptions": 0})
    found = [(d.namespace, d.name, d.dimensions, d.values) for d in read(capsys.readouterr().out)]
    assert found == [
        ("tracelake", "DeliveryErrors", {"Stage": "main"}, [2.0]),
        ("tracelake", "MissingSubscriptions", {"Stage": "main"}, [0.0]),
    ]

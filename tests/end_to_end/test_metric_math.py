"""GetMetricData of the local run evaluates what dashboards ask for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from on_the_emulator import Deployed

START = datetime.fromtimestamp(time.time() // 3600 * 3600 - 7200, UTC)
VALUES = {"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, 20.0, None, 40.0]}


@pytest.fixture(scope="session")
def measured(deployed: Deployed) -> Deployed:
    data = [
        {
            "MetricName": "m",
            "Dimensions": [{"Name": "D", "Value": name}],
            "Timestamp": START + timedelta(minutes=at),
            "Value": value,
        }
        for name, values in VALUES.items()
        for at, value in enumerate(values)
        if value is not None
    ]
    every = [float(number) for number in range(1, 101)]
    spread = {"MetricName": "spread", "Timestamp": START, "Values": every, "Counts": [1.0] * 100}
    deployed.client("cloudwatch").put_metric_data(Namespace="math", MetricData=[*data, spread])
    return deployed


def _stat(name: str, metric: str, stat: str = "Sum", **dimensions: str) -> dict:
    given = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    asked = {"Metric": {"Namespace": "math", "MetricName": metric, "Dimensions": given}, "Period": 60, "Stat": stat}
    return {"Id": name, "MetricStat": asked, "ReturnData": False}


def _ask(deployed: Deployed, expression: str, **more: str) -> list[dict]:
    queries = [_stat("a", "m", D="a"), _stat("b", "m", D="b"), {"Id": "e", "Expression": expression, **more}]
    answer = deployed.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=START, EndTime=START + timedelta(minutes=4), ScanBy="TimestampAscending"
    )
    results: list[dict] = answer["MetricDataResults"]
    return results


def test_a_search_gives_a_series_each_with_the_label_it_asks_for(measured: Deployed) -> None:
    search = "SEARCH('{math,D} MetricName=\"m\"', 'Sum', 60)"
    found = {each["Label"]: each["Values"] for each in _ask(measured, search, Label="${PROP('Dim.D')}: ${MAX}")}
    assert found == {"a: 4": [1, 2, 3, 4], "b: 40": [10, 20, 40]}
    assert [each["Label"] for each in _ask(measured, f"SORT({search}, MAX, DESC)")] == ["b", "a"]
    assert [each["Values"] for each in _ask(measured, f"{search} * 2")] == [[2, 4, 6, 8], [20, 40, 80]]


def test_percentiles_come_from_values_and_counts(measured: Deployed) -> None:
    queries = [{**_stat(name, "spread", name), "ReturnData": True} for name in ("p50", "p90", "p99")]
    answer = measured.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=START, EndTime=START + timedelta(minutes=1)
    )
    values = [result["Values"][0] for result in answer["MetricDataResults"]]
    assert values == pytest.approx([50, 90, 99], abs=1)


def test_what_cannot_be_evaluated_says_so(measured: Deployed) -> None:
    (result,) = _ask(measured, "ANOMALY_DETECTION_BAND(a)")
    assert result["StatusCode"] == "InternalError"
    assert "ANOMALY_DETECTION_BAND" in result["Messages"][0]["Value"]

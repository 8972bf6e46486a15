from __future__ import annotations

import json
from datetime import datetime

import pytest
from feeding import NOW_MS, payload, read, rows, taken

POD = {
    "ClusterName": "shop",
    "Namespace": "carts",
    "PodName": "cart",
    "Sources": ["cadvisor"],
    "Timestamp": str(NOW_MS - 60_000),
    "Type": "Pod",
    "Version": "0",
    "kubernetes": {"pod_id": "p1"},
    "pod_cpu_utilization": 0.5,
    "pod_number_of_container_restarts": 2,
}
GROUP = "/aws/containerinsights/shop/performance"


def test_every_number_of_a_container_insights_event_is_a_metric_of_its_time_with_its_texts_as_labels() -> None:
    found = read("metrics", POD, group=GROUP)
    assert [(row["name"], row["value"]) for row in found] == [
        ("pod_cpu_utilization", 0.5),
        ("pod_number_of_container_restarts", 2.0),
    ]
    assert {row["namespace"] for row in found} == {"ContainerInsights"}
    assert found[0]["labels"] == {"ClusterName": "shop", "Namespace": "carts", "PodName": "cart", "Type": "Pod"}
    assert {row["time"] for row in found} == {datetime.fromisoformat("2026-09-21T14:12:20")}


def test_what_is_neither_number_nor_text_stays_in_the_line() -> None:
    (row,) = read("logs", POD, group=GROUP)
    assert json.loads(row["line"]) == POD


def test_units_and_namespace_are_those_of_the_directives() -> None:
    directives = [{"Namespace": "Own", "Dimensions": [["ClusterName"]], "Metrics": [{"Name": "a", "Unit": "Percent"}]}]
    found = read("metrics", {**POD, "CloudWatchMetrics": directives, "a": 7})
    assert {(row["name"], row["unit"], row["namespace"]) for row in found} == {
        ("a", "Percent", "Own"),
        ("pod_cpu_utilization", "None", "Own"),
        ("pod_number_of_container_restarts", "None", "Own"),
    }


def test_a_task_belongs_to_ecs() -> None:
    event = {"Version": "0", "Type": "Task", "TaskId": "t", "ClusterName": "c", "Timestamp": NOW_MS, "CpuUtilized": 1.5}
    (row,) = read("metrics", event, group="/aws/ecs/containerinsights/c/performance")
    assert (row["namespace"], row["name"], row["labels"]["TaskId"]) == ("ECS/ContainerInsights", "CpuUtilized", "t")


def test_lambda_insights_gives_also_the_numbers_that_its_directives_leave_out() -> None:
    directive = {
        "Namespace": "LambdaInsights",
        "Dimensions": [["function_name"]],
        "Metrics": [{"Name": "total_memory", "Unit": "Megabytes"}],
    }
    event = {
        "_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [directive]},
        "event_type": "performance",
        "function_name": "cart",
        "request_id": "r1",
        "total_memory": 128,
        "fd_use": 9,
    }
    normalizer = taken(payload(event, group="/aws/lambda-insights"))
    parts = {part.table: part.rows.to_pylist(maps_as_pydicts="strict") for part in normalizer.flush("c")}
    assert {(row["name"], row["unit"], row["service"]) for row in parts["metrics"]} == {
        ("total_memory", "Megabytes", "cart"),
        ("fd_use", "None", "cart"),
    }
    assert "request_id" not in parts["metrics"][0]["labels"]
    assert parts["logs"][0]["request_id"] == "r1"


def test_a_prometheus_metric_has_its_labels_whether_or_not_there_are_directives() -> None:
    event = {"prom_metric_type": "counter", "job": "nginx", "code": "200", "requests_total": 5, "Timestamp": NOW_MS}
    (row,) = read("metrics", event)
    assert (row["name"], row["value"]) == ("requests_total", 5.0)
    assert row["labels"] == {"prom_metric_type": "counter", "job": "nginx", "code": "200"}


def test_a_defined_metric_that_is_no_number_is_rejected_alone() -> None:
    directives = [{"Namespace": "Own", "Metrics": [{"Name": "bad"}, {"Name": "Type"}]}]
    normalizer = taken(payload({**POD, "CloudWatchMetrics": directives, "bad": [None]}))
    parts = {part.table: part.rows.to_pylist(maps_as_pydicts="strict") for part in normalizer.flush("c")}
    assert len(parts["metrics"]) == 2
    assert json.loads(parts["logs"][0]["line"])["rejected_metrics"] == ["bad", "Type"]


def test_a_line_of_an_application_that_names_a_cluster_is_a_log_line() -> None:
    (row,) = read("logs", {"ClusterName": "c", "level": "INFO", "message": "scaled", "count": 3})
    assert (row["message"], row["level"]) == ("scaled", "INFO")


STREAM = {
    "metric_stream_name": "all",
    "account_id": "222222222222",
    "region": "us-east-1",
    "namespace": "AWS/Lambda",
    "metric_name": "Duration",
    "dimensions": {"FunctionName": "cart"},
    "timestamp": NOW_MS - 60_000,
    "value": {"count": 3.0, "sum": 20.0, "max": 18.0, "min": 0.0, "p99": 17.5},
    "unit": "Milliseconds",
}


def test_each_statistic_of_a_metric_stream_is_a_row() -> None:
    found = read("metrics", STREAM)
    assert [(row["labels"]["statistic"], row["value"]) for row in found] == list(STREAM["value"].items())  # type: ignore[attr-defined]
    (first, *_) = found
    assert (first["namespace"], first["name"], first["unit"]) == ("AWS/Lambda", "Duration", "Milliseconds")
    assert (first["account"], first["region"], first["service"]) == ("222222222222", "us-east-1", "cart")
    assert first["labels"]["FunctionName"] == "cart"
    assert first["time"] == datetime.fromisoformat("2026-09-21T14:12:20")


def test_a_statistic_that_is_no_number_is_rejected_alone_and_named() -> None:
    normalizer = taken(payload({**STREAM, "value": {"count": 3, "p99": "NaN"}}))
    parts = {part.table: part.rows.to_pylist(maps_as_pydicts="strict") for part in normalizer.flush("c")}
    assert [row["value"] for row in parts["metrics"]] == [3.0]
    assert json.loads(parts["logs"][0]["line"])["rejected_metrics"] == ["Duration"]


@pytest.mark.parametrize("value", [None, 7, [], {}, {"count": None}, {"count": "many"}])
def test_a_metric_without_a_number_is_rejected_alone(value: object) -> None:
    normalizer = taken(payload(STREAM, {**STREAM, "value": value}, STREAM))
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (2, 1)
    assert normalizer.rejected[0].reason.startswith("UnusableMetricError: ")
    assert len(rows(normalizer, "metrics")) == 10


@pytest.mark.parametrize("dimensions", [None, "odd", {"": ""}, {"a": None}, {"a": {"b": 1}}])
def test_odd_dimensions_of_a_metric_stream_do_no_harm(dimensions: object) -> None:
    assert len(read("metrics", {**STREAM, "dimensions": dimensions})) == 5

from __future__ import annotations

import json

import pytest
from feeding import NOW_MS, payload, read, rows, taken


def emf(*directives: dict[str, object], **members: object) -> dict[str, object]:
    return {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": list(directives)}, **members}


def directive(namespace: str, metrics: list[str], *dimension_sets: list[str]) -> dict[str, object]:
    return {
        "Namespace": namespace,
        "Dimensions": list(dimension_sets),
        "Metrics": [{"Name": name, "Unit": "Count"} for name in metrics],
    }


def test_every_value_of_every_metric_of_every_directive_is_one_row() -> None:
    found = read(
        "metrics",
        emf(directive("a", ["x", "y"], ["service"]), directive("b", ["x"], []), service="orders", x=[1, 8.5], y=2),
    )
    assert [(row["row_no"], row["namespace"], row["name"], row["value"]) for row in found] == [
        (0, "a", "x", 1.0),
        (1, "a", "x", 8.5),
        (2, "a", "y", 2.0),
        (3, "b", "x", 1.0),
        (4, "b", "x", 8.5),
    ]
    assert {row["unit"] for row in found} == {"Count"}
    assert found[0]["service"] == "orders"


def test_a_value_counts_once_with_the_dimensions_of_all_sets_as_labels() -> None:
    (row,) = read(
        "metrics", emf(directive("a", ["x"], ["service", "env"], ["region"]), x=1, service="s", env="e", region="r")
    )
    assert row["labels"] == {"service": "s", "env": "e", "region": "r"}


def test_what_is_neither_metric_nor_dimension_is_kept_once_as_a_logs_row() -> None:
    normalizer = taken(
        payload(emf(directive("a", ["x"], ["service"]), x=1, service="s", requestId="r1", note={"a": 1}))
    )
    parts = {part.table: part.rows.to_pylist(maps_as_pydicts="strict") for part in normalizer.flush("c")}
    assert normalizer.counts.stored == 1
    assert len(parts["metrics"]) == 1
    (log,) = parts["logs"]
    assert (log["request_id"], json.loads(log["line"])["note"], log["row_no"]) == ("r1", {"a": 1}, 1)


@pytest.mark.parametrize(
    "line",
    [
        {"_aws": None},
        {"_aws": {"CloudWatchMetrics": "odd"}, "x": 1},
        emf({"Namespace": "a", "Metrics": [{"Name": "x"}]}, x="no number"),
        emf({"Namespace": "a", "Metrics": [{"Name": ["x"]}, 7]}, x=1),
        emf(directive("a", ["absent"], ["absent too"])),
        emf(directive("a", ["x"], []), x=[1, "two"]),
        emf(directive("a", ["x"], []), x=True),
    ],
)
def test_a_line_without_a_usable_value_is_a_logs_row_that_keeps_its_content(line: dict[str, object]) -> None:
    normalizer = taken(payload(line))
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (1, 0)
    (row,) = rows(normalizer, "logs")
    assert json.loads(row["line"]) == line


def test_the_time_of_a_metric_is_its_own() -> None:
    line = emf(directive("a", ["x"], []), x=1)
    line["_aws"]["Timestamp"] = NOW_MS - 60_000  # type: ignore[index]
    (row,) = read("metrics", line)
    assert row["time"].timestamp() * 1000 % 1000 == 0
    assert row["event_time"] is None

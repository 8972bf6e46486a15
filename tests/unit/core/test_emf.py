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
    ("line", "rejected"),
    [
        ({"_aws": None}, []),
        ({"_aws": {"CloudWatchMetrics": "odd"}, "x": 1}, []),
        (emf({"Namespace": "a", "Metrics": [{"Name": "x"}]}, x="no number"), ["x"]),
        (emf({"Namespace": "a", "Metrics": [{"Name": ["x"]}, 7]}, x=1), []),
        (emf(directive("a", ["absent"], ["absent too"])), ["absent"]),
        (emf(directive("a", ["x"], []), x=[]), ["x"]),
        (emf(directive("a", ["x"], []), x=True), ["x"]),
        (emf(directive("a", ["x"], []), x={"Values": "odd"}), ["x"]),
        (emf(directive("a", ["x"], []), x={"odd": 1}), ["x"]),
    ],
)
def test_a_line_without_a_usable_value_is_a_logs_row_that_keeps_its_content(
    line: dict[str, object], rejected: list[str]
) -> None:
    normalizer = taken(payload(line))
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (1, 0)
    (row,) = rows(normalizer, "logs")
    assert json.loads(row["line"]) == ({**line, "rejected_metrics": rejected} if rejected else line)


NOT_FINITE = (
    '{"_aws": {"CloudWatchMetrics": [{"Namespace": "a", "Metrics": [{"Name": "x"}, {"Name": "y"}]}]}, "x": %s, "y": 2}'
)


@pytest.mark.parametrize(
    ("written", "kept"),
    [("NaN", []), ("-Infinity", []), ("1e999", []), ("[1, NaN, 3]", [1.0, 3.0]), ('[1, "two"]', [1.0]), ("null", [])],
)
def test_a_value_that_is_no_number_is_rejected_alone_and_named_in_the_line(written: str, kept: list[float]) -> None:
    normalizer = taken(payload(NOT_FINITE % written))
    parts = {part.table: part.rows.to_pylist(maps_as_pydicts="strict") for part in normalizer.flush("c")}
    assert [(row["name"], row["value"]) for row in parts["metrics"]] == [*(("x", value) for value in kept), ("y", 2.0)]
    (log,) = parts["logs"]
    assert json.loads(log["line"])["rejected_metrics"] == ["x"]
    assert log["row_no"] == len(kept) + 1


def test_more_values_than_cloudwatch_takes_are_all_kept_in_order() -> None:
    found = read("metrics", emf(directive("a", ["x"], []), x=list(range(250))))
    assert [(row["row_no"], row["value"]) for row in found] == [(number, float(number)) for number in range(250)]


def test_a_metric_that_is_defined_twice_counts_once() -> None:
    twice = directive("a", ["x", "x"], ["service"])
    twice["Metrics"][1]["StorageResolution"] = 1  # type: ignore[index]
    assert len(read("metrics", emf(twice, twice, x=1, service="s"))) == 1


def test_each_statistic_of_a_statistic_set_is_a_row() -> None:
    found = read("metrics", emf(directive("a", ["x"], ["d"]), x={"Max": 3, "Min": 1, "Count": 2, "Sum": 4}, d=""))
    assert [(row["value"], row["labels"]) for row in found] == [
        (3.0, {"d": "", "statistic": "max"}),
        (1.0, {"d": "", "statistic": "min"}),
        (2.0, {"d": "", "statistic": "count"}),
        (4.0, {"d": "", "statistic": "sum"}),
    ]


def test_the_time_of_a_metric_is_its_own() -> None:
    line = emf(directive("a", ["x"], []), x=1)
    line["_aws"]["Timestamp"] = NOW_MS - 60_000  # type: ignore[index]
    (row,) = read("metrics", line)
    assert row["time"].timestamp() * 1000 % 1000 == 0
    assert row["event_time"] is None


@pytest.mark.parametrize("user", ["u1", 7])
def test_the_log_line_of_a_metric_stays_whole_where_a_person_is_hidden_in_it(user: object) -> None:
    line = emf(directive("a", ["x"], ["service"]), x=1, service="s", user_id=user)
    (row,) = read("logs", line)
    shown = json.loads(row["line"])
    assert shown.pop("user_id").startswith("~")
    assert shown == {name: value for name, value in line.items() if name != "user_id"}

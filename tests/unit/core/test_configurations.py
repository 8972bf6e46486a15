from __future__ import annotations

from typing import Any

from functions.core.configurations import Snapshot, configuration, decode, differences, encode

TAKEN_MS, NOW_MS = 1_790_000_000_000, 1_790_086_400_000
MODIFIED, MODIFIED_MS = "2026-09-22T02:00:00.000+0000", 1_790_042_400_000
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:checkout"
FUNCTION: dict[str, Any] = {
    "FunctionName": "checkout",
    "FunctionArn": ARN,
    "Runtime": "python3.13",
    "MemorySize": 128,
    "Timeout": 3,
    "CodeSha256": "abc=",
    "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:111122223333:layer:base:1"}],
    "Environment": {"Variables": {"PASSWORD": "hunter2", "MODE": "hunter2"}},
    "LastModified": "2026-09-01T00:00:00.000+0000",
}
BEFORE = Snapshot(TAKEN_MS, {ARN: configuration(FUNCTION)})


def changed(before: Snapshot | None = BEFORE, **members: Any) -> list[dict[str, Any]]:
    return differences(before, {ARN: configuration({**FUNCTION, **members})}, NOW_MS)


def test_no_value_of_an_environment_variable_is_kept() -> None:
    assert configuration(FUNCTION)["environment_names"] == ["MODE", "PASSWORD"]
    assert b"hunter2" not in encode(BEFORE)


def test_the_first_snapshot_and_one_that_is_equal_tell_of_no_change() -> None:
    assert changed(None) == []
    assert changed() == []


def test_a_change_has_old_and_new_values_and_the_time_that_lambda_says() -> None:
    (event,) = changed(MemorySize=256, Runtime="python3.14", LastModified=MODIFIED)
    assert event["changes"] == {
        "runtime": {"old": "python3.13", "new": "python3.14"},
        "memory_mb": {"old": 128, "new": 256},
    }
    assert (event["action"], event["function"], event["time"]) == ("updated", "checkout", MODIFIED_MS)


def test_every_part_of_a_configuration_is_compared() -> None:
    other = {
        "Runtime": "java25",
        "MemorySize": 1,
        "Timeout": 1,
        "Handler": "h",
        "Architectures": ["arm64"],
        "Layers": [],
        "CodeSha256": "b",
        "Environment": {"Variables": {"NEW": "x"}},
    }
    found = {
        name for member, value in other.items() for event in changed(**{member: value}) for name in event["changes"]
    }
    assert found == configuration(FUNCTION).keys() - {"name", "last_modified"}


def test_a_function_that_was_modified_in_a_way_that_is_not_kept_is_a_change() -> None:
    (event,) = changed(Environment={"Variables": {"PASSWORD": "other", "MODE": "hunter2"}}, LastModified=MODIFIED)
    assert event["changes"].keys() == {"last_modified"}


def test_a_new_and_a_deleted_function_are_changes() -> None:
    (created,) = differences(
        Snapshot(TAKEN_MS, {}), {ARN: configuration({**FUNCTION, "LastModified": MODIFIED})}, NOW_MS
    )
    assert (created["action"], created["function"], created["time"]) == ("created", "checkout", MODIFIED_MS)
    (deleted,) = differences(BEFORE, {}, NOW_MS)
    assert (deleted["action"], deleted["function"], deleted["time"]) == ("deleted", "checkout", NOW_MS)


def test_the_same_change_has_the_same_id_whenever_it_is_found() -> None:
    now = {ARN: configuration({**FUNCTION, "MemorySize": 256, "LastModified": MODIFIED})}
    first, later = differences(BEFORE, now, NOW_MS), differences(BEFORE, now, NOW_MS + 60_000)
    assert first == later


def test_a_time_before_the_last_snapshot_or_in_the_future_is_no_time_of_a_change() -> None:
    for modified in ("2020-01-01T00:00:00.000+0000", "2036-01-01T00:00:00.000+0000", "soon"):
        (event,) = changed(MemorySize=256, LastModified=modified)
        assert event["time"] == NOW_MS


def test_what_an_earlier_release_did_not_keep_is_no_change() -> None:
    kept = {name: value for name, value in configuration(FUNCTION).items() if name != "handler"}
    assert changed(Snapshot(TAKEN_MS, {ARN: kept}), Handler="app.handle") == []


def test_a_snapshot_that_cannot_be_read_counts_as_none() -> None:
    assert decode(encode(BEFORE)) == BEFORE
    assert decode(b"") is None
    assert decode(b'{"functions": 7}') is None

"""What was deployed lately, small enough to be read for a message."""

from __future__ import annotations

import json
from typing import Any

from test_derived import table

from functions.core.watch.deployed import MOST, Deployments, between, lines


def change(time: int, **members: Any) -> dict[str, Any]:
    return {"time": time, "status": "succeeded"} | members


def of(*rows: dict[str, Any]) -> Deployments:
    made = Deployments()
    made.add_rows(table("deployments", *rows))
    return Deployments.of(json.loads(json.dumps(made.bounded().plain())))


def test_changes_of_a_stack_are_one_deployment_with_what_changed_and_the_last_version() -> None:
    first = of(
        change(10, stack="shop", service="checkout", service_version="41"),
        change(20, stack="shop", resource="Table", status="failed"),
        change(5, service="mailer"),
        change(6, commit_sha="abc"),
    )
    second = of(change(30, stack="shop", service="checkout", service_version="42"))
    for hours in ((first, second), (second, first)):
        found = between(hours, 0, 100)
        assert [name for name, _ in found] == ["shop", "abc", "mailer"]
        assert found[0][1].plain() == [3, 1, 10, 30, "42", ["Table", "checkout"]]
    assert [name for name, _ in between([first], 6, 20)] == ["abc"]


def test_the_latest_are_kept() -> None:
    made = of(*(change(number, service=f"s{number}") for number in range(MOST + 5)))
    assert len(made.found.entries) == MOST
    assert ("s104",) in made.found.entries


def test_a_message_names_the_latest_with_when_and_what_and_nothing_that_is_not_plain() -> None:
    minute = 60_000
    made = of(
        change(10 * minute, stack="shop\x1b[31m", service="checkout", service_version="42"),
        change(9 * minute, stack="shop\x1b[31m", resource="Table", status="failed"),
        change(25 * minute, service="mailer"),
        *(change(number, service=f"s{number}") for number in range(3)),
    )
    assert lines(between([made], 0, 30 * minute), 22 * minute) == [
        "- 00:25 UTC, 3 min after: mailer",
        "- 00:10 UTC, 12 min before: shop[31m 42 (Table, checkout), 1 of 2 changes failed",
        "- 00:00 UTC, 22 min before: s2",
        "- and 2 more",
    ]
    assert lines([], 0) == []

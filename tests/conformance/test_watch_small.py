"""A small case of what ``python -m tests.conformance.watch_runs`` measures."""

from __future__ import annotations

import pytest

from functions.core.watch.wishes import Wishes
from tests.conformance import watch_runs
from tests.conformance.watch_world import DAY


def test_what_goes_plainly_wrong_is_told_once_and_little_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_runs, "LEARNT", 3 * DAY)
    monkeypatch.setattr(
        watch_runs,
        "KINDS",
        {kind: watch_runs.KINDS[kind] for kind in ("failing dependency", "all silent", "new error")},
    )
    found = watch_runs.run(services=3, customers=4, seed=2, days=2, wishes=Wishes())
    told = [beginnings for kind in found.told.values() for beginnings in kind]
    assert len(told) == 3
    assert [len(beginnings) for beginnings in told] == [1, 1, 1]
    assert max(beginnings[0] for beginnings in told) <= 7
    assert found.false <= 2

"""`tracelake alerts`: what was told, what would be told, and to begin anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_detect_function import HOUR_MS, Account, _at, account, learnt  # noqa: F401

from cli import target
from cli.main import main
from functions.aws.signals import STATE_KEY
from functions.aws.summaries import INCIDENTS


@pytest.fixture
def deployed(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:  # noqa: F811
    """An account with an incident that is over."""
    place = target.Target("here", "db", "wg", "stream", "dead", "state", "lake")
    monkeypatch.setattr(target, "find", lambda _stage, local: place)
    account.goes_on(0.25, failing=0.3)
    account.look()
    account.goes_on(2)
    account.look()
    return account


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["alerts", *arguments]) == 0
    return capsys.readouterr().out


def test_it_lists_what_was_unusual(deployed: Account, capsys: pytest.CaptureFixture[str]) -> None:
    text = _said(capsys)
    assert "series are watched in here, since 3 days" in text
    assert "failures of checkout rose to" in text
    assert "(lasted " in text
    found = json.loads(_said(capsys, "--json"))
    assert [each["title"].startswith("Over after") for each in found["shown"]] == [True]


def test_what_was_over_before_the_time_asked_for_is_left_out(
    deployed: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.now_ms += 5 * HOUR_MS
    assert "Nothing unusual" in _said(capsys, "--since", "1h")


def test_a_replay_says_how_often_it_would_have_fired(deployed: Account, capsys: pytest.CaptureFixture[str]) -> None:
    text = _said(capsys, "--replay", "--since", "1d")
    assert "Failures of checkout" in text
    assert "It would have fired once in 24 hours" in text
    found = json.loads(_said(capsys, "--replay", "--since", "1d", "--per-week", "0.1", "--json"))
    assert found["incidents"] == 1


def test_a_wish_that_is_none_is_refused(deployed: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--replay", "--per-week", "0"]) == 1
    assert "--per-week: Expected" in capsys.readouterr().err


def test_detect_learns_anew_when_it_is_asked_to(deployed: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert "learns anew in here" in _said(capsys, "--learn-again")
    assert deployed.objects[STATE_KEY] == b""
    judged: Any = deployed.look()["judged"]
    assert judged == 3 * 288 + 27


def test_where_nothing_was_judged_it_says_so(deployed: Account, capsys: pytest.CaptureFixture[str]) -> None:
    del deployed.objects[INCIDENTS]
    assert main(["alerts"]) == 1
    assert "judged nothing yet in here" in capsys.readouterr().err

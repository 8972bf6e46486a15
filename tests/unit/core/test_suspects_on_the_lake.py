"""``tracelake suspects --since``: the times that are meant, and the same answer as from the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from made_incidents import START_MS, in_lake, incident, usual

from cli import ask, suspects, target
from cli.in_memory import InMemory
from cli.main import main
from functions.aws import athena, clients
from functions.core.accounting import Part
from functions.core.questions import TimeRange, load_all
from functions.core.schema import hour_of
from functions.core.traces.compared import requests_of
from functions.core.traces.suspects import Rows, rank

NOW = datetime(2026, 11, 20, 14, 30, 45, tzinfo=UTC)
AT = datetime.fromtimestamp(START_MS / 1000, UTC)
MINUTES = timedelta(minutes=1)
BEFORE, USUALLY = START_MS - 20 * 60_000, usual()
FAULT = incident(slow={"stock": 100.0})


def put(*times: tuple[Rows, int]) -> InMemory:
    parts = [
        Part(name, hour_of(at), table)
        for rows, at in times
        for name, table in zip(("spans", "logs"), in_lake(rows, at), strict=True)
    ]
    return InMemory(parts)


def asked(lake: InMemory, start: datetime, end: datetime, top: int = 30_000) -> Rows:
    _, rows = lake.ask(load_all()[suspects.QUESTION], {"top": top}, TimeRange(start, end))
    return suspects.of_rows(rows)


@pytest.fixture(scope="module")
def lake() -> InMemory:
    return put((USUALLY, BEFORE), (FAULT, START_MS))


def test_what_is_asked_of_two_times_gives_the_same_suspects_as_their_rows(lake: InMemory) -> None:
    before, now = asked(lake, AT - 20 * MINUTES, AT), asked(lake, AT, AT + MINUTES)
    assert rank(before, now) == rank(USUALLY, FAULT)


def test_so_many_rows_at_most_are_of_whole_requests(lake: InMemory) -> None:
    everything, some = asked(lake, AT, AT + MINUTES), asked(lake, AT, AT + MINUTES, top=300)
    assert 200 < some.spans.num_rows + some.logs.num_rows <= 300
    for part, whole in zip(some, everything, strict=True):
        chosen = set(some.spans["trace_id"].to_pylist())
        assert part.num_rows == sum(trace in chosen for trace in whole["trace_id"].to_pylist())
    assert requests_of(some) < requests_of(everything)


def test_a_row_that_an_open_hour_has_twice_is_asked_once() -> None:
    once, twice = put((FAULT, START_MS)), put((FAULT, START_MS), (FAULT, START_MS))
    assert asked(twice, AT, AT + MINUTES) == asked(once, AT, AT + MINUTES)


def test_lines_of_a_request_without_a_trace_are_asked_and_those_of_none_are_not() -> None:
    lines = [
        {"request_id": "r-1", "message": "of a request"},
        {"message": "of none"},
        {"trace_id": "a" * 32, "message": "x" * 500},
    ]
    rows = Rows(USUALLY.spans.slice(0, 0), pa.Table.from_pylist(lines, USUALLY.logs.schema))
    found = asked(put((rows, START_MS)), AT, AT + MINUTES)
    assert sorted(found.logs["message"].to_pylist()) == ["of a request", "x" * 300]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("14:00", NOW.replace(minute=0, second=0)),
        ("9:05", NOW.replace(hour=9, minute=5, second=0)),
        ("14:31", NOW.replace(day=19, minute=31, second=0)),
        ("20m", NOW - 20 * MINUTES),
        ("2026-11-19T08:15", datetime(2026, 11, 19, 8, 15, tzinfo=UTC)),
        ("2026-11-19T08:15:30+02:00", datetime(2026, 11, 19, 6, 15, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_clock_time_a_span_or_a_date(text: str, at: datetime) -> None:
    assert suspects.moment(text, NOW) == at


@pytest.mark.parametrize("text", ["", "25:00", "soon", "14"])
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        suspects.moment(text, NOW)


class Asked:
    """The command with a lake in memory in place of Athena; ``times`` are those it asked about."""

    def __init__(self, lake: InMemory, patch: pytest.MonkeyPatch) -> None:
        self.times: list[tuple[datetime, datetime]] = []

        def rows_between(name: str, values: dict[str, Any], times: TimeRange, *_: object) -> list[dict[str, Any]]:
            self.times.append((times.start, times.end))
            return lake.ask(load_all()[name], values, times)[1]

        patch.setattr(ask, "rows_between", rows_between)


@pytest.fixture
def command(lake: InMemory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    return Asked(lake, monkeypatch)


def _iso(at: datetime) -> str:
    return at.isoformat()


def test_the_cause_of_an_incident_in_the_lake_is_told(command: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    times = ["--since", _iso(AT - 10 * MINUTES), "--until", _iso(AT + 5 * MINUTES)]
    assert main(["suspects", *times]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("1. stock: likely (0.7")
    assert told.err == "120 traces of the baseline, 80 of the incident\n"
    # the usual time is the half hour before, with a margin
    assert command.times == [(AT - 45 * MINUTES, AT - 15 * MINUTES), (AT - 10 * MINUTES, AT + 5 * MINUTES)]


def test_the_baseline_can_be_given_and_programs_get_json(command: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    times = ["--since", _iso(AT), "--until", _iso(AT + MINUTES)]
    usual_ = ["--baseline-since", _iso(AT - 20 * MINUTES), "--baseline-until", _iso(AT - 19 * MINUTES)]
    assert main(["suspects", *times, *usual_, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["suspects"][0]["service"] == "stock"
    assert command.times[0] == (AT - 20 * MINUTES, AT - 19 * MINUTES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "give --since"),
        (["--baseline", "a"], "give --since"),
        (["--since", "14:00", "--incident", "a"], "give --since"),
        (["--baseline-since", "13:00"], "give --since"),
        (["--until", "14:00"], "is no time: 14:00, 20m or"),
        (["--since", "20m", "--until", "30m"], "is no time that is over"),
        (["--since", "20m", "--until", "2100-01-01"], "is no time that is over"),
        (["--since", "30d"], "longer than a day"),
        (["--since", "2023-11-14T23:43:20", "--until", "2023-11-14T23:43:21"], "no spans or log lines of requests"),
    ],
)
@pytest.mark.usefixtures("command")
def test_what_cannot_be_compared_is_said(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suspects", *given]) == 1
    assert said in capsys.readouterr().err


def test_athena_is_asked_about_exactly_these_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    literals: list[list[str]] = []

    def run(_client: object, _sql: str, values: list[str], **_: object) -> athena.Result:
        literals.append(values)
        return athena.Result((), [], 0)

    where = target.Target("here", "d", "w", "s", "b", "t", "l")
    monkeypatch.setattr(target, "find", lambda _stage, local: where)
    monkeypatch.setattr(athena, "run", run)
    monkeypatch.setattr(clients, "client", lambda _: None)
    assert main(["suspects", "--since", "2026-11-19T08:15:30", "--until", "2026-11-19T09:05"]) == 1
    hours = ["'2026-11-19-07'", "'2026-11-19-08'", "'2026-11-19 07:21:00.000'", "'2026-11-19 08:10:30.000'"]
    assert literals == [[*hours, *hours, "30000"]]
    told = capsys.readouterr().err
    assert "2026-11-19 07:21:00 to 08:10:30 UTC, in here" in told
    assert "no spans or log lines of requests in the baseline" in told

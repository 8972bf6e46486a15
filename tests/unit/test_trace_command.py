"""``tracelake trace``: one request from files and from the lake, for people and for programs."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import ask, main, trace

TRACE = "5759e988bd862e3fe1be46a994272793"
XRAY = "1-5759e988-bd862e3fe1be46a994272793"
START = 1_790_000_000_000


def span(id_: str, start: int, duration: int, parent: str = "", **attributes: object) -> dict[str, object]:
    kind = "CLIENT" if "aws.remote.service" in attributes else "SERVER"
    failed = "exception.type" in attributes
    return {
        "traceId": TRACE,
        "spanId": id_ * 16,
        "parentSpanId": parent * 16,
        "name": str(attributes.get("name", id_)),
        "kind": kind,
        "startTimeUnixNano": (START + start) * 1_000_000,
        "endTimeUnixNano": (START + start + duration) * 1_000_000,
        "attributes": {"aws.local.service": "checkout", **attributes},
        "status": {"code": "ERROR" if failed else "UNSET"},
        "resource": {"attributes": {"service.name": "checkout"}},
    }


HOSTILE = "declined \x1b[2J\u202e"
LINES = [
    span("a", 0, 900, **{"faas.invocation_id": "8edab1f8-7d34-4a8e-a965-15ccbbb78d4c", "exception.type": "Failed"}),
    span("b", 100, 700, "a", **{"aws.remote.service": "payments", "aws.remote.operation": "POST /charges",
                                "exception.type": "CardError", "exception.message": HOSTILE}),
    *(span(f"{n:x}", 10 * n, 5, "a", name=f"step {n}") for n in range(1, 10)),
    {"level": "WARN", "message": "trying again", "timestamp": "2026-09-21T14:13:20.500Z", "trace_id": TRACE,
     "span_id": "b" * 16},
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)))
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main.main(["trace", *map(str, arguments)]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


@pytest.mark.parametrize("wanted", [TRACE, XRAY, f"Root={XRAY};Sampled=1", "8edab1f8-7d34-4a8e-a965-15ccbbb78d4c"])
def test_a_request_of_a_file_is_found_by_any_form_of_its_id(capsys, file, wanted):
    shown = told(capsys, wanted, "--file", file)
    head, cause = shown.splitlines()[:2]
    assert head.startswith("a \u00b7 checkout  failed  900 ms")
    assert cause == "Likely cause: payments: CardError: declined \ufffd[2J\ufffd"
    assert "    WARN trying again" in shown
    assert "Where the time went: 78% payments (being called)" in shown


def test_a_program_gets_numbers(capsys, file):
    found = json.loads(told(capsys, TRACE, "--file", file, "--format", "json"))
    assert (found["start_ms"], found["duration_ms"], found["failed"]) == (START, 900, True)
    assert len(found["steps"]) == 11
    call = next(step for step in found["steps"] if step["what"] == "payments POST /charges")
    assert (call["parent"], call["duration_ms"], call["log_lines"], call["status"]) == (0, 700, 1, "fault")
    assert sum(each["ms"] for each in found["time"]) == pytest.approx(900)


def test_of_many_steps_those_that_say_most_are_shown_and_the_others_counted(capsys, file, monkeypatch):
    monkeypatch.setattr(trace, "MOST_STEPS", 3)
    shown = told(capsys, TRACE, "--file", file)
    assert "payments POST /charges" in shown
    assert "  and 8 more" in shown


def test_calls_that_are_alike_are_one_line_with_what_they_took_together(capsys, tmp_path):
    calls = [
        span(
            f"{n:x}", 100 * n, 50 + n, "a", **{"aws.remote.service": "AWS::DynamoDB", "aws.remote.operation": "GetItem"}
        )
        for n in range(1, 8)
    ]
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, [span("a", 0, 900), *calls])))
    shown = told(capsys, TRACE, "--file", path)
    (line,) = [line for line in shown.splitlines() if "GetItem" in line]
    assert line.split()[:7] == ["7", "\u00d7", "DynamoDB", "GetItem", "100", "ms", "378"]
    assert line.count(" \u2588") == 7


def test_an_id_that_nothing_ran_as_is_an_error(capsys, file):
    assert "nothing ran as 1-2 in these files" in told(capsys, "1-2", "--file", file, status=1)
    assert "nothing ran as" in told(capsys, "f" * 32, "--file", file, status=1)


def test_the_lake_is_asked_by_the_id(capsys, monkeypatch):
    asked = []
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    row = defaultdict(
        lambda: None, fact="invocation", time=at, duration_ms=250.0, service="checkout", request_id="r-1",
        trace_id=TRACE, status="timeout", cost_usd=0.00002,
    )  # fmt: skip

    def rows(*given):
        asked.append(given)
        return [row]

    monkeypatch.setattr(ask, "rows", rows)
    shown = told(capsys, "r-1", "--since", "7d")
    assert asked[0][:3] == ("what_happened", {"id": "r-1"}, "7d")
    assert "Likely cause: checkout: Lambda ended it after 250 ms" in shown
    assert "$20.00 for a million like it" in shown

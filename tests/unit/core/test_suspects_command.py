"""``tracelake suspects`` on files: a handler's spans as aws/spans has them, and its lines as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from made_incidents import incident, usual

from cli import suspects
from cli.errors import CommandError
from cli.main import main
from functions.core.traces.suspects import Rows

_STATUS = {"ok": {"code": "UNSET"}, "fault": {"code": "ERROR"}, "throttle": {"code": "xray.throttle"}}


def written(rows: Rows, folder: Path) -> list[str]:
    """The files of some rows: spans and log lines, one JSON object a line."""
    folder.mkdir()
    lines = {"spans": map(_span, rows.spans.to_pylist()), "logs": map(_line, rows.logs.to_pylist())}
    for name, objects in lines.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, objects)))
    return [str(folder)]


def _span(row: dict[str, Any]) -> dict[str, Any]:
    start = int(row["start_time"].timestamp() * 1000) * 1_000_000
    links = [{"traceId": link["trace_id"], "spanId": link["span_id"]} for link in row["links"] or ()]
    attributes = json.loads(row["span_attributes"] or "{}")
    if row["remote_service"]:
        attributes |= {"aws.remote.service": row["remote_service"], "aws.remote.operation": row["remote_operation"]}
    return {
        "resource": {"attributes": {"service.name": row["service"]}},
        "traceId": row["trace_id"],
        "spanId": row["span_id"],
        "parentSpanId": row["parent_span_id"],
        "name": row["name"],
        "kind": row["kind"].upper(),
        "startTimeUnixNano": start,
        "endTimeUnixNano": start + round(row["duration_ms"] * 1e6),
        "status": _STATUS[row["status"]],
        "attributes": attributes,
        "links": links,
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    names = ("service", "trace_id", "span_id", "level", "message")
    return {"timestamp": "2026-11-25T00:00:00Z"} | {name: row[name] for name in names}


def said(before: Rows, now: Rows, folder: Path, *, as_json: bool = False) -> str:
    out = io.StringIO()
    files = written(before, folder / "before"), written(now, folder / "now")
    assert suspects.run(*files, rules="", as_json=as_json, out=out) == 0
    return out.getvalue()


def test_people_read_the_suspect_with_its_evidence(tmp_path: Path) -> None:
    text = said(usual(), incident(throttled={"DynamoDB orders": 0.5}), tmp_path)
    assert text.startswith("1. DynamoDB orders: likely (")
    assert "   - Get fails, and nothing that it calls: 0% -> " in text
    assert "2." not in text


def test_programs_get_the_same_as_json(tmp_path: Path) -> None:
    answer = json.loads(said(usual(), incident(far={"mailer": 900.0}), tmp_path, as_json=True))
    assert answer["found"] is True
    suspect = answer["suspects"][0]
    assert (suspect["service"], suspect["confidence"]) == ("mailer", "likely")
    assert suspect["routes"] == ["gateway GET /orders"]
    assert suspect["evidence"][0]["sentence"].startswith("time between call and start, orders -> mailer: ")
    assert 30 < suspect["evidence"][0]["before"] < 60
    assert suspect["evidence"][0]["now"] > 900


def test_that_nothing_differs_is_an_answer(tmp_path: Path) -> None:
    text = said(usual(), usual(), tmp_path)
    assert text == "No difference found that points to a service.\n"


def test_what_a_terminal_would_obey_is_not_written_to_it(tmp_path: Path) -> None:
    now = incident(failing={"stock": 0.5})
    hostile = [row | {"message": "\x1b[2Jgone\u202e" + row["message"]} for row in now.logs.to_pylist()]
    text = said(usual(), Rows(now.spans, now.logs.from_pylist(hostile, now.logs.schema)), tmp_path)
    assert "gone" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_secrets_in_log_lines_stay_hidden(tmp_path: Path) -> None:
    now = incident(failing={"stock": 0.5})
    secret = [row | {"message": row["message"] + " for AKIAIOSFODNN7EXAMPLE"} for row in now.logs.to_pylist()]
    text = said(usual(), Rows(now.spans, now.logs.from_pylist(secret, now.logs.schema)), tmp_path, as_json=True)
    assert "stock failed for" in text
    assert "AKIAIOSFODNN7EXAMPLE" not in text


def test_lines_alone_can_say_it(tmp_path: Path) -> None:
    before, now = usual(), incident(failing={"stock": 0.6})
    nothing = before.spans.slice(0, 0)
    text = said(Rows(nothing, before.logs), Rows(nothing, now.logs), tmp_path)
    assert "stock: likely" in text
    assert "new ERROR line 'stock failed'" in text


def test_a_time_of_which_there_is_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("")
    files = written(usual(), tmp_path / "usual")
    with pytest.raises(CommandError, match="no spans or log lines in the files of the incident"):
        suspects.run(files, [str(tmp_path / "empty.json")], "", as_json=False, out=io.StringIO())


def test_the_command_takes_several_files_for_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(usual(), tmp_path / "before")
    written(incident(slow={"stock": 100.0}), tmp_path / "now")
    files = [[str(tmp_path / time / name) for name in ("spans.jsonl", "logs.jsonl")] for time in ("before", "now")]
    assert main(["suspects", "--baseline", *files[0], "--incident", *files[1]]) == 0
    assert capsys.readouterr().out.startswith("1. stock: likely")

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from feeding import REPORT, REQUEST, payload, span

from cli import rows
from cli.errors import CommandError

LOG = {"level": "INFO", "message": "hello", "timestamp": "2024-07-01T11:00:37.886Z"}
API_EVENT = {
    "timestamp": 1665417425981,
    "message": "hello",
    "ingestionTime": 1665417427730,
    "eventId": "37",
    "logStreamName": "s",
}


class Printed:
    """What the command prints for a file with this content."""

    def __init__(self, folder: Path, content: bytes | str, format: str | None = None) -> None:
        file = folder / "input.log"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, err = io.StringIO(), io.StringIO()
        self.status = rows.run([str(file)], format, out, err)
        self.lines = [json.loads(line) for line in out.getvalue().splitlines()]
        self.totals: dict[str, Any] = json.loads(err.getvalue().splitlines()[-1])

    def of(self, table: str) -> list[dict[str, Any]]:
        return [line["row"] for line in self.lines if line.get("table") == table]


@pytest.mark.parametrize(
    "content",
    [
        payload("hello"),
        gzip.compress(payload("hello")),
        json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(payload("hello"))).decode()}}),
        json.dumps([{"awslogs": {"data": base64.b64encode(payload("hello")).decode()}}]),
        json.dumps({"events": [API_EVENT], "searchedLogStreams": []}),
        json.dumps(API_EVENT),
        json.dumps(LOG, indent=2),
        json.dumps([LOG]),
        "hello\n",
        gzip.compress(b"\xef\xbb\xbfhello\r\n"),
    ],
    ids=[
        "payload",
        "gzip",
        "for Lambda",
        "several for Lambda",
        "API",
        "API event",
        "JSON",
        "JSON array",
        "text",
        "text, gzip",
    ],
)
def test_the_format_of_a_file_is_found(tmp_path: Path, content: bytes | str) -> None:
    printed = Printed(tmp_path, content)
    assert [row["message"] for row in printed.of("logs")] == ["hello"]
    assert printed.totals == {"events": 1, "stored": 1, "folded": 0, "rejected": 0, "rows": {"logs": 1}}
    assert printed.status == 0


def test_a_log_file_is_cut_into_events_where_they_begin(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no order'
    error = f"[ERROR] ValueError: no order\n{trace}"
    text = f"START RequestId: {REQUEST} Version: 1\n{error}\n{json.dumps(LOG, indent=1)}\nlast\n{REPORT}"
    xray = "XRAY TraceId: 1-5d83c0ad-b8eb33a0b1de97d804fac890\tSegmentId: 31255c3b19bd3637\tSampled: true"
    printed = Printed(tmp_path, text + xray)
    assert sorted(row["message"] for row in printed.of("logs")) == [error, "hello", "last"]
    (invocation,) = printed.of("invocations")
    assert (invocation["trace_id"], invocation["status"]) == ("5d83c0adb8eb33a0b1de97d804fac890", "error")
    assert printed.totals["events"] == 5


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    assert [row["message"] for row in Printed(tmp_path, '{"message": "a"}', "lines").of("logs")] == ["a"]
    assert len(Printed(tmp_path, '{\n"message": "a"\n}', "lines").of("logs")) == 3
    with pytest.raises(CommandError, match="unknown format yaml; known are auto"):
        Printed(tmp_path, "a", "yaml")


def test_times_are_utc_and_come_from_the_lines(tmp_path: Path) -> None:
    first, second = Printed(tmp_path, "2024-07-01 13:00:37.886+02:00 one\n two is part of one\nthree").of("logs")
    assert first["time"] == second["time"] == "2024-07-01T11:00:37.886Z"
    assert second["event_id"] == "input.log:1"


def test_what_is_refused_is_printed_with_its_reason_and_without_its_secrets(tmp_path: Path) -> None:
    printed = Printed(tmp_path, json.dumps(span(traceId=None, name="bob@example.com")))
    (line,) = printed.lines
    assert line["rejected"]["reason"].startswith("ValueError: span without trace id")
    assert "bob@" not in line["rejected"]["excerpt"]
    assert printed.totals["rejected"] == 1


def test_bytes_that_are_no_text_are_refused_and_not_lost(tmp_path: Path) -> None:
    printed = Printed(tmp_path, b"\x89PNG\r\n\xff\xfe")
    assert printed.lines[0]["rejected"]["reason"] == "neither compressed nor UTF-8 text"
    assert printed.totals["events"] == printed.totals["rejected"] == 1


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "there.log").write_text("hello")
    out, err = io.StringIO(), io.StringIO()
    assert rows.run([str(tmp_path / "absent.log"), str(tmp_path / "there.log")], None, out, err) == 1
    assert "absent.log: No such file or directory" in err.getvalue()
    assert json.loads(err.getvalue().splitlines()[-1])["stored"] == 1


def test_a_document_with_an_empty_list_of_events_is_not_taken_for_the_output_of_an_api(tmp_path: Path) -> None:
    assert Printed(tmp_path, json.dumps({"name": "SQS.SendMessage", "events": []})).totals["stored"] == 1

"""``tracelake detect`` reads a CSV file and says which alerts it would have given, and why."""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path

import pytest

from cli.main import main

START = 1_700_000_000


def rows(anomaly: float = 60.0, columns: int = 1, seed: int = 1) -> list[list[str]]:
    """Four days of five minutes; in an hour of the third, the last column is off."""
    chance = random.Random(seed)
    found = []
    for at in range(1152):
        values = [100 + chance.gauss(0, 2) for _ in range(columns)]
        values[-1] += anomaly if 800 <= at < 812 else 0
        found.append([str(START + 300 * at), *map(str, values)])
    return found


def written(folder: Path, header: str, lines: list[list[str]]) -> str:
    path = folder / "errors of checkout.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *lines])
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["detect", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["detect", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_alerts_are_told_in_words_with_a_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, written(tmp_path, "timestamp,value", rows()))
    assert "2023-11-17 16:53  errors of checkout rose to 16" in out
    assert "2023-11-17 18:03  errors of checkout is back at " in out
    assert out.splitlines()[-1].startswith("errors of checkout would have fired ")


def test_json_has_the_same_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [series] = json.loads(said(capsys, written(tmp_path, "timestamp,latency", rows()), "--json"))["series"]
    assert series["name"] == "latency"
    assert series["fired"] == sum(alert["event"] == "begins" for alert in series["alerts"])
    assert any(alert["time"] == START + 300 * 800 for alert in series["alerts"])
    assert all(alert["explanation"].startswith("latency ") for alert in series["alerts"])


def test_scores_are_written_for_each_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = rows()
    lines[5][1] = ""
    scores = tmp_path / "scores.csv"
    said(capsys, written(tmp_path, "timestamp,value", lines), "--scores", str(scores))
    with scores.open() as file:
        found = list(csv.DictReader(file))
    assert [row["timestamp"] for row in found] == [line[0] for line in lines]
    assert max(found, key=lambda row: float(row["anomaly_score"]))["timestamp"] == str(START + 300 * 800)
    assert float(found[5]["anomaly_score"]) == 0


@pytest.mark.parametrize(
    "option", [("--direction", "down"), ("--min-level", "500"), ("--volume", "requests", "--min-volume", "20")]
)
def test_what_nobody_wants_to_hear_of_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    lines = [[*line, "1" if 800 <= at < 812 else "500"] for at, line in enumerate(rows())]
    path = written(tmp_path, "timestamp,value,requests", lines)
    assert "2023-11-17 16:53" in said(capsys, path, "--volume", "requests")
    assert "2023-11-17 16:53" not in said(
        capsys, path, *option, *(() if "--volume" in option else ("--volume", "requests"))
    )


def test_several_columns_are_a_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, written(tmp_path, "timestamp,a,b,c,d", rows(columns=4)))
    assert re.search(r"2023-11-17 16:53  d, its distance from the median, rose to \d\d", out)


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("time,value", rows()[:3], "timestamp is not there"),
        ("timestamp", [["1"]], "no column with values"),
        ("timestamp,a,a", rows(columns=2)[:3], "one is there twice"),
        ("timestamp,a,b", rows(columns=2)[:3], "at least 3 value columns"),
        ("timestamp,value", [], "no rows"),
        ("timestamp,value", [["yesterday", "1"]], "line 2: "),
        ("timestamp,value", [["1", "1"], ["2", "many"]], "line 3: "),
        ("timestamp,value", [["1", "1"], ["2"]], "line 3: 1 values for 2 columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, lines: list[list[str]], message: str
) -> None:
    assert message in refused(capsys, written(tmp_path, header, lines))


def test_what_is_no_text_and_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    refused(capsys, str(tmp_path / "binary.csv"))
    refused(capsys, str(tmp_path / "nowhere.csv"))
    refused(capsys, written(tmp_path, "timestamp,value", rows()[:3]), "--scores", str(tmp_path / "no" / "folder.csv"))


def test_names_and_times_cannot_give_orders_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "timestamp,\x1b[2Jlatency\u202e", rows())
    scores = tmp_path / "scores.csv"
    for out in (said(capsys, path), said(capsys, path, "--json"), said(capsys, path, "--scores", str(scores))):
        assert "latency" in out
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert "\x1b" not in refused(capsys, written(tmp_path, "timestamp,value", [["1", "\x1b[2Jmany"]]))


@pytest.mark.parametrize("time", ["nan", "inf", "-inf", "1e300", "9999-12-31T23:59:59", "0001-01-01"])
def test_absurd_times_do_no_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str], time: str) -> None:
    lines = rows()
    lines.insert(10, [time, "5000"])
    said(capsys, written(tmp_path, "timestamp,value", lines))

"""``tracelake deployed``: one record, or a reason why not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answering import answering
from core.feeding import NOW_MS, RULES

from cli import target
from cli.main import main
from functions.aws import clients, put_records
from functions.core.normalize import Normalizer

COMMIT = "1F2E3D4C5B6A79881F2E3D4C5B6A79881F2E3D4C"


class Stream:
    """Takes records, or never does."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.names: set[str] = set()
        self.full = False
        self.client = answering("kinesis", self._answer)

    def _answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        assert operation == "PutRecords"
        self.names.add(params["StreamName"])
        if self.full:
            refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
            return {"Records": [refused for _ in params["Records"]]}
        self.records += [record["Data"] for record in params["Records"]]
        return {"Records": [{"SequenceNumber": "1", "ShardId": "shardId-0"} for _ in params["Records"]]}


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    made = Stream()
    place = target.Target("here", "db", "wg", "tracelake-main", "bucket", "table", "lake")
    monkeypatch.setattr(clients, "_client", {"kinesis": made.client}.get)
    monkeypatch.setattr(target, "find", lambda _stage, local: place)
    monkeypatch.setattr(put_records, "ATTEMPTS", 1)
    return made


def test_a_deployment_is_one_row_of_the_lake(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--service", "checkout", "--version", "1.4.0", "--url", "https://ci.example.com/runs/7"]
    assert main(["deployed", "--commit", COMMIT, *told]) == 0
    assert capsys.readouterr().out == f"deployed: checkout 1.4.0 {COMMIT.lower()} (here)\n"
    normalizer = Normalizer(RULES)
    for number, record in enumerate(stream.records):
        normalizer.add(record, f"shard:{number}", NOW_MS)
    ((row,),) = (part.rows.to_pylist() for part in normalizer.flush("c"))
    columns = ("commit_sha", "service", "service_version", "run_url", "status")
    assert [row[name] for name in columns] == [COMMIT.lower(), "checkout", "1.4.0", told[-1], "succeeded"]
    assert stream.names == {"tracelake-main"}


def test_each_deployment_has_an_id_of_its_own_also_of_a_commit_that_was_there_before(stream: Stream) -> None:
    for _ in range(2):
        assert main(["deployed", "--commit", COMMIT, "--status", "failed"]) == 0
    first, second = map(json.loads, stream.records)
    assert first["id"] != second["id"]
    assert first.keys() == {"event_type", "id", "time", "commit", "status"}


def test_a_stream_that_takes_nothing_is_a_failure(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    stream.full = True
    assert main(["deployed", "--commit", COMMIT]) == 1
    assert "did not take the deployment: try again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["--commit", ""], ["--commit", "main"], ["--commit", "1" * 65], ["--commit", COMMIT, "--status", "x"]],
)
def test_wrong_usage_puts_nothing_on_the_stream(stream: Stream, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["deployed", *arguments])
    assert ended.value.code == 2
    assert not stream.records

"""From PutLogEvents to rows of an Athena query, before and after an hour is settled."""

from __future__ import annotations

import base64
import gzip
import json
import time
from pathlib import Path
from uuid import uuid4

import pytest
from on_the_emulator import NAMES, NO_TABLE, UNREADABLE, Deployed, wait_for

from functions.aws.athena import Cell
from functions.core.schema import HOUR_MS, hour_of

UNSETTLED_HOURS = 5
"""Back to where no other test of the session has rows, so that the hour is not settled before this one asks."""


def _invocation(request_id: str, duration_ms: float) -> list[str]:
    return [
        f"START RequestId: {request_id} Version: $LATEST\n",
        json.dumps({"level": "ERROR", "message": "card declined", "service": "checkout", "tenant": "acme"}),
        f"END RequestId: {request_id}\n",
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\t"
        "Max Memory Used: 64 MB\tInit Duration: 123.45 ms\t\n",
    ]


def test_what_a_function_logs_is_rows_of_the_lake_within_seconds(deployed: Deployed) -> None:
    request_id, now = str(uuid4()), int(time.time() * 1000)
    deployed.log("/aws/lambda/checkout", [(now, line) for line in _invocation(request_id, 12.34)])
    where = "WHERE hour = ? AND request_id = ?"
    of_it = [f"'{hour_of(now)}'", f"'{request_id}'"]

    invocation = wait_for(lambda: deployed.ask(f"SELECT * FROM invocations {where}", of_it))[0]
    log_line = deployed.ask(f"SELECT message, level, tenant FROM logs {where}", of_it)

    assert {key: invocation[key] for key in ("function_name", "duration_ms", "init_duration_ms", "cold_start")} == {
        "function_name": "checkout",
        "duration_ms": 12.34,
        "init_duration_ms": 123.45,
        "cold_start": True,
    }
    assert log_line == [{"message": "card declined", "level": "ERROR", "tenant": "acme"}]
    assert deployed.location("invocations", hour_of(now)).startswith("hot/")


def test_an_hour_that_is_over_gives_the_same_answer_once_it_is_settled(deployed: Deployed) -> None:
    past = int(time.time() * 1000) - UNSETTLED_HOURS * HOUR_MS
    durations = [10.5, 20.5, 30.5]
    for duration in durations:
        deployed.log("/aws/lambda/settled", [(past, line) for line in _invocation(str(uuid4()), duration)])
    question = (
        "SELECT count(*) AS n, sum(duration_ms) AS total, min(time) AS first FROM invocations "
        f"WHERE hour = '{hour_of(past)}' AND function_name = 'settled'"
    )

    hot = wait_for(lambda: [row for row in deployed.ask(question) if row["n"] == len(durations)])
    assert deployed.location("invocations", hour_of(past)).startswith("hot/")
    published = deployed.invoke("compact")

    assert published["PublishedHours"] >= 1
    assert deployed.location("invocations", hour_of(past)).startswith("settled/")
    assert deployed.ask(question) == hot


def test_a_log_group_delivered_twice_is_counted_once_when_its_hour_is_settled(deployed: Deployed) -> None:
    past = int(time.time() * 1000) - (UNSETTLED_HOURS + 1) * HOUR_MS
    event = {"id": f"{past}{uuid4().int}"[:56], "timestamp": past, "message": f"twice {uuid4()}"}
    payload = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/shop", "logStream": "s"}
    record = gzip.compress(json.dumps({**payload, "subscriptionFilters": ["f"], "logEvents": [event]}).encode())
    for _ in range(2):
        deployed.client("kinesis").put_record(StreamName=NAMES.stream, PartitionKey="k", Data=record)
    question = f"SELECT message FROM logs WHERE hour = '{hour_of(past)}' AND log_group = '/shop'"

    wait_for(lambda: len(deployed.ask(question)) == 2)
    deployed.invoke("compact")

    assert deployed.ask(question) == [{"message": event["message"]}]


def test_what_was_logged_before_the_subscription_is_imported_and_a_second_import_changes_nothing(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    group, logs = "/before/tracelake", deployed.client("logs")
    past = int(time.time() * 1000) - (UNSETTLED_HOURS + 2) * HOUR_MS
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    written = [{"timestamp": past + number, "message": f"line {number}"} for number in range(3)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=written)
    question = f"SELECT message FROM logs WHERE hour = '{hour_of(past)}' AND log_group = '{group}' ORDER BY time"

    for imports in (1, 2):
        deployed.command("import", "--group", group, "--since", "2d", "--yes")
        wait_for(lambda seen=3 * imports: len(deployed.ask(question)) == seen)
    deployed.invoke("compact")

    assert [row["message"] for row in deployed.ask(question)] == ["line 0", "line 1", "line 2"]


def test_every_event_is_stored_folded_or_rejected(deployed: Deployed) -> None:
    now = int(time.time() * 1000)
    lines = [*_invocation(str(uuid4()), 1.0), "not JSON", '{"half": ']
    sums = "count(*) AS commits, sum(events) AS events, sum(stored) AS stored, sum(folded) AS folded"
    question = (
        f"SELECT {sums}, sum(rejected) AS rejected, sum(sampled) AS sampled FROM ingest_ledger WHERE hour > '2026'"
    )
    before = deployed.ask(question)[0]
    deployed.log("/aws/lambda/counted", [(now, line) for line in lines])
    deployed.client("kinesis").put_record(StreamName=NAMES.stream, PartitionKey="k", Data=UNREADABLE)

    def drained() -> list[dict[str, Cell]]:
        return [row for row in deployed.ask(question) if row["events"] == before["events"] + len(lines) + 1]

    ledger = wait_for(drained)[0]

    assert ledger["rejected"] == before["rejected"] + 1
    assert ledger["events"] == sum(ledger[part] for part in ("stored", "folded", "rejected", "sampled"))


def test_what_cannot_be_read_is_kept_with_its_reason(deployed: Deployed) -> None:
    sent = deployed.client("kinesis").put_record(StreamName=NAMES.stream, PartitionKey="k", Data=UNREADABLE)
    position = f"{sent['ShardId']}:{sent['SequenceNumber']}"

    letter = wait_for(lambda: [each for each in dead_letters(deployed) if each["position"] == position])[0]

    assert base64.b64decode(letter["payload"]) == UNREADABLE
    assert letter["reason"]


def test_a_record_on_which_normalize_fails_is_kept_and_comes_into_the_lake_once_retried(deployed: Deployed) -> None:
    function = NAMES.function("normalize")
    functions = deployed.client("lambda")
    environment = functions.get_function_configuration(FunctionName=function)["Environment"]
    broken = {"Variables": {**environment["Variables"], "STATE_TABLE": NO_TABLE}}
    functions.update_function_configuration(FunctionName=function, Environment=broken)
    try:
        event = json.dumps({"event_type": "usage", "id": str(uuid4()), "feature": f"f-{uuid4()}", "tenant": "acme"})
        sent = deployed.client("kinesis").put_record(StreamName=NAMES.stream, PartitionKey="k", Data=event.encode())
        number = sent["SequenceNumber"]
        letter = wait_for(lambda: [each for each in dead_letters(deployed) if number in each["position"]], 60)[0]
    finally:
        functions.update_function_configuration(FunctionName=function, Environment=environment)

    assert base64.b64decode(letter["payload"]) == event.encode()
    entered = (
        "SELECT sum(rejected) AS rejected FROM ingest_ledger WHERE hour > '2026' AND writer = 'record_poison' "
        f"AND last_position LIKE '%{number}'"
    )
    assert deployed.ask(entered) == [{"rejected": 1}]

    deployed.command("retry-rejected", "--reason", letter["reason"])

    kept = f"SELECT tenant FROM usage_events WHERE hour > '2026' AND feature = '{json.loads(event)['feature']}'"
    assert wait_for(lambda: deployed.ask(kept)) == [{"tenant": "acme"}]


def dead_letters(deployed: Deployed) -> list[dict[str, str]]:
    s3, bucket = deployed.client("s3"), deployed.parameter("dead-letter-bucket")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="rejected/").get("Contents", [])]
    bodies = [gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [json.loads(line) for body in bodies for line in body.splitlines()]

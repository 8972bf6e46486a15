"""Every function runs from its real assets through Lambda's real runtime client, with nothing else importable."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lambda_runtime import Runtime, copy_runtime_client

from stacks import bundling

ENVIRONMENT = {
    "STATE_TABLE": "state",
    "LAKE_BUCKET": "lake",
    "DEAD_LETTER_BUCKET": "dead-letters",
    "STREAM_NAME": "tracelake-main",
    "TENANT_KEYS": "tenant",
    "MAX_EVENT_AGE_DAYS": "35",
    "GLUE_DATABASE": "tracelake_main",
    "WORKGROUP": "tracelake-main",
    "STREAM_ARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/tracelake-main",
    "SUBSCRIPTION_ROLE_ARN": "arn:aws:iam::123456789012:role/any",
    "INCLUDE": "",
    "EXCLUDE": "",
    "ONLY": "",
    "TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:tracelake-main-alerts",
    "DASHBOARD": "tracelake-main-application",
}


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What Lambda puts on the path: code, layer and runtime client; the layer is that of this machine's Python."""
    layer = bundling.build_layer(bundling.host_platform(), bundling.host_python())
    return [bundling.build_code(), layer / "python", copy_runtime_client(tmp_path_factory.mktemp("runtime"))]


def _run(name: str, path: list[Path]) -> Runtime:
    return Runtime(f"functions.{name}.handler.handle", path, ENVIRONMENT)


def _record(lines: list[str]) -> dict[str, Any]:
    """A Kinesis record of an event: one subscription payload, as CloudWatch Logs writes it."""
    now_ms = int(time.time() * 1000)
    payload = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/checkout",
        "logStream": "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["tracelake-main"],
        "logEvents": [
            {"id": f"{number:056d}", "timestamp": now_ms, "message": line} for number, line in enumerate(lines)
        ],
    }
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "any",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": base64.b64encode(gzip.compress(json.dumps(payload).encode())).decode(),
            "approximateArrivalTimestamp": now_ms / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:49590338271490256608559692538361571095921575989136588898",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/any",
        "awsRegion": "eu-central-1",
        "eventSourceARN": ENVIRONMENT["STREAM_ARN"],
    }


def test_normalize_writes_and_commits_a_lake_file_from_its_bundle(path: list[Path]) -> None:
    report = (
        "REPORT RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\tDuration: 3.05 ms\tBilled Duration: 4 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 40 MB\t\n"
    )
    lines = [report, "hello from checkout", '{"level": "ERROR", "message": "card declined", "tenant": "acme"}']
    with _run("normalize", path) as runtime:
        assert runtime.invoke({"Records": [_record(lines)]}) == {"batchItemFailures": []}
    assert {"TransactWriteItems", "PutMetricData"} <= set(runtime.aws.calls), runtime.output
    tables = {key.split("/hot/")[1].split("/")[0]: body for key, body in runtime.aws.objects.items()}
    assert {"invocations", "logs", "ingest_ledger"} <= set(tables)
    logs = pq.read_table(pa.BufferReader(tables["logs"])).to_pylist()
    assert sorted((row["message"], row["tenant"]) for row in logs) == [
        ("card declined", "acme"),
        ("hello from checkout", None),
    ]


def test_compact_finds_nothing_to_publish_from_its_bundle(path: list[Path]) -> None:
    with _run("compact", path) as runtime:
        runtime.invoke({})
    assert "Query" in runtime.aws.calls, runtime.output
    assert "UnpublishedHours" in runtime.output


def test_create_partitions_creates_them_from_its_bundle(path: list[Path]) -> None:
    with _run("create_partitions", path) as runtime:
        assert runtime.invoke({})["Created"] > 0
    assert "BatchCreatePartition" in runtime.aws.calls, runtime.output


def test_subscribe_log_groups_passes_over_own_groups_from_its_bundle(path: list[Path]) -> None:
    with _run("subscribe_log_groups", path) as runtime:
        assert runtime.invoke({})["subscribed"] == 0
    assert "DescribeLogGroups" in runtime.aws.calls
    assert "PutSubscriptionFilter" not in runtime.aws.calls


def test_record_poison_commits_what_was_given_up_from_its_bundle(path: list[Path]) -> None:
    given_up = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "functionArn": "any", "requestId": "any"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "KinesisBatchInfo": {"shardId": "shardId-000000000000", "streamArn": ENVIRONMENT["STREAM_ARN"]},
        "payload": json.dumps({"Records": [_record(["a line"])]}),
    }
    event = {"detail": {"bucket": {"name": "dead-letters"}, "object": {"key": "aws/lambda/batch"}}}
    with _run("record_poison", path) as runtime:
        runtime.aws.objects["/dead-letters/aws/lambda/batch"] = json.dumps(given_up).encode()
        assert runtime.invoke(event) == {"rejected": 1}
    assert any(key.startswith("/dead-letters/rejected/") for key in runtime.aws.objects), runtime.output


def test_the_widget_documents_itself_from_its_bundle(path: list[Path]) -> None:
    with _run("widgets", path) as runtime:
        assert "customers" in runtime.invoke({"describe": True})


def test_notify_composes_and_publishes_a_message_from_its_bundle(path: list[Path]) -> None:
    event = json.loads((Path(__file__).parents[1] / "events" / "alarm_with_metric_math.json").read_text())
    with _run("notify", path) as runtime:
        assert runtime.invoke(event) == {"telling": "begun", "subject": "Requests fail [tracelake main]"}
    assert {"Publish", "GetMetricData", "TransactWriteItems"} <= set(runtime.aws.calls), runtime.output


def test_check_delivery_counts_a_topic_without_subscribers_from_its_bundle(path: list[Path]) -> None:
    with _run("check_delivery", path) as runtime:
        assert runtime.invoke({}) == {"DeliveryErrors": 0, "MissingSubscriptions": 1}
    assert {"ListMetrics", "ListSubscriptionsByTopic"} <= set(runtime.aws.calls), runtime.output


def test_an_error_of_a_function_is_told(path: list[Path]) -> None:
    with _run("normalize", path) as runtime, pytest.raises(AssertionError, match="KeyError"):
        runtime.invoke({})


def test_a_missing_handler_is_told(path: list[Path]) -> None:
    with _run("no_such_function", path) as runtime, pytest.raises(AssertionError, match="ImportModuleError"):
        runtime.invoke({})


@pytest.mark.parametrize("name", ["aws_cdk", "numpy", "orjson", "hypothesis", "pip"])
def test_nothing_else_can_be_imported(path: list[Path], name: str) -> None:
    code = f"import sys; sys.path[:0] = {[str(folder) for folder in path]!r}; import {name}"
    done = subprocess.run([sys.executable, "-S", "-E", "-B", "-c", code], capture_output=True, text=True, check=False)
    assert f"No module named '{name}'" in done.stderr

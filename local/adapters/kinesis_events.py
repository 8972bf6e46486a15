"""Gap: the Kinesis event source ignores the batch window, partial batch responses, bisecting, retries and destinations;
and records that are put at the same time can be lost, or come in another order than their sequence numbers.

AWS's rules: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html and
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. One thread per shard, so that a batch
that fails holds up nobody else. The window is cut to `MAX_WINDOW_SECONDS`: nobody waits 20 seconds at a demo.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, kinesis, lambda_svc, s3

MAX_WINDOW_SECONDS = float(os.environ.get("TRACELAKE_LOCAL_BATCH_WINDOW", "2"))
MAX_BATCH_BYTES = 6_000_000
RETRY_PAUSE_SECONDS = 0.5

_running: set[tuple[str, str]] = set()
_putting = threading.RLock()


def install() -> None:
    lambda_svc._poll_kinesis = _start_new_shards
    for name in ("put_record_internal", "_put_record", "_put_records"):
        setattr(kinesis, name, _one_at_a_time(getattr(kinesis, name)))
    # it replaces the list of records, also while another thread appends to it; nothing here grows a day old
    kinesis._expire_records = lambda _stream: None


def _one_at_a_time(put: Callable[..., Any]) -> Callable[..., Any]:
    def put_alone(*arguments: Any) -> Any:
        with _putting:
            _count(arguments[0])
            return put(*arguments)

    return put_alone


def _count(put: str | dict[str, Any]) -> None:
    """CloudWatch knows how many records a stream gets."""
    name, records = put, 1
    if not isinstance(put, str):
        name, records = put.get("StreamName") or put.get("StreamARN", ""), len(put.get("Records", [1]))
    dimensions = {"StreamName": name.rpartition("/")[2]}
    cloudwatch.record_metric("AWS/Kinesis", "IncomingRecords", records, "Count", dimensions)


def _start_new_shards() -> bool:
    """Called by ministack's poller every second or so."""
    for account, region, mapping in lambda_svc._iter_all_esms():
        arn = parse_arn(mapping["EventSourceArn"])
        with request_scope(account, region):
            stream = kinesis._resolve_stream_by_arn(str(arn)) if arn.service == "kinesis" else None
        for shard in (stream or {}).get("shards", {}):
            if (mapping["UUID"], shard) not in _running:
                _running.add((mapping["UUID"], shard))
                threading.Thread(target=_consume, args=(account, region, mapping, stream, shard), daemon=True).start()
    return False


def _consume(account: str, region: str, mapping: dict[str, Any], stream: dict[str, Any], shard: str) -> None:
    def waiting() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = stream["shards"][shard]["records"][position:]
        return found

    position = 0  # of the next record; none expires in the life of an emulator
    position = 0 if mapping["StartingPosition"] == "TRIM_HORIZON" else len(waiting())
    window = min(mapping["MaximumBatchingWindowInSeconds"], MAX_WINDOW_SECONDS)
    with request_scope(account, region):
        while mapping["UUID"] in lambda_svc._esms:
            if not waiting() or str(mapping.get("Enabled", True)).lower() == "false":
                time.sleep(0.1)
                continue
            until = time.monotonic() + window
            while time.monotonic() < until and len(waiting()) < mapping["BatchSize"]:
                time.sleep(0.1)
            batch = _first_batch(waiting(), mapping["BatchSize"])
            position += len(batch)
            _deliver(mapping, shard, [_event_record(mapping, region, shard, record) for record in batch])


def _first_batch(records: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    size, batch = 0, []
    for record in records[:most]:
        size += len(record["Data"])
        if batch and size > MAX_BATCH_BYTES:
            break
        batch.append(record)
    return batch


def _event_record(mapping: dict[str, Any], region: str, shard: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": record["Data"],
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": mapping.get("FunctionArn", ""),
        "awsRegion": region,
        "eventSourceARN": mapping["EventSourceArn"],
    }


def _deliver(mapping: dict[str, Any], shard: str, records: list[dict[str, Any]]) -> None:
    """Invokes the function until every record is taken, or given up and sent to the on-failure destination."""
    max_retries = int(mapping.get("MaximumRetryAttempts", -1))
    pending = [(records, 0)]
    while pending:
        batch, retries = pending.pop(0)
        succeeded = _invoke(mapping, batch)
        if succeeded == len(batch):
            continue
        rest = batch[succeeded:]
        if _too_old(mapping, rest):
            _give_up(mapping, shard, rest, retries + 1, "RecordAgeExceeded")
        elif succeeded == 0 and len(batch) > 1 and mapping.get("BisectBatchOnFunctionError"):
            middle = len(batch) // 2
            pending[:0] = [(batch[:middle], retries), (batch[middle:], retries)]
        elif 0 <= max_retries <= retries:
            _give_up(mapping, shard, rest, retries + 1, "RetryAttemptsExhausted")
        else:
            time.sleep(RETRY_PAUSE_SECONDS)
            pending.insert(0, (rest, retries + 1))


def _invoke(mapping: dict[str, Any], batch: list[dict[str, Any]]) -> int:
    """How many records from the front are done."""
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        return 0
    result = lambda_svc._execute_function(function, {"Records": batch})
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return len(batch)
    failures = list(_failed_numbers(result.get("body")))
    numbers = [record["kinesis"]["sequenceNumber"] for record in batch]
    return min((numbers.index(number) if number in numbers else 0 for number in failures), default=len(batch))


def _failed_numbers(response: Any) -> Iterator[str]:
    body = json.loads(response) if isinstance(response, str | bytes) and response else response
    for failure in (body or {}).get("batchItemFailures") or []:
        yield failure.get("itemIdentifier", "")


def _too_old(mapping: dict[str, Any], batch: list[dict[str, Any]]) -> bool:
    limit = int(mapping.get("MaximumRecordAgeInSeconds", -1))
    return 0 <= limit < time.time() - batch[0]["kinesis"]["approximateArrivalTimestamp"]


def _give_up(
    mapping: dict[str, Any], shard: str, batch: list[dict[str, Any]], invocations: int, condition: str
) -> None:
    """Only an S3 destination gets the records themselves; others are not used here."""
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    if ":s3:" not in destination:
        return
    now = datetime.now(UTC)
    first, last = batch[0]["kinesis"], batch[-1]["kinesis"]
    document = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": mapping["FunctionArn"],
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _iso(now.timestamp()),
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first["sequenceNumber"],
            "endSequenceNumber": last["sequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(first["approximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _iso(last["approximateArrivalTimestamp"]),
            "batchSize": len(batch),
            "streamArn": mapping["EventSourceArn"],
        },
        "payload": json.dumps({"Records": batch}),
    }
    key = f"aws/lambda/{mapping['UUID']}/{shard}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid4()}"
    s3._put_object(destination.rpartition(":")[2], key, json.dumps(document).encode(), {})


def _iso(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"

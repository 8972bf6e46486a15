"""Gap: the Kinesis event source ignores the batch window, partial batch responses, bisecting, retries and destinations;
and records that are put at the same time can be lost, or come in another order than their sequence numbers.

`local.simulators.event_source` reads the stream, one thread for each shard. The window is cut to `MAX_WINDOW_SECONDS`:
nobody waits 20 seconds at a demo. Streams are read from their beginning, and not resharded.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, kinesis, lambda_svc, s3

from local.simulators.event_source import NO_LIMIT, Event, EventSource, InvocationError, Record, Settings

MAX_WINDOW_SECONDS = float(os.environ.get("TRACELAKE_LOCAL_BATCH_WINDOW", "2"))
POLL_SECONDS = 0.1
RETRY_PAUSE_SECONDS = 0.5

_sources: dict[str, EventSource] = {}
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
                source = _sources.setdefault(mapping["UUID"], _source(mapping, stream or {}))
                threading.Thread(target=_consume, args=(account, region, mapping, source, shard), daemon=True).start()
    return False


class _Stream:
    """The emulator's; none of its records expires in the life of an emulator."""

    def __init__(self, stream: dict[str, Any]) -> None:
        self._shards = stream["shards"]

    def parents(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self._shards, ())

    def is_closed(self, shard: str) -> bool:  # noqa: ARG002
        return False

    def read(self, shard: str, position: int, most: int) -> Sequence[Record]:
        return [
            Record(
                shard,
                record["SequenceNumber"],
                base64.b64decode(record["Data"]),
                int(record["ApproximateArrivalTimestamp"] * 1000),
                record["PartitionKey"],
            )
            for record in self._shards[shard]["records"][position : position + most]
        ]


def _source(mapping: dict[str, Any], stream: dict[str, Any]) -> EventSource:
    max_age_s = int(mapping.get("MaximumRecordAgeInSeconds", NO_LIMIT))
    settings = Settings(
        mapping["EventSourceArn"],
        mapping["FunctionArn"],
        mapping["UUID"],
        batch_size=mapping["BatchSize"],
        window_ms=int(min(mapping["MaximumBatchingWindowInSeconds"], MAX_WINDOW_SECONDS) * 1000),
        retries=int(mapping.get("MaximumRetryAttempts", NO_LIMIT)),
        max_age_ms=max_age_s if max_age_s == NO_LIMIT else max_age_s * 1000,
        bisect=bool(mapping.get("BisectBatchOnFunctionError")),
        reports_failures="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
    )
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")

    def give_up(document: dict[str, Any], key: str) -> None:
        """Only an S3 destination gets the records themselves; others are not used here."""
        if ":s3:" in destination:
            s3._put_object(destination.rpartition(":")[2], key, json.dumps(document).encode(), {})

    return EventSource(settings, _Stream(stream), give_up)


def _consume(account: str, region: str, mapping: dict[str, Any], source: EventSource, shard: str) -> None:
    with request_scope(account, region):
        while mapping["UUID"] in lambda_svc._esms:
            is_off = str(mapping.get("Enabled", True)).lower() == "false"
            if is_off or not source.poll(shard, lambda event: _invoke(mapping, event), int(time.time() * 1000)):
                time.sleep(POLL_SECONDS)
            elif source.is_retrying(shard):
                time.sleep(RETRY_PAUSE_SECONDS)


def _invoke(mapping: dict[str, Any], event: Event) -> Any:
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        raise InvocationError("there is no function " + mapping["FunctionName"])
    result = lambda_svc._execute_function(function, event)
    if result.get("error"):
        raise InvocationError(str(result.get("body")))
    body = result.get("body")
    return json.loads(body) if isinstance(body, str | bytes) and body else body

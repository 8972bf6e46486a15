"""How Lambda reads a stream, as AWS documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated.kinesis import KEYS, STREAM_ARN, Stream

from local.simulators.event_source import Event, EventSource, InvocationError, Settings

SECOND, HOUR = 1000, 3_600_000
NOW = 1_795_168_800_000


class Function:
    """Remembers what it was called with; fails on records that begin with `bad`."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.answer: Any = None

    def __call__(self, event: Event) -> Any:
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        self.calls.append(numbers)
        if any(record["kinesis"]["data"].startswith("YmFk") for record in event["Records"]):
            raise InvocationError("bad")
        return self.answer(numbers) if self.answer else None

    @property
    def done(self) -> list[str]:
        return [number for call in self.calls for number in call]


class Reading:
    """A stream, what reads it, and what was given up."""

    def __init__(self, shards: int = 1, **settings: Any) -> None:
        self.stream, self.function = Stream(shards), Function()
        self.given_up: list[dict[str, Any]] = []
        self.source = self.consumer(**settings)

    def consumer(self, **settings: Any) -> EventSource:
        made = Settings(STREAM_ARN, "arn:aws:lambda:eu-central-1:1:function:f", "esm", **settings)
        return EventSource(made, self.stream, lambda document, _key: self.given_up.append(document))

    def put(self, *data: bytes, key: int = 0, at: int = NOW) -> list[str]:
        return [self.stream.put(each, at, key / KEYS).sequence for each in data]

    def poll(self, shard: int = 0, at: int = NOW) -> bool:
        return self.source.poll(self.source.readable()[shard], self.function, at)

    def read_all(self, at: int = NOW) -> None:
        while any(self.poll(shard, at) for shard in range(len(self.source.readable()))):
            pass


def test_a_batch_waits_for_its_window() -> None:
    reading = Reading(window_ms=20 * SECOND)
    first = reading.put(b"a")
    assert not reading.poll(at=NOW + 19 * SECOND)
    second = reading.put(b"b", at=NOW + 19 * SECOND)
    assert reading.poll(at=NOW + 20 * SECOND)
    assert reading.function.calls == [first + second]


def test_a_window_begins_when_the_batch_before_is_done() -> None:
    reading = Reading(window_ms=20 * SECOND)
    reading.put(b"a")
    assert reading.poll(at=NOW + 60 * SECOND)
    reading.put(b"b", at=NOW + SECOND)
    assert not reading.poll(at=NOW + 79 * SECOND)
    assert reading.poll(at=NOW + 80 * SECOND)


@pytest.mark.parametrize(("data", "settings"), [(b"a", {"batch_size": 3}), (bytes(1_600_000), {})])
def test_a_full_batch_does_not_wait(data: bytes, settings: dict[str, int]) -> None:
    reading = Reading(window_ms=300 * SECOND, **settings)
    reading.put(data, data)
    assert not reading.poll()
    numbers = reading.put(data, data)
    assert reading.poll()
    (delivered,) = reading.function.calls
    assert 2 <= len(delivered) <= 3
    assert numbers[1] not in delivered


def test_what_is_tried_again_waits_for_no_window() -> None:
    reading = Reading(window_ms=20 * SECOND, retries=1)
    reading.put(b"bad")
    assert reading.poll(at=NOW + 20 * SECOND)
    assert reading.poll(at=NOW + 20 * SECOND)
    assert len(reading.function.calls) == 2


def test_from_the_lowest_number_on_it_is_tried_again() -> None:
    reading = Reading()
    numbers = reading.put(b"a", b"b", b"c")
    failing = iter([numbers[2], numbers[1]])
    reading.function.answer = lambda given: (
        {"batchItemFailures": [{"itemIdentifier": each} for each in failing]} if given == numbers else None
    )
    reading.read_all()
    assert reading.function.calls == [numbers, numbers[1:]]


@pytest.mark.parametrize("number", ["", None, "no such number"])
def test_a_number_that_is_none_makes_the_whole_batch_fail(number: str | None) -> None:
    reading = Reading(bisect=False, retries=2)
    numbers = reading.put(b"a", b"b")
    reading.function.answer = lambda _given: {"batchItemFailures": [{"itemIdentifier": number}]}
    reading.read_all()
    assert reading.function.calls == [numbers] * 3
    assert reading.given_up[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_nothing_said_is_success(answer: Any) -> None:
    reading = Reading()
    numbers = reading.put(b"a", b"b")
    reading.function.answer = lambda _given: answer
    reading.read_all()
    assert reading.function.calls == [numbers]


def test_a_poison_record_is_isolated_and_given_up_with_its_payload() -> None:
    reading = Reading(retries=2)
    numbers = reading.put(*[b"a"] * 5, b"bad", *[b"a"] * 2)
    reading.read_all()
    (document,) = reading.given_up
    assert document["requestContext"]["approximateInvokeCount"] == 3
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    (record,) = json.loads(document["payload"])["Records"]
    assert record["kinesis"]["sequenceNumber"] == numbers[5]
    assert reading.source.idle()


def test_records_that_are_too_old_are_given_up_and_young_ones_delivered() -> None:
    reading = Reading(max_age_ms=HOUR)
    old, young = reading.put(b"a"), reading.put(b"b", at=NOW + HOUR)
    reading.read_all(at=NOW + HOUR + 1)
    assert reading.function.calls == [young]
    (document,) = reading.given_up
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["KinesisBatchInfo"]["startSequenceNumber"] == old[0]


def test_a_shard_that_fails_holds_up_no_other() -> None:
    reading = Reading(shards=2, retries=5)
    reading.put(b"bad")
    numbers = reading.put(b"a", key=2)
    reading.poll()
    reading.poll(shard=1)
    assert reading.function.calls[-1] == numbers
    assert reading.source.is_retrying("shardId-000000000000")
    assert not reading.source.is_retrying("shardId-000000000001")


def _resharded() -> Reading:
    """Records before and after a split and a merge of what came of it."""
    reading = Reading(batch_size=1, retries=1)
    reading.put(b"a", b"bad", b"a", key=0)
    reading.stream.split(0)
    reading.put(b"b", key=0)
    reading.put(b"b", key=3)
    reading.stream.merge(0)
    reading.put(b"c", b"c", key=0)
    return reading


def test_children_are_read_when_their_parents_are_done() -> None:
    reading = _resharded()
    assert reading.source.readable() == ["shardId-000000000000"]
    for _ in range(3):
        reading.poll()
    assert reading.source.readable() == ["shardId-000000000000"]
    reading.poll()
    assert reading.source.readable() == ["shardId-000000000001", "shardId-000000000002"]
    reading.poll()
    assert reading.source.readable() == ["shardId-000000000002"]
    reading.poll()
    assert reading.source.readable() == ["shardId-000000000003"]
    reading.read_all()
    assert reading.source.idle()


def test_records_of_a_key_stay_in_order_over_resharding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _in_order(_resharded())
    monkeypatch.setattr(EventSource, "_is_drained", lambda self, shard: True)
    monkeypatch.setattr(EventSource, "readable", lambda self: sorted(self._stream.parents(), reverse=True))
    assert not _in_order(_resharded())


def _in_order(reading: Reading) -> bool:
    reading.read_all()
    return reading.function.done == sorted(reading.function.done, key=int)


def test_consumers_read_by_themselves() -> None:
    reading = _resharded()
    reading.read_all()
    first, reading.function, reading.source = reading.function, Function(), reading.consumer(batch_size=2)
    reading.read_all()
    assert set(reading.function.done) == set(first.done)

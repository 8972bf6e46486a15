"""Daily snapshots of all functions: whatever goes wrong, each change is on the stream, under one id."""

import itertools
import json
from collections import Counter

import pytest

from functions.snapshot_configuration import handler

from .account import Account
from .errors import FunctionError, ServiceError
from .interleaving import Interleaving
from .world import LAKE, entered

RUN_MS, DAY_MS = 600_000, 86_400_000
PAGE = 2
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"


class Lambda:
    """Functions in pages; ``left_out`` are those that no page has although they exist."""

    def __init__(self, now):
        self._now = now
        self.functions, self.left_out = {}, set()

    def put(self, name, **members):
        modified = f"1970-01-01T00:00:00.{self._now() % 1000:03d}+0000"
        known = self.functions.get(name, {"FunctionName": name, "FunctionArn": ARN + name, "MemorySize": 128})
        self.functions[name] = {**known, "LastModified": modified, **members}

    def list_functions(self, params):
        start = int(params.get("Marker", 0))
        listed = [each for name, each in sorted(self.functions.items()) if name not in self.left_out]
        more = {"NextMarker": str(start + PAGE)} if start + PAGE < len(listed) else {}
        return {"Functions": listed[start : start + PAGE], **more}

    def get_function_configuration(self, params):
        name = params["FunctionName"].removeprefix(ARN)
        if name not in self.functions:
            raise ServiceError("ResourceNotFoundException", name)
        return self.functions[name]


class Kinesis:
    """Takes records; every other one is throttled where ``busy``."""

    def __init__(self):
        self.events, self.busy = [], False
        self._asked = 0

    def put_records(self, params):
        answers = []
        for record in params["Records"]:
            self._asked += 1
            if self.busy and self._asked % 2:
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
            else:
                self.events.append(json.loads(record["Data"]))
                answers.append({"SequenceNumber": str(self._asked), "ShardId": "shardId-0"})
        return {"Records": answers}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.fixture
def world():
    world = Account().world
    setattr(world, "lambda", Lambda(lambda: world.now_ms))
    world.kinesis = Kinesis()
    for name in "abcde":
        functions(world).put(name)
    assert run(world) == {"functions": 5, "changes": 0}
    return world


def functions(world):
    return getattr(world, "lambda")


def run(world, plan=None):
    """Lambda runs the function, and tries again twice where it fails."""
    with entered(world):
        return attempts(world, plan)


def attempts(world, plan=None):
    for attempt in range(3):
        try:
            return world.run(lambda process: handler.handle({}, process), RUN_MS, None if attempt else plan)
        except FunctionError:
            world.settle_late()
            world.now_ms += 60_000
    raise AssertionError("given up")


def change_some(world):
    """A day later one function has more memory, one is gone, one is new."""
    world.now_ms += DAY_MS
    functions(world).put("a", MemorySize=256)
    del functions(world).functions["b"]
    functions(world).put("new")


def told(world):
    """Changes on the stream: each id stands for one event."""
    by_id = {}
    for event in world.kinesis.events:
        assert by_id.setdefault(event["id"], event) == event
    return Counter((event["function"], event["action"]) for event in by_id.values())


EXPECTED = {("a", "updated"): 1, ("b", "deleted"): 1, ("new", "created"): 1}


def test_the_first_snapshot_tells_of_nothing_and_the_next_of_what_differs(world):
    assert not world.kinesis.events
    change_some(world)
    assert run(world) == {"functions": 5, "changes": 3}
    assert told(world) == EXPECTED


def test_a_second_run_finds_nothing_more(world):
    change_some(world)
    run(world)
    sent = len(world.kinesis.events)
    assert run(world) == {"functions": 5, "changes": 0}
    assert len(world.kinesis.events) == sent


def test_whatever_call_goes_wrong_each_change_is_told_under_one_id(world):
    change_some(world)
    with entered(world):
        before = dict(world.s3.objects)
    run(world)
    calls = range(len(world.last.calls))
    for number, fault in itertools.product(calls, ("kill_before", "kill_after", "late", "lost", "refused")):
        world.s3.objects, world.kinesis = dict(before), Kinesis()
        run(world, {number: fault})
        run(world)
        assert told(world) == EXPECTED, (number, fault)
        world.now_ms += DAY_MS
        sent = len(world.kinesis.events)
        run(world)
        assert len(world.kinesis.events) == sent, (number, fault)


@pytest.mark.parametrize("seed", range(6))
def test_two_runs_at_once_tell_of_each_change_under_one_id(world, seed):
    change_some(world)
    with entered(world):
        Interleaving(world, seed).run(lambda: attempts(world), lambda: attempts(world))
    run(world)
    assert told(world) == EXPECTED


def test_what_a_busy_stream_refuses_is_put_again(world):
    change_some(world)
    world.kinesis.busy = True
    run(world)
    assert told(world) == EXPECTED


def test_a_function_that_no_page_had_is_not_called_deleted(world):
    world.now_ms += DAY_MS
    functions(world).left_out = {"c"}
    assert run(world) == {"functions": 5, "changes": 0}


def test_a_snapshot_that_cannot_be_read_is_replaced_and_tells_of_nothing(world):
    world.s3.objects[LAKE, handler.KEY] = b"{"
    change_some(world)
    assert run(world) == {"functions": 5, "changes": 0}
    functions(world).put("a", MemorySize=512)
    assert run(world)["changes"] == 1

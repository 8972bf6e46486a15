"""The pipeline as it is deployed: stream, event source, functions, and the events that start them."""

import json

from functions.compact import handler as compact
from functions.create_partitions import handler as create_partitions
from functions.normalize import handler as normalize
from functions.record_poison import handler as record_poison

from .errors import FunctionError
from .kinesis import EventSource, Stream
from .reader import Reader
from .telemetry import Applications
from .world import DEAD_LETTERS, World

NORMALIZE_MS, COMPACT_MS, OTHER_MS = 120_000, 900_000, 60_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
START_MS = 1_795_168_800_000  # 2026-11-20 10:00 UTC

ENVIRONMENT = {
    "TRACELAKE_STAGE": "main",
    "STATE_TABLE": "state",
    "LAKE_BUCKET": "lake",
    "DEAD_LETTER_BUCKET": "dead-letters",
    "GLUE_DATABASE": "tracelake_main",
    "STREAM_NAME": "tracelake-main",
    "POWERTOOLS_METRICS_NAMESPACE": "tracelake",
}


class Account:
    """One deployment."""

    def __init__(self, shards=1, **source):
        self.world = World(START_MS)
        self.reader = Reader(self.world)
        self.stream = Stream(shards)
        self.source = EventSource(self.stream, self._given_up, **source)
        self.applications = Applications(self.stream, lambda: self.world.now_ms)
        self._notifications = []

    def wait(self, minutes):
        """Time goes by."""
        self.world.now_ms += int(minutes * MINUTE_MS)
        self.world.settle_late()
        self.applications.catch_up()

    def normalize(self, plan=None, shard=0):
        """The event source delivers one batch of a shard."""
        name = sorted(self.stream.shards)[shard]

        def invoke(event):
            return self.world.run(lambda process: normalize.handle(event, process), NORMALIZE_MS, plan)

        return self.source.poll(name, invoke, self.world.now_ms)

    def compact(self, plan=None):
        """The schedule starts compact; what it returns, or None where it failed."""
        self.world.settle_late()
        try:
            return self.world.run(lambda process: compact.handle({}, process), COMPACT_MS, plan)
        except FunctionError:
            return None

    def record_poison(self, plan=None, *, twice=False):
        """EventBridge delivers what it has, at least once; a failed delivery is tried again."""
        for notification in list(self._notifications):
            try:
                for _ in range(1 + twice):
                    self.world.run(lambda process: record_poison.handle(notification, process), OTHER_MS, plan)  # noqa: B023
            except FunctionError:
                continue
            self._notifications.remove(notification)

    def create_partitions(self):
        return self.world.run(lambda process: create_partitions.handle({}, process), OTHER_MS)

    def _given_up(self, document, key):
        self.world.s3.objects[DEAD_LETTERS, key] = json.dumps(document).encode()
        self._notifications.append({"detail": {"bucket": {"name": DEAD_LETTERS}, "object": {"key": key}}})

    def heal(self):
        """Nothing goes wrong any more: everything is taken in, and every hour is over and published."""
        self.world.settle_late()
        self.applications.catch_up(everything=True)
        for shard in range(len(self.stream.shards)):
            while self.normalize(shard=shard):
                pass
        self.record_poison()
        self.wait(63)
        for _ in range(8):
            self.wait(25)
            if not self.unpublished():
                return
            self.compact()
        raise AssertionError(f"hours are never published: {self.unpublished()}")

    def unpublished(self):
        return [sk for pk, sk in self.world.dynamodb.items if pk in ("pending", "summarise")]

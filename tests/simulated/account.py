"""The pipeline as it is deployed: stream, event source, functions, and the events that start them."""

import contextlib
import json

from functions.aws import plans
from functions.aws.rules_object import rules_object
from functions.check_budget import handler as check_budget
from functions.compact import handler as compact
from functions.core.sampling import is_kept
from functions.create_partitions import handler as create_partitions
from functions.normalize import handler as normalize
from functions.record_poison import handler as record_poison
from local.simulators.event_source import EventSource, Settings

from .errors import FunctionError
from .kinesis import STREAM_ARN, Stream
from .reader import Reader
from .telemetry import CHATTY, Applications
from .world import DEAD_LETTERS, STATE, World

NORMALIZE_MS, COMPACT_MS, OTHER_MS = 120_000, 900_000, 60_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:tracelake-main-normalize"
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
        self._settings = source
        self._sources = 0
        self.read_from_the_beginning()
        self.applications = Applications(self.stream, lambda: self.world.now_ms)
        self._notifications = []
        self.plan = {}
        rules_object.cache_clear()

    def wait(self, minutes):
        """Time goes by."""
        self.world.now_ms += int(minutes * MINUTE_MS)
        self.world.settle_late()
        self.applications.catch_up()

    def read_from_the_beginning(self):
        """The event source is replaced by a new one: another consumer, which begins with all that is on the stream."""
        self._sources += 1
        settings = Settings(STREAM_ARN, FUNCTION_ARN, f"{self._sources:08x}-esm", **self._settings)
        self.source = EventSource(settings, self.stream, self._given_up)

    def normalize(self, plan=None, shard=0):
        """The event source delivers one batch of one of the shards that are read; False where none is due."""
        names = self.source.readable()

        def invoke(event):
            try:
                return self.world.run(lambda process: normalize.handle(event, process), NORMALIZE_MS, plan)
            except FunctionError:
                rules_object.cache_clear()  # what comes after a death knows nothing
                raise

        return self.source.poll(names[shard % len(names)], invoke, self.world.now_ms)

    def compact(self, plan=None):
        """The schedule starts compact; what it returns, or None where it failed."""
        with contextlib.suppress(FunctionError):
            return self.run_compact(plan)
        return None

    def run_compact(self, plan=None):
        """The same, with its error."""
        self.world.settle_late()
        return self.world.run(lambda process: compact.handle({}, process), COMPACT_MS, plan)

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

    def check_budget(self, plan=None):
        """The schedule starts check_budget, three times where it fails; what is planned is noted for the audit."""

        def look(process):
            process.invoked_function_arn = FUNCTION_ARN
            return check_budget.handle({}, process)

        for _ in range(3):
            with contextlib.suppress(FunctionError):
                self.world.run(look, OTHER_MS, plan)
                break
        # what is under way arrives within seconds, and a plan counts on that
        self.world.settle_late()
        found = plans.read(STATE)
        self.plan |= {(period.log_group, period.since_ms): (period, found.key) for period in found.periods}

    def left_out(self, event):
        """Whether the plan, as far as it ever was, leaves this event out."""
        return any(
            event.trace and group == CHATTY and since_ms <= event.time_ms < period.until_ms
            and not is_kept(event.trace, key, period.one_in)
            for (group, since_ms), (period, key) in self.plan.items()
        )  # fmt: skip

    def _given_up(self, document, key):
        self.world.s3.objects[DEAD_LETTERS, key] = json.dumps(document).encode()
        self._notifications.append({"detail": {"bucket": {"name": DEAD_LETTERS}, "object": {"key": key}}})

    def heal(self):
        """Nothing goes wrong any more: everything is taken in, and every hour is over and published."""
        self.world.settle_late()
        self.applications.catch_up(everything=True)
        while not self.source.idle():
            for number in range(len(self.source.readable())):
                while self.normalize(shard=number):
                    pass
            if not self.source.idle():
                self.wait(1)
        self.record_poison()
        self.wait(63)
        for _ in range(8):
            self.wait(25)
            if not self.unpublished():
                return
            self.run_compact()
        raise AssertionError(f"hours are never published: {self.unpublished()}")

    def unpublished_hours(self):
        return {sk[:13] for pk, sk in self.world.dynamodb.items if pk == "pending"}

    def unpublished(self):
        return [sk for pk, sk in self.world.dynamodb.items if pk in ("pending", "summarise", "assemble", "continue")]

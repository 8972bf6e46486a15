"""An AWS account in memory in which any call can go wrong.

Every call of the functions under test goes through botocore, is checked against the service's model, and ends here
instead of being serialised and sent. A `Process` is one invocation of a function; its plan says what happens at its
n-th call (``3``) or its n-th call of an operation (``put_object#0``):

- ``kill_before``, ``kill_after``: the process dies before the call, or after its effect and before the answer;
- ``late``: the process dies and the call takes effect a little later, when others already go on;
- ``refused``, ``lost``: botocore gives up on the call, without effect or after it, and the function goes on with that;
- ``slow``: the call takes all of the function's time but ten seconds.

Time stands still unless a call is made or a test moves it.
"""

import contextlib
import threading
from collections import Counter
from types import SimpleNamespace

import boto3
from answering import check
from botocore import xform_name
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from functions.aws import clients, environment

from .dynamodb import DynamoDB
from .errors import FunctionError, Killed, ServiceError
from .services import S3, SNS, CloudWatch, Glue

CALL_MS = 5
LATE_CALLS = 5
SLOW_LEAVES_MS = 10_000
FAULTS = ("kill_before", "kill_after", "late", "refused", "lost", "slow")
LAKE, DEAD_LETTERS, STATE = "lake", "dead-letters", "state"


tried = Counter()
"""What all tests together have tried; shown at the end of a test run."""


class Process:
    """One invocation: number of calls made, what is to go wrong at which, and until when it may run."""

    def __init__(self, world, timeout_ms, plan=None):
        self.world = world
        self.plan = plan or {}
        self.timeout_ms = timeout_ms
        self.deadline_ms = world.now_ms + timeout_ms
        self.calls = []
        self.count = Counter()
        self.dead = False

    def get_remaining_time_in_millis(self):
        return max(0, self.deadline_ms - self.world.now_ms)


class World:
    """The account: services, clock, and those who watch every change."""

    def __init__(self, now_ms):
        self.now_ms = now_ms
        self.s3, self.dynamodb, self.glue, self.cloudwatch = S3(), DynamoDB(), Glue(), CloudWatch()
        self.sns = SNS()
        self.watchers = []
        self.broken = []
        self.turn = None
        self._late = []
        self._ids = 0
        self._local = threading.local()

    def run(self, work, timeout_ms, plan=None):
        """Run ``work(process)`` as one invocation; `FunctionError` where it fails or dies."""
        process = self.last = Process(self, timeout_ms, plan)
        self._local.process = process
        try:
            return work(process)
        except Killed as killed:
            raise FunctionError("killed") from killed
        except Exception as error:
            raise FunctionError(repr(error)) from error
        finally:
            self._local.process = None
            if self.broken:
                raise self.broken[0]

    def new_id(self, at_ms):
        self._ids += 1
        return f"{at_ms:014d}-{self._ids:06d}"

    def call(self, service, operation, params):
        """One call of the process at hand."""
        process = getattr(self._local, "process", None)
        if process is None:
            return self._effect(service, operation, params)
        if self.turn is not None:
            self.turn(process)
        if process.dead or self.now_ms > process.deadline_ms:
            process.dead = True
            raise Killed
        number, exact = len(process.calls), f"{operation}#{process.count[operation]}"
        process.calls.append(f"{service}.{operation}")
        process.count[operation] += 1
        tried["calls"] += 1
        self.now_ms += CALL_MS
        self._settle_late(1)
        fault = process.plan.get(number) or process.plan.get(exact)
        tried["faults"] += fault is not None
        return self._faulty(process, fault, (service, operation, params))

    def _faulty(self, process, fault, call):
        if fault == "slow":
            self.now_ms = max(self.now_ms, process.deadline_ms - SLOW_LEAVES_MS)
        if fault in ("kill_before", "late"):
            process.dead = True
            if fault == "late":
                self._late.append([LATE_CALLS, call])
            raise Killed
        if fault == "refused":
            raise ConnectTimeoutError(endpoint_url=call[0])
        answer = self._effect(*call)
        if fault == "kill_after":
            process.dead = True
            raise Killed
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url=call[0])
        return answer

    def settle_late(self):
        """Requests that were under way have arrived."""
        self._settle_late(LATE_CALLS)

    def _settle_late(self, calls):
        for entry in self._late:
            entry[0] -= calls
        due = [call for left, call in self._late if left <= 0]
        self._late = [entry for entry in self._late if entry[0] > 0]
        for call in due:
            with contextlib.suppress(ServiceError):
                self._effect(*call)

    def _effect(self, service, operation, params):
        try:
            answer = getattr(getattr(self, service), operation)(params)
            if not operation.startswith(("get_", "query", "list_")):
                for watcher in self.watchers:
                    watcher(operation, params)
        except ServiceError:
            raise
        except Exception as error:  # no function may swallow what is wrong with the simulation or a broken promise
            self.broken.append(error)
            raise Killed from error
        return answer


_current = SimpleNamespace(world=None)


def _remember(params, model, context, **_):
    check(params, model.input_shape, f"request of {model.name}")
    context["simulated"] = dict(params)


def _dispatch(model, context, **_):
    world = _current.world
    if world is None:
        raise AssertionError("a call to AWS outside of a simulated account")
    try:
        answer = world.call(model.service_model.service_name, xform_name(model.name), context["simulated"])
    except ServiceError as error:
        return SimpleNamespace(status_code=400), {**error.answer, "ResponseMetadata": {"HTTPStatusCode": 400}}
    check(answer, model.output_shape, f"answer to {model.name}", strict=False)
    return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


class _NoRequest:
    """Leaves out of botocore what makes a request of a call that is not sent: three quarters of the time of a call."""

    def _resolve_endpoint_ruleset(self, *_):
        return "https://simulated", {}, {}

    def _convert_to_request_dict(self, api_params, operation_model, endpoint_url, context, headers):
        return {"url": endpoint_url, "headers": headers, "body": b"", "context": context}


@contextlib.contextmanager
def endpoints():
    """All botocore clients made inside talk to the account that is entered at the time."""
    before = boto3.DEFAULT_SESSION
    clients._client.cache_clear()
    boto3.setup_default_session(
        aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name="eu-central-1"
    )
    events = boto3.DEFAULT_SESSION.events
    events.register("creating-client-class", lambda base_classes, **_: base_classes.insert(0, _NoRequest))
    events.register_last("before-parameter-build", _remember)
    events.register("before-call", _dispatch)
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before
        clients._client.cache_clear()


@contextlib.contextmanager
def entered(world):
    """The account that calls go to; its clock and names are those of the functions."""
    saved = environment.now_ms, environment.new_id, _current.world
    environment.now_ms, environment.new_id = (lambda: world.now_ms), world.new_id
    _current.world = world
    try:
        yield world
    finally:
        environment.now_ms, environment.new_id, _current.world = saved

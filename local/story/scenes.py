"""The chapters in which things happen: traffic, the incident, the mail, the questions, the ledger."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from rich.console import Group, RenderableType
from rich.text import Text

from cli import customers
from functions.core.traces.facts import of_row
from functions.core.traces.transaction import assemble
from local.run import ROOT, Emulator
from local.sample import traffic
from local.sample.deployment import Shop
from local.sample.payment_provider import Outage, PaymentProvider
from local.sample.shop.tenants import TENANTS
from local.story import making, views
from local.story.lake import Lake, Ledger, Row
from local.story.telling import Step, Teller
from stacks.names import Names

CALM_REQUESTS = 220
INCIDENT_REQUESTS = 300
RECOVERED_REQUESTS = 100
OUTAGE = Outage("business", "eu")
ARRIVAL_SECONDS = 60.0
MAIL_SECONDS = 60.0
LOOK_SECONDS = 1.0
SUMMARY_SECONDS = 4.0
ALARM = "error-rate"
CUSTOMERS = ROOT / "local" / "sample" / "customers.csv"

Found = TypeVar("Found")


class StoryError(Exception):
    """Something that should have happened did not."""


@dataclass
class World:
    """What the chapters share: the shop with its customers, and the lake that watches them."""

    teller: Teller
    emulator: Emulator
    lake: Lake
    provider: PaymentProvider
    shop: Shop
    stage: str
    requests: Iterator[traffic.Request]
    mailbox: str = ""
    put_by_hand: int = 0
    partners: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))


def name_customers(world: World) -> None:
    """Puts the shop's list of customers, as `tracelake customers put` does."""
    told = io.StringIO()
    with world.teller.step("tracelake customers put local/sample/customers.csv") as step:
        customers.put(
            str(CUSTOMERS), place=(False, world.stage), dry_run=False, yes=True, ask=input, out=told, err=told
        )
        step.result = "names, plans and prices of those whom telemetry knows by an id"


def subscribe(world: World) -> None:
    """Subscribes a queue to the alerts, in place of somebody's mail address."""
    sqs, sns = world.emulator.client("sqs"), world.emulator.client("sns")
    world.mailbox = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=world.mailbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=world.lake.parameter("topic"), Protocol="sqs", Endpoint=arn)


def quiet_hours(world: World) -> None:
    """Traffic, and the customers as the lake fills."""
    world.teller.chapter("Customers at work")
    world.teller.say(
        f"{len(TENANTS)} customers use the shop over HTTP. Its logs, access logs, metrics and spans go to log groups, "
        "where tracelake reads them. The table is SQL on the lake, through Athena, as it fills."
    )
    _watch(world, CALM_REQUESTS, views.top_customers)


def one_order(world: World) -> None:
    """One request through all functions: what `tracelake trace` shows."""
    world.teller.chapter("One order, all the way")
    trace_id = world.lake.latest_journey()
    found = assemble(map(of_row, world.lake.answer("what_happened", id=trace_id))) if trace_id else None
    if found is None:
        raise StoryError("no trace goes through the queue")
    world.teller.say("From the HTTP request over the queue to the table, with its cost and where its time went:")
    views.journey(world.teller, trace_id, found)


def incident(world: World) -> None:
    """The same traffic while the payment provider is impaired, and what the lake says about it."""
    world.teller.chapter("The incident")
    world.teller.say("Now the payment provider gets into trouble, for some customers. What the lake sees:")
    world.provider.outage = OUTAGE
    start = datetime.now(UTC)
    rows = _watch(world, INCIDENT_REQUESTS, views.failures, beside=_Summaries(world).keep)
    end = datetime.now(UTC)
    usual = world.lake.callees(world.began, start)
    for line in views.suspicion(rows, world.lake.failing_routes(start, end), world.lake.callees(start, end), usual):
        world.teller.say(line)
    if timed_out := world.lake.failed_invocations(start, end).get("timeout"):
        world.teller.say(f"{timed_out} invocations waited until Lambda ended them; their REPORT lines tell.")


def mail(world: World) -> None:
    """The message that a subscriber of the alerts gets."""
    world.teller.chapter("The mail")
    name = f"{Names(world.stage).prefix}-{ALARM}"
    with world.teller.step("waiting for the alarm on the error rate") as step:
        message = until(MAIL_SECONDS, lambda: message_about(world, ALARM))
        if message is None:
            raise StoryError(f"{name} has sent no message within {MAIL_SECONDS:.0f} s")
        step.result = f"it came at {message['Timestamp'][11:19]} UTC"
    views.letter(world.teller, message["Subject"], message["Message"])
    (rule,) = world.emulator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    queries = [query["MetricStat"] for query in rule["Metrics"] if "MetricStat" in query]
    minutes = f"{rule['EvaluationPeriods']} periods of {queries[0]['Period'] // 60} minutes"
    world.teller.say(f"(On AWS this alarm needs {minutes}; here, the running one.)", "dim")


def recovery(world: World) -> None:
    """The provider works again."""
    world.teller.chapter("It is over")
    world.provider.outage = None
    _watch(world, RECOVERED_REQUESTS, None)


def questions(world: World) -> None:
    """The named queries, as `tracelake ask` runs them."""
    world.teller.chapter("Six questions")
    for name in views.QUESTIONS:
        rows = world.lake.answer(name)
        if not rows:
            raise StoryError(f"{name} has no answer")
        views.answer(world.teller, name, rows)


def nothing_is_lost(world: World) -> Ledger:
    """What went in, and what became of it; raises StoryError where the two differ."""
    world.teller.chapter("Nothing is lost")
    stream = world.lake.parameter("stream")
    world.emulator.client("kinesis").put_record(StreamName=stream, Data=b"\x1f\x8b cut short", PartitionKey="garbage")
    world.put_by_hand += 1
    with world.teller.step("one broken record put on the stream by hand, and everything counted") as step:
        written, ledger = _all_arrived(world, step)
    webhooks = world.provider.notices + world.partners
    world.teller.say(
        f"Put in, as counted there: {written:,} log events in the log groups, {webhooks:,} webhooks, "
        f"{world.put_by_hand} broken record: {written + webhooks + world.put_by_hand:,}."
    )
    for letter in world.lake.dead_letters():
        world.teller.say(f"Kept in the dead-letter bucket with its reason: {letter.reason}")
    world.teller.say(
        f"Commits: {ledger.commits}. The slowest took {ledger.slowest_ms / 1000:.1f} s from the stream into the lake."
    )
    return ledger


class _Summaries:
    """Has compact summarise the running hour every few seconds, as a schedule does every five minutes on AWS: so the
    message about the alarm can name customers."""

    def __init__(self, world: World) -> None:
        self._lambda = world.emulator.client("lambda")
        self._function = Names(world.stage).function("compact")
        self._due = 0.0

    def keep(self) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + SUMMARY_SECONDS
            self._lambda.invoke(FunctionName=self._function, InvocationType="Event", Payload=b"{}")


def _watch(
    world: World,
    count: int,
    view: Callable[[Teller, list[Row]], RenderableType] | None,
    beside: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Sends requests and shows a view of the customers since then, until the lake has every answered request."""
    start = datetime.now(UTC)
    began = time.monotonic()
    rows: list[Row] = []
    with traffic.Load(world.shop.url, itertools.islice(world.requests, count)) as load:

        def head() -> str:
            failed = sum(answer.status >= 500 for answer in load.answers)
            seen = sum(int(str(row["requests"])) for row in rows)
            seconds = time.monotonic() - began
            return f"{seconds:.0f} s: {len(load.answers)} requests answered, {failed} with 5xx; {seen} in the lake"

        def shown() -> RenderableType:
            parts = [Text(""), Text(head(), style="dim"), *([view(world.teller, rows)] if view else [])]
            return Group(*parts)

        def look() -> bool:
            rows[:] = world.lake.customers(start)
            return sum(int(str(row["requests"])) for row in rows) == len(load.answers)

        with world.teller.watching(shown, head):
            while load.runs:
                look()
                beside()
                time.sleep(LOOK_SECONDS / 2)
            if until(ARRIVAL_SECONDS, look) is None:
                raise StoryError(f"{head()} after {ARRIVAL_SECONDS:.0f} s: requests are missing in the lake")
    return rows


def _all_arrived(world: World, step: Step) -> tuple[int, Ledger]:
    """Waits until nothing is under way and the ledger has as many events as were put in."""
    world.provider.wait_for_notices()
    groups = making.subscribed_groups(world.emulator, world.stage)

    def look() -> tuple[int, Ledger] | None:
        written = making.events_in_groups(world.emulator, groups)
        ledger = world.lake.ledger()
        put = written + world.provider.notices + world.partners + world.put_by_hand
        step.note = f"{ledger.events:,} of {put:,} events in the ledger"
        return (written, ledger) if ledger.events == put else None

    found = until(ARRIVAL_SECONDS, look)
    if found is None:
        raise StoryError(f"after {ARRIVAL_SECONDS:.0f} s {step.note}")
    return found


def message_about(world: World, alarm: str) -> dict[str, Any] | None:
    """The first message that says that an alarm goes off, among those that have come since the last look."""
    sqs = world.emulator.client("sqs")
    found = sqs.receive_message(QueueUrl=world.mailbox, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    messages: list[dict[str, Any]] = [json.loads(each["Body"]) for each in found.get("Messages", [])]
    return next((message for message in messages if _goes_off(message, alarm)), None)


def _goes_off(message: dict[str, Any], alarm: str) -> bool:
    """Whether a message, composed by notify or as CloudWatch writes it, says that an alarm goes off."""
    attributes = {name: each["Value"] for name, each in message.get("MessageAttributes", {}).items()}
    if "alarm" in attributes:
        return attributes["alarm"].endswith(alarm) and attributes.get("state") == "ALARM"
    try:
        change = json.loads(message["Message"])
    except ValueError:
        return False
    return str(change.get("AlarmName")).endswith(alarm) and change.get("NewStateValue") == "ALARM"


def until(seconds: float, look: Callable[[], Found]) -> Found | None:
    """What ``look`` finds as soon as it is something; None where it is nothing for too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_SECONDS / 4)
    return found

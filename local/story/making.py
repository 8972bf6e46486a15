"""The first chapter: an emulator, tracelake and the shop on it, with every step to be seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.run import Emulator, Progress
from local.sample import deployment
from local.sample.deployment import Shop
from local.story.telling import Step, Teller

_LOOK_SECONDS = 0.4


def deploy_tracelake(teller: Teller, emulator: Emulator, stage: str) -> None:
    """`cdk bootstrap`, `cdk synth` and `cdk deploy` of the stacks that go to AWS."""
    with _phases(teller, emulator, "tracelake", "app.py") as progress:
        emulator.deploy_tracelake(stage, progress=progress)


def deploy_shop(teller: Teller, emulator: Emulator, payments_url: str, stage: str) -> Shop:
    """The same for the sample application."""
    with _phases(teller, emulator, "the shop", "local/sample/app.py") as progress:
        return deployment.deploy(emulator, payments_url, stage, progress)


@contextmanager
def _phases(teller: Teller, emulator: Emulator, what: str, app: str) -> Iterator[Progress]:
    """Tells each phase of a deployment that the block does as a step of its own; one that fails is not told as done."""
    before = _made(emulator)
    deploying, over = threading.Event(), threading.Event()
    failed = False

    def progress(phase: str) -> None:
        if phase.startswith("deploy"):
            deploying.set()

    def tell() -> None:
        first = "" if before else " and cdk bootstrap"
        with teller.step(f"{what}: cdk synth of {app}{first}") as step:
            while not (deploying.wait(_LOOK_SECONDS / 4) or over.is_set()):
                pass
            step.abandoned = not deploying.is_set()
        if not deploying.is_set():
            return
        with teller.step(f"{what}: cdk deploy") as step:
            while not over.wait(_LOOK_SECONDS):
                _look(emulator, step, before)
            step.abandoned = failed
            made = {key: state for key, state in _made(emulator).items() if key not in before}
            stacks = {stack for stack, _ in made}
            step.result = f"{len(made)} resources in {len(stacks)} stack{'s' * (len(stacks) > 1)}"

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield progress
    except BaseException:
        failed = True
        raise
    finally:
        over.set()
        thread.join()


def _look(emulator: Emulator, step: Step, before: dict[tuple[str, str], str]) -> None:
    made = {key: state for key, state in _made(emulator).items() if key not in before}
    done = sum(state.endswith("COMPLETE") for state in made.values())
    running = next((key for key, state in made.items() if not state.endswith("COMPLETE")), None)
    latest = running or next(reversed(made), None)
    step.note = f"{done} resources made" + (f", now {latest[1]}" if latest else "")


def _made(emulator: Emulator) -> dict[tuple[str, str], str]:
    """The state of each resource, by stack and name with type; nothing where the emulator is busy."""
    try:
        cloudformation = emulator.client("cloudformation")
        stacks = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
        return {
            (stack, _title(resource)): resource["ResourceStatus"]
            for stack in stacks
            if stack != "CDKToolkit"
            for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        }
    except (BotoCoreError, ClientError):
        return {}


def _title(resource: dict[str, Any]) -> str:
    return f"{resource['ResourceType']} {resource['LogicalResourceId']}".strip()


def sweep(emulator: Emulator, stage: str) -> list[str]:
    """Runs subscribe_log_groups now, as its schedule does every five minutes; returns the groups with its filter."""
    emulator.client("lambda").invoke(FunctionName=f"tracelake-{stage}-subscribe-log-groups", Payload=b"{}")
    return subscribed_groups(emulator, stage)


def subscribed_groups(emulator: Emulator, stage: str) -> list[str]:
    """Log groups that have tracelake's filter."""
    logs = emulator.client("logs")
    pages = logs.get_paginator("describe_log_groups").paginate()
    names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in names if _has_filter(logs, name, stage)]


def _has_filter(logs: Any, group: str, stage: str) -> bool:
    filters = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    return any(each["filterName"] == f"tracelake-{stage}" for each in filters)


def events_in_groups(emulator: Emulator, groups: list[str]) -> int:
    """Log events in the groups, counted where the applications wrote them and not where tracelake keeps them."""
    logs = emulator.client("logs")
    return sum(
        len(logs.filter_log_events(logGroupName=group, logStreamNames=[stream["logStreamName"]])["events"])
        for group in groups
        for page in logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
        for stream in page["logStreams"]
    )

"""Filters come with new log groups and go with the stack; tracelake's own groups never have one."""

from __future__ import annotations

import time

import pytest
from on_the_emulator import NAMES, Deployed, wait_for


def _filters(deployed: Deployed, group: str) -> set[str]:
    found = deployed.client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    return {each["filterName"] for each in found}


@pytest.fixture
def group(deployed: Deployed) -> str:
    name = f"/aws/lambda/new-{time.time_ns()}"
    deployed.client("logs").create_log_group(logGroupName=name)
    return name


def test_a_new_log_group_is_subscribed_at_the_next_sweep(deployed: Deployed, group: str) -> None:
    assert _filters(deployed, group) == set()
    deployed.invoke("subscribe_log_groups")
    assert _filters(deployed, group) == {NAMES.prefix}


def test_no_log_group_of_tracelake_is_ever_subscribed(deployed: Deployed) -> None:
    deployed.invoke("subscribe_log_groups")
    own = deployed.client("logs").describe_log_groups(logGroupNamePrefix="/tracelake/")["logGroups"]

    assert len(own) >= 6
    assert {each["logGroupName"] for each in own if _filters(deployed, each["logGroupName"])} == set()


def test_destroying_a_second_stage_takes_its_filters_and_no_other(deployed: Deployed, group: str) -> None:
    deployed.invoke("subscribe_log_groups")
    deployed.emulator.deploy_tracelake(stage="second")
    assert _filters(deployed, group) == {NAMES.prefix, "tracelake-second"}
    own = deployed.client("logs").describe_log_groups(logGroupNamePrefix="/tracelake/second/")["logGroups"]
    assert not any(_filters(deployed, each["logGroupName"]) for each in own)

    cloudformation = deployed.client("cloudformation")
    cloudformation.delete_stack(StackName="tracelake-second-ingest")

    wait_for(lambda: _filters(deployed, group) == {NAMES.prefix})

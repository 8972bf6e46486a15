"""What tells of deployments: which events of AWS come onto the stream, and what becomes of those that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from template_reading import Template, of_type, only, statements, text

from functions.core.sources import api_calls
from stacks.deployments import API_CALLS, STACK_CHANGES
from stacks.quotas import quota


def _rules(ingest: Template) -> dict[str, dict[str, Any]]:
    return {
        name: rule for name, rule in of_type(ingest, "AWS::Events::Rule").items() if "RoleArn" in rule["Targets"][0]
    }


def matches(pattern: Any, event: Any) -> bool:
    """EventBridge's patterns, as far as they are used here
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html)."""
    if isinstance(pattern, dict):
        return isinstance(event, dict) and all(
            name in event and matches(each, event[name]) for name, each in pattern.items()
        )
    return any(_one(each, event) for each in pattern)


def _one(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(wanted == value)
    ((operator, part),) = wanted.items()
    return bool({"prefix": str.startswith, "suffix": str.endswith}[operator](str(value), part))


def stack_event(detail_type: str, status: str) -> dict[str, Any]:
    return {
        "source": "aws.cloudformation",
        "detail-type": detail_type,
        "detail": {"status-details": {"status": status}},
    }


def call(source: str, name: str) -> dict[str, Any]:
    detail = {"eventSource": f"{source}.amazonaws.com", "eventName": name}
    return {"source": f"aws.{source}", "detail-type": "AWS API Call via CloudTrail", "detail": detail}


@pytest.mark.parametrize(
    ("status", "comes"),
    [
        ("UPDATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("CREATE_FAILED", True),
        ("UPDATE_IN_PROGRESS", False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
    ],
)
def test_the_end_of_each_change_of_a_stack_and_its_resources_comes(status: str, comes: bool) -> None:
    for kind in ("CloudFormation Stack Status Change", "CloudFormation Resource Status Change"):
        assert matches(STACK_CHANGES, stack_event(kind, status)) is comes
    assert not matches(STACK_CHANGES, stack_event("CloudFormation Drift Detection Status Change", status))


@pytest.mark.parametrize("name", api_calls.CALLS[api_calls.LAMBDA])
@pytest.mark.parametrize("version", ["20150331", "20150331v2", "20171031"])
def test_every_call_of_lambda_that_is_understood_comes(name: str, version: str) -> None:
    assert matches(API_CALLS, call("lambda", f"{name}{version}"))


@pytest.mark.parametrize("name", api_calls.CALLS[api_calls.GATEWAY])
def test_every_call_of_api_gateway_that_is_understood_comes(name: str) -> None:
    assert matches(API_CALLS, call("apigateway", name))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("lambda", "CreateFunctionUrlConfig20211001"),
        ("lambda", "Invoke"),
        ("lambda", "ListFunctions20150331"),
        ("apigateway", "CreateApiKey"),
        ("apigateway", "GetRestApis"),
        ("s3", "CreateBucket"),
    ],
)
def test_other_calls_do_not_come(source: str, name: str) -> None:
    assert not matches(API_CALLS, call(source, name))


def test_patterns_are_short_enough(ingest: Template) -> None:
    for rule in _rules(ingest).values():
        assert len(json.dumps(rule["EventPattern"], separators=(",", ":"))) <= quota("events.pattern")


def test_both_rules_put_whole_events_on_the_stream_and_keep_what_cannot_be_delivered(ingest: Template) -> None:
    (stream,) = of_type(ingest, "AWS::Kinesis::Stream")
    rules = _rules(ingest)
    assert [rule["EventPattern"] for rule in rules.values()] == [STACK_CHANGES, API_CALLS]
    for rule in rules.values():
        (target,) = rule["Targets"]
        assert text(target["Arn"]) == f"<{stream}.Arn>"
        assert text(target["RoleArn"]).startswith("<ChangesRole")
        assert target["KinesisParameters"] == {"PartitionKeyPath": "$.id"}
        assert text(target["DeadLetterConfig"]["Arn"]).startswith("<UndeliveredChanges")
        # with an input of its own EventBridge would leave out the id that makes an event one row
        assert not target.keys() & {"Input", "InputPath", "InputTransformer"}
        assert "RetryPolicy" not in target


def test_eventbridge_may_put_into_the_stream_and_do_nothing_else(ingest: Template) -> None:
    (trust,) = only(ingest, "AWS::IAM::Role", "ChangesRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    (stream,) = of_type(ingest, "AWS::Kinesis::Stream")
    (statement,) = statements(ingest, "ChangesRole")
    assert (statement["Action"], statement["Resource"]) == (["kinesis:PutRecord"], [f"<{stream}.Arn>"])


def test_undelivered_changes_lie_encrypted_no_longer_than_dead_letters_may(
    ingest: Template, tmp_path: Path, synthesise_with: Callable[..., dict[str, Template]]
) -> None:
    assert only(ingest, "AWS::SQS::Queue")["SqsManagedSseEnabled"]
    for days, expected in ((3, 3), (90, 14)):
        templates = synthesise_with(tmp_path / str(days), dead_letter_days=days)
        assert only(templates["ingest"], "AWS::SQS::Queue")["MessageRetentionPeriod"] == expected * 86_400


def test_who_names_one_log_group_has_nothing_else_of_the_account_read(
    tmp_path: Path, synthesise_with: Callable[..., dict[str, Template]]
) -> None:
    ingest = synthesise_with(tmp_path, only="/aws/lambda/checkout")["ingest"]
    assert not _rules(ingest)
    assert not of_type(ingest, "AWS::SQS::Queue")
    assert "snapshot_configuration.handler" not in json.dumps(ingest)


def test_no_call_that_a_function_of_tracelake_may_make_is_told_of(templates: dict[str, Template]) -> None:
    """A change that came of reading a change would come again and again."""
    allowed = {
        action
        for template in templates.values()
        for each in statements(template, "")
        for action in each["Action"]
        if action.startswith(("lambda:", "apigateway:", "cloudformation:"))
    }
    assert allowed == {"lambda:ListFunctions", "lambda:GetFunctionConfiguration"}
    for action in allowed:
        assert not matches(API_CALLS, call("lambda", f"{action.partition(':')[2]}20150331"))

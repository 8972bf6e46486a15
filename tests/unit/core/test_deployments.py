from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from feeding import NOW_MS, RULES, payload, read, rows, taken

from functions.core.normalize import Normalizer
from functions.core.schema import TABLES
from functions.core.sources import api_calls
from functions.core.sources.deployments import Change

TIME = "2026-09-21T14:00:00Z"
STACK_ID = "arn:aws:cloudformation:us-west-1:111122223333:stack/shop/6a7e8feb-b491-4cf7-a9f1-bf3703467718"
STACK_EVENT: dict[str, Any] = {
    "version": "0",
    "detail-type": "CloudFormation Stack Status Change",
    "source": "aws.cloudformation",
    "account": "111122223333",
    "time": TIME,
    "region": "us-west-1",
    "resources": [STACK_ID],
    "detail": {
        "stack-id": STACK_ID,
        "status-details": {"status": "UPDATE_COMPLETE", "status-reason": ""},
        "client-request-token": "Console-UpdateStack-7f59c3cf",
    },
}
"""As in https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html, but for
the id."""

API_CALL: dict[str, Any] = {
    "eventVersion": "1.08",
    "userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/deploy/alice@example.com",
        "principalId": "AROA:alice@example.com",
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "deploy"}},
    },
    "eventTime": TIME,
    "eventSource": "lambda.amazonaws.com",
    "eventName": "UpdateFunctionConfiguration20150331v2",
    "awsRegion": "us-west-1",
    "sourceIPAddress": "203.0.113.9",
    "requestParameters": {
        "functionName": "arn:aws:lambda:us-west-1:111122223333:function:checkout",
        "memorySize": 512,
        "environment": {"variables": {"DATABASE": "hunter2", "MODE": "hunter2"}},
    },
    "responseElements": {"functionName": "checkout", "runtime": "python3.13", "version": "$LATEST"},
    "requestID": "4a681162",
    "readOnly": False,
    "recipientAccountId": "111122223333",
}


def envelope(record: dict[str, Any]) -> dict[str, Any]:
    return {**STACK_EVENT, "detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "detail": record}


def stack_event(status: str = "UPDATE_COMPLETE", **detail: Any) -> dict[str, Any]:
    whole = {**STACK_EVENT["detail"], "status-details": {"status": status}, **detail}
    return {
        **STACK_EVENT,
        "detail-type": f"CloudFormation {'Resource' if 'resource-type' in detail else 'Stack'} Status Change",
        "detail": whole,
    }


def called(name: str, asked: Any = None, answered: Any = None, **members: Any) -> dict[str, Any]:
    record = {**API_CALL, "eventName": name, "requestParameters": asked, "responseElements": answered, **members}
    (row,) = read("deployments", record)
    return row


def streamed(*events: Any) -> Normalizer:
    """Events as EventBridge and PutRecords bring them: without CloudWatch's envelope."""
    return taken(*(json.dumps(event).encode() for event in events))


def of(row: dict[str, Any], *columns: str) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


def test_the_columns_of_a_change_are_those_of_the_table() -> None:
    own = [column.name for column in TABLES["deployments"].own_columns]
    assert [*Change._fields, "line"] == own


def test_an_updated_stack_is_a_change_at_its_own_time_in_its_own_place() -> None:
    (row,) = rows(streamed({**STACK_EVENT, "id": "6a7e8feb"}), "deployments")
    assert of(row, "time", "account", "region", "source") == (
        datetime.fromisoformat("2026-09-21T14:00:00"),
        "111122223333",
        "us-west-1",
        "cloudformation",
    )
    assert of(row, "event_id", "kind", "action", "status", "stack", "resource", "deployment_id") == (
        *("6a7e8feb", "stack", "updated", "succeeded", "shop", "shop", "Console-UpdateStack-7f59c3cf"),
    )


@pytest.mark.parametrize(
    ("status", "action", "outcome"),
    [
        ("CREATE_IN_PROGRESS", "created", "in_progress"),
        ("CREATE_FAILED", "created", "failed"),
        ("ROLLBACK_COMPLETE", "rolled_back", "failed"),
        ("UPDATE_ROLLBACK_COMPLETE", "rolled_back", "failed"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "updated", "in_progress"),
        ("DELETE_COMPLETE", "deleted", "succeeded"),
        ("IMPORT_COMPLETE", "imported", "succeeded"),
        ("SOMETHING_NEW", None, None),
    ],
)
def test_a_status_says_what_was_done_and_how_it_ended(status: str, action: str | None, outcome: str | None) -> None:
    (row,) = read("deployments", stack_event(status))
    assert of(row, "action", "status") == (action, outcome)


@pytest.mark.parametrize(
    ("kind", "physical", "service", "version"),
    [
        ("AWS::Lambda::Function", "shop-checkout", "shop-checkout", None),
        ("AWS::Lambda::Version", "arn:aws:lambda:us-west-1:1:function:shop-checkout:12", "shop-checkout", "12"),
        ("AWS::Lambda::Alias", "arn:aws:lambda:us-west-1:1:function:shop-checkout:live", "shop-checkout", None),
        ("AWS::DynamoDB::Table", "orders", None, None),
    ],
)
def test_a_resource_of_lambda_names_its_function(
    kind: str, physical: str, service: str | None, version: str | None
) -> None:
    event = stack_event(**{"resource-type": kind, "logical-resource-id": "X", "physical-resource-id": physical})
    (row,) = read("deployments", event)
    assert of(row, "kind", "resource_type", "resource", "stack") == ("resource", kind, physical, "shop")
    assert of(row, "service", "service_version") == (service, version)


def test_a_call_that_changes_a_function_says_what_changed_without_values_of_its_environment() -> None:
    (row,) = read("deployments", API_CALL)
    assert of(row, "kind", "action", "status", "service") == ("function_config", "updated", "succeeded", "checkout")
    assert json.loads(row["changes"]) == {
        "runtime": {"new": "python3.13"},
        "memory_mb": {"new": 512},
        "environment_names": {"new": ["DATABASE", "MODE"]},
    }
    assert "hunter2" not in str(row)


@pytest.mark.parametrize("way", ["record", "envelope", "log group"])
def test_a_call_is_the_same_row_by_whatever_way_it_comes(way: str) -> None:
    record = {**API_CALL, "eventID": "e-1"}
    if way == "log group":
        (row,) = read("deployments", record, group="trail")
    else:
        (row,) = rows(streamed({"record": record, "envelope": envelope(record)}[way]), "deployments")
    (expected,) = rows(streamed(record), "deployments")
    assert row == expected
    assert row["event_id"] == "e-1"


def test_who_called_is_a_role_by_name_and_a_person_as_hash() -> None:
    (row,) = read("deployments", API_CALL)
    assert row["actor"] == "role/deploy"
    assert "alice" not in str(row)
    user = {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::1:user/alice"}
    (row,) = read("deployments", {**API_CALL, "userIdentity": user})
    assert row["actor"].startswith("user/~")
    assert "alice" not in str(row)


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "root"),
        ({"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}, "service/cloudformation.amazonaws.com"),
        ({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/ci/alice"}, "role/ci"),
        ({}, None),
        ("alice", None),
    ],
)
def test_other_identities_are_named_as_far_as_they_are_no_persons(identity: Any, actor: str | None) -> None:
    (row,) = read("deployments", {**API_CALL, "userIdentity": identity})
    assert row["actor"] == actor


@pytest.mark.parametrize("who", [":assumed-role/deploy/alice", ":user/team/alice"])
def test_a_person_that_a_reason_names_is_a_hash(who: str) -> None:
    reason = f"User: arn:aws:sts::111122223333{who} is not authorized to perform: lambda:UpdateAlias"
    of_stack = {"status": "UPDATE_FAILED", "status-reason": reason}
    for event in ({**API_CALL, "errorMessage": reason}, stack_event(**{"status-details": of_stack})):
        (row,) = read("deployments", event)
        assert "alice" not in str(row)
        assert row["message"].endswith(" is not authorized to perform: lambda:UpdateAlias")


def test_a_log_file_of_a_trail_gives_changes_and_log_lines() -> None:
    other = {**API_CALL, "eventName": "Invoke", "requestParameters": None}
    normalizer = streamed({"Records": [API_CALL, other]})
    assert {part.table: part.rows.num_rows for part in normalizer.flush("c")} == {"deployments": 1, "logs": 1}


def test_a_failed_call_is_a_failed_change_with_the_reason() -> None:
    row = called("UpdateAlias20150331", {"functionName": "f"}, errorCode="AccessDenied", errorMessage="alice may not")
    assert of(row, "status", "message") == ("failed", "AccessDenied: alice may not")


def test_calls_name_versions_aliases_layers_and_stages() -> None:
    published = called("PublishVersion20150331", {"functionName": "checkout"}, {"version": "8"})
    assert of(published, "kind", "service", "service_version") == ("version", "checkout", "8")
    moved = called("UpdateAlias20150331", {"functionName": "checkout", "name": "live", "functionVersion": "8"})
    assert of(moved, "resource", "service", "service_version") == ("checkout:live", "checkout", "8")
    layer = called("PublishLayerVersion20181031", {"layerName": "base"}, {"version": 3})
    assert of(layer, "kind", "action", "resource", "service_version") == ("layer", "created", "base", "3")
    code = called("UpdateFunctionCode20150331v2", {"functionName": "f"}, {"codeSha256": "abc=", "version": "$LATEST"})
    assert json.loads(code["changes"]) == {"code_sha256": {"new": "abc="}}
    rest = {"restApiId": "a1", "createDeploymentInput": {"stageName": "prod"}}
    deployed = called("CreateDeployment", rest, {"id": "d1"}, eventSource="apigateway.amazonaws.com")
    assert of(deployed, "kind", "action", "resource") == ("api", "created", "a1/prod")
    stage = called("UpdateStage", {"apiId": "a2", "stageName": "$default"}, eventSource="apigateway.amazonaws.com")
    assert of(stage, "resource_type", "resource") == ("AWS::ApiGateway::Stage", "a2/$default")


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("lambda", {"functionName": "f", "environment": {"variables": {"A": "hunter2"}}}),
        ("lambda", {"functionName": "f", "Environment": {"A": ["hunter2", {"B": "hunter2"}]}}),
        ("ecs", {"containerDefinitions": [{"environment": [{"name": "A", "value": "hunter2"}]}]}),
        ("codebuild", {"environment": {"environmentVariables": [{"name": "A", "value": "hunter2"}]}}),
        ("apigateway", {"patchOperations": [{"op": "replace", "path": "/variables/A", "value": "hunter2"}]}),
        ("apigateway", {"createDeploymentInput": {"stageName": "s", "variables": {"A": "hunter2"}}}),
    ],
)
@pytest.mark.parametrize("name", ["UpdateStage", "UpdateFunctionConfiguration20150331v2", "RegisterTaskDefinition"])
def test_no_value_of_an_environment_reaches_the_lake_whatever_the_call(
    source: str, asked: dict[str, Any], name: str
) -> None:
    record = {**API_CALL, "eventSource": f"{source}.amazonaws.com", "eventName": name, "requestParameters": asked}
    for event in (record, envelope(record)):
        found = [row for part in streamed(event).flush("c") for row in part.rows.to_pylist()]
        assert len(found) == 1
        assert "hunter2" not in str(found)
        assert '"A"' in found[0]["line"] or "/variables/A" in found[0]["line"]


def test_a_call_that_changes_nothing_that_runs_stays_a_log_line() -> None:
    record = {**API_CALL, "eventName": "ListFunctions20150331", "requestParameters": None}
    for event in (record, envelope(record), {**STACK_EVENT, "detail-type": "EC2 Instance State-change Notification"}):
        (row,) = read("logs", event)
        assert row["source"] == "json_log"


SESSION = {
    "arn": "arn:aws:sts::111122223333:assumed-role/deploy/alice",
    "assumedRoleId": "AROAIDPPEZS35WEXAMPLE:alice",
}
REFUSED = f"User: {SESSION['arn']} is not authorized to perform: sts:AssumeRole"


@pytest.mark.parametrize(
    "members",
    [
        {"userIdentity": {"type": "AssumedRole", "principalId": "AROAIDPPEZS35WEXAMPLE:alice", "arn": SESSION["arn"]}},
        {"userIdentity": {"type": "FederatedUser", "principalId": "111122223333:alice"}},
        {"userIdentity": {"type": "SAMLUser", "principalId": "bkoPpHtRIR=:alice", "userName": "alice"}},
        {"userIdentity": {"sessionContext": {"webIdFederationData": {"attributes": {"example.com:sub": "alice"}}}}},
        {"userIdentity": {"sessionContext": {"sourceIdentity": "alice"}}},
        {"requestParameters": {"roleSessionName": "alice"}, "responseElements": {"assumedRoleUser": SESSION}},
        {"responseElements": {"answers": [{"assumedRoleUser": SESSION}], "sourceIdentity": "alice"}},
        {"responseElements": {"federatedUser": {"arn": "arn:aws:sts::111122223333:federated-user/alice"}}},
        {"responseElements": {"federatedUser": {"federatedUserId": "111122223333:alice"}}},
        {"requestParameters": {"policyDocument": json.dumps({"aws:userid": SESSION["assumedRoleId"]})}},
        {"errorCode": "AccessDenied", "errorMessage": REFUSED},
    ],
)
def test_a_log_line_of_a_call_names_no_person_whatever_way_it_comes(members: dict[str, Any]) -> None:
    record = {
        **API_CALL,
        "userIdentity": {"type": "Root"},
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
    }
    record |= members
    assert "alice" in str(record)
    in_log_group = taken(payload(record))
    for normalizer in (in_log_group, streamed(record), streamed(envelope(record)), streamed({"Records": [record]})):
        (row,) = rows(normalizer, "logs")
        assert "alice" not in str(row)


def test_a_session_has_one_hash_wherever_its_name_stands_and_each_counts() -> None:
    asked, answered = {"roleSessionName": "alice"}, {"assumedRoleUser": SESSION}
    call = {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole"}
    normalizer = streamed({**call, "requestParameters": asked, "responseElements": answered})
    (row,) = rows(normalizer, "logs")
    line = json.loads(row["line"])
    session = line["requestParameters"]["roleSessionName"]
    assert line["responseElements"]["assumedRoleUser"] == {
        "arn": f"arn:aws:sts::111122223333:assumed-role/deploy/{session}",
        "assumedRoleId": f"AROAIDPPEZS35WEXAMPLE:{session}",
    }
    assert normalizer.counts.redacted == 3


def test_a_log_line_of_a_call_that_names_nobody_stays_to_the_letter() -> None:
    identity = {"type": "AWSAccount", "principalId": "AROAIDPPEZS35WEXAMPLE", "accountId": "111122223333"}
    record = {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "userIdentity": identity, "awsRegion": "x"}
    (row,) = read("logs", record)
    assert row["line"] == json.dumps(record)


@pytest.mark.parametrize("service", [api_calls.LAMBDA, api_calls.GATEWAY])
def test_every_call_begins_with_the_verb_that_says_what_it_does(service: str) -> None:
    verbs = {
        "created": ("Create", "Import", "Publish"),
        "deleted": ("Delete",),
        "updated": ("Update", "Put", "Reimport"),
    }
    for name, call in api_calls.CALLS[service].items():
        assert name.startswith(verbs[call.action])


def test_a_pipeline_tells_of_its_commit() -> None:
    event = {
        "event_type": "deployment",
        "id": "d-1",
        "time": TIME,
        "commit": "1f2e3d4c",
        "service": "checkout",
        "version": "1.4.0",
        "url": "https://bot:hunter2@ci.example.com/runs/7",
    }
    (row,) = rows(streamed(event), "deployments")
    assert of(row, "source", "kind", "action", "status") == ("deployed", "commit", "deployed", "succeeded")
    assert of(row, "commit_sha", "service", "service_version", "event_id") == ("1f2e3d4c", "checkout", "1.4.0", "d-1")
    assert row["run_url"] == "https://[redacted]@ci.example.com/runs/7"
    assert "hunter2" not in str(row)


@pytest.mark.parametrize(
    ("action", "changes", "kind"),
    [
        ("updated", {"memory_mb": {"old": 128, "new": 256}}, "function_config"),
        ("updated", {"code_sha256": {"old": "a", "new": "b"}, "timeout_s": {"old": 3, "new": 9}}, "function_code"),
        ("created", {}, "function"),
        ("deleted", None, "function"),
    ],
)
def test_a_difference_of_two_snapshots_is_a_change_of_the_function(action: str, changes: Any, kind: str) -> None:
    event = {"event_type": "configuration_changed", "function": "checkout", "action": action, "changes": changes}
    (row,) = rows(streamed({**event, "id": "checkout@1"}), "deployments")
    assert of(row, "source", "kind", "action", "service") == ("configuration_snapshot", kind, action, "checkout")
    assert json.loads(row["changes"] or "{}") == (changes or {})


def test_what_applications_call_a_deployment_themselves_stays_a_log_line() -> None:
    assert [row["source"] for row in read("logs", {"event_type": "deployment", "message": "m"})] == ["json_log"]
    assert [row["source"] for row in read("logs", {"event_type": "configuration_changed"})] == ["json_log"]


def test_a_functions_log_of_an_event_and_the_event_itself_are_one_row() -> None:
    event = {**STACK_EVENT, "id": "6a7e8feb"}
    normalizer = Normalizer(RULES)
    normalizer.add(json.dumps(event).encode(), "shard:0", NOW_MS)
    normalizer.add(payload(event), "shard:1", NOW_MS)
    assert {(row["event_id"], row["time"]) for row in rows(normalizer, "deployments")} == {
        ("6a7e8feb", datetime.fromisoformat("2026-09-21T14:00:00"))
    }


_WRONG: tuple[Any, ...] = (None, 7, "", "x", [], {}, [1], {"a": []}, True, 2**70, "x" * 100_000)


@pytest.mark.parametrize("event", [{**STACK_EVENT, "id": "i"}, {**API_CALL, "eventID": "i"}, envelope(API_CALL)])
def test_missing_members_wrong_types_and_huge_values_are_one_row_or_one_refusal(event: dict[str, Any]) -> None:
    tried = list(_spoiled(event))
    normalizer = streamed(*tried)
    counts = normalizer.counts
    assert (counts.events, counts.stored + counts.rejected) == (len(tried), len(tried))
    assert counts.rejected == 0, normalizer.rejected[0]
    assert sum(part.rows.num_rows for part in normalizer.flush("c")) == len(tried)


def _spoiled(event: dict[str, Any]) -> Any:
    """The event without each of its members, at any depth, and with each of the wrong values in its place."""
    paths = list(_paths(event))
    for path in paths:
        for wrong in (..., *_WRONG):
            changed = deepcopy(event)
            holder = changed
            for name in path[:-1]:
                holder = holder[name]
            if wrong is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = wrong
            yield changed


def _paths(value: Any, before: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        for name, member in value.items():
            yield (*before, name)
            yield from _paths(member, (*before, name))

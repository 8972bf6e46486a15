"""What functions call is allowed, and what is allowed is called. The emulator does not look at permissions.

Every call that the code of a function makes in any test of the session is noted (tests/conftest.py) and held against
the policies of the templates: tests call resources as they are deployed, those with a generated name as NAMES_IN_TESTS
says; account and region may be any. tests/end_to_end does the same for the functions that run on the emulator.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from authorization import documented, recorded
from authorization.calls import Call, UnknownCallError, needs
from authorization.deployment import Deployment
from authorization.engine import Request, Statement, like, why_not
from recorded_calls import RECORDED
from template_reading import Template

EXPLAINED = Path(__file__).parent / "authorization" / "unused_grants.toml"
# what a function does only where the setting is there: an e-mail address, the account mode
BY_SETTING = {
    ("check_delivery", "Subscribe"),
    ("subscribe_log_groups", "DescribeAccountPolicies"),
    ("subscribe_log_groups", "PutAccountPolicy"),
}

# what is deployed only where the setting is there
FUNCTIONS_BY_SETTING = {"check_budget", "read_customers", "read_log_files"}
LOG_BUCKETS = ("access-logs/alb/",)
TENANTS_TABLE = "crm-customers"

Grant = tuple[str, str, str]


@pytest.fixture(scope="module")
def calls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return recorded.calls(request.config.stash[RECORDED], tmp_path_factory.mktemp("calls"))


@pytest.fixture(scope="module")
def default(templates: dict[str, Template]) -> Deployment:
    return Deployment(templates)


@pytest.fixture(scope="module")
def everything(
    tmp_path_factory: pytest.TempPathFactory, synthesise_with: Callable[..., dict[str, Template]]
) -> Deployment:
    """With each setting that gives a function more to do."""
    folder = tmp_path_factory.mktemp("everything")
    return Deployment(
        synthesise_with(
            folder,
            alert_email="ops@example.com",
            ingest_mode="account",
            log_buckets=LOG_BUCKETS,
            tenants_table=TENANTS_TABLE,
            monthly_budget_usd=50,
        )
    )


def _requests(calls: Iterable[Call], deployed: Deployment) -> Iterator[tuple[Call, Request]]:
    for call in calls:
        if call.function not in deployed.roles:  # a function that is not deployed calls nothing
            continue
        for action, resource, context in needs(call, deployed):
            yield call, Request(deployed.roles[call.function], action, resource, context)


def _refused(calls: Iterable[Call], deployed: Deployment) -> set[str]:
    return {why_not(request) for _, request in _requests(calls, deployed) if not deployed.allows(request)}


def _unused(calls: Iterable[Call], deployed: Deployment) -> set[Grant]:
    """Role, action and resource of grants that neither calls nor services use; all tables of the lake count as one."""
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    for call, request in _requests(calls, deployed):
        used[call.function, request.action].add(_any_table(request.resource))
    for row in documented.on_behalf(deployed):
        for action in row.actions:
            used[row.role, action].add(row.resource)
    roles = {**deployed.roles, **documented.service_roles(deployed)}
    return {
        (role, action, _any_table(resource))
        for role, arn in roles.items()
        for statement in deployed.identity[arn]
        if statement.allows
        for action in statement.actions
        for resource in statement.resources
        if not any(like(_any_table(resource), each) for each in used[role, action])
    }


def _any_table(arn: str) -> str:
    return re.sub(r"(:table/tracelake_\w+/)\w+", r"\1any", arn)


def _explained(deployed: Deployment) -> set[tuple[str, str]]:
    entries = tomllib.loads(EXPLAINED.read_text())["grant"]
    assert all(entry["why"] for entry in entries)
    return {(entry["role"], action) for entry in entries for action in entry["actions"]}


def _without(deployed: Deployment, function: str, action: str) -> Deployment:
    """The same, but the function's role lacks the action."""

    def taken(statement: Statement) -> Statement:
        return replace(statement, actions=tuple(each for each in statement.actions if each != action))

    return _with_policies(deployed, function, [taken(each) for each in deployed.identity[deployed.roles[function]]])


def _with_policies(deployed: Deployment, function: str, policies: list[Statement]) -> Deployment:
    changed = Deployment.__new__(Deployment)
    changed.__dict__.update(deployed.__dict__)
    changed.__dict__["identity"] = {**deployed.identity, deployed.roles[function]: policies}
    return changed


def test_every_function_may_make_every_call_it_makes(
    calls: list[Call], default: Deployment, everything: Deployment
) -> None:
    always = [
        call
        for call in calls
        if (call.function, call.operation) not in BY_SETTING and call.function not in FUNCTIONS_BY_SETTING
    ]
    assert {call.function for call in calls} == set(everything.roles)
    assert set(everything.roles) - set(default.roles) == FUNCTIONS_BY_SETTING
    assert {call.function for call in always} == set(default.roles)
    assert _refused(always, default) == set()
    assert _refused(calls, everything) == set()


def test_a_setting_that_is_not_there_gives_no_permission(calls: list[Call], default: Deployment) -> None:
    by_setting = [call for call in calls if (call.function, call.operation) in BY_SETTING]
    assert {(call.function, call.operation) for call in by_setting} == BY_SETTING
    for call in by_setting:
        assert _refused([call], default), call


def test_what_is_granted_is_used_or_explained(calls: list[Call], default: Deployment, everything: Deployment) -> None:
    unused = {(role, action) for role, action, _ in _unused(calls, default) | _unused(calls, everything)}
    assert unused == _explained(default)


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("normalize", "dynamodb:UpdateItem"),
        ("normalize", "kms:GenerateDataKey"),
        ("compact", "s3:DeleteObject"),
        ("compact", "glue:BatchUpdatePartition"),
        ("record_poison", "kms:Decrypt"),
        ("record_poison", "dynamodb:Query"),
        ("create_partitions", "glue:CreatePartitionIndex"),
        ("subscribe_log_groups", "iam:PassRole"),
        ("widgets", "s3:ListBucket"),
        ("widgets", "athena:StopQueryExecution"),
        ("notify", "kms:Decrypt"),
        ("check_delivery", "cloudwatch:ListMetrics"),
        ("check_budget", "dynamodb:UpdateItem"),
        ("check_budget", "kms:Decrypt"),
        ("check_budget", "s3:ListBucket"),
        ("read_log_files", "s3:GetObject"),
        ("read_log_files", "s3:ListBucket"),
        ("snapshot_configuration", "kinesis:PutRecords"),
        ("snapshot_configuration", "lambda:GetFunctionConfiguration"),
        ("snapshot_configuration", "s3:ListBucket"),
    ],
)
def test_a_permission_that_is_missing_is_noticed(
    calls: list[Call], everything: Deployment, function: str, action: str
) -> None:
    refused = _refused(calls, _without(everything, function, action))
    assert refused
    assert all(f"{everything.roles[function]} may not {action} on" in each for each in refused)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:DeleteObject", "arn:aws:s3:::lake/settled/*"),
        ("s3:PutObject", "arn:aws:s3:::lake/athena-results/*"),
        ("dynamodb:Scan", "arn:aws:dynamodb:eu-central-1:123456789012:table/state"),
    ],
)
def test_a_grant_too_many_is_listed(calls: list[Call], default: Deployment, action: str, resource: str) -> None:
    more = Statement(allows=True, actions=(action,), resources=(resource,))
    planted = _with_policies(default, "normalize", [*default.identity[default.roles["normalize"]], more])
    assert _unused(calls, planted) - _unused(calls, default) == {("normalize", action, resource)}


def test_a_call_outside_of_the_namespace_or_the_keys_that_a_condition_names_is_refused(default: Deployment) -> None:
    metric = Call("normalize", "cloudwatch", "PutMetricData", {"Namespace": "somebody-else"})
    write = {"Put": {"TableName": "state", "Item": {"pk": {"S": "commit#2026-11-20-10"}}}}
    commit = Call("notify", "dynamodb", "TransactWriteItems", {"TransactItems": [write]})
    secret = Call(
        "detect", "dynamodb", "GetItem", {"TableName": "state", "Key": {"pk": {"S": "secret"}, "sk": {"S": "-"}}}
    )
    for call in (metric, commit, secret):
        assert len(_refused([call], default)) == 1


def test_own_log_groups_cannot_be_subscribed_whatever_is_allowed(everything: Deployment) -> None:
    params: dict[str, Any] = {"logGroupName": "/tracelake/dev/compact"}
    call = Call("subscribe_log_groups", "logs", "PutSubscriptionFilter", params)
    assert len(_refused([call], everything)) == 1


def test_a_call_of_which_nothing_is_known_is_an_error(default: Deployment) -> None:
    with pytest.raises(UnknownCallError, match="s3:PutBucketAcl"):
        _refused([Call("compact", "s3", "PutBucketAcl", {"Bucket": "lake"})], default)


def test_nothing_is_allowed_over_a_connection_without_tls(calls: list[Call], default: Deployment) -> None:
    for _, request in _requests([each for each in calls if each.service == "s3"], default):
        if request.action.startswith("s3:"):
            context = {**request.context, "aws:SecureTransport": "false"}
            assert not default.allows(replace(request, context=context))


@pytest.fixture(params=["default", "everything"])
def deployed(request: pytest.FixtureRequest) -> Deployment:
    found: Deployment = request.getfixturevalue(request.param)
    return found


def test_services_may_do_on_behalf_of_a_role_what_aws_documents_that_they_need(deployed: Deployment) -> None:
    roles = {**deployed.roles, **documented.service_roles(deployed)}
    wanted = [
        Request(roles[row.role], action, row.resource)
        for row in documented.on_behalf(deployed)
        for action in row.actions
    ]
    assert len(wanted) > 30
    assert [why_not(request) for request in wanted if not deployed.allows(request)] == []


def test_services_may_do_in_their_own_name_what_aws_documents_and_for_nobody_else(deployed: Deployment) -> None:
    deeds = list(documented.by_services(deployed))
    assert [(deed.what, why_not(deed.request())) for deed in deeds if not deployed.allows(deed.request())] == []
    assert [deed.what for deed in deeds for context in deed.never if deployed.allows(deed.request(context))] == []
    invoked = {
        (each["Principal"], deployed.resolve(each["FunctionName"], key.split("/")[0]))
        for key, each in deployed.of_type("AWS::Lambda::Permission")
    }
    assert invoked == {(deed.service, deed.resource) for deed in deeds if deed.action == "lambda:InvokeFunction"}


def test_every_statement_of_a_resources_policy_for_a_service_has_a_row(deployed: Deployment) -> None:
    known = {(deed.service, deed.action) for deed in documented.by_services(deployed)}
    granted = {
        (name, action)
        for kind, document in (
            ("AWS::SNS::TopicPolicy", "PolicyDocument"),
            ("AWS::SQS::QueuePolicy", "PolicyDocument"),
            ("AWS::S3::BucketPolicy", "PolicyDocument"),
            ("AWS::KMS::Key", "KeyPolicy"),
        )
        for key, properties in deployed.of_type(kind)
        for each in properties[document]["Statement"]
        if each["Effect"] == "Allow"
        for name in [each["Principal"].get("Service")]
        if name
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert granted
    for service, action in granted:
        assert any(service == who and like(action, what) for who, what in known), (service, action)

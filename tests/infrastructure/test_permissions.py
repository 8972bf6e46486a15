"""Every role may do what its function does, on what it does it to, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from authorization.actions import misfit
from authorization.deployment import Deployment
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from template_reading import Template, of_type, statements, text

from stacks.permissions import allow

LAKE = "arn:<AWS::Partition>:s3:::<lakebucket>"
DEAD_LETTERS = "arn:<AWS::Partition>:s3:::<deadletterbucket>"
STATE = "arn:<AWS::Partition>:dynamodb:<AWS::Region>:<AWS::AccountId>:table/<statetable>"
LOGS = "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:"

# every wildcard there is: (role, action, resource)
WILDCARDS = {
    # file names are made at run time
    ("Normalize", "s3:PutObject", f"{LAKE}/hot/*"),
    ("Normalize", "s3:PutObject", f"{DEAD_LETTERS}/rejected/*"),
    ("Normalize", "s3:PutObject", f"{DEAD_LETTERS}/aws/lambda/*"),
    ("Compact", "s3:GetObject", f"{LAKE}/hot/*"),
    ("Compact", "s3:GetObject", f"{LAKE}/settled/*"),
    ("Compact", "s3:DeleteObject", f"{LAKE}/hot/*"),
    ("Compact", "s3:DeleteObject", f"{LAKE}/settled/*"),
    ("Compact", "s3:PutObject", f"{LAKE}/settled/*"),
    ("RecordPoison", "s3:PutObject", f"{LAKE}/hot/*"),
    ("RecordPoison", "s3:PutObject", f"{DEAD_LETTERS}/rejected/*"),
    ("RecordPoison", "s3:GetObject", f"{DEAD_LETTERS}/aws/lambda/*"),
    ("Compact", "s3:GetObject", f"{LAKE}/summaries/*"),
    ("Compact", "s3:PutObject", f"{LAKE}/summaries/*"),
    ("Widgets", "s3:GetObject", f"{LAKE}/summaries/*"),
    ("Widgets", "s3:GetObject", f"{LAKE}/hot/*"),
    ("Widgets", "s3:GetObject", f"{LAKE}/settled/*"),
    ("Widgets", "s3:GetObject", f"{LAKE}/athena-results/*"),
    ("Widgets", "s3:PutObject", f"{LAKE}/athena-results/*"),
    ("Widgets", "s3:AbortMultipartUpload", f"{LAKE}/athena-results/*"),
    ("Widgets", "s3:ListMultipartUploadParts", f"{LAKE}/athena-results/*"),
    ("Notify", "s3:GetObject", f"{LAKE}/summaries/*"),
    ("Detect", "s3:GetObject", f"{LAKE}/summaries/*"),
    *(
        ("Detect", "s3:GetObject", f"{LAKE}/{each}/*")
        for each in ("hot/spans", "hot/logs", "settled/spans", "settled/logs")
    ),
    # the calls know no resources
    ("Notify", "cloudwatch:GetMetricData", "*"),
    ("CheckDelivery", "cloudwatch:ListMetrics", "*"),
    ("CheckDelivery", "cloudwatch:GetMetricStatistics", "*"),
    # the call knows no resources; its namespace is a condition
    ("Normalize", "cloudwatch:PutMetricData", "*"),
    # it looks at all log groups, that is what it is for
    ("SubscribeLogGroups", "logs:DescribeLogGroups", "*"),
    ("SubscribeLogGroups", "logs:DescribeSubscriptionFilters", f"{LOGS}*"),
    ("SubscribeLogGroups", "logs:PutSubscriptionFilter", f"{LOGS}*"),
    ("SubscribeLogGroups", "logs:DeleteSubscriptionFilter", f"{LOGS}*"),
    # it compares the configurations of all functions
    ("SnapshotConfiguration", "lambda:ListFunctions", "*"),
    (
        *("SnapshotConfiguration", "lambda:GetFunctionConfiguration"),
        "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:*",
    ),
    # the account's policy, which has no resource: an installation that goes back to filters removes its own
    ("SubscribeLogGroups", "logs:DeleteAccountPolicy", "*"),
    ("SubscribeLogGroups", "logs:DeleteSubscriptionFilter", "*"),
}


def _grants(templates: dict[str, Template]) -> Iterator[tuple[str, str, str]]:
    for template in templates.values():
        for policy in of_type(template, "AWS::IAM::Policy"):
            role = policy.split("Role")[0]
            for statement in statements(template, policy):
                if statement["Effect"] == "Allow":
                    for action in statement["Action"]:
                        yield from ((role, action, resource) for resource in statement["Resource"])


def test_there_are_no_wildcards_but_these(templates: dict[str, Template]) -> None:
    assert {grant for grant in _grants(templates) if "*" in grant[1] + grant[2]} == WILDCARDS


def test_every_granted_action_exists_and_is_granted_on_what_it_knows(templates: dict[str, Template]) -> None:
    granted = {
        (action, resource)
        for policies in Deployment(templates).identity.values()
        for statement in policies
        for action in statement.actions
        for resource in statement.resources
    }
    assert len(granted) > 50
    assert [problem for grant in sorted(granted) if (problem := misfit(*grant))] == []


@pytest.mark.parametrize(
    ("action", "on", "problem"),
    [
        ("s3:HeadObject", "arn:aws:s3:::lake/hot/*", "s3:HeadObject does not exist"),
        ("s3:PutObject", "arn:aws:s3:::lake", "s3:PutObject is not an action on arn:aws:s3:::lake, but on"),
        ("logs:DescribeLogGroups", "arn:aws:logs:eu-central-1:1:log-group:*", "logs:DescribeLogGroups knows no"),
    ],
)
def test_an_action_that_does_not_exist_or_fit_its_resource_is_noticed(action: str, on: str, problem: str) -> None:
    assert misfit(action, on).startswith(problem)


def test_no_role_has_a_policy_that_aws_manages(templates: dict[str, Template]) -> None:
    for template in templates.values():
        for role in of_type(template, "AWS::IAM::Role").values():
            assert "ManagedPolicyArns" not in role
            assert "Policies" not in role


def test_every_function_has_a_role_of_its_own(templates: dict[str, Template]) -> None:
    functions = [f for t in templates.values() for f in of_type(t, "AWS::Lambda::Function").values()]
    assert len({text(function["Role"]) for function in functions}) == len(functions) == 10


def test_only_normalize_and_record_poison_commit_and_only_compact_publishes(templates: dict[str, Template]) -> None:
    grants = set(_grants(templates))
    assert {role for role, action, on in grants if action == "dynamodb:PutItem"} == {
        "Normalize",
        "RecordPoison",
        "Compact",
        "Notify",
        "Detect",
    }
    assert {on for _, action, on in grants if action.startswith("dynamodb:")} == {STATE}
    assert {role for role, action, on in grants if action == "s3:PutObject" and "/hot/" in on} == {
        "Normalize",
        "RecordPoison",
    }
    assert {role for role, action, on in grants if action in ("s3:DeleteObject", "glue:BatchUpdatePartition")} == {
        "Compact"
    }


@pytest.mark.parametrize(("role", "keys"), [("Notify", ["incident", "messages"]), ("Detect", ["signals", "messages"])])
def test_who_tells_keeps_its_own_items_of_the_state_table_and_no_others(
    insight: Template, role: str, keys: list[str]
) -> None:
    (statement,) = (s for s in statements(insight, f"{role}Role") if "dynamodb:PutItem" in s["Action"])
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}}


def test_only_notify_and_detect_publish_to_the_alerts_and_may_use_their_key(insight: Template) -> None:
    grants = [
        (role, action, on) for role, action, on in _grants({"insight": insight}) if action.startswith(("sns", "kms"))
    ]
    assert {role for role, action, _ in grants if action in ("sns:Publish", "kms:Decrypt")} == {"Notify", "Detect"}
    for each in ("Notify", "Detect"):
        assert {action for role, action, _ in grants if role == each} == {
            "sns:Publish",
            "kms:GenerateDataKey",
            "kms:Decrypt",
        }


def test_check_delivery_may_only_subscribe_the_address_of_the_settings(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert not [s for s in statements(insight, "CheckDeliveryRole") if "sns:Subscribe" in s["Action"]]
    (statement,) = (
        s for s in statements(other_templates["insight"], "CheckDeliveryRole") if "sns:Subscribe" in s["Action"]
    )
    assert statement["Condition"] == {"StringEquals": {"sns:Protocol": "email", "sns:Endpoint": "ops@example.com"}}


def test_put_metric_data_is_held_to_the_namespace_of_tracelake(ingest: Template) -> None:
    (statement,) = (s for s in statements(ingest, "NormalizeRole") if "cloudwatch:PutMetricData" in s["Action"])
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "tracelake"}}


def test_subscribing_own_log_groups_is_denied_whatever_the_selection_says(ingest: Template) -> None:
    (denied,) = (s for s in statements(ingest, "SubscribeLogGroupsRole") if s["Effect"] == "Deny")
    assert denied["Action"] == ["logs:PutSubscriptionFilter"]
    assert denied["Resource"] == [f"{LOGS}/tracelake/*"]


def test_the_delivery_role_can_be_passed_to_cloudwatch_logs_alone(ingest: Template) -> None:
    (passing,) = (s for s in statements(ingest, "SubscribeLogGroupsRole") if s["Action"] == ["iam:PassRole"])
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "logs.amazonaws.com"}}
    assert all(resource.startswith("<DeliveryRole") for resource in passing["Resource"])


def test_functions_write_only_into_their_own_log_group(templates: dict[str, Template]) -> None:
    for role, action, resource in _grants(templates):
        if action == "logs:PutLogEvents":
            assert resource.startswith(f"<{role}Logs")


@pytest.fixture
def role() -> Any:
    return iam.Role(Stack(App(), "Stack"), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def test_a_wildcard_without_a_reason_is_refused(role: iam.Role) -> None:
    with pytest.raises(ValueError, match=r"s3:GetObject on arn:aws:s3:::a/\* needs a reason"):
        allow(role, ["s3:GetObject"], ["arn:aws:s3:::a/*"])


def test_a_wildcard_in_an_action_is_refused_even_with_a_reason(role: iam.Role) -> None:
    with pytest.raises(ValueError, match=r"s3:Get\*: actions are named one by one"):
        allow(role, ["s3:Get*"], ["arn:aws:s3:::a"], why="short")

"""Ingest mode `account`: what the templates have more for it, and that they pass every check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App
from cfnlint import ManualArgs
from cfnlint.api import lint_file
from template_reading import Template, of_type, only, statements, text

from stacks.application import build, context_of_cdk_json, synthesise
from stacks.settings import Settings

ACCOUNT = Settings(ingest_mode="account", exclude_names=("/secret/a", "/secret/b"))
POLICY_ACTIONS = {
    "logs:DescribeAccountPolicies",
    "logs:PutAccountPolicy",
    "logs:DeleteAccountPolicy",
    "logs:DescribeSubscriptionFilters",
    "logs:PutSubscriptionFilter",
    "logs:DeleteSubscriptionFilter",
}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory, synthesise_with: Callable[..., dict[str, Template]]) -> Template:
    settings = {"ingest_mode": ACCOUNT.ingest_mode, "exclude_names": ACCOUNT.exclude_names}
    return synthesise_with(tmp_path_factory.mktemp("account"), **settings)["ingest"]


def test_the_function_learns_the_mode_the_names_to_leave_out_and_its_own_log_groups(ingest: Template) -> None:
    variables = only(ingest, "AWS::Lambda::Function", "SubscribeLogGroups")["Environment"]["Variables"]
    assert variables["INGEST_MODE"] == "account"
    assert variables["EXCLUDE_NAMES"] == "/secret/a,/secret/b"
    own = set(variables["OWN_LOG_GROUPS"].split(","))
    deployed = {group["LogGroupName"] for group in of_type(ingest, "AWS::Logs::LogGroup").values()}
    assert deployed <= own
    assert all(name.startswith("/tracelake/main/") for name in own)


def test_a_changed_mode_or_name_changes_the_resource(ingest: Template, templates: dict[str, Template]) -> None:
    resource = only(ingest, "Custom::SubscribeLogGroups")
    before = only(templates["ingest"], "Custom::SubscribeLogGroups")
    assert (resource["IngestMode"], before["IngestMode"]) == ("account", "per-group")
    assert (resource["ExcludeNames"], before["ExcludeNames"]) == ("/secret/a,/secret/b", "")


def _of_policies(template: Template) -> set[str]:
    found = statements(template, "SubscribeLogGroupsRole")
    allowed = {action for s in found if s["Effect"] == "Allow" and s["Resource"] == ["*"] for action in s["Action"]}
    return allowed - {"logs:DescribeLogGroups"}


def test_the_policy_may_be_put_only_where_this_mode_is_chosen(ingest: Template, templates: dict[str, Template]) -> None:
    assert _of_policies(ingest) == POLICY_ACTIONS
    assert _of_policies(templates["ingest"]) == {"logs:DeleteAccountPolicy", "logs:DeleteSubscriptionFilter"}


def test_the_delivery_role_is_the_only_one_that_is_passed_and_own_groups_stay_denied(ingest: Template) -> None:
    found = statements(ingest, "SubscribeLogGroupsRole")
    (passing,) = (s for s in found if s["Action"] == ["iam:PassRole"])
    assert all(resource.startswith("<DeliveryRole") for resource in passing["Resource"])
    (denied,) = (s for s in found if s["Effect"] == "Deny")
    assert denied["Action"] == ["logs:PutSubscriptionFilter"]
    (trust,) = only(ingest, "AWS::IAM::Role", "DeliveryRole")["AssumeRolePolicyDocument"]["Statement"]
    assert text(trust["Condition"]["StringLike"]["aws:SourceArn"]).startswith("arn:<AWS::Partition>:logs:")


def test_cdk_nag_the_laws_and_cfn_lint_find_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "true")
    app = App(outdir=str(tmp_path), context={**context_of_cdk_json(), "aws:cdk:disable-asset-staging": True})
    build(app, ACCOUNT)
    synthesise(app, ACCOUNT)
    template = tmp_path / "tracelake-main-ingest.template.json"
    assert "PutAccountPolicy" in json.dumps(json.loads(template.read_text()))
    found = lint_file(template, ManualArgs(ignore_checks=["W3005", "W3045"], regions=["us-east-1"]))
    assert [f"{match.rule.id} {match.message}" for match in found] == []

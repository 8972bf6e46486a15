"""The lines that `doctor` and the widget *What is still dark* give to paste are tried where they belong.

CDK's are run and synthesised, and the template has what they promise. SAM's are checked by cfn-lint against the schemas
of their resources. Of Serverless and Terraform there is no schema here: they are parsed, and no more is known of them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from textwrap import indent
from typing import Any

import aws_cdk as cdk
import hcl2
import pytest
import yaml
from aws_cdk import aws_apigateway, aws_apigatewayv2, aws_iam, aws_lambda, aws_logs, aws_xray
from cfnlint import ManualArgs
from cfnlint.api import lint_file

from functions.core.dark import advice
from functions.core.dark.advice import Advice
from functions.core.dark.tools import CODE
from stacks import NODE

ADVICE = {each.id: each for each in advice.load().advice}
FRAGMENT = "customer_in_access_log"
"""Its lines are a member of a format, and nothing by themselves."""

LAYER_ARN = "arn:aws:lambda:eu-west-1:615299751070:layer:AWSOpenTelemetryDistroPython:16"
FUNCTION = """
function = lambda_.Function(self, "F", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handle",
    code=lambda_.Code.from_inline("def handle(*_): pass"),
{lines}
)
"""
CDK = {
    "http_access_log": 'api = apigatewayv2.HttpApi(self, "Api")\n{lines}',
    "rest_access_log": 'api = apigateway.RestApi(self, "Api",\n{lines}\n)\napi.root.add_method("GET")',
    "json_logging": FUNCTION,
    "tracing": FUNCTION,
    "transaction_search": "{lines}",
    "otel_layer": FUNCTION,
}
MODULES = {
    **{"json": json, "LAYER_ARN": LAYER_ARN, "lambda_": aws_lambda, "logs": aws_logs, "iam": aws_iam},
    **{"xray": aws_xray, "apigateway": aws_apigateway, "apigatewayv2": aws_apigatewayv2},
}
SAM_RESOURCE = {
    "http_access_log": ("AWS::Serverless::HttpApi", {}),
    "rest_access_log": ("AWS::Serverless::Api", {"StageName": "prod"}),
    **dict.fromkeys(
        ("json_logging", "tracing", "otel_layer"),
        ("AWS::Serverless::Function", {"Runtime": "python3.13", "Handler": "i.handle", "CodeUri": "s3://bucket/key"}),
    ),
}
RESOURCES = """
  AccessLogs:
    Type: AWS::Logs::LogGroup
  Spans:
    Type: AWS::Logs::ResourcePolicy
    Properties:
      PolicyName: spans
      PolicyDocument: '{"Version": "2012-10-17", "Statement": []}'
"""


def lines_of(name: str, tool: str) -> str:
    return advice.lines(ADVICE[name])[tool]


def synthesised(name: str, lines: str, folder: Path) -> dict[str, Any]:
    """The template of a stack with these lines where they belong; what a comment says to add is added."""
    more = [line.removeprefix("# and: ").removeprefix("#") for line in lines.splitlines() if line.startswith("#")]
    code = CDK[name].replace("{lines}", lines) + ("\n" + "\n".join(more) if lines.find("# and: ") >= 0 else "")
    app = cdk.App(outdir=str(folder))
    exec(compile(code, name, "exec"), {**MODULES, "self": cdk.Stack(app, "S")})
    template: dict[str, Any] = app.synth().stacks[0].template
    return template


def properties(template: dict[str, Any], type_: str) -> dict[str, Any]:
    [found] = [each for each in template["Resources"].values() if each["Type"] == type_]
    told: dict[str, Any] = found.get("Properties", {})
    return told


def test_every_advice_is_tried():
    of_code = {name for name, each in ADVICE.items() if set(each.lines) == set(CODE)}
    assert set(CDK) == set(ADVICE) - of_code - {FRAGMENT}
    assert {*SAM_RESOURCE, "transaction_search"} == set(CDK)


def test_the_lines_for_cdk_synthesise_to_what_they_promise(tmp_path):
    made = {name: synthesised(name, lines_of(name, "cdk"), tmp_path / name) for name in CDK}
    function = {name: properties(made[name], "AWS::Lambda::Function") for name, code in CDK.items() if code == FUNCTION}
    formats = advice.load().formats
    http = properties(made["http_access_log"], "AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    rest = properties(made["rest_access_log"], "AWS::ApiGateway::Stage")["AccessLogSetting"]
    assert (json.loads(http["Format"]), json.loads(rest["Format"])) == (formats["http_api"], formats["rest_api"])
    assert {"DestinationArn"} < set(http) and {"DestinationArn"} < set(rest)  # noqa: PT018
    assert function["json_logging"]["LoggingConfig"]["LogFormat"] == "JSON"
    assert function["tracing"]["TracingConfig"] == {"Mode": "Active"}
    assert function["otel_layer"]["Layers"] == [LAYER_ARN]
    assert function["otel_layer"]["Environment"]["Variables"] == {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-instrument"}
    policies = json.dumps(properties(made["otel_layer"], "AWS::IAM::Role")["ManagedPolicyArns"])
    assert "CloudWatchLambdaApplicationSignalsExecutionRolePolicy" in policies
    assert properties(made["transaction_search"], "AWS::XRay::TransactionSearchConfig") == {"IndexingPercentage": 1}
    assert "xray.amazonaws.com" in properties(made["transaction_search"], "AWS::Logs::ResourcePolicy")["PolicyDocument"]


def test_lines_for_cdk_that_name_nothing_that_there_is_are_caught(tmp_path):
    with pytest.raises((TypeError, AttributeError)):
        synthesised("tracing", lines_of("tracing", "cdk").replace("ACTIVE", "AWAKE"), tmp_path)


def complaints(lines: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """What cfn-lint says of a SAM template with these lines, by the advice that they are of."""
    resources, owner = RESOURCES, {"TransactionSearch": "transaction_search"}
    for name, each in lines.items():
        if name in SAM_RESOURCE:
            type_, needed = SAM_RESOURCE[name]
            owner[name.replace("_", "")] = name
            own = "".join(f"{key}: {value}\n" for key, value in needed.items()) + each
            resources += f"  {name.replace('_', '')}:\n    Type: {type_}\n    Properties:\n{indent(own, ' ' * 6)}\n"
        else:
            resources += indent(each, "  ") + "\n"
    file = folder / "template.yaml"
    file.write_text(f"Transform: AWS::Serverless-2016-10-31\nResources:\n{resources}".replace("LAYER_ARN", LAYER_ARN))
    found: dict[str, list[str]] = {}
    # how long its log group is kept is the user's to say
    for match in lint_file(file, ManualArgs(regions=["eu-west-1"], ignore_checks=["I"])):
        found.setdefault(owner[str(match.path[1])], []).append(f"{match.rule.id} {match.message}")
    return found


def test_the_lines_for_sam_are_what_their_resources_take(tmp_path):
    assert complaints({name: lines_of(name, "sam") for name in CDK}, tmp_path) == {}


def test_lines_for_sam_that_no_resource_takes_are_caught(tmp_path):
    planted = {
        "tracing": ("Active", "Awake"),
        "json_logging": ("LogFormat", "LogForm"),
        "rest_access_log": ("AccessLogSetting", "AccessLogSettings"),
        "http_access_log": ("DestinationArn", "Destination"),
        "transaction_search": ("TransactionSearchConfig", "TransactionSearch"),
        "otel_layer": ("Variables", "Variable"),
    }
    lines = {name: lines_of(name, "sam") for name in planted}
    assert all(right in lines[name] for name, (right, _) in planted.items())
    wrong = {name: lines[name].replace(*words) for name, words in planted.items()}
    assert set(complaints(wrong, tmp_path)) == set(planted)


@pytest.mark.parametrize("name", CDK)
def test_the_lines_for_serverless_are_yaml_of_its_sections(name):
    assert set(yaml.safe_load(lines_of(name, "serverless"))) <= {"provider", "resources"}


@pytest.mark.parametrize("name", CDK)
def test_the_lines_for_terraform_are_hcl(name):
    lines = lines_of(name, "terraform")
    assert hcl2.loads(lines + "\n" if lines.startswith("resource ") else f'resource "a" "b" {{\n{lines}\n}}\n')


def test_lines_for_terraform_that_are_no_hcl_are_caught():
    with pytest.raises(Exception, match="Unexpected"):
        hcl2.loads('resource "a" "b" {\ntracing_config {\nmode = \n}\n')


def test_a_member_of_a_format_is_one():
    lines = advice.lines(ADVICE[FRAGMENT])
    for tool in ("cdk", "sam", "serverless"):
        assert json.loads(f"{{{lines[tool]}}}") == {"tenant": "$context.authorizer.tenant"}
    assert hcl2.loads(f"a = jsonencode({{\n{lines['terraform']}\n}})\n")


def in_code() -> list[Advice]:
    return [each for each in ADVICE.values() if set(each.lines) == set(CODE)]


def test_the_lines_of_code_are_code():
    assert in_code()
    for each in in_code():
        compile(each.lines["python"], each.id, "exec")
        subprocess.run([NODE, "--check", "-"], input=each.lines["node"], text=True, check=True, capture_output=True)

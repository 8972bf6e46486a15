"""The templates pass every check that a deployment should pass, and the checks are really made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from cfnlint import ManualArgs
from cfnlint.api import lint_file
from template_reading import Template, of_type

from stacks import NODE
from stacks.application import build, context_of_cdk_json, synthesise
from stacks.laws import LawError
from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ISOLATION = Path(__file__).with_name("isolation")
STACKS = ("data", "ingest", "insight")
# CDK's own output: W3005, a DependsOn that a reference already implies; W3045, a bucket with an ownership setting
IGNORED = ["W3005", "W3045"]
CONTEXT = {**context_of_cdk_json(), "aws:cdk:disable-asset-staging": True}


def _run_app(folder: Path, checkout: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python app.py`` as on a machine without Node, credentials and network."""
    bare = {
        "PATH": "/nonexistent",
        "HOME": str(folder),
        # jsii unpacks CDK there once, and not into each new home
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".cache" / "jsii"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "CDK_OUTDIR": str(folder),
    }
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=checkout,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def synthesised_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Templates as ``python app.py`` writes them with every validation switched on."""
    folder = tmp_path_factory.mktemp("validated")
    done = _run_app(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == "", "CDK or cdk-nag has something to say"
    return folder


@pytest.mark.parametrize("stack", STACKS)
def test_cfn_lint_finds_nothing(synthesised_alone: Path, stack: str) -> None:
    template = synthesised_alone / f"tracelake-main-{stack}.template.json"
    found = lint_file(template, ManualArgs(ignore_checks=IGNORED, regions=["us-east-1", "eu-central-1"]))
    assert [f"{match.rule.id} {match.path} {match.message}" for match in found] == []


def test_cfn_lint_finds_a_planted_mistake(synthesised_alone: Path, tmp_path: Path) -> None:
    template = json.loads((synthesised_alone / "tracelake-main-ingest.template.json").read_text())
    next(iter(of_type(template, "AWS::Lambda::Function").values()))["MemorySize"] = 1
    planted = tmp_path / "planted.json"
    planted.write_text(json.dumps(template))
    assert "E3034" in {match.rule.id for match in lint_file(planted, ManualArgs(ignore_checks=IGNORED))}


def test_another_checkout_at_another_time_without_a_network_gives_the_same_bytes(
    synthesised_alone: Path, tmp_path: Path
) -> None:
    """No connection can be made by Python or Node, in 2033, on another clock, with another order of hashes."""
    checkout, out = tmp_path / "elsewhere", tmp_path / "out"
    for folder in ("functions", "sql", "stacks"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("app.py", "cdk.json"):
        shutil.copy(ROOT / file, checkout)
    # the layer cannot be built without a network; it is found again only where its hash is the same
    (checkout / ".cache").symlink_to(ROOT / ".cache")
    environment = {
        "PYTHONPATH": str(ISOLATION),
        "NODE_OPTIONS": f"--require={ISOLATION / 'isolated.cjs'}",
        "PYTHONHASHSEED": "7",
        "TZ": "Pacific/Kiritimati",
        "LANG": "C",
        "CDK_VALIDATION": "false",
    }
    done = _run_app(out, checkout, **environment)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in synthesised_alone.glob("tracelake-*.json") if ".metadata." not in path.name)
    assert len(names) == 2 * len(STACKS), "a template and a list of assets for each stack"
    for name in names:
        assert (out / name).read_bytes() == (synthesised_alone / name).read_bytes(), name


@pytest.mark.parametrize(
    "program",
    [
        [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        [NODE, "-e", "require('net').connect(9, '127.0.0.1')"],
    ],
)
def test_the_isolation_of_the_synthesis_lets_nobody_out(program: list[str]) -> None:
    environment = {"PYTHONPATH": str(ISOLATION), "NODE_OPTIONS": f"--require={ISOLATION / 'isolated.cjs'}"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "there is no network" in done.stderr


def test_templates_name_no_account_and_no_region(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert "us-east-1" not in json.dumps(template)
        assert "123456789012" not in json.dumps(template)


def test_account_and_region_are_used_where_they_are_set(
    synthesise_with: Callable[..., dict[str, Template]], tmp_path: Path
) -> None:
    ingest = json.dumps(synthesise_with(tmp_path, account="123456789012", region="eu-central-1")["ingest"])
    assert ":eu-central-1:123456789012:" in ingest


def test_a_wrong_setting_ends_the_synthesis_with_its_sentence(tmp_path: Path) -> None:
    done = _run_app(tmp_path, CDK_CONTEXT_JSON='{"tracelake.shards": "0"}')
    assert done.returncode == 1
    assert done.stderr == "tracelake.shards is 0, but must be a whole number from 1 to 500.\n"


def _public_bucket(stack: Stack) -> None:
    s3.Bucket(stack, "Planted")


def _broad_policy(stack: Stack) -> None:
    role = iam.Role(stack, "Planted", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::any/*"]))


def _old_runtime(stack: Stack) -> None:
    lambda_.CfnFunction(
        stack,
        "Planted",
        role="arn:aws:iam::123456789012:role/any",
        code=lambda_.CfnFunction.CodeProperty(zip_file="-"),
        runtime="python3.10",
        handler="index.handler",
    )


@pytest.mark.parametrize(
    ("plant", "number", "rule"),
    [
        (_public_bucket, 0, "AwsSolutions-S10"),
        (_broad_policy, 1, "AwsSolutions-IAM5"),
        (_old_runtime, 2, "AwsSolutions-L1"),
    ],
)
def test_a_planted_violation_fails_the_synthesis(
    plant: Callable[[Stack], None], number: int, rule: str, tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path), context=CONTEXT)
    plant(build(app, Settings())[number])
    with pytest.raises(RuntimeError, match=f"ValidationFailed: (?s:.*){rule}") as failed:
        synthesise(app, Settings())
    named = {line.split()[0] for line in str(failed.value).splitlines() if line.startswith("   tracelake-")}
    assert all("/Planted" in path for path in named)


def test_a_planted_loop_fails_the_synthesis(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context=CONTEXT)
    ingest = build(app, Settings())[1]
    ingest.normalize.function.node.default_child.add_property_override("TracingConfig.Mode", "Active")
    with pytest.raises(LawError, match="must not trace"):
        synthesise(app, Settings())


def test_every_acknowledgement_is_of_one_construct_and_one_finding_with_a_reason(synthesised_alone: Path) -> None:
    acknowledged = []
    for stack in STACKS:
        metadata = json.loads((synthesised_alone / f"tracelake-main-{stack}.metadata.json").read_text())
        for path, entries in metadata.items():
            for entry in entries:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    acknowledged += [(path, rule, reason) for rule, reason in entry["data"].items()]
    assert len(acknowledged) > 20
    for path, rule, reason in acknowledged:
        assert path.count("/") >= 2, f"{path} is a whole stack"
        assert rule.startswith("AwsSolutions::AwsSolutions-")
        assert "IAM5" not in rule or "[Resource::" in rule
        assert len(reason) > 40

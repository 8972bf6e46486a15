"""One synthesis for all tests of this folder, as plain templates."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacks import NODE

# CDK asks for it when it is imported
os.environ["JSII_NODE"] = NODE
# CDK's own validation takes ten times as long as the rest; test_checks.py runs it once, in a process of its own
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App

from stacks.application import build, context_of_cdk_json
from stacks.settings import Settings

Template = dict[str, Any]
Resource = dict[str, Any]


def synthesised(folder: Path, **settings: Any) -> dict[str, Template]:
    """Templates by the last word of the stack's name: data, ingest, insight."""
    # assets are left where they are; copying the layer for each synthesis would be most of the time
    context = {**context_of_cdk_json(), "aws:cdk:disable-asset-staging": True}
    app = App(outdir=str(folder), context=context)
    build(app, Settings(**settings))
    return {stack.stack_name.rsplit("-", 1)[1]: stack.template for stack in app.synth().stacks}


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return synthesised(tmp_path_factory.mktemp("defaults"))


@pytest.fixture(scope="session")
def other_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Of an installation in which every setting that changes a template has another value."""
    return synthesised(
        tmp_path_factory.mktemp("others"),
        stage="dev",
        include=("/aws/lambda/shop-", "/aws/apigateway/"),
        exclude=("/aws/lambda/shop-noisy",),
        tenant_keys=("org",),
        alert_email="ops@example.com",
        kinesis_mode="on-demand",
        retention_days=30,
        dead_letter_days=3,
        max_event_age_days=7,
        scan_limit_gb=5,
        monthly_budget_usd=50,
        over_budget="sample",
        log_buckets=("access-logs/alb/", "cloudfront-logs"),
        tenants_table="crm-customers",
        tenants_attributes=("tenant=accountNumber",),
    )


@pytest.fixture(scope="session")
def data(templates: dict[str, Template]) -> Template:
    return templates["data"]


@pytest.fixture(scope="session")
def ingest(templates: dict[str, Template]) -> Template:
    return templates["ingest"]


@pytest.fixture(scope="session")
def insight(templates: dict[str, Template]) -> Template:
    return templates["insight"]


@pytest.fixture(scope="session")
def synthesise_with() -> Callable[..., dict[str, Template]]:
    return synthesised

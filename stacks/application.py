"""The three stacks of one stage, checked by cdk-nag and by tracelake's own laws."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, Tags, Validations
from aws_cdk.cx_api import CloudAssembly
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from stacks.budget import COST_TAG
from stacks.bundling import BundleError
from stacks.data import DataStack
from stacks.ingest import IngestStack
from stacks.insight import InsightStack
from stacks.laws import LawError, check
from stacks.names import Names
from stacks.settings import Settings, SettingsError

CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"


def build(app: App, settings: Settings) -> list[DataStack | IngestStack | InsightStack]:
    """Add the stacks to the app, in the order in which they are deployed."""
    names = Names(settings.stage)
    common: dict[str, Any] = {
        "settings": settings,
        "names": names,
        "env": Environment(account=settings.account or None, region=settings.region or None),
    }
    data = DataStack(app, names.stack("data"), description="tracelake: the lake and its state (kept)", **common)
    ingest = IngestStack(app, names.stack("ingest"), description="tracelake: from log groups to the lake", **common)
    insight = InsightStack(app, names.stack("insight"), description="tracelake: dashboard and alerts", **common)
    ingest.add_stack_dependency(data, "reads the names that the data stack publishes")
    insight.add_stack_dependency(ingest, "shows what the ingest stack measures")
    Tags.of(app).add(COST_TAG, settings.stage)
    return [data, ingest, insight]


def context_of_cdk_json() -> dict[str, Any]:
    """What the CDK command line reads too, and overrides by ``-c``; so `python app.py` alone does the same."""
    return json.loads(CDK_JSON.read_text())["context"]


def read_settings(scope: IConstruct) -> Settings:
    """Settings from the context of cdk.json and of ``-c``."""
    return Settings.from_context(scope.node.get_all_context())


def synthesise(app: App, settings: Settings) -> CloudAssembly:
    """Write the templates; a finding of cdk-nag that nobody acknowledged, or a broken law (``LawError``), fails it."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    assembly = app.synth()
    check({stack.stack_name: stack.template for stack in assembly.stacks}, settings.stage)
    return assembly


def main() -> None:
    """Synthesise; end with a sentence and status 1 where a setting, an asset or a law is broken."""
    try:
        app = App(context=context_of_cdk_json())
        settings = read_settings(app)
        build(app, settings)
        synthesise(app, settings)
    except (SettingsError, BundleError, LawError) as error:
        sys.exit(str(error))

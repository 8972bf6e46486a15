"""Two installations never meet, all can be found by its tag, and what holds data is replaced by nobody's accident.

What can be tagged, and which properties only a replacement changes, is read from CloudFormation's own schemas of the
resource types, which cfn-lint brings.
"""

from __future__ import annotations

import copy
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from template_reading import Template, text

from functions.core import views

ROOT = Path(__file__).resolve().parents[2]
STATEFUL = tomllib.loads(Path(__file__).with_name("stateful_resources.toml").read_text())
# DynamoDB's schema leaves out what the table's page says: a changed key replaces the table
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html)
ALSO_FIXED = {"AWS::DynamoDB::Table": ["/properties/KeySchema"]}
DATABASE_NAME = "/properties/DatabaseInput/Name"
OF_THE_ACCOUNT = {"AWS::S3::Bucket", "AWS::IAM::Role", "AWS::CloudWatch::Dashboard", "AWS::Budgets::Budget"}
"""Types whose names an account has once, in all of its regions together (buckets: the world)."""


def _schema(kind: str) -> dict[str, Any]:
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema


def _at(properties: dict[str, Any], path: str) -> Any:
    """Value at a JSON pointer of the schema, None where there is none."""
    value: Any = properties
    for key in path.split("/")[2:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _resources(templates: dict[str, Template]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Stack, logical id, type and properties of everything that AWS makes."""
    for stack, template in templates.items():
        for id, resource in template["Resources"].items():
            if not resource["Type"].startswith("Custom::"):
                yield stack, id, resource["Type"], resource.get("Properties", {})


def _untagged(templates: dict[str, Template], stage: str) -> list[str]:
    missing = []
    for stack, id, kind, properties in _resources(templates):
        tagging = _schema(kind).get("tagging", {})
        if tagging.get("taggable"):
            tags = _at(properties, tagging["tagProperty"]) or {}
            given = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
            if given.get("tracelake") != stage:
                missing.append(f"{stack}/{id}")
    return missing


def test_everything_that_can_have_a_tag_names_its_stage(
    templates: dict[str, Template], other_templates: dict[str, Template]
) -> None:
    assert _untagged(templates, "main") == []
    assert _untagged(other_templates, "dev") == []


def test_a_missing_tag_is_noticed(templates: dict[str, Template]) -> None:
    planted = copy.deepcopy(templates)
    del planted["data"]["Resources"]["Lake5F1B88EA"]["Properties"]["Tags"]
    assert _untagged(planted, "main") == ["data/Lake5F1B88EA"]


def _names(templates: dict[str, Template]) -> dict[str, set[str]]:
    """Names that templates give to resources, by type; a name that AWS makes is none."""
    names: dict[str, set[str]] = {}
    for _, _, kind, properties in _resources(templates):
        schema = _schema(kind)
        for path in {*schema.get("createOnlyProperties", ()), *schema["primaryIdentifier"], DATABASE_NAME}:
            value = _at(properties, path)
            if path.endswith("Name") and value is not None and text(value)[0] != "<":
                names.setdefault(kind, set()).add(text(value))
    # the questions of all stages are called the same, each in the workgroup of its stage
    names.pop("AWS::Athena::NamedQuery")
    # a table is named in its database
    names.pop("AWS::Glue::Table")
    return names


def test_two_stages_of_an_account_and_region_share_no_name(
    templates: dict[str, Template], synthesise_with: Callable[..., dict[str, Template]], tmp_path: Path
) -> None:
    main = _names(templates)
    dev = _names(synthesise_with(tmp_path, stage="dev"))
    assert len(main) > 8
    assert main.keys() == dev.keys()
    for kind, names in main.items():
        assert all("main" in name for name in names), kind
        assert dev[kind] == {name.replace("main", "dev") for name in names}, kind


def test_what_an_account_has_once_in_all_regions_names_its_region_or_has_a_generated_name(
    other_templates: dict[str, Template],
) -> None:
    names = {kind: names for kind, names in _names(other_templates).items() if kind in OF_THE_ACCOUNT}
    assert set(names) == {"AWS::CloudWatch::Dashboard", "AWS::Budgets::Budget"}
    assert all(name.endswith("<AWS::Region>") for found in names.values() for name in found)


def test_what_stays_when_its_stack_goes_has_a_generated_name(other_templates: dict[str, Template]) -> None:
    for stack, template in other_templates.items():
        kept = {id: r for id, r in template["Resources"].items() if r.get("DeletionPolicy") == "Retain"}
        assert _names_of(kept) == {}, stack
        assert bool(kept) == (stack == "data")


def _names_of(resources: dict[str, Any]) -> dict[str, str]:
    found = {}
    for id, resource in resources.items():
        for path in _schema(resource["Type"])["primaryIdentifier"]:
            if (value := _at(resource["Properties"], path)) is not None:
                found[id] = text(value)
    return found


def _fixed(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties that only a replacement changes."""
    paths = [*_schema(kind).get("createOnlyProperties", ()), *ALSO_FIXED.get(kind, ())]
    values = {path.removeprefix("/properties/"): _at(properties, path) for path in sorted(paths)}
    return {path: text(v) if isinstance(v, dict) else v for path, v in values.items() if v is not None}


def _replaced(templates: dict[str, Template]) -> list[str]:
    """What would be lost by these templates, one sentence for each resource."""
    found = {(stack, id): (kind, properties) for stack, id, kind, properties in _resources(templates)}
    lost = []
    for stack, entries in STATEFUL.items():
        for id, entry in entries.items():
            kind, properties = found.get((stack, id), ("", {}))
            if kind != entry["type"]:
                lost.append(f"{stack}/{id} is no longer there. {entry['lost']}")
            elif _fixed(kind, properties) != entry["fixed"]:
                lost.append(f"{stack}/{id} would be replaced. {entry['lost']}")
    return lost


def test_nothing_that_holds_data_is_replaced_by_an_update(templates: dict[str, Template]) -> None:
    assert _replaced(templates) == [], "a change of tests/infrastructure/stateful_resources.toml decides this"


def test_everything_that_holds_data_is_guarded(templates: dict[str, Template]) -> None:
    kinds = {entry["type"] for entries in STATEFUL.values() for entry in entries.values()}
    of_views = {("data", f"View{name.title().replace('_', '')}") for name in views.names()}  # a view holds nothing
    there = {(stack, id) for stack, id, kind, _ in _resources(templates) if kind in kinds}
    assert there - of_views == {(stack, id) for stack, entries in STATEFUL.items() for id in entries}


def test_a_renamed_construct_and_a_changed_key_are_noticed_with_what_they_cost(templates: dict[str, Template]) -> None:
    planted = copy.deepcopy(templates)
    data = planted["data"]["Resources"]
    data["Lake00000000"] = data.pop("Lake5F1B88EA")
    data["State1C20CC9A"]["Properties"]["KeySchema"].pop()
    renamed, changed = _replaced(planted)
    assert renamed == "data/Lake5F1B88EA is no longer there. " + STATEFUL["data"]["Lake5F1B88EA"]["lost"]
    assert changed.startswith("data/State1C20CC9A would be replaced. ")


def test_the_settings_that_may_change_later_replace_nothing_that_holds_data(
    synthesise_with: Callable[..., dict[str, Template]], tmp_path: Path
) -> None:
    changed = synthesise_with(
        tmp_path, retention_days=30, dead_letter_days=3, max_event_age_days=7, scan_limit_gb=5,
        kinesis_mode="on-demand", alert_email="ops@example.com", tenant_keys=("org",), ingest_mode="account",
    )  # fmt: skip
    assert _replaced(changed) == []


@pytest.mark.parametrize(
    ("arguments", "does"),
    [
        ([], ["cdk destroy 'tracelake-*-insight' 'tracelake-*-ingest'"]),
        (["STAGE=dev"], ["cdk -c tracelake.stage=dev destroy 'tracelake-*-insight' 'tracelake-*-ingest'"]),
        (
            ["DATA=delete"],
            [
                "cdk destroy 'tracelake-*-insight' 'tracelake-*-ingest'",
                ".venv/bin/tracelake delete-data --stage main",
            ],
        ),
        (
            ["DATA=delete", "STAGE=dev", "YES=1"],
            [
                "cdk -c tracelake.stage=dev destroy 'tracelake-*-insight' 'tracelake-*-ingest' --force",
                ".venv/bin/tracelake delete-data --stage dev --yes",
            ],
        ),
    ],
)
def test_make_destroy_runs_what_is_tested_on_the_emulator(arguments: list[str], does: list[str]) -> None:
    done = subprocess.run(["make", "-n", "destroy", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.strip() for line in done.stdout.splitlines() if " destroy " in line or "delete-data" in line]
    assert [" ".join(line.rpartition("/.bin/")[2].split()) for line in lines] == does


def test_make_destroy_takes_no_other_word_for_the_data() -> None:
    done = subprocess.run(["make", "-n", "destroy", "DATA=all"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'only "delete" is known' in done.stderr

"""What the functions call is allowed. The emulator does not look at permissions, so this is where they are tried.

The functions run through a story in the simulated account of tests/simulated; each of their calls is held against the
policies of the template.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from template_reading import Template, of_type, statements

sys.path.append(str(Path(__file__).parents[1]))

from simulated.account import ENVIRONMENT, Account
from simulated.conftest import FailingNormalizer
from simulated.world import DEAD_LETTERS, World, endpoints, entered

from functions.aws.lake import Lake
from functions.normalize import batch

ROOT = Path(__file__).resolve().parents[2]
ROLES = {
    "normalize": "NormalizeRole",
    "compact": "CompactRole",
    "record_poison": "RecordPoisonRole",
    "create_partitions": "CreatePartitionsRole",
}
REFERENCES = {"lakebucket": "lake", "deadletterbucket": "dead-letters", "statetable": "state", "deadletterkey": "key"}
WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
S3_ACTIONS = {"put_object": "PutObject", "get_object": "GetObject", "delete_objects": "DeleteObject"}

Need = tuple[str, str]
Call = tuple[str, str, str, dict[str, Any]]


def _needs(service: str, operation: str, params: dict[str, Any]) -> Iterator[Need]:
    """Action and resource of a call, as AWS asks for them."""
    if service == "s3":
        yield from _s3_needs(operation, params)
    elif service == "dynamodb":
        writes = params.get("TransactItems", [])
        actions = {WRITES[kind] for write in writes for kind in write} or {_camel(operation)}
        tables = {call["TableName"] for write in writes for call in write.values()} or {params["TableName"]}
        for action in actions:
            yield from ((f"dynamodb:{action}", f"table/{table}") for table in tables)
    elif service == "glue":
        database, table = params["DatabaseName"], params.get("TableName") or params["Name"]
        for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
            yield f"glue:{_camel(operation)}", resource
    else:
        yield f"{service}:{_camel(operation)}", "*"


def _s3_needs(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    bucket = params["Bucket"]
    if operation == "list_objects_v2":
        yield "s3:ListBucket", bucket
        return
    keys = [found["Key"] for found in params["Delete"]["Objects"]] if "Delete" in params else [params["Key"]]
    for key in keys:
        yield f"s3:{S3_ACTIONS[operation]}", f"{bucket}/{key}"
    if bucket == DEAD_LETTERS:
        yield "kms:GenerateDataKey" if operation == "put_object" else "kms:Decrypt", "key"


def _camel(operation: str) -> str:
    return "".join(word.title() for word in operation.split("_"))


def _allowed(template: Template, role: str) -> list[Need]:
    found = []
    for statement in statements(template, role):
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            name = re.sub(r"<(\w+)>", lambda m: REFERENCES.get(m[1], m[0]), resource.rpartition(":")[2])
            found += [(action, name) for action in statement["Action"]]
    return found


def _refused(calls: list[Call], allowed: Callable[[str], list[Need]]) -> set[tuple[str, str, str]]:
    return {
        (function, action, resource)
        for function, service, operation, params in calls
        for action, resource in _needs(service, operation, params)
        if not any(a == action and fnmatchcase(resource, pattern) for a, pattern in allowed(function))
    }


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """All calls of a story with late, broken, rejected and repeated events, until hot files are deleted."""
    made: list[Call] = []
    run, call = World.run, World.call

    def noting_run(world: Any, work: Any, *rest: Any) -> Any:
        world.function = work.__qualname__.split(".")[1]
        return run(world, work, *rest)

    def noting_call(world: Any, service: str, operation: str, params: dict[str, Any]) -> Any:
        made.append((world.function, service, operation, params))
        return call(world, service, operation, params)

    with pytest.MonkeyPatch.context() as patch, endpoints():
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(Lake, "workers", 1)
        patch.setattr(batch, "Normalizer", FailingNormalizer)
        patch.setattr(World, "run", noting_run)
        patch.setattr(World, "call", noting_call)
        account = Account()
        with entered(account.world):
            account.create_partitions()
            for _ in range(3):
                for kind in (
                    "logs",
                    "emf",
                    "spans",
                    "invocation",
                    "split",
                    "usage",
                    "webhook",
                    "garbage",
                    "unfinished",
                    "repeat",
                    "poison",
                ):
                    account.applications.write(kind)
                account.wait(47)
                account.normalize()
            account.heal()
            account.applications.write("logs", age_ms=3 * 86_400_000)
            account.heal()
            account.wait(25 * 60)
            account.compact()
    return made


def test_every_function_may_make_every_call_it_makes(calls: list[Call], ingest: Template) -> None:
    assert {function for function, *_ in calls} == set(ROLES)
    assert _refused(calls, lambda function: _allowed(ingest, ROLES[function])) == set()


def test_the_story_touches_what_a_deployment_touches(calls: list[Call]) -> None:
    made = {(function, action) for function, *call in calls for action, _ in _needs(*call)}
    assert made >= {
        ("normalize", "dynamodb:UpdateItem"),
        ("normalize", "cloudwatch:PutMetricData"),
        ("normalize", "kms:GenerateDataKey"),
        ("record_poison", "kms:Decrypt"),
        ("record_poison", "s3:PutObject"),
        ("compact", "s3:DeleteObject"),
        ("compact", "glue:BatchUpdatePartition"),
        ("compact", "dynamodb:DeleteItem"),
        ("create_partitions", "glue:BatchCreatePartition"),
    }


@pytest.mark.parametrize(
    "taken", ["dynamodb:Query", "s3:DeleteObject", "kms:GenerateDataKey", "glue:BatchUpdatePartition"]
)
def test_a_permission_that_is_missing_is_noticed(calls: list[Call], ingest: Template, taken: str) -> None:
    def allowed(function: str) -> list[Need]:
        return [(action, resource) for action, resource in _allowed(ingest, ROLES[function]) if action != taken]

    assert {action for _, action, _ in _refused(calls, allowed)} == {taken}


@pytest.mark.parametrize(
    ("file", "pattern", "stack", "role"),
    [
        ("functions/aws/logs.py", r"self\._logs\.(\w+)\(", "ingest", "SubscribeLogGroupsRole"),
        ("functions/aws/athena.py", r"\bathena\.((?:start|stop|get)_\w+)\(", "insight", "WidgetsRole"),
    ],
)
def test_what_the_other_functions_call_is_named_in_their_policy(
    templates: dict[str, Template], file: str, pattern: str, stack: str, role: str
) -> None:
    called = {_camel(name) for name in re.findall(pattern, (ROOT / file).read_text())}
    named = {
        a.partition(":")[2] for s in statements(templates[stack], role) for a in s["Action"] if s["Effect"] == "Allow"
    }
    assert len(called) >= 4
    assert called <= named
    assert of_type(templates[stack], "AWS::Lambda::Function")

"""The least that CloudFormation needs to deploy the stacks: for ``cdk bootstrap --cloudformation-execution-policies``.

It replaces AdministratorAccess, which the role has otherwise
(https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html). It is for every setting, so that a setting
can be changed without it; a test holds the file against the templates.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from stacks.policies.documents import Document, Place, Statement, allow, documents

FILE = Path(__file__).with_name("deployment.toml")


def read() -> dict[str, dict[str, Any]]:
    """What each type of resource needs; deployment.toml says what its fields mean."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def deployment(place: Place) -> list[Document]:
    """Managed policies that together create, update and delete everything."""
    granted: dict[tuple[str, ...], set[str]] = {}
    for entry in read().values():
        granted.setdefault(tuple(map(place.arn, entry["on"])), set()).update(entry["actions"])
        if "anywhere" in entry:
            granted.setdefault(("*",), set()).update(entry["anywhere"])
    return documents([*(allow(actions, on) for on, actions in granted.items()), *_of_every_stack(place)])


def _of_every_stack(place: Place) -> list[Statement]:
    """What belongs to no resource: assets, CDK's version, and the roles that functions and rules get."""
    return [
        allow(
            ["iam:PassRole"],
            [place.arn("iam::{account}:role/{name}-*")],
            {"StringEquals": {"iam:PassedToService": ["events.amazonaws.com", "lambda.amazonaws.com"]}},
        ),
        allow(["s3:GetObject", "s3:GetObjectVersion"], [place.arn("s3:::cdk-*-assets-{account}-{region}/*")]),
        allow(["ssm:GetParameters"], [place.arn("ssm:{region}:{account}:parameter/cdk-bootstrap/*")]),
    ]

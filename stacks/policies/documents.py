"""IAM policy documents, within IAM's limits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacks.names import Names

# characters of a managed policy, white space not counted, and managed policies of a role:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
POLICY_CHARS = 6144
ROLE_POLICIES = 10

Document = dict[str, Any]
Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the policies are for: one stage in an account and region, ``*`` for any."""

    names: Names
    region: str = "*"
    account: str = "*"

    @property
    def partition(self) -> str:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rsplit("-", 2)[0], "aws")

    def arn(self, rest: str) -> str:
        """An ARN whose ``{region}``, ``{account}``, ``{name}``, ``{database}`` and ``{folder}`` are filled in."""
        filled = rest.format(
            region=self.region,
            account=self.account,
            name=self.names.prefix,
            database=self.names.database,
            folder=self.names.parameter("").rstrip("/"),
        )
        return f"arn:{self.partition}:{filled}"


def allow(actions: Iterable[str], on: Sequence[str], conditions: Mapping[str, Any] | None = None) -> Statement:
    """A statement that allows the actions, in order."""
    statement: Statement = {"Effect": "Allow", "Action": sorted(set(actions)), "Resource": list(on)}
    return statement | ({"Condition": dict(conditions)} if conditions else {})


def documents(statements: Iterable[Statement]) -> list[Document]:
    """As few policies as the statements fit into, in their order."""
    found: list[list[Statement]] = [[]]
    for statement in statements:
        if size(document([*found[-1], statement])) > POLICY_CHARS:
            found.append([])
        found[-1].append(statement)
    return [document(part) for part in found]


def document(statements: Sequence[Statement]) -> Document:
    """One policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def size(policy: Document) -> int:
    """Its characters, as IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":")))

"""Permissions of roles; every wildcard carries the reason why AWS or the job demands it.

cdk-nag reports each wildcard (AwsSolutions-IAM5); the reason given here is its acknowledgement, for this role and this
resource alone. A wildcard without a reason is an error here, before cdk-nag sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct


def allow(
    role: iam.Role,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    why: str = "",
    conditions: Mapping[str, Any] | None = None,
) -> None:
    """Add one statement to the role; ``ValueError`` for a wildcard without a reason, or in an action."""
    if any("*" in action for action in actions):
        raise ValueError(f"{', '.join(actions)}: actions are named one by one.")
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions))
    for resource in resources:
        shown = _as_cdk_nag_shows(Stack.of(role).resolve(resource))
        if "*" in shown:
            if not why:
                raise ValueError(f"{', '.join(actions)} on {shown} needs a reason for its wildcard.")
            acknowledge(role, f"AwsSolutions-IAM5[Resource::{shown}]", why)


def allow_own_metrics(role: iam.Role) -> None:
    """Let the role put metrics of tracelake itself."""
    allow(
        role,
        ["cloudwatch:PutMetricData"],
        ["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": "tracelake"}},
        why="PutMetricData knows no resources; the condition holds it to tracelake's own namespace.",
    )


def acknowledge(scope: Construct, rule: str, reason: str) -> None:
    """Accept one finding of cdk-nag for one construct."""
    Validations.of(scope).acknowledge(Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason))


def _as_cdk_nag_shows(value: Any) -> str:
    """A resolved ARN as cdk-nag writes it in the id of a finding: ``arn:<AWS::Partition>:s3:::<Lake.Arn>/*``."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Fn::Join":
        return argument[0].join(_as_cdk_nag_shows(part) for part in argument[1])
    if function == "Fn::Sub":
        return re.sub(r"\$\{([^}]+)\}", r"<\1>", argument)
    raise ValueError(f"A resource of a policy with {function} is not known here.")

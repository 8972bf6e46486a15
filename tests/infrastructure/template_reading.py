"""Looking into templates."""

from __future__ import annotations

import re
from typing import Any

Template = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def only(template: Template, kind: str, prefix: str = "") -> dict[str, Any]:
    """Properties of the single resource of a type, or of the one whose logical id begins with the prefix."""
    (found,) = (value for name, value in of_type(template, kind).items() if name.startswith(prefix))
    return found


def text(value: Any) -> str:
    """A value with its references written into it: ``arn:<AWS::Partition>:s3:::<Lake>/hot/*``."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{_readable(argument)}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Fn::Join":
        return argument[0].join(text(part) for part in argument[1])
    raise AssertionError(f"{function} is not known here")


def statements(template: Template, prefix: str) -> list[dict[str, Any]]:
    """Statements of the policies whose logical id begins with the prefix, with lists and texts made plain."""
    found = []
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        if name.startswith(prefix):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions, resources = statement["Action"], statement["Resource"]
                found.append(
                    {
                        **statement,
                        "Action": actions if isinstance(actions, list) else [actions],
                        "Resource": [text(r) for r in (resources if isinstance(resources, list) else [resources])],
                    }
                )
    return found


def _readable(name: str) -> str:
    """The parameter that reads an SSM parameter, as that parameter's last word."""
    match = re.fullmatch(r"SsmParameterValuetracelake(?:main|dev)(\w+?)C96584B6\w+Parameter", name)
    return match[1] if match else name

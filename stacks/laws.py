"""No loop of any kind: what the templates must never have, whoever changes them.

tracelake reads log groups, spans and, later, log files in buckets. If it read its own, each event would make another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.settings import OWN_LOG_GROUPS

_SPAN_EMITTERS = ("OTEL_", "AWS_LAMBDA_EXEC_WRAPPER")


class LawError(Exception):
    """A template would make tracelake read itself; one sentence for each resource that does."""


def check(templates: Mapping[str, Mapping[str, Any]], stage: str) -> None:
    """Raises ``LawError`` where one of the templates (CloudFormation, by stack name) has a loop."""
    broken = [
        f"{stack}/{name} {problem}"
        for stack, template in templates.items()
        for name, resource in template.get("Resources", {}).items()
        for problem in _problems(resource["Type"], resource.get("Properties", {}), template["Resources"], stage)
    ]
    if broken:
        raise LawError("\n".join(broken))


def _problems(kind: str, properties: Mapping[str, Any], resources: Mapping[str, Any], stage: str) -> Iterator[str]:
    if kind == "AWS::Lambda::Function":
        yield from _function_problems(properties, resources, stage)
    elif kind == "AWS::Logs::LogGroup" and not str(properties.get("LogGroupName")).startswith(_own_groups(stage)):
        yield f"must be named under {_own_groups(stage)}, or it would be subscribed like any other log group."
    elif kind in ("AWS::Logs::SubscriptionFilter", "AWS::Logs::AccountPolicy"):
        yield "must not be in a template: subscribe_log_groups keeps all filters and leaves out tracelake's own groups."
    elif kind == "AWS::S3::Bucket":
        yield from _bucket_problems(properties)
    elif kind == "Custom::SubscribeLogGroups":
        selected = [*str(properties.get("Include", "")).split(","), str(properties.get("Only", ""))]
        if any(prefix.startswith(OWN_LOG_GROUPS) for prefix in selected):
            yield f"must not select log groups under {OWN_LOG_GROUPS}."
        if properties.get("IngestMode") == "account":
            own = {
                str(r["Properties"]["LogGroupName"]) for r in resources.values() if r["Type"] == "AWS::Logs::LogGroup"
            }
            if missing := sorted(own - set(str(properties.get("OwnLogGroups", "")).split(","))):
                yield f"must leave {', '.join(missing)} out of the account's policy."


def _function_problems(properties: Mapping[str, Any], resources: Mapping[str, Any], stage: str) -> Iterator[str]:
    group = properties.get("LoggingConfig", {}).get("LogGroup")
    if isinstance(group, Mapping):
        group = resources.get(str(group.get("Ref")), {}).get("Properties", {}).get("LogGroupName")
    if not str(group).startswith(_own_groups(stage)):
        yield f"must log to a group under {_own_groups(stage)}."
    if not str(properties.get("FunctionName")).startswith(f"tracelake-{stage}-"):
        yield f"must be named tracelake-{stage}-..., or normalize could not tell its events from others."
    if properties.get("TracingConfig", {}).get("Mode", "PassThrough") == "Active":
        yield "must not trace: its spans would come back through aws/spans."
    variables = properties.get("Environment", {}).get("Variables", {})
    if emitters := sorted(name for name in variables if name.startswith(_SPAN_EMITTERS)):
        yield f"must not emit spans ({', '.join(emitters)}): they would come back through aws/spans."


def _bucket_problems(properties: Mapping[str, Any]) -> Iterator[str]:
    notification = properties.get("NotificationConfiguration", {})
    if set(notification) - {"EventBridgeConfiguration"}:
        yield "must not call a function, queue or topic on new objects: tracelake would read its own files."
    if "LoggingConfiguration" in properties:
        yield "must not have access logs in a bucket of tracelake: its own reads would be logged and read again."


def _own_groups(stage: str) -> str:
    return f"{OWN_LOG_GROUPS}{stage}/"

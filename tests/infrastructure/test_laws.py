"""tracelake never reads itself: each kind of loop is planted, and caught."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from template_reading import Template, of_type

from stacks.laws import LawError, check

Change = Callable[[Template], None]


def _named(templates: dict[str, Template]) -> dict[str, Template]:
    return {f"tracelake-main-{name}": deepcopy(template) for name, template in templates.items()}


def _function(template: Template) -> dict[str, Any]:
    return next(iter(of_type(template, "AWS::Lambda::Function").values()))


def _add(kind: str, **properties: Any) -> Change:
    def change(template: Template) -> None:
        template["Resources"]["Planted"] = {"Type": kind, "Properties": properties}

    return change


def _set(**properties: Any) -> Change:
    def change(template: Template) -> None:
        _function(template).update(properties)

    return change


def _set_variable(name: str) -> Change:
    def change(template: Template) -> None:
        _function(template)["Environment"]["Variables"][name] = "on"

    return change


def _drop_logging(template: Template) -> None:
    del _function(template)["LoggingConfig"]


def _select(**selection: str) -> Change:
    def change(template: Template) -> None:
        (resource,) = of_type(template, "Custom::SubscribeLogGroups").values()
        resource.update(selection)

    return change


LOOPS: dict[str, tuple[Change, str]] = {
    "a log group with a name that would be subscribed": (
        _add("AWS::Logs::LogGroup", LogGroupName="/aws/lambda/tracelake-main-normalize"),
        "must be named under /tracelake/main/",
    ),
    "a log group without a name": (_add("AWS::Logs::LogGroup"), "must be named under /tracelake/main/"),
    "a log group of another stage": (
        _add("AWS::Logs::LogGroup", LogGroupName="/tracelake/dev/normalize"),
        "must be named under /tracelake/main/",
    ),
    "a function that logs where Lambda puts it": (_drop_logging, "must log to a group under /tracelake/main/"),
    "a function that logs elsewhere": (
        _set(LoggingConfig={"LogGroup": "/aws/lambda/shop"}),
        "must log to a group under /tracelake/main/",
    ),
    "a function that is not known by its name": (_set(FunctionName="helper"), "must be named tracelake-main-"),
    "a function that traces": (_set(TracingConfig={"Mode": "Active"}), "must not trace"),
    "a function with OpenTelemetry": (
        _set_variable("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "must not emit spans (OTEL_EXPORTER_OTLP_ENDPOINT)",
    ),
    "a function with an instrumenting wrapper": (
        _set_variable("AWS_LAMBDA_EXEC_WRAPPER"),
        "must not emit spans (AWS_LAMBDA_EXEC_WRAPPER)",
    ),
    "a subscription filter in the template": (
        _add("AWS::Logs::SubscriptionFilter", LogGroupName="/tracelake/main/normalize"),
        "must not be in a template",
    ),
    "a policy that subscribes the whole account": (_add("AWS::Logs::AccountPolicy"), "must not be in a template"),
    "a bucket that calls a function on each new file": (
        _add("AWS::S3::Bucket", NotificationConfiguration={"LambdaConfigurations": [{}]}),
        "must not call a function",
    ),
    "a bucket that logs its own reads": (
        _add("AWS::S3::Bucket", LoggingConfiguration={}),
        "must not have access logs",
    ),
    "a selection of own log groups": (_select(Include="/aws/,/tracelake/dev/"), "must not select log groups"),
    "a policy for the account that covers own log groups": (
        _select(IngestMode="account", OwnLogGroups="/tracelake/main/compact"),
        "must leave /tracelake/main/create_partitions, ",
    ),
    "a single log group that is an own one": (_select(Only="/tracelake/main/compact"), "must not select log groups"),
}


def test_the_stacks_have_no_loop(templates: dict[str, Template]) -> None:
    check(_named(templates), "main")


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_is_refused(templates: dict[str, Template], kind: str) -> None:
    planted = _named(templates)
    change, sentence = LOOPS[kind]
    change(planted["tracelake-main-ingest"])
    with pytest.raises(LawError) as refused:
        check(planted, "main")
    assert str(refused.value).startswith("tracelake-main-ingest/")
    assert sentence in str(refused.value)

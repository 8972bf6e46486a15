"""How functions and APIs of an account are configured, as far as their telemetry goes; read only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import client
from functions.core.dark.things import Thing

_OTEL = ("opentelemetry", "otel")


def functions_by_log_group(refused: Callable[[str], None]) -> dict[str, list[Thing]]:
    """Functions of the account by the log group that they write to; what may not be read is told to ``refused``."""
    found: dict[str, list[Thing]] = {}
    try:
        for page in client("lambda").get_paginator("list_functions").paginate():
            for each in page["Functions"]:
                name = each["FunctionName"]
                group = each.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
                found.setdefault(group, []).append(Thing("function", name, _of_function(each)))
    except (BotoCoreError, ClientError) as error:
        refused(f"functions: {error}")
    return found


def _of_function(function: Any) -> set[str]:
    facts = {"function"}
    if function.get("TracingConfig", {}).get("Mode") != "Active":
        facts.add("not_traced")
    layers = " ".join(layer.get("Arn", "") for layer in function.get("Layers", [])).lower()
    if not any(word in layers for word in _OTEL):
        facts.add("no_otel_layer")
    return facts


def stages(refused: Callable[[str], None]) -> list[Thing]:
    """The stages of all HTTP, WebSocket and REST APIs."""
    found: list[Thing] = []
    for read in (_http_stages, _rest_stages):
        try:
            found += read()
        except (BotoCoreError, ClientError) as error:
            refused(f"APIs: {error}")
    return found


def _http_stages() -> Iterator[Thing]:
    gateway = client("apigatewayv2")
    for page in gateway.get_paginator("get_apis").paginate():
        for api in page["Items"]:
            for stage_page in gateway.get_paginator("get_stages").paginate(ApiId=api["ApiId"]):
                for stage in stage_page["Items"]:
                    name = f"{api['Name']} {stage['StageName']}"
                    yield _stage(name, "http_api", stage.get("AccessLogSettings", {}).get("Format"))


def _rest_stages() -> Iterator[Thing]:
    gateway = client("apigateway")
    for page in gateway.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            for stage in gateway.get_stages(restApiId=api["id"])["item"]:
                name = f"{api['name']} {stage['stageName']}"
                yield _stage(name, "rest_api", stage.get("accessLogSettings", {}).get("format"))


def _stage(name: str, kind: str, form: str | None) -> Thing:
    """A stage with its access-log format; of what is not JSON, fields are told by their shapes: customers are not."""
    facts = {"api", kind}
    empty = {"requests.tenant", "traffic.tenant"}
    if not form or not form.lstrip().startswith("{"):
        facts.add("no_json_access_log")
    elif "$context.authorizer" not in form:
        facts.add("no_customer_in_access_log")
    if form and "Latency" not in form:
        empty.add("requests.latency_ms")
    return Thing("api", name, facts, {"requests", "traffic"} if form else set(), empty)

"""Gap: HTTP APIs write no access logs, and show their callers what a function failed with.

API Gateway fills the variables of the stage's format, a dash for what has no value
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html), and answers 500 for a
function that failed or timed out
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html).
"""

import contextvars
import re
import time
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import apigateway, cloudwatch_logs

_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")
_seen: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("tracelake_seen", default=None)


def install() -> None:
    execute, authorize, run = (
        apigateway._handle_execute_in_scope,
        apigateway._authorize_request_v2,
        apigateway.run_reentrant,
    )

    async def execute_and_log(
        api_id: str, stage: str, path: str, method: str, headers: dict[str, str], *rest: Any
    ) -> tuple[int, dict[str, str], bytes]:
        settings = (apigateway._stages.get(api_id, {}).get(stage) or {}).get("accessLogSettings")
        if not settings:
            return await execute(api_id, stage, path, method, headers, *rest)
        seen: dict[str, Any] = {}
        token = _seen.set(seen)
        started = time.time()
        try:
            response = await execute(api_id, stage, path, method, headers, *rest)
        finally:
            _seen.reset(token)
        if (seen.get("result") or {}).get("error"):
            response = 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'
        variables = _variables(seen, started, path, method, headers, response)
        _write(settings, api_id, variables)
        return response

    async def authorize_and_note(*arguments: Any, **named: Any) -> Any:
        error, context = await authorize(*arguments, **named)
        if (seen := _seen.get()) is not None:
            seen["authorizer"] = context or {}
        return error, context

    async def run_and_note(function: Any, record: Any, event: Any, *rest: Any, **named: Any) -> Any:
        seen = _seen.get()
        started = time.time()
        result = await run(function, record, event, *rest, **named)
        if seen is not None and event.get("type") != "REQUEST":
            seen.update(event=event, integration_ms=(time.time() - started) * 1000, result=result)
        return result

    apigateway._handle_execute_in_scope = execute_and_log
    apigateway._authorize_request_v2 = authorize_and_note
    apigateway.run_reentrant = run_and_note


def _variables(
    seen: dict[str, Any],
    started: float,
    path: str,
    method: str,
    headers: dict[str, str],
    response: tuple[int, dict[str, str], bytes],
) -> dict[str, Any]:
    status, _, body = response
    context = seen.get("event", {}).get("requestContext", {})
    failed = (seen.get("result") or {}).get("error")
    values = {
        "requestId": context.get("requestId"),
        "extendedRequestId": context.get("requestId"),
        "requestTime": f"{datetime.fromtimestamp(started, UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "requestTimeEpoch": int(started * 1000),
        "httpMethod": method,
        "path": path,
        "routeKey": context.get("routeKey"),
        "stage": context.get("stage"),
        "apiId": context.get("apiId"),
        "accountId": context.get("accountId"),
        "domainName": context.get("domainName"),
        "protocol": "HTTP/1.1",
        "status": status,
        "responseLength": len(body),
        "responseLatency": round((time.time() - started) * 1000),
        "identity.sourceIp": "127.0.0.1",
        "identity.userAgent": {name.lower(): value for name, value in headers.items()}.get("user-agent"),
        **{f"authorizer.{name}": value for name, value in seen.get("authorizer", {}).items()},
    }
    if "integration_ms" in seen:
        values["integrationLatency"] = round(seen["integration_ms"])
        values["integrationStatus"] = values["integration.integrationStatus"] = 200
    if failed:
        values["integrationErrorMessage"] = values["error.message"] = "Internal Server Error"
    return values


def _write(settings: dict[str, str], api_id: str, values: dict[str, Any]) -> None:
    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        return "-" if value is None else str(value).replace('"', "'")

    _, _, _, region, account, _, group, *_ = f"{settings['destinationArn']}::".split(":")
    line = _VARIABLE.sub(fill, settings["format"])
    with request_scope(account, region):
        stream = f"{api_id}-{datetime.now(UTC):%Y-%m-%d}"
        where = {"logGroupName": group, "logStreamName": stream}
        cloudwatch_logs._create_log_stream(where)
        event = {"timestamp": int(time.time() * 1000), "message": line}
        cloudwatch_logs._put_log_events({**where, "logEvents": [event]})

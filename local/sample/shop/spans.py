"""Spans as the group ``aws/spans`` holds them: what ADOT's Lambda layer and X-Ray make of an invocation.

The emulator has no X-Ray, so this writes what would arrive, record by record: ids in W3C form, nanoseconds as integers,
kinds and status as words, attributes as an object, with the ``aws.local.*`` and ``aws.remote.*`` of Application Signals
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Transaction-Search-ingesting-span-log-groups.html).
The trace begins with Lambda's own header and goes on in ``traceparent`` over HTTP and ``AWSTraceHeader`` over SQS.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

import boto3

LOG_GROUP = "aws/spans"
LOG_STREAM = "default"
_RESOURCE_TYPES = {"DynamoDB": "AWS::DynamoDB::Table", "SQS": "AWS::SQS::Queue", "Kinesis": "AWS::Kinesis::Stream"}

Handler = Callable[[dict[str, Any], Any], Any]


class Span:
    """One span while it runs; ``attributes`` may be added to until it ends."""

    def __init__(self, name: str, kind: str, trace_id: str, parent_id: str | None) -> None:
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.span_id = secrets.token_hex(8)
        self.parent_id = parent_id
        self.start = time.time_ns()
        self.attributes: dict[str, Any] = {}
        self.links: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.status: dict[str, str] = {"code": "UNSET"}

    def fail(self, error: BaseException) -> None:
        """Marks the span as failed, with the exception as OpenTelemetry records one."""
        self.status = {"code": "ERROR", "message": str(error)}
        exception = {"exception.type": type(error).__name__, "exception.message": str(error)}
        self.events.append({"name": "exception", "timeUnixNano": time.time_ns(), "attributes": exception})

    def record(self, resource: dict[str, Any], end: int) -> dict[str, Any]:
        """The span as a log event of ``aws/spans``."""
        record = {
            "resource": {"attributes": resource},
            "scope": {"name": "opentelemetry.instrumentation.aws_lambda", "version": "0.54b1"},
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "flags": 256,
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": self.start,
            "endTimeUnixNano": end,
            "durationNano": end - self.start,
            "attributes": self.attributes,
            "status": self.status,
        }
        if self.parent_id:
            record["parentSpanId"] = self.parent_id
        if self.links:
            record["links"] = self.links
        if self.events:
            record["events"] = self.events
        return record

    @property
    def traceparent(self) -> str:
        """The span as the W3C header that an HTTP call carries."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    @property
    def xray_header(self) -> str:
        """The span as X-Ray's header, which SQS carries as the attribute ``AWSTraceHeader``."""
        return f"Root=1-{self.trace_id[:8]}-{self.trace_id[8:]};Parent={self.span_id};Sampled=1"


_finished: list[dict[str, Any]] = []
_open: list[Span] = []


def read_xray_header(header: str) -> tuple[str, str | None]:
    """W3C trace id and parent span id in a header such as ``Root=1-...;Parent=...;Sampled=1``."""
    parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    return parts["Root"][2:].replace("-", ""), parts.get("Parent")


def current() -> Span:
    """The innermost span that runs."""
    return _open[-1]


@contextmanager
def span(
    name: str, kind: str, attributes: dict[str, Any], parent: tuple[str, str | None] | None = None
) -> Iterator[Span]:
    """Runs a block as a span: child of the running one, or of ``parent``, a pair of trace id and span id.

    An exception marks the span as failed and goes on.
    """
    trace_id, parent_id = parent or (current().trace_id, current().span_id)
    running = Span(name, kind, trace_id, parent_id)
    service = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    running.attributes = {
        "aws.local.service": service,
        "aws.local.operation": _open[0].attributes["aws.local.operation"] if _open else f"{service}/FunctionHandler",
        "aws.local.environment": "lambda:default",
        "PlatformType": "AWS::Lambda",
        **attributes,
    }
    if kind in ("CLIENT", "PRODUCER"):
        running.attributes["aws.span.kind"] = kind
    _open.append(running)
    try:
        yield running
    except Exception as error:
        running.fail(error)
        raise
    finally:
        _open.pop()
        _finished.append(running.record(_resource(), time.time_ns()))


def call(service: str, operation: str, resource: str, kind: str = "CLIENT") -> AbstractContextManager[Span]:
    """A span around a call to a service of AWS, as ADOT's botocore instrumentation makes it."""
    attributes = {
        "rpc.system": "aws-api",
        "rpc.service": service,
        "rpc.method": operation,
        "aws.remote.service": f"AWS::{service}",
        "aws.remote.operation": operation,
        "aws.remote.resource.type": _RESOURCE_TYPES[service],
        "aws.remote.resource.identifier": resource,
    }
    return span(f"{service}.{operation}", kind, attributes)


def traced(handler: Handler) -> Handler:
    """Makes each invocation of a handler a SERVER span and sends all spans of the invocation when it is over.

    An invocation that Lambda ends by its time-out sends none, as with the real layer.
    """

    @wraps(handler)
    def run(event: dict[str, Any], context: Any) -> Any:
        _finished.clear()
        _open.clear()
        name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        header = os.environ.get("_X_AMZN_TRACE_ID")
        parent = read_xray_header(header) if header else (secrets.token_hex(16), None)
        attributes: dict[str, Any] = {
            "aws.span.kind": "LOCAL_ROOT",
            "aws.local.operation": event.get("routeKey") or f"{name}/FunctionHandler",
            "faas.invocation_id": context.aws_request_id,
            "cloud.resource_id": context.invoked_function_arn,
            "faas.trigger": "http" if "requestContext" in event else "pubsub" if "Records" in event else "other",
        }
        try:
            with span(name, "SERVER", attributes, parent) as root:
                return _described(root, event, handler(event, context))
        finally:
            _send()

    return run


def _described(root: Span, event: dict[str, Any], result: Any) -> Any:
    """Adds what is known of request and answer to the span of an HTTP request."""
    http = event.get("requestContext", {}).get("http")
    if http:
        _, _, route = event["routeKey"].partition(" ")
        root.attributes |= {"http.request.method": http["method"], "url.path": http["path"]}
        root.attributes["http.response.status_code"] = result["statusCode"]
        if route:
            root.attributes["http.route"] = route
        tenant = event["requestContext"].get("authorizer", {}).get("lambda", {}).get("tenant")
        if tenant:
            root.attributes["tenant"] = tenant
        if result["statusCode"] >= 500:
            root.status = {"code": "ERROR"}
    return result


def _resource() -> dict[str, Any]:
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    return {
        "service.name": name,
        "aws.local.service": name,
        "cloud.provider": "aws",
        "cloud.platform": "aws_lambda",
        "cloud.region": os.environ["AWS_REGION"],
        "faas.name": name,
        "faas.version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        "faas.instance": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.33.1",
        "telemetry.auto.version": "0.12.2-aws",
    }


def _send() -> None:
    """Writes the finished spans to the group, where on AWS only X-Ray may write."""
    now = time.time_ns() // 1_000_000
    events = [{"timestamp": now, "message": json.dumps(record, separators=(",", ":"))} for record in _finished]
    _logs().put_log_events(logGroupName=LOG_GROUP, logStreamName=LOG_STREAM, logEvents=events)


_client: Any = None


def _logs() -> Any:
    global _client
    if _client is None:
        _client = boto3.client("logs")
    return _client

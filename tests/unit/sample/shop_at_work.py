"""Runs the sample's functions without an emulator: calls to AWS are validated by botocore and answered here, and what
the functions wrote is read as tracelake reads it."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import json
import time
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from functions.core.normalize import Normalizer, Rules

FUNCTIONS = ("catalog", "checkout", "fulfil", "webhooks")
TRACE = "6b00336ed1c1af34d62250e395d9f2af"
PARENT = "036864349cb85ba3"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "ORDERS_TABLE": "shop-orders",
    "SETTINGS_TABLE": "shop-settings",
    "ORDERS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111111111111/shop-orders",
    "TRACELAKE_STREAM": "tracelake-main",
    "POWERTOOLS_METRICS_NAMESPACE": "shop",
    "_X_AMZN_TRACE_ID": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1",
}


class ShopAtWork:
    """The functions of the shop; `asked` holds their calls to AWS, `printed` the lines of their logs."""

    def __init__(self, monkeypatch) -> None:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        self._monkeypatch = monkeypatch
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.printed: list[str] = []
        session = boto3.Session()
        session.events.register_first("before-parameter-build.*.*", self._remember)
        session.events.register_first("before-call.*.*", self._respond)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)

    def run(self, function: str, event: dict[str, Any]) -> Any:
        """What a handler answers."""
        full_name = f"shop-{function}"
        self._monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", full_name)
        self._monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", full_name)
        context = SimpleNamespace(
            function_name=full_name,
            memory_limit_in_mb=256,
            invoked_function_arn=f"arn:aws:lambda:eu-west-1:111111111111:function:{full_name}",
            aws_request_id="8edab1f8-7d34-4a8e-a965-15ccbbb78d4c",
        )
        # imported anew, so that its clients are those of this test's session
        module = importlib.reload(importlib.import_module(f"local.sample.shop.{function}"))
        self._monkeypatch.setattr(module.spans, "_client", None)
        output = io.StringIO()
        module.logger.registered_handler.setStream(output)
        with contextlib.redirect_stdout(output):
            answer = module.handle(event, context)
        self.printed += output.getvalue().splitlines()
        return answer

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """Parameters of the calls of one operation."""
        return [params for name, params in self.asked if name == operation]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What the lake holds of the functions' logs and spans; nothing may be rejected."""
        spans = [event["message"] for call in self.calls("PutLogEvents") for event in call["logEvents"]]
        return read(table, ("/aws/lambda/shop", self.printed), ("aws/spans", spans))

    def _remember(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append((model.name, dict(params)))

    def _respond(self, model: Any, **_: Any) -> Any:
        result = self.answers.get(model.name, {})
        return AWSResponse(None, 200, {}, None), {**result, "ResponseMetadata": {}}


def read(table: str, *groups: tuple[str, list[str]]) -> list[dict[str, Any]]:
    """Rows of a table from lines of log groups."""
    now = int(time.time() * 1000)
    normalizer = Normalizer(Rules(account="111111111111", region="eu-west-1"))
    for number, (group, lines) in enumerate(groups):
        events = [{"id": f"{number}-{index}", "timestamp": now, "message": line} for index, line in enumerate(lines)]
        payload = {"messageType": "DATA_MESSAGE", "owner": "1" * 12, "logGroup": group, "logStream": "stream"}
        record = json.dumps({**payload, "subscriptionFilters": [], "logEvents": events}).encode()
        normalizer.add(gzip.compress(record), f"shard:{number}", now)
    assert not normalizer.rejected, normalizer.rejected
    return [
        row
        for part in normalizer.flush("chunk")
        if part.table == table
        for row in part.rows.to_pylist(maps_as_pydicts="strict")
    ]

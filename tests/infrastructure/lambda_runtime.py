"""Lambda's runtime and just as much of AWS as the functions call, on loopback, in one small server.

The function runs in a process of its own through the real runtime client (awslambdaric), with its assets and nothing
else on the path. Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import importlib.metadata
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
API = "/2018-06-01/runtime"
_START = """
import runpy, sys
sys.path[:0] = {path!r}
sys.argv = ["awslambdaric", {handler!r}]
runpy.run_module("awslambdaric", run_name="__main__")
"""


def copy_runtime_client(target: Path) -> Path:
    """The runtime client alone, as Lambda brings it: a folder without the rest of the virtual environment."""
    for name in RUNTIME_CLIENT:
        for file in importlib.metadata.files(name) or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                copy = target / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), copy)
    return target


@dataclass
class Aws:
    """What the functions left: S3 objects by path, DynamoDB items by key, and the names of all calls."""

    objects: dict[str, bytes] = field(default_factory=dict)
    items: dict[tuple[str, str], Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Of a call to a service that speaks JSON."""
        self.calls.append(operation)
        if operation == "GetItem":
            item = self.items.get(_key(request["Key"]))
            return {"Item": item} if item else {}
        if operation == "TransactWriteItems":
            for write in request["TransactItems"]:
                if "Put" in write:
                    self.items[_key(write["Put"]["Item"])] = write["Put"]["Item"]
        answers: dict[str, dict[str, Any]] = {
            "Query": {"Items": [], "Count": 0},
            "GetTable": {"Table": {"Name": "any", "StorageDescriptor": {"Location": "s3://any/"}}},
            "BatchCreatePartition": {"Errors": []},
            "GetPartitionIndexes": {"PartitionIndexDescriptorList": []},
            "GetMetricData": {"MetricDataResults": []},
            "ListMetrics": {"Metrics": []},
            "DescribeSubscriptionFilters": {"subscriptionFilters": []},
            "DescribeLogGroups": {
                "logGroups": [{"logGroupName": "/tracelake/main/normalize", "logGroupClass": "STANDARD"}]
            },
        }
        return answers.get(operation, {})


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class Runtime:
    """Runs one handler from its assets; ``invoke`` gives it an event and returns what it answers."""

    def __init__(self, handler: str, path: Sequence[Path], environment: dict[str, str]) -> None:
        self.aws = Aws()
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "output"
        self._events: queue.Queue[Any] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{self._server.server_port}"
        code = _START.format(path=[str(folder) for folder in path], handler=handler)
        self._process = subprocess.Popen(
            # bytecode goes elsewhere: the assets stay as they are
            [sys.executable, "-S", "-E", "-X", f"pycache_prefix={path[-1]}", "-c", code],
            cwd=path[0],
            env={
                "AWS_LAMBDA_RUNTIME_API": address,
                "AWS_ENDPOINT_URL": f"http://{address}",
                "AWS_ACCESS_KEY_ID": "any",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_REGION": "eu-central-1",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_LAMBDA_FUNCTION_NAME": "tracelake-main-any",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "TRACELAKE_STAGE": "main",
                **environment,
            },
            stdout=self._log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any) -> Any:
        """Answer of the function; ``AssertionError`` with the function's own error where it has none."""
        self._events.put(event)
        while True:
            try:
                kind, answer = self._answers.get(timeout=0.2)
            except queue.Empty:
                assert self._process.poll() is None, f"the runtime ended: {self.output}"
            else:
                assert kind == "response", json.dumps(answer, indent=1)
                return answer

    @property
    def output(self) -> str:
        """What the function and the runtime wrote so far."""
        return self._log.read_text()

    def next_event(self) -> Any:
        return self._events.get()

    def answered(self, kind: str, body: Any) -> None:
        self._answers.put((kind, body))


def _handler_of(runtime: Runtime) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # without these two every answer waits for an acknowledgement of TCP
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path == f"{API}/invocation/next":
                event = runtime.next_event()
                headers = {
                    # the native client ends without a word where one of these is missing
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:any",
                }
                self._send(200, json.dumps(event).encode(), headers)
            elif self.path in runtime.aws.objects:
                self._send(200, runtime.aws.objects[self.path])
            else:
                self._send(404, b"")

        def do_PUT(self) -> None:
            runtime.aws.objects[self.path] = self._body()
            self._send(200, b"", {"ETag": '"any"'})

        def do_POST(self) -> None:
            body = self._body()
            if self.path.startswith(API):
                runtime.answered(self.path.rpartition("/")[2], json.loads(body))
                self._send(202, b"{}")
            elif target := self.headers.get("X-Amz-Target"):
                answer = runtime.aws.answer(target.rpartition(".")[2], json.loads(body))
                self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/x-amz-json-1.0"})
            elif self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
                # SNS
                action = parse_qs(body.decode())["Action"][0]
                runtime.aws.calls.append(action)
                result = f"<{action}Result><Subscriptions></Subscriptions></{action}Result>"
                self._send(200, f"<{action}Response>{result}</{action}Response>".encode(), {"Content-Type": "text/xml"})
            else:
                # CloudWatch may speak CBOR; 0xa0 is an empty map
                runtime.aws.calls.append(self.path.rpartition("/")[2])
                self._send(200, b"\xa0", {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler

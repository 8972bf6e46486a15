"""Telemetry of a made-up shop, the same for the same seed: what CloudWatch Logs puts on the stream.

Mostly spans, with Powertools logs, EMF, Lambda's REPORT lines as text and as JSON, access logs, and a little of the
other formats. Ids are random, names repeat, as in life; so it compresses as in life.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from random import Random

from tests.performance.other_formats import OtherFormats

START_MS = 1_790_000_000_000
EVENTS_PER_MS = 20
EVENTS_PER_PAYLOAD = 400
EVENTS_OF_RARE = 40
COMMON = {"spans": 41, "powertools": 24, "emf": 6, "report_text": 6, "report_json": 5, "access": 10}
RARE = ("text", "xray", "otlp", "step_functions", "insights", "metric_stream", "flow", "alb")
KINDS = (*COMMON.items(), *((kind, 1) for kind in RARE))
"""Formats with how many of a hundred payloads are of them; those of rare ones are small."""

GROUPS = {"access": "/aws/apigateway/", "alb": "/alb/", "flow": "/vpc/", "insights": "/aws/containerinsights/"}

_SERVICES = ("checkout", "orders", "inventory", "payments", "catalog", "mailer", "search", "pricing")
_ROUTES = ("GET /orders/{id}", "POST /orders", "GET /catalog", "GET /catalog/{sku}", "POST /payments", "GET /search")
_TENANTS = tuple(f"customer-{number:03d}" for number in range(200))
_REMOTE = (
    ("AWS::DynamoDB", "GetItem"),
    ("AWS::DynamoDB", "PutItem"),
    ("AWS::SQS", "SendMessage"),
    ("payments", "POST /charge"),
)


class Shop(OtherFormats):
    """Writes payloads; ``raw_bytes`` counts the bytes of their messages."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._event = 0
        self.raw_bytes = 0

    def batch(self, raw_bytes: int, *only: str) -> list[str]:
        """Kinesis records (base64, as a Lambda function gets them) with about this many bytes of messages, of all
        formats or only of some."""
        records, end = [], self.raw_bytes + raw_bytes
        kinds, weights = zip(*(each for each in KINDS if not only or each[0] in only), strict=True)
        while self.raw_bytes < end:
            kind = self._random.choices(kinds, weights)[0]
            records.append(self._payload(kind))
        return records

    def _payload(self, kind: str) -> str:
        service = self._random.choice(_SERVICES)
        group = GROUPS.get(kind, "/aws/lambda/") + service if kind != "spans" else "aws/spans"
        messages: list[str] = []
        while len(messages) < (EVENTS_OF_RARE if kind in RARE else EVENTS_PER_PAYLOAD):
            messages += getattr(self, f"_{kind}")(service)
        events = []
        for message in messages:
            self._event += 1
            self.raw_bytes += len(message)
            events.append({"id": f"{self._event:056d}", "timestamp": self._now(), "message": message})
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": "123456789012",
            "logGroup": group,
            "logStream": f"2026/11/20/[$LATEST]{self._hex(32)}",
            "subscriptionFilters": ["tracelake-main"],
            "logEvents": events,
        }
        return base64.b64encode(gzip.compress(json.dumps(payload, separators=(",", ":")).encode(), 6, mtime=0)).decode()

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(digits * 4):0{digits}x}"

    def _uuid(self) -> str:
        digits = self._hex(32)
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _now(self) -> int:
        return START_MS + self._event // EVENTS_PER_MS

    def _spans(self, service: str) -> Iterator[str]:
        random = self._random
        trace, start = self._hex(32), self._now() * 1_000_000 + random.randrange(1_000_000)
        resource = {"attributes": self._resource(service)}
        tenant, route = random.choice(_TENANTS), random.choice(_ROUTES)
        status = 500 if random.random() < 0.01 else 200
        parent = self._hex(16)
        server = {
            "aws.local.service": service,
            "aws.local.operation": route,
            "aws.local.environment": "lambda:default",
            "aws.span.kind": "LOCAL_ROOT",
            "PlatformType": "AWS::Lambda",
            "http.request.method": route.partition(" ")[0],
            "http.route": route.partition(" ")[2],
            "http.response.status_code": status,
            "url.path": f"/orders/{random.randrange(10**6)}",
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            "client.address": f"10.0.{random.randrange(256)}.{random.randrange(256)}",
            "faas.invocation_id": self._uuid(),
            "tenant.id": tenant,
        }
        yield self._span(resource, trace, parent, None, route, "SERVER", start, server, status >= 500)
        for _ in range(3):
            remote, operation = random.choice(_REMOTE)
            client = {
                "aws.local.service": service,
                "aws.local.operation": route,
                "aws.remote.service": remote,
                "aws.remote.operation": operation,
                "aws.remote.resource.type": f"{remote}::Table",
                "aws.remote.resource.identifier": "orders",
                "aws.span.kind": "CLIENT",
                "rpc.system": "aws-api",
                "rpc.service": remote.rpartition(":")[2],
                "rpc.method": operation,
                "http.response.status_code": 200,
                "aws.request_id": self._hex(52).upper(),
                "server.address": "dynamodb.eu-west-1.amazonaws.com",
                "server.port": 443,
                "aws.local.environment": "eks:shop/default",
                "aws.xray.origin": "AWS::EKS::Container",
                "thread.name": "http-nio-8080-exec-7",
                "thread.id": 42,
                "telemetry.extended": "true",
                "retry_attempts": 0,
            }
            yield self._span(
                resource, trace, self._hex(16), parent, f"{remote}.{operation}", "CLIENT", start, client, False
            )

    def _resource(self, service: str) -> dict[str, object]:
        """As the distribution of OpenTelemetry for AWS writes it on Lambda (Python) and on EKS (Java)."""
        common = {
            "aws.local.service": service,
            "service.name": service,
            "cloud.provider": "aws",
            "cloud.region": "eu-west-1",
            "cloud.account.id": "123456789012",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.distro.name": "aws-otel-instrumentation",
        }
        pod = self._random.randrange(6)
        if _SERVICES.index(service) % 2 == 0:
            return common | {
                "cloud.platform": "aws_lambda",
                "cloud.resource_id": f"arn:aws:lambda:eu-west-1:123456789012:function:shop-{service}",
                "faas.name": f"shop-{service}",
                "faas.version": "$LATEST",
                "faas.instance": f"2026/11/20/[$LATEST]{pod:032x}",
                "aws.log.group.names": f"/aws/lambda/shop-{service}",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.version": "1.33.1",
                "telemetry.auto.version": "0.10.1-aws",
            }
        return common | {
            "cloud.platform": "aws_eks",
            "cloud.availability_zone": "eu-west-1a",
            "k8s.cluster.name": "shop",
            "k8s.namespace.name": "default",
            "k8s.deployment.name": service,
            "k8s.pod.name": f"{service}-7c9d8b5f6d-{pod:05x}",
            "k8s.node.name": f"ip-10-0-1-{pod}.eu-west-1.compute.internal",
            "k8s.container.name": service,
            "container.id": f"{pod + 7:064x}",
            "host.id": f"i-{pod + 11:017x}",
            "host.type": "m6i.large",
            "host.name": f"ip-10-0-1-{pod}.eu-west-1.compute.internal",
            "host.image.id": "ami-0123456789abcdef0",
            "os.type": "linux",
            "os.description": "Linux 6.1.112-122.189.amzn2023.x86_64",
            "process.pid": 1,
            "process.executable.path": "/usr/lib/jvm/java-21-amazon-corretto/bin/java",
            "process.command_args": ["java", "-XX:MaxRAMPercentage=75", "-jar", "/app.jar"],
            "process.runtime.name": "OpenJDK Runtime Environment",
            "process.runtime.version": "21.0.5+11-LTS",
            "service.instance.id": f"8edab1f8-7d34-4a8e-a965-{pod:012x}",
            "telemetry.sdk.language": "java",
            "telemetry.sdk.version": "1.44.1",
            "telemetry.distro.version": "2.10.0-aws",
        }

    def _span(self, resource, trace, span, parent, name, kind, start, attributes, failed) -> str:  # type: ignore[no-untyped-def]
        duration = int(self._random.lognormvariate(16, 1))
        record = {
            "resource": resource,
            "scope": {"name": "opentelemetry.instrumentation.botocore", "version": "0.48b0"},
            "traceId": trace,
            "spanId": span,
            "flags": 257,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": start,
            "endTimeUnixNano": start + duration,
            "durationNano": duration,
            "attributes": attributes,
            "status": {"code": "ERROR", "message": "upstream failed"} if failed else {"code": "UNSET"},
        }
        if parent:
            record["parentSpanId"] = parent
        return json.dumps(record, separators=(",", ":"))

    def _powertools(self, service: str) -> Iterator[str]:
        random = self._random
        failed = random.random() < 0.02
        log = {
            "level": "ERROR" if failed else "INFO",
            "location": f"handle:{random.randrange(10, 90)}",
            "message": f"order {random.randrange(10**6)} placed in {random.randrange(900)} ms",
            "timestamp": "2026-11-20 11:02:03,123+0000",
            "service": service,
            "cold_start": False,
            "function_name": f"shop-{service}",
            "function_memory_size": "512",
            "function_arn": f"arn:aws:lambda:eu-west-1:123456789012:function:shop-{service}",
            "function_request_id": self._uuid(),
            "xray_trace_id": f"1-{self._hex(8)}-{self._hex(24)}",
            "tenant_id": random.choice(_TENANTS),
            "order": {"items": random.randrange(9), "total": random.randrange(10**5) / 100, "currency": "EUR"},
        }
        if failed:
            log["exception_name"] = "TimeoutError"
            log["exception"] = (
                'Traceback (most recent call last):\n  File "/var/task/app.py", line 14, in f\nTimeoutError: late'
            )
        yield json.dumps(log)

    def _emf(self, service: str) -> Iterator[str]:
        random = self._random
        metrics = [{"Name": "Orders", "Unit": "Count"}, {"Name": "Latency", "Unit": "Milliseconds"}]
        directive = {"Namespace": "shop", "Dimensions": [["service", "environment"]], "Metrics": metrics}
        yield json.dumps(
            {
                "_aws": {"Timestamp": self._now(), "CloudWatchMetrics": [directive]},
                "service": service,
                "environment": "prod",
                "Orders": [1.0],
                "Latency": [round(random.lognormvariate(3, 1), 2)],
                "function_request_id": self._uuid(),
            }
        )

    def _report_text(self, service: str) -> Iterator[str]:
        random, request = self._random, self._uuid()
        billed = random.randrange(1, 900)
        yield f"START RequestId: {request} Version: $LATEST\n"
        yield f"[INFO]\t2026-11-20T11:02:03.123Z\t{request}\tcharging card for order {random.randrange(10**6)}\n"
        yield f"END RequestId: {request}\n"
        yield (
            f"REPORT RequestId: {request}\tDuration: {billed - 0.37:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: 512 MB\tMax Memory Used: {random.randrange(90, 300)} MB\t\n"
            f"XRAY TraceId: 1-{self._hex(8)}-{self._hex(24)}\tSegmentId: {self._hex(16)}\tSampled: true\t\n"
        )

    def _report_json(self, service: str) -> Iterator[str]:
        request, time = self._uuid(), "2026-11-20T11:02:03.123Z"
        billed = self._random.randrange(1, 900)
        tracing = {
            "type": "X-Amzn-Trace-Id",
            "value": f"Root=1-{self._hex(8)}-{self._hex(24)};Parent={self._hex(16)};Sampled=1",
        }
        start = {"requestId": request, "version": "$LATEST", "tracing": tracing}
        metrics = {"durationMs": billed - 0.4, "billedDurationMs": billed, "memorySizeMB": 512, "maxMemoryUsedMB": 130}
        report = {"requestId": request, "metrics": metrics, "status": "success", "tracing": tracing}
        yield json.dumps({"time": time, "type": "platform.start", "record": start})
        yield json.dumps({"time": time, "type": "platform.report", "record": report})

    def _access(self, service: str) -> Iterator[str]:
        random = self._random
        method, _, resource = random.choice(_ROUTES).partition(" ")
        yield json.dumps(
            {
                "requestId": self._uuid(),
                "ip": f"203.0.113.{random.randrange(256)}",
                "requestTime": "20/Nov/2026:11:02:03 +0000",
                "httpMethod": method,
                "resourcePath": resource,
                "path": f"/v1{resource}".replace("{id}", str(random.randrange(10**6))),
                "status": str(random.choices((200, 404, 500), (96, 3, 1))[0]),
                "protocol": "HTTP/1.1",
                "responseLength": str(random.randrange(20000)),
                "responseLatency": str(random.randrange(2000)),
                "integrationLatency": str(random.randrange(1500)),
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
                "xrayTraceId": f"1-{self._hex(8)}-{self._hex(24)}",
                "authorizer": {"tenant_id": random.choice(_TENANTS), "principalId": self._hex(8)},
            }
        )

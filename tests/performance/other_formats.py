"""The formats that an account has less of: other text logs, X-Ray, OTLP, Step Functions, Insights, load balancers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

ACCOUNT = "123456789012"
_STATES = ("Validate", "Charge", "Ship")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"


class OtherFormats:
    """Writes messages: each method one event or a few that belong together."""

    _random: Random

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(digits * 4):0{digits}x}"

    def _now(self) -> int:
        raise NotImplementedError

    def _stamp(self) -> str:
        return f"2026-11-20T11:02:{self._random.randrange(60):02d}.{self._random.randrange(1000):03d}Z"

    def _text(self, service: str) -> Iterator[str]:
        random = self._random
        yield f"{self._stamp()}\t{self._hex(32)}\tINFO\t{service} took {random.randrange(900)} ms for {self._hex(8)}\n"
        yield f"INFO:shop.{service}:picked {random.randrange(90)} items from shelf {random.randrange(900)}\n"
        yield f'time={self._stamp()} level=INFO msg="cache filled" keys={random.randrange(9000)}\n'
        if random.random() < 0.05:
            yield "java.lang.IllegalStateException: no stock\n"
            for line in range(12):
                yield f"\tat com.example.shop.Stock.take{line}(Stock.java:{random.randrange(300)})\n"

    def _xray(self, service: str) -> Iterator[str]:
        random, start = self._random, self._now() / 1000
        trace = f"1-{self._hex(8)}-{self._hex(24)}"
        calls = [
            {
                "id": self._hex(16),
                "name": "DynamoDB",
                "start_time": start,
                "end_time": start + random.random(),
                "namespace": "aws",
                "aws": {"operation": "GetItem", "region": "eu-west-1", "table_name": "orders"},
                "http": {"response": {"status": 200}},
            }
            for _ in range(2)
        ]
        segment = {
            "trace_id": trace,
            "id": self._hex(16),
            "name": service,
            "start_time": start,
            "end_time": start + random.random(),
            "origin": "AWS::Lambda::Function",
            "http": {
                "request": {"method": "GET", "url": "https://shop.example.com/orders"},
                "response": {"status": 200},
            },
            "annotations": {"tenant_id": f"customer-{random.randrange(200):03d}"},
            "subsegments": calls,
        }
        yield json.dumps(segment)

    def _otlp(self, service: str) -> Iterator[str]:
        random, start, trace = self._random, self._now() * 1_000_000, self._hex(32)

        def attribute(key: str, value: str) -> dict[str, object]:
            return {"key": key, "value": {"stringValue": value}}

        spans = [
            {
                "traceId": trace,
                "spanId": self._hex(16),
                "name": "GET /orders/{id}",
                "kind": 2,
                "startTimeUnixNano": str(start),
                "endTimeUnixNano": str(start + random.randrange(10**9)),
                "attributes": [
                    attribute("http.request.method", "GET"),
                    attribute("http.route", "/orders/{id}"),
                    attribute("tenant.id", f"customer-{random.randrange(200):03d}"),
                ],
                "status": {"code": 1},
            }
            for _ in range(10)
        ]
        resource = {"attributes": [attribute("service.name", service), attribute("cloud.provider", "aws")]}
        yield json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})

    def _step_functions(self, service: str) -> Iterator[str]:
        machine = f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:{service}:{self._hex(32)}"
        steps = [("ExecutionStarted", {"input": '{"order": 4711}'})]
        for name in _STATES:
            steps += [("TaskStateEntered", {"name": name}), ("TaskStateExited", {"name": name, "output": "{}"})]
        steps.append(("ExecutionSucceeded", {"output": "{}"}))
        for number, (kind, details) in enumerate(steps, 1):
            yield json.dumps(
                {
                    "id": str(number),
                    "type": kind,
                    "details": details,
                    "previous_event_id": str(number - 1),
                    "event_timestamp": str(self._now() + number),
                    "execution_arn": machine,
                }
            )

    def _insights(self, service: str) -> Iterator[str]:
        random = self._random
        yield json.dumps(
            {
                "Type": "Pod",
                "Version": "0",
                "Timestamp": str(self._now()),
                "ClusterName": "shop",
                "Namespace": "default",
                "PodName": service,
                "NodeName": f"ip-10-0-1-{random.randrange(20)}.eu-west-1.compute.internal",
                **{f"pod_cpu_{name}": random.random() * 100 for name in ("usage_total", "limit", "utilization")},
                **{f"pod_memory_{name}": random.randrange(10**9) for name in ("working_set", "rss", "cache")},
                "CloudWatchMetrics": [
                    {
                        "Namespace": "ContainerInsights",
                        "Dimensions": [["PodName", "Namespace", "ClusterName"]],
                        "Metrics": [{"Name": "pod_cpu_utilization", "Unit": "Percent"}],
                    }
                ],
            }
        )

    def _metric_stream(self, service: str) -> Iterator[str]:
        random = self._random
        low = random.random()
        yield json.dumps(
            {
                "metric_stream_name": "all",
                "account_id": ACCOUNT,
                "region": "eu-west-1",
                "namespace": "AWS/Lambda",
                "metric_name": "Duration",
                "dimensions": {"FunctionName": service},
                "timestamp": self._now(),
                "value": {"max": low + 9, "min": low, "sum": low + 90, "count": 10.0},
                "unit": "Milliseconds",
            }
        )

    def _flow(self, _: str) -> Iterator[str]:
        random = self._random
        begin = self._now() // 1000
        yield (
            f"2 {ACCOUNT} eni-{self._hex(17)} 10.0.{random.randrange(9)}.{random.randrange(256)} "
            f"198.51.100.{random.randrange(256)} {random.randrange(1024, 65536)} 443 6 {random.randrange(90)} "
            f"{random.randrange(10**5)} {begin} {begin + 59} ACCEPT OK"
        )

    def _alb(self, service: str) -> Iterator[str]:
        random = self._random
        client = f"203.0.113.{random.randrange(256)}:{random.randrange(1024, 65536)}"
        request = f"GET https://shop.example.com:443/orders/{random.randrange(10**6)} HTTP/1.1"
        group = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:targetgroup/{service}/{self._hex(16)}"
        yield (
            f"https {self._stamp()} app/{service}/{self._hex(16)} {client} 10.0.1.{random.randrange(256)}:8080 0.001 "
            f"0.{random.randrange(1000):03d} 0.000 200 200 {random.randrange(900)} {random.randrange(9000)} "
            f'"{request}" "{_AGENT}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 {group} '
            f'"Root=1-{self._hex(8)}-{self._hex(24)}" "shop.example.com" "-" 0 {self._stamp()} "forward" "-" "-" '
            f'"10.0.1.7:8080" "200" "-" "-" TID_{self._hex(32)}'
        )

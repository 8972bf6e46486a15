"""What is understood: each source with the tables that it fills. docs/sources.md is generated from this."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """An input format: its ``name`` in the column ``source``, what it is, how it is recognised, and its tables."""

    name: str
    reads: str
    recognised: str
    tables: tuple[str, ...]


SOURCES = (
    Source(
        "lambda_platform",
        "Lambda's START, END and REPORT, as text or as JSON `platform.*` records; records of init, restore, "
        "extensions, dropped logs and faults",
        "its wording; `type` and `record`",
        ("invocations", "logs"),
    ),
    Source(
        "text_log",
        "any line that is not JSON: Lambda's Python, Node.js and .NET prefixes, log4j, logback, Python, Ruby, slog, "
        "zap, klog, Rust's tracing; stack traces over several events",
        "nothing else fits",
        ("logs",),
    ),
    Source(
        "json_log",
        "JSON log lines: Powertools, Lambda's JSON format, and any other; also cut off, behind the prefix of Node.js, "
        "or as Python prints it",
        "a JSON object that is nothing else",
        ("logs",),
    ),
    Source(
        "emf",
        "Embedded Metric Format; performance events of Container Insights (EKS, ECS) and Lambda Insights; the "
        "CloudWatch agent's Prometheus metrics",
        "`_aws`, `CloudWatchMetrics`, `prom_metric_type`; `ClusterName` with `Type` and `Version`",
        ("metrics", "logs"),
    ),
    Source(
        "metric_stream",
        "CloudWatch metric streams in JSON, a row for each statistic",
        "`metric_stream_name`",
        ("metrics", "logs"),
    ),
    Source(
        "access_log",
        "access logs of API Gateway: JSON, CLF, CSV, XML, or fields in a form of your own",
        "a status, and a variable that only such logs have, e.g. `routeKey`; else the shape of the fields",
        ("requests",),
    ),
    Source(
        "application",
        "application events: use of a feature, a changed setting, a webhook",
        "`event_type`",
        ("usage_events", "tenant_settings", "requests"),
    ),
    Source(
        "cloudformation",
        "status changes of stacks and of their resources, as EventBridge brings them",
        "`detail-type` and `source` of CloudFormation",
        ("deployments",),
    ),
    Source(
        "cloudtrail",
        "calls that change functions, versions, aliases, layers, event sources and APIs, as EventBridge brings them, "
        "in log files and in log groups; other records are JSON log lines",
        "`eventSource` and `eventName`",
        ("deployments",),
    ),
    Source(
        "configuration_snapshot",
        "differences between two days' configurations of all functions",
        "`event_type` and `function`",
        ("deployments",),
    ),
    Source("deployed", "what `tracelake deployed` says of a pipeline", "`event_type` and `commit`", ("deployments",)),
    Source(
        "aws_spans",
        "spans of CloudWatch's Transaction Search",
        "the log group `aws/spans`; or `traceId`, `spanId` and `startTimeUnixNano`",
        ("spans",),
    ),
    Source(
        "otlp",
        "OTLP/JSON documents of traces and of logs, ids in hex or base64",
        "`resourceSpans`, `resourceLogs`",
        ("spans", "logs"),
    ),
    Source("otel_sdk", "spans as OpenTelemetry's SDK for Python prints them", "`context` with `span_id`", ("spans",)),
    Source(
        "xray",
        "X-Ray segments and subsegments, with the daemon's header line or without; whole traces from BatchGetTraces; "
        "what is given to PutTraceSegments",
        "`id`, `name`, `start_time`; `Traces`, `Segments`, `TraceSegmentDocuments`",
        ("spans",),
    ),
    Source(
        "step_functions",
        "executions and states in execution logs and in what GetExecutionHistory answers",
        "`execution_arn` and `event_timestamp`; `events` with `id`, `type` and `timestamp`",
        ("spans",),
    ),
    *(
        Source(f"{name}_log", reads, recognised, ("requests",))
        for name, reads, recognised in (
            ("alb", "access logs of Application Load Balancers", "the shape of its fields"),
            ("nlb", "access logs of Network Load Balancers (TLS)", "the shape of its fields"),
            ("clb", "access logs of Classic Load Balancers", "the shape of its fields"),
            ("s3", "server access logs of S3", "the shape of its fields"),
            ("cloudfront", "standard logs of CloudFront", "its header `#Fields:`"),
        )
    ),
    Source(
        "own_format",
        "lines of your own formats",
        "[`formats`](rules.md) of the rules, by log group or bucket",
        ("logs", "requests"),
    ),
    Source(
        "vpc_flow_log",
        "VPC flow logs: version 2, and custom formats",
        "the shape of version 2's fields; else a header line",
        ("logs",),
    ),
)

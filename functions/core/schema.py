"""Every lake table, once.

The Arrow schema of a file, the Glue columns of a table, the data dictionary in docs/ and the checks of sql/ are all
derived from ``TABLES``. Types are named as Athena names them (https://docs.aws.amazon.com/athena/latest/ug/data-types.html);
times are UTC, durations milliseconds, ids lower-case hex. Column names follow OpenTelemetry's semantic conventions in
snake_case where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import pyarrow as pa

HOUR_MS = 3_600_000
HOUR_FORMAT = "%Y-%m-%d-%H"

JSON = "json"
"""A text that is JSON; ``json_extract_scalar(column, '$["name"]')`` reads a member of it."""

_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    JSON: pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms"),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
    "map<int,bigint>": pa.map_(pa.int32(), pa.int64()),
    "array<struct<trace_id:string,span_id:string>>": pa.list_(
        pa.struct([("trace_id", pa.string()), ("span_id", pa.string())])
    ),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: Athena type, what it means, and whether few distinct values are expected (dictionary encoding).

    ``repeated`` values are long besides: they are held once in memory too.
    """

    name: str
    type: str
    doc: str
    few_values: bool = False
    repeated: bool = False

    @property
    def athena_type(self) -> str:
        return "string" if self.type == JSON else self.type

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.dictionary(pa.int32(), _ARROW_TYPES[self.type]) if self.repeated else _ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One lake table.

    ``derived_from`` names the table whose settled rows an aggregate is recomputed from when an hour is published;
    ``version`` names the column whose highest value wins where one key has several rows. An ``assembled`` table is made
    of the settled rows of several others.
    """

    name: str
    doc: str
    own_columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    derived_from: str | None = None
    version: str | None = None
    assembled: bool = False

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return COMMON_COLUMNS + self.own_columns

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([(c.name, c.arrow_type) for c in self.columns])

    @cached_property
    def dictionary_columns(self) -> list[str]:
        return [c.name for c in self.columns if c.few_values]

    @property
    def of_events(self) -> bool:
        """Whether its rows are of events, each of one, and not made of rows of other tables."""
        return self.derived_from is None and not self.assembled

    @property
    def key(self) -> tuple[str, str]:
        return ("event_id", "row_no")


def _few(name: str, doc: str, type_: str = "string") -> Column:
    return Column(name, type_, doc, few_values=True)


COMMON_COLUMNS: tuple[Column, ...] = (
    Column("time", "timestamp", "The event's own time; `hour` is the hour of it."),
    Column("event_id", "string", "Names the event that gave the row; the same however often it is delivered."),
    Column("row_no", "int", "Number of the row among those of its event, from 0."),
    _few("account", "AWS account that produced the event."),
    _few("region", "AWS region that produced the event."),
    _few("source", "The input format that was recognised, e.g. `lambda_platform`."),
    Column("event_time", "timestamp", "Set only where the event's own time was absurd and `time` is its arrival."),
)

_TRACE_ID = Column("trace_id", "string", "W3C trace id, 32 hex digits; X-Ray ids are converted.")
_REQUEST_ID = Column("request_id", "string", "AWS request id.")
_TENANT = _few("tenant", "The customer, by the rules and the tenant keys of the settings.")
_USER = Column("user_id", "string", "Keyed hash of the user, whose key changes every month.")
_FEATURE = _few("feature", "The feature: as the line names it, or by the rules of the route.")
_VERSION = _few("service_version", "Version of the service that wrote it (OpenTelemetry's `service.version`).")
_SERVICE = _few("service", "The service; for a Lambda function without a better name, the function.")
_LOG_GROUP = _few("log_group", "Log group.")
_LOG_STREAM = _few("log_stream", "Log stream.")
_LINE = Column(
    "line",
    JSON,
    "The whole line as it was written, where it was JSON. `_truncated` marks one that was cut off, and holds what "
    "could not be read; `rejected_metrics` names metrics whose value is no number.",
)
_LATENCY_HISTOGRAM = Column(
    "latency_histogram", "map<int,bigint>", "Log-spaced buckets (1 % relative error): bucket number -> count."
)

_ALL_TABLES: tuple[Table, ...] = (
    Table(
        "spans",
        "One span of any source.",
        (
            _TRACE_ID,
            Column("span_id", "string", "16 hex digits."),
            Column("parent_span_id", "string", "Span that caused this one; empty for a root."),
            Column("links", "array<struct<trace_id:string,span_id:string>>", "Spans of other traces that led here."),
            _few("name", "Operation."),
            _few("kind", "server, client, producer, consumer or internal."),
            _SERVICE,
            _few("resource_type", "CloudFormation-like type of what ran, e.g. `AWS::Lambda::Function`."),
            _few("resource", "Name of what ran, e.g. the function."),
            Column("start_time", "timestamp", "Start."),
            Column("end_time", "timestamp", "End."),
            Column("duration_ms", "double", "End minus start, to the microsecond."),
            _few("status", "ok, error (caller's fault), fault (own), throttle or in_progress."),
            _TENANT,
            _USER,
            _FEATURE,
            _VERSION,
            _REQUEST_ID,
            _few("http_method", "HTTP method."),
            _few("http_route", "Route template: the span's own, else for what a server was asked that of the path."),
            _few("http_status", "HTTP status code.", "int"),
            _few("remote_service", "What a client or producer span calls."),
            _few("remote_operation", "The operation it calls there."),
            _few("error_type", "Exception or error class."),
            Column("error_message", "string", "Error message."),
            Column("span_attributes", JSON, "All attributes of the span; its events as `events`."),
            Column(
                "resource_attributes",
                JSON,
                "All attributes of the process that ran it and of the library that wrote it.",
                few_values=True,
                repeated=True,
            ),
        ),
        sort_by=("trace_id", "start_time"),
    ),
    Table(
        "invocations",
        "One Lambda invocation, from its REPORT. A START whose REPORT has not come has no `status`.",
        (
            _REQUEST_ID,
            _few("function_name", "Function."),
            _few("function_version", "Version, known where START came too."),
            _LOG_GROUP,
            _LOG_STREAM,
            _TRACE_ID,
            Column("start_time", "timestamp", "Time of START, known where it came too."),
            Column("duration_ms", "double", "Duration."),
            Column("billed_duration_ms", "double", "Billed duration."),
            Column("init_duration_ms", "double", "Init phase of a cold start."),
            Column("restore_duration_ms", "double", "SnapStart restore."),
            _few("memory_size_mb", "Memory configured.", "int"),
            _few("max_memory_used_mb", "Memory used at most.", "int"),
            _few("cold_start", "True where it waited for an init or a restore, none done ahead.", "boolean"),
            _few("status", "success, error, timeout or out_of_memory; null while unfinished."),
            _few("error_type", "Lambda's error type, e.g. Runtime.ExitError."),
            Column("cost_usd", "double", "Compute and request at list price."),
        ),
        sort_by=("function_name", "time"),
    ),
    Table(
        "logs",
        "One log line.",
        (
            _LOG_GROUP,
            _LOG_STREAM,
            _few("level", "TRACE, DEBUG, INFO, WARN, ERROR or FATAL."),
            Column(
                "message",
                "string",
                "The message; for a line that is not JSON, the line, and the stack trace that follows it.",
            ),
            _SERVICE,
            _REQUEST_ID,
            _TRACE_ID,
            Column("span_id", "string", "Span the line was written in."),
            _TENANT,
            _USER,
            _VERSION,
            _few("error_type", "Exception class."),
            _few("fingerprint", "Groups errors of the same cause."),
            _LINE,
        ),
        sort_by=("log_group", "time"),
    ),
    Table(
        "requests",
        "One HTTP request, from an access log or a webhook.",
        (
            _SERVICE,
            _few("method", "HTTP method."),
            _few("route", "Route template, e.g. `GET /orders/{id}`."),
            Column("path", "string", "Path without query."),
            _few("status", "HTTP status code.", "int"),
            Column("latency_ms", "double", "Latency as the client sees it."),
            Column("request_bytes", "bigint", "Size of the request."),
            Column("response_bytes", "bigint", "Size of the response."),
            _TENANT,
            _USER,
            _FEATURE,
            _few("user_agent", "User agent."),
            Column("client_ip_hash", "string", "Keyed hash of the client's address."),
            _REQUEST_ID,
            _TRACE_ID,
            _few("error_message", "The gateway's own error."),
            _LINE,
        ),
        sort_by=("tenant", "time"),
    ),
    Table(
        "metrics",
        "One metric value.",
        (
            _few("namespace", "Namespace."),
            _few("name", "Metric name."),
            Column("value", "double", "Value."),
            _few("unit", "Unit."),
            _SERVICE,
            Column(
                "labels", "map<string,string>", "Dimensions; `statistic` where the value is one of a statistic set."
            ),
        ),
        sort_by=("namespace", "name", "time"),
    ),
    Table(
        "usage_events",
        "One usage event of the application.",
        (
            _few("feature", "What was used."),
            _TENANT,
            _USER,
            Column("quantity", "double", "How much; 1 where not given."),
            _TRACE_ID,
            Column("properties", "map<string,string>", "All other properties."),
        ),
        sort_by=("feature", "time"),
    ),
    Table(
        "tenant_settings",
        "One changed setting of one customer.",
        (
            _TENANT,
            _few("setting", "Setting."),
            Column("old_value", "string", "Value before."),
            Column("new_value", "string", "Value after."),
            _TRACE_ID,
        ),
        sort_by=("setting", "time"),
    ),
    Table(
        "deployments",
        "One change of a function, stack, API or setting, as one source tells of it. `what_was_deployed` puts together "
        "what several sources tell of the same change.",
        (
            _few(
                "kind",
                "stack, resource, function, function_code, function_config, version, alias, layer, event_source, api "
                "or commit.",
            ),
            _few("action", "created, updated, deleted, imported or rolled_back; deployed, of a commit."),
            _few("status", "in_progress, succeeded or failed."),
            _SERVICE,
            _few("service_version", "Version of the service or function."),
            _few("resource_type", "CloudFormation type of what changed, e.g. `AWS::Lambda::Function`."),
            _few("resource", "Name of what changed."),
            _few("stack", "CloudFormation stack it belongs to."),
            _few("deployment_id", "The same for all events that a source has of one deployment."),
            _few("commit_sha", "Commit that was deployed."),
            Column("changes", JSON, "What changed: name -> `old` and `new`, as far as the source knows them."),
            Column("message", "string", "Why it is in this status, e.g. the reason of a failure."),
            _few("actor", "Who: a role or service by name, a person as keyed hash (`user/~...`)."),
            Column("run_url", "string", "The run of the pipeline that deployed."),
            Column("line", JSON, "The whole event, without values of environment variables and without the person."),
        ),
        sort_by=("service", "time"),
    ),
    Table(
        "transactions",
        "One end-to-end request with all that it caused, over queues too: put together from spans, invocations and "
        "requests when the hour it began in is settled, and once more when the next hour is.",
        (
            Column("trace_id", "string", "Trace that it began with; `tracelake trace` shows it step by step."),
            _few("service", "Service that took the request."),
            _few("name", "What was asked for: the route, or the operation of the first step."),
            _few("status", "ok, or failed: the caller got an error, or a part failed for which nobody waited."),
            Column("duration_ms", "double", "From the beginning to the end of all that it caused."),
            Column("answered_ms", "double", "Until the first step ended: what the caller waited for."),
            Column("waited_ms", "double", "Of the critical path, what messages waited until they were taken up."),
            Column("steps", "int", "Spans, invocations without spans and requests of gateways."),
            Column("invocations", "int", "Invocations of functions."),
            Column("cold_starts", "int", "Of them with a cold start."),
            Column("services", "string", "Who took part, in order, separated by commas."),
            _TENANT,
            Column(
                "cost_usd",
                "double",
                "At least: invocations, one billed unit of each call, and API Gateway's requests, at list price.",
            ),
            _few("cause", "Who made it fail, or took a quarter or more of the time; null where nobody stands out."),
            Column("cause_reason", "string", "Why that is so, in words."),
            Column("time_spent", JSON, "The critical path by `who` and `what` they did, in `ms`, the longest first."),
            _few("complete", "False where spans name parents that are not there, or parts are not joined.", "boolean"),
            Column("version", "bigint", "When it was put together, in ms since 1970."),
        ),
        sort_by=("service", "name", "time"),
        version="version",
        assembled=True,
    ),
    Table(
        "traffic",
        "Requests by minute, customer and route: partial sums while hot, one row a group once settled; sums merge.",
        (
            _TENANT,
            _SERVICE,
            _few("route", "Route template."),
            Column("requests", "bigint", "Requests."),
            Column("errors", "bigint", "Of them answered with 5xx."),
            Column("client_errors", "bigint", "Of them answered with 4xx."),
            Column("request_bytes", "bigint", "Bytes in."),
            Column("response_bytes", "bigint", "Bytes out."),
            Column("latency_sum_ms", "double", "Sum of latencies."),
            _LATENCY_HISTOGRAM,
        ),
        sort_by=("tenant", "time"),
        derived_from="requests",
    ),
    Table(
        "service_calls",
        "Calls by minute, caller and callee: partial sums while hot, one row a group once settled; sums merge.",
        (
            _few("caller", "Calling service."),
            _few("callee", "Called service."),
            _few("operation", "Operation."),
            Column("calls", "bigint", "Calls."),
            Column("ok", "bigint", "Of them without error."),
            Column("error", "bigint", "Of them failed by the caller's fault."),
            Column("fault", "bigint", "Of them failed by the callee's fault."),
            Column("throttle", "bigint", "Of them throttled."),
            Column("latency_sum_ms", "double", "Sum of latencies."),
            _LATENCY_HISTOGRAM,
            Column("cost_usd", "double", "Cost of the calls where it is known."),
        ),
        sort_by=("caller", "time"),
        derived_from="spans",
    ),
    Table(
        "error_groups",
        "Errors of log lines by minute, fingerprint, service and customer: partial sums while hot, one row a group "
        "once settled; sums merge.",
        (
            _few("fingerprint", "Groups errors of the same cause."),
            _SERVICE,
            _TENANT,
            Column("occurrences", "bigint", "Log lines."),
            _few("error_type", "Exception class, or the level where no class is known."),
            Column("example", "string", "Message of one of them, its beginning."),
        ),
        sort_by=("fingerprint", "time"),
        derived_from="logs",
    ),
    Table(
        "ingest_ledger",
        "One commit: what came in, and what became of it.",
        (
            Column("commit_id", "string", "Names the commit and its files."),
            _few("writer", "Function that committed."),
            _few("stream", "Stream the events came from."),
            _few("shard", "Shard of it."),
            Column("first_position", "string", "First sequence number."),
            Column("last_position", "string", "Last sequence number."),
            Column("records", "bigint", "Stream records taken."),
            Column("duplicates", "bigint", "Stream records dropped because they were committed before."),
            Column("events", "bigint", "Events in them: stored + folded + rejected + sampled."),
            Column("stored", "bigint", "Events with rows."),
            Column("folded", "bigint", "Platform lines whose content is part of an invocation."),
            Column("rejected", "bigint", "Events in the dead-letter bucket."),
            Column("sampled", "bigint", "Events left out by an opted-in budget."),
            Column("rows", "map<string,bigint>", "Rows by table."),
            Column("redacted", "bigint", "Values in which a secret or an identity was replaced."),
            Column("files", "bigint", "Files written."),
            Column("raw_bytes", "bigint", "Decompressed bytes in."),
            Column("stored_bytes", "bigint", "Parquet bytes out."),
            Column("lag_ms", "double", "From the last record's arrival to the commit."),
            Column("bytes_by_log_group", "map<string,bigint>", "Raw bytes of the 50 loudest log groups."),
            Column(
                "quiet_bytes_by_log_group",
                "map<string,bigint>",
                "Where there is a budget: bytes of lines of level TRACE, DEBUG or INFO of the 50 log groups with most, "
                "also of those left out.",
            ),
            Column(
                "sampled_by_log_group",
                "map<string,bigint>",
                "Lines left out: with the rows of the log group and these levels that are there, what was written.",
            ),
        ),
        sort_by=("time",),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL_TABLES}


@dataclass(frozen=True, slots=True)
class ListTable:
    """A list that is replaced as a whole: one file in a folder of its own, without hours and without events."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def folder(self) -> str:
        return f"lists/{self.name}/"

    @property
    def file(self) -> str:
        return f"{self.folder}{self.name}.parquet"

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([(c.name, c.arrow_type) for c in self.columns])


TENANTS = ListTable(
    "tenants",
    "One customer, as the list says that `tracelake customers put` or the setting `tenants_table` brought. It has no "
    "`hour`; join it with LEFT JOIN, since a customer may not be on it.",
    (
        Column("tenant", "string", "The id, as it stands in `tenant` of the other tables; each once."),
        Column("name", "string", "Name."),
        Column("plan", "string", "Plan; empty where the list names none."),
        Column("monthly_price_usd", "double", "Price of a month in dollars; empty where the list has none."),
    ),
)

LISTS: dict[str, ListTable] = {TENANTS.name: TENANTS}


def hour_of(time_ms: int) -> str:
    """Partition of a time in milliseconds since 1970, e.g. ``2026-11-20-09``."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime(HOUR_FORMAT)


def hour_start_ms(hour: str) -> int:
    """First millisecond of a partition; ``ValueError`` where the name is no hour."""
    return int(datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC).timestamp()) * 1000

"""tracelake from its first deployment to its end: what the tests of the lifecycle do, and how they look around."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from on_the_emulator import wait_for

from stacks import NODE

# CDK asks for them when it is imported; test_checks.py runs its validation once, in a process of its own
os.environ["JSII_NODE"] = NODE
os.environ["CDK_VALIDATION"] = "false"

import pyarrow as pa
import pyarrow.parquet as pq
from aws_cdk import App, CustomResource

from functions.aws import athena
from functions.aws.lake import hot_prefix
from functions.core.schema import COMMON_COLUMNS, TABLES, hour_of
from local.run import REGION, ROOT, Emulator, point_to
from stacks import bundling
from stacks.application import build, context_of_cdk_json
from stacks.names import Names
from stacks.settings import Settings

GROUP = "/aws/lambda/shop"
OTHER_REGION = "eu-central-1"
OLD_FILES = ROOT / "tests" / "upgrade" / "files"


class Life:
    """One account on the emulator, and what is deployed in it from time to time."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.folder = emulator, folder
        self.layer = folder / "layer"
        point_to(bundling.build_layer(bundling.host_platform(), bundling.host_python()), self.layer)
        self._count = 0
        logs = emulator.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="stream")

    def synthesise(self, *, broken: bool = False, **settings: Any) -> Path:
        """The assembly of a stage, with the layer of this machine; a broken one fails in the middle of ingest."""
        self._count += 1
        folder = self.folder / f"assembly-{self._count}"
        app = App(outdir=str(folder), context=context_of_cdk_json())
        build_layer, bundling.build_layer = bundling.build_layer, lambda: self.layer
        try:
            stacks = build(app, Settings(**settings))
        finally:
            bundling.build_layer = build_layer
        if broken:
            ingest = stacks[1]
            others = list(ingest.node.children)
            nobody = ingest.format_arn(service="lambda", resource="function", resource_name="of-nobody")
            CustomResource(ingest, "Broken", service_token=nobody).node.add_dependency(*others)
        app.synth()
        return folder

    @staticmethod
    def types(assembly: Path) -> set[str]:
        """Resource types of all templates."""
        templates = [json.loads(file.read_text()) for file in assembly.glob("*.template.json")]
        return {resource["Type"] for template in templates for resource in template["Resources"].values()}

    def command(self, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """The command `tracelake`, with something typed."""
        program = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())", *arguments]
        environment = {**os.environ, **self.emulator.environment}
        return subprocess.run(
            program, cwd=ROOT, env=environment, input=f"{answer}\n", capture_output=True, text=True, check=False
        )

    def statuses(self, stage: str = "main", region: str = REGION) -> dict[str, str]:
        """Status of each stack of a stage that is there."""
        found = self.emulator.client("cloudformation", region).describe_stacks()["Stacks"]
        prefix = f"{Names(stage).prefix}-"
        return {
            each["StackName"].removeprefix(prefix): each["StackStatus"]
            for each in found
            if each["StackName"].startswith(prefix)
        }

    def resources(self, stack: str, region: str = REGION) -> dict[str, str]:
        """Physical ids of a stack's resources by their logical ids."""
        client = self.emulator.client("cloudformation", region)
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def environment(self, function: str, stage: str = "main", region: str = REGION) -> dict[str, str]:
        """Variables of a function."""
        client = self.emulator.client("lambda", region)
        found = client.get_function_configuration(FunctionName=Names(stage).function(function))
        variables: dict[str, str] = found["Environment"]["Variables"]
        return variables

    def filters(self) -> set[str]:
        """Names of the filters of the log group that all stages read."""
        found = self.emulator.client("logs").describe_subscription_filters(logGroupName=GROUP)
        return {each["filterName"] for each in found["subscriptionFilters"]}

    def log(self, message: str, *stages: str) -> None:
        """Write a line, and wait until it is a row of these stages."""
        line = {"timestamp": int(time.time() * 1000), "message": message}
        self.emulator.client("logs").put_log_events(logGroupName=GROUP, logStreamName="stream", logEvents=[line])
        for stage in stages:
            wait_for(lambda: message in self.messages(stage))  # noqa: B023

    def add_old_files(self, stage: str) -> None:
        """Put files among the hot ones of this hour that know only the common columns and the first of their own."""
        parameter = self.emulator.client("ssm").get_parameter(Name=Names(stage).parameter("lake-bucket"))
        bucket = parameter["Parameter"]["Value"]
        for name, table in TABLES.items():
            old = pq.read_table(next(OLD_FILES.glob(f"*/{name}.parquet")), partitioning=None)
            sink = pa.BufferOutputStream()
            pq.write_table(old.select(table.arrow_schema.names[: len(COMMON_COLUMNS) + 1]), sink)
            key = f"{hot_prefix(name, hour_of(int(time.time() * 1000)))}old.parquet"
            self.emulator.client("s3").put_object(Bucket=bucket, Key=key, Body=sink.getvalue().to_pybytes())

    def counts(self, stage: str) -> dict[str, tuple[int, int]]:
        """Rows of each table, and those of them with a value in the last column."""
        found = {}
        for name, table in TABLES.items():
            last = table.columns[-1].name
            sql = f"SELECT count(*) AS n, count(\"{last}\") AS known FROM {name} WHERE hour > '2026'"
            (row,) = self.ask(stage, sql)
            found[name] = (row["n"], row["known"])
        return found

    def messages(self, stage: str) -> list[str]:
        """All log lines in the lake of a stage."""
        return sorted(str(row["message"]) for row in self.ask(stage, "SELECT message FROM logs WHERE hour > '2026'"))

    def ask(self, stage: str, sql: str) -> list[dict[str, Any]]:
        """Rows that Athena answers with."""
        names = Names(stage)
        client = self.emulator.client("athena")
        where = {"database": names.database, "workgroup": names.workgroup}
        return athena.run(client, sql, [], timeout_seconds=60, **where).rows

    def tagged(self, stage: str, region: str = REGION) -> set[str]:
        """ARNs of everything that carries the stage's tag."""
        client = self.emulator.client("resourcegroupstaggingapi", region)
        pages = client.get_paginator("get_resources").paginate(TagFilters=[{"Key": "tracelake", "Values": [stage]}])
        return {each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]}

    def named(self, stage: str, region: str = REGION) -> dict[str, set[str]]:
        """Names of everything that is called after the stage, by what it is."""
        marks = (f"tracelake-{stage}", f"tracelake_{stage}", f"/tracelake/{stage}/")

        def client(service: str) -> Any:
            return self.emulator.client(service, region)

        return {
            kind: {name for name in names(client) if any(mark in name for mark in marks)}
            for kind, names in NAMES_OF.items()
        }


def _pages(service: str, operation: str, *path: str) -> Callable[[Callable[[str], Any]], Iterator[str]]:
    """Reads the names at ``path`` of all pages of a listing."""

    def names(client: Callable[[str], Any]) -> Iterator[str]:
        made = client(service)
        can_page = made.can_paginate(operation)
        pages = made.get_paginator(operation).paginate() if can_page else [getattr(made, operation)()]
        for page in pages:
            for entry in page.get(path[0], []):
                yield entry if len(path) == 1 else entry[path[1]]

    return names


def _tables(client: Callable[[str], Any]) -> Iterator[str]:
    for database in client("glue").get_databases()["DatabaseList"]:
        for table in client("glue").get_tables(DatabaseName=database["Name"])["TableList"]:
            yield f"{database['Name']}.{table['Name']}"


def _buckets(client: Callable[[str], Any]) -> Iterator[str]:
    """A listing has the buckets of all regions."""
    s3 = client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        if (s3.get_bucket_location(Bucket=bucket["Name"]).get("LocationConstraint") or REGION) == s3.meta.region_name:
            yield bucket["Name"]


def _filters(client: Callable[[str], Any]) -> Iterator[str]:
    for group in client("logs").describe_log_groups()["logGroups"]:
        found = client("logs").describe_subscription_filters(logGroupName=group["logGroupName"])
        yield from (each["filterName"] for each in found["subscriptionFilters"])


NAMES_OF: dict[str, Callable[[Callable[[str], Any]], Iterator[str]]] = {
    "alarm": _pages("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "bucket": _buckets,
    "dashboard": _pages("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    "database": _pages("glue", "get_databases", "DatabaseList", "Name"),
    "event source": _pages("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
    "function": _pages("lambda", "list_functions", "Functions", "FunctionName"),
    "Glue table": _tables,
    "layer": _pages("lambda", "list_layers", "Layers", "LayerName"),
    "log group": _pages("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "parameter": _pages("ssm", "describe_parameters", "Parameters", "Name"),
    "role": _pages("iam", "list_roles", "Roles", "RoleName"),
    "rule": _pages("events", "list_rules", "Rules", "Name"),
    "state table": _pages("dynamodb", "list_tables", "TableNames"),
    "stream": _pages("kinesis", "list_streams", "StreamNames"),
    "subscription filter": _filters,
    "topic": _pages("sns", "list_topics", "Topics", "TopicArn"),
    "workgroup": _pages("athena", "list_work_groups", "WorkGroups", "Name"),
}

"""The way in: subscriptions, the stream, and the functions that make lake files of what comes."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.core.schema import TABLES
from stacks.budget import over_budget
from stacks.customers import build_read_customers
from stacks.data import publish_name
from stacks.deployments import build_deployments
from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.log_files import build_log_files
from stacks.names import POISON_PREFIX, Names
from stacks.permissions import allow, allow_own_metrics
from stacks.settings import Settings

STREAM_RETENTION = Duration.hours(24)
# what a poison record may hold up its shard for, so that half the stream's retention is left to work off the rest
MAX_RECORD_AGE = Duration.hours(12)
RETRIES = 5
BATCH_RECORDS = 10_000
BATCH_WINDOW = Duration.seconds(20)


class IngestStack(Stack):
    """Kinesis stream and the functions normalize, compact, create_partitions, record_poison, subscribe_log_groups; what
    tells of deployments; read_log_files and read_customers where there is something to read."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, names: Names, **kwargs: Any) -> None:
        super().__init__(scope, id, **kwargs)
        self._settings, self._names = settings, names
        self._lake = Lake(self, names)
        self._libraries = Libraries(self, "Libraries")
        self.stream = self._build_stream()
        self.normalize = self._build_normalize()
        self._build_event_source()
        self.compact = self._build_compact()
        self.record_poison = self._build_record_poison()
        self.create_partitions = self._build_create_partitions()
        if settings.log_buckets:
            build_log_files(self, lake=self._lake, libraries=self._libraries, names=names, settings=settings)
        # who names one log group wants nothing else of the account to be read
        if not settings.only:
            build_deployments(
                self,
                lake=self._lake,
                libraries=self._libraries,
                names=names,
                settings=settings,
                stream=self.stream,
            )
        if settings.tenants_table:
            build_read_customers(self, lake=self._lake, libraries=self._libraries, names=names, settings=settings)
            publish_name(self, names, "tenants-table", settings.tenants_table)
        publish_name(self, names, "stream", self.stream.stream_name)
        # everything until here has to be there before the first log group is subscribed, and to go after the last
        path = list(self.node.children)
        self._build_subscriptions(path)

    def _function(self, name: str, description: str, environment: dict[str, str], **kwargs: Any) -> Function:
        return Function(
            self,
            name.title().replace("_", ""),
            name=name,
            names=self._names,
            libraries=self._libraries,
            description=description,
            environment=environment,
            **kwargs,
        )

    def _build_stream(self) -> kinesis.Stream:
        on_demand = self._settings.kinesis_mode == "on-demand"
        return kinesis.Stream(
            self,
            "Stream",
            stream_name=self._names.stream,
            stream_mode=kinesis.StreamMode.ON_DEMAND if on_demand else kinesis.StreamMode.PROVISIONED,
            shard_count=None if on_demand else self._settings.shards,
            retention_period=STREAM_RETENTION,
            # the key of the service: its policy lets whoever may use the stream use the key, and it costs nothing
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _build_normalize(self) -> Function:
        function = self._function(
            "normalize",
            "Makes lake rows of everything in the stream, and commits them",
            {
                "STATE_TABLE": self._lake.state_table,
                "LAKE_BUCKET": self._lake.bucket,
                "DEAD_LETTER_BUCKET": self._lake.dead_letter_bucket,
                "STREAM_NAME": self._names.stream,
                "TENANT_KEYS": ",".join(self._settings.tenant_keys),
                "MAX_EVENT_AGE_DAYS": str(self._settings.max_event_age_days),
                **over_budget(self._settings),
            },
            # one whole processor; the time is that of a full batch many times over, and bounds how long a shard waits
            memory_mb=1769,
            timeout=Duration.minutes(5),
        )
        allow(
            function.role,
            [
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            [self.stream.stream_arn],
        )
        self._lake.let_commit(function.role)
        self._lake.let_read_rules(function.role)
        self._lake.let_write_dead_letters(function.role, "rejected/", POISON_PREFIX)
        self._lake.let_list_dead_letters(function.role)
        allow_own_metrics(function.role)
        return function

    def _build_event_source(self) -> None:
        source = lambda_.CfnEventSourceMapping(
            self,
            "EventSource",
            function_name=self.normalize.function.function_name,
            event_source_arn=self.stream.stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=BATCH_RECORDS,
            maximum_batching_window_in_seconds=BATCH_WINDOW.to_seconds(),
            # positions are committed in order, so a shard has one reader; scale by shards
            parallelization_factor=1,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=RETRIES,
            maximum_record_age_in_seconds=MAX_RECORD_AGE.to_seconds(),
            # of the possible destinations only a bucket keeps the records themselves
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(
                    destination=self._lake.dead_letter_bucket_arn
                )
            ),
        )
        source.node.add_dependency(self.normalize.role)

    def _build_compact(self) -> Function:
        function = self._function(
            "compact",
            "Publishes the hours that are over: every row once, sorted, in one folder",
            {
                "STATE_TABLE": self._lake.state_table,
                "LAKE_BUCKET": self._lake.bucket,
                "GLUE_DATABASE": self._names.database,
            },
            # the most that a new account allows; an hour of a table is sorted in memory
            memory_mb=3008,
            timeout=Duration.minutes(15),
        )
        self._lake.let_publish(function.role)
        function.every(Duration.minutes(5))
        return function

    def _build_record_poison(self) -> Function:
        function = self._function(
            "record_poison",
            "Enters batches that the event source gave up in the ledger",
            {
                "STATE_TABLE": self._lake.state_table,
                "LAKE_BUCKET": self._lake.bucket,
                "DEAD_LETTER_BUCKET": self._lake.dead_letter_bucket,
                "STREAM_NAME": self._names.stream,
            },
            memory_mb=1024,
            timeout=Duration.minutes(5),
        )
        self._lake.let_commit(function.role)
        self._lake.let_find_commits(function.role)
        self._lake.let_read_dead_letters(function.role, POISON_PREFIX)
        self._lake.let_write_dead_letters(function.role, "rejected/")
        events.Rule(
            self,
            "PoisonArrived",
            description="A batch that normalize could not process lies in the dead-letter bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._lake.dead_letter_bucket]},
                    "object": {"key": [{"prefix": POISON_PREFIX}]},
                },
            ),
            targets=[targets.LambdaFunction(function.function, retry_attempts=10)],
        )
        return function

    def _build_create_partitions(self) -> Function:
        function = self._function(
            "create_partitions",
            "Creates the partitions of the coming hours, so that rows are seen as soon as they are there",
            {"GLUE_DATABASE": self._names.database, "LAKE_BUCKET": self._lake.bucket},
            memory_mb=512,
            timeout=Duration.minutes(5),
        )
        self._lake.let_create_partitions(function.role)
        resource = CustomResource(
            self,
            "Partitions",
            resource_type="Custom::CreatePartitions",
            service_token=function.arn,
            properties={"Database": self._names.database, "Tables": sorted(TABLES)},
            service_timeout=Duration.minutes(6),
        )
        resource.node.add_dependency(function)
        function.every(Duration.hours(6))
        return function

    def _build_delivery_role(self) -> iam.Role:
        """What CloudWatch Logs takes to put into the stream, for log groups of this account and region alone."""
        role = iam.Role(
            self,
            "DeliveryRole",
            description="CloudWatch Logs puts into tracelake's stream",
            assumed_by=iam.ServicePrincipal(
                "logs.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "StringLike": {
                        "aws:SourceArn": self.format_arn(service="logs", resource="*"),
                    },
                },
            ),
        )
        allow(role, ["kinesis:PutRecord"], [self.stream.stream_arn])
        return role

    def _build_subscriptions(self, path: list[Any]) -> None:
        """The sweep that keeps the filters, and the resource that removes them all before anything else goes."""
        delivery_role = self._build_delivery_role()
        selection = {
            "INCLUDE": ",".join(self._settings.include),
            "EXCLUDE": ",".join(self._settings.exclude),
            "ONLY": self._settings.only,
            "EXCLUDE_NAMES": ",".join(self._settings.exclude_names),
            "INGEST_MODE": self._settings.ingest_mode,
            "OWN_LOG_GROUPS": ",".join(self._names.log_groups),
        }
        function = self._function(
            "subscribe_log_groups",
            "Keeps each selected log group subscribed",
            {
                "STREAM_ARN": self.stream.stream_arn,
                "SUBSCRIPTION_ROLE_ARN": delivery_role.role_arn,
                "LAKE_BUCKET": self._lake.bucket,
                **selection,
            },
            memory_mb=256,
            timeout=Duration.minutes(14),
        )
        self._let_subscribe(function.role, delivery_role)
        self._lake.let_write_summary(function.role, "subscriptions")
        resource = CustomResource(
            self,
            "Subscriptions",
            resource_type="Custom::SubscribeLogGroups",
            service_token=function.arn,
            # a changed selection has to change the resource, or CloudFormation would not call the function
            properties={
                "StreamArn": self.stream.stream_arn,
                **{key.title().replace("_", ""): value for key, value in selection.items()},
            },
            service_timeout=Duration.minutes(15),
        )
        resource.node.add_dependency(*path, delivery_role, function)
        # the schedule comes after the resource and goes before it: no sweep may bring back filters that were removed
        function.every(Duration.minutes(5)).node.add_dependency(resource)

    def _let_subscribe(self, role: iam.Role, delivery_role: iam.Role) -> None:
        every_group = self.format_arn(service="logs", resource="log-group:*")
        own_groups = self.format_arn(service="logs", resource="log-group:/tracelake/*")
        allow(
            role,
            ["logs:DescribeSubscriptionFilters", "logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter"],
            [every_group],
            why="It looks through all log groups of the account and subscribes those the settings select.",
        )
        # a second lock on the loop: whatever the selection says, tracelake's own groups cannot be subscribed
        role.add_to_policy(
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=["logs:PutSubscriptionFilter"], resources=[own_groups])
        )
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
        allow(role, ["logs:DescribeLogGroups"], ["*"], why="The list of all log groups is no resource.")
        # the account's policy has no resource of its own, and who changes it needs the permissions of filters as well:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
        actions = ["logs:DeleteAccountPolicy", "logs:DeleteSubscriptionFilter"]
        if self._settings.ingest_mode == "account":
            actions += ["logs:DescribeAccountPolicies", "logs:DescribeSubscriptionFilters"]
            actions += ["logs:PutAccountPolicy", "logs:PutSubscriptionFilter"]
        allow(role, actions, ["*"], why="The account's subscription policy is no resource that can be named.")
        allow(
            role,
            ["iam:PassRole"],
            [delivery_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "logs.amazonaws.com"}},
        )

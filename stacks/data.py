"""What is kept: the lake, the dead letters, the state of the commits, and the tables that Athena sees.

The stack is protected from deletion, and its buckets and state table outlive it. Their names are generated, so that a
new installation after a removal finds none taken; others read them from SSM parameters, not from exports.
"""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from functions.core import questions, views
from functions.core.schema import LISTS, TABLES, Column
from stacks.names import Names
from stacks.permissions import acknowledge
from stacks.settings import Settings

HOT_BACKSTOP_DAYS = 14
ATHENA_RESULTS_DAYS = 7
NONCURRENT_DAYS = 3
PARTITION_KEY = "hour"
# Athena skips partitions in the catalog, and before it reads, only where their key is a string:
# https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html
PARTITION_TYPE = "string"
# the longest that KMS allows: each of a key's first two rotations adds a dollar to every month after it
KEY_ROTATION = Duration.days(2560)
_GIGABYTE = 1024**3

_NO_ACCESS_LOGS = (
    "Access logs would need a third bucket that grows with every Athena query; who reads the lake is recorded by "
    "CloudTrail data events where an account wants it."
)


class DataStack(Stack):
    """Lake bucket, dead-letter bucket, state table, Glue database and Athena workgroup of one stage."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, names: Names, **kwargs: Any) -> None:
        super().__init__(scope, id, termination_protection=True, **kwargs)
        self._settings, self._names = settings, names
        self.lake = self._build_lake()
        self.dead_letter_key = self._build_dead_letter_key()
        self.dead_letters = self._build_dead_letters()
        self.state = self._build_state()
        database = self._build_tables()
        workgroup = self._build_workgroup()
        self._build_questions(database, workgroup)
        self._publish_names()

    def _build_lake(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Lake",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                # compact deletes what it has published; this is for orphans of retried batches
                s3.LifecycleRule(id="hot-backstop", prefix="hot/", expiration=Duration.days(HOT_BACKSTOP_DAYS)),
                s3.LifecycleRule(
                    id="settled-retention", prefix="settled/", expiration=Duration.days(self._settings.retention_days)
                ),
                s3.LifecycleRule(
                    id="summaries-retention",
                    prefix="summaries/",
                    expiration=Duration.days(self._settings.retention_days),
                ),
                s3.LifecycleRule(
                    id="athena-results", prefix="athena-results/", expiration=Duration.days(ATHENA_RESULTS_DAYS)
                ),
                s3.LifecycleRule(
                    id="deleted-by-mistake",
                    noncurrent_version_expiration=Duration.days(NONCURRENT_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                ),
                s3.LifecycleRule(id="delete-markers", expired_object_delete_marker=True),
            ],
        )
        acknowledge(bucket, "AwsSolutions-S1", _NO_ACCESS_LOGS)
        return bucket

    def _build_dead_letter_key(self) -> kms.Key:
        return kms.Key(
            self,
            "DeadLetterKey",
            description="Rejected events of tracelake, which are raw data",
            enable_key_rotation=True,
            rotation_period=KEY_ROTATION,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _build_dead_letters(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "DeadLetters",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.dead_letter_key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="short-life",
                    expiration=Duration.days(self._settings.dead_letter_days),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
        )
        # set on the resource itself: the construct's own switch brings a function that rewrites the bucket's settings
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        acknowledge(bucket, "AwsSolutions-S1", _NO_ACCESS_LOGS)
        return bucket

    def _build_state(self) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            "State",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _build_tables(self) -> glue.CfnDatabase:
        """The Glue database with the tables of core/schema, to which `create_partitions` adds hours, lists, views."""
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self._names.database, description="What tracelake knows about this account"
            ),
        )
        hour = glue.CfnTable.ColumnProperty(
            name=PARTITION_KEY, type=PARTITION_TYPE, comment="Hour of time, UTC: yyyy-MM-dd-HH."
        )
        for table in TABLES.values():
            found = self._build_table(table.name, table.doc, table.columns, f"hot/{table.name}/", [hour])
            found.add_resource_dependency(database)
        for each in LISTS.values():
            found = self._build_table(each.name, each.doc, each.columns, each.folder, [])
            found.add_resource_dependency(database)
        for view in views.load_all().values():
            self._build_view(view).add_resource_dependency(database)
        return database

    def _build_table(
        self,
        name: str,
        doc: str,
        columns: Sequence[Column],
        folder: str,
        partition_keys: list[glue.CfnTable.ColumnProperty],
    ) -> glue.CfnTable:
        parquet = "org.apache.hadoop.hive.ql.io.parquet"
        return glue.CfnTable(
            self,
            f"Table{name.title().replace('_', '')}",
            catalog_id=self.account,
            database_name=self._names.database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                description=doc,
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "parquet", "EXTERNAL": "TRUE"},
                partition_keys=partition_keys,
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column.name, type=column.athena_type, comment=column.doc)
                        for column in columns
                    ],
                    location=f"s3://{self.lake.bucket_name}/{folder}",
                    input_format=f"{parquet}.MapredParquetInputFormat",
                    output_format=f"{parquet}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{parquet}.serde.ParquetHiveSerDe",
                        parameters={"serialization.format": "1"},
                    ),
                ),
            ),
        )

    def _build_view(self, view: views.View) -> glue.CfnTable:
        """As Athena's CREATE VIEW leaves it in Glue, so that no query has to run when the stack is deployed.

        It has no description, which Trino takes for the comment that has to be "Presto View", and an owner, without
        whom Trino does not run a view; Athena's own tables have this one, and Athena asks for the caller's rights.
        """
        return glue.CfnTable(
            self,
            f"View{view.name.title().replace('_', '')}",
            catalog_id=self.account,
            database_name=self._names.database,
            table_input=glue.CfnTable.TableInputProperty(
                name=view.name,
                owner="hadoop",
                table_type="VIRTUAL_VIEW",
                parameters={"presto_view": "true", "comment": "Presto View"},
                partition_keys=[],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column.name, type=column.type, comment=column.doc)
                        for column in view.columns
                    ],
                    location="",
                    serde_info=glue.CfnTable.SerdeInfoProperty(),
                ),
                view_original_text=view.definition(self._names.database),
                view_expanded_text="/* Presto View */",
            ),
        )

    def _build_workgroup(self) -> athena.CfnWorkGroup:
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=self._names.workgroup,
            description="Queries over tracelake's lake; each may read only so much",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                bytes_scanned_cutoff_per_query=self._settings.scan_limit_gb * _GIGABYTE,
                publish_cloud_watch_metrics_enabled=True,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.lake.bucket_name}/athena-results/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )

    def _build_questions(self, database: glue.CfnDatabase, workgroup: athena.CfnWorkGroup) -> None:
        for path in sorted(Path(questions.FOLDER).glob("*.sql")):
            question = questions.load(path)
            query = athena.CfnNamedQuery(
                self,
                f"Question{question.name.title().replace('_', '')}",
                name=question.name,
                description=question.title,
                database=self._names.database,
                work_group=self._names.workgroup,
                query_string=question.console_sql(self._names.database),
            )
            query.add_resource_dependency(workgroup)
            query.add_resource_dependency(database)

    def _publish_names(self) -> None:
        values = {
            "lake-bucket": self.lake.bucket_name,
            "dead-letter-bucket": self.dead_letters.bucket_name,
            "dead-letter-key": self.dead_letter_key.key_arn,
            "state-table": self.state.table_name,
            "database": self._names.database,
            "workgroup": self._names.workgroup,
        }
        for name, value in values.items():
            publish_name(self, self._names, name, value)


def publish_name(stack: Stack, names: Names, name: str, value: str) -> None:
    """Keep a name in the SSM parameter where other stacks, the command and the local run look for it."""
    id = f"{name.title().replace('-', '')}Name"
    ssm.StringParameter(stack, id, parameter_name=names.parameter(name), string_value=value)


def published_name(stack: Stack, names: Names, name: str) -> str:
    """A name that another stack publishes, read when this one is deployed."""
    return ssm.StringParameter.value_for_string_parameter(stack, names.parameter(name))

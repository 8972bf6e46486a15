"""The lake as other stacks see it: its names, and who may do what in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from functions.core import views
from functions.core.meaning.status import RULES_KEY, STATUS_KEY
from functions.core.schema import LISTS, TABLES, TENANTS
from functions.core.traces.compared import READS
from stacks.data import published_name
from stacks.names import Names
from stacks.permissions import allow

SUMMARIES = "summaries/"
_FILES = "File names are made at run time; the folder is the narrowest that can be named."


class Lake:
    """Names of the data stack's resources, read from SSM parameters, and permissions on them by what a role does."""

    def __init__(self, stack: Stack, names: Names) -> None:
        self._stack, self._names = stack, names

    # a stack reads only those it uses: each becomes a parameter of its template
    @cached_property
    def bucket(self) -> str:
        return published_name(self._stack, self._names, "lake-bucket")

    @cached_property
    def dead_letter_bucket(self) -> str:
        return published_name(self._stack, self._names, "dead-letter-bucket")

    @cached_property
    def state_table(self) -> str:
        return published_name(self._stack, self._names, "state-table")

    @cached_property
    def _dead_letter_key(self) -> str:
        return published_name(self._stack, self._names, "dead-letter-key")

    @property
    def dead_letter_bucket_arn(self) -> str:
        return self._bucket_arn(self.dead_letter_bucket)

    def let_commit(self, role: iam.Role) -> None:
        """Write hot files and commit them."""
        allow(role, ["s3:PutObject"], [self._files("hot/")], why=_FILES)
        # TransactWriteItems asks for the permission of each write in it
        allow(role, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [self._table_arn()])

    def let_find_commits(self, role: iam.Role) -> None:
        """Look up which records are committed."""
        allow(role, ["dynamodb:Query"], [self._table_arn()])

    def let_remember(self, role: iam.Role, keys: Sequence[str]) -> None:
        """Keep items of the state table under these partition keys alone."""
        allow(
            role,
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            [self._table_arn()],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)}},
        )

    def let_publish(self, role: iam.Role) -> None:
        """Read hot and settled files, write settled ones, delete what is published, move partitions, keep the state
        and the summaries."""
        folders = [self._files("hot/"), self._files("settled/")]
        allow(role, ["s3:GetObject", "s3:DeleteObject"], folders, why=_FILES)
        allow(role, ["s3:PutObject"], [self._files("settled/")], why=_FILES)
        allow(role, ["s3:GetObject", "s3:PutObject"], [self._files(SUMMARIES)], why=_FILES)
        allow(role, ["s3:ListBucket"], [self._bucket_arn(self.bucket)])
        allow(
            role,
            [
                "dynamodb:GetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:ConditionCheckItem",
            ],
            [self._table_arn()],
        )
        allow(
            role,
            ["glue:GetTable", "glue:BatchCreatePartition", "glue:BatchUpdatePartition"],
            self._glue_arns(),
        )

    def let_create_partitions(self, role: iam.Role) -> None:
        """Create partitions and the index over them."""
        allow(
            role,
            ["glue:GetTable", "glue:BatchCreatePartition", "glue:GetPartitionIndexes", "glue:CreatePartitionIndex"],
            self._glue_arns(),
        )

    def let_write_dead_letters(self, role: iam.Role, *folders: str) -> None:
        """Put files into these folders of the dead-letter bucket."""
        resources = [f"{self.dead_letter_bucket_arn}/{folder}*" for folder in folders]
        allow(role, ["s3:PutObject"], resources, why=_FILES)
        allow(role, ["kms:GenerateDataKey"], [self._dead_letter_key])

    def let_list_dead_letters(self, role: iam.Role) -> None:
        """What Lambda takes, besides writing, to leave a failed batch in the bucket:
        https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
        allow(role, ["s3:ListBucket"], [self.dead_letter_bucket_arn])

    def let_read_dead_letters(self, role: iam.Role, *folders: str) -> None:
        """Read files of these folders of the dead-letter bucket."""
        resources = [f"{self.dead_letter_bucket_arn}/{folder}*" for folder in folders]
        allow(role, ["s3:GetObject"], resources, why=_FILES)
        allow(role, ["kms:Decrypt"], [self._dead_letter_key])

    def let_read_rules(self, role: iam.Role) -> None:
        """Read the user's rules, and keep what became of them."""
        rules, status = (f"{self._bucket_arn(self.bucket)}/{key}" for key in (RULES_KEY, STATUS_KEY))
        allow(role, ["s3:GetObject"], [rules, status])
        allow(role, ["s3:PutObject"], [status])
        # without it, AWS answers where there are no rules that access is denied
        allow(role, ["s3:ListBucket"], [self._bucket_arn(self.bucket)])

    def let_read_requests(self, role: iam.Role) -> None:
        """Read spans and log lines of hours, and which files they are in; no other item of the state table."""
        folders = [self._files(f"{folder}/{table}/") for folder in ("hot", "settled") for table in READS]
        allow(role, ["s3:GetObject"], folders, why=_FILES)
        keys = ["pending", "commit#*", *(f"hour#{table}" for table in READS)]
        allow(
            role,
            ["dynamodb:GetItem", "dynamodb:Query"],
            [self._table_arn()],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
        )

    def let_read_summaries(self, role: iam.Role) -> None:
        """Read what widgets are drawn from first."""
        allow(role, ["s3:GetObject"], [self._files(SUMMARIES)], why=_FILES)
        # without it, AWS answers for an hour without a summary that access is denied
        allow(role, ["s3:ListBucket"], [self._bucket_arn(self.bucket)])

    def let_show_rules(self, role: iam.Role) -> None:
        """Read what became of the user's rules."""
        allow(role, ["s3:GetObject"], [f"{self._bucket_arn(self.bucket)}/{STATUS_KEY}"])

    def let_read_customers(self, role: iam.Role) -> None:
        """Read the list of customers; see ``let_read_summaries`` for what is asked where there is none."""
        allow(role, ["s3:GetObject"], [self._customers()])

    def let_replace_customers(self, role: iam.Role) -> None:
        """Read and write the list of customers, and write how the table that it comes from was read."""
        allow(role, ["s3:GetObject", "s3:PutObject"], [self._customers()])
        allow(role, ["s3:PutObject"], [f"{self._bucket_arn(self.bucket)}/{SUMMARIES}customers.json"])
        allow(role, ["s3:ListBucket"], [self._bucket_arn(self.bucket)])

    def let_write_summary(self, role: iam.Role, name: str) -> None:
        """Write the one object of this name that a widget is drawn from."""
        allow(role, ["s3:PutObject"], [f"{self._bucket_arn(self.bucket)}/{SUMMARIES}{name}.json"])

    def let_keep_configuration(self, role: iam.Role) -> None:
        """Read and write the one object that says how functions were configured."""
        allow(
            role,
            ["s3:GetObject", "s3:PutObject"],
            [f"{self._bucket_arn(self.bucket)}/configuration/functions.json"],
        )
        # without it, AWS answers where there is none yet that access is denied
        allow(role, ["s3:ListBucket"], [self._bucket_arn(self.bucket)])

    def let_keep_detection(self, role: iam.Role) -> None:
        """Read and write what detection has learnt; what is asked where there is none, ``let_read_summaries`` says."""
        allow(role, ["s3:GetObject", "s3:PutObject"], [f"{self._bucket_arn(self.bucket)}/detection/state.msgpack"])

    def let_query(self, role: iam.Role) -> None:
        """Run queries in the workgroup over every table and view."""
        workgroup = self._stack.format_arn(service="athena", resource="workgroup", resource_name=self._names.workgroup)
        allow(
            role,
            [
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:GetWorkGroup",
            ],
            [workgroup],
        )
        catalog, database, *tables = self._glue_arns(*LISTS, *sorted(views.names()))
        allow(role, ["glue:GetDatabase"], [catalog, database])
        allow(
            role,
            ["glue:GetTable", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"],
            [catalog, database, *tables],
        )
        results = self._files("athena-results/")
        allow(role, ["s3:GetObject"], [self._files("hot/"), self._files("settled/"), results], why=_FILES)
        allow(role, ["s3:GetObject"], [self._customers()])
        # large results are written in parts
        allow(role, ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], [results], why=_FILES)
        allow(
            role,
            ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
            [self._bucket_arn(self.bucket)],
        )

    def _customers(self) -> str:
        return f"{self._bucket_arn(self.bucket)}/{TENANTS.file}"

    def _bucket_arn(self, name: str) -> str:
        return f"arn:{self._stack.partition}:s3:::{name}"

    def _files(self, folder: str) -> str:
        return f"{self._bucket_arn(self.bucket)}/{folder}*"

    def _table_arn(self) -> str:
        return self._stack.format_arn(service="dynamodb", resource="table", resource_name=self.state_table)

    def _glue_arns(self, *more: str) -> list[str]:
        """Catalog, database and each table, and more than those: Glue asks for all of whoever touches a partition."""
        database = self._names.database
        names = ["catalog", f"database/{database}", *(f"table/{database}/{table}" for table in (*TABLES, *more))]
        return [self._stack.format_arn(service="glue", resource=name) for name in names]

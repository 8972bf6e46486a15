"""``tracelake delete-data``: the data that `make destroy` leaves, once nothing is there any more that would write it.

The stack goes last: it is the list of what there is to delete, so an interrupted run is simply started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, TextIO

from botocore.exceptions import ClientError

from cli import target
from cli.errors import OK, CommandError
from functions.aws.clients import client

KEPT = {"AWS::S3::Bucket": "bucket", "AWS::DynamoDB::Table": "table", "AWS::KMS::Key": "key"}
"""What outlives its stack, by type: RETAIN in stacks/data.py."""

KEY_WINDOW_DAYS = 7
"""The shortest that KMS allows: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html"""

# a stack may take as long as the slowest of its resources; CloudFormation itself gives up after hours
_WAIT = {"Delay": 2, "MaxAttempts": 900}
_GONE = ("NoSuchBucket", "ResourceNotFoundException", "NotFoundException", "KMSInvalidStateException")


def run(stage: str, *, yes: bool, ask: Callable[[str], str], out: TextIO, err: TextIO) -> int:
    """Delete the data stack of a stage with the buckets, the table and the key that it would leave.

    ``ask`` is for the name of the stage, unless ``yes``; another answer deletes nothing (``CommandError``).
    """
    with target.explained():
        stack = f"tracelake-{stage}-data"
        where = f"stage {stage} in {client('s3').meta.region_name}"
        if writers := [name for name in ("insight", "ingest") if _exists(f"tracelake-{stage}-{name}")]:
            raise CommandError(f"{where} still has its {' and '.join(writers)} stack: run `make destroy` first")
        if not _exists(stack):
            raise CommandError(f"{where} has no stack {stack}: there is nothing to delete")
        kept = _kept(stack)
        print(f"All data of {where}:", file=err)
        for kind, name in kept:
            print(f"  {kind:<6} {name}", file=err)
        if not yes and ask(f"Type {stage} to delete it for ever: ").strip() != stage:
            raise CommandError("nothing was deleted")
        for kind, name in kept:
            _DELETE[kind](name)
            print(f"deleted {kind} {name}", file=out)
        _delete_stack(stack)
        print(f"deleted stack {stack}", file=out)
        return OK


def _cloudformation() -> Any:
    return client("cloudformation")  # type: ignore[call-overload]


def _exists(stack: str) -> bool:
    try:
        _cloudformation().describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _kept(stack: str) -> list[tuple[str, str]]:
    """Kind and name of what the stack would leave."""
    pages = _cloudformation().get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [each for page in pages for each in page["StackResourceSummaries"] if each["ResourceType"] in KEPT]
    # what was encrypted goes before its key
    found.sort(key=lambda each: list(KEPT).index(each["ResourceType"]))
    return [(KEPT[each["ResourceType"]], each["PhysicalResourceId"]) for each in found]


def _unless_gone(delete: Callable[[], object]) -> None:
    """Nothing where an earlier run has deleted it."""
    try:
        delete()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


def _delete_bucket(name: str) -> None:
    def delete() -> None:
        # as long as there are versions or markers of deletions, the bucket cannot be deleted
        for page in client("s3").get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            versions = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if versions:
                answer = client("s3").delete_objects(Bucket=name, Delete={"Objects": versions, "Quiet": True})  # type: ignore[typeddict-item]
                if errors := answer.get("Errors"):
                    raise CommandError(f"{len(errors)} objects of {name} cannot be deleted, first: {errors[0]}")
        client("s3").delete_bucket(Bucket=name)

    _unless_gone(delete)


def _delete_table(name: str) -> None:
    _unless_gone(lambda: client("dynamodb").delete_table(TableName=name))


def _delete_key(name: str) -> None:
    kms: Any = client("kms")  # type: ignore[call-overload]
    _unless_gone(lambda: kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=KEY_WINDOW_DAYS))


_DELETE = {"bucket": _delete_bucket, "table": _delete_table, "key": _delete_key}


def _delete_stack(stack: str) -> None:
    cloudformation = _cloudformation()
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=_WAIT)


def command(given: argparse.Namespace) -> int:
    """``tracelake delete-data``."""
    return run(given.stage, yes=given.yes, ask=input, out=sys.stdout, err=sys.stderr)

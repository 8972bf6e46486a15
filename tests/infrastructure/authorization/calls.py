"""What AWS asks for of a call through boto3: actions with their resources. An operation that is not here is an error.

Actions, their resource types and condition keys: https://docs.aws.amazon.com/service-authorization/latest/reference/
reference_policies_actions-resources-contextkeys.html; what differs from one action of the operation's own name has the
page beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from authorization.deployment import ACCOUNT, REGION, Deployment
from authorization.engine import Context
from functions.core import views
from functions.core.schema import LISTS, TABLES

Params = Mapping[str, Any]
Need = tuple[str, str, Context]


@dataclass(frozen=True)
class Call:
    """A call that a function made: parameters as botocore got them, and AWS's name of the error it ended with."""

    function: str
    service: str
    operation: str
    params: Params
    error: str = ""


class UnknownCallError(Exception):
    """A call of which it is not known here what it asks for."""


def needs(call: Call, deployed: Deployment) -> Iterator[Need]:
    """Action, resource and context of everything that AWS checks for the call."""
    name = f"{call.service}:{call.operation}"
    if name not in _NEEDS:
        raise UnknownCallError(f"{name}: say in {__name__} which permissions it takes")
    for action, resource, context in _NEEDS[name](call, deployed):
        yield action, _here(resource), context


def _here(arn: str) -> str:
    """Tests have accounts and regions of their own."""
    return re.sub(r"^(arn:aws:\w+):[a-z]+-[a-z]+-\d:\d+:", rf"\1:{REGION}:{ACCOUNT}:", arn)


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _of_all(*actions: str) -> Callable[[Call, Deployment], Iterable[Need]]:
    """Actions without a resource."""
    return lambda call, deployed: [(action, "*", {}) for action in actions]


# S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html


def _object(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def _key_of(deployed: Deployment, bucket: str, action: str) -> Iterator[Need]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"""
    if key := deployed.keys.get(f"arn:aws:s3:::{bucket}"):
        yield action, key, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}


def _put_object(call: Call, deployed: Deployment) -> Iterator[Need]:
    bucket, key = call.params["Bucket"], call.params["Key"]
    yield "s3:PutObject", _object(bucket, key), {}
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    if "IfMatch" in call.params:
        yield "s3:GetObject", _object(bucket, key), {}
    yield from _key_of(deployed, bucket, "kms:GenerateDataKey")


def _get_object(call: Call, deployed: Deployment) -> Iterator[Need]:
    bucket, key = call.params["Bucket"], call.params["Key"]
    yield "s3:GetObject", _object(bucket, key), {}
    # who may not list gets AccessDenied in its place: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    if call.error == "NoSuchKey":
        yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", {}
    yield from _key_of(deployed, bucket, "kms:Decrypt")


def _delete_objects(call: Call, _: Deployment) -> Iterator[Need]:
    for each in call.params["Delete"]["Objects"]:
        action = "s3:DeleteObjectVersion" if "VersionId" in each else "s3:DeleteObject"
        yield action, _object(call.params["Bucket"], each["Key"]), {}


def _list_objects(call: Call, _: Deployment) -> Iterator[Need]:
    yield "s3:ListBucket", f"arn:aws:s3:::{call.params['Bucket']}", {"s3:prefix": call.params.get("Prefix", "")}


# DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html


def _table(name: str) -> str:
    return _arn("dynamodb", f"table/{name}")


def _get_item(call: Call, _: Deployment) -> Iterator[Need]:
    keys = {"dynamodb:LeadingKeys": [call.params["Key"]["pk"]["S"]]}
    yield "dynamodb:GetItem", _table(call.params["TableName"]), keys


def _query(call: Call, _: Deployment) -> Iterator[Need]:
    keys = {"dynamodb:LeadingKeys": [call.params["ExpressionAttributeValues"][":pk"]["S"]]}
    yield "dynamodb:Query", _table(call.params["TableName"]), keys


def _scan(call: Call, _: Deployment) -> Iterator[Need]:
    yield "dynamodb:Scan", _table(call.params["TableName"]), {}


def _transact(call: Call, _: Deployment) -> Iterator[Need]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
    actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
    for write in call.params["TransactItems"]:
        for kind, params in write.items():
            leading = params["Item" if kind == "Put" else "Key"]["pk"]["S"]
            yield f"dynamodb:{actions[kind]}", _table(params["TableName"]), {"dynamodb:LeadingKeys": [leading]}


# Glue: catalog, database and table are asked for each: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html


def _catalog(database: str, table: str = "") -> list[str]:
    names = ["catalog", f"database/{database}", *([f"table/{database}/{table}"] if table else [])]
    return [_arn("glue", name) for name in names]


def _glue(call: Call, _: Deployment) -> Iterator[Need]:
    table = call.params.get("TableName") or call.params["Name"]
    for resource in _catalog(call.params["DatabaseName"], table):
        yield f"glue:{call.operation}", resource, {}


# CloudWatch, CloudWatch Logs


def _put_metric_data(call: Call, _: Deployment) -> Iterator[Need]:
    yield "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": call.params["Namespace"]}


def _of_log_group(call: Call, _: Deployment) -> Iterator[Need]:
    yield f"logs:{call.operation}", _arn("logs", f"log-group:{call.params['logGroupName']}"), {}


def _put_filter(call: Call, deployed: Deployment) -> Iterator[Need]:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html"""
    yield from _of_log_group(call, deployed)
    yield from _pass(deployed)


def _put_account_policy(call: Call, deployed: Deployment) -> Iterator[Need]:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html"""
    assert "RoleArn" in json.loads(call.params["policyDocument"])
    yield from _of_all("logs:PutAccountPolicy", "logs:PutSubscriptionFilter")(call, deployed)
    yield from _pass(deployed)


def _pass(deployed: Deployment) -> Iterator[Need]:
    (role,) = (arn for arn in deployed.identity if "-DeliveryRole" in arn)
    yield "iam:PassRole", role, {"iam:PassedToService": "logs.amazonaws.com"}


# Kinesis, Lambda


def _put_records(call: Call, _: Deployment) -> Iterator[Need]:
    yield "kinesis:PutRecords", _arn("kinesis", f"stream/{call.params['StreamName']}"), {}


def _of_function(call: Call, _: Deployment) -> Iterator[Need]:
    yield f"lambda:{call.operation}", call.params["FunctionName"], {}


# SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html


def _publish(call: Call, deployed: Deployment) -> Iterator[Need]:
    topic = _here(call.params["TopicArn"])
    yield "sns:Publish", topic, {}
    if key := deployed.keys.get(topic):
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield action, key, {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}


def _subscribe(call: Call, _: Deployment) -> Iterator[Need]:
    context = {"sns:Protocol": call.params["Protocol"], "sns:Endpoint": call.params["Endpoint"]}
    yield "sns:Subscribe", call.params["TopicArn"], context


def _of_topic(call: Call, _: Deployment) -> Iterator[Need]:
    yield f"sns:{call.operation}", call.params["TopicArn"], {}


# Athena works with the permissions of who asks: https://docs.aws.amazon.com/athena/latest/ug/policy-actions.html


def _workgroup(call: Call, deployed: Deployment) -> Iterator[Need]:
    """A query is of the workgroup it was started in."""
    yield f"athena:{call.operation}", _arn("athena", f"workgroup/{deployed.workgroup()}"), {}


def _start_query(call: Call, deployed: Deployment) -> Iterator[Need]:
    yield from _workgroup(call, deployed)
    database = call.params["QueryExecutionContext"]["Database"]
    bucket = deployed.names["Lake"]
    yield "s3:GetBucketLocation", f"arn:aws:s3:::{bucket}", {}
    yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", {}
    yield "s3:PutObject", _object(bucket, "athena-results/1.csv"), {}
    words = set(re.findall(r"\w+", call.params["QueryString"]))
    # who asks a view needs what its tables need: https://docs.aws.amazon.com/athena/latest/ug/views.html
    for view in words & views.names():
        yield from (("glue:GetTable", resource, {}) for resource in _catalog(database, view))
        words |= set(re.findall(r"\w+", views.load_all()[view].sql))
    for table in words & set(TABLES):
        # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        for action in ("glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"):
            for resource in _catalog(database, "" if action == "glue:GetDatabase" else table):
                yield action, resource, {}
        for folder in ("hot", "settled"):
            yield "s3:GetObject", _object(bucket, f"{folder}/{table}/hour=2026-11-20-10/a.parquet"), {}
    for each in words & set(LISTS):
        for resource in _catalog(database, each):
            yield "glue:GetTable", resource, {}
        yield "s3:GetObject", _object(bucket, LISTS[each].file), {}


def _get_results(call: Call, deployed: Deployment) -> Iterator[Need]:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html"""
    yield from _workgroup(call, deployed)
    yield "s3:GetObject", _object(deployed.names["Lake"], "athena-results/1.csv"), {}


_NEEDS: dict[str, Callable[[Call, Deployment], Iterable[Need]]] = {
    "s3:PutObject": _put_object,
    "s3:GetObject": _get_object,
    "s3:DeleteObjects": _delete_objects,
    "s3:ListObjectsV2": _list_objects,
    "dynamodb:GetItem": _get_item,
    "dynamodb:Query": _query,
    "dynamodb:Scan": _scan,
    "dynamodb:TransactWriteItems": _transact,
    "glue:GetTable": _glue,
    "glue:BatchCreatePartition": _glue,
    "glue:BatchUpdatePartition": _glue,
    "glue:GetPartitionIndexes": _glue,
    "glue:CreatePartitionIndex": _glue,
    "cloudwatch:PutMetricData": _put_metric_data,
    "cloudwatch:GetMetricData": _of_all("cloudwatch:GetMetricData"),
    "cloudwatch:GetMetricStatistics": _of_all("cloudwatch:GetMetricStatistics"),
    "cloudwatch:ListMetrics": _of_all("cloudwatch:ListMetrics"),
    "logs:DescribeLogGroups": _of_all("logs:DescribeLogGroups"),
    "logs:DescribeSubscriptionFilters": _of_log_group,
    "logs:DeleteSubscriptionFilter": _of_log_group,
    "logs:PutSubscriptionFilter": _put_filter,
    "logs:PutAccountPolicy": _put_account_policy,
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeAccountPolicies.html and
    # API_DeleteAccountPolicy.html: those of filters as well
    "logs:DescribeAccountPolicies": _of_all("logs:DescribeAccountPolicies", "logs:DescribeSubscriptionFilters"),
    "logs:DeleteAccountPolicy": _of_all("logs:DeleteAccountPolicy", "logs:DeleteSubscriptionFilter"),
    "kinesis:PutRecords": _put_records,
    "lambda:ListFunctions": _of_all("lambda:ListFunctions"),
    "lambda:GetFunctionConfiguration": _of_function,
    "sns:Publish": _publish,
    "sns:Subscribe": _subscribe,
    "sns:ListSubscriptionsByTopic": _of_topic,
    "athena:StartQueryExecution": _start_query,
    "athena:StopQueryExecution": _workgroup,
    "athena:GetQueryExecution": _workgroup,
    "athena:GetQueryResults": _get_results,
}

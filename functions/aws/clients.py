"""AWS clients: made once per container, with timeouts and retries that leave a function time to react."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=32,
    tcp_keepalive=True,
)
# boto3 does not make clients in several threads at a time
_making = Lock()


@overload
def client(name: Literal["apigateway", "apigatewayv2"]) -> Any: ...
@overload
def client(name: Literal["athena"]) -> AthenaClient: ...
@overload
def client(name: Literal["cloudwatch"]) -> CloudWatchClient: ...
@overload
def client(name: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(name: Literal["glue"]) -> GlueClient: ...
@overload
def client(name: Literal["kinesis"]) -> KinesisClient: ...
@overload
def client(name: Literal["lambda"]) -> LambdaClient: ...
@overload
def client(name: Literal["logs"]) -> CloudWatchLogsClient: ...
@overload
def client(name: Literal["s3"]) -> S3Client: ...
@overload
def client(name: Literal["sns"]) -> SNSClient: ...
@overload
def client(name: Literal["ssm"]) -> SSMClient: ...
@overload
def client(name: Literal["sts"]) -> STSClient: ...


def client(name: str) -> Any:
    """The client of a service; region, credentials and endpoint come from the environment."""
    with _making:
        return _client(name)


@cache
def _client(name: str) -> Any:
    return boto3.client(name, config=_CONFIG)  # type: ignore[call-overload]

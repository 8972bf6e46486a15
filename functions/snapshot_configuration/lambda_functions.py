"""All functions of account and region as they are configured; read only, and no value of a variable goes further."""

from __future__ import annotations

from collections.abc import Iterable

from botocore.exceptions import ClientError

from functions.aws.clients import client
from functions.core.configurations import Configuration, configuration


def listed() -> dict[str, Configuration]:
    """Configurations by the functions' ARN."""
    pages = client("lambda").get_paginator("list_functions").paginate()
    return {each["FunctionArn"]: configuration(each) for page in pages for each in page["Functions"]}


def still_there(arns: Iterable[str]) -> dict[str, Configuration]:
    """Those of these functions that exist: a list in pages may leave one out while others come and go."""
    found = {}
    for arn in arns:
        try:
            found[arn] = configuration(client("lambda").get_function_configuration(FunctionName=arn))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
    return found

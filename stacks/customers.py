"""The list of customers from a DynamoDB table, where the setting `tenants_table` names one."""

from __future__ import annotations

from aws_cdk import Duration, Stack

from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.names import Names
from stacks.permissions import allow
from stacks.settings import Settings


def build_read_customers(
    stack: Stack, *, lake: Lake, libraries: Libraries, names: Names, settings: Settings
) -> Function:
    """The function read_customers, every hour: it may read that one table, and write the list and how it was read."""
    function = Function(
        stack,
        "ReadCustomers",
        name="read_customers",
        names=names,
        libraries=libraries,
        description="Keeps the list of customers as a DynamoDB table has it",
        environment={
            "LAKE_BUCKET": lake.bucket,
            "TENANTS_TABLE": settings.tenants_table,
            "TENANTS_ATTRIBUTES": ",".join(settings.tenants_attributes),
        },
        # a hundred thousand customers in memory, and a fair share of a processor
        memory_mb=512,
        timeout=Duration.minutes(5),
    )
    table = stack.format_arn(service="dynamodb", resource="table", resource_name=settings.tenants_table)
    allow(function.role, ["dynamodb:Scan"], [table])
    lake.let_replace_customers(function.role)
    function.every(Duration.hours(1))
    return function

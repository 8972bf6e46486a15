"""What tells of deployments: two rules that put AWS's own events on the stream, and the daily look at all functions."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sqs as sqs

from functions.core.sources.api_calls import CALLS, GATEWAY, LAMBDA
from functions.core.sources.deployments import API_CALL, RESOURCE, STACK
from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.names import Names
from stacks.permissions import acknowledge, allow
from stacks.settings import Settings

# the longest that a queue keeps: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
MAX_RETENTION_DAYS = 14
_EVERY_FUNCTION = "It compares the configurations of all functions of account and region."

# how each change ended; what only begins says nothing that its end does not
STACK_CHANGES = {
    "source": ["aws.cloudformation"],
    "detail-type": [STACK, RESOURCE],
    "detail": {"status-details": {"status": [{"suffix": "_COMPLETE"}, {"suffix": "_FAILED"}]}},
}
# they come only where a trail logs management events: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-lambda.html
API_CALLS = {
    "source": ["aws.lambda", "aws.apigateway"],
    "detail-type": [API_CALL],
    "detail": {
        "eventSource": [LAMBDA, GATEWAY],
        # Lambda's names end in a date: CreateFunction20150331, and not CreateFunctionUrlConfig
        "eventName": [*({"prefix": f"{name}20"} for name in CALLS[LAMBDA]), *CALLS[GATEWAY]],
    },
}


def build_deployments(
    stack: Stack, *, lake: Lake, libraries: Libraries, names: Names, settings: Settings, stream: kinesis.Stream
) -> None:
    """The rules with their role and the queue of what they could not deliver, and snapshot_configuration."""
    # no condition on the source: a role can be passed to a rule of its own account alone
    role = iam.Role(
        stack,
        "ChangesRole",
        description="EventBridge puts changes into tracelake's stream",
        assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
    )
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-iam-roles.html; the key of the stream is
    # the one that AWS manages, for everybody in the account who may use the stream
    allow(role, ["kinesis:PutRecord"], [stream.stream_arn])
    queue = sqs.Queue(
        stack,
        "UndeliveredChanges",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(min(MAX_RETENTION_DAYS, settings.dead_letter_days)),
    )
    acknowledge(queue, "AwsSolutions-SQS3", "It is the queue of what failed; nothing reads it that could fail again.")
    rules = [
        _rule(stack, id, description, pattern, stream, role, queue)
        for id, description, pattern in (
            ("StackChanged", "A stack or a resource of one has changed", STACK_CHANGES),
            ("ApiCalled", "Somebody changes a function or an API, told by CloudTrail", API_CALLS),
        )
    ]
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html#eb-rule-dlq
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": [rule.attr_arn for rule in rules]}},
        )
    )
    _build_snapshot(stack, lake, libraries, names, stream)


def _rule(
    stack: Stack,
    id: str,
    description: str,
    pattern: dict[str, Any],
    stream: kinesis.Stream,
    role: iam.Role,
    queue: sqs.Queue,
) -> events.CfnRule:
    """A rule with the stream as its target; the construct of CDK has no queue for what cannot be delivered there."""
    rule = events.CfnRule(
        stack,
        id,
        description=description,
        event_pattern=pattern,
        targets=[
            events.CfnRule.TargetProperty(
                id="Stream",
                arn=stream.stream_arn,
                role_arn=role.role_arn,
                kinesis_parameters=events.CfnRule.KinesisParametersProperty(partition_key_path="$.id"),
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.queue_arn),
            )
        ],
    )
    rule.node.add_dependency(role)
    return rule


def _build_snapshot(stack: Stack, lake: Lake, libraries: Libraries, names: Names, stream: kinesis.Stream) -> None:
    function = Function(
        stack,
        "SnapshotConfiguration",
        name="snapshot_configuration",
        names=names,
        libraries=libraries,
        description="Compares how functions are configured with yesterday",
        environment={"LAKE_BUCKET": lake.bucket, "STREAM_NAME": names.stream},
        memory_mb=256,
        # thousands of functions are listed in seconds; those that are gone are asked for one by one
        timeout=Duration.minutes(10),
    )
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    allow(function.role, ["lambda:ListFunctions"], ["*"], why="The list of all functions is no resource.")
    every = stack.format_arn(service="lambda", resource="function:*")
    allow(function.role, ["lambda:GetFunctionConfiguration"], [every], why=_EVERY_FUNCTION)
    allow(function.role, ["kinesis:PutRecords"], [stream.stream_arn])
    lake.let_keep_configuration(function.role)
    function.every(Duration.days(1))

"""Log files that arrive in the user's own buckets, where the setting `log_buckets` names some."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from stacks.budget import over_budget
from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.names import Names
from stacks.permissions import acknowledge, allow, allow_own_metrics
from stacks.settings import Settings

RETRIES = 2
MAX_EVENT_AGE = Duration.hours(6)
_OBJECTS = (
    "Names of log files are made by the services that write them; the bucket or prefix is what the setting names."
)


def build_log_files(stack: Stack, *, lake: Lake, libraries: Libraries, names: Names, settings: Settings) -> Function:
    """The function read_log_files, told of new objects by EventBridge, and the queue of those it could not read."""
    function = Function(
        stack,
        "ReadLogFiles",
        name="read_log_files",
        names=names,
        libraries=libraries,
        description="Makes lake rows of log files that arrive in buckets",
        environment={
            "STATE_TABLE": lake.state_table,
            "LAKE_BUCKET": lake.bucket,
            "DEAD_LETTER_BUCKET": lake.dead_letter_bucket,
            "LOG_BUCKETS": ",".join(settings.log_buckets),
            "TENANT_KEYS": ",".join(settings.tenant_keys),
            "MAX_EVENT_AGE_DAYS": str(settings.max_event_age_days),
            **over_budget(settings),
        },
        memory_mb=1769,
        timeout=Duration.minutes(15),
    )
    lake.let_commit(function.role)
    lake.let_read_rules(function.role)
    lake.let_write_dead_letters(function.role, "rejected/")
    allow_own_metrics(function.role)
    objects = [f"arn:{stack.partition}:s3:::{_slashed(entry)}*" for entry in settings.log_buckets]
    allow(function.role, ["s3:GetObject"], objects, why=_OBJECTS)
    # without it, AWS answers for an object that is gone that access is denied
    buckets = sorted({entry.partition("/")[0] for entry in settings.log_buckets})
    allow(function.role, ["s3:ListBucket"], [f"arn:{stack.partition}:s3:::{bucket}" for bucket in buckets])
    for number, entry in enumerate(settings.log_buckets):
        bucket, _, prefix = entry.partition("/")
        events.Rule(
            stack,
            f"LogFileArrived{number}",
            description=f"A log file lies in {bucket}",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [bucket]},
                    **({"object": {"key": [{"prefix": prefix}]}} if prefix else {}),
                },
            ),
            targets=[targets.LambdaFunction(function.function, retry_attempts=10)],
        )
    _keep_failures(stack, function)
    return function


def _keep_failures(stack: Stack, function: Function) -> None:
    """What Lambda gives up: the event names the file, which is still where it was."""
    queue = sqs.Queue(
        stack,
        "UnreadLogFiles",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    acknowledge(queue, "AwsSolutions-SQS3", "It is the queue of what failed; nothing reads it that could fail again.")
    allow(function.role, ["sqs:SendMessage"], [queue.queue_arn])
    lambda_.CfnEventInvokeConfig(
        stack,
        "ReadLogFilesRetries",
        function_name=function.function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=RETRIES,
        maximum_event_age_in_seconds=MAX_EVENT_AGE.to_seconds(),
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
        ),
    ).node.add_dependency(function.role)


def _slashed(entry: str) -> str:
    """``<bucket>/<prefix>``, also where there is no prefix."""
    return entry if "/" in entry else f"{entry}/"

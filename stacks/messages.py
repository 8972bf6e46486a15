"""Who tells people: notify composes what is told about alarms, check_delivery sees that telling is possible."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.names import Names
from stacks.permissions import allow
from stacks.settings import Settings

# all that notify keeps in the state table; commits and hours are none of its business
MEMORY_KEYS = ("incident", "messages")


def build_notify(
    stack: Stack, names: Names, settings: Settings, libraries: Libraries, topic: sns.Topic, key: kms.Key
) -> Function:
    """The function that alarms invoke. What it fails to tell three times, Lambda sends to the topic as it is."""
    lake = Lake(stack, names)
    notify = Function(
        stack,
        "Notify",
        name="notify",
        names=names,
        libraries=libraries,
        description="Composes the messages about alarms and publishes them",
        environment={
            "STATE_TABLE": lake.state_table,
            "LAKE_BUCKET": lake.bucket,
            "TOPIC_ARN": topic.topic_arn,
            "DASHBOARD": names.dashboard("application", stack.region),
            **_given("RUNBOOKS_URL", settings.runbooks_url),
        },
        memory_mb=512,
        timeout=Duration.minutes(1),
    )
    let_publish(notify, topic, key)
    lake.let_remember(notify.role, MEMORY_KEYS)
    lake.let_read_summaries(notify.role)
    lake.let_read_customers(notify.role)
    allow(
        notify.role,
        ["cloudwatch:GetMetricData"],
        ["*"],
        why="GetMetricData knows no resources; it reads what the alarm's metrics were yesterday.",
    )
    lambda_.CfnEventInvokeConfig(
        stack,
        "NotifyRetries",
        function_name=notify.function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=topic.topic_arn)
        ),
    ).node.add_dependency(notify.role)
    # one for all alarms of the stage: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    lambda_.CfnPermission(
        stack,
        "NotifyAlarms",
        action="lambda:InvokeFunction",
        function_name=notify.arn,
        principal="lambda.alarms.cloudwatch.amazonaws.com",
        source_account=stack.account,
        source_arn=stack.format_arn(service="cloudwatch", resource=f"alarm:{names.prefix}-*"),
    )
    return notify


def build_check_delivery(
    stack: Stack, names: Names, settings: Settings, libraries: Libraries, topic: sns.Topic
) -> Function:
    """The function that looks at the deliveries before the stream, and at who is subscribed to the alerts."""
    check = Function(
        stack,
        "CheckDelivery",
        name="check_delivery",
        names=names,
        libraries=libraries,
        description="Sees whether logs reach the stream and alerts reach somebody",
        environment={"TOPIC_ARN": topic.topic_arn, **_given("ALERT_EMAIL", settings.alert_email)},
        memory_mb=256,
        timeout=Duration.minutes(5),
    )
    allow(
        check.role,
        ["cloudwatch:ListMetrics", "cloudwatch:GetMetricStatistics"],
        ["*"],
        why="Neither knows resources; they read CloudWatch's own metrics of log groups.",
    )
    allow(check.role, ["sns:ListSubscriptionsByTopic"], [topic.topic_arn])
    if settings.alert_email:
        allow(
            check.role,
            ["sns:Subscribe"],
            [topic.topic_arn],
            conditions={"StringEquals": {"sns:Protocol": "email", "sns:Endpoint": settings.alert_email}},
        )
    check.every(Duration.minutes(15))
    return check


def _given(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def let_publish(function: Function, topic: sns.Topic, key: kms.Key) -> None:
    """Publish to the encrypted topic of the alerts."""
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    allow(function.role, ["sns:Publish"], [topic.topic_arn])
    allow(function.role, ["kms:GenerateDataKey", "kms:Decrypt"], [key.key_arn])

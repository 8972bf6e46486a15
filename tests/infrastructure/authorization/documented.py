"""What AWS documents that its services need: on behalf of a function's role, or by the policy of a resource.

A row of ``on_behalf`` is something a service does with a role of tracelake; one of ``by_services`` something that a
service does in its own name, with what must not be possible in its place (the confused deputy:
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).

No row, because no permission is needed: S3 tells EventBridge of new objects
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html), and the key of the stream is the one that AWS
manages for Kinesis, whose policy is for everybody in the account who may use the stream
(https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html). Widgets are invoked with the rights of
who looks at them: test_policies.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from authorization.deployment import ACCOUNT, REGION, Deployment
from authorization.engine import Context, Request

_EVENT_ROLES = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-iam-roles.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
_UNDELIVERED = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html#eb-rule-dlq"
OTHER_ACCOUNT = "999999999999"


@dataclass(frozen=True)
class Row:
    """What a service needs, the page that says so, and the function whose role it uses (or ``delivery``)."""

    what: str
    page: str
    role: str
    actions: tuple[str, ...]
    resource: str


def on_behalf(deployed: Deployment) -> Iterator[Row]:
    """What services do with the roles."""
    stream, lake, dead = f"stream/tracelake-{_stage(deployed)}", deployed.names["Lake"], deployed.names["DeadLetters"]
    (topic,) = (deployed.arn(key) for key, _ in deployed.of_type("AWS::SNS::Topic"))
    for function in deployed.roles:
        yield Row(
            f"Lambda writes what {function} logs",
            f"{_LAMBDA}lambda-intro-execution-role.html",
            function,
            ("logs:CreateLogStream", "logs:PutLogEvents"),
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/tracelake/{_stage(deployed)}/{function}:log-stream:2026/1",
        )
    yield Row(
        "the event source reads the stream (SubscribeToShard is for enhanced fan-out, which is not used)",
        f"{_LAMBDA}services-kinesis-create.html",
        "normalize",
        (
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        ),
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:{stream}",
    )
    page = f"{_LAMBDA}kinesis-on-failure-destination.html"
    left = "the event source leaves a batch that it gives up"
    yield Row(left, page, "normalize", ("s3:PutObject",), f"arn:aws:s3:::{dead}/aws/lambda/0/shardId-0/2026/11/20/a")
    yield Row(left, page, "normalize", ("s3:ListBucket",), f"arn:aws:s3:::{dead}")
    yield Row(left, page, "normalize", ("kms:GenerateDataKey",), deployed.keys[f"arn:aws:s3:::{dead}"])
    page = f"{_LAMBDA}invocation-async-retain-records.html"
    sent = "Lambda sends an event that notify failed on to the encrypted topic"
    yield Row(sent, page, "notify", ("sns:Publish",), topic)
    yield Row(
        sent,
        "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
        "notify",
        ("kms:GenerateDataKey", "kms:Decrypt"),
        deployed.keys[topic],
    )
    for queue, _ in deployed.of_type("AWS::SQS::Queue"):
        if "UnreadLogFiles" in queue:
            sent = "Lambda sends an event that read_log_files failed on to the queue"
            yield Row(sent, page, "read_log_files", ("sqs:SendMessage",), deployed.arn(queue))
    # of the managed policy, what belongs to results; what belongs to data is in calls.py
    page = "https://docs.aws.amazon.com/athena/latest/ug/security-iam-awsmanpol.html"
    written = "Athena writes the results of a query, large ones in parts"
    yield Row(
        written,
        page,
        "widgets",
        ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
        f"arn:aws:s3:::{lake}/athena-results/1.csv",
    )
    yield Row(
        written, page, "widgets", ("s3:GetBucketLocation", "s3:ListBucketMultipartUploads"), f"arn:aws:s3:::{lake}"
    )
    yield Row(
        "CloudWatch Logs puts what it delivers into the stream",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html",
        "delivery",
        ("kinesis:PutRecord",),
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:{stream}",
    )
    yield Row(
        "EventBridge puts changes into the stream",
        _EVENT_ROLES,
        "changes",
        ("kinesis:PutRecord",),
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:{stream}",
    )


@dataclass(frozen=True)
class Deed:
    """What a service does in its own name, in which context; ``never`` are contexts in which it must not."""

    what: str
    page: str
    service: str
    action: str
    resource: str
    context: Context
    never: tuple[Context, ...] = ()

    def request(self, context: Context | None = None) -> Request:
        return Request(self.service, self.action, self.resource, self.context if context is None else context)


def by_services(deployed: Deployment) -> Iterator[Deed]:
    """What services do in their own name."""
    yield from _assumptions(deployed)
    yield from _alarms(deployed)
    yield from _rules(deployed)


def _assumptions(deployed: Deployment) -> Iterator[Deed]:
    for function, role in deployed.roles.items():
        yield Deed(
            f"Lambda runs {function}",
            f"{_LAMBDA}lambda-intro-execution-role.html",
            "lambda.amazonaws.com",
            "sts:AssumeRole",
            role,
            {},
        )
    page = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"
    of_here = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/shop"}
    yield Deed(
        "CloudWatch Logs delivers, for the log groups of this account and region",
        page,
        "logs.amazonaws.com",
        "sts:AssumeRole",
        service_roles(deployed)["delivery"],
        of_here,
        (
            {},
            {**of_here, "aws:SourceAccount": OTHER_ACCOUNT},
            {**of_here, "aws:SourceArn": f"arn:aws:logs:{REGION}:{OTHER_ACCOUNT}:log-group:/shop"},
        ),
    )

    yield Deed(
        "EventBridge puts changes into the stream; a role can be passed to rules of its own account alone",
        _EVENT_ROLES,
        "events.amazonaws.com",
        "sts:AssumeRole",
        service_roles(deployed)["changes"],
        {},
    )


def _alarms(deployed: Deployment) -> Iterator[Deed]:
    (topic,) = (deployed.arn(key) for key, _ in deployed.of_type("AWS::SNS::Topic"))
    notify = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tracelake-{_stage(deployed)}-notify"
    keyed = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
    acting = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"
    for key, properties in deployed.of_type("AWS::CloudWatch::Alarm"):
        alarm = deployed.arn(key)
        context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": alarm}
        strangers = (
            {"aws:SourceAccount": OTHER_ACCOUNT, "aws:SourceArn": alarm.replace(ACCOUNT, OTHER_ACCOUNT)},
            {"aws:SourceAccount": OTHER_ACCOUNT, "aws:SourceArn": alarm},
            {},
        )
        stack = key.split("/")[0]
        names = ("AlarmActions", "OKActions", "InsufficientDataActions")
        targets = {target for name in names for target in deployed.resolve(properties.get(name, []), stack)}
        assert targets <= {topic, notify}, targets
        what = f"the alarm {deployed.name(key)}"
        if topic in targets:
            service = "cloudwatch.amazonaws.com"
            yield Deed(f"{what} tells the topic", keyed, service, "sns:Publish", topic, context, strangers)
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                yield Deed(f"{what} tells the encrypted topic", keyed, service, action, deployed.keys[topic], context)
        if notify in targets:
            service = "lambda.alarms.cloudwatch.amazonaws.com"
            named = {**context, "aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:other"}
            never = (*strangers, named)
            yield Deed(f"{what} invokes notify", acting, service, "lambda:InvokeFunction", notify, context, never)


def _rules(deployed: Deployment) -> Iterator[Deed]:
    page = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"
    for key, properties in deployed.of_type("AWS::Events::Rule"):
        for target in deployed.resolve(properties["Targets"], key.split("/")[0]):
            of_rule = {"aws:SourceArn": deployed.arn(key)}
            never = ({}, {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/other"})
            service, rule = "events.amazonaws.com", f"the rule {deployed.name(key)}"
            if "RoleArn" not in target:
                does, on = "lambda:InvokeFunction", target["Arn"]
                yield Deed(f"{rule} invokes its target", page, service, does, on, of_rule, never)
            if queue := target.get("DeadLetterConfig", {}).get("Arn"):
                kept = f"{rule} keeps what it cannot deliver"
                yield Deed(kept, _UNDELIVERED, service, "sqs:SendMessage", queue, of_rule, never)


def service_roles(deployed: Deployment) -> dict[str, str]:
    """ARNs of the roles that CloudWatch Logs ("delivery") and EventBridge ("changes") take."""
    return {
        name: next(arn for arn in deployed.identity if f"-{name.title()}Role" in arn)
        for name in ("delivery", "changes")
    }


def _stage(deployed: Deployment) -> str:
    return deployed.workgroup().removeprefix("tracelake-")

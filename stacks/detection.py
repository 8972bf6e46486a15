"""What tells when something is unusual, without thresholds."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.messages import let_publish
from stacks.names import Names

# all that detect keeps in the state table
MEMORY_KEYS = ("signals", "messages")


def build_detect(stack: Stack, names: Names, libraries: Libraries, topic: sns.Topic, key: kms.Key) -> Function:
    """The function that judges what happened in the last minutes by what is usual, and tells people."""
    lake = Lake(stack, names)
    detect = Function(
        stack,
        "Detect",
        name="detect",
        names=names,
        libraries=libraries,
        description="Finds what is unusual and tells people",
        environment={
            "STATE_TABLE": lake.state_table,
            "LAKE_BUCKET": lake.bucket,
            "TOPIC_ARN": topic.topic_arn,
            "DASHBOARD": names.dashboard("application", stack.region),
        },
        memory_mb=1024,
        timeout=Duration.seconds(170),
    )
    let_publish(detect, topic, key)
    lake.let_remember(detect.role, MEMORY_KEYS)
    lake.let_read_requests(detect.role)
    lake.let_read_summaries(detect.role)
    lake.let_read_customers(detect.role)
    lake.let_show_rules(detect.role)
    lake.let_write_summary(detect.role, "incidents")
    lake.let_keep_detection(detect.role)
    # often, since most looks find nothing new and cost little: what compact has brought is judged soon after
    detect.every(Duration.minutes(3))
    return detect

"""What people see: the dashboards with their widgets, the alarms, and the topic that tells."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.alarms import build_alarms
from stacks.budget import build_budget
from stacks.dashboards import build_dashboards
from stacks.data import KEY_ROTATION, publish_name
from stacks.detection import build_detect
from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.messages import build_check_delivery, build_notify
from stacks.names import Names
from stacks.saved_queries import build_saved_queries
from stacks.settings import Settings


class InsightStack(Stack):
    """Dashboards, custom widgets, alarms, alert topic and, where it is set, a budget."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, names: Names, **kwargs: Any) -> None:
        super().__init__(scope, id, **kwargs)
        self._settings, self._names = settings, names
        self._libraries = Libraries(self, "Libraries")
        self.topic, key = self._build_topic()
        self.widgets = self._build_widgets()
        self.notify = build_notify(self, names, settings, self._libraries, self.topic, key)
        self.detect = build_detect(self, names, self._libraries, self.topic, key)
        self.check_delivery = build_check_delivery(self, names, settings, self._libraries, self.topic)
        alarms = build_alarms(self, names, settings, self.topic, self.notify.arn)
        dashboards = build_dashboards(self, names, self.widgets.arn, alarms)
        build_saved_queries(self, names, settings.tenant_keys)
        publish_name(self, names, "topic", self.topic.topic_arn)
        for subject in dashboards:
            publish_name(self, names, f"dashboard-{subject}", names.dashboard(subject, self.region))
        if settings.monthly_budget_usd:
            build_budget(self, names, settings, self._libraries, self.topic, key)

    def _build_topic(self) -> tuple[sns.Topic, kms.Key]:
        # CloudWatch cannot use the key that AWS manages for SNS, so it takes one of our own:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        key = kms.Key(
            self,
            "AlertKey",
            description="Alerts of tracelake",
            enable_key_rotation=True,
            rotation_period=KEY_ROTATION,
            removal_policy=RemovalPolicy.DESTROY,
        )
        cloudwatch = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[cloudwatch], actions=["kms:Decrypt", "kms:GenerateDataKey*"], resources=["*"]
            )
        )
        topic = sns.Topic(
            self,
            "Alerts",
            topic_name=self._names.topic,
            display_name=f"tracelake {self._settings.stage}",
            master_key=key,
            enforce_ssl=True,
        )
        alarms_of_account = self.format_arn(service="cloudwatch", resource="alarm:*")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[cloudwatch],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "ArnLike": {"aws:SourceArn": alarms_of_account},
                },
            )
        )
        if self._settings.alert_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._settings.alert_email))
        return topic, key

    def _build_widgets(self) -> Function:
        lake = Lake(self, self._names)
        widgets = Function(
            self,
            "Widgets",
            name="widgets",
            names=self._names,
            libraries=self._libraries,
            description="Draws the custom widgets of the dashboards",
            environment={
                "LAKE_BUCKET": lake.bucket,
                "GLUE_DATABASE": self._names.database,
                "WORKGROUP": self._names.workgroup,
            },
            # a share of a processor that draws a week of hours in about a second
            memory_mb=1024,
            timeout=Duration.minutes(1),
        )
        lake.let_read_summaries(widgets.role)
        lake.let_show_rules(widgets.role)
        lake.let_query(widgets.role)
        return widgets

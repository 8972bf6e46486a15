"""A Lambda function as all of tracelake's are: one folder of functions/, a role of its own, a fixed log group."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import bundling
from stacks.names import Names
from stacks.permissions import acknowledge, allow

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64


class Libraries(Construct):
    """The two assets that the functions of a stack share: the layer of requirements and the project's code."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        layer, code = bundling.build_layer(), bundling.build_code()
        bundling.check_size(layer, code)
        # somebody may have run the folder's code where it lies; its hash does not cover what Python left there
        self.code = lambda_.Code.from_asset(str(code), asset_hash=code.name, exclude=["**/__pycache__"])
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            description="Libraries of tracelake's functions",
            code=lambda_.Code.from_asset(str(layer), asset_hash=layer.name),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )


class Function(Construct):
    """``functions/<name>/handler.py``.

    Tracing stays off: spans of tracelake's own functions would come back through aws/spans. No concurrency is reserved:
    a new account has ten in all (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        names: Names,
        libraries: Libraries,
        description: str,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout: Duration,
    ) -> None:
        super().__init__(scope, id)
        self._scope, self._name = scope, names.function(name)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=names.log_group(name),
            retention=logs.RetentionDays.ONE_MONTH,
            # its name is fixed, so one that stayed behind would stop the next deployment
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Of {self._name}",
        )
        allow(
            self.role,
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [self.log_group.log_group_arn],
            why="Lambda names the log streams; the log group is the function's own.",
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=self._name,
            description=description,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            code=libraries.code,
            layers=[libraries.layer],
            handler=f"functions.{name}.handler.handle",
            environment={
                "TRACELAKE_STAGE": names.stage,
                "POWERTOOLS_SERVICE_NAME": self._name,
                **environment,
            },
            memory_size=memory_mb,
            timeout=timeout,
            role=self.role,
            log_group=self.log_group,
            tracing=lambda_.Tracing.DISABLED,
        )
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "Python 3.13, which AWS supports until 2029, is the version that all pinned libraries are released for.",
        )

    @property
    def arn(self) -> str:
        return self.function.function_arn

    def every(self, interval: Duration) -> events.Rule:
        """Run at this interval. EventBridge does not repeat what it could not deliver: the next run does it all."""
        target = targets.LambdaFunction(self.function, retry_attempts=0)
        # beside the function and not in it, so that something can come between the two
        return events.Rule(
            self._scope,
            f"{self.node.id}Schedule",
            description=f"Runs {self._name} every {interval.to_human_string()}",
            schedule=events.Schedule.rate(interval),
            targets=[target],
        )

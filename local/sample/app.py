"""The sample application as a CDK app with one stack, ``shop``.

HTTP API -> checkout -> queue -> fulfil -> table, a webhook past the API, and a third party. Everything a customer of
tracelake would switch on is on: tracing, JSON access logs with the customer in them, structured logs, EMF metrics.
"""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Environment, IgnoreMode, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.bundling import build_layer

CODE = Path(__file__).parent
STACK = "shop"
API_LOG_GROUP = "/aws/apigateway/shop"
SPANS_LOG_GROUP = "aws/spans"
POWERTOOLS = ("aws_lambda_powertools", "aws_lambda_powertools/**", "jmespath", "jmespath/**", "typing_extensions.py")
# the names that AWS's own examples give the variables
ACCESS_LOG_FORMAT = {
    "requestId": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    "routeKey": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "protocol": "$context.protocol",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationErrorMessage": "$context.integrationErrorMessage",
    "tenant": "$context.authorizer.tenant",
    "plan": "$context.authorizer.plan",
    "region": "$context.authorizer.region",
}


class ShopStack(Stack):
    """The shop. ``payments_url`` is the payment provider's address, ``stage`` the tracelake that webhooks go to."""

    def __init__(self, scope: Construct, id: str, *, payments_url: str, stage: str) -> None:
        super().__init__(scope, id, env=Environment(account=None, region=None))
        self._layer = self._build_layer()
        orders = self._build_table("Orders", "order")
        settings = self._build_table("Settings", "setting")
        queue = sqs.Queue(self, "OrdersQueue", queue_name="shop-orders", visibility_timeout=Duration.seconds(60))
        stream = kinesis.Stream.from_stream_arn(self, "Tracelake", self._stream_arn(stage))

        authorize = self._build_function("authorize", {})
        catalog = self._build_function(
            "catalog", {"ORDERS_TABLE": orders.table_name, "SETTINGS_TABLE": settings.table_name}
        )
        checkout = self._build_function(
            "checkout", {"PAYMENTS_URL": payments_url, "ORDERS_QUEUE_URL": queue.queue_url}, timeout=Duration.seconds(3)
        )
        fulfil = self._build_function("fulfil", {"ORDERS_TABLE": orders.table_name})
        webhooks = self._build_function("webhooks", {"TRACELAKE_STREAM": stream.stream_name})

        orders.grant_read_data(catalog)
        settings.grant_read_write_data(catalog)
        orders.grant_write_data(fulfil)
        queue.grant_send_messages(checkout)
        stream.grant_write(webhooks)
        fulfil.add_event_source(
            sources.SqsEventSource(
                queue, batch_size=5, max_batching_window=Duration.seconds(1), report_batch_item_failures=True
            )
        )
        self._build_spans_log_group()
        api = self._build_api(authorize, catalog, checkout)
        address = webhooks.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        CfnOutput(self, "ApiId", value=api.api_id)
        CfnOutput(self, "WebhooksUrl", value=address.url)

    def _stream_arn(self, stage: str) -> str:
        name = ssm.StringParameter.value_for_string_parameter(self, f"/tracelake/{stage}/stream")
        return self.format_arn(service="kinesis", resource="stream", resource_name=name)

    def _build_layer(self) -> lambda_.LayerVersion:
        """What AWS's own layer AWSLambdaPowertoolsPythonV3 holds; that one is only to be had on AWS."""
        keep = ["!python", *(f"!python/{path}" for path in POWERTOOLS)]
        code = lambda_.Code.from_asset(str(build_layer()), exclude=["*", *keep], ignore_mode=IgnoreMode.GIT)
        return lambda_.LayerVersion(self, "Powertools", code=code)

    def _build_table(self, id: str, sort_key: str) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            id,
            table_name=f"shop-{id.lower()}",
            partition_key=dynamodb.Attribute(name="tenant", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name=sort_key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _build_function(
        self, name: str, environment: dict[str, str], timeout: Duration | None = None
    ) -> lambda_.Function:
        full_name = f"shop-{name}"
        return lambda_.Function(
            self,
            name.title(),
            function_name=full_name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=f"shop.{name}.handle",
            code=lambda_.Code.from_asset(str(CODE), exclude=["*", "!shop", "!shop/*.py"], ignore_mode=IgnoreMode.GIT),
            layers=[self._layer],
            memory_size=256,
            timeout=timeout or Duration.seconds(10),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self._build_log_group(f"{name.title()}Logs", f"/aws/lambda/{full_name}"),
            environment={
                "POWERTOOLS_SERVICE_NAME": full_name,
                "POWERTOOLS_METRICS_NAMESPACE": "shop",
                **environment,
            },
        )

    def _build_log_group(self, id: str, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            id,
            log_group_name=name,
            retention=logs.RetentionDays.ONE_WEEK,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _build_spans_log_group(self) -> None:
        """On AWS the account's Transaction Search owns this group, and only X-Ray writes to it."""
        group = self._build_log_group("Spans", SPANS_LOG_GROUP)
        logs.LogStream(self, "SpansStream", log_group=group, log_stream_name="default")

    def _build_api(
        self, authorize: lambda_.Function, catalog: lambda_.Function, checkout: lambda_.Function
    ) -> apigateway.HttpApi:
        api = apigateway.HttpApi(
            self,
            "Api",
            api_name="shop",
            default_authorizer=authorizers.HttpLambdaAuthorizer(
                "Authorizer",
                authorize,
                identity_source=["$request.header.x-api-key"],
                response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
                results_cache_ttl=Duration.minutes(5),
            ),
        )
        reads = integrations.HttpLambdaIntegration("CatalogIntegration", catalog)
        orders = integrations.HttpLambdaIntegration("CheckoutIntegration", checkout)
        get, put, post = apigateway.HttpMethod.GET, apigateway.HttpMethod.PUT, apigateway.HttpMethod.POST
        api.add_routes(path="/products", methods=[get], integration=reads)
        api.add_routes(path="/products/{id}", methods=[get], integration=reads)
        api.add_routes(path="/orders/{id}", methods=[get], integration=reads)
        api.add_routes(path="/settings", methods=[put], integration=reads)
        api.add_routes(path="/orders", methods=[post], integration=orders)
        group = self._build_log_group("ApiLogs", API_LOG_GROUP)
        stage = api.default_stage.node.default_child if api.default_stage else None
        assert isinstance(stage, apigateway.CfnStage)
        stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(ACCESS_LOG_FORMAT)
        )
        return api


def main() -> None:
    """Synthesises the stack; context ``payments_url`` and ``stage`` say what it talks to."""
    app = App()
    ShopStack(
        app,
        STACK,
        payments_url=app.node.get_context("payments_url"),
        stage=app.node.try_get_context("stage") or "main",
    )
    app.synth()


if __name__ == "__main__":
    main()

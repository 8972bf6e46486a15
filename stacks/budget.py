"""A month's budget: tracelake's own estimate, hour by hour, and AWS's word on the bill."""

# jsii names the parameters of a class and of its interface differently, so a checker finds no class to fit its own
# interface; jsii itself checks the types of all arguments at every synth
# pyright: reportArgumentType=false

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from functions.core.cost.at_rest import HOURS
from functions.core.cost.prices import PRICES
from stacks.alarms import deployed_rules
from stacks.function import Function, Libraries
from stacks.lake import Lake
from stacks.messages import let_publish
from stacks.names import Names
from stacks.settings import Settings

COST_TAG = "tracelake"

# what an installation with the defaults costs a month in use, whatever comes in (docs/cost.md, "deployed")
# generated: rest by make docs
DEFAULT_REST_USD = 17.98
# end

# all that check_budget keeps in the state table
MEMORY_KEYS = ("budget",)


def over_budget(settings: Settings) -> dict[str, str]:
    """What those who normalise are told of the budget: nothing where there is none."""
    return {"OVER_BUDGET": settings.over_budget} if settings.monthly_budget_usd else {}


def rest_usd(settings: Settings) -> float:
    """Dollars a month whatever comes in."""
    usd, defaults = PRICES.usd, Settings()
    shard = HOURS * usd("kinesis_shard_hour")
    stream = HOURS * usd("kinesis_on_demand_hour") if settings.kinesis_mode == "on-demand" else settings.shards * shard
    alarms = sum(rule.usd for rule in deployed_rules(settings).values())
    default_alarms = sum(rule.usd for rule in deployed_rules(defaults).values())
    return DEFAULT_REST_USD - shard + stream + alarms - default_alarms


def build_budget(
    stack: Stack, names: Names, settings: Settings, libraries: Libraries, topic: sns.Topic, key: kms.Key
) -> Function:
    """The function that looks every hour what the month has cost, and an AWS Budget where somebody has an address."""
    lake = Lake(stack, names)
    function = Function(
        stack,
        "CheckBudget",
        name="check_budget",
        names=names,
        libraries=libraries,
        description="Estimates what the month has cost, tells people, and plans what is left out",
        environment={
            "STATE_TABLE": lake.state_table,
            "LAKE_BUCKET": lake.bucket,
            "TOPIC_ARN": topic.topic_arn,
            "DASHBOARD": names.dashboard("pipeline", stack.region),
            "BUDGET_USD": str(settings.monthly_budget_usd),
            "REST_USD": f"{rest_usd(settings):.2f}",
            **over_budget(settings),
        },
        memory_mb=512,
        timeout=Duration.minutes(2),
    )
    let_publish(function, topic, key)
    lake.let_remember(function.role, MEMORY_KEYS)
    lake.let_read_summaries(function.role)
    lake.let_write_summary(function.role, "budget")
    function.every(Duration.hours(1))
    if settings.alert_email:
        _build_aws_budget(stack, names, settings)
    return function


def _build_aws_budget(stack: Stack, names: Names, settings: Settings) -> None:
    """Mails at 80 % and at 100 % of the bill, which may be a day old; the tag counts once it is activated as a cost
    allocation tag. To the address and not to the topic: AWS documents no way for budgets into an encrypted one
    (https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html)."""
    subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=settings.alert_email)
    budgets.CfnBudget(
        stack,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_name=names.budget(stack.region),
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=settings.monthly_budget_usd, unit="USD"),
            cost_filters={"TagKeyValue": [f"user:{COST_TAG}${settings.stage}"]},
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type="ACTUAL",
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[subscriber],
            )
            for percent in (80, 100)
        ],
    )

"""What people see and are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from template_reading import Template, of_type, only, text

from cli import price
from functions.widgets.handler import WIDGETS
from stacks.budget import rest_usd
from stacks.settings import Settings


def test_the_topic_has_a_key_that_cloudwatch_may_use(insight: Template) -> None:
    (key,) = of_type(insight, "AWS::KMS::Key")
    assert text(only(insight, "AWS::SNS::Topic")["KmsMasterKeyId"]) == f"<{key}.Arn>"
    properties = only(insight, "AWS::KMS::Key")
    assert properties["EnableKeyRotation"] is True
    (grant,) = (
        s for s in properties["KeyPolicy"]["Statement"] if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    )
    assert grant["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]


def test_alarms_of_this_account_may_publish_and_only_over_tls(insight: Template) -> None:
    denied, allowed = only(insight, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert text(allowed["Condition"]["StringEquals"]["aws:SourceAccount"]) == "<AWS::AccountId>"
    source = text(allowed["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source == "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*"


def test_an_address_is_subscribed_only_where_the_settings_name_one(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert not of_type(insight, "AWS::SNS::Subscription")
    subscription = only(other_templates["insight"], "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def test_a_budget_is_watched_only_where_the_settings_name_one(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert not of_type(insight, "AWS::Budgets::Budget")
    budget = only(other_templates["insight"], "AWS::Budgets::Budget")
    assert text(budget["Budget"]["BudgetName"]) == "tracelake-dev-<AWS::Region>"
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": ["user:tracelake$dev"]}
    for notification in budget["NotificationsWithSubscribers"]:
        assert notification["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "ops@example.com"}]


def test_the_budget_is_estimated_every_hour_where_there_is_one(
    insight: Template, other_templates: dict[str, Template]
) -> None:
    assert "CheckBudget" not in "".join(of_type(insight, "AWS::Lambda::Function"))
    environment = only(other_templates["insight"], "AWS::Lambda::Function", "CheckBudget")["Environment"]["Variables"]
    assert (environment["BUDGET_USD"], environment["OVER_BUDGET"]) == ("50", "sample")
    rules = of_type(other_templates["insight"], "AWS::Events::Rule").values()
    (schedule,) = (rule for rule in rules if "check-budget" in text(rule["Description"]))
    assert schedule["ScheduleExpression"] == "rate(1 hour)"


def test_only_those_who_normalise_know_whether_lines_are_left_out(
    ingest: Template, other_templates: dict[str, Template]
) -> None:
    def told(template: Template) -> dict[str, str]:
        functions = of_type(template, "AWS::Lambda::Function").values()
        variables = {each["Handler"].split(".")[1]: each["Environment"]["Variables"] for each in functions}
        return {name: each["OVER_BUDGET"] for name, each in variables.items() if "OVER_BUDGET" in each}

    assert told(ingest) == {}
    assert told(other_templates["ingest"]) == {"normalize": "sample", "read_log_files": "sample"}


@pytest.mark.parametrize(
    "settings",
    [
        {"monthly_budget_usd": 20},
        {"monthly_budget_usd": 20, "shards": 4, "extra_alarms": ("stream-throttled",), "alert_email": "a@example.com"},
        {"monthly_budget_usd": 20, "kinesis_mode": "on-demand", "log_buckets": ("logs",), "over_budget": "sample"},
    ],
)
def test_what_the_estimate_takes_for_the_cost_at_rest_is_that_of_the_templates(
    tmp_path: Path, synthesise_with: Callable[..., dict[str, Template]], settings: dict[str, Any]
) -> None:
    deployed = price.months(synthesise_with(tmp_path, **settings))[0]["deployed"]
    assert rest_usd(Settings(**settings)) == pytest.approx(deployed, abs=0.05)


SUBJECTS = ("application", "pipeline")
CUSTOM = {
    "application": ["unusual", "top_customers", "top_routes", "errors", "usage", "find_log_lines", "dark"],
    "pipeline": ["ledger", "subscriptions", "rules"],
}


@pytest.fixture(scope="module")
def dashboards(templates: dict[str, Template]) -> dict[str, list[dict[str, Any]]]:
    """Widgets of each dashboard as one reads them: row by row."""
    found = {}
    for dashboard in of_type(templates["insight"], "AWS::CloudWatch::Dashboard").values():
        body = json.loads(text(dashboard["DashboardBody"]))
        assert body["start"] == "-PT3H"
        order = sorted(body["widgets"], key=lambda widget: (widget["y"], widget["x"]))
        stage, subject, region = text(dashboard["DashboardName"]).removeprefix("tracelake-").split("-", 2)
        assert (stage, region) == ("main", "<AWS::Region>"), "an account has one list of dashboards for all regions"
        found[subject] = order
    assert set(found) == set(SUBJECTS)
    return found


def _series(widget: dict[str, Any]) -> list[Any]:
    return widget["properties"].get("metrics", [])


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_dashboard_begins_with_its_header_and_standard_widgets(dashboards: Any, subject: str) -> None:
    header, first = dashboards[subject][:2]
    (other,) = set(SUBJECTS) - {subject}
    assert f"(#dashboards:name=tracelake-main-{other}-<AWS::Region>)" in header["properties"]["markdown"]
    assert "Allow always" in header["properties"]["markdown"]
    assert (first["type"], first["properties"]["view"]) == ("metric", "singleValue")
    kinds = [widget["type"] for widget in dashboards[subject]]
    assert kinds.index("custom") > 6


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_row_of_a_dashboard_is_full_and_no_widget_covers_another(dashboards: Any, subject: str) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboards[subject]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
    height = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(24) for y in range(height)}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_custom_widget_says_which_and_follows_time_range_and_size(dashboards: Any, subject: str) -> None:
    custom = [widget["properties"] for widget in dashboards[subject] if widget["type"] == "custom"]
    assert [widget["params"]["widget"] for widget in custom] == CUSTOM[subject]
    assert set(CUSTOM[subject]) <= set(WIDGETS)
    for widget in custom:
        assert widget["endpoint"].startswith("<WidgetsFunction")
        assert widget["updateOn"] == {"refresh": True, "resize": True, "timeRange": True}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_dashboard_stays_below_the_limits_of_cloudwatch(dashboards: Any, subject: str) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html; a search finds up to 100
    counts = [
        sum(100 * str(series[0].get("expression", "")).count("SEARCH(") if isinstance(series[0], dict) else 1
            for series in _series(widget))
        for widget in dashboards[subject]
    ]  # fmt: skip
    assert max(counts) <= 500
    assert sum(counts) <= 2500
    assert len(dashboards[subject]) <= 100


def test_the_application_shows_what_the_issue_asks_for(dashboards: Any) -> None:
    assert _shown(dashboards["application"]) >= {
        ("tracelake", "Requests", "Sum"),
        ("tracelake", "RequestErrors", "Sum"),
        ("tracelake", "RequestLatencyMs", "p99"),
        ("tracelake", "Invocations", "Sum"),
        ("tracelake", "ColdStarts", "Sum"),
        ("AWS/Lambda", "Throttles", "Sum"),
    }


def test_the_pipeline_shows_what_the_issue_asks_for(dashboards: Any) -> None:
    assert _shown(dashboards["pipeline"]) >= {
        ("tracelake", "CommitLagMs", "Maximum"),
        ("AWS/Lambda", "IteratorAge", "Maximum"),
        ("tracelake", "EventsIn", "SampleCount"),
        ("tracelake", "LedgerDifference", "Sum"),
        ("tracelake", "EventsRejected", "Sum"),
        ("tracelake", "DuplicateRecords", "Sum"),
        ("tracelake", "RedactedValues", "Sum"),
        ("tracelake", "UnpublishedHours", "Maximum"),
        ("AWS/Kinesis", "IncomingRecords", "Sum"),
    }
    searched = " ".join(
        series[0]["expression"]
        for widget in dashboards["pipeline"]
        for series in _series(widget)
        if isinstance(series[0], dict)
    )
    for metric in ("ForwardedLogEvents", "DeliveryErrors", "DeliveryThrottling"):
        assert f'MetricName="{metric}" FilterName="tracelake-main"' in searched


def test_throttles_are_those_of_the_account(dashboards: Any) -> None:
    (throttles,) = (s for w in dashboards["application"] for s in _series(w) if "Throttles" in s)
    assert throttles[:2] == ["AWS/Lambda", "Throttles"]
    assert isinstance(throttles[2], dict)


def _shown(widgets: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Namespace, name and statistic of every metric."""
    return {
        (series[0], series[1], series[-1].get("stat", "Average"))
        for widget in widgets
        for series in _series(widget)
        if isinstance(series[0], str)
    }


def test_the_widgets_get_what_they_are_drawn_from(insight: Template) -> None:
    (widgets,) = (
        f for f in of_type(insight, "AWS::Lambda::Function").values() if f["FunctionName"] == "tracelake-main-widgets"
    )
    variables = widgets["Environment"]["Variables"]
    assert variables["GLUE_DATABASE"] == "tracelake_main"
    assert variables["WORKGROUP"] == "tracelake-main"
    assert text(variables["LAKE_BUCKET"]).startswith("<lakebucket")


def test_lines_can_be_found_in_logs_insights_by_trace_field_and_customer(
    insight: Template, synthesise_with: Callable[..., dict[str, Template]], tmp_path: Path
) -> None:
    queries = _saved(insight)
    assert len(queries) == 3
    assert "`tenant_id`" in queries["tracelake-main/lines of a customer"]
    assert all("| limit " in query for query in queries.values())

    dev = _saved(synthesise_with(tmp_path, stage="dev", tenant_keys=("shop:id",))["insight"])
    assert "coalesce(`shop:id`) as customer" in dev["tracelake-dev/lines of a customer"]


def _saved(template: Template) -> dict[str, str]:
    found = of_type(template, "AWS::Logs::QueryDefinition").values()
    return {query["Name"]: query["QueryString"] for query in found}

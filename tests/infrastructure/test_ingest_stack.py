"""The way in: the stream, its reader, the functions and what they may do."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from template_reading import Template, of_type, only, statements, text

FUNCTIONS = (
    *("normalize", "compact", "record_poison", "create_partitions", "subscribe_log_groups"),
    "snapshot_configuration",
)


def _function(ingest: Template, name: str) -> dict[str, Any]:
    (found,) = (
        function
        for function in of_type(ingest, "AWS::Lambda::Function").values()
        if function["Handler"] == f"functions.{name}.handler.handle"
    )
    return found


def _environment(ingest: Template, name: str) -> dict[str, str]:
    return {key: text(value) for key, value in _function(ingest, name)["Environment"]["Variables"].items()}


def test_the_event_source_isolates_a_poison_record_and_keeps_it(ingest: Template) -> None:
    source = deepcopy(only(ingest, "AWS::Lambda::EventSourceMapping"))
    destination = source["DestinationConfig"]["OnFailure"].pop("Destination")
    assert text(destination) == "arn:<AWS::Partition>:s3:::<deadletterbucket>"
    (stream,) = of_type(ingest, "AWS::Kinesis::Stream")
    assert text(source.pop("EventSourceArn")) == f"<{stream}.Arn>"
    assert text(source.pop("FunctionName")).startswith("<NormalizeFunction")
    assert source == {
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 20,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 5,
        "MaximumRecordAgeInSeconds": 12 * 3600,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "DestinationConfig": {"OnFailure": {}},
        "Tags": [{"Key": "tracelake", "Value": "main"}],
    }


def test_the_event_source_begins_only_when_the_function_may_read_and_write(ingest: Template) -> None:
    (source,) = (r for r in ingest["Resources"].values() if r["Type"] == "AWS::Lambda::EventSourceMapping")
    assert any(name.startswith("NormalizeRoleDefaultPolicy") for name in source["DependsOn"])


def test_the_stream_is_encrypted_and_as_large_as_the_settings_say(
    ingest: Template, other_templates: dict[str, Template]
) -> None:
    stream = only(ingest, "AWS::Kinesis::Stream")
    assert stream["Name"] == "tracelake-main"
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert stream["ShardCount"] == 1
    assert stream["RetentionPeriodHours"] == 24
    other = only(other_templates["ingest"], "AWS::Kinesis::Stream")
    assert other["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "ShardCount" not in other


def test_only_cloudwatch_logs_of_this_account_and_region_may_put_into_the_stream(ingest: Template) -> None:
    (trust,) = only(ingest, "AWS::IAM::Role", "DeliveryRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "logs.amazonaws.com"}
    assert text(trust["Condition"]["StringEquals"]["aws:SourceAccount"]) == "<AWS::AccountId>"
    source = text(trust["Condition"]["StringLike"]["aws:SourceArn"])
    assert source == "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:*"
    (statement,) = statements(ingest, "DeliveryRole")
    assert statement["Action"] == ["kinesis:PutRecord"]
    (stream,) = of_type(ingest, "AWS::Kinesis::Stream")
    assert statement["Resource"] == [f"<{stream}.Arn>"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_runs_on_arm_and_has_its_fixed_log_group(ingest: Template, name: str) -> None:
    function = _function(ingest, name)
    assert function["FunctionName"] == f"tracelake-main-{name.replace('_', '-')}"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert "ReservedConcurrentExecutions" not in function
    assert "TracingConfig" not in function
    assert len(function["Layers"]) == 1
    group = ingest["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Properties"]["LogGroupName"] == f"/tracelake/main/{name}"
    assert group["Properties"]["RetentionInDays"] == 30
    assert group["DeletionPolicy"] == "Delete"


def test_functions_get_the_environment_they_are_written_for(ingest: Template) -> None:
    common = {"TRACELAKE_STAGE", "POWERTOOLS_SERVICE_NAME"}
    expected = {
        "normalize": {
            "STATE_TABLE": "<statetable>",
            "LAKE_BUCKET": "<lakebucket>",
            "DEAD_LETTER_BUCKET": "<deadletterbucket>",
            "STREAM_NAME": "tracelake-main",
            "MAX_EVENT_AGE_DAYS": "35",
        },
        "compact": {
            "STATE_TABLE": "<statetable>",
            "LAKE_BUCKET": "<lakebucket>",
            "GLUE_DATABASE": "tracelake_main",
        },
        "create_partitions": {"GLUE_DATABASE": "tracelake_main", "LAKE_BUCKET": "<lakebucket>"},
        "record_poison": {
            "STATE_TABLE": "<statetable>",
            "LAKE_BUCKET": "<lakebucket>",
            "DEAD_LETTER_BUCKET": "<deadletterbucket>",
            "STREAM_NAME": "tracelake-main",
        },
        "subscribe_log_groups": {"INCLUDE": "", "EXCLUDE": "", "ONLY": ""},
        "snapshot_configuration": {"LAKE_BUCKET": "<lakebucket>", "STREAM_NAME": "tracelake-main"},
    }
    for name, variables in expected.items():
        actual = _environment(ingest, name)
        assert variables.items() <= actual.items(), name
        assert actual["TRACELAKE_STAGE"] == "main"
        assert common <= actual.keys()
    assert _environment(ingest, "normalize")["TENANT_KEYS"].startswith("tenant,tenant_id,")
    subscribing = _environment(ingest, "subscribe_log_groups")
    assert subscribing["STREAM_ARN"].startswith("<Stream")
    assert subscribing["SUBSCRIPTION_ROLE_ARN"].startswith("<DeliveryRole")


def test_the_selection_of_log_groups_reaches_the_function_and_changes_the_resource(
    other_templates: dict[str, Template],
) -> None:
    ingest = other_templates["ingest"]
    variables = _environment(ingest, "subscribe_log_groups")
    assert variables["INCLUDE"] == "/aws/lambda/shop-,/aws/apigateway/"
    assert variables["EXCLUDE"] == "/aws/lambda/shop-noisy"
    resource = only(ingest, "Custom::SubscribeLogGroups")
    assert resource["Include"] == variables["INCLUDE"]
    assert resource["Exclude"] == variables["EXCLUDE"]


def test_schedules_run_the_sweeps(ingest: Template) -> None:
    schedules = {
        text(rule["Targets"][0]["Arn"]).split("Function")[0].removeprefix("<"): rule["ScheduleExpression"]
        for rule in of_type(ingest, "AWS::Events::Rule").values()
        if "ScheduleExpression" in rule
    }
    assert schedules == {
        "Compact": "rate(5 minutes)",
        "SubscribeLogGroups": "rate(5 minutes)",
        "CreatePartitions": "rate(6 hours)",
        "SnapshotConfiguration": "rate(1 day)",
    }


def test_a_batch_in_the_dead_letter_bucket_calls_record_poison_and_a_dead_letter_does_not(ingest: Template) -> None:
    (rule,) = (rule for name, rule in of_type(ingest, "AWS::Events::Rule").items() if name.startswith("PoisonArrived"))
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert [text(name) for name in pattern["detail"]["bucket"]["name"]] == ["<deadletterbucket>"]
    assert pattern["detail"]["object"]["key"] == [{"prefix": "aws/lambda/"}]
    assert text(rule["Targets"][0]["Arn"]).startswith("<RecordPoisonFunction")


def _all_before(template: Template, name: str) -> set[str]:
    """Logical ids that a resource waits for, by DependsOn or by reference, directly or through others."""
    resources, found, waiting = template["Resources"], set(), [name]
    while waiting:
        resource = resources[waiting.pop()]
        words = json.dumps(resource)
        nearest = {other for other in resources if f'"{other}"' in words} - found
        found |= nearest
        waiting += nearest
    return found


def test_filters_are_put_last_and_removed_first(ingest: Template) -> None:
    (subscriptions,) = of_type(ingest, "Custom::SubscribeLogGroups")
    later = set(ingest["Resources"]) - _all_before(ingest, subscriptions) - {subscriptions}
    assert {name.split("Allow")[0].rstrip("0123456789ABCDEF") for name in later} == {"SubscribeLogGroupsSchedule"}


def test_no_sweep_can_run_once_the_filters_are_removed(ingest: Template) -> None:
    (subscriptions,) = of_type(ingest, "Custom::SubscribeLogGroups")
    (rule,) = (n for n in of_type(ingest, "AWS::Events::Rule") if n.startswith("SubscribeLogGroupsSchedule"))
    assert subscriptions in ingest["Resources"][rule]["DependsOn"]


def test_partitions_are_there_before_the_first_log_group_is_subscribed(ingest: Template) -> None:
    (subscriptions,) = of_type(ingest, "Custom::SubscribeLogGroups")
    (partitions,) = of_type(ingest, "Custom::CreatePartitions")
    assert partitions in ingest["Resources"][subscriptions]["DependsOn"]


def test_custom_resources_are_answered_by_the_functions_themselves(ingest: Template) -> None:
    for kind, prefix in (
        ("Custom::CreatePartitions", "<CreatePartitionsFunction"),
        ("Custom::SubscribeLogGroups", "<SubscribeLogGroupsFunction"),
    ):
        assert text(only(ingest, kind)["ServiceToken"]).startswith(prefix)
    assert len(of_type(ingest, "AWS::Lambda::Function")) == len(FUNCTIONS)


def _queues(ingest: Template, prefix: str) -> list[dict[str, Any]]:
    return [each for name, each in of_type(ingest, "AWS::SQS::Queue").items() if name.startswith(prefix)]


def _log_files(ingest: Template) -> dict[str, Any]:
    return {name: each for name, each in of_type(ingest, "AWS::Events::Rule").items() if name.startswith("LogFile")}


def test_log_files_are_read_only_where_the_setting_names_buckets(
    ingest: Template, other_templates: dict[str, Template]
) -> None:
    assert not _log_files(ingest)
    assert not _queues(ingest, "UnreadLogFiles")
    patterns = [rule["EventPattern"]["detail"] for rule in _log_files(other_templates["ingest"]).values()]
    assert patterns == [
        {"bucket": {"name": ["access-logs"]}, "object": {"key": [{"prefix": "alb/"}]}},
        {"bucket": {"name": ["cloudfront-logs"]}},
    ]


def test_read_log_files_may_read_what_the_setting_names_and_no_more(other_templates: dict[str, Template]) -> None:
    policies = of_type(other_templates["ingest"], "AWS::IAM::Policy")
    (statements,) = [
        each["PolicyDocument"]["Statement"] for name, each in policies.items() if name.startswith("ReadLogFiles")
    ]
    read = [each["Resource"] for each in statements if each["Action"] == "s3:GetObject"]
    rules, named = sorted(read, key=lambda resources: "config" not in text(resources[0]))
    assert [text(resource).partition(":s3:::")[2] for resource in named] == ["access-logs/alb/*", "cloudfront-logs/*"]
    assert [text(resource).rpartition("/config/")[2] for resource in rules] == ["rules.toml", "rules.state.json"]


def test_normalize_reads_the_rules_and_writes_what_became_of_them_and_no_rules(templates: dict[str, Template]) -> None:
    policies = of_type(templates["ingest"], "AWS::IAM::Policy")
    (statements,) = [
        each["PolicyDocument"]["Statement"] for name, each in policies.items() if name.startswith("NormalizeRole")
    ]
    allowed = {
        (each["Action"], text(resource).rpartition("/config/")[2])
        for each in statements
        if str(each["Action"]).startswith("s3:")
        for resource in (each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]])
        if "/config/" in text(resource)
    }
    assert allowed == {
        ("s3:GetObject", "rules.toml"),
        ("s3:GetObject", "rules.state.json"),
        ("s3:PutObject", "rules.state.json"),
    }


def test_no_lifecycle_rule_takes_the_rules_away(templates: dict[str, Template]) -> None:
    for bucket in of_type(templates["data"], "AWS::S3::Bucket").values():
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            reaches = "config/rules.toml".startswith(rule.get("Prefix", "")) and "VersioningConfiguration" in bucket
            assert not (reaches and "ExpirationInDays" in rule)


def test_an_event_that_read_log_files_failed_on_is_kept(other_templates: dict[str, Template]) -> None:
    ingest = other_templates["ingest"]
    (config,) = of_type(ingest, "AWS::Lambda::EventInvokeConfig").values()
    assert text(config["DestinationConfig"]["OnFailure"]["Destination"]).startswith("<UnreadLogFiles")
    (queue,) = _queues(ingest, "UnreadLogFiles")
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 86_400)


def test_read_customers_reads_the_one_table_of_the_setting_every_hour_and_writes_the_list(
    ingest: Template, other_templates: dict[str, Template]
) -> None:
    other = other_templates["ingest"]
    assert not [name for name in of_type(ingest, "AWS::Lambda::Function") if name.startswith("ReadCustomers")]
    variables = only(other, "AWS::Lambda::Function", "ReadCustomers")["Environment"]["Variables"]
    assert (variables["TENANTS_TABLE"], variables["TENANTS_ATTRIBUTES"]) == ("crm-customers", "tenant=accountNumber")
    policy = only(other, "AWS::IAM::Policy", "ReadCustomers")["PolicyDocument"]["Statement"]
    dynamodb = [statement for statement in policy if "dynamodb" in str(statement["Action"])]
    assert [statement["Action"] for statement in dynamodb] == ["dynamodb:Scan"]
    assert text(dynamodb[0]["Resource"]).endswith(":table/crm-customers")
    written = {
        text(resource).rpartition(">/")[2]
        for statement in policy
        if "s3:PutObject" in statement["Action"]
        for resource in [statement["Resource"]]
    }
    assert written == {"lists/tenants/tenants.parquet", "summaries/customers.json"}
    (rule,) = (each for name, each in of_type(other, "AWS::Events::Rule").items() if name.startswith("ReadCustomers"))
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    published = {each["Name"]: each["Value"] for each in of_type(other, "AWS::SSM::Parameter").values()}
    assert published["/tracelake/dev/tenants-table"] == "crm-customers"

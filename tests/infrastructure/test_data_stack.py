"""What is kept is encrypted, closed, bounded in time, and survives the removal of its stack."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from template_reading import Template, of_type, only, text

from functions.core import questions, views
from functions.core.schema import LISTS, TABLES

KEPT = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"}


def _bucket(data: Template, name: str) -> dict[str, Any]:
    return only(data, "AWS::S3::Bucket", name)


def _lifecycle(bucket: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}


def test_what_holds_data_stays_when_the_stack_goes(data: Template) -> None:
    policies = {
        name: (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        for name, resource in data["Resources"].items()
        if resource["Type"] in KEPT
    }
    assert len(policies) == 4
    assert set(policies.values()) == {("Retain", "Retain")}


def test_what_stays_has_generated_names_so_that_a_new_installation_finds_none_taken(data: Template) -> None:
    for kind, name in (("AWS::S3::Bucket", "BucketName"), ("AWS::DynamoDB::Table", "TableName")):
        assert all(name not in properties for properties in of_type(data, kind).values())
    others = {name: r for name, r in data["Resources"].items() if r["Type"] not in KEPT}
    assert all(resource.get("DeletionPolicy", "Delete") == "Delete" for resource in others.values())


@pytest.mark.parametrize("name", ["Lake", "DeadLetters"])
def test_no_bucket_can_be_public(data: Template, name: str) -> None:
    bucket = _bucket(data, name)
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("name", ["Lake", "DeadLetters"])
def test_buckets_answer_only_over_tls(data: Template, name: str) -> None:
    policy = only(data, "AWS::S3::BucketPolicy", f"{name}Policy")["PolicyDocument"]["Statement"]
    denied = [s["Condition"] for s in policy if s["Effect"] == "Deny" and s["Principal"] == {"AWS": "*"}]
    assert {"Bool": {"aws:SecureTransport": "false"}} in denied
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied
    assert all(statement["Effect"] == "Deny" for statement in policy)


def test_the_lake_is_encrypted_and_dead_letters_have_a_key_of_their_own_that_rotates(data: Template) -> None:
    (lake,) = _bucket(data, "Lake")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert lake["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (letters,) = _bucket(data, "DeadLetters")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert letters["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    (key,) = of_type(data, "AWS::KMS::Key")
    assert text(letters["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == f"<{key}.Arn>"
    assert letters["BucketKeyEnabled"] is True
    assert only(data, "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_files_of_the_lake_live_as_long_as_their_folder_says(data: Template, other_templates: Any) -> None:
    rules = _lifecycle(_bucket(data, "Lake"))
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules.values() if "Prefix" in rule}
    assert days == {"hot/": 14, "settled/": 400, "summaries/": 400, "athena-results/": 7}
    assert rules["deleted-by-mistake"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 3}
    assert rules["deleted-by-mistake"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rules["delete-markers"]["ExpiredObjectDeleteMarker"] is True
    assert all(rule["Status"] == "Enabled" for rule in rules.values())
    other = _lifecycle(_bucket(other_templates["data"], "Lake"))
    assert other["settled-retention"]["ExpirationInDays"] == 30
    assert other["summaries-retention"]["ExpirationInDays"] == 30


def test_dead_letters_live_short(data: Template, other_templates: Any) -> None:
    (rule,) = _lifecycle(_bucket(data, "DeadLetters")).values()
    assert rule["ExpirationInDays"] == 14
    assert "Prefix" not in rule
    (other,) = _lifecycle(_bucket(other_templates["data"], "DeadLetters")).values()
    assert other["ExpirationInDays"] == 3


def test_the_dead_letter_bucket_tells_eventbridge_and_nobody_else(data: Template) -> None:
    notification = _bucket(data, "DeadLetters")["NotificationConfiguration"]
    assert notification == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert "NotificationConfiguration" not in _bucket(data, "Lake")


def test_the_state_table_is_paid_by_request_and_can_be_restored(data: Template) -> None:
    table = only(data, "AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_every_table_of_the_schema_is_a_glue_table_with_its_columns_by_hour(data: Template) -> None:
    tables = {t["TableInput"]["Name"]: t for t in of_type(data, "AWS::Glue::Table").values()}
    assert set(tables) == set(TABLES) | set(LISTS) | views.names()
    for name, schema in TABLES.items():
        table = tables[name]
        assert table["DatabaseName"] == "tracelake_main"
        table = table["TableInput"]
        storage = table["StorageDescriptor"]
        assert [(c["Name"], c["Type"]) for c in storage["Columns"]] == [(c.name, c.athena_type) for c in schema.columns]
        assert [(c["Name"], c["Type"]) for c in table["PartitionKeys"]] == [("hour", "string")]
        assert text(storage["Location"]).endswith(f"/hot/{name}/")
        assert (
            storage["SerdeInfo"]["SerializationLibrary"]
            == "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        )
        assert table["TableType"] == "EXTERNAL_TABLE"
        # partitions are registered one by one: projection would show hours that have moved
        assert not [key for key in table["Parameters"] if key.startswith("projection")]


def test_a_list_is_a_glue_table_of_one_folder_without_hours_and_its_file_never_expires(data: Template) -> None:
    tables = {t["TableInput"]["Name"]: t["TableInput"] for t in of_type(data, "AWS::Glue::Table").values()}
    for name, schema in LISTS.items():
        storage = tables[name]["StorageDescriptor"]
        assert [(c["Name"], c["Type"]) for c in storage["Columns"]] == [(c.name, c.athena_type) for c in schema.columns]
        assert tables[name]["PartitionKeys"] == []
        assert text(storage["Location"]).endswith(f"/{schema.folder}")
        assert schema.file.startswith(schema.folder)
    prefixes = [rule["Prefix"] for rule in _lifecycle(_bucket(data, "Lake")).values() if "ExpirationInDays" in rule]
    assert not [prefix for prefix in prefixes if schema.file.startswith(prefix)]


def test_every_view_is_in_glue_as_athena_writes_it(data: Template) -> None:
    tables = {t["TableInput"]["Name"]: t["TableInput"] for t in of_type(data, "AWS::Glue::Table").values()}
    assert views.names()
    for name, view in views.load_all().items():
        table = tables[name]
        assert (table["TableType"], table["Parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
        encoded = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
        written = json.loads(base64.b64decode(encoded))
        assert (written["catalog"], written["schema"]) == ("awsdatacatalog", "tracelake_main")
        assert written["originalSql"] == view.sql
        assert [c["name"] for c in written["columns"]] == [c["Name"] for c in table["StorageDescriptor"]["Columns"]]


def test_comments_of_columns_fit_into_glue(data: Template) -> None:
    for table in of_type(data, "AWS::Glue::Table").values():
        columns = table["TableInput"]["StorageDescriptor"]["Columns"] + table["TableInput"]["PartitionKeys"]
        assert max(len(column["Comment"]) for column in columns) <= 255


def test_a_query_cannot_read_more_than_the_limit_whatever_the_client_says(data: Template, other_templates: Any) -> None:
    workgroup = only(data, "AWS::Athena::WorkGroup")
    assert workgroup["Name"] == "tracelake-main"
    configuration = workgroup["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 100 * 1024**3
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    result = configuration["ResultConfiguration"]
    assert text(result["OutputLocation"]).endswith("/athena-results/")
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    other = only(other_templates["data"], "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert other["BytesScannedCutoffPerQuery"] == 5 * 1024**3


def test_every_question_is_a_named_query_that_runs_as_it_is(data: Template) -> None:
    named = {query["Name"]: query for query in of_type(data, "AWS::Athena::NamedQuery").values()}
    assert set(named) == set(questions.load_all())
    assert len(named) >= 4
    for name, query in named.items():
        assert query["WorkGroup"] == "tracelake-main", name
        assert query["Database"] == "tracelake_main", name
        assert "tracelake_main." in query["QueryString"], name
        assert ":from_hour" not in query["QueryString"], name


def test_every_name_is_found_in_a_parameter(templates: dict[str, Template]) -> None:
    values = {
        parameter["Name"]: text(parameter["Value"])
        for template in templates.values()
        for parameter in of_type(template, "AWS::SSM::Parameter").values()
    }
    (lake,) = (name for name in of_type(templates["data"], "AWS::S3::Bucket") if name.startswith("Lake"))
    (topic,) = of_type(templates["insight"], "AWS::SNS::Topic")
    (stream,) = of_type(templates["ingest"], "AWS::Kinesis::Stream")
    assert values["/tracelake/main/lake-bucket"] == f"<{lake}>"
    assert values["/tracelake/main/topic"] == f"<{topic}>"
    assert values["/tracelake/main/stream"] == f"<{stream}>"
    assert values["/tracelake/main/database"] == "tracelake_main"
    assert values["/tracelake/main/workgroup"] == "tracelake-main"
    assert values["/tracelake/main/dashboard-application"] == "tracelake-main-application-<AWS::Region>"
    assert values["/tracelake/main/dashboard-pipeline"] == "tracelake-main-pipeline-<AWS::Region>"
    assert set(values) == {
        f"/tracelake/main/{name}"
        for name in (
            "lake-bucket",
            "dead-letter-bucket",
            "dead-letter-key",
            "state-table",
            "database",
            "workgroup",
            "stream",
            "topic",
            "dashboard-application",
            "dashboard-pipeline",
        )
    }


def test_stacks_share_names_by_parameter_and_never_by_export(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert "Outputs" not in template
    for name in ("ingest", "insight"):
        read = {
            parameter["Default"]
            for parameter in templates[name]["Parameters"].values()
            if parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
        }
        assert "/tracelake/main/lake-bucket" in read

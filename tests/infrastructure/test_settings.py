"""Settings are typed, and a wrong one is answered with a sentence that names the key and what is allowed."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from stacks.application import context_of_cdk_json
from stacks.settings import Settings, SettingsError

LONG = [f"/aws/lambda/{'a' * 100}{index}" for index in range(20)]
WRONG = {
    "stage": ["", "Main", "1st", "with-hyphen", "seventeenletterss", 1],
    "account": ["12345678901", "abc", 123456789012],
    "region": ["Frankfurt", "eu-central", 1],
    "ingest_mode": ["policy", "", None],
    "include": ["/aws/lambda/", ["/aws/lambda/*"], ["/tracelake/"], ["/tracelake/main/normalize"], [""], [1], LONG],
    "exclude": ["/aws/lambda/", ["a b"], {"a": 1}, LONG],
    "exclude_names": ["/aws/lambda/a", ["a b"], LONG, [1]],
    "only": ["/tracelake/main/compact", "two groups", ["/aws/lambda/checkout"], None],
    "tenant_keys": [[], "tenant", ["a,b"], [""], ["key"] * 21],
    "alert_email": ["nobody", "a@b", "a@example.com, b@example.com", 1],
    "extra_alarms": ["stream-throttled", ["error-rate"], ["no-such-alarm"], [1]],
    "runbooks_url": ["http://example.com", "https://", "https://a b", 1],
    "kinesis_mode": ["ondemand", "", True],
    "shards": [0, -1, 501, 1.5, "1", True],
    "retention_days": [0, 3651, "400", None],
    "dead_letter_days": [0, 91, 14.0],
    "max_event_age_days": [0, 401, False],
    "log_buckets": [
        ["tracelake-main-data-lake1234"],
        ["Upper"],
        ["a"],
        ["logs/a*"],
        ["logs,more/x y"],
        [f"bucket-{number}" for number in range(11)],
        [f"bucket-{number}/{'p' * 95}" for number in range(9)],
        "arn:aws:s3:::logs",
    ],
    "tenants_table": ["a b", "ab", "arn:aws:dynamodb:eu-west-1:1:table/crm", "t" * 256, None],
    "tenants_attributes": [
        "tenant=id",
        ["tenant"],
        ["tenant="],
        ["id=tenant"],
        ["name=a b"],
        ["name=a=b"],
        ["name=a", "name=b"],
    ],
    "scan_limit_gb": [0, 100_001, "unlimited"],
    "monthly_budget_usd": [-1, 0.5, "50"],
    "over_budget": ["", "drop", 10],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_with_one_sentence_that_names_the_key_and_what_is_allowed(
    key: str, value: Any
) -> None:
    allowed = next(entry.metadata["allowed"] for entry in fields(Settings) if entry.name == key)
    with pytest.raises(SettingsError) as refused:
        Settings.from_context({"tracelake": {key: value}})
    sentence = str(refused.value)
    assert sentence.startswith(f"tracelake.{key} is ")
    assert sentence.endswith(f"must be {allowed}.")
    assert "\n" not in sentence


def test_every_setting_has_a_wrong_value_above_and_a_documentation() -> None:
    assert {entry.name for entry in fields(Settings)} == set(WRONG)
    assert all(entry.metadata["doc"].endswith(".") for entry in fields(Settings))


def test_an_unknown_key_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(SettingsError, match=r"^tracelake\.retention is not a setting; there are stage, account, .*\.$"):
        Settings.from_context({"tracelake": {"retention": 30}})
    with pytest.raises(SettingsError, match=r"^tracelake\.tenants is not a setting"):
        Settings.from_context({"tracelake.tenants": "a,b"})


def test_settings_that_are_no_object_are_refused() -> None:
    with pytest.raises(SettingsError, match="must be an object of settings"):
        Settings.from_context({"tracelake": "main"})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"only": "/aws/lambda/a", "include": ["/aws/lambda/"]}, "include and exclude must be empty"),
        ({"only": "/aws/lambda/a", "exclude": ["/aws/lambda/b"]}, "include and exclude must be empty"),
        ({"only": "/aws/lambda/a", "exclude_names": ["/aws/lambda/b"]}, "exclude_names too"),
        ({"include": LONG[:10], "exclude": LONG[:9]}, "include, exclude and exclude_names must be of at most 2048"),
        ({"ingest_mode": "account", "include": ["/aws/lambda/"]}, "AWS knows no prefixes there"),
        ({"ingest_mode": "account", "exclude": ["/aws/lambda/b"]}, "AWS knows no prefixes there"),
        ({"ingest_mode": "account", "only": "/aws/lambda/a"}, 'must be empty; "per-group" has them.'),
        ({"kinesis_mode": "on-demand", "shards": 2}, "tracelake.shards must be left at 1"),
        ({"retention_days": 7}, "tracelake.max_event_age_days must not be more than retention_days"),
        ({"tenants_attributes": ["name=company"]}, "tracelake.tenants_attributes needs tenants_table"),
        ({"over_budget": "sample"}, 'tracelake.over_budget "sample" needs monthly_budget_usd'),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_context({"tracelake": settings})
    assert sentence in str(refused.value)


def test_an_override_of_the_command_line_wins_and_has_the_type_of_its_setting() -> None:
    settings = Settings.from_context(
        {
            "tracelake": {"stage": "main", "shards": 1, "include": ["/aws/lambda/"]},
            "tracelake.stage": "dev",
            "tracelake.shards": "4",
            "tracelake.include": "/aws/lambda/shop-, /aws/apigateway/",
            "@aws-cdk/core:anything": True,
        }
    )
    assert settings.stage == "dev"
    assert settings.shards == 4
    assert settings.include == ("/aws/lambda/shop-", "/aws/apigateway/")


def test_an_override_without_a_value_empties_a_list() -> None:
    assert Settings.from_context({"tracelake": {"exclude": ["/aws/"]}, "tracelake.exclude": ""}).exclude == ()


@pytest.mark.parametrize(("key", "value"), [("shards", "many"), ("shards", "0"), ("only", "/tracelake/main/compact")])
def test_a_wrong_override_is_refused_like_a_wrong_value(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^tracelake\.{key} is .* but must be "):
        Settings.from_context({f"tracelake.{key}": value})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().stage = "dev"  # type: ignore[misc]


def test_the_settings_in_cdk_json_are_the_defaults() -> None:
    assert Settings.from_context(context_of_cdk_json()) == Settings()


def test_cdk_json_starts_the_python_of_the_project() -> None:
    cdk_json = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())
    assert cdk_json["app"] == ".venv/bin/python app.py"

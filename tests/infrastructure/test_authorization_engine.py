"""The engine decides as IAM documents it; what it does not know it does not pass over."""

from __future__ import annotations

from typing import Any

import pytest
from authorization.engine import PolicyError, Request, allowed, like, parse

ROLE = "arn:aws:iam::123456789012:role/r"
ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/hot/*"}
REQUEST = Request(ROLE, "s3:GetObject", "arn:aws:s3:::lake/hot/a")


def _may(request: Request, identity: Any = (), resource: Any = ()) -> bool:
    return allowed(request, parse({"Statement": list(identity)}), parse({"Statement": list(resource)}))


def _with(condition: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**READ, "Condition": condition}]


def _in(**context: Any) -> Request:
    return Request(ROLE, REQUEST.action, REQUEST.resource, {key.replace("_", ":"): v for key, v in context.items()})


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert not _may(REQUEST)
    assert _may(REQUEST, [READ])
    assert not _may(Request(ROLE, "s3:GetObject", "arn:aws:s3:::lake/settled/a"), [READ])
    assert not _may(Request(ROLE, "s3:PutObject", REQUEST.resource), [READ])


def test_actions_are_compared_without_case_and_resources_with_it() -> None:
    assert _may(REQUEST, [{**READ, "Action": "S3:getobject"}])
    assert not _may(REQUEST, [{**READ, "Resource": "arn:aws:s3:::LAKE/hot/*"}])


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("a*c", "abbc", True), ("a?c", "abc", True), ("a?c", "abbc", False), ("a.c", "abc", False), ("*", "a/b", True)],
)
def test_a_star_stands_for_letters_and_a_question_mark_for_one(pattern: str, text: str, fits: bool) -> None:
    assert like(pattern, text) is fits


@pytest.mark.parametrize("where", ["identity", "resource"])
def test_a_denial_wins_wherever_it_stands(where: str) -> None:
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    policies = {"identity": [READ], "resource": [{**READ, "Principal": {"AWS": ROLE}}]}
    assert _may(REQUEST, **policies)
    policies[where] = [*policies[where], denial if where == "identity" else {**denial, "Principal": "*"}]
    assert not _may(REQUEST, **policies)


def test_the_policy_of_a_resource_allows_whom_it_names_and_no_other() -> None:
    assert _may(REQUEST, resource=[{**READ, "Principal": {"AWS": [ROLE]}}])
    assert not _may(REQUEST, resource=[{**READ, "Principal": {"AWS": f"{ROLE}x"}}])
    assert not _may(REQUEST, resource=[{**READ, "Principal": {"Service": "logs.amazonaws.com"}}])
    assert not _may(REQUEST, resource=[{**READ, "Principal": ROOT}])


def test_a_key_is_used_only_by_whom_its_policy_and_that_of_the_role_allow() -> None:
    request = Request(ROLE, "kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/k")
    own = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": request.resource}
    delegated = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": ROOT}
    assert not _may(request, [own])
    assert not _may(request, resource=[delegated])
    assert _may(request, [own], [delegated])
    assert _may(request, resource=[{**own, "Principal": {"AWS": ROLE}}])


def test_a_service_is_allowed_by_the_policy_of_the_resource_alone() -> None:
    request = Request("logs.amazonaws.com", "sts:AssumeRole", ROLE)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "logs.amazonaws.com"}}
    assert _may(request, resource=[trust])
    assert not _may(Request("events.amazonaws.com", "sts:AssumeRole", ROLE), resource=[trust])


def test_all_but_the_named_actions_and_resources() -> None:
    statement = {"Effect": "Allow", "NotAction": "s3:Put*", "NotResource": "arn:aws:s3:::dead/*"}
    assert _may(REQUEST, [statement])
    assert not _may(Request(ROLE, "s3:PutObject", REQUEST.resource), [statement])
    assert not _may(Request(ROLE, "s3:GetObject", "arn:aws:s3:::dead/a"), [statement])


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ({"StringEquals": {"a:k": ["x", "y"]}}, "y", "z"),
        ({"StringLike": {"a:k": "x*"}}, "xy", "yx"),
        (
            {"ArnLike": {"a:k": "arn:aws:logs:*:1:log-group:*"}},
            "arn:aws:logs:eu:1:log-group:a",
            "arn:aws:logs:eu:2:x:y",
        ),
        ({"Bool": {"a:k": "false"}}, "false", "true"),
        ({"NumericLessThan": {"a:k": 1.2}}, "1.1", "1.2"),
    ],
)
def test_a_condition_holds_for_its_values_and_not_without_its_key(condition: Any, holds: str, fails: str) -> None:
    assert _may(_in(a_k=holds), _with(condition))
    assert not _may(_in(a_k=fails), _with(condition))
    assert not _may(_in(), _with(condition))


def test_the_key_of_a_condition_is_compared_without_case() -> None:
    assert _may(_in(a_k="x"), _with({"StringEquals": {"A:K": "x"}}))


def test_a_condition_for_all_values_holds_if_there_is_none() -> None:
    condition = {"ForAllValues:StringEquals": {"a:k": ["x", "y"]}}
    assert _may(_in(), _with(condition))
    assert _may(_in(a_k=["x", "y"]), _with(condition))
    assert not _may(_in(a_k=["x", "z"]), _with(condition))


@pytest.mark.parametrize("operator", ["StringEqualsIgnoreCase", "ForAnyValue:StringEquals", "StringEqualsIfExists"])
def test_an_operator_that_is_not_known_is_an_error(operator: str) -> None:
    with pytest.raises(PolicyError, match=operator):
        _may(REQUEST, _with({operator: {"a:k": "x"}}))


@pytest.mark.parametrize("change", [{"NotPrincipal": "*"}, {"Principal": {"Federated": "x"}}])
def test_an_element_that_is_not_known_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        parse({"Statement": [{**READ, **change}]})

"""Which log groups are subscribed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.selection import (
    SWEEP_MS,
    SWEEPS_PER_ROUND,
    YOUNG_MS,
    Filter,
    LogGroup,
    Selection,
    due,
    slots_taken,
    wanted_filter,
)

NOW = 1_795_000_000_000
OLD = NOW - 30 * YOUNG_MS


def verdict(name, log_class="STANDARD", **selection):
    return Selection(**selection).verdict(LogGroup(name, OLD, log_class))


def test_without_settings_everything_is_wanted():
    assert verdict("/aws/lambda/checkout").kind == "wanted"
    assert verdict("aws/spans").kind == "wanted"


def test_include_and_exclude_are_prefixes_and_exclude_wins():
    selection = {"include": ("/aws/lambda/", "/shop"), "exclude": ("/aws/lambda/test-",)}
    assert verdict("/aws/lambda/checkout", **selection).kind == "wanted"
    assert verdict("/shop/api", **selection).kind == "wanted"
    assert verdict("/aws/lambda/test-checkout", **selection).kind == "unselected"
    assert verdict("/aws/vpc", **selection).kind == "unselected"
    assert verdict("x/aws/lambda/checkout", **selection).kind == "unselected"


def test_only_is_one_exact_group_whatever_else_is_set():
    selection = {"only": "/aws/lambda/checkout", "include": ("/other",), "exclude": ("/aws",)}
    assert verdict("/aws/lambda/checkout", **selection).kind == "wanted"
    assert verdict("/aws/lambda/checkout-2", **selection).kind == "unselected"


@pytest.mark.parametrize(
    "own",
    [
        "/tracelake/main/normalize",
        "/tracelake/other-stage/compact",
        "/aws/lambda/tracelake-main-normalize",
        "/aws/lambda/tracelake-dev-CustomResource",
    ],
)
def test_no_setting_subscribes_a_group_of_tracelake_itself(own):
    for selection in ({}, {"include": (own,)}, {"include": ("/",)}, {"only": own}):
        found = verdict(own, **selection)
        assert found.kind == "guarded"
        assert "loop" in found.reason


@given(stage=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), rest=st.text(max_size=10))
@settings(derandomize=True, max_examples=50)
def test_groups_of_every_stage_are_guarded(stage, rest):
    assert verdict(f"/tracelake/{stage}/{rest}", include=(f"/tracelake/{stage}/",)).kind == "guarded"


def test_a_trail_may_record_our_own_writes_and_is_left_out_until_it_is_named():
    trail = "aws-cloudtrail-logs-123456789012-0f5d0a3c"
    assert verdict(trail).kind == "guarded"
    assert verdict(trail, include=("aws-cloudtrail-logs-",)).kind == "wanted"
    assert verdict(trail, only=trail).kind == "wanted"


@pytest.mark.parametrize("log_class", ["INFREQUENT_ACCESS", "DELIVERY"])
def test_a_class_that_cannot_be_subscribed_is_impossible_with_the_reason(log_class):
    found = verdict("/aws/lambda/rare", log_class)
    assert found.kind == "impossible"
    assert log_class in found.reason
    assert verdict("/aws/lambda/rare", log_class, exclude=("/aws",)).kind == "unselected"


def test_spans_are_spread_over_shards_and_logs_keep_their_stream_together():
    spread = wanted_filter(LogGroup("aws/spans", OLD), "tracelake-main", "stream", "role")
    together = wanted_filter(LogGroup("/aws/lambda/x", OLD), "tracelake-main", "stream", "role")
    assert (spread.distribution, together.distribution) == ("Random", "ByLogStream")


def test_who_holds_the_slots_is_named():
    reason = slots_taken([Filter("datadog", "arn:aws:lambda:eu-west-1:1:function:forwarder", "", "ByLogStream")])
    assert "datadog -> arn:aws:lambda:eu-west-1:1:function:forwarder" in reason


def test_a_few_groups_are_all_looked_at_every_time():
    groups = [LogGroup(f"/g/{index}", OLD) for index in range(50)]
    assert len(due(groups, NOW)) == 50


def test_three_thousand_groups_are_looked_at_within_an_hour_and_not_more_than_a_sweep_has_calls_for():
    groups = [LogGroup(f"/aws/lambda/function-{index}", OLD) for index in range(3000)]
    sweeps = [due(groups, NOW + turn * SWEEP_MS) for turn in range(SWEEPS_PER_ROUND)]
    assert {group for sweep in sweeps for group in sweep} == set(groups)
    assert max(len(sweep) for sweep in sweeps) < 400


def test_a_young_group_is_looked_at_by_every_sweep_and_first():
    young = LogGroup("/aws/lambda/new", NOW - 60_000)
    groups = [LogGroup(f"/aws/lambda/function-{index}", OLD) for index in range(3000)] + [young]
    for turn in range(3):
        assert due(groups, NOW + turn * SWEEP_MS)[0] == young

"""Every alarm goes off where it should and is silent where it should be: the template's alarms, on made-up metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from template_reading import Template, of_type, only, text

from functions.core.incidents.rules import RULES, Rule
from local.adapters.alarm_states import state_of
from stacks.alarms import describe

NOW = 1_795_168_800  # a full hour
MINUTE, HOUR = 60, 3600
Series = Callable[[int], float | None]
"""Value of a minute, by how many minutes before now it was; None where nothing was measured."""


class Metrics:
    """What was measured, by the metric's name; `SampleCount` and percentiles are of what each minute has."""

    def __init__(self, series: Mapping[str, Series]) -> None:
        self._series = series

    def __call__(self, query: dict[str, Any], start: int, period: int) -> float | None:
        metric, stat = query["Metric"], query["Stat"]
        owner = next((each["Value"] for each in metric.get("Dimensions", []) if each["Name"] == "FunctionName"), "")
        name = f"{metric['MetricName']} {owner.removeprefix('tracelake-main-')}".strip()
        if name not in self._series:
            name = f"{name} {stat}"
        if name not in self._series:
            return None
        minutes = [(NOW - at) // MINUTE for at in range(start, start + period, MINUTE)]
        values = [value for minute in minutes if (value := self._series[name](minute)) is not None]
        if not values:
            return None
        if stat in ("Sum", "SampleCount"):
            return sum(values)
        return min(values) if stat == "Minimum" else max(values)


def always(value: float) -> Series:
    return lambda _minute: value


def lately(minutes: int, value: float, before: float | None = 0.0) -> Series:
    """`value` in the last so many minutes, `before` ahead of them."""
    return lambda ago: value if ago <= minutes else before


QUIET = {
    "Requests": always(100),
    "RequestErrors": always(1),
    "RequestLatencyMs p90": always(400),
    "RequestLatencyMs SampleCount": always(100),
    "Invocations": always(100),
    "InvocationErrors": always(2),
    "Throttles": always(0),
    "IteratorAge normalize": always(20_000),
    "EventsRejected": always(0),
    "LedgerDifference": always(0),
    "DeliveryErrors": always(0),
    "OldestUnpublishedMs": always(0),
    "PoisonRecords": always(0),
    "Errors record-poison": always(0),
    "MissingSubscriptions": always(0),
    "Errors notify": always(0),
    "Errors create-partitions": always(0),
    "Errors compact": always(0),
    "Errors subscribe-log-groups": always(0),
    "Errors check-delivery": always(0),
    "WriteProvisionedThroughputExceeded": always(0),
}

BAD: dict[str, dict[str, dict[str, Series]]] = {
    "error-rate": {
        "one request in ten fails": {"RequestErrors": lately(15, 10)},
        "few requests, all of them fail": {"Requests": always(4), "RequestErrors": lately(15, 4)},
    },
    "invocation-errors": {
        "only functions and no access log": {
            "Requests": lambda _: None,
            "RequestErrors": lambda _: None,
            "InvocationErrors": lately(15, 20),
        },
    },
    "latency": {"p90 is four seconds": {"RequestLatencyMs p90": lately(20, 4000)}},
    "throttles": {"an invocation in each minute is refused": {"Throttles": lately(15, 2)}},
    "ingest-behind": {"records are 11 minutes old": {"IteratorAge normalize": lately(20, 11 * 60_000)}},
    "iterator-age": {"records are seven hours old": {"IteratorAge normalize": lately(20, 7 * 3_600_000)}},
    "rejected-events": {"one event": {"EventsRejected": lambda ago: float(ago == 3)}},
    "ledger-difference": {
        "one event too few": {"LedgerDifference": lambda ago: float(ago == 3)},
        "one event too many": {"LedgerDifference": lambda ago: -float(ago == 3)},
    },
    "delivery-errors": {"one event": {"DeliveryErrors": lambda ago: float(ago == 3)}},
    "unpublished-hours": {"an hour is four hours late": {"OldestUnpublishedMs": lately(40, 4 * 3_600_000)}},
    "poison-records": {
        "one record": {"PoisonRecords": lambda ago: float(ago == 2)},
        "record_poison fails": {"Errors record-poison": lambda ago: float(ago == 2)},
    },
    "alert-subscription": {"nobody confirms for an hour": {"MissingSubscriptions": lately(70, 1)}},
    "notify-failing": {"one error": {"Errors notify": lambda ago: float(ago == 2)}},
    "functions-failing": {
        "a run fails with both its retries": {"Errors create-partitions": lambda ago: float(ago in (2, 3, 6))},
        "compact has never worked": {"Errors compact": always(0.2), "OldestUnpublishedMs": lambda _: None},
    },
    "stream-throttled": {"50 records a minute are refused": {"WriteProvisionedThroughputExceeded": lately(20, 50)}},
}

NOISE: dict[str, dict[str, dict[str, Series]]] = {
    "error-rate": {
        "one of few requests fails": {"Requests": always(4), "RequestErrors": lambda ago: float(ago % 5 == 2)},
        "all of three requests fail": {
            "Requests": lambda ago: float(ago % 5 == 2),
            "RequestErrors": lambda ago: float(ago % 5 == 2),
        },
        "a burst of five minutes": {"RequestErrors": lambda ago: 50.0 if 6 <= ago <= 10 else 0.0},
    },
    "invocation-errors": {
        "one of few invocations fails": {"Invocations": always(4), "InvocationErrors": lambda ago: float(ago % 5 == 2)},
        "each twentieth fails": {"InvocationErrors": always(5)},
    },
    "latency": {
        "a few slow requests at night": {
            "RequestLatencyMs p90": always(9000),
            "RequestLatencyMs SampleCount": always(1),
        },
        "ten slow minutes": {"RequestLatencyMs p90": lambda ago: 9000.0 if 6 <= ago <= 15 else 400.0},
    },
    "throttles": {"a burst of one minute": {"Throttles": lambda ago: 100.0 if ago == 7 else 0.0}},
    "ingest-behind": {"a burst": {"IteratorAge normalize": lambda ago: 900_000.0 if ago == 7 else 20_000.0}},
    "iterator-age": {"an hour behind": {"IteratorAge normalize": always(HOUR * 1000)}},
    "unpublished-hours": {
        "late events of an old hour, until the next run": {
            "OldestUnpublishedMs": lambda ago: 90.0 * 3_600_000 if ago in (6, 21) else 0.0
        },
    },
    "alert-subscription": {"somebody confirms within the hour": {"MissingSubscriptions": lambda ago: float(ago > 20)}},
    "functions-failing": {"one try fails": {"Errors subscribe-log-groups": lambda ago: float(ago == 2)}},
    "stream-throttled": {"a burst": {"WriteProvisionedThroughputExceeded": lambda ago: 500.0 if ago == 2 else 0.0}},
}


def _cases(stories: dict[str, dict[str, dict[str, Series]]]) -> list[Any]:
    return [
        pytest.param(alarm, series, id=f"{alarm}: {story}")
        for alarm, found in stories.items()
        for story, series in found.items()
    ]


@pytest.fixture(scope="module")
def alarms(
    synthesise_with: Callable[..., dict[str, Template]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """All alarms, those of the setting `extra_alarms` too, by their short name."""
    extra = tuple(name for name, rule in RULES.items() if not rule.default)
    insight = synthesise_with(tmp_path_factory.mktemp("alarms"), extra_alarms=extra)["insight"]
    found = of_type(insight, "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("tracelake-main-"): alarm for alarm in found}


def _state(alarm: dict[str, Any], series: Mapping[str, Series], before: str = "OK") -> str:
    # the newest period has just ended
    period_s = alarm.get("Period") or next(m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m)
    return state_of({**alarm, "StateValue": before, "StateReason": ""}, NOW - period_s, Metrics(series))[0]


def test_every_alarm_of_the_file_is_tried(alarms: dict[str, dict[str, Any]]) -> None:
    assert set(alarms) == set(RULES) == set(BAD)


@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_it_goes_off(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]) -> None:
    assert _state(alarms[alarm], {**QUIET, **series}) == "ALARM"


@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_no_other_goes_off_with_it(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]) -> None:
    expected = {alarm, "ingest-behind"} if alarm == "iterator-age" else {alarm}
    assert {name for name in alarms if _state(alarms[name], {**QUIET, **series}) == "ALARM"} == expected


@pytest.mark.parametrize(("alarm", "series"), _cases(NOISE))
def test_noise_does_not_set_it_off(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]) -> None:
    assert _state(alarms[alarm], {**QUIET, **series}) == "OK"


@pytest.mark.parametrize("alarm", RULES)
def test_a_quiet_account_is_quiet(alarms: dict[str, dict[str, Any]], alarm: str) -> None:
    assert _state(alarms[alarm], QUIET) == "OK"


@pytest.mark.parametrize("alarm", RULES)
def test_nothing_goes_off_on_an_account_where_nothing_was_measured_yet(
    alarms: dict[str, dict[str, Any]], alarm: str
) -> None:
    expected = "INSUFFICIENT_DATA" if RULES[alarm].missing == "missing" else "OK"
    assert _state(alarms[alarm], {}, before="INSUFFICIENT_DATA") == expected


@pytest.mark.parametrize("alarm", [name for name, rule in RULES.items() if rule.silence])
def test_a_metric_that_stops_coming_is_told_where_it_always_comes(
    alarms: dict[str, dict[str, Any]], alarm: str
) -> None:
    assert _state(alarms[alarm], {}, before="OK") == "INSUFFICIENT_DATA"
    (told,) = alarms[alarm]["InsufficientDataActions"]
    assert text(told).startswith("<Alerts")


@pytest.mark.parametrize("name", RULES)
def test_the_template_has_what_the_file_says(alarms: dict[str, dict[str, Any]], name: str) -> None:
    alarm, rule = alarms[name], RULES[name]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (
        rule.at_least,
        rule.of,
        rule.beyond,
    )
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == rule.missing
    paid = sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1
    assert paid == len(rule.metrics)


@pytest.mark.parametrize("name", RULES)
def test_the_pipeline_tells_the_topic_itself_and_the_application_through_notify(
    alarms: dict[str, dict[str, Any]], name: str
) -> None:
    alarm, rule = alarms[name], RULES[name]
    (begins,) = (text(action) for action in alarm["AlarmActions"])
    assert begins.startswith("<Alerts" if rule.told == "people" else "<NotifyFunction")
    assert [text(action)[:15] for action in alarm.get("OKActions", [])] == ["<NotifyFunction"] * rule.recovers


def test_what_watches_tracelake_does_not_need_notify() -> None:
    through_notify = {name for name, rule in RULES.items() if rule.told == "notify"}
    assert through_notify == {"error-rate", "invocation-errors", "latency", "throttles"}


def test_only_alarms_of_the_stage_may_invoke_notify(insight: Template) -> None:
    permission = next(
        each
        for each in of_type(insight, "AWS::Lambda::Permission").values()
        if each["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    )
    assert text(permission["SourceArn"]).endswith(":alarm:tracelake-main-*")
    assert text(permission["SourceAccount"]) == "<AWS::AccountId>"


def test_what_notify_cannot_tell_goes_to_the_topic_as_it_is(insight: Template) -> None:
    config = only(insight, "AWS::Lambda::EventInvokeConfig")
    assert text(config["DestinationConfig"]["OnFailure"]["Destination"]).startswith("<Alerts")
    assert config["MaximumRetryAttempts"] == 2


def test_alarms_that_are_not_default_are_deployed_only_where_the_settings_name_them(insight: Template) -> None:
    deployed = {each["AlarmName"] for each in of_type(insight, "AWS::CloudWatch::Alarm").values()}
    assert deployed == {f"tracelake-main-{name}" for name, rule in RULES.items() if rule.default}


@pytest.mark.parametrize("name", RULES)
def test_its_description_says_what_it_means_and_what_to_do(name: str) -> None:
    rule: Rule = RULES[name]
    described = describe(rule, "https://example.com/wiki/")
    assert described.startswith(f"{rule.title}. {rule.means} What to do: (1) ")
    assert described.endswith(f" Runbook: https://example.com/wiki/{rule.runbook}.md")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert len(describe(rule, "https://" + "x" * 192)) <= 1024


def test_without_an_address_the_runbook_is_named_by_its_file() -> None:
    assert describe(RULES["latency"], "").endswith(" Runbook: docs/runbooks/latency.md")

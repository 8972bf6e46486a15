"""Every alarm goes off where it should, is silent where it should be, and ends: the template's alarms, on made-up
metrics, minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from template_reading import Template, of_type, only, text

from functions.core.incidents.rules import RULES, Rule
from local.simulators import alarm_states
from stacks.alarms import describe
from stacks.settings import EXTRA_ALARMS

BEGIN = 1_795_168_800  # a full hour
MINUTE, HOUR = 60, 3600
LATE = 3
"""Minutes that CloudWatch may have a metric later than it happened."""
Series = Callable[[int], float | None]
"""Value of a minute; in minute 0 something begins. None where nothing was measured."""


class Metrics:
    """What was measured before a minute, by the metric's name; `SampleCount` and percentiles are of what each minute
    has."""

    def __init__(self, series: Mapping[str, Series], before: int) -> None:
        self._series = series
        self._before = before

    def __call__(self, query: dict[str, Any], start: int, period: int) -> float | None:
        metric, stat = query["Metric"], query["Stat"]
        owner = next((each["Value"] for each in metric.get("Dimensions", []) if each["Name"] == "FunctionName"), "")
        name = f"{metric['MetricName']} {owner.removeprefix('tracelake-main-')}".strip()
        if name not in self._series:
            name = f"{name} {stat}"
        if name not in self._series:
            return None
        minutes = range((start - BEGIN) // MINUTE, min((start + period - BEGIN) // MINUTE, self._before))
        values = [value for minute in minutes if (value := self._series[name](minute)) is not None]
        if not values:
            return None
        if stat in ("Sum", "SampleCount"):
            return sum(values)
        return min(values) if stat == "Minimum" else max(values)


def always(value: float) -> Series:
    return lambda _minute: value


def since(value: float) -> Series:
    """`value` from now on."""
    return lambda minute: value if minute >= 0 else 0.0


def during(minutes: int, value: float, usual: float = 0.0) -> Series:
    """`value` for so many minutes."""
    return lambda minute: value if 0 <= minute < minutes else usual


def in_minutes(*minutes: int, value: float = 1.0) -> Series:
    return lambda minute: value if minute in minutes else 0.0


def never(_minute: int) -> None:
    """Nothing was measured."""


def only_in(minute: int, value: float) -> Series:
    """Measured up to minute 0, and then in one minute alone."""
    return lambda at: value if at <= 0 or at == minute else None


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
    "Errors read-log-files": always(0),
    "Errors read-customers": always(0),
    "Errors check-budget": always(0),
    "Errors create-partitions": always(0),
    "Errors compact": always(0),
    "Errors subscribe-log-groups": always(0),
    "Errors check-delivery": always(0),
    "Errors snapshot-configuration": lambda minute: 0.0 if minute % 1440 == 7 else None,
    "WriteProvisionedThroughputExceeded": always(0),
}
"""An ordinary day."""

Stories = dict[str, dict[str, dict[str, Series]]]

BAD: Stories = {
    "error-rate": {
        "one request in ten fails": {"RequestErrors": since(10)},
        "few requests, all of them fail": {"Requests": always(4), "RequestErrors": since(4)},
    },
    "invocation-errors": {
        "only functions and no access log": {
            "Requests": never,
            "RequestErrors": never,
            "InvocationErrors": since(20),
        },
    },
    "latency": {"p90 is four seconds": {"RequestLatencyMs p90": since(4000)}},
    "throttles": {"an invocation in each minute is refused": {"Throttles": since(2)}},
    "ingest-behind": {"records are 11 minutes old": {"IteratorAge normalize": since(11 * 60_000)}},
    "iterator-age": {"records are seven hours old": {"IteratorAge normalize": since(7 * 3_600_000)}},
    "rejected-events": {"one event": {"EventsRejected": in_minutes(0)}},
    "ledger-difference": {
        "one event too few": {"LedgerDifference": in_minutes(0)},
        "one event too many": {"LedgerDifference": in_minutes(0, value=-1.0)},
    },
    "delivery-errors": {"one event": {"DeliveryErrors": in_minutes(0)}},
    "unpublished-hours": {"an hour is four hours late": {"OldestUnpublishedMs": since(4 * 3_600_000)}},
    "poison-records": {
        "one record": {"PoisonRecords": in_minutes(0)},
        "one record, and the metric comes with it alone": {
            "PoisonRecords": lambda minute: 1.0 if minute == 0 else None
        },
        "record_poison fails": {"Errors record-poison": in_minutes(0)},
    },
    "alert-subscription": {"nobody confirms for an hour": {"MissingSubscriptions": since(1)}},
    "notify-failing": {"one error": {"Errors notify": in_minutes(0)}},
    "functions-failing": {
        "a run fails with both its retries": {"Errors create-partitions": in_minutes(0, 1, 4)},
        "the snapshot fails with both its retries": {"Errors snapshot-configuration": in_minutes(0, 1, 4)},
        "compact never works": {
            "Errors compact": lambda minute: float(minute >= 0 and minute % 5 == 0),
            "OldestUnpublishedMs": never,
        },
    },
    "log-files-unread": {"a file fails three times": {"Errors read-log-files": in_minutes(0, 1, 4)}},
    "customers-unread": {"a run fails three times": {"Errors read-customers": in_minutes(0, 1, 4)}},
    "budget-unwatched": {"a run fails with both its retries": {"Errors check-budget": in_minutes(0, 1, 4)}},
    "stream-throttled": {"50 records a minute are refused": {"WriteProvisionedThroughputExceeded": since(50)}},
}

NOISE: Stories = {
    "customers-unread": {"the third attempt helps": {"Errors read-customers": in_minutes(0, 1)}},
    "budget-unwatched": {"the third attempt helps": {"Errors check-budget": in_minutes(0, 1)}},
    "log-files-unread": {"the third attempt helps": {"Errors read-log-files": in_minutes(0, 1)}},
    "error-rate": {
        "one of few requests fails": {"Requests": always(4), "RequestErrors": lambda minute: float(minute % 5 == 2)},
        "all of three requests fail": {
            "Requests": lambda minute: float(minute % 5 == 2),
            "RequestErrors": lambda minute: float(minute % 5 == 2),
        },
        "half of a minute's requests fail": {"RequestErrors": during(1, 50, usual=1)},
        "the first requests after a silent night fail": {
            "Requests": only_in(480, 2),
            "RequestErrors": only_in(480, 2),
        },
    },
    "invocation-errors": {
        "one of few invocations fails": {
            "Invocations": always(4),
            "InvocationErrors": lambda minute: float(minute % 5 == 2),
        },
        "each twentieth fails": {"InvocationErrors": always(5)},
        "the first invocations after a silent night fail": {
            "Invocations": only_in(480, 2),
            "InvocationErrors": only_in(480, 2),
        },
    },
    "latency": {
        "a few slow requests at night": {
            "RequestLatencyMs p90": always(9000),
            "RequestLatencyMs SampleCount": always(1),
        },
        "six slow minutes": {"RequestLatencyMs p90": during(6, 9000, usual=400)},
        "the first request after a silent night is slow": {
            "RequestLatencyMs p90": lambda minute: 400.0 if minute < 0 else 9000.0,
            "RequestLatencyMs SampleCount": only_in(480, 1),
        },
    },
    "throttles": {"a burst of one minute": {"Throttles": during(1, 100)}},
    "ingest-behind": {"a burst of six minutes": {"IteratorAge normalize": during(6, 900_000, usual=20_000)}},
    "iterator-age": {"an hour behind": {"IteratorAge normalize": since(HOUR * 1000)}},
    "unpublished-hours": {
        "late events of an old hour, until the next run": {
            "OldestUnpublishedMs": lambda minute: (
                (90.0 * 3_600_000 if minute in (0, 15) else 0.0) if minute % 5 == 0 else None
            )
        },
    },
    "alert-subscription": {"somebody confirms within the hour": {"MissingSubscriptions": during(50, 1)}},
    "functions-failing": {"one try fails": {"Errors subscribe-log-groups": in_minutes(0)}},
    "stream-throttled": {"a burst": {"WriteProvisionedThroughputExceeded": during(1, 500)}},
}


def _cases(stories: Stories) -> list[Any]:
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
    by_setting = {"log_buckets": ("access-logs",), "tenants_table": "crm-customers", "monthly_budget_usd": 50}
    insight = synthesise_with(tmp_path_factory.mktemp("alarms"), extra_alarms=EXTRA_ALARMS, **by_setting)["insight"]
    found = of_type(insight, "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("tracelake-main-"): alarm for alarm in found}


def _course(
    alarm: dict[str, Any],
    series: Mapping[str, Series],
    *,
    since: int = -60,
    until: int = 60,
    before: str = "OK",
    delay: int = 0,
) -> dict[int, str]:
    """The alarm's state by the minute that has just ended; metrics come so many minutes late."""

    def known(now: int) -> Metrics:
        return Metrics(series, (now - BEGIN) // MINUTE - delay)

    told = alarm_states.states(alarm, known, BEGIN + since * MINUTE, BEGIN + until * MINUTE, before)
    return {(at - BEGIN) // MINUTE: state for at, state in told}


def _first(course: Mapping[int, str], state: str) -> int:
    return next(minute for minute, found in course.items() if found == state)


def _range(rule: Rule) -> int:
    """Minutes that an evaluation looks back at most."""
    return rule.minutes * (rule.of + alarm_states.EXTRA_PERIODS)


def test_every_alarm_of_the_file_is_tried(alarms: dict[str, dict[str, Any]]) -> None:
    assert set(alarms) == set(RULES) == set(BAD)


@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_it_goes_off_within_its_periods_and_not_before(
    alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]
) -> None:
    course = _course(alarms[alarm], {**QUIET, **series})
    assert 0 < _first(course, "ALARM") <= RULES[alarm].minutes * RULES[alarm].of


@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_it_goes_off_although_metrics_come_late(
    alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]
) -> None:
    """Where an expression fills what is missing, the newest value of a late metric is always the filler, and a period
    that did not slide would stay with it."""
    course = _course(alarms[alarm], {**QUIET, **series}, delay=LATE, until=90)
    assert 0 < _first(course, "ALARM") <= RULES[alarm].minutes * RULES[alarm].of + LATE


@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_no_other_goes_off_with_it(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]) -> None:
    metrics = {**QUIET, **series}
    at = _first(_course(alarms[alarm], metrics), "ALARM")
    ringing = {name for name in alarms if _course(alarms[name], metrics, since=at, until=at)[at] == "ALARM"}
    assert ringing == {alarm}


@pytest.mark.parametrize("silent", [False, True], ids=["then all is well", "then nothing is measured"])
@pytest.mark.parametrize(("alarm", "series"), _cases(BAD))
def test_it_ends(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series], silent: bool) -> None:
    rule, end = RULES[alarm], 60
    afterwards = dict.fromkeys(QUIET, never) if silent else QUIET

    def ending(name: str, bad: Series) -> Series:
        return lambda minute: bad(minute) if minute < end else afterwards[name](minute)

    metrics = {name: ending(name, found) for name, found in {**QUIET, **series}.items()}
    over = end + _range(rule)
    course = _course(alarms[alarm], metrics, since=0, until=over)
    assert "ALARM" in course.values()
    assert course[over] == ("INSUFFICIENT_DATA" if silent and rule.missing == "missing" else "OK")


@pytest.mark.parametrize(("alarm", "series"), _cases(NOISE))
def test_noise_does_not_set_it_off(alarms: dict[str, dict[str, Any]], alarm: str, series: dict[str, Series]) -> None:
    course = _course(alarms[alarm], {**QUIET, **series}, until=540)
    assert "ALARM" not in course.values()


@pytest.mark.parametrize(
    ("alarm", "story", "defect"),
    [
        ("error-rate", "all of three requests fail", {"floor": "100 * errors / requests"}),
        ("error-rate", "half of a minute's requests fail", {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}),
        ("error-rate", "the first requests after a silent night fail", {"TreatMissingData": "breaching"}),
        ("latency", "a few slow requests at night", {"floor": "slow"}),
        ("latency", "six slow minutes", {"EvaluationPeriods": 2, "DatapointsToAlarm": 2}),
        ("ingest-behind", "a burst of six minutes", {"DatapointsToAlarm": 2}),
        ("throttles", "a burst of one minute", {"DatapointsToAlarm": 1}),
        ("alert-subscription", "somebody confirms within the hour", {"Statistic": "Maximum"}),
    ],
)
def test_an_alarm_that_is_built_otherwise_does_not_stand_its_noise(
    alarms: dict[str, dict[str, Any]], alarm: str, story: str, defect: dict[str, Any]
) -> None:
    wrong = {**alarms[alarm], **defect}
    if "floor" in defect:
        metrics = wrong["Metrics"]
        wrong["Metrics"] = [
            {**each, "Expression": defect["floor"]} if "Expression" in each else each for each in metrics
        ]
    assert "ALARM" in _course(wrong, {**QUIET, **NOISE[alarm][story]}, until=540).values()


@pytest.mark.parametrize("alarm", RULES)
def test_a_quiet_account_is_quiet(alarms: dict[str, dict[str, Any]], alarm: str) -> None:
    assert set(_course(alarms[alarm], QUIET).values()) == {"OK"}


@pytest.mark.parametrize("alarm", RULES)
def test_a_silent_night_sets_nothing_off(alarms: dict[str, dict[str, Any]], alarm: str) -> None:
    night = {name: (lambda minute, day=day: day(minute) if minute < 0 else None) for name, day in QUIET.items()}
    course = _course(alarms[alarm], night, until=480)
    assert "ALARM" not in course.values()
    assert course[480] == ("INSUFFICIENT_DATA" if RULES[alarm].missing == "missing" else "OK")


@pytest.mark.parametrize("alarm", RULES)
def test_nothing_goes_off_on_an_account_where_nothing_was_measured_yet(
    alarms: dict[str, dict[str, Any]], alarm: str
) -> None:
    expected = "INSUFFICIENT_DATA" if RULES[alarm].missing == "missing" else "OK"
    assert set(_course(alarms[alarm], {}, before="INSUFFICIENT_DATA").values()) == {expected}


@pytest.mark.parametrize("alarm", [name for name, rule in RULES.items() if rule.silence])
def test_a_metric_that_stops_coming_is_told_where_it_always_comes(
    alarms: dict[str, dict[str, Any]], alarm: str
) -> None:
    course = _course(alarms[alarm], {name: only_in(0, 0.0) for name in QUIET}, until=_range(RULES[alarm]) + 1)
    assert _first(course, "INSUFFICIENT_DATA") == _range(RULES[alarm]) + 1
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


def test_an_alarm_comes_with_the_setting_that_deploys_what_can_fail(alarms: dict[str, dict[str, Any]]) -> None:
    by_setting = {name for name, rule in RULES.items() if rule.setting}
    assert by_setting == {"budget-unwatched", "customers-unread", "log-files-unread"}
    assert by_setting <= alarms.keys()


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

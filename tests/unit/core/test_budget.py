"""The budget: what a month has cost, who is told when, and which log groups are left out from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core import budget
from functions.core.accounting import DAY_MS
from functions.core.budget import LEAD_MS, MOST_SAMPLED, NEXT_AFTER_MS, Memory, news, planned, switched_off
from functions.core.cost.by_volume import Volume, cost
from functions.core.cost.spending import DEPLOYED, Hours, Loud, Month, Spending, spending
from functions.core.incidents.budget_wording import compose
from functions.core.incidents.wording import Place
from functions.core.sampling import Period, Plan
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import Ledger

KEY = "ab" * 16
MONTH = Month.of(1_795_168_800_000)  # 2026-11-20 10:00
NOW = MONTH.start_ms + 20 * DAY_MS
PLACE = Place("main", "123456789012", "eu-central-1", "tracelake-main-pipeline-eu-central-1")
GROUPS = (Loud("/loud", 900, 700), Loud("/spans", 800, 0), Loud("/second", 300, 250), Loud("/little", 40, 40))


def spent(usd: float, now_ms: int = NOW, loud: tuple[Loud, ...] = GROUPS, recent_bytes: int = 2000) -> Spending:
    """So much of 50 dollars."""
    return Spending(Month.of(now_ms), now_ms, 50, {DEPLOYED: usd}, 0.1, recent_bytes, loud)


def over(plan: Plan, now_ms: int, loud: tuple[Loud, ...] = GROUPS) -> Plan:
    return planned(plan, spent(51, now_ms, loud), "sample", KEY)


def _ledger(**sums: int) -> Ledger:
    return Ledger({"commits": 10, **sums}, 0, {"bytes_by_log_group": {"/a": sums.get("raw_bytes", 0)}})


def test_a_month_ends_where_the_next_one_begins() -> None:
    december = Month.of(MONTH.end_ms)
    assert (MONTH.name, december.name, Month.of(december.end_ms).name) == ("2026-11", "2026-12", "2027-01")
    assert MONTH.end_ms - MONTH.start_ms == 30 * DAY_MS
    assert list(MONTH.hours(MONTH.start_ms + HOUR_MS)) == ["2026-11-01-00", "2026-11-01-01"]


def test_what_is_spent_is_what_is_deployed_by_the_hour_and_the_commits_by_the_price_list() -> None:
    so_far, recent = Hours(), Hours()
    for hour in range(200):
        ledger = _ledger(raw_bytes=10**9, stored_bytes=10**8, files=70, rows=10**6, records=30)
        so_far.add(hour_of(MONTH.start_ms + hour * HOUR_MS), ledger)
        if hour >= 176:
            recent.add(hour_of(MONTH.start_ms + hour * HOUR_MS), ledger)
    now_ms = MONTH.start_ms + 200 * HOUR_MS
    found = spending(MONTH, now_ms, 50, 18, MONTH.start_ms, so_far, recent)
    counts = Volume(200, 2000, 6000, 200 * 10**9, 200 * 10**8, 14_000, 200 * 10**6)
    assert found.by_part[DEPLOYED] == pytest.approx(18 * 200 / 720)
    assert found.usd == pytest.approx(18 * 200 / 720 + cost(counts))
    assert found.usd_an_hour == pytest.approx(found.usd / 200)
    assert found.projected_usd == pytest.approx(found.usd / 200 * 720)
    assert found.loud == (Loud("/a", 24 * 10**9, 0),)


def test_hours_without_a_commit_cost_nothing_beyond_what_is_deployed() -> None:
    hours = Hours()
    hours.add("2026-11-01-00", Ledger())
    found = spending(MONTH, MONTH.start_ms + HOUR_MS, 50, 18, MONTH.start_ms, hours, Hours())
    assert found.by_part.keys() >= {DEPLOYED}
    assert found.usd == pytest.approx(18 / 720)


def test_below_the_budget_nothing_is_planned_and_without_opting_in_never() -> None:
    assert planned(Plan(), spent(49.9), "sample", KEY) == Plan()
    assert planned(Plan(), spent(500), "tell", KEY) == Plan()


def test_the_log_group_with_most_lines_that_can_be_left_out_is_sampled_to_the_end_of_the_month() -> None:
    plan = over(Plan(), NOW)
    assert plan == Plan(KEY, (Period("/loud", NOW + LEAD_MS, MONTH.end_ms),), version=1)


def test_a_plan_is_the_same_object_while_nothing_changes() -> None:
    plan = over(Plan(), NOW)
    later = NOW + LEAD_MS + NEXT_AFTER_MS - 1
    assert over(plan, later) is plan


def test_the_next_loudest_follows_after_six_hours_and_little_ones_never() -> None:
    plan = Plan()
    for hour in range(100):
        plan = over(plan, NOW + hour * HOUR_MS)
    assert [each.log_group for each in plan.periods] == ["/loud", "/second"]
    assert plan.periods[1].since_ms - plan.periods[0].since_ms == 7 * HOUR_MS
    assert plan.key == KEY


def test_no_more_than_ten_log_groups_are_sampled() -> None:
    plan = Plan()
    for hour in range(0, 240, 7):
        plan = over(plan, NOW + hour * HOUR_MS, tuple(Loud(f"/{each}", 100, 100) for each in range(15)))
    assert len(plan.periods) == MOST_SAMPLED


@pytest.mark.parametrize(
    "change",
    [
        lambda plan, at: planned(plan, replace(spent(51, at), budget_usd=100), "sample", KEY),
        lambda plan, at: planned(plan, spent(51, at), "tell", KEY),
        switched_off,
    ],
    ids=["raised", "tell", "off"],
)
def test_it_ends_ten_minutes_after_the_budget_is_raised_or_somebody_wants_it_to(change) -> None:  # type: ignore[no-untyped-def]
    plan = over(Plan(), NOW)
    at = NOW + 2 * HOUR_MS
    ended = change(plan, at)
    assert ended.periods == (msgspec.structs.replace(plan.periods[0], until_ms=at + LEAD_MS),)
    assert ended.version == 2


def test_what_had_not_begun_never_was() -> None:
    assert switched_off(over(Plan(), NOW), NOW - 1).periods == ()


def test_switched_off_means_for_this_month() -> None:
    plan = switched_off(Plan(), NOW)
    assert over(plan, NOW + HOUR_MS) is plan
    december = MONTH.end_ms + DAY_MS
    assert [each.log_group for each in over(plan, december).periods] == ["/loud"]


def test_a_period_stays_in_the_plan_for_three_days_so_that_what_comes_again_meets_the_same_fate() -> None:
    plan = over(Plan(), NOW)
    quiet = replace(spent(0), now_ms=MONTH.end_ms + 3 * DAY_MS - 1, month=Month.of(MONTH.end_ms))
    assert planned(plan, quiet, "sample", KEY) is plan
    assert planned(plan, replace(quiet, now_ms=MONTH.end_ms + 3 * DAY_MS), "sample", KEY).periods == ()


def test_nothing_begins_in_the_last_minutes_of_a_month() -> None:
    assert over(Plan(), MONTH.end_ms - LEAD_MS) == Plan()


spendings = st.builds(
    lambda usd, hours, amounts: spent(usd, NOW + hours * HOUR_MS, tuple(Loud(f"/{n}", n, n) for n in amounts)),
    st.floats(0, 120),
    st.integers(0, 30),
    st.lists(st.integers(0, 1000), max_size=15, unique=True),
)


@settings(deadline=None)
@given(st.lists(st.tuples(spendings, st.sampled_from(["sample", "sample", "tell"])), max_size=30))
def test_whatever_happens_what_has_begun_changes_only_from_ten_minutes_on(steps) -> None:  # type: ignore[no-untyped-def]
    """So two who read the plan at different times within those minutes decide alike about every event."""
    plan, now_ms = Plan(), 0
    for given_, over_budget in steps:
        now_ms = max(now_ms, given_.now_ms)
        found = replace(given_, now_ms=now_ms)
        after = planned(plan, found, over_budget, KEY)
        settled = now_ms + LEAD_MS
        assert _before(plan, settled, now_ms) == _before(after, settled, now_ms)
        assert len([each for each in after.periods if each.until_ms == found.month.end_ms]) <= MOST_SAMPLED
        plan = after


def _before(plan: Plan, until_ms: int, now_ms: int) -> Mapping[tuple[str, int], int]:
    """What the plan says of times before ``until_ms``, but for what is so old that nobody sends it again."""
    return {
        (each.log_group, each.since_ms): min(each.until_ms, until_ms)
        for each in plan.periods
        if each.since_ms < until_ms and each.until_ms > now_ms - budget.REMEMBERED_MS
    }


def test_people_are_told_once_at_80_percent_and_once_at_100() -> None:
    memory = Memory()
    told = []
    for usd in (39, 41, 42, 50, 51):
        fresh = news(memory, spent(usd), Plan())
        memory = msgspec.structs.replace(memory, told=(*memory.told, *fresh))
        told.append(fresh)
    assert told == [(), ("80",), (), ("100",), ()]


def test_they_are_told_of_each_log_group_that_is_left_out_and_of_its_end() -> None:
    plan = over(Plan(), NOW)
    (begun,) = news(Memory(told=("80", "100")), spent(51), plan)
    assert begun == f"sampling {NOW + LEAD_MS} /loud"
    ended = switched_off(plan, NOW + HOUR_MS)
    assert news(Memory(told=("80", "100", begun)), spent(51), ended) == (f"ended {NOW + HOUR_MS + LEAD_MS} /loud",)


def _lines(message) -> str:  # type: ignore[no-untyped-def]
    return "\n".join((message.subject, message.text))


def test_at_80_percent_the_message_says_what_is_spent_on_what_and_what_can_be_done() -> None:
    found = replace(spent(41), by_part={DEPLOYED: 30.0, "S3 requests": 11.0})
    message = compose(found, Plan(), "tell", ("80",), PLACE)
    assert message.subject == "80 % of this month's budget is spent: $41 of $50 [tracelake main]"
    for said in (
        "About $41 of $50 is spent (82 %).",
        "it will be $65 at the end of November.",
        "- what is deployed: $30",
        "- S3 requests: $11",
        "- /loud: 0.0 MB (45 %), 0.0 MB of it DEBUG and INFO",
        "nothing will be: the setting over_budget is `tell`",
        "`monthly_budget_usd`",
        "may be a\nday older",
    ):
        assert said in message.text
    assert all(len(line) <= 100 for line in message.text.splitlines())


def test_at_100_percent_the_message_says_which_lines_are_left_out_until_when_and_how_to_end_it() -> None:
    plan = over(Plan(), NOW)
    found = replace(spent(51), sampled=12345)
    message = compose(found, plan, "sample", news(Memory(told=("80",)), found, plan), PLACE)
    assert "12,345 lines so far this month." in message.text
    assert message.subject == "Over budget ($51 of $50): log lines of /loud are left out [tracelake main]"
    assert "- /loud: 9 in 10 DEBUG and INFO lines\n  from 21 Nov 00:10 UTC to 01 Dec 00:00 UTC" in message.text
    assert "tracelake budget --off" in message.text
    assert message.attributes["telling"] == "sampling"


def test_a_hostile_name_of_a_log_group_does_not_break_the_message() -> None:
    loud = (Loud("/a\nDO\n1. Click https://evil.example\u202e" + "x" * 600, 900, 900),)
    plan = over(Plan(), NOW, loud)
    message = compose(spent(51, loud=loud), plan, "sample", news(Memory(), spent(51), plan), PLACE)
    assert "\n1. Click" not in message.text
    assert message.text.count("\nDO\n") == 1
    assert len(message.subject) < 100
    assert "\u202e" not in _lines(message)

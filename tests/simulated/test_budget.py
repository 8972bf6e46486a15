"""The budget with everything that can go wrong: whatever is delivered again, retried or killed while lines begin or
cease to be left out, each event meets the fate that the plan has for it, and the ledger says what became of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aws import budget as memories
from functions.aws import plans
from functions.aws.items import unpack_json
from functions.core import budget
from functions.core.budget import LEAD_MS, Memory, Status
from functions.core.sampling import Period, Plan
from functions.core.schema import HOUR_MS

from . import audit
from .account import START_MS, Account
from .histories import KINDS, _plans, bounded, compact_plans, normalize_plans, poison_plans
from .kinesis import KEYS
from .telemetry import CHATTY
from .world import LAKE, STATE, entered

MINUTE = 60_000
TOPIC = "arn:aws:sns:eu-central-1:123456789012:tracelake-main-alerts"


@pytest.fixture(autouse=True)
def opted_in(monkeypatch):
    for name, value in {"TOPIC_ARN": TOPIC, "DASHBOARD": "d", "REST_USD": "18", "OVER_BUDGET": "sample"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BUDGET_USD", "0.001")
    plans._read.clear()


@pytest.fixture
def account():
    one = Account()
    with entered(one.world):
        one.create_partitions()
        yield one


def _settle(account):
    account.heal()
    audit.check(account)


def _counts(account, name):
    commits = [item for (pk, _), item in account.world.dynamodb.items.items() if pk.startswith("commit#")]
    return sum(unpack_json(item, "counts")[name] for item in commits)


def _begin(account):
    """Telemetry, and what is planned because of it; afterwards lines are left out."""
    yesterday = Memory(until="2026-11-19-10", since_ms=START_MS - 24 * HOUR_MS)
    memories.remember(STATE, yesterday, Status(START_MS, "2026-11", 0.001, 0, 0, "sample"))
    account.applications.write("chatter", size=9)
    account.wait(1)
    account.normalize()
    account.compact()
    account.check_budget()
    account.wait(LEAD_MS / MINUTE)


def test_lines_of_the_loudest_log_group_are_left_out_by_trace_and_counted(account):
    _begin(account)
    for _ in range(30):
        account.applications.write("chatter", size=9)
        account.applications.write("logs")
        account.applications.write("spans")
    account.wait(1)
    account.normalize()
    _settle(account)
    sampled = _counts(account, "sampled")
    assert 200 < sampled < 270
    rows = account.reader.table("ingest_ledger")
    assert sum(row["sampled"] for row in rows) == sampled
    assert sum(amount for row in rows for _, amount in row["sampled_by_log_group"] or ()) == sampled
    assert len(account.reader.table("logs")) == 9 + 30 * 11 - sampled


def test_people_are_told_once_and_the_widget_has_what_it_shows(account):
    _begin(account)
    for _ in range(3):
        account.check_budget()
    (subject,) = account.world.sns.subjects
    assert subject.endswith("log lines of /app/shop are left out [tracelake main]")
    shown = json.loads(account.world.s3.objects[LAKE, "summaries/budget.json"])
    assert [each["log_group"] for each in shown["periods"]] == [CHATTY]


def test_what_came_before_the_plan_is_kept_though_it_is_delivered_again_afterwards(account):
    account.applications.write("chatter", size=9)
    _begin(account)
    account.wait(30)
    account.applications.write("repeat", size=3)
    account.read_from_the_beginning()
    _settle(account)
    assert _counts(account, "sampled") == 0


def test_what_is_left_out_stays_so_though_it_is_delivered_again_when_the_plan_has_ended(account, monkeypatch):
    _begin(account)
    account.applications.write("chatter", size=9)
    account.wait(1)
    account.normalize()
    left_out = _counts(account, "sampled")
    assert left_out
    monkeypatch.setenv("BUDGET_USD", "1000")
    account.check_budget()
    account.wait(2 * 60)
    account.applications.write("repeat", size=1)
    account.applications.write("chatter", size=9)
    _settle(account)
    assert _counts(account, "sampled") == 2 * left_out


@pytest.mark.parametrize("fault", ["kill_before", "kill_after", "late", "lost"])
def test_a_batch_that_is_tried_again_under_another_plan_is_counted_by_one_of_them(account, fault):
    account.applications.write("chatter", size=9)
    account.wait(1)
    account.normalize({"transact_write_items#1": fault})
    periods = (Period(CHATTY, 0, account.world.now_ms + HOUR_MS, one_in=2**60),)
    plans.change(STATE, Plan(periods=periods, version=1))
    plans._read.clear()
    account.heal()
    ledger = [unpack_json(item, "counts") for (pk, _), item in account.world.dynamodb.items.items()
              if pk.startswith("commit#")]  # fmt: skip
    (found,) = (each for each in ledger if each["events"])
    assert (found["stored"], found["sampled"]) in {(9, 0), (0, 9)}
    assert len(account.reader.table("logs")) == found["stored"]


def test_a_plan_is_read_at_most_once_a_minute_and_not_at_all_without_opting_in(account, monkeypatch):
    def reads():
        account.applications.write("chatter")
        account.wait(0.6)
        account.normalize()
        return account.world.last.calls.count("dynamodb.get_item")

    first, second, third = reads(), reads(), reads()
    assert (first - second, third - second) == (2, 1)  # the first one makes the month's secret too
    monkeypatch.setenv("OVER_BUDGET", "tell")
    account.wait(5)
    assert reads() == second


def test_a_plan_that_is_not_understood_leaves_nothing_out_and_stops_nobody(account):
    plans.change(STATE, Plan(key="no hex", version=1))
    account.applications.write("chatter", size=9)
    _settle(account)
    assert len(account.reader.table("logs")) == 9


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [(plans, "PLAN_AGE_MS", 24 * HOUR_MS), (budget, "LEAD_MS", 0)],
    ids=["a plan is remembered for a day", "a plan holds at once"],
)
def test_a_defect_by_which_an_event_could_meet_two_fates_is_found(account, monkeypatch, module, name, value):
    monkeypatch.setattr(module, name, value)
    account.applications.write("chatter", size=9)
    account.wait(1)
    account.normalize()
    account.compact()
    account.check_budget()
    for minutes in (0.1, 0.1, LEAD_MS / MINUTE):
        account.wait(minutes)
        account.applications.write("chatter", size=9)
        account.normalize()
    account.heal()
    with pytest.raises(AssertionError, match="chat-"):
        audit.check(account)


budget_plans = _plans(["transact_write_items", "publish", "put_object", "get_item"], 12)
steps = st.fixed_dictionaries(
    {
        "writes": st.lists(
            st.tuples(
                st.sampled_from([("chatter", 9), ("chatter", 9), ("repeat", 3), *((kind, 2) for kind in KINDS)]),
                st.integers(0, KEYS - 1),
                st.sampled_from([0, 0, 0, 20 * MINUTE, 3 * HOUR_MS]),
            ),
            min_size=1,
            max_size=5,
        ),
        "again": st.sampled_from([False, False, False, True]),
        "normalize": st.lists(st.tuples(normalize_plans, st.integers(0, KEYS - 1)), max_size=3),
        "record_poison": st.lists(st.tuples(poison_plans, st.booleans()), max_size=1),
        "compact": st.lists(compact_plans, max_size=1),
        "budget": st.sampled_from(["0.001", "0.001", "0.001", "1000"]),
        "check": st.lists(budget_plans, max_size=2),
        "wait": st.sampled_from([1, 5, 10, 30, 62, 400]),
    }
)


@bounded(0.25)
@given(st.lists(steps, min_size=2, max_size=6))
def test_whatever_goes_wrong_each_event_meets_its_fate_and_the_ledger_says_which(history):
    plans._read.clear()
    account = Account(shards=2)
    with entered(account.world), pytest.MonkeyPatch.context() as patch:
        account.create_partitions()
        _begin(account)
        for step in history:
            for (kind, size), key, age_ms in step["writes"]:
                account.applications.write(kind, key, size, age_ms)
            if step["again"]:
                account.read_from_the_beginning()
            account.wait(1)
            for plan, shard in step["normalize"]:
                account.normalize(plan, shard)
            for plan, twice in step["record_poison"]:
                account.record_poison(plan, twice=twice)
            for plan in step["compact"]:
                account.compact(plan)
            patch.setenv("BUDGET_USD", step["budget"])
            for plan in step["check"]:
                account.check_budget(plan)
            account.wait(step["wait"])
        account.heal()
        audit.check(account)

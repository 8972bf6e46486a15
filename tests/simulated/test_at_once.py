"""Several runs of compact, and normalize, at the same time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aws import items
from functions.aws.generations import Generations
from functions.normalize import handler as normalize
from functions.record_poison import handler as record_poison

from . import audit
from .account import NORMALIZE_MS, Account
from .histories import bounded, compact_plans, normalize_plans
from .interleaving import Interleaving
from .world import entered


def _live(seed, plans):
    """Two runs of compact over two hours while late rows of these hours are committed."""
    first, second, third = plans
    account = Account(shards=2)
    write = account.applications.write
    with entered(account.world):
        account.create_partitions()
        account.wait(56)
        for kind in ("logs", "split", "webhook"):
            write(kind)
        account.wait(1)
        account.normalize()
        account.wait(66)
        write("logs", age_ms=65 * 60_000)
        write("split", age_ms=80 * 60_000)
        write("logs", key=1, age_ms=70 * 60_000)
        Interleaving(account.world, seed).run(
            lambda: account.compact(first),
            lambda: account.compact(second),
            lambda: [account.normalize(third), account.normalize({}, 1), account.compact()],
        )
        account.heal()
        audit.check(account)
        account.wait(25 * 60)
        account.compact()
        audit.check_nothing_is_left_over(account)


@bounded(0.3)
@given(st.integers(0, 1 << 32), st.tuples(compact_plans, compact_plans, normalize_plans))
def test_runs_at_the_same_time_do_not_disturb_each_other(seed, plans):
    _live(seed, plans)


def _attempt(seed, given_up):
    """Two attempts at the same batch, and one or two at recording that it was given up."""
    account = Account(retries=0, bisect=False)
    with entered(account.world):
        for kind in ("logs", "webhook", "garbage"):
            account.applications.write(kind)
        account.wait(1)
        (shard,) = account.stream.shards.values()
        event = account.source.settings.event(shard.records)
        if given_up:
            account.normalize({"put_object#1": "kill_before"})
        poison = list(account._notifications)
        Interleaving(account.world, seed).run(
            lambda: account.world.run(lambda process: normalize.handle(event, process), NORMALIZE_MS),
            lambda: account.world.run(lambda process: normalize.handle(event, process), NORMALIZE_MS),
            *(lambda one=one: account.world.run(lambda process: record_poison.handle(one, process), NORMALIZE_MS)
              for one in poison * 2),
        )  # fmt: skip
        account.heal()
        audit.check(account)


@bounded(0.4)
@given(st.integers(0, 1 << 32), st.booleans())
def test_attempts_at_the_same_records_that_are_alive_at_the_same_time_commit_them_once(seed, given_up):
    _attempt(seed, given_up)


@pytest.mark.parametrize("given_up", [False, True])
def test_without_the_positions_condition_they_would_commit_them_twice(monkeypatch, given_up):
    update = items.update

    def unconditional(table, pk, sk, sets, condition, **values):
        condition = "attribute_not_exists(#nothing)" if pk.startswith("shard#") else condition
        return update(table, pk, sk, sets, condition, **values)

    monkeypatch.setattr(items, "update", unconditional)
    with pytest.raises(AssertionError):
        _often(_attempt, given_up)


def test_without_a_lease_they_would(monkeypatch):
    take = Generations.take_lease
    monkeypatch.setattr(Generations, "take_lease", lambda self, hour: take(self, hour) or True)
    check = "functions.aws.items.check"
    monkeypatch.setattr(check, lambda table, pk, sk, condition, **values: {
        "ConditionCheck": {"TableName": table, "Key": {"pk": {"S": "nothing"}, "sk": {"S": "nothing"}},
                           "ConditionExpression": "attribute_not_exists(pk)"}})  # fmt: skip
    with pytest.raises(AssertionError):
        _often(_live, ({}, {}, {}))


def test_without_a_look_at_the_neighbours_generation_they_would(monkeypatch):
    publish = Generations.publish
    monkeypatch.setattr(
        Generations, "publish", lambda self, hour, moves, again, read: publish(self, hour, moves, again, ())
    )
    with pytest.raises(AssertionError):
        _often(_live, ({}, {}, {}))


def _often(live, details):
    for seed in range(200):
        live(seed, details)

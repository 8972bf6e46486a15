"""Several runs of compact, and normalize, at the same time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aws.generations import Generations

from . import audit
from .account import Account
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
        write("logs", shard=1, age_ms=70 * 60_000)
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


def test_without_a_lease_they_would(monkeypatch):
    take = Generations.take_lease
    monkeypatch.setattr(Generations, "take_lease", lambda self, hour: take(self, hour) or True)
    check = "functions.aws.items.check"
    monkeypatch.setattr(check, lambda table, pk, sk, condition, **values: {
        "ConditionCheck": {"TableName": table, "Key": {"pk": {"S": "nothing"}, "sk": {"S": "nothing"}},
                           "ConditionExpression": "attribute_not_exists(pk)"}})  # fmt: skip
    with pytest.raises(AssertionError):
        _live_often()


def test_without_a_look_at_the_neighbours_generation_they_would(monkeypatch):
    publish = Generations.publish
    monkeypatch.setattr(
        Generations, "publish", lambda self, hour, moves, again, read: publish(self, hour, moves, again, ())
    )
    with pytest.raises(AssertionError):
        _live_often()


def _live_often():
    for seed in range(200):
        _live(seed, ({}, {}, {}))

"""Every call to AWS of a run, one after another, as the place where something goes wrong."""

import os

from . import audit
from .account import Account
from .world import FAULTS, entered

READS = ("get_", "query", "list_")


class Moment:
    """An account to which the same moment can come again."""

    def __init__(self, account):
        self.account = account
        world, reader = account.world, account.reader
        self._parts = [(world.s3, "objects"), (world.dynamodb, "items"), (world.dynamodb, "tokens"),
                       (world.glue, "locations"), (reader, "settled"), (account.source, "_shards"),
                       (account, "_notifications")]  # fmt: skip
        self._saved = [getattr(owner, name).copy() for owner, name in self._parts]
        self._now_ms = world.now_ms

    def again(self):
        for (owner, name), saved in zip(self._parts, self._saved, strict=True):
            setattr(owner, name, saved.copy())
        self.account.world.now_ms = self._now_ms


def _recovered(account):
    account.heal()
    audit.check(account)
    account.wait(25 * 60)
    account.compact()
    audit.check_nothing_is_left_over(account)


def _faults(calls):
    """Each call as the place to die (to die before it is to die after the one before it, and what only reads has no
    effect), and with one of the other faults in turn; with all of them where TRACELAKE_EXAMPLES is set."""
    for number, call in enumerate(calls):
        if call.split(".")[1].startswith(READS):
            yield number, "refused"
            continue
        yield number, "kill_after"
        others = ("refused", "lost", "late")
        for fault in others if "TRACELAKE_EXAMPLES" in os.environ else others[number % 3 : number % 3 + 1]:
            yield number, fault


def _live_two_hours(account):
    """An hour that was published and has late rows, the next one with REPORTs of its STARTs, and a third one."""
    write = account.applications.write
    account.wait(55)
    write("logs")
    write("split", size=2)
    write("webhook")
    account.wait(1)
    account.normalize()
    account.wait(8)
    account.compact()
    write("unfinished", age_ms=20 * 60_000)
    write("logs", age_ms=20 * 60_000)
    write("repeat")
    account.wait(1)
    account.normalize()
    write("spans")
    write("journey", size=2)
    account.wait(2)
    account.normalize()
    account.wait(70)


def test_compact_may_fail_at_any_call():
    account = Account()
    with entered(account.world):
        account.create_partitions()
        _live_two_hours(account)
        moment = Moment(account)
        account.compact()
        calls = account.world.last.calls
        assert {call.split(".")[1] for call in calls} >= {
            "query", "get_item", "transact_write_items", "get_object", "put_object", "batch_update_partition",
        }  # fmt: skip
        points = list(_faults(calls))
        for number, fault in points:
            moment.again()
            account.compact({number: fault})
            _recovered(account)


def test_compact_may_fail_at_any_call_where_partitions_are_missing():
    account = Account()
    with entered(account.world):
        account.applications.write("webhook")
        account.wait(1)
        account.normalize()
        account.wait(70)
        moment = Moment(account)
        account.compact()
        calls = account.world.last.calls
        assert "glue.batch_create_partition" in calls
        points = [(number, fault) for number, fault in _faults(calls) if calls[number].startswith("glue")]
        for number, fault in points:
            moment.again()
            account.compact({number: fault})
            _recovered(account)


def test_normalize_may_fail_at_any_call():
    account = Account()
    with entered(account.world):
        for kind in ("logs", "garbage", "webhook", "invocation"):
            account.applications.write(kind)
        moment = Moment(account)
        account.wait(1)
        account.normalize()
        calls = account.world.last.calls
        for number in range(len(calls)):
            for fault in FAULTS:
                moment.again()
                account.wait(1)
                account.normalize({number: fault})
                account.normalize()
                _recovered(account)


def test_record_poison_may_fail_at_any_call():
    account = Account(retries=0, bisect=False)
    with entered(account.world):
        account.applications.write("poison")
        account.applications.write("logs")
        account.wait(1)
        account.normalize()
        moment = Moment(account)
        account.record_poison()
        calls = account.world.last.calls
        for number in range(len(calls)):
            for fault in FAULTS:
                moment.again()
                account.record_poison({number: fault})
                account.record_poison(twice=True)
                _recovered(account)

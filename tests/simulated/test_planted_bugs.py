"""The checks of this folder can fail: each defect, planted into the pipeline, is caught in a history that is fine
without it."""

from dataclasses import replace

import pytest

from functions.aws import items
from functions.aws.generations import Generations, Pending
from functions.aws.lake import Lake, hot_prefix
from functions.aws.state import Position, State
from functions.compact import assembling
from functions.core import publish
from functions.core.lake_files import LakeFile
from local.simulators.subscriptions import LogGroups

from . import audit
from .account import Account
from .world import LAKE, entered

COMMIT = "transact_write_items#1"
"""The first transaction of an account's first batch makes the month's secret."""


def _position_without_condition(patch):
    update = items.update

    def unconditional(table, pk, sk, sets, condition, **values):
        if pk.startswith("shard#"):
            return update(table, pk, sk, sets, "attribute_not_exists(#nothing)")
        return update(table, pk, sk, sets, condition, **values)

    patch.setattr(items, "update", unconditional)


def _position_not_read(patch):
    patch.setattr(Position, "is_past", lambda self, sequence: False)
    _position_without_condition(patch)


def _one_position_for_all_shards(patch):
    position, update = State.position, items.update
    patch.setattr(State, "position", lambda self, stream, shard: position(self, stream, "all"))

    def shared(table, pk, sk, sets, condition, **values):
        return update(table, pk, "all" if pk.startswith("shard#") else sk, sets, condition, **values)

    patch.setattr(items, "update", shared)


def _given_up_records_not_looked_up(patch):
    patch.setattr(State, "is_covered", lambda self, stream, shard, sequence: False)


def _hot_files_by_listing(patch):
    pending = Generations.pending

    def listed(self, hour):
        return [Pending(one.id, [file for table in one.tables for file in _listed(table, hour)], one.tables, 0)
                for one in pending(self, hour)]  # fmt: skip

    patch.setattr(Generations, "pending", listed)


def _listed(table, hour):
    pages = items.client("s3").get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix=hot_prefix(table, hour))
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return [LakeFile.of(table, hour, key, Lake(LAKE).read(key), 1) for key in keys]


def _settled_before_glue(patch):
    move = Generations.publish

    def early(self, hour, *given):
        move(self, hour, *given)
        self.settle(self.pending(hour))

    patch.setattr(Generations, "publish", early)


def _repeated_rows_kept(patch):
    patch.setattr(publish, "one_row_per_key", lambda table, rows: rows)


def _old_generation_forgotten(patch):
    current = Generations.current
    patch.setattr(Generations, "current", lambda self, table, hour: replace(
        current(self, table, hour), files=()))  # fmt: skip


def _old_generation_deleted_at_once(patch):
    move = Generations.publish

    def eager(self, hour, moves, *given):
        move(self, hour, moves, *given)
        for one in moves:
            if one.old.prefix:
                Lake(LAKE).delete_folder(one.old.prefix)

    patch.setattr(Generations, "publish", eager)


def _new_folder_not_promised(patch):
    patch.setattr(Generations, "promise_deletion", lambda self, prefix: "nothing")


def _starts_never_kept(patch):
    patch.setattr(publish.StartMerger, "finish", lambda self, later, shown: self._held.slice(0, 0))


def _neighbours_not_told(patch):
    move = Generations.publish
    patch.setattr(Generations, "publish", lambda self, hour, moves, again, *given: move(self, hour, moves, (), *given))


def _hour_before_not_assembled_again(patch):
    move = Generations.publish
    patch.setattr(Generations, "publish", lambda self, hour, moves, again, read, notes=(): move(
        self, hour, moves, again, read, [note for note in notes if note[1] == hour]))  # fmt: skip


def _earlier_traces_not_left_out(patch):
    patch.setattr(assembling, "traces_of", lambda tables: set())


def _assembled_once(patch):
    """What came late is not in the transactions."""
    made, known = assembling._make, set()

    def once(publisher, note):
        if note.hour not in known:
            made(publisher, note)
        known.add(note.hour)

    patch.setattr(assembling, "_make", once)


def _ledger_miscounts(patch):
    commit = State.commit_batch

    def wrong(self, one, *given):
        one.counts["stored"] += 1
        commit(self, one, *given)

    patch.setattr(State, "commit_batch", wrong)


def _errors_of_delivery_not_counted(patch):
    patch.setattr(LogGroups, "_count", lambda self, metric, group, name, events: None)


def _normalize(account, *plans):
    account.wait(1)
    for plan in plans:
        account.normalize(plan)


def _plain(account):
    account.applications.write("logs")
    _normalize(account, {})


def _commit_arrives_late(account):
    account.applications.write("logs")
    _normalize(account, {COMMIT: "late"}, {})


def _crash_after_commit(account):
    account.applications.write("logs")
    _normalize(account, {COMMIT: "kill_after"})


def _crash_before_commit(account):
    account.applications.write("logs")
    _normalize(account, {COMMIT: "kill_before"})
    account.applications.write("logs")


def _crash_before_partition(account):
    account.applications.write("logs")
    _normalize(account, {})
    account.wait(62)
    account.compact({"batch_update_partition#0": "kill_before"})


def _crash_while_writing(account):
    account.applications.write("logs")
    _normalize(account, {})
    account.wait(62)
    account.compact({"put_object#0": "kill_after"})


def _delivered_twice(account):
    account.applications.write("logs")
    account.applications.write("repeat")


def _resharded_while_it_fails(account):
    """The parent that is left first has more to come when its sibling's child is read."""
    account.applications.write("usage", key=0)
    account.stream.split(1)
    account.applications.write("usage", key=2)
    account.wait(1)
    account.normalize({COMMIT: "kill_before"}, shard=0)
    account.normalize({}, shard=1)
    account.stream.merge(0)
    account.applications.write("usage", key=0)


def _read_again(account):
    _plain(account)
    account.read_from_the_beginning()


def _answer_to_cloudwatch_lost(account):
    account.applications.fault = "lost"
    account.applications.write("logs")
    account.applications.fault = None


def _delivery_refused(account):
    account.applications.fault = "refused"
    account.applications.write("logs")
    account.applications.fault = None
    account.wait(11)
    account.applications.write("logs")


def _late_rows(account):
    _plain(account)
    account.wait(62)
    account.compact()
    account.applications.write("logs", age_ms=62 * 60_000)


def _never_ending_invocation(account):
    account.applications.write("unfinished")


def _over_the_full_hour(account):
    account.wait(58)
    account.applications.write("split", size=1)


def _journey_over_the_full_hour(account):
    account.wait(40)
    account.applications.write("journey", size=2)
    account.wait(24)
    while account.normalize():
        pass
    account.compact()


def _late_span(account):
    account.applications.write("spans")
    account.wait(62)
    while account.normalize():
        pass
    account.compact()
    account.applications.write("spans", age_ms=62 * 60_000)


ONCE = {"retries": 0, "bisect": False}
DEFECTS = [
    (_position_without_condition, _commit_arrives_late, {}),
    (_position_not_read, _crash_after_commit, {}),
    (_position_not_read, _read_again, {}),
    (_one_position_for_all_shards, _resharded_while_it_fails, {"shards": 2}),
    (_given_up_records_not_looked_up, _crash_after_commit, ONCE),
    (_hot_files_by_listing, _crash_before_commit, ONCE),
    (_settled_before_glue, _crash_before_partition, {}),
    (_repeated_rows_kept, _delivered_twice, {}),
    (_repeated_rows_kept, _answer_to_cloudwatch_lost, {}),
    (_errors_of_delivery_not_counted, _delivery_refused, {}),
    (_old_generation_forgotten, _late_rows, {}),
    (_old_generation_deleted_at_once, _late_rows, {}),
    (_new_folder_not_promised, _crash_while_writing, {}),
    (_starts_never_kept, _never_ending_invocation, {}),
    (_neighbours_not_told, _over_the_full_hour, {}),
    (_ledger_miscounts, _plain, {}),
    (_hour_before_not_assembled_again, _journey_over_the_full_hour, {}),
    (_earlier_traces_not_left_out, _journey_over_the_full_hour, {}),
    (_assembled_once, _late_span, {}),
]


def _play(history, source):
    account = Account(**source)
    with entered(account.world):
        account.create_partitions()
        history(account)
        account.heal()
        audit.check(account)
        account.wait(25 * 60)
        account.compact()
        audit.check_nothing_is_left_over(account)


@pytest.mark.parametrize(
    ("plant", "history", "source"),
    DEFECTS,
    ids=[f"{plant.__name__.strip('_')}-{history.__name__.strip('_')}" for plant, history, _ in DEFECTS],
)
def test_a_planted_defect_is_caught(plant, history, source, monkeypatch):
    _play(history, source)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _play(history, source)

"""Summaries for the widgets: there while the hour goes on, exact when it is over, written when something changed."""

import pytest

from functions.aws.summaries import key_of
from functions.compact import assembling
from functions.compact.summarising import Summariser
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import decode

from . import audit
from .account import Account
from .errors import FunctionError
from .world import LAKE, entered


def _object(account, kind, hour):
    return decode(account.world.s3.objects.get((LAKE, key_of(kind, hour)), b""))


def _requests(account, hour):
    return _object(account, "traffic", hour).summary("traffic").customers.total().requests


def _writes(account):
    """Puts of summaries by the last run."""
    written = []

    def watch(operation, params):
        if operation == "put_object" and params["Key"].startswith("summaries/"):
            written.append(params["Key"])

    account.world.watchers.append(watch)
    account.compact()
    account.world.watchers.remove(watch)
    return written


def test_an_hour_that_goes_on_is_summarised_with_every_commit_once():
    account = Account()
    with entered(account.world):
        hour = hour_of(account.world.now_ms)
        account.create_partitions()
        for count in (2, 4, 6):
            account.applications.write("webhook", size=2)
            account.applications.write("logs", size=3)
            account.wait(1)
            account.normalize()
            # traffic and errors, the signals of both, and the ledger
            assert len(_writes(account)) == 5
            assert _requests(account, hour) == count
            assert _writes(account) == []
        errors = _object(account, "errors", hour).summary("errors").groups
        assert errors.total().count == 9
        ledger = _object(account, "ledger", hour).summary("ledger").sums
        assert (ledger["commits"], ledger["events"]) == (3, 15)


def test_a_published_hour_is_summarised_from_its_rows_and_again_when_late_ones_come():
    account = Account()
    with entered(account.world):
        hour = hour_of(account.world.now_ms)
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(1)
        account.normalize()
        account.compact()
        assert _object(account, "traffic", hour).generation == 0
        # what is filled is told of published hours alone
        assert _object(account, "telemetry_requests", hour).content is None
        account.wait(63)
        account.compact()
        made, filled = _object(account, "traffic", hour), _object(account, "telemetry_requests", hour)
        assert (made.generation, made.commits, _requests(account, hour)) == (1, [], 2)
        assert (filled.generation, filled.summary("telemetry_requests").found.total().rows) == (1, 2)
        account.applications.write("webhook", size=2, age_ms=50 * 60_000)
        account.wait(1)
        account.normalize()
        account.compact()
        assert (_object(account, "traffic", hour).generation, _requests(account, hour)) == (2, 4)
        assert _writes(account) == []


def test_events_that_were_delivered_twice_count_twice_only_until_the_hour_is_published():
    account = Account()
    with entered(account.world):
        hour = hour_of(account.world.now_ms)
        account.create_partitions()
        account.applications.write("logs", size=3)
        account.wait(1)
        account.normalize()
        account.applications.write("repeat")
        account.wait(1)
        account.normalize()
        account.compact()
        assert _object(account, "errors", hour).summary("errors").groups.total().count == 6
        account.heal()
        assert _object(account, "errors", hour).summary("errors").groups.total().count == 3
        audit.check(account)


def test_a_death_between_publication_and_summary_heals_with_the_next_run():
    account = Account()
    with entered(account.world):
        hour = hour_of(account.world.now_ms)
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(70)
        account.normalize()
        account.compact({"put_object#2": "kill_before"})
        assert not [sk for pk, sk in account.world.dynamodb.items if pk == "pending" and sk.startswith(hour)]
        assert _object(account, "traffic", hour).generation == 0
        assert ("summarise", hour) in account.world.dynamodb.items
        account.compact()
        assert (_object(account, "traffic", hour).generation, _requests(account, hour)) == (1, 2)
        assert ("summarise", hour) not in account.world.dynamodb.items


def test_a_run_that_saw_the_hour_before_it_was_published_does_not_win():
    account = Account()
    with entered(account.world):
        hour = hour_of(account.world.now_ms)
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(1)
        account.normalize()
        # the slow run's write arrives when the other one has published the hour
        account.compact({"put_object#0": "late"})
        account.wait(70)
        account.compact()
        assert _object(account, "traffic", hour).generation == 1
        account.world.settle_late()
        for kind in ("traffic", "ledger"):
            assert _object(account, kind, hour).generation == 1


def test_a_failing_bucket_for_summaries_stops_no_publication():
    account = Account()
    with entered(account.world):
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(70)
        account.normalize()
        hour = hour_of(account.world.now_ms - 70 * 60_000)
        assert account.compact({"get_object#2": "refused"}) is None
        assert hour not in account.unpublished_hours()
        account.heal()
        audit.check(account)


def _fails_for(patch, owner, name, when):
    """A defect in a method that only some arguments bring out."""
    real = getattr(owner, name)

    def work(*given):
        if when(*given):
            raise RuntimeError("a defect")
        return real(*given)

    patch.setattr(owner, name, work)


def test_a_summary_that_fails_is_an_error_of_the_function_when_all_else_is_done_and_retries_do_no_harm():
    account = Account()
    with entered(account.world), pytest.MonkeyPatch.context() as patch:
        first = hour_of(account.world.now_ms)
        _fails_for(patch, Summariser, "_published", lambda _, kind, hour: (kind, hour) == ("errors", first))
        account.create_partitions()
        for minutes in (60, 70):
            account.applications.write("webhook", size=2)
            account.applications.write("spans")
            account.wait(minutes)
            account.normalize()
        for _ in range(3):  # the scheduled invocation, and Lambda's two retries
            with pytest.raises(FunctionError, match=f"UnfinishedError.*summary of errors in {first}: RuntimeError"):
                account.run_compact()
            account.wait(1)
        assert first not in account.unpublished_hours()
        assert _requests(account, first) == 2
        assert len(account.reader.table("transactions")) == 2
        assert [sk for pk, sk in account.world.dynamodb.items if pk == "summarise"] == [first]
        patch.undo()
        account.heal()
        audit.check(account)


def test_an_hour_whose_transactions_fail_is_an_error_too_and_stops_neither_the_next_hour_nor_garbage():
    account = Account()
    with entered(account.world), pytest.MonkeyPatch.context() as patch:
        first = hour_of(account.world.now_ms)
        _fails_for(patch, assembling, "_make", lambda _, note: note.hour == first)
        account.create_partitions()
        for minutes in (60, 70):
            account.applications.write("spans")
            account.wait(minutes)
            account.normalize()
        for _ in range(3):
            with pytest.raises(FunctionError, match=f"UnfinishedError.*transactions of {first}: RuntimeError"):
                account.run_compact()
            account.wait(1)
        assert [row["hour"] for row in account.reader.table("transactions")] == [
            hour_of(account.world.now_ms - HOUR_MS)
        ]
        account.wait(25 * 60)
        account.compact()
        due = f"{account.world.now_ms:014d}"
        assert not [sk for pk, sk in account.world.dynamodb.items if pk == "garbage" and sk < due]
        patch.undo()
        account.heal()
        audit.check(account)


def test_of_an_hour_too_large_for_transactions_a_metric_tells_once_and_there_is_none_without(capsys):
    account = Account()
    with entered(account.world), pytest.MonkeyPatch.context() as patch:
        account.create_partitions()
        account.applications.write("spans")
        account.wait(70)
        account.normalize()
        patch.setattr(assembling, "MOST_BYTES", 1)
        assert account.compact()["PublishedHours"] == 1
        account.compact()
        # its own, and those of the hour before, which may go on in it
        assert capsys.readouterr().out.count('"HoursWithoutTransactions":[1.0]') == 2
        patch.undo()
        account.applications.write("spans")
        account.wait(70)
        account.normalize()
        assert account.compact()["PublishedHours"] == 1
        assert "HoursWithoutTransactions" not in capsys.readouterr().out

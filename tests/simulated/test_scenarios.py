"""Single stories: an outage, late and repeated delivery, poison, very many hours, huge hours, a broken hour."""

import json
from functools import partial

import pytest

from functions.aws import state
from functions.aws.catalog import Partitions
from functions.aws.dead_letters import DeadLetters
from functions.aws.lake import Lake
from functions.aws.state import Commit, Range, State
from functions.compact import handler as compact
from functions.compact import publication
from functions.core.lake_files import LakeFile
from functions.core.schema import TABLES, hour_of
from functions.normalize import batch
from functions.normalize import handler as normalize

from . import audit
from .account import Account
from .kinesis import KEYS
from .telemetry import POISON
from .world import DEAD_LETTERS, LAKE, STATE, entered

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def account():
    one = Account()
    with entered(one.world):
        one.create_partitions()
        yield one


def _settle(account):
    account.heal()
    audit.check(account)


def _write_all(account, **more):
    for kind in ("logs", "emf", "spans", "invocation", "split", "usage", "webhook"):
        account.applications.write(kind, **more)


def _committed_letters():
    return [letter for _, found in DeadLetters(DEAD_LETTERS).committed(State(STATE)) for letter in found]


def test_an_outage_of_hours_over_hour_boundaries_loses_nothing():
    account = Account(batch_size=4)
    with entered(account.world):
        account.create_partitions()
        for _ in range(9):
            _write_all(account)
            account.wait(47)
        _settle(account)
        assert len({row["hour"] for row in account.reader.table("logs")}) >= 7
        assert not _committed_letters()


def test_a_stream_that_is_split_and_merged_during_an_outage_loses_nothing():
    account = Account(shards=2, batch_size=3, window_ms=20_000)
    with entered(account.world):
        account.create_partitions()
        for number, reshard in enumerate((None, account.stream.split, account.stream.merge, account.stream.split)):
            if reshard:
                reshard(number)
            for key in range(KEYS):
                _write_all(account, key=key)
            account.wait(20)
            account.normalize({"transact_write_items#0": "kill_after"}, number)
        _settle(account)
        assert len(account.stream.shards) == 7
        assert not _committed_letters()


def test_a_new_event_source_that_begins_with_all_that_is_on_the_stream_stores_nothing_twice(account):
    for _ in range(2):
        _write_all(account)
        account.applications.write("poison")
        account.wait(1)
        account.normalize()
        account.read_from_the_beginning()
    _settle(account)
    assert len([letter for letter in _committed_letters() if letter.payload.startswith(POISON)]) == 2


def test_after_an_outage_that_is_longer_than_the_record_age_everything_is_kept_as_dead_letters(account):
    _write_all(account)
    account.wait(13 * 60)
    _write_all(account)
    account.normalize()
    account.record_poison()
    _settle(account)
    letters = _committed_letters()
    assert len(letters) >= 7
    assert {letter.reason for letter in letters} == {"given up by the event source: RecordAgeExceeded (Unhandled)"}


def test_events_that_are_days_late_join_their_hour(account):
    _write_all(account)
    account.normalize()
    account.wait(70)
    account.compact()
    for age in (70 * MINUTE, 3 * DAY, 20 * DAY):
        _write_all(account, age_ms=age)
        account.wait(1)
        account.normalize()
        account.compact()
    _settle(account)
    assert len({row["hour"] for row in account.reader.table("logs")}) == 3


def test_what_cloudwatch_delivers_twice_is_in_the_lake_once(account):
    for kind in ("logs", "split", "invocation", "unfinished"):
        account.applications.write(kind)
        account.wait(8)
        account.applications.write("repeat", size=3)
        account.normalize()
    account.wait(60)
    account.compact()
    before = account.reader.counts("logs"), account.reader.counts("invocations")
    account.applications.write("repeat", size=3)
    account.wait(1)
    account.normalize()
    account.compact()
    assert (account.reader.counts("logs"), account.reader.counts("invocations")) == before
    _settle(account)


def test_a_report_that_comes_again_with_its_start_takes_it_out_of_the_hour_before(account):
    account.wait(57)
    account.applications.write("split", size=1)
    account.applications.write("repeat", size=2)
    account.wait(5)
    account.normalize()
    _settle(account)


@pytest.mark.parametrize("call", ["kill_before", "kill_after", "refused"])
def test_a_start_is_seen_until_its_report_is(call):
    """The partition of the second hour is missing, so only its publication shows the REPORT."""
    account = Account()
    with entered(account.world):
        account.wait(57)
        account.applications.write("split", size=1)
        account.wait(1)
        account.normalize()
        account.wait(5)
        account.compact()
        account.normalize()
        account.wait(60)
        account.compact({"get_table#0": call})
        account.applications.write("logs", age_ms=66 * 60_000)
        account.applications.write("unfinished", age_ms=66 * 60_000)
        account.normalize()
        account.compact()
        _settle(account)


def test_poison_is_isolated_and_all_others_are_stored(account):
    for number in range(60):
        account.applications.write("poison" if number in (17, 40) else "logs")
    account.wait(1)
    deliveries = 0
    while account.normalize():
        deliveries += 1
    account.record_poison(twice=True)
    _settle(account)
    letters = _committed_letters()
    assert [letter.payload[: len(POISON)] for letter in letters] == [POISON, POISON]
    assert len(account.reader.table("logs")) == 58 * 2
    assert deliveries < 40


def test_a_time_budget_that_ends_commits_what_is_done_and_names_the_next_record(account, monkeypatch):
    monkeypatch.setattr(normalize, "Batch", partial(batch.Batch, chunk_bytes=1))
    for _ in range(6):
        account.applications.write("logs")
    account.wait(1)
    account.normalize({"put_object#1": "slow"})
    commits = [item for (pk, _), item in account.world.dynamodb.items.items() if pk.startswith("commit#")]
    assert [len(json.loads(item["ranges"]["S"])) for item in commits] == [1]
    assert not account.source.idle()
    _settle(account)
    assert len(account.reader.table("ingest_ledger")) == 2


def test_chunks_give_several_files_and_one_commit(account, monkeypatch):
    monkeypatch.setattr(normalize, "Batch", partial(batch.Batch, chunk_bytes=1))
    _write_all(account)
    account.applications.write("garbage")
    account.applications.write("garbage")
    account.wait(1)
    account.normalize()
    assert len([pk for pk, _ in account.world.dynamodb.items if pk.startswith("commit#")]) == 1
    assert len(account.world.s3.keys(LAKE, "hot/invocations/")) == 2
    _settle(account)
    assert len(_committed_letters()) == 2


def test_the_largest_commit_fits_dynamodb(account):
    hours = [hour_of(account.world.now_ms - n * HOUR) for n in range(36 * 24)]
    files = [LakeFile(table, hour, f"hot/{table}/hour={hour}/20261120T100000-0123456789ab.0.parquet", 1, 2, 3, 4, 5)
             for hour in hours for table in TABLES]  # fmt: skip
    State(STATE).commit_batch(Commit("id", account.world.now_ms, hours[0], "normalize", "stream", "shard",
                                     [Range("1", "2")], {}, files))  # fmt: skip
    assert len(account.unpublished()) == len(hours)


def _many_hours(account, hours):
    """One record with a usage event in each of very many hours."""
    now = account.world.now_ms
    lines = [{"event_type": "usage", "id": f"many-{n}", "time": now - n * HOUR, "tenant": "acme", "feature": "export"}
             for n in range(hours)]  # fmt: skip
    account.applications._put("\n".join(map(json.dumps, lines)).encode(), [], 0)


def test_a_batch_over_very_many_hours_is_committed_at_once(account):
    _many_hours(account, 200)
    account.wait(1)
    account.normalize()
    assert account.source.idle()
    assert len([pk for pk, _ in account.world.dynamodb.items if pk.startswith("commit#")]) == 1
    account.wait(70)
    account.compact()
    assert not account.unpublished()
    assert account.reader.counts("usage_events") == {f"many-{n}": 1 for n in range(200)}


@pytest.mark.parametrize("fault", ["kill_before", "kill_after"])
@pytest.mark.parametrize("transaction", [1, 2, 3])
def test_a_crash_amid_very_many_hours_leaves_nothing_that_is_published(account, monkeypatch, transaction, fault):
    monkeypatch.setattr(state, "HOURS_IN_TRANSACTION", 3)
    _many_hours(account, 8)
    account.wait(1)
    account.normalize({f"transact_write_items#{transaction}": fault})
    account.compact()
    account.wait(62)
    account.compact()
    account.normalize()
    account.wait(62)
    account.compact()
    account.wait(62)
    account.compact()
    assert not account.unpublished()
    assert account.reader.counts("usage_events") == {f"many-{n}": 1 for n in range(8)}
    assert len(account.reader.table("ingest_ledger")) == 1


@pytest.mark.parametrize("budget", [1_000, 5_000])
def test_an_hour_is_published_in_slices_of_bounded_memory(account, monkeypatch, budget):
    for _ in range(12):
        _write_all(account, size=3)
        account.wait(4)
        account.normalize()
    account.wait(70)
    sizes = []
    load = publication._Rewrite._load

    def measured(self, start_ms, end_ms):
        rows = load(self, start_ms, end_ms)
        if rows is not None:
            sizes.append(rows.nbytes if end_ms - start_ms > 1 else 0)
        return rows

    monkeypatch.setattr(publication._Rewrite, "_load", measured)
    monkeypatch.setattr(compact, "Publisher", partial(publication.Publisher, slice_bytes=budget))
    account.compact()
    assert max(sizes) <= budget
    assert len(account.world.s3.keys(LAKE, "settled/logs/hour=2026-11-20-10/")) > 1
    _settle(account)


def test_a_broken_hour_is_reported_and_blocks_no_other(account):
    account.applications.write("logs")
    account.wait(1)
    account.normalize()
    (lost,) = account.world.s3.keys(LAKE, "hot/logs/hour=2026-11-20-10/")
    held = account.world.s3.objects.pop((LAKE, lost))
    account.wait(60)
    account.applications.write("logs")
    account.wait(1)
    account.normalize()
    account.wait(60)
    numbers = account.compact()
    assert numbers["PublishedHours"] == 1
    assert numbers["UnpublishedHours"] == 1
    assert numbers["OldestUnpublishedMs"] > HOUR
    account.world.s3.objects[LAKE, lost] = held
    _settle(account)


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next_one(account):
    for _ in range(4):
        _write_all(account)
        account.wait(60)
        account.normalize()
    account.wait(10)
    numbers = account.compact({"put_object#12": "slow"})
    assert numbers["PublishedHours"] > 0
    assert numbers["UnpublishedHours"] > 0
    _settle(account)


def test_hours_that_are_not_over_stay_hot(account):
    _write_all(account)
    account.wait(10)
    account.normalize()
    account.compact()
    locations = {account.world.glue.locations[table, "2026-11-20-10"] for table in TABLES}
    assert all(location.startswith("s3://lake/hot/") for location in locations)
    assert list(account.reader.seen("logs", "2026-11-20-10"))


def test_hot_files_stay_for_a_day_after_they_are_published(account):
    account.applications.write("logs")
    account.wait(1)
    account.normalize()
    account.wait(70)
    account.compact()
    account.wait(23 * 60)
    account.compact()
    assert account.world.s3.keys(LAKE, "hot/logs/")
    account.wait(70)
    account.compact()
    assert not account.world.s3.keys(LAKE, "hot/logs/")


def test_dead_letters_that_are_on_the_stream_again_are_moved_away(account):
    for _ in range(2):
        account.applications.write("garbage")
        account.wait(1)
        account.normalize()
    account.applications.write("garbage")
    account.normalize({"transact_write_items#0": "kill_before"})  # its letters are of no commit
    bucket, state_ = DeadLetters(DEAD_LETTERS), State(STATE)
    (first, letters), (second, _) = bucket.committed(state_)
    assert letters[0].payload.startswith(b"\x1f\x8b")
    bucket.mark_retried(first)
    assert [key for key, _ in bucket.committed(state_)] == [second]
    assert bucket.read(first.replace("rejected/", "retried/")) == letters


def test_partitions_are_made_for_a_day_back_and_four_ahead_and_stay_where_they_point(account):
    hours = sorted(hour for table, hour in account.world.glue.locations if table == "logs")
    assert (hours[0], hours[-1], len(hours)) == ("2026-11-19-10", "2026-11-24-10", 121)
    Partitions("tracelake_main", "logs").point("2026-11-20-10", Lake(LAKE).location("settled/x/"))
    account.wait(120)
    assert account.create_partitions() == {"Created": 2 * len(TABLES)}
    assert account.world.glue.indexes.keys() == TABLES.keys()
    assert account.world.glue.locations["logs", "2026-11-20-10"] == "s3://lake/settled/x/"
    assert account.create_partitions() == {"Created": 0}


def test_the_months_secret_is_made_once():
    account = Account()
    with entered(account.world):
        keys = {State(STATE).hash_key("2026-11") for _ in range(3)}
        assert len(keys) == 1
        assert len(next(iter(keys))) == 32
        assert State(STATE).hash_key("2026-12") not in keys


def test_metrics_of_a_batch_are_sums_and_distributions_by_minute(account, capsys):
    for kind in ("webhook", "invocation"):
        account.applications.write(kind, size=3)
    account.wait(1)
    account.normalize()
    data = {datum["MetricName"]: datum for datum in account.world.cloudwatch.data}
    assert (data["Requests"]["Values"], data["RequestErrors"]["Values"]) == ([3.0], [1.0])
    assert (sum(data["RequestLatencyMs"]["Counts"]), data["Invocations"]["Values"]) == (3.0, [1.0])
    assert data["InvocationDurationMs"]["Values"] == [pytest.approx(40, rel=0.01)]
    printed = _printed(capsys)
    assert printed["Stage"] == "main"
    assert (printed["EventsIn"], printed["LedgerDifference"]) == ([6.0], [0.0])


def test_how_many_values_were_hidden_is_a_metric_where_there_were_any(account, capsys):
    for line, hidden in ((b"nothing private", None), (b'{"email": "bob@example.com", "password": "hunter2"}', [2.0])):
        account.applications.stream.put(line, account.applications.clock(), 0)
        account.wait(1)
        account.normalize()
        assert _printed(capsys).get("RedactedValues") == hidden


def _printed(capsys):
    """The last embedded metrics."""
    return json.loads([line for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')][-1])


def test_a_batch_is_committed_although_its_metrics_are_refused(account):
    account.applications.write("webhook")
    account.wait(1)
    account.normalize({"put_metric_data#0": "refused"})
    assert account.source.idle()
    _settle(account)


def test_a_metric_of_old_events_is_not_sent(account):
    account.applications.write("webhook", age_ms=20 * DAY)
    account.wait(1)
    account.normalize()
    assert not account.world.cloudwatch.data

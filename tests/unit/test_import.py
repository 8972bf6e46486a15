"""`tracelake import`: everything once, priced before, and from where it stopped."""

import gzip
import io
import json
import random
import sys
import time
from datetime import UTC, datetime

import pytest
from answering import answering
from test_try import Account, minutes_ago, report

from cli import import_logs, log_events, target
from cli.errors import CommandError
from cli.import_logs import Progress
from functions.aws import clients, put_records
from functions.core.cost.by_volume import usd_per_gigabyte

GROUP = "/aws/lambda/checkout"
PLACE = target.Target("AWS, stage main", "db", "wg", "tracelake-main", "letters", "state-table-1", "lake")


class Stage(Account):
    """An account with a stage of tracelake: its stream takes what it is given, unless ``full``."""

    def __init__(self, *, days="35", **groups):
        super().__init__(page=2, **groups)
        self.days = days
        self.records = []
        self.full = lambda _number: False
        self.sizes = dict.fromkeys(self.groups, 2e9)

    def __call__(self, operation, params):
        others = {
            "GetFunctionConfiguration": lambda: {"Environment": {"Variables": {"MAX_EVENT_AGE_DAYS": self.days}}},
            "DescribeStreamSummary": self._stream,
            "GetMetricStatistics": lambda: {"Datapoints": [
                {"Sum": self.sizes[params["Dimensions"][0]["Value"]] / 2}] * 2},
            "PutRecords": lambda: self._put(params["Records"]),
        }  # fmt: skip
        return others[operation]() if operation in others else super().__call__(operation, params)

    def _stream(self):
        summary = {"StreamName": "s", "StreamARN": "arn:aws:kinesis:eu-west-1:1:stream/s", "StreamStatus": "ACTIVE",
                   "RetentionPeriodHours": 24, "StreamCreationTimestamp": datetime.now(UTC), "EnhancedMonitoring": [],
                   "OpenShardCount": 1}  # fmt: skip
        return {"StreamDescriptionSummary": summary}

    def _put(self, records):
        answers = []
        for record in records:
            if self.full(len(self.records)):
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
            else:
                self.records.append(json.loads(gzip.decompress(record["Data"])))
                answers.append({"SequenceNumber": "1", "ShardId": "shardId-0"})
        return {"Records": answers}

    def delivered(self):
        return [event["id"] for record in self.records for event in record["logEvents"]]


@pytest.fixture
def imported(monkeypatch, tmp_path, capsys):
    """Runs an import; gives what it said on standard error."""

    def run(account, *names, since="7d", answer="yes", **options):
        made = {name: answering(name, account) for name in ("logs", "kinesis", "lambda", "cloudwatch")}
        monkeypatch.setattr(clients, "_client", made.get)
        monkeypatch.setattr(target, "find", lambda _stage, local: PLACE)
        monkeypatch.setattr(log_events, "SECONDS_BETWEEN_CALLS", 0)
        monkeypatch.setattr(put_records, "ATTEMPTS", 1)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        status = import_logs.run(
            names or (GROUP,),
            since=since,
            **{"most_gb": 10, "yes": False, **options},
            place=(False, None),
            ask=lambda _question: answer,
            out=io.StringIO(),
            err=sys.stderr,
            progress=Progress(tmp_path / "state" / "import.json"),
            sleep=lambda _seconds: None,
        )
        assert status == 0
        return capsys.readouterr().err

    return run


def events(number):
    return minutes_ago(*map(report, range(number)))


def test_every_event_goes_on_the_stream_once_under_its_own_id_in_the_form_of_a_subscription(imported):
    account = Stage(checkout=events(7))
    imported(account)
    assert len(account.delivered()) == len(set(account.delivered())) == 7
    first = account.records[0]
    assert (first["messageType"], first["logGroup"], first["logStream"]) == ("DATA_MESSAGE", GROUP, "stream")
    assert first["logEvents"][0] == {
        "id": f"e{account.groups[GROUP][0][0]}-0",
        "timestamp": account.groups[GROUP][0][0],
        "message": account.groups[GROUP][0][1],
        "extractedFields": None,
    }


def test_it_says_before_how_much_it_is_and_what_it_costs_and_can_be_refused(imported):
    account = Stage(checkout=events(3), mail=[])
    with pytest.raises(CommandError, match="nothing was imported"):
        imported(account, "/aws/lambda/*", answer="no")
    assert account.records == []
    err = imported(account, "/aws/lambda/*")
    assert f"4.00 GB into AWS, stage main: about ${4 * usd_per_gigabyte():.2f}" in err


def test_more_than_wanted_is_refused_even_with_yes(imported):
    account = Stage(checkout=events(3))
    with pytest.raises(CommandError, match="more than 1 GB"):
        imported(account, yes=True, most_gb=1)
    assert account.records == []


def test_events_too_old_to_count_at_their_own_time_are_not_imported(imported):
    account = Stage(days="14", checkout=events(3))
    with pytest.raises(CommandError, match="events older than 14 days would count at their arrival"):
        imported(account, since="15d")
    imported(account, since="14d")
    assert len(account.delivered()) == 3


def test_an_interrupted_import_goes_on_and_loses_and_invents_nothing(imported):
    account = Stage(checkout=events(7))
    account.full = lambda number: number == 2
    with pytest.raises(CommandError, match="the stream did not take 2 events"):
        imported(account)
    before = len(account.delivered())
    account.full = lambda _number: False
    err = imported(account)

    assert "goes on at" in err
    assert len(set(account.delivered())) == 7
    # only the last millisecond is read again
    assert len(account.delivered()) == 7 + 1
    assert before == 4
    assert "goes on" not in imported(account)


def test_logs_of_tracelake_itself_are_not_imported(imported):
    account = Stage(checkout=[])
    account.groups = {"/tracelake/main/normalize": events(1)}
    with pytest.raises(CommandError, match="would be a loop"):
        imported(account, "/tracelake/main/normalize")


def test_a_group_that_cannot_be_read_is_one_line(imported):
    account = Stage(checkout=events(1))
    account.refused[GROUP] = "AccessDeniedException"
    with pytest.raises(CommandError, match="checkout cannot be read: AccessDeniedException"):
        imported(account)


def test_records_fit_into_the_stream_whatever_the_events_hold():
    noise = random.Random(1)
    many = [
        log_events.LogEvent(str(number), number, "".join(chr(noise.randrange(0x4E00, 0x9000)) for _ in range(80_000)))
        for number in range(12)
    ]
    records = list(import_logs._records(GROUP, "stream", many))
    assert len(records) > 1
    assert sum(record.events for record in records) == 12
    assert all(len(record.payload) < put_records.MAX_RECORD_BYTES for record in records)


def test_a_shard_gets_less_than_half_of_what_it_takes(monkeypatch):
    waits = []
    account = Stage(checkout=events(6))
    made = {name: answering(name, account) for name in ("logs", "kinesis")}
    monkeypatch.setattr(import_logs, "client", made.get)
    monkeypatch.setattr(log_events, "SECONDS_BETWEEN_CALLS", 0)
    monkeypatch.setattr(import_logs, "BYTES_PER_SECOND", 1)
    now = int(time.time() * 1000)
    task = import_logs.Task(GROUP, now - 86_400_000, now)
    list(import_logs._import(task, "stream", 2, waits.append))
    assert max(waits) > 50  # two pages' records of some hundred bytes, at two bytes a second

"""Log files in the user's buckets: whatever goes wrong, each of their lines is in the lake once."""

import gzip
import io
import itertools
from collections import Counter

import pyarrow.parquet as pq
import pytest

from functions.aws.items import unpack_json
from functions.core import log_files
from functions.core.meaning import watch
from functions.core.meaning.status import RULES_KEY, STATUS_KEY, decode
from functions.read_log_files import handler, reading

from .account import Account
from .errors import FunctionError
from .interleaving import Interleaving
from .world import LAKE, entered

BUCKET, KEY = "access-logs", "alb/2026/11/20/shop.log.gz"
ATTEMPT_MS = 900_000
LINES = 150
LINE = (
    "https 2026-11-20T09:5{minute}:00.186641Z app/shop/50dc6c495c0c9188 203.0.113.9:2817 10.0.0.1:80 0.001 0.035 0.001 "
    '200 200 34 366 "GET https://shop.example.com:443/orders/{number} HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn "-"\n'
)
CONTENT = "".join(LINE.format(minute=number % 5, number=number) for number in range(LINES)).encode()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A file of many pieces and several chunks."""
    monkeypatch.setenv("LOG_BUCKETS", f"{BUCKET}/alb/")
    monkeypatch.setattr(reading, "CHUNK_BYTES", 15_000)
    monkeypatch.setattr(reading, "pieces", lambda content: log_files.pieces(content, piece_bytes=5_000))


@pytest.fixture
def account():
    return with_file(gzip.compress(CONTENT))


def test_rules_of_the_user_count_for_files_and_are_told_about(account):
    account.world.s3.objects[LAKE, RULES_KEY] = b'paths = ["/orders/{tenant}"]'
    deliver(account)
    keys = account.world.s3.keys(LAKE, "hot/requests/")
    rows = [row for key in keys for row in pq.read_table(io.BytesIO(account.world.s3.objects[LAKE, key])).to_pylist()]
    assert {row["tenant"] for row in rows} == {str(number) for number in range(LINES)}
    assert {row["route"] for row in rows} == {"GET /orders/{tenant}"}
    assert decode(account.world.s3.objects[LAKE, STATUS_KEY]).text == 'paths = ["/orders/{tenant}"]'


def test_a_format_of_the_user_that_explodes_in_files_is_switched_off_alone(monkeypatch):
    monkeypatch.setattr(watch, "MOST_VALUES", {"tenant": 10})
    account = with_file("".join(f"{number % 5} slow {number}\n" for number in range(LINES)).encode())
    formats = [(r"^(?P<tenant>\d) slow (?P<message>\d+)$", "good"), (r"^\d slow (?P<tenant>\d+)$", "explodes")]
    account.world.s3.objects[LAKE, RULES_KEY] = "".join(
        f"[[formats]]\nname = '{name}'\nlog_groups = ['s3://{BUCKET}/alb/']\npattern = '{pattern}'\n"
        for pattern, name in reversed(formats)
    ).encode()
    deliver(account)
    rows = committed(account, "logs")
    assert sorted(int(row["message"]) for row in rows) == list(range(LINES))
    assert {row["tenant"] for row in rows} == set("01234")
    assert [each.rule for each in decode(account.world.s3.objects[LAKE, STATUS_KEY]).off] == ["formats: explodes"]


def with_file(content, bucket=BUCKET, key=KEY):
    account = Account()
    account.world.s3.objects[bucket, key] = content
    return account


def event(account, bucket=BUCKET, key=KEY, etag=None):
    etag = etag or account.world.s3.get_object({"Bucket": bucket, "Key": key})["ETag"].strip('"')
    return {
        "account": "123456789012",
        "region": "eu-central-1",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag}},
    }


def deliver(account, plan=None, **of):
    with entered(account.world):
        return invoked(account, plan, **of)


def invoked(account, plan=None, **of):
    """Lambda invokes the function with the event, and tries again twice where it fails."""
    for attempt in range(3):
        try:
            return account.world.run(
                lambda process: handler.handle(event(account, **of), process), ATTEMPT_MS, None if attempt else plan
            )
        except FunctionError:
            account.world.settle_late()
    raise AssertionError("given up")


def committed(account, table):
    """Rows of a table in the files that commits name."""
    items = account.world.dynamodb.items.items()
    keys = [key for (pk, _), item in items if pk.startswith("commit#") for key in unpack_json(item, "files")]
    tables = [
        pq.read_table(io.BytesIO(account.world.s3.objects[LAKE, key]))
        for key in keys
        if key.startswith(f"hot/{table}/")
    ]
    return [row for table in tables for row in table.to_pylist()]


def check_once(account):
    """Every line is a row once, and the ledger says so."""
    rows = committed(account, "requests")
    assert Counter(row["path"] for row in rows) == {f"/orders/{number}": 1 for number in range(LINES)}
    assert len({row["event_id"] for row in rows}) == LINES
    ledger = committed(account, "ingest_ledger")
    assert sum(row["events"] for row in ledger) == sum(row["stored"] for row in ledger) == LINES


def test_a_file_is_in_the_lake_once_however_often_it_is_announced(account):
    deliver(account)
    deliver(account)
    check_once(account)
    (ledger,) = committed(account, "ingest_ledger")
    assert (ledger["writer"], ledger["stream"]) == ("read_log_files", f"s3://{BUCKET}")


def test_its_events_are_named_by_file_and_place(account):
    deliver(account)
    etag = event(account)["detail"]["object"]["etag"]
    assert f"{BUCKET}/{KEY}/{etag}/0:0" in {row["event_id"] for row in committed(account, "requests")}


def test_whatever_call_goes_wrong_each_line_is_there_once(account):
    deliver(account)
    calls = range(len(account.world.last.calls))
    for number, fault in itertools.product(calls, ("kill_after", "lost", "late")):
        again = with_file(gzip.compress(CONTENT))
        deliver(again, {number: fault})
        check_once(again)


def test_a_file_that_takes_too_long_is_gone_on_with(account):
    deliver(account, {"put_object#1": "slow"})
    check_once(account)
    first, second = sorted(committed(account, "ingest_ledger"), key=lambda row: row["time"])
    assert 0 < first["events"] < LINES
    assert second["last_position"] == reading.END


@pytest.mark.parametrize("seed", range(3))
def test_two_deliveries_at_once_commit_once(account, seed):
    with entered(account.world):
        Interleaving(account.world, seed).run(lambda: invoked(account), lambda: invoked(account))
    check_once(account)


def test_other_content_under_the_same_name_is_another_file(account):
    deliver(account)
    old = event(account)["detail"]["object"]["etag"]
    account.world.s3.objects[BUCKET, KEY] = CONTENT[: len(CONTENT) // 2]
    assert deliver(account, etag=old) == {"events": 0}
    assert 0 < deliver(account)["events"] < LINES


def test_a_file_that_is_gone_is_no_failure(account):
    told = event(account)
    del account.world.s3.objects[BUCKET, KEY]
    with entered(account.world):
        assert account.world.run(lambda process: handler.handle(told, process), ATTEMPT_MS) == {"events": 0}


@pytest.mark.parametrize(
    ("bucket", "key"), [(LAKE, "hot/a"), ("dead-letters", "a"), ("other", "alb/a"), (BUCKET, "b/a")]
)
def test_files_of_its_own_and_of_nobodys_choice_are_not_read(bucket, key):
    account = with_file(CONTENT, bucket, key)
    assert deliver(account, bucket=bucket, key=key) == {"events": 0}
    assert not committed(account, "requests")


def test_a_header_is_known_behind_the_pieces_that_were_read_before():
    names = "bytes action srcaddr start\n"
    flows = "".join(f"{number} ACCEPT 10.0.0.1 1795168000\n" for number in range(4_000))
    account = with_file((names + flows).encode())
    deliver(account, {"put_object#1": "slow"})
    rows = committed(account, "logs")
    assert len(committed(account, "ingest_ledger")) == 2
    assert len(rows) == 4_000
    assert {row["source"] for row in rows} == {"vpc_flow_log"}


def test_what_cannot_be_read_is_refused_and_the_rest_is_stored():
    account = with_file(gzip.compress(CONTENT)[:-100])
    deliver(account)
    (ledger,) = committed(account, "ingest_ledger")
    assert ledger["stored"] == len(committed(account, "requests")) > 0
    assert ledger["rejected"] == 1

"""Rules change without a deploy: asked for once a minute, the last good kept, what is switched off remembered."""

import json

import pytest

from functions.aws.rules_object import rules_object
from functions.core.meaning import watch
from functions.core.meaning.status import RULES_KEY, STATUS_KEY, decode

from . import audit
from .account import Account
from .telemetry import Event
from .world import LAKE, entered

GOOD = b'tenant = ["shop"]\n[[redact]]\nname = "badge"\npattern = "badge \\\\d+"\n'
OTHER = b'tenant = ["store"]\n'
BAD = b"tenants = []"


@pytest.fixture
def account():
    one = Account()
    with entered(one.world):
        one.create_partitions()
        yield one


def put(account, body):
    account.world.s3.put_object({"Bucket": LAKE, "Key": RULES_KEY, "Body": body})


def status(account):
    return decode(account.world.s3.objects.get((LAKE, STATUS_KEY), b""))


def say(account, **members):
    """A log line comes on the stream."""
    number = account.said = getattr(account, "said", 0) + 1
    event = {"id": f"said-{number:06d}", "timestamp": account.world.now_ms, "message": json.dumps(members)}
    payload = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/app", "logStream": "s", "logEvents": [event]}
    record = account.stream.put(json.dumps(payload).encode(), account.world.now_ms)
    account.applications.sent.add(record, [Event(event["id"], "row", "logs")])


def line(account):
    """A log line goes through the pipeline half a minute later; its row."""
    say(account, message="badge 17", shop="by-shop", store="by-store", tenant="usual")
    account.wait(0.5)
    while account.normalize():
        pass
    return rows(account)[-1]


def rows(account):
    """Log lines as they were written first."""
    keys = account.world.s3.keys(LAKE, "hot/logs/")
    return sorted((row for key in keys for row in account.reader._read(key)), key=lambda row: row["event_id"])


def asked(account):
    return [call for call in account.world.last.calls if call == "s3.get_object"]


def starts_cold():
    rules_object.cache_clear()


def test_a_new_version_counts_within_a_minute(account):
    assert line(account)["tenant"] == "usual"
    assert status(account).text == ""
    put(account, GOOD)
    account.wait(1)
    assert (row := line(account))["tenant"] == "by-shop"
    assert row["message"] == "[redacted]"
    assert status(account).text == GOOD.decode()
    put(account, OTHER)
    account.wait(1)
    assert line(account)["tenant"] == "by-store"


def test_it_is_asked_for_once_a_minute_and_not_sent_again(account):
    put(account, GOOD)
    line(account)
    bodies = []
    account.world.watchers.append(lambda operation, params: bodies.append(operation))
    assert len(asked(account)) == 3, "the status, the rules, and the status as it was written"
    line(account)
    assert asked(account) == [], "half a minute later nobody asks"
    line(account)
    assert len(asked(account)) == 1
    assert ("state.json" in str(bodies)) is False


def test_a_bad_version_changes_nothing_but_the_status_also_for_who_starts_later(account):
    put(account, GOOD)
    line(account)
    put(account, BAD)
    account.wait(1)
    assert line(account)["tenant"] == "by-shop"
    found = status(account)
    assert found.text == GOOD.decode()
    assert "unknown field `tenants`" in found.problem
    since = found.problem_since_ms
    starts_cold()
    assert (row := line(account))["tenant"] == "by-shop"
    assert row["message"] == "[redacted]"
    assert status(account).problem_since_ms == since, "it has been bad since then"
    put(account, OTHER)
    account.wait(1)
    assert line(account)["tenant"] == "by-store"
    assert (status(account).problem, status(account).text) == ("", OTHER.decode())


@pytest.mark.parametrize("body", [b"\xff\xfe", b"tenant = [", b"#" * 70_000, b'[[redact]]\nname = "x"\npattern = "("'])
def test_where_there_never_was_a_good_version_the_usual_names_count(account, body):
    put(account, body)
    assert line(account)["tenant"] == "usual"
    assert status(account).problem


def test_who_takes_the_object_away_takes_the_rules_away(account):
    put(account, GOOD)
    line(account)
    account.world.s3.objects.pop((LAKE, RULES_KEY))
    account.wait(1)
    assert line(account)["tenant"] == "usual"
    assert status(account).text == ""


def test_rules_that_cannot_be_read_stay_as_they_are_and_nobody_begins_without_them(account):
    put(account, GOOD)
    line(account)
    account.wait(2)
    say(account, message="m", shop="by-shop")
    account.wait(0.5)
    account.normalize({"get_object#0": "refused"})
    assert rows(account)[-1]["tenant"] == "by-shop"
    starts_cold()
    say(account, message="badge 18")
    account.wait(0.5)
    account.normalize({"get_object#1": "refused"})
    assert len(rows(account)) == 2, "the batch waits"
    account.heal()
    assert all("badge" not in row["message"] for row in rows(account))
    audit.check(account)


def test_a_rule_that_explodes_is_told_and_stays_off_for_who_starts_later(account, monkeypatch):
    monkeypatch.setattr(watch, "MOST_VALUES", {"tenant": 3})
    put(account, GOOD)
    for number in range(5):
        say(account, message="m", shop=f"s{number}", tenant="t")
    account.wait(0.5)
    account.normalize()
    (off,) = status(account).off
    assert off.rule == "tenant: shop"
    assert "it exploded" in off.reason
    assert off.since_ms > 0
    assert line(account)["tenant"] == "usual"
    starts_cold()
    assert (row := line(account))["tenant"] == "usual"
    assert row["message"] == "[redacted]", "the other rule goes on"
    assert status(account).off == (off,)
    put(account, GOOD + b"# looked at\n")
    account.wait(1)
    assert line(account)["tenant"] == "by-shop", "another version is another chance"
    assert status(account).off == ()


def test_a_status_that_cannot_be_written_stops_no_batch(account):
    put(account, GOOD)
    say(account, message="badge 17")
    account.wait(0.5)
    account.normalize({"put_object#0": "refused"})
    (row,) = rows(account)
    assert row["message"] == "[redacted]"


def test_an_event_that_is_delivered_again_after_the_rules_changed_is_there_once(account):
    account.applications.write("logs", size=3)
    account.wait(1)
    account.normalize()
    put(account, b'tenant = ["stock"]\nversion = ["message"]')
    account.applications.write("repeat")
    account.wait(1)
    account.normalize()
    account.heal()
    audit.check(account)

"""The likely cause from the lake: from published hours, from the hour that goes on and from both; each event once,
nothing of other times, and an answer whatever happens."""

import json

import pytest

from functions.aws import items
from functions.aws.causes import RESERVE_MS, likely_causes
from functions.aws.generations import Generations
from functions.core.lake_files import LakeFile, to_plain
from functions.core.schema import HOUR_MS, hour_of
from functions.core.traces.suspect_words import lines
from functions.core.traces.suspects import SELF_TIME

from .account import MINUTE_MS, START_MS, Account
from .telemetry import Event
from .world import LAKE, STATE, entered

USUAL_MS, SLOW_MS = 20, 300
BASELINE = START_MS + 10 * MINUTE_MS, START_MS + 20 * MINUTE_MS
LATER = START_MS + 80 * MINUTE_MS, START_MS + 90 * MINUTE_MS


@pytest.fixture
def account():
    one = Account()
    with entered(one.world):
        one.create_partitions()
        yield one


class Shop:
    """gateway asks stock, once every ten seconds; both write a line."""

    def __init__(self, account):
        self.account = account
        self.number = 0

    def work(self, times, stock_ms=USUAL_MS, *, twice=False):
        """All requests of a time, written when it is over; ``twice`` where CloudWatch delivers them again."""
        self.account.world.now_ms = max(self.account.world.now_ms, times[1])
        spans, said = [], []
        for at in range(*times, 10_000):
            self.number += 1
            of = self.number * 1000, at
            spans += [
                self._span(*of, 1, 0, "gateway", "SERVER", stock_ms + 30),
                self._span(*of, 2, 1, "gateway", "CLIENT", stock_ms + 10),
                self._span(*of, 3, 2, "stock", "SERVER", stock_ms + self.number % 5),
            ]
            for service in ("gateway", "stock"):
                said.append((f"{self.number}-{service}", at + 1, json.dumps(self._line(of[0], service))))
        for _ in range(1 + twice):
            self._put(
                "aws/spans", [(f"{each['traceId']}-{each['spanId']}", at, json.dumps(each)) for at, each in spans]
            )
            self._put("/app/shop", said)
            while self.account.normalize():
                pass

    def _put(self, group, written):
        self.account.applications._log_events(group, written, [Event(line[0], "row") for line in written], 0)

    def _span(self, trace, at, span, parent, service, kind, ms):
        start = at + span
        return start, {
            "traceId": f"{trace:032x}",
            "spanId": f"{trace + span:016x}",
            "parentSpanId": f"{trace + parent:016x}" if parent else "",
            "name": "GET /stock",
            "kind": kind,
            "startTimeUnixNano": start * 1_000_000,
            "endTimeUnixNano": (start + ms) * 1_000_000,
            "attributes": {},
            "resource": {"attributes": {"service.name": service}},
            "status": {"code": "UNSET"},
        }

    def _line(self, trace, service):
        return {"level": "INFO", "message": "done", "service": service, "trace_id": f"{trace:032x}"}


@pytest.fixture
def shop(account):
    return Shop(account)


def looked(account, incident=LATER, baseline=BASELINE, left_ms=120_000, plan=None, **limits):
    def work(process):
        return likely_causes(STATE, LAKE, incident, baseline, process.get_remaining_time_in_millis, **limits)

    return account.world.run(work, left_ms, plan)


def publish(account, hour=START_MS):
    account.world.now_ms = max(account.world.now_ms, hour + HOUR_MS + 5 * MINUTE_MS)
    account.compact()


ALL = (60, 60)


def test_stock_is_the_cause_where_the_usual_hour_is_published_and_the_other_one_goes_on(account, shop):
    shop.work(BASELINE)
    publish(account)
    shop.work(LATER, SLOW_MS)
    generations = Generations(STATE, owner="")
    assert generations.current("spans", "2026-11-20-10").number == 1
    assert generations.current("spans", "2026-11-20-11").number == 0
    found = looked(account)
    assert (found.requests, found.one_in, found.incident, found.baseline) == (ALL, 1, LATER, BASELINE)
    assert [suspect.service for suspect in found.suspects] == ["stock"]
    assert lines(found)[0].startswith("stock: likely (0.")


@pytest.mark.parametrize("published", [True, False])
def test_both_times_can_be_in_one_hour_that_is_published_or_goes_on(account, shop, published):
    incident = START_MS + 40 * MINUTE_MS, START_MS + 50 * MINUTE_MS
    shop.work(BASELINE)
    shop.work(incident, SLOW_MS)
    # what is in the same files and not in these times
    shop.work((incident[1], incident[1] + 5 * MINUTE_MS))
    if published:
        publish(account)
    found = looked(account, incident)
    assert found.requests == ALL
    assert found.suspects[0].service == "stock"


def test_a_time_can_begin_in_one_hour_and_end_in_the_next(account, shop):
    incident = START_MS + 55 * MINUTE_MS, START_MS + 65 * MINUTE_MS
    shop.work(BASELINE)
    shop.work(incident, SLOW_MS)
    publish(account)
    found = looked(account, incident)
    assert (found.requests, found.suspects[0].service) == (ALL, "stock")


def test_what_is_late_for_a_published_hour_is_there_too_and_nothing_is_there_twice(account, shop):
    early, late = (BASELINE[0], BASELINE[0] + 5 * MINUTE_MS), (BASELINE[0] + 5 * MINUTE_MS, BASELINE[1])
    shop.work(early)
    publish(account)
    shop.work(late, twice=True)
    shop.work(LATER, SLOW_MS, twice=True)
    found = looked(account)
    assert found.requests == ALL
    # a line that counted twice were new in each call
    assert {each.kind for suspect in found.suspects for each in suspect.evidence} == {SELF_TIME}


@pytest.mark.parametrize("first", ["pending", "current"])
def test_what_is_published_while_it_is_looked_for_is_missed_by_nobody(account, shop, monkeypatch, first):
    incident = START_MS + 40 * MINUTE_MS, START_MS + 50 * MINUTE_MS
    shop.work(BASELINE)
    shop.work(incident, SLOW_MS)
    account.wait(30)
    call, times = getattr(Generations, first), []

    def answer(*given):
        found = call(*given)
        if not times:
            times.append(account.world.now_ms)
            publish(account)
        return found

    monkeypatch.setattr(Generations, first, answer)
    found = looked(account, incident)
    assert times
    assert found.requests == ALL
    assert {each.kind for suspect in found.suspects for each in suspect.evidence} == {SELF_TIME}


def test_files_of_a_batch_that_died_are_not_read(account, shop):
    shop.work(BASELINE)
    shop.work(LATER, SLOW_MS)
    expected = looked(account)
    known = set(account.world.s3.objects)
    account.applications.write("spans", age_ms=account.world.now_ms - LATER[0])
    account.normalize({"transact_write_items#0": "kill_before"})
    (orphan,) = (key for _, key in set(account.world.s3.objects) - known if key.startswith("hot/spans/"))
    assert looked(account) == expected
    # nor where an item names them whose commit never came
    hour = hour_of(LATER[0])
    files = to_plain([LakeFile("spans", hour, orphan, 2, 1000, 1000, *LATER)])
    item = {"pk": "pending", "sk": f"{hour}#died", "files": files, "committed_at": 1, "if_committed": hour}
    items.transact([items.put(STATE, item)])
    assert looked(account) == expected
    while account.normalize():
        pass
    assert looked(account).requests == (60, 61)


def test_only_files_that_have_something_of_the_times_are_read(account, shop):
    for first in range(0, 60, 5):
        shop.work((START_MS + first * MINUTE_MS, START_MS + (first + 5) * MINUTE_MS))
    looked(account, (START_MS + 40 * MINUTE_MS, START_MS + 45 * MINUTE_MS))
    # spans and lines of two times five minutes before, and of five now
    assert account.world.last.count["get_object"] == 2 * (2 + 1)


def test_of_more_requests_than_fit_a_share_is_compared_after_the_baseline_is_as_short_as_the_incident(account, shop):
    baseline = BASELINE[0], BASELINE[0] + 20 * MINUTE_MS
    shop.work(baseline)
    shop.work(LATER, SLOW_MS)
    assert looked(account, baseline=baseline, most_rows=2 * 120 * 5).requests == (120, 60)
    found = looked(account, baseline=baseline, most_rows=300)
    assert found.baseline == (baseline[0] + 5 * MINUTE_MS, baseline[1] - 5 * MINUTE_MS)
    assert found.one_in == 2
    assert all(15 <= count <= 45 for count in found.requests)
    assert [suspect.service for suspect in found.suspects] == ["stock"]


def test_of_files_that_are_too_large_the_middle_of_the_times_is_read(account, shop):
    for begin in range(BASELINE[0], BASELINE[1], MINUTE_MS):
        shop.work((begin, begin + MINUTE_MS))
    for begin in range(LATER[0], LATER[1], MINUTE_MS):
        shop.work((begin, begin + MINUTE_MS), SLOW_MS)
    sizes = [file.bytes for found in Generations(STATE, "").pending(hour_of(LATER[0])) for file in found.files]
    found = looked(account, most_file_bytes=sum(sizes))
    assert found.incident == (LATER[0] + 150_000, LATER[1] - 150_000)
    assert found.requests == (30, 30)


def test_without_time_to_rank_nothing_is_read(account, shop):
    shop.work(BASELINE)
    shop.work(LATER, SLOW_MS)
    assert looked(account, left_ms=RESERVE_MS).not_looked == "the time was over before everything was read"
    assert "get_object" not in account.world.last.count


def test_whatever_call_fails_there_is_an_answer_that_says_so(account, shop):
    shop.work(BASELINE)
    publish(account)
    shop.work(LATER, SLOW_MS)
    assert looked(account).suspects
    for call in range(len(account.world.last.calls)):
        found = looked(account, plan={call: "refused"})
        assert found.suspects == ()
        assert lines(found) == ("Not looked for: an error, which the function's log tells.",)


def test_a_file_that_is_none_is_told_and_stops_nobody(account, shop):
    shop.work(BASELINE)
    shop.work(LATER, SLOW_MS)
    for place in [each for each in account.world.s3.objects if each[1].startswith("hot/spans/")]:
        account.world.s3.objects[place] = b"PAR1"
    assert looked(account).not_looked.startswith("an error")


def test_what_there_is_nothing_of_is_said(account, shop):
    assert looked(account, baseline=None).not_looked.startswith("there is no usual time")
    assert looked(account).not_looked.endswith("in the time before it")
    shop.work(BASELINE)
    assert looked(account).not_looked.endswith("in the incident")

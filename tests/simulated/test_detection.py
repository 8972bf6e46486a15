"""detect: every five minutes are judged once, in order, with all that happened in them, whatever is late or dies."""

from collections import Counter

import pytest

from functions.aws import environment
from functions.aws.signals import STATE_KEY
from functions.core.watch import watching
from functions.core.watch.signals import BIN_MS, Subject
from functions.core.watch.wishes import DEFAULT
from functions.detect import looking
from functions.detect.looking import NEWS_MS, Watch

from .account import Account
from .errors import FunctionError
from .world import LAKE, STATE, entered

LOOK_MS = 120_000
HOOKS = Subject("service", ("hooks",))


class Observed:
    """What `observe` is given; it tells of every bin, so that it can be seen what is told."""

    def __init__(self, monkeypatch):
        self.bins, self.told = [], []
        real = watching.observe

        def observe(state, start_ms, seen, wishes):
            if start_ms >= state.until_ms:
                self.bins.append((start_ms, seen[HOOKS].count if HOOKS in seen else 0))
            state, _ = real(state, start_ms, seen, wishes)
            return state, [watching.Change("began", "unusual", str(start_ms), start_ms + BIN_MS, start_ms)]

        monkeypatch.setattr(watching, "observe", observe)

    def _tell(self, looked):
        self.told += [change for change in looked.changes if change.at_ms > looked.news_ms]

    def look(self, account, plan=None, fails=None):
        def work(_process):
            watch = Watch(STATE, LAKE, environment.now_ms)
            return watch.look(lambda: DEFAULT, fails or self._tell)

        return account.world.run(work, LOOK_MS, plan)


@pytest.fixture
def observed(monkeypatch):
    # hours that nobody knows of are read no faster here
    monkeypatch.setattr(looking, "LEARN_MS", 2 * NEWS_MS)
    return Observed(monkeypatch)


def _hour(account, observed, minutes, normalizes=lambda _minute: True):
    """Time goes by, with two requests a minute; everything runs at its time. Returns requests by five minutes."""
    written = Counter()
    for minute in range(minutes):
        account.applications.write("webhook", size=2)
        for number in range(2):
            written[(account.world.now_ms + number) // BIN_MS * BIN_MS] += 1
        account.wait(1)
        if normalizes(minute):
            while account.normalize():
                pass
        if minute % 5 == 0:
            account.compact()
        if minute % 3 == 0:
            observed.look(account)
    return written


def test_every_five_minutes_are_judged_once_soon_after_with_all_that_happened(observed):
    account = Account()
    with entered(account.world):
        account.create_partitions()
        begin = account.world.now_ms
        written = _hour(account, observed, 75)
        starts = [start for start, _ in observed.bins]
        judged = [start for start in starts if start >= begin]
        assert starts == list(range(starts[0], starts[-1] + 1, BIN_MS))
        assert judged[-1] >= account.world.now_ms - 4 * BIN_MS
        assert [count for start, count in observed.bins if start in judged] == [written[start] for start in judged]
        assert {change.since_ms for change in observed.told} >= set(judged)
        # what is older than an hour was learnt, and is no news
        assert min(change.since_ms for change in observed.told) > begin - NEWS_MS - 3 * BIN_MS


def test_what_waits_on_the_stream_is_not_taken_for_silence(observed):
    account = Account()
    with entered(account.world):
        account.create_partitions()
        begin = account.world.now_ms // BIN_MS * BIN_MS
        written = _hour(account, observed, 60, lambda minute: not 20 <= minute < 40)
        known = [(start, count) for start, count in observed.bins if start > begin]
        assert len(known) >= 4
        # normalize did nothing for twenty minutes: nothing was there meanwhile, which `watching` holds back, and what
        # came then was waited for; never is a part of what happened taken for all
        late = [(start, count) for start, count in known if count != written[start]]
        assert len(late) <= 4, late
        assert {count for _, count in late} == {0}


@pytest.mark.parametrize("call", range(12))
def test_a_death_after_any_call_leaves_nothing_out(observed, call):
    account = Account()
    with entered(account.world):
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(1)
        account.normalize()
        account.wait(20)
        account.compact()
        died = False
        try:
            observed.look(account, {call: "kill_after"})
        except FunctionError:
            died = True
        told = len(observed.told)
        if died:
            observed.look(account)
        ends = {change.at_ms for change in observed.told}
        latest = max(ends)
        assert ends == set(range(latest - (len(ends) - 1) * BIN_MS, latest + 1, BIN_MS)), told
        assert observed.look(account) is None
        assert (LAKE, STATE_KEY) in account.world.s3.objects


def test_what_could_not_be_told_is_judged_again(observed):
    account = Account()
    with entered(account.world):
        account.create_partitions()
        account.applications.write("webhook", size=2)
        account.wait(1)
        account.normalize()
        account.wait(20)
        account.compact()

        def fails(_looked):
            raise RuntimeError

        with pytest.raises(FunctionError):
            observed.look(account, fails=fails)
        assert (LAKE, STATE_KEY) not in account.world.s3.objects
        assert observed.look(account).judged > 0


def test_where_compact_has_never_run_nothing_is_judged(observed):
    account = Account()
    with entered(account.world):
        assert observed.look(account) is None
        assert observed.bins == []

"""An application is watched: what was seen in five minutes in, what people are told out."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import msgspec
import pytest

from functions.core.watch import watching
from functions.core.watch.signals import BIN_MS, Measure, Subject
from functions.core.watch.watching import Change, State, observe, pack, replay, unpack
from functions.core.watch.wishes import DEFAULT, Mute, Wishes

Bin = dict[Subject, Measure]
MONDAY_MS = 1_767_571_200_000
DAY = 288
SHOP, ORDERS = Subject("service", ("shop",)), Subject("service", ("orders",))
ACME = Subject("customer", ("acme",))
CALLS = Subject("dependency", ("shop", "orders"))
ERROR = Subject("error", ("shop", "ab12"))


def seen(number: int) -> Bin:
    """Two services and a customer; the day has no pattern, so that few days suffice."""
    chance = random.Random(number)

    def measure(count: float, latency: int = 160) -> Measure:
        many = round(chance.gauss(count, count**0.5))
        # bucket 160 is about 200 ms; a fifth of the requests lie above
        slow = round(chance.gauss(0.2 * many, (0.2 * many) ** 0.5))
        cells = {latency // 8: max(0, many - slow), latency // 8 + 5: max(1, slow)}
        return Measure(many, int(chance.random() < 0.3), 0, latency=cells)

    return {
        SHOP: measure(500),
        ORDERS: measure(300),
        CALLS: measure(300),
        ACME: measure(200),
        Subject("metric", ("App", "Depth", "-")): Measure(5, total=chance.gauss(50, 3)),
    }


def bins(
    first: int, last: int, change: Callable[[Bin], object] = lambda _: None, begin: int = 0
) -> list[tuple[int, Bin]]:
    made = [(number, seen(number)) for number in range(first, last)]
    for number, measures in made:
        if number >= begin:
            change(measures)
    return [(MONDAY_MS + number * BIN_MS, measures) for number, measures in made]


NOW = 3 * DAY


@pytest.fixture(scope="module")
def learnt() -> bytes:
    state = State()
    for start_ms, measures in bins(0, NOW):
        state, changes = observe(state, start_ms, measures)
        assert changes == []
    return pack(state)


def after(stored: bytes, made: list[tuple[int, Bin]], wishes: Wishes = DEFAULT) -> tuple[State, list[Change]]:
    state, told = unpack(stored), list[Change]()
    for start_ms, measures in made:
        state, changes = observe(state, start_ms, measures, wishes)
        told += changes
    return state, told


def told(stored: bytes, change: Callable[[Bin], object], count: int = 6, wishes: Wishes = DEFAULT) -> list[Change]:
    return after(stored, bins(NOW, NOW + count, change), wishes)[1]


def failing(*subjects: Subject) -> Callable[[Bin], None]:
    def fail(measures: Bin) -> None:
        for subject in subjects:
            measures[subject].failed = measures[subject].count // 5

    return fail


def silent(*subjects: Subject) -> Callable[[Bin], None]:
    return lambda measures: [measures.pop(subject) for subject in subjects] and None


def times(subject: Subject, factor: float) -> Callable[[Bin], None]:
    return lambda measures: setattr(measures[subject], "count", round(measures[subject].count * factor))


def slower(subject: Subject) -> Callable[[Bin], None]:
    def slow(measures: Bin) -> None:
        # five coarse buckets more: 2.2 times as long
        measures[subject].latency = {number + 5: count for number, count in measures[subject].latency.items()}

    return slow


# --- what is told


@pytest.mark.parametrize(
    ("change", "subject", "what", "up"),
    [
        (failing(SHOP), SHOP, "failures", True),
        (failing(ACME), ACME, "failures", True),
        (failing(CALLS), CALLS, "failures", True),
        (silent(ORDERS), ORDERS, "traffic", False),
        (times(SHOP, 3), SHOP, "traffic", True),
        (slower(ORDERS), ORDERS, "latency", True),
    ],
)
def test_what_goes_wrong_is_one_incident_soon(
    learnt: bytes, change: Callable[[Bin], None], subject: Subject, what: str, up: bool
) -> None:
    [began] = told(learnt, change)
    assert (began.event, began.kind) == ("began", "unusual")
    assert (began.members[0].subject, began.members[0].what, began.members[0].alert.up) == (subject, what, up)
    assert began.since_ms >= MONDAY_MS + NOW * BIN_MS
    assert began.at_ms <= MONDAY_MS + (NOW + 4) * BIN_MS


def test_what_gets_better_is_no_news(learnt: bytes) -> None:
    assert told(learnt, lambda measures: setattr(measures[SHOP], "failed", 0)) == []


def test_an_alert_is_told_in_the_units_that_people_know(learnt: bytes) -> None:
    [began] = told(learnt, failing(SHOP))
    alert = began.members[0].alert
    assert 15 < alert.value < 25
    assert 0 <= alert.low <= alert.expected <= alert.high < 2
    [fell] = told(learnt, silent(ORDERS))
    assert fell.members[0].alert.value == 0
    assert fell.members[0].alert.expected == pytest.approx(300, rel=0.1)


def test_customers_with_more_failures_than_usual_are_named(learnt: bytes) -> None:
    [began] = told(learnt, failing(SHOP, ACME))
    [hit] = began.customers
    assert (hit.tenant, hit.failed * 5 // hit.requests) == ("acme", 0 if hit.failed * 5 < hit.requests else 1)
    assert told(learnt, failing(SHOP))[0].customers == ()


def test_the_end_is_told_with_what_it_was_at_worst(learnt: bytes) -> None:
    made = [*bins(NOW, NOW + 6, failing(SHOP)), *bins(NOW + 6, NOW + 14)]
    began, ended = after(learnt, made)[1]
    assert (ended.event, ended.incident) == ("ended", began.incident)
    end = ended.members[0].end
    assert end is not None
    assert end.event == "back"
    assert 15 < end.worst < 25


def test_few_requests_make_no_alert(learnt: bytes) -> None:
    """A customer with one request in ten minutes: all of them fail, then there are five at once, then none."""
    rare = Subject("customer", ("rare",))

    def seldom(number: int, measures: Bin) -> None:
        if number % 2 == 0:
            measures[rare] = Measure(1)

    made = bins(NOW, NOW + 400)
    for number, (_, measures) in enumerate(made):
        seldom(number, measures)
        if number > 300 and rare in measures:
            measures[rare].failed = 1
    made[350][1][rare] = Measure(5)
    for _, measures in made[360:]:
        measures.pop(rare, None)
    state, changes = after(learnt, made)
    assert rare in state.subjects
    assert [m for change in changes for m in change.members if m.what == "traffic"] == []


# --- errors that are new


def erring(times: int, names: tuple[str, str] = ("shop", "ab12")) -> Callable[[Bin], None]:
    return lambda measures: measures.update({Subject("error", names): Measure(times, example="KeyError: 'vat'")})


def test_an_error_that_was_never_seen_is_news_of_its_own(learnt: bytes) -> None:
    [began] = told(learnt, erring(5))
    assert (began.kind, began.members[0].what, began.members[0].example) == ("new errors", "new", "KeyError: 'vat'")


def test_what_happens_once_is_not_news_and_neither_is_what_is_known(learnt: bytes) -> None:
    assert after(learnt, [*bins(NOW, NOW + 1, erring(1)), *bins(NOW + 1, NOW + 40)])[1] == []
    state, _ = after(learnt, bins(NOW, NOW + 1, erring(5)))
    assert after(pack(state), bins(NOW + 1, NOW + 20, erring(5)))[1] == []


def test_in_the_first_day_no_error_is_news() -> None:
    assert replay(bins(0, 3, erring(9))).told == ()


def test_an_error_that_is_back_after_two_weeks_is_news(learnt: bytes) -> None:
    state, _ = after(learnt, bins(NOW, NOW + 1, erring(5)))
    for days, what in ((13, None), (15, "returned")):
        start = NOW + days * DAY
        changes = after(pack(state), bins(start, start + 1, erring(5)))[1]
        assert [change.members[0].what for change in changes] == ([what] if what else [])


# --- nothing at all


def test_that_nothing_arrives_is_held_back_for_half_an_hour_and_told_once(learnt: bytes) -> None:
    empty = [(start_ms, Bin()) for start_ms, _ in bins(NOW, NOW + 20)]
    state, [began] = after(learnt, empty)
    assert (began.event, began.kind, began.since_ms) == ("began", "silence", MONDAY_MS + NOW * BIN_MS)
    assert began.at_ms - began.since_ms == 35 * 60_000
    [ended] = after(pack(state), bins(NOW + 20, NOW + 40))[1]
    assert (ended.event, ended.incident) == ("ended", began.incident)


def test_a_pipeline_that_is_late_is_no_news_and_teaches_nothing(learnt: bytes) -> None:
    empty = [(start_ms, Bin()) for start_ms, _ in bins(NOW, NOW + 5)]
    state, changes = after(learnt, empty)
    assert changes == []
    assert [*state.subjects] == [*unpack(learnt).subjects]
    assert state.subjects[SHOP].series["traffic"].state == unpack(learnt).subjects[SHOP].series["traffic"].state


def test_where_little_happens_silence_is_usual() -> None:
    quiet = [
        (start, {SHOP: Measure(3)} if number % 3 == 0 else Bin()) for number, (start, _) in enumerate(bins(0, DAY))
    ]
    state, _ = after(pack(State()), quiet)
    assert after(pack(state), [(start, Bin()) for start, _ in bins(DAY, DAY + 20)])[1] == []


# --- what is kept


def test_the_same_bins_again_change_nothing(learnt: bytes) -> None:
    state, changes = after(learnt, bins(NOW - 50, NOW, failing(SHOP)))
    assert (pack(state), changes) == (learnt, [])


def test_watching_in_parts_with_a_stored_state_gives_the_same(learnt: bytes) -> None:
    made = [*bins(NOW, NOW + 5, failing(SHOP)), *bins(NOW + 5, NOW + 20)]
    whole, changes = after(learnt, made)
    stored, parts = learnt, list[Change]()
    for part in (made[:3], made[3:4], made[4:]):
        state, some = after(stored, part)
        stored, parts = pack(state), parts + some
    assert msgspec.msgpack.encode(parts) == msgspec.msgpack.encode(changes)
    assert stored == pack(whole)


@pytest.mark.parametrize("stored", [None, b"", b"\xc1", b"\x80", pack(State(version=(99, 1))), b"\x91" * 100_000])
def test_a_state_that_cannot_be_read_is_learnt_anew(stored: bytes | None) -> None:
    assert unpack(stored) == State()


def test_who_is_not_seen_for_two_weeks_is_forgotten(learnt: bytes) -> None:
    gone = silent(ORDERS)
    state, _ = after(learnt, bins(NOW + 15 * DAY, NOW + 15 * DAY + 13, gone))
    assert SHOP in state.subjects
    assert ORDERS not in state.subjects


def test_the_largest_are_followed_and_it_says_how_many_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_SERIES", 6)
    state, _ = after(pack(State()), bins(0, 2 * 12 + 1))
    assert [subject for subject, each in state.subjects.items() if each.series] == [SHOP, CALLS]
    assert (state.series, state.left_out) == (6, 3)


def test_absence_says_nothing_of_the_smallest_where_a_kind_is_full(
    learnt: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, _ = after(learnt, bins(NOW, NOW + 1))
    assert state.subjects[ORDERS].certain
    monkeypatch.setitem(watching.MOST, "service", 2)
    state, _ = after(learnt, bins(NOW, NOW + 13))
    assert (state.subjects[SHOP].certain, state.subjects[ORDERS].certain) == (True, False)
    assert after(pack(state), bins(NOW + 13, NOW + 20, silent(ORDERS)))[1] == []
    assert after(pack(state), bins(NOW + 13, NOW + 20, silent(SHOP)))[1] != []


def test_subjects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_SUBJECTS", 10)
    many = {Subject("customer", (f"{number}",)): Measure(number + 1) for number in range(30)}
    state, _ = after(pack(State()), bins(12, 13, lambda measures: measures.update(many)))
    assert len(state.subjects) == 10


# --- what is not wanted


def test_what_is_muted_is_not_told_until_its_day(learnt: bytes) -> None:
    assert told(learnt, failing(SHOP), wishes=Wishes(mute=(Mute("sho*"),))) == []
    assert told(learnt, failing(SHOP), wishes=Wishes(mute=(Mute("shop", kind="customer"),))) != []
    for until, count in ((date(2026, 1, 9), 0), (date(2026, 1, 8), 1)):
        assert len(told(learnt, failing(SHOP), wishes=Wishes(mute=(Mute("shop", until=until),)))) == count


def test_a_mute_names_all_names_at_once_too() -> None:
    route = Subject("route", ("shop", "GET /x"))
    assert Mute("shop GET /*").covers(route, 0)
    assert Mute("GET /?").covers(route, 0)
    assert not Mute("GET").covers(route, 0)


def test_a_replay_says_how_often_it_would_have_fired(learnt: bytes) -> None:
    made = [*bins(0, NOW), *bins(NOW, NOW + 6, failing(SHOP)), *bins(NOW + 6, NOW + 30)]
    found = replay(made)
    assert (found.fired, str(found)) == (1, "would have fired once in 3 days")
    assert replay(made, since_ms=MONDAY_MS + (NOW + 10) * BIN_MS).fired == 0


def test_an_alert_of_one_series_alone_raises_the_bar_for_its_sort_and_a_wide_one_does_not(
    learnt: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MARGINAL", 1000.0)
    over = bins(NOW + 6, NOW + 14)
    state, _ = after(learnt, [*bins(NOW, NOW + 6, failing(ACME)), *over])
    assert state.bars.of("customer failures") == pytest.approx(1.0, abs=0.01)
    wide, _ = after(learnt, [*bins(NOW, NOW + 6, failing(ACME, SHOP)), *over])
    assert wide.bars.by_sort == {}
    monkeypatch.setattr(watching, "MARGINAL", 0.0)
    plain, _ = after(learnt, [*bins(NOW, NOW + 6, failing(ACME)), *over])
    assert plain.bars.by_sort == {}

"""Messages about alarms: what they say, when they are sent, and what a hostile name does to them."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.incidents import figures, memory
from functions.core.incidents.changes import Change, NotAnAlarmError, read
from functions.core.incidents.figures import Figures, Measure
from functions.core.incidents.memory import Memory, Telling, decide
from functions.core.incidents.rules import RULES
from functions.core.incidents.subscribers import is_time_to_remind, judge
from functions.core.incidents.wording import Customer, Customers, Message, Place, Story, compose, plain, raw

MINUTE = 60_000
HOUR = 60 * MINUTE
AT = 1_795_169_820_000  # 10:17 UTC
PLACE = Place("main", "123456789012", "eu-central-1", "tracelake-main-application")
HIT = Customers("since 10:00 UTC", [Customer("globex", 70, 61), Customer("initech", 90, 12)])
BAD = Figures(AT - 12 * MINUTE, Measure(34.0, 102, 300), Measure(0.2, 2, 980), "at this time yesterday")


def _change(
    state: str = "ALARM", at: int = AT, before: str = "OK", before_ms: int = 0, name: str = "error-rate"
) -> Change:
    return Change(f"tracelake-main-{name}", state, "", at, before, before_ms, "", PLACE.account, PLACE.region)


def _story(**more: object) -> Story:
    story = Story("error-rate", RULES["error-rate"], _change(), Telling.BEGUN, BAD, PLACE, HIT)
    return replace(story, **more)  # type: ignore[arg-type]


def test_a_message_says_what_since_when_how_bad_whom_where_and_what_to_do() -> None:
    message = compose(_story())
    assert message.subject == "34 % of requests failed (5xx), usually 0.2 % [tracelake main]"
    happened, customers, look, do, foot = message.text.split("\n\n")
    assert happened.split("\n") == [
        "34 % of requests failed (5xx): 102 of 300.",
        "Since 10:05 UTC, Fri 20 Nov.",
        "Usual: 0.2 % (at this time yesterday).",
    ]
    assert customers == ("CUSTOMERS (since 10:00 UTC)\n- globex: 61 of 70 failed\n- initech: 12 of 90 failed")
    assert "dashboard/tracelake-main-application?start=2026-11-20T09:35:00Z&end=2026-11-20T10:47:00Z" in look
    assert look.endswith("\ntracelake ask which_errors_occur --since 1h")
    assert do.startswith("DO\n1. ")
    assert do.endswith("\nMore: docs/runbooks/error_rate.md")
    assert foot.startswith("tracelake main, account 123456789012, eu-central-1\nAlarm error-rate (high)")


def test_a_message_for_machines_has_the_same_as_attributes() -> None:
    attributes = compose(_story()).attributes
    assert (attributes["alarm"], attributes["state"], attributes["telling"]) == ("error-rate", "ALARM", "begun")
    assert attributes["since"] == "2026-11-20T10:05:00Z"
    details = json.loads(attributes["details"])
    assert (details["value"], details["usual"], details["customers"]) == (34.0, 0.2, ["globex", "initech"])


def test_what_is_not_known_is_said() -> None:
    text = compose(_story(figures=replace(BAD, usual=None), customers=None)).text
    assert "What is usual is not known yet." in text
    assert "CUSTOMERS\nNot known yet." in text


def test_without_any_figures_the_meaning_is_told() -> None:
    message = compose(_story(figures=Figures(AT), customers=None))
    assert message.subject == "Requests fail [tracelake main]"
    assert RULES["error-rate"].means in message.text


def test_of_many_customers_the_worst_are_named_and_the_rest_counted() -> None:
    many = Customers("since 10:00 UTC", [Customer(f"c{n}", 10, 9) for n in range(12)], more=3)
    assert "- c4: 9 of 10 failed\n- and 10 more" in compose(_story(customers=many)).text


def test_customers_on_the_list_are_named_with_their_id_and_plan_below() -> None:
    hit = [Customer("globex", 70, 61, "Globex Corporation", "enterprise"), Customer("initech", 90, 12, "Initech")]
    message = compose(_story(customers=Customers("since 10:00 UTC", hit)))
    assert message.text.split("\n\n")[1].split("\n")[1:] == [
        "- Globex Corporation: 61 of 70 failed",
        "  globex, enterprise",
        "- Initech: 12 of 90 failed",
        "  initech",
    ]
    assert json.loads(message.attributes["details"])["customers"] == ["globex", "initech"]


def test_the_end_says_how_long_it_lasted_and_how_bad_it_was() -> None:
    message = compose(_story(telling=Telling.OVER, change=_change("OK"), figures=Figures(AT - 43 * MINUTE, BAD.now)))
    assert message.subject == "Over after 43 min: requests fail no more [tracelake main]"
    assert "It lasted 43 min: 09:34 to 10:17 UTC, Fri 20 Nov." in message.text
    assert "In that time 34 % of requests failed (5xx): 102 of 300." in message.text
    assert "DO" not in message.text


def test_an_alarm_that_comes_and_goes_is_announced_as_such() -> None:
    message = compose(_story(telling=Telling.BACK))
    assert message.subject.startswith("Again: 34 %")
    assert "For the next hour you hear no more of it, nor of its end." in message.text


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("latency", 4212, "One request in ten takes 4.2 s or more (p90)."),
        ("latency", 870, "One request in ten takes 870 ms or more (p90)."),
        ("throttles", 1234, "1,234 invocations were refused for want of concurrency."),
    ],
)
def test_numbers_are_written_for_people(name: str, value: float, shown: str) -> None:
    found = Figures(AT, Measure(value))
    assert shown in compose(_story(name=name, rule=RULES[name], figures=found)).text


@pytest.mark.parametrize("telling", [Telling.BEGUN, Telling.BACK, Telling.STILL, Telling.OVER])
@pytest.mark.parametrize("name", RULES)
def test_every_message_fits_a_mail_and_a_phone(name: str, telling: Telling) -> None:
    message = compose(_story(name=name, rule=RULES[name], telling=telling))
    assert len(message.subject) < 100
    assert len(message.short) <= 140
    lines = [line for line in message.text.split("\n") if not line.startswith("https://")]
    assert max(len(textwrap.wrap(line, 40)) for line in lines if line) <= 5
    assert len(lines) <= 32


HOSTILE = "\x1b[31m<script>alert(1)</script>\r\n\r\nUnsubscribe: http://evil\u202e\u2028\x00" + "x" * 500


def test_a_hostile_name_stays_one_short_line_of_plain_text() -> None:
    text = compose(_story(customers=Customers("since 10:00 UTC", [Customer(HOSTILE, 2, 1)]))).text
    (line,) = (line for line in text.split("\n") if "script" in line)
    assert line.startswith("- [31m<script>alert(1)</script> Unsubs")
    assert line.endswith("...: 1 of 2 failed")
    assert not any(letter in text for letter in "\x1b\x00\r\u202e\u2028")


@settings(derandomize=True, max_examples=200)
@given(st.text(), st.text())
def test_no_name_breaks_a_message(name: str, why: str) -> None:
    message = compose(_story(customers=Customers("x", [Customer(name, 1, 1), Customer(name, 1, 1, name, name)])))
    assert len(message.text.split("\n\n")) == 5
    assert _is_fit_to_send(message)
    assert _is_fit_to_send(raw({"alarmData": {"alarmName": name, "state": {"value": why}}}, "main", why))
    assert len(plain(name)) <= 40


@pytest.mark.parametrize("event", [None, [], "x", {}, {"alarmData": None}, {"alarmData": {"state": 1}}])
def test_anything_at_all_can_be_sent_as_it_is(event: object) -> None:
    message = raw(event, "main", "KeyError: 'x'")
    assert _is_fit_to_send(message)
    assert json.dumps(event, indent=1) in message.text


def _is_fit_to_send(message: Message) -> bool:
    # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    ascii_only = message.subject.isascii() and message.subject.isprintable() and message.subject[0] != " "
    return ascii_only and len(message.subject) < 100 and len(message.text.encode()) <= 256 * 1024


def _follow(*changes: tuple[int, str]) -> list[Telling]:
    known, told = Memory(), []
    for minute, state in changes:
        telling, known = decide(known, _change(state, AT + minute * MINUTE), AT + minute * MINUTE)
        told.append(telling)
    return told


def test_beginning_and_end_are_told() -> None:
    assert _follow((0, "ALARM"), (20, "OK"), (90, "ALARM"), (95, "OK")) == ["begun", "over", "begun", "over"]


def test_an_event_that_is_delivered_twice_is_told_once() -> None:
    assert _follow((0, "ALARM"), (0, "ALARM")) == ["begun", "nothing"]


def test_the_first_ok_of_a_new_alarm_is_no_news() -> None:
    assert decide(Memory(), _change("OK", before="INSUFFICIENT_DATA"), 0)[0] == "nothing"


def test_the_end_of_an_alarm_that_cloudwatch_told_itself_is_told_with_its_beginning() -> None:
    telling, known = decide(Memory(), _change("OK", before="ALARM", before_ms=AT - HOUR), 0)
    assert (telling, known.since_ms) == ("over", AT - HOUR)


def test_missing_data_in_between_is_neither_end_nor_beginning() -> None:
    assert _follow((0, "ALARM"), (5, "INSUFFICIENT_DATA"), (10, "ALARM"), (15, "OK")) == [
        "begun",
        "nothing",
        "nothing",
        "over",
    ]


def test_what_comes_and_goes_is_told_once_and_then_at_most_hourly() -> None:
    changes = [(0, "ALARM"), (5, "OK"), *((10 + n * 5, "OK" if n % 2 else "ALARM") for n in range(26))]
    told = _follow(*changes)
    assert told[:3] == ["begun", "over", "back"]
    assert [changes[n][0] for n, each in enumerate(told) if each == "still"] == [70, 130]
    assert set(told[3:]) == {"nothing", "still"}


def test_after_a_quiet_hour_it_is_a_new_alarm_again() -> None:
    assert _follow((0, "ALARM"), (5, "OK"), (10, "ALARM"), (15, "OK"), (80, "ALARM"), (85, "OK"))[-2:] == [
        "begun",
        "over",
    ]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["ALARM", "OK", "INSUFFICIENT_DATA"])), max_size=60))
def test_however_it_flaps_few_messages_are_sent_and_the_first_alarm_always_is(steps: list[tuple[int, str]]) -> None:
    minute, changes = 0, []
    for wait, state in steps:
        minute += wait
        changes.append((minute, state))
    told = _follow(*changes)
    sent = [changes[n][0] for n, each in enumerate(told) if each != "nothing"]
    assert all(sum(start <= at < start + 60 for at in sent) <= 5 for start in sent)
    first = next((n for n, (_, state) in enumerate(changes) if state == "ALARM"), None)
    assert first is None or told[first] == "begun"


def test_an_hour_has_room_for_so_many_messages() -> None:
    assert [memory.room(sent) for sent in (0, memory.MOST_AN_HOUR - 1, memory.MOST_AN_HOUR, 99)] == [20, 1, 0, 0]


def _by_minute(**values: list[tuple[int, float]]) -> dict[str, list[tuple[int, float]]]:
    return {
        name: [(AT // MINUTE * MINUTE + minute * MINUTE, value) for minute, value in found]
        for name, found in values.items()
    }


def test_trouble_begins_with_the_first_bad_minute_and_is_compared_with_yesterday() -> None:
    day = range(-30, 1)
    series = _by_minute(
        requests=[(minute - 1440, 100) for minute in day] + [(minute, 100) for minute in day],
        errors=[(minute - 1440, 1) for minute in day] + [(minute, 40 if minute >= -8 else 0) for minute in day],
    )
    found = figures.compare(RULES["error-rate"], series, AT)
    assert found.since_ms == AT - 8 * MINUTE
    assert found.now == Measure(40, 360, 900)
    assert (found.usual and found.usual.value, found.usual_time) == (1.0, "at this time yesterday")


def test_without_yesterday_it_is_compared_with_the_hours_before() -> None:
    series = _by_minute(
        requests=[(m, 50) for m in range(-300, 1)], errors=[(m, 25 if m > -5 else 0) for m in range(-300, 1)]
    )
    found = figures.compare(RULES["error-rate"], series, AT)
    assert (found.usual and found.usual.value, found.usual_time) == (0.0, "in the hours before")


def test_with_too_little_to_compare_with_nothing_is_called_usual() -> None:
    series = _by_minute(requests=[(-60, 3), (-1, 300)], errors=[(-60, 3), (-1, 100)])
    assert figures.compare(RULES["error-rate"], series, AT).usual is None


def test_without_any_data_the_alarms_own_periods_are_the_time() -> None:
    found = figures.compare(RULES["error-rate"], {"requests": [], "errors": []}, AT)
    assert found == Figures(AT // (5 * MINUTE) * 5 * MINUTE - 15 * MINUTE)


@pytest.mark.parametrize("broken", [{}, {"alarmData": {}}, {"alarmData": {"alarmName": "x", "state": {"value": "OK"}}}])
def test_what_is_no_alarm_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(NotAnAlarmError, match="no event of an alarm"):
        read(broken)


CONFIRMED, PENDING = "arn:aws:sns:eu-central-1:1:topic:1", "PendingConfirmation"


@pytest.mark.parametrize(
    ("subscriptions", "address", "missing", "remind"),
    [
        ([], "", 1, False),
        ([], "ops@example.com", 1, True),
        ([(PENDING, "ops@example.com")], "ops@example.com", 1, True),
        ([("Deleted", "ops@example.com")], "ops@example.com", 1, True),
        ([(CONFIRMED, "ops@example.com")], "ops@example.com", 0, False),
        ([(CONFIRMED, "https://pager.example.com")], "", 0, False),
        ([(CONFIRMED, "https://pager.example.com")], "ops@example.com", 1, True),
        ([(CONFIRMED, "ops@example.com"), (PENDING, "new@example.com")], "ops@example.com", 1, False),
    ],
)
def test_subscriptions_that_are_missing_are_counted(
    subscriptions: list[tuple[str, str]], address: str, missing: int, remind: bool
) -> None:
    found = judge(subscriptions, address)
    assert (found.missing, found.remind) == (missing, remind)


def test_one_run_a_day_reminds() -> None:
    runs = [AT + offset + quarter * 15 * MINUTE for offset in (0,) for quarter in range(96)]
    assert sum(is_time_to_remind(at) for at in runs) == 1

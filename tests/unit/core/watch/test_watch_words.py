"""What people read of an incident."""

from __future__ import annotations

import pytest

from functions.core.detect.alerts import Alert
from functions.core.incidents.wording import Place
from functions.core.meaning.written import RulesError, parse
from functions.core.watch.incidents import Member, What
from functions.core.watch.signals import BIN_MS, Subject
from functions.core.watch.watching import Change, Customer
from functions.core.watch.wishes import Wishes
from functions.core.watch.words import compose, title

SINCE_MS = 1_767_866_400_000  # 2026-01-08 10:00
PLACE = Place("prod", "123456789012", "eu-west-1", "tracelake-prod-application")
CHECKOUT = Subject("service", ("checkout",))
HOSTILE = "a\x1b[31m\u202e<b>\n" + "x" * 500


def alert(minutes: int = 0, *, up: bool = True, event: str = "begins") -> Alert:
    at, since = SINCE_MS / 1000 + 60 * minutes, SINCE_MS / 1000
    since = at if event == "begins" else since
    return Alert(event, at, since, up, 5.1, 0.2, 0.1, 0.4, 7.0, 1e-9, "step", 4.0, 864_000.0)  # type: ignore[arg-type]


def member(subject: Subject, what: What = "failures", minutes: int = 0) -> Member:
    return Member(subject, what, alert(minutes))


def change(*members: Member, event: str = "began", kind: str = "unusual", **more: object) -> Change:
    at_ms = SINCE_MS + (BIN_MS if event == "began" else 9 * BIN_MS)
    return Change(event, kind, "1-0", at_ms, SINCE_MS, members, ("checkout",), **more)  # type: ignore[arg-type]


def test_the_beginning_says_what_where_since_when_and_against_what() -> None:
    told = compose(change(member(CHECKOUT, minutes=5), member(Subject("customer", ("acme",)))), PLACE)
    assert told.subject == "Failures of checkout: 5.1 %, expected 0.2 % and 1 more [tracelake prod]"
    said = " ".join(told.text.split())
    assert "Failures of checkout rose to 5.1 % where 0.2 % was expected (usual: 0.1 % to 0.4 %), 4.0 times" in said
    assert "Since 10:00 UTC, Thu 08 Jan. First was failures of customer acme, 5 minutes before that." in said
    assert "AT THE SAME TIME (1) - Failures of customer acme: 5.1 %, expected 0.2 %" in said
    assert "start=2026-01-08T09:30:00Z&end=2026-01-08T10:35:00Z" in said


def test_what_else_moved_is_bounded_and_counted() -> None:
    others = [member(Subject("route", ("checkout", f"GET /{number}"))) for number in range(9)]
    text = compose(change(member(CHECKOUT), *others), PLACE).text
    assert [f"GET /{number} of" in text for number in range(9)] == [True] * 5 + [False] * 4
    assert "- and 4 more" in text


def test_customers_causes_and_deployments_are_told_where_they_are_known() -> None:
    hit = tuple(Customer(f"c{number}", 900, 45 - number) for number in range(7))
    text = compose(
        change(member(CHECKOUT), customers=hit), PLACE, ["- payments fails"], ["- checkout 1.4"], ["note"]
    ).text
    assert "CUSTOMERS (in the last 5 minutes)\n- c0: 45 of 900 failed" in text
    assert "- and 2 more" in text
    assert "LIKELY CAUSE\n- payments fails\n\nDEPLOYED\n- checkout 1.4\n" in text
    without = compose(change(member(CHECKOUT)), PLACE).text
    assert not any(head in without for head in ("CUSTOMERS", "LIKELY", "DEPLOYED", "SAME TIME"))


def test_the_end_says_how_it_ended() -> None:
    ended = member(CHECKOUT)
    ended.end = alert(40, event="back")
    gone = member(Subject("function", ("f",)), "latency")
    told = compose(change(ended, gone, event="ended"), PLACE)
    assert told.subject.startswith("Over after 45 minutes: failures of checkout and 1 more")
    assert "- failures of checkout is back at 5.1 % after 40 minutes; it was at most 7 %" in told.text
    assert "- latency (p90) of function f: nothing is seen of it any more" in told.text
    assert told.attributes["state"] == "OK"
    assert "IF THIS IS NO NEWS" not in told.text


@pytest.mark.parametrize(("event", "begins"), [("worse", "Worse: "), ("back again", "Again: ")])
def test_what_goes_on_says_so(event: str, begins: str) -> None:
    assert title(change(member(CHECKOUT), event=event)).startswith(f"{begins}Failures of checkout: 5.1 %")


def test_a_new_error_is_told_with_what_it_says() -> None:
    new = Member(Subject("error", ("shop", "ab12")), "new", alert(), open=False, example="KeyError: 'vat'")
    told = compose(change(new, kind="new errors"), PLACE)
    assert told.subject == "New error 'KeyError: 'vat'' of shop, 5 times [tracelake prod]"
    assert "was never seen before" in told.text
    assert told.attributes["severity"] == "medium"


def test_silence_is_told_with_both_reasons() -> None:
    told = compose(change(kind="silence"), PLACE)
    assert told.subject == "Nothing arrives any more [tracelake prod]"
    assert "tracelake doctor" in told.text
    assert compose(change(kind="silence", event="ended"), PLACE).subject.startswith(
        "It arrives again, after 45 minutes"
    )


@pytest.mark.parametrize(
    "subject",
    [
        CHECKOUT,
        Subject("route", ("checkout", "GET /t/[a]*/{id}")),
        Subject("dependency", ("checkout", HOSTILE)),
        Subject("customer", ("x" * 200,)),
        Subject("metric", ("App", "Depth", "-")),
    ],
)
def test_what_the_message_says_to_add_mutes_it(subject: Subject) -> None:
    lines = compose(change(member(subject)), PLACE).text.split("IF THIS IS NO NEWS\n")[1].split("\n\n")[0].split("\n")
    [mute] = parse("\n".join(lines[1:-1])).alerts.mute
    clean = Subject(
        subject.kind, tuple("".join(filter(str.isprintable, name.replace("\n", " "))) for name in subject.names)
    )
    assert mute.covers(subject if HOSTILE not in subject.names else clean, SINCE_MS)
    assert not mute.covers(subject, SINCE_MS + 8 * 86_400_000)


def test_hostile_names_are_one_line_of_plain_writing() -> None:
    hostile = Member(Subject("error", (HOSTILE, HOSTILE)), "new", alert(), example=HOSTILE)
    names = [Subject("route", (HOSTILE, HOSTILE)), Subject("metric", (HOSTILE, HOSTILE, HOSTILE))]
    told = compose(change(hostile, *map(member, names), customers=(Customer(HOSTILE, 2, 1),)), PLACE)
    assert len(told.subject) < 100
    assert told.subject.isascii()
    assert max(len(line) for line in told.text.split("\n") if "https://" not in line) < 80
    assert not {"\x1b", "\u202e"} & set(told.text + told.subject + told.short + str(told.attributes))


def test_the_rules_say_what_alerts_are_wanted() -> None:
    assert parse("").alerts == Wishes()
    found = parse('[alerts]\nper_week = 0.5\n[[alerts.mute]]\nname = "a*"\nuntil = 2026-12-24\n').alerts
    assert found.per_week == 0.5
    assert str(found.mute[0].until) == "2026-12-24"


@pytest.mark.parametrize(
    "wrong",
    ["per_week = 0", "per_day = 1", 'mute = [{ kind = "host", name = "a" }]', "mute = [{}]", 'mute = [{ name = "" }]'],
)
def test_wrong_wishes_are_refused(wrong: str) -> None:
    with pytest.raises(RulesError, match="alerts"):
        parse(f"[alerts]\n{wrong}\n")

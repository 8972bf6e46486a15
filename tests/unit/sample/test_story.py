from __future__ import annotations

import io
import json

import pytest

from functions.core.customers import csv_file
from local.sample.shop.tenants import TENANTS
from local.story import scenes, views
from local.story.telling import Teller

CHANGE = ("OldStateValue", "NewStateValue", "StateChangeTime", "AlarmDescription", "NewStateReason", "AlarmName")
ESCAPE = "\x1b[2J\x1b]0;owned\x07"


def told(tell, encoding="utf-8"):
    """What is told where nobody looks at a terminal."""
    buffer = io.BytesIO()
    out = io.TextIOWrapper(buffer, encoding=encoding, errors="replace")
    tell(Teller(out))
    out.flush()
    return buffer.getvalue().decode(encoding)


def customer(tenant, plan, region, requests, errors):
    return {
        "tenant": tenant,
        "name": None,
        "plan": plan,
        "region": region,
        "requests": requests,
        "errors": errors,
        "p90_ms": 20.0,
    }


def call(service, calls, faults, p90_ms):
    return {"remote_service": service, "calls": calls, "faults": faults, "p90_ms": p90_ms}


@pytest.mark.parametrize(
    "tell",
    [
        lambda teller: teller.say(f"a{ESCAPE}b"),
        lambda teller: teller.chapter(f"a{ESCAPE}b"),
        lambda teller: teller.letter((("Subject", ESCAPE),), (ESCAPE,)),
        lambda teller: teller.show(teller.table((ESCAPE,), [(ESCAPE,)])),
        lambda teller: teller.show(views.failures(teller, [customer(ESCAPE, ESCAPE, ESCAPE, 3, 1)])),
        lambda teller: views.letter(teller, ESCAPE, f"{ESCAPE}\n{ESCAPE}\n\n{ESCAPE}"),
        lambda teller: views.letter(teller, ESCAPE, json.dumps(dict.fromkeys(CHANGE, ESCAPE))),
    ],
)
def test_what_comes_from_logs_cannot_move_the_cursor(tell):
    assert not {"\x1b", "\x07"} & set(told(tell))


def test_without_a_terminal_lines_are_plain_and_end_without_blanks():
    def tell(teller):
        teller.chapter("one")
        with teller.step("two") as step:
            step.result = "three"
        with teller.watching(lambda: views.top_customers(teller, [customer("kestrel-cycles", "x", "eu", 3, 0)]), str):
            pass

    lines = told(tell).splitlines()
    assert "1. one" in lines
    assert any(line.endswith("s  two: three") for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_terminal_that_knows_only_ascii_gets_bars_too():
    text = told(lambda teller: teller.show(views.failures(teller, [customer("a", "b", "c", 2, 1)])), "ascii")
    assert "############" in text
    assert "?" not in text


def test_the_step_that_fails_is_not_told_as_done():
    def tell(teller):
        with pytest.raises(ValueError, match="no"), teller.step("deploying"):
            raise ValueError("no")

    assert "deploying" not in told(tell)


def test_a_step_that_is_abandoned_is_not_told_as_done():
    def tell(teller):
        with teller.step("deploying") as step:
            step.abandoned = True

    assert "deploying" not in told(tell)


def test_an_answer_leaves_out_columns_rather_than_squeezing_them():
    wide = [dict.fromkeys(views.QUESTIONS["which_settings_are_popular"], "x" * 30)]
    text = told(lambda teller: views.answer(teller, "which_settings_are_popular", wide))
    assert "x" * 30 + "   " + "x" * 30 in text
    assert "switched_away" not in text
    assert "not shown: 3 columns" in text


def test_a_message_is_shown_as_it_was_written():
    text = told(
        lambda teller: views.letter(teller, "9 % of requests fail", "Since 12:30 UTC.\nUsual: 0 %.\n\nLook here.")
    )
    assert "Subject: 9 % of requests fail" in text
    assert [line.strip("│ ") for line in text.splitlines()[5:9]] == [
        "Since 12:30 UTC.",
        "Usual: 0 %.",
        "",
        "Look here.",
    ]


def test_an_alarm_is_shown_by_what_a_reader_needs():
    alarm = json.dumps({**{name: name.lower() for name in CHANGE}, "Trigger": {"Period": 300}})
    text = told(lambda teller: views.letter(teller, "ALARM", alarm))
    assert "alarmdescription" in text
    assert "newstatereason" in text
    assert "alarmname: oldstatevalue -> newstatevalue at statechangetime" in text
    assert "Trigger" not in text


def test_an_incident_is_put_into_words_by_what_all_failures_share():
    rows = [
        customer("harbor-foods", "business", "eu", 50, 20) | {"name": "Harbor Foods"},
        customer("juniper-books", "business", "eu", 30, 9),
        customer("kestrel-cycles", "enterprise", "us", 90, 0),
    ]
    routes = [{"route": "POST /orders", "requests": 60, "errors": 29}]
    who, what, where = views.suspicion(
        rows, routes, [call("payments.example.com", 60, 29, 325.0), call("AWS::SQS", 31, 0, 9.0)], []
    )
    assert who == ("Who: all customers with plan business in region eu, and nobody else: Harbor Foods, juniper-books.")
    assert what == "What: POST /orders (29 of 60)."
    assert where == "Where: 29 of 60 calls to payments.example.com failed, p90 325 ms; calls to AWS::SQS are fine."


def test_the_list_of_the_shop_names_its_customers_with_their_plans():
    listed = csv_file.parse(scenes.CUSTOMERS.read_bytes())
    assert listed.problems == []
    assert [(each.tenant, each.name, each.plan) for each in listed.customers] == [
        (each.id, each.name, each.plan) for each in TENANTS
    ]


def test_an_answer_shows_the_name_the_id_where_there_is_none_and_small_amounts():
    known = dict.fromkeys(views.QUESTIONS["what_do_customers_cost"], 0) | {"customer": "acme", "plan": None}
    rows = [known | {"customer_name": "Acme Ltd", "cost_usd": 0.0000123}, known | {"customer_name": None}]
    lines = told(lambda teller: views.answer(teller, "what_do_customers_cost", rows)).splitlines()
    assert lines[4].split() == ["Acme", "Ltd", "-", "0", "1.2e-05", "0", "0"]
    assert lines[5].split()[:2] == ["acme", "-"]


def test_failures_that_share_nothing_are_blamed_on_nobody():
    rows = [customer("harbor-foods", "business", "eu", 50, 2), customer("kestrel-cycles", "enterprise", "us", 90, 1)]
    assert views.suspicion(rows, [], [call("AWS::SQS", 31, 0, 9.0)], []) == []


def test_a_quiet_hour_has_no_suspicion():
    assert views.suspicion([customer("harbor-foods", "business", "eu", 50, 0)], [], [], []) == []

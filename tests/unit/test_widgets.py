"""The custom widgets: what they show, and that nothing in them is obeyed."""

import html as html_module
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from answering import RefusedError, answering
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.aws import objects as aws_objects
from functions.aws import summaries
from functions.core.budget import Status
from functions.core.customers.listing import Customer, Names
from functions.core.customers.listing import encode as encode_list
from functions.core.dark.telemetry import KINDS, Filled
from functions.core.meaning.status import Off
from functions.core.meaning.status import Status as RulesStatus
from functions.core.ranked import Failures, Requests
from functions.core.sampling import Period
from functions.core.summaries import Errors, HourObject, Ledger, Traffic, encode
from functions.core.widgets import dark, details, errors, ledger, page, rules, subscriptions, traffic
from functions.core.widgets.hours import Hours
from functions.core.widgets.page import WidgetContext
from functions.core.widgets.parts import View
from functions.core.widgets.subscription_state import State
from functions.widgets import drill_down, handler

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
HOUR_MS = 3_600_000
ARN = "arn:aws:lambda:eu-west-1:1:function:tracelake-main-widgets"


def context(**given):
    times = {"start": NOON_MS - 3 * HOUR_MS, "end": NOON_MS}
    return WidgetContext.parse({"timeRange": times, "width": 600, **given}, NOON)


def view(**given):
    found = context(**given)
    return View(found, Hours.covering(found), ARN)


class Page(HTMLParser):
    """Tags, attributes, cells and visible text of a widget; ``actions`` are the parameters of what can be clicked."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.rows, self.actions = [], [], [], []
        self._inside, self._in_cell = "", False
        self.feed(html)
        self.actions = [json.loads(each) for each in self.actions]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "cwdb-action"):
            self._inside = tag
            self.actions += [""] if tag == "cwdb-action" else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._in_cell |= tag in ("td", "th")

    def handle_endtag(self, tag):
        self._in_cell &= tag not in ("td", "th")
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data):
        if self._inside == "cwdb-action":
            self.actions[-1] += data
        if self._inside:
            return
        self.words.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def telemetry_of(functions):
    """Summaries of functions by name that write so many invocations and lines of text each."""
    found = {name: kind() for name, kind in KINDS.items()}
    for name, rows in functions.items():
        for table, key in (("invocations", (name, f"/aws/lambda/{name}")), ("logs", (f"/aws/lambda/{name}",))):
            kind = found[f"telemetry_{table}"]
            source = {"invocations": "lambda_platform", "logs": "text_log"}[table]
            kind.found.add(key, Filled(rows, dict.fromkeys(kind.columns, 0), {source: rows}))
    return found


def dark_of(functions):
    """What is missing in functions that write so many invocations and lines of text each."""
    return dark.Dark.of(telemetry_of(functions))


def of_customers(*found):
    made = Traffic()
    for name, requests, failed in found:
        made.customers.add((name,), Requests(requests, failed, latency={200: requests}))
        made.routes.add(("shop", f"GET /{name}"), Requests(requests, failed))
    return made


def customers(*found, top=20, wanted="", **given):
    return traffic.render(traffic.CUSTOMERS, of_customers(*found).customers, view(**given), top=top, wanted=wanted)


def test_each_customer_has_requests_share_failures_and_latency():
    found = Page(customers(("Acme", 750, 15), ("", 250, 0)))
    p90 = context().duration(Requests(latency={200: 1}).quantile(0.9))
    assert found.rows == [
        ["Customer", "Requests", "Share", "Failed", "p90"],
        ["Acme", "750", "75 %", "2.0 %", p90],
        ["no customer", "250", "25 %", "0 %", p90],
    ]
    assert "1,000 requests" in found.text
    assert "1 customer " in found.text
    assert "20 Nov 09:00 \u2013 12:00 UTC" in found.text
    assert "whole hours" not in found.text


def test_bars_are_relative_to_the_busiest_and_show_the_failed_part():
    html = customers(("Acme", 200, 50), ("Umbrella", 100, 0))
    widths = [attrs["style"] for tag, attrs in Page(html).tags if tag == "div" and "tl-bar" in attrs.get("class", "")]
    assert widths == ["width:75.00%", "width:25.00%", "width:50.00%"]


def test_customers_beyond_the_top_are_one_row_together():
    rows = Page(customers(*((f"tenant-{number}", 10, 1) for number in range(200)))).rows
    assert len(rows) == 1 + 20 + 1
    assert rows[-1][:4] == ["180 others", "1,800", "90 %", "10 %"]


def test_customers_that_the_summary_does_not_name_count_among_the_others():
    made = of_customers(*((f"tenant-{number}", 1000 - number, 0) for number in range(500))).bounded()
    found = Page(traffic.render(traffic.CUSTOMERS, made.customers, view(), top=200))
    assert f"{sum(1000 - n for n in range(500)):,} requests" in found.text
    assert "at least 500 customers" in found.text
    assert found.rows[-1][0] == "300+ others"


def test_a_filter_keeps_what_contains_it_and_shares_stay_those_of_all():
    found = Page(customers(("Acme", 75, 0), ("Umbrella", 25, 0), wanted="aCM"))
    assert [row[:3] for row in found.rows[1:]] == [["Acme", "75", "75 %"]]
    assert "no customer contains \u201czz\u201d" in Page(customers(("Acme", 75, 0), wanted="zz")).text.lower()


def test_a_click_on_a_name_asks_for_its_details_and_the_filter_for_the_widget_again():
    found = Page(customers(("Acme & <Sons>", 1, 0), ("", 1, 0)))
    assert found.actions == [
        {"widget": "top_customers", "top": 20},
        {"widget": "customer", "customer": "Acme & <Sons>"},
    ]
    displays = [attrs["display"] for tag, attrs in found.tags if tag == "cwdb-action"]
    assert displays == ["widget", "popup"]
    assert {attrs["endpoint"] for tag, attrs in found.tags if tag == "cwdb-action"} == {ARN}


LISTED = Names(encode_list([Customer("acme", "Acme & <Sons>", "business", 49.0), Customer("globex", "Globex")]))


def named(*found, wanted=""):
    return Page(traffic.render(traffic.CUSTOMERS, of_customers(*found).customers, view(), wanted=wanted, names=LISTED))


def test_a_customer_on_the_list_has_name_and_plan_and_another_one_its_id():
    found = named(("acme", 9, 0), ("globex", 5, 0), ("umbrella", 3, 0), ("", 1, 0))
    assert [row[0] for row in found.rows[1:]] == [
        "Acme & <Sons>acme \u00b7 business",
        "Globexglobex",
        "umbrella",
        "no customer",
    ]
    assert found.actions[1:] == [
        {"widget": "customer", "customer": "acme", "name": "Acme & <Sons>"},
        {"widget": "customer", "customer": "globex", "name": "Globex"},
        {"widget": "customer", "customer": "umbrella"},
    ]


@pytest.mark.parametrize("wanted", ["ME & <s", "acM"])
def test_a_customer_is_found_by_name_and_by_id(wanted):
    assert len(named(("acme", 9, 0), ("globex", 5, 0), wanted=wanted).rows) == 2


def test_an_error_names_the_customers_it_hits():
    hours = [failures(("a", 2, ["acme", "umbrella"]))]
    titles = {attrs.get("title") for _, attrs in Page(errors.render(hours, None, view(), names=LISTED)).tags}
    assert "umbrella, Acme & <Sons>" in titles


def test_a_detail_shows_the_name_and_the_id_where_one_points():
    opened = Page(details.render(details.of_customer({"customer": "acme", "name": "Acme"}), [[], [], []], context()))
    assert "Acme (acme)" in opened.text
    assert details.of_customer({"customer": "acme", "name": "Acme"}).sections[0].params["tenant"] == "acme"
    for detail in (details.of_route({"route": "GET /"}), details.of_error({"fingerprint": "f"})):
        rows = [[row(customer_name="Acme Ltd") | slow("acme", customer_name="Acme Ltd")] for _ in detail.sections]
        found = Page(details.render(detail, rows, context()))
        assert "Acme Ltd" in found.text
        assert {"title": "acme"} in [attrs for tag, attrs in found.tags if tag == "bdi"]


def test_a_route_is_shown_with_its_service():
    found = Page(traffic.render(traffic.ROUTES, of_customers(("orders", 5, 1)).routes, view()))
    assert found.rows[1][:3] == ["GET /ordersshop", "5", "100 %"]
    assert found.actions[-1] == {"widget": "route", "service": "shop", "route": "GET /orders"}


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (320, ["Customer", "Requests", "Failed"]),
        (450, ["Customer", "Requests", "Failed", "p90"]),
        (1200, ["Customer", "Requests", "Share", "Failed", "Refused", "p50", "p90", "Sent"]),
    ],
)
def test_a_narrow_widget_leaves_columns_out(width, columns):
    assert Page(customers(("Acme", 10, 1), width=width)).rows[0] == columns


def failures(*found):
    made = Errors()
    at = NOON_MS - HOUR_MS
    for print_, count, names in found:
        whose = dict.fromkeys(names, 1)
        made.groups.add((print_, "shop"), Failures(count, at, at + 60_000, "KeyError", f"no {print_}", whose))
    return made


def test_errors_are_grouped_over_the_hours_and_new_ones_are_marked():
    hours = [failures(("a", 1, ["x"])), failures(("a", 2, ["y", ""]), ("b", 1, []))]
    found = Page(errors.render(hours, {("b", "shop")}, view(width=900)))
    assert found.rows[1:] == [
        ["newKeyError in shopno a", "", "3", "2", "11:00", "11:01"],
        ["KeyError in shopno b", "", "1", "\u2013", "11:00", "11:01"],
    ]
    assert "4 error lines" in found.text
    assert "2 kinds" in found.text
    assert "1 new" in found.text
    assert found.actions[0] == {"widget": "error", "fingerprint": "a", "error": "KeyError"}
    heights = [float(attrs["height"]) for tag, attrs in found.tags if tag == "rect"]
    assert heights == [9.0, 18.0, 18.0]


def test_nothing_is_new_where_nothing_is_known_of_before():
    assert "new" not in Page(errors.render([failures(("a", 1, []))], None, view())).text


def test_errors_can_be_those_of_one_service():
    hours = [failures(("a", 1, []))]
    assert "No errors in this time range" in Page(errors.render(hours, None, view(), service="other")).text
    assert "1 error line " in Page(errors.render(hours, None, view(), service="shop")).text


def committed(events, stored, **more):
    sums = {"commits": 2, "records": 9, "events": events, "stored": stored, "raw_bytes": 9000, "stored_bytes": 3000}
    return Ledger(sums | more, 1500.0)


def test_the_ledger_shows_each_hour_newest_first_and_that_it_adds_up():
    hours = [("2026-11-20-10", committed(10, 10)), ("2026-11-20-11", committed(20, 15, folded=3, rejected=2))]
    found = Page(ledger.render(hours, view(width=900)))
    assert found.rows[1:] == [
        ["11:00", "20", "2", "0", "9.0 kB", "3.0 kB", "1.50 s"],
        ["10:00", "10", "0", "0", "9.0 kB", "3.0 kB", "1.50 s"],
    ]
    assert "Every event is accounted for" in found.text
    assert "30 events" in found.text
    assert "stored 25 folded 3 rejected 2 sampled 0" in found.text.replace("rejected", " rejected ").replace(
        "  ", " "
    ) or ("stored 25" in found.text and "folded 3" in found.text and "rejected 2" in found.text)


def test_the_ledger_tells_what_is_missing_and_where():
    found = Page(ledger.render([("2026-11-20-11", committed(20, 15))], view()))
    assert "5 events are not accounted for" in found.text
    assert found.rows[1][3] == "5"


def test_the_ledger_says_what_of_the_budget_is_spent_and_which_lines_are_left_out():
    period = Period("/aws/lambda/<loud>", NOON_MS, NOON_MS + HOUR_MS)
    status = Status(NOON_MS, "2026-11", 50, 51.5, 75, "sample", (period,))
    hours = [("2026-11-20-11", committed(20, 15, sampled=5))]
    html = ledger.render(hours, view(), status)
    found = Page(html)
    assert "Budget of 2026-11: about $51.50 of $50.00, $75.00 at the end of the month" in found.text
    assert "9 in 10 DEBUG, TRACE and INFO lines of /aws/lambda/<loud>, from 12:00 to 13:00." in found.text
    assert "sampled 5" in found.text
    assert "<loud>" not in html
    assert "Budget" not in Page(ledger.render(hours, view())).text


def test_many_hours_of_the_ledger_become_one_row():
    hours = [(f"2026-11-{day:02d}-{hour:02d}", committed(1, 1)) for day in (18, 19) for hour in range(24)]
    rows = Page(ledger.render(hours, view())).rows
    assert len(rows) == 1 + ledger.MOST_ROWS + 1
    assert rows[-1][:2] == ["24 hours before", "24"]


def test_subscriptions_show_first_what_is_not_read_and_why():
    state = State(NOON_MS, 9, 1, ["/good"], 1, {"/bad": "all taken, by splunk"}, {"a loop": ["/own"]})
    found = Page(subscriptions.render(state, context()))
    assert found.rows[1:] == [
        ["not subscribed", "/badall taken, by splunk"],
        ["subscribed", "/good"],
        ["left out", "1 log groupa loop: /own"],
    ]
    assert "1 log group subscribed" in found.text
    assert "9 log groups in this account" in found.text


def test_a_long_list_of_subscriptions_is_cut_and_says_so():
    state = State(NOON_MS, 400, 400, [f"/g/{number:03d}" for number in range(400)])
    found = Page(subscriptions.render(state, context()))
    assert len(found.rows) == 1 + subscriptions.MOST_ROWS + 1
    assert "300 more are not listed" in found.text


def of_rules(name):
    written = json.dumps({"tenant": [name, "store"]}).replace('{"tenant": ', "tenant = ").removesuffix("}")
    return RulesStatus("1", written, NOON_MS, "2", name, NOON_MS, (Off(f"tenant: {name}", name, NOON_MS),))


def test_rules_show_first_what_is_wrong_with_them():
    found = Page(rules.render(of_rules("shop"), context()))
    assert "1 rule in force" in found.text
    assert "A newer version does not count (since 12:00): shop" in found.text
    assert found.rows[1:] == [["switched off", "tenant: shopsince 12:00: shop"], ["in force", "tenant: store"]]


def row(**members):
    known = {"requests": 10, "error_pct": 50.0, "p90_ms": 12.0, "route": "GET /", "customer": "acme", "service": "shop"}
    known |= {"feature": "export", "uses": 4, "users": 2, "last_used": NOON}
    known |= {"error": "KeyError", "example": "no x", "occurrences": 3, "last_seen": NOON, "time": NOON}
    known |= {"tenant": "acme", "message": "no x", "request_id": "r-1", "trace_id": "t-1"}
    known |= {
        "ended": NOON,
        "what": "shop",
        "status": "failed",
        "reason": "no rights",
        "changes": None,
        "services": "a",
    }
    known |= {"customer_name": None}
    return known | {"commit_sha": "1f2e3d4c5b6a", "service_version": None, "actors": "role/deploy"} | members


def test_a_customer_is_shown_with_routes_features_and_errors():
    found = Page(details.render(details.of_customer({"customer": "acme"}), [[row()], [row()], [row()]], context()))
    assert [each for each in found.rows if each[0] not in ("Route", "Feature", "Error")] == [
        ["GET /", "10", "50 %", "12 ms"],
        ["export", "4", "2", "12:00"],
        ["KeyError in shopno x", "3", "12:00"],
    ]


def test_an_error_is_shown_with_its_last_lines_and_what_was_deployed_meanwhile():
    rows = [[row()], [row(), row(status="succeeded", reason=None, changes="{}", commit_sha=None, service_version="7")]]
    found = Page(details.render(details.of_error({"fingerprint": "f"}), rows, context(width=800)))
    assert found.rows[1] == ["12:00", "acme", "shop", "no xrequest r-1 \u00b7 trace t-1"]
    assert found.rows[3:] == [
        ["12:00", "shop failedno rights", "1f2e3d4c5\u2026", "role/deploy"],
        ["12:00", "shop succeeded{}", "7", "role/deploy"],
    ]


def slow(name, **columns):
    return {
        "time": NOON,
        "tenant": name,
        "customer_name": name,
        "answered_ms": 5630.0,
        "status": "failed",
        "cause": name,
        "cause_reason": name,
        "trace_id": name,
        **columns,
    }


def test_slow_requests_of_a_route_come_with_their_cause_and_the_trace_to_follow():
    asked = details.of_route({"route": "POST /orders"})
    assert asked.sections[1].params["name"] == "POST /orders"
    rows = [slow("acme", cause="AWS::SQS", trace_id="t-1"), slow("acme", cause=None, cause_reason=None, status="ok")]
    found = Page(details.render(asked, [[], rows], context()))
    assert found.rows[1][2:] == ["5.63 s", "SQS acmetrace t-1"]
    assert found.rows[2][3] == "nobody trace acme"


def test_a_detail_without_rows_says_so():
    assert "Nothing in this time range" in Page(details.render(details.of_route({}), [[], []], context())).text


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "</td></tr></table>",
    "&lt;b&gt;",
    '</cwdb-action><script>"',
    "\u202egnp.exe\x00\x1b[31m",
]
ALLOWED = {"div", "style", "span", "b", "i", "table", "thead", "tbody", "tr", "th", "td", "bdi", "a", "form", "input"}
ALLOWED |= {"cwdb-action", "svg", "rect", "h3", "p", "code", "pre", "ul", "li", "details", "summary"}
ATTRIBUTES = {"class", "style", "title", "action", "display", "endpoint", "type", "name", "value", "placeholder"}
ATTRIBUTES |= {"aria-label", "maxlength", "viewbox", "preserveaspectratio", "x", "y", "width", "height", "open"}


def drawn_with(name):
    """Every widget with this text wherever text comes from outside."""
    made = of_customers((name, 5, 1))
    group = Errors()
    group.groups.add((name, name), Failures(3, NOON_MS, NOON_MS, name, name, {name: 3}))
    state = State(NOON_MS, 2, 1, [name], 1, {name: name}, {name: [name]}, {name: 1}, name)
    from_outside = ("route", "customer", "customer_name", "service", "error", "example", "tenant", "message", "feature")
    rows = [[row(**dict.fromkeys((*from_outside, "what", "status", "reason", "commit_sha", "actors"), name))]] * 3
    listed = Names(encode_list([Customer(name, name, name)]))
    for wide in (320, 1400):
        seen = view(width=wide)
        yield traffic.render(traffic.CUSTOMERS, made.customers, seen, wanted=name)
        yield traffic.render(traffic.CUSTOMERS, made.customers, seen, names=listed)
        yield traffic.render(traffic.ROUTES, made.routes, seen)
        yield errors.render([group, group], set(), seen)
        yield errors.render([group], set(), seen, names=listed)
        yield errors.empty(seen, name)
        yield subscriptions.render(state, seen.context)
        yield dark.render(dark_of({name: 3}), state, seen, top=5)
        yield dark.render_advice("json_logging", dark_of({name: 3}), seen.context)
        yield rules.render(of_rules(name), seen.context)
        yield details.render(details.of_customer({"customer": name, "name": name}), rows, seen.context)
        yield details.render(details.of_route({"route": name, "service": name}), [rows[0], [slow(name)]], seen.context)
        yield details.render(details.of_error({"fingerprint": name, "error": name}), rows[:2], seen.context)
        yield details.failure(seen.context, name, "which_errors_occur")
        yield page.failure(seen.context, name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_shown_and_not_obeyed(name):
    for html in drawn_with(name):
        found = Page(html)
        assert {tag for tag, _ in found.tags} <= ALLOWED
        assert {key for _, attrs in found.tags for key in attrs} <= ATTRIBUTES
        assert not set(html) & set("\x00\x1b\u202e\u2066\u200f")
        assert page._UNPRINTABLE.sub("\ufffd", name)[:20] in "".join(found.words)


@given(st.text(), st.integers(1, 10**12), st.integers(0, 10**12))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_no_name_becomes_markup_or_leaves_its_place(name, requests, failed):
    html = customers((name[:200], requests, min(failed, requests)))
    found = Page(html)
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert {key for _, attrs in found.tags for key in attrs} <= ATTRIBUTES
    assert len(found.rows) == 2
    assert all(each.get("customer", name[:200]) == name[:200] for each in found.actions)


def test_a_long_name_is_cut():
    assert Page(customers(("A" * 5000, 5, 0))).rows[1][0] == "A" * 199 + "\u2026"


def everything(**given):
    seen = view(**given)
    yield customers(("Acme", 10, 1), **given)
    yield errors.render([failures(("a", 1, ["x"]))] * 2, set(), seen)
    yield ledger.render([("2026-11-20-11", committed(20, 15))], seen)
    yield subscriptions.render(State(NOON_MS, 1, 1, ["/a"], 0, {"/b": "no"}), seen.context)
    yield dark.render(dark_of({"checkout": 3}), State(refused_count=1, refused={"/b": "no"}), seen, top=5)
    yield dark.render_advice("json_logging", dark_of({"checkout": 3}), seen.context)
    yield rules.render(of_rules("bad"), seen.context)
    yield details.render(details.of_customer({"customer": "a"}), [[row()], [row()], [row()]], seen.context)
    yield traffic.empty(seen)


def test_the_themes_differ_in_colours_alone():
    for by_day, by_night in zip(everything(theme="light"), everything(theme="dark"), strict=True):
        assert by_day != by_night
        assert Page(by_day).text == Page(by_night).text
        assert "VAR(" not in by_day + by_night


@pytest.mark.parametrize(
    "empty",
    [
        traffic.render(traffic.CUSTOMERS, Traffic().customers, view()),
        errors.render([Errors()], None, view()),
        ledger.render([("2026-11-20-11", Ledger())], view()),
        subscriptions.render(None, context()),
        dark.render(dark_of({}), None, view(), top=5),
        rules.render(RulesStatus(), context()),
    ],
)
def test_an_empty_widget_says_why_and_what_to_do(empty):
    text = Page(empty).text
    assert any(text.startswith(start) for start in ("No ", "Not known yet"))
    assert any(word in text.lower() for word in ("look ", "choose a longer time range"))


@pytest.mark.parametrize(
    ("locale", "number"),
    [("en", "1,234,567"), ("de", "1.234.567"), ("fr-FR", "1\u202f234\u202f567"), ("ja", "1,234,567")],
)
def test_numbers_are_written_as_the_locale_does(locale, number):
    assert context(locale=locale).number(1234567) == number


def test_small_shares_never_look_like_none():
    assert [context().percent(value) for value in (0, 0.01, 0.5, 9.94, 9.96, 55.5, 100)] == [
        "0 %", "<0.1 %", "0.5 %", "9.9 %", "10 %", "56 %", "100 %"
    ]  # fmt: skip


def test_durations_sizes_and_amounts_have_the_unit_that_suits_them():
    assert [context().duration(ms) for ms in (0.4, 9.97, 42.4, 999.4, 1234, 61000)] == [
        "0.4 ms", "10.0 ms", "42 ms", "999 ms", "1.23 s", "61.0 s"
    ]  # fmt: skip
    assert [context().size(size) for size in (0, 999, 1500, 123_456_789, 5e12)] == [
        "0 B", "999 B", "1.5 kB", "123 MB", "5.0 TB"
    ]  # fmt: skip
    assert [context().dollars(usd) for usd in (0, 0.00001, 0.0021, 0.5, 1234.5)] == [
        "$0.00", "<$0.0001", "$0.0021", "$0.50", "$1,234.50"
    ]  # fmt: skip


def test_a_zoomed_dashboard_counts_instead_of_its_whole_range():
    given = {
        "timeRange": {"start": 0, "end": NOON_MS, "zoom": {"start": NOON_MS - 2 * HOUR_MS, "end": NOON_MS - HOUR_MS}}
    }
    found = WidgetContext.parse(given, NOON)
    assert (found.start, found.end) == (NOON - timedelta(hours=2), NOON - timedelta(hours=1))


def test_times_are_shown_in_the_dashboards_time_zone():
    assert context(timezone={"offsetISO": "-05:30"}).period() == "20 Nov 03:30 \u2013 06:30 UTC-05:30"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"timeRange": None, "timezone": None},
        {"timeRange": {"start": "yesterday", "end": None}, "width": "wide", "timezone": {"offsetISO": "+99:99"}},
        {"timeRange": {"start": 2, "end": 1}, "width": -5, "theme": "<b>", "locale": None},
        {"timeRange": {"start": -1e300, "end": 1e300}},
    ],
)
def test_a_context_that_makes_no_sense_gets_defaults(given):
    found = WidgetContext.parse(given, NOON)
    assert (found.start, found.end) == (NOON - timedelta(hours=3), NOON)
    assert (found.theme, found.width) == ("light", 600)


def between(start, end):
    return context(timeRange={"start": start.timestamp() * 1000, "end": end.timestamp() * 1000})


def test_a_range_finer_than_hours_is_widened_and_says_so():
    found = Hours.covering(between(NOON - timedelta(minutes=70), NOON + timedelta(minutes=5)))
    assert found.names == ["2026-11-20-10", "2026-11-20-11", "2026-11-20-12"]
    assert found.words(context()).endswith("whole hours")
    assert found.before(2) == ["2026-11-20-08", "2026-11-20-09"]


def test_a_range_of_whole_hours_is_taken_as_it_is():
    found = Hours.covering(between(NOON - timedelta(hours=2), NOON))
    assert (found.names, found.widened, found.cut) == (["2026-11-20-10", "2026-11-20-11"], False, False)


def test_a_long_range_is_cut_to_its_end_and_says_so():
    found = Hours.covering(between(NOON - timedelta(days=30), NOON))
    assert (len(found.names), found.names[-1], found.cut) == (192, "2026-11-20-11", True)
    assert "the last 8 days of it" in found.words(context())


def contrast(one, other):
    """Contrast ratio of two colours (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""

    def luminance(colour):
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["text", "quiet", "bad", "warn", "good", "link"])
def test_text_can_be_read_in_both_themes(theme, colour):
    colours = page._COLOURS[theme]
    assert contrast(colours[colour], colours["back"]) >= 4.5
    assert contrast(colours[colour], colours["hover"]) >= 4.5
    assert contrast(colours["new-text"], colours["new"]) >= 4.5


class Invocation:
    invoked_function_arn = ARN


@pytest.fixture
def bucket(monkeypatch):
    """The handler with a lake bucket; gives its objects, and the keys that were read."""
    objects, read = {}, []

    def answer(_operation, params):
        read.append(params["Key"])
        if objects.get("refuse"):
            raise objects["refuse"]
        if params["Key"] not in objects:
            raise RefusedError("NoSuchKey")
        return {"Body": Body(objects[params["Key"]]), "ETag": '"1"'}

    client = answering("s3", answer)
    monkeypatch.setattr(aws_objects, "client", lambda _name: client)
    monkeypatch.setattr(summaries.Summaries, "workers", 1)
    monkeypatch.setenv("LAKE_BUCKET", "lake")
    return objects, read


class Body(bytes):
    def read(self):
        return bytes(self)


def event(widget, **more):
    times = {"start": NOON_MS - 2 * HOUR_MS, "end": NOON_MS}
    return {"widget": widget, "widgetContext": {"timeRange": times, "width": 700, **more.pop("context", {})}, **more}


def stored(summary):
    return encode(HourObject(content=summary.bounded().plain()))


def test_customers_of_all_hours_of_the_range_add_up(bucket):
    objects, read = bucket
    for hour in ("2026-11-20-10", "2026-11-20-11"):
        objects[f"summaries/traffic/hour={hour}.json"] = stored(of_customers(("acme", 4, 1)))
    found = Page(handler.handle(event("top_customers"), Invocation()))
    assert found.rows[1][:2] == ["acme", "8"]
    assert sorted(read) == sorted([*objects, "lists/tenants/tenants.parquet"])
    assert {attrs["endpoint"] for tag, attrs in found.tags if tag == "cwdb-action"} == {ARN}


def test_the_names_are_those_of_the_list_and_ids_are_shown_where_it_cannot_be_read(bucket):
    objects, _ = bucket
    objects["summaries/traffic/hour=2026-11-20-11.json"] = stored(of_customers(("acme", 4, 1)))
    for file, shown in ((encode_list([Customer("acme", "Acme Ltd")]), "Acme Ltdacme"), (b"PAR1 broken", "acme")):
        objects["lists/tenants/tenants.parquet"] = file
        assert Page(handler.handle(event("top_customers"), Invocation())).rows[1][0] == shown


@pytest.mark.parametrize("forms", [{"all": {"customer": " ACM "}}, {"all": {}}])
def test_what_is_typed_into_the_form_filters(bucket, forms):
    bucket[0]["summaries/traffic/hour=2026-11-20-11.json"] = stored(of_customers(("acme", 4, 1), ("globex", 2, 0)))
    found = Page(handler.handle(event("top_customers", context={"forms": forms}), Invocation()))
    assert len(found.rows) == (2 if forms["all"] else 3)


def test_an_error_is_new_if_the_day_before_is_known_and_has_it_not(bucket):
    objects, _ = bucket
    objects["summaries/errors/hour=2026-11-20-11.json"] = stored(failures(("a", 1, []), ("b", 1, [])))
    assert "new" not in Page(handler.handle(event("errors"), Invocation())).text
    objects["summaries/errors/hour=2026-11-19-12.json"] = stored(failures(("a", 1, [])))
    assert Page(handler.handle(event("errors"), Invocation())).text.count("new KeyError") == 1


def test_what_is_dark_is_drawn_from_the_summaries_of_24_hours_and_nothing_else(bucket):
    objects, read = bucket
    for name, kind in telemetry_of({"checkout": 7}).items():
        objects[f"summaries/{name}/hour=2026-11-19-12.json"] = stored(kind)
        objects[f"summaries/{name}/hour=2026-11-19-11.json"] = stored(kind)
    found = Page(handler.handle(event("dark", context={"width": 1400}), Invocation()))
    assert [row[2] for row in found.rows if row[0].startswith("checkout")] == ["7 invocations, 7 log lines in text"]
    assert len(read) == 24 * len(KINDS) + 1
    assert {attrs["endpoint"] for tag, attrs in found.tags if tag == "cwdb-action"} == {ARN}
    assert "For checkout" in Page(handler.handle(event("advice", advice="tracing"), Invocation())).text


def test_an_unknown_advice_says_which_there_are(bucket):
    assert "json_logging" in Page(handler.handle(event("advice", advice="<b>"), Invocation())).text


DRAWN_FROM_SUMMARIES = [widget for widget in handler.WIDGETS if widget != "find_log_lines"]


@pytest.mark.parametrize("widget", DRAWN_FROM_SUMMARIES)
def test_a_widget_without_anything_to_show_is_no_error(bucket, widget):
    text = Page(handler.handle(event(widget), Invocation())).text
    assert text.startswith(("No ", "Not known yet"))


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"version":1,"content":null}'])
def test_an_object_that_cannot_be_read_counts_as_absent(bucket, body):
    for kind in ("traffic", "errors", "ledger"):
        bucket[0][f"summaries/{kind}/hour=2026-11-20-11.json"] = body
    bucket[0]["summaries/subscriptions.json"] = b"[" + body
    for widget in DRAWN_FROM_SUMMARIES:
        assert Page(handler.handle(event(widget), Invocation())).text.startswith(("No ", "Not known yet"))


@pytest.mark.parametrize("widget", DRAWN_FROM_SUMMARIES)
def test_a_widget_shows_why_its_bucket_refuses(bucket, widget):
    bucket[0]["refuse"] = RefusedError("AccessDenied", "<b>no</b>")
    found = Page(handler.handle(event(widget), Invocation()))
    assert "This widget could not be drawn" in found.text
    assert "<b>no</b>" in found.text


@pytest.mark.parametrize("widget", handler.WIDGETS)
def test_a_widget_documents_itself_without_reading_anything(bucket, widget):
    docs = handler.handle({"describe": True, "widget": widget}, None)
    assert docs.startswith("## ")
    assert f"widget: {widget}" in docs
    assert not bucket[1]
    assert widget in handler.handle({"describe": True, "widget": "nothing"}, None)


def test_an_unknown_widget_says_which_there_are(bucket):
    assert "there are top_customers, top_routes" in Page(handler.handle(event("<b>"), Invocation())).text


@pytest.mark.parametrize(
    ("given", "top"), [(5, 5), ("7", 7), (None, 20), ("many", 20), (-1, 20), (0, 20), (10**9, 200)]
)
def test_the_number_of_rows_is_bounded(given, top):
    assert handler._top(given) == top


SLOW = ("time", "tenant", "status", "answered_ms", "cause", "cause_reason", "trace_id")
"""What else a click on a route shows."""


@pytest.fixture
def athena(monkeypatch):
    """The drill-down in its environment; gives what was asked of Athena, and what it answers."""
    asked, answers = [], {}

    def answer(operation, params):
        asked.append((operation, params))
        if "refuse" in answers:
            raise answers["refuse"]
        if operation == "StartQueryExecution":
            return {"QueryExecutionId": "q-1"}
        if operation == "GetQueryExecution":
            return {"QueryExecution": {"Status": answers.get("status", {"State": "SUCCEEDED"})}}
        if operation == "StopQueryExecution":
            return {}
        columns, kinds, *lines = answers.get("table") or (
            ("customer", "customer_name", "requests", "error_pct", "p90_ms", *SLOW),
            ("varchar", "varchar", "bigint", "double", "double", *("varchar" for _ in SLOW)),
            ["acme", "Acme", "12", "25.0", "45.6", *SLOW],
            ["(unknown)", None, "2", "0.0", None, *SLOW],
        )
        rows = [list(columns), *lines]
        data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in cells]} for cells in rows]
        info = [{"Name": name, "Type": kind} for name, kind in zip(columns, kinds, strict=True)]
        return {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}

    client = answering("athena", answer)
    monkeypatch.setattr(drill_down, "client", lambda _name: client)
    monkeypatch.setenv("GLUE_DATABASE", "tracelake_main")
    monkeypatch.setenv("WORKGROUP", "tracelake-main")
    return asked, answers


def test_a_click_asks_athena_for_the_dashboards_time_range(athena):
    asked, _ = athena
    found = Page(handler.handle(event("route", service="sh'op", route="GET /"), Invocation()))
    assert found.rows[1:3] == [["Acme", "12", "25 %", "46 ms"], ["none", "2", "0 %", "\u2013"]]
    started = [params["ExecutionParameters"] for operation, params in asked if operation == "StartQueryExecution"]
    assert len(started) == 2
    for parameters in started:
        assert parameters[:3] == ["'2026-11-20-10'", "'2026-11-20-11'", "'2026-11-20 10:00:00.000'"]
        assert "'GET /'" in parameters
    assert ["'sh''op'" in parameters for parameters in started].count(True) == 1


def test_log_lines_are_found_by_what_is_typed(athena, bucket):
    asked, answers = athena
    form = Page(handler.handle(event("find_log_lines"), Invocation()))
    assert [attrs["name"] for tag, attrs in form.tags if tag == "input"] == ["text", "trace", "tenant", "level"]
    assert form.actions == [{"widget": "log_lines"}, {"widget": "request"}]
    assert not asked
    assert not bucket[1]
    names = ("tenant", "customer_name", "service", "request_id", "trace_id", "level", "line", "time")
    line = ["acme", "Acme", "pay", "r-1", None, "ERROR", "<script>card declined", "2026-11-20 11:00:00.000"]
    answers["table"] = (names, ("varchar",) * 7 + ("timestamp",), line)
    typed = event("log_lines")
    typed["widgetContext"]["forms"] = {"all": {"text": "Card' OR 1=1", "level": " error "}}
    found = Page(handler.handle(typed, Invocation()))
    assert found.rows[1] == ["11:00", "Acme", "pay", "ERROR <script>card declinedrequest r-1"]
    assert not [tag for tag, _ in found.tags if tag == "script"]
    assert {"'Card'' OR 1=1'", "'error'"} <= set(asked[0][1]["ExecutionParameters"])


STEPS = {
    "fact": ("span", "span", "span", "invocation", "log"),
    "began": ("2026-11-20 11:00:00.000",) * 3 + ("2026-11-20 11:00:02.000", "2026-11-20 11:00:00.500"),
    "duration_ms": ("1000.0", "700.0", "10.0", "50.0", None),
    "service": ("shop<b>", "shop<b>", "shop<b>", "mail", "shop<b>"),
    "name": ("POST /orders", "charge", "SendMessage", "mail", None),
    "kind": ("server", "client", "producer", None, "ERROR"),
    "status": ("fault", "fault", "ok", "success", None),
    "message": (None, "<script>card declined", None, None, "no <i>money</i>"),
    "tenant": ("acme", None, None, None, None),
    "customer_name": ("Acme", None, None, None, None),
    "trace_id": ("a" * 32,) * 5,
    "span_id": ("s1", "s2", "s3", None, "s1"),
    "parent_span_id": (None, "s1", "s1", None, None),
    "remote_service": (None, "pay\u202e", "AWS::SQS", None, None),
    "request_id": ("r-1", None, None, "r-2", None),
    "cost_usd": (None, None, None, "0.00002", None),
}  # fmt: skip
NOTHING = ("time", "error_type", "links", "remote_operation", "init_duration_ms")


def test_a_request_is_followed_by_what_is_typed(athena):
    asked, answers = athena
    names = (*STEPS, *NOTHING)
    kinds = ["timestamp" if name == "began" else "double" if name[-2:] in ("ms", "sd") else "varchar" for name in names]
    rows = [[*cells, *(None for _ in NOTHING)] for cells in zip(*STEPS.values(), strict=True)]
    answers["table"] = (names, kinds, *rows)
    typed = event("request")
    typed["widgetContext"]["forms"] = {"all": {"trace": " 1-5759e988-bd862e3fe1be46a994272793"}}
    found = Page(handler.handle(typed, Invocation()))
    assert "'1-5759e988-bd862e3fe1be46a994272793'" in asked[0][1]["ExecutionParameters"]
    assert [row[0] for row in found.rows] == [
        "Step", "shop<b>: POST /ordersERROR no <i>money</i>", "pay\ufffd<script>card declined", "SQS", "mail",
        "Where the time went", "(unknown) unknown", "pay\ufffd being called", "shop<b> at work", "mail at work",
    ]  # fmt: skip
    assert "Likely cause: pay\ufffd: failed: <script>card declined" in found.text
    assert "failed 2.05 s in all 1.00 s until the answer" in found.text
    assert "customer Acme" in found.text
    assert "2 parts of it are joined by nothing but the trace id" in found.text
    assert not [tag for tag, _ in found.tags if tag in ("script", "i")]


def test_of_a_request_that_only_log_lines_name_that_is_said(athena):
    names = (*STEPS, *NOTHING)
    line = [cells[-1] for cells in STEPS.values()]
    athena[1]["table"] = (
        names,
        ["timestamp" if name == "began" else "varchar" for name in names],
        [*line, *(None,) * 5],
    )
    assert "Only log lines name it" in Page(handler.handle(event("request", trace="r-1"), Invocation())).text


@pytest.mark.parametrize(
    "answer",
    [
        {"refuse": RefusedError("InvalidRequestException", "WorkGroup <b>is</b> disabled")},
        {"status": {"State": "FAILED", "StateChangeReason": "WorkGroup <b>is</b> disabled"}},
    ],
)
@pytest.mark.parametrize("widget", details.DETAILS)
def test_a_click_shows_why_athena_refuses(athena, answer, widget):
    athena[1].update(answer)
    found = Page(handler.handle(event(widget, customer="a"), Invocation()))
    assert "WorkGroup <b>is</b> disabled" in found.text
    assert not [tag for tag, _ in found.tags if tag == "script"]


def test_a_query_that_takes_too_long_is_stopped(athena, monkeypatch):
    asked, answers = athena
    answers["status"] = {"State": "RUNNING"}
    monkeypatch.setattr(drill_down, "TIMEOUT_SECONDS", 0)
    found = Page(handler.handle(event("route", service="shop", route="GET /"), Invocation()))
    assert "took longer than 0 seconds and was stopped" in found.text
    assert "StopQueryExecution" in [operation for operation, _ in asked]


def test_what_an_action_carries_comes_back_as_it_was():
    for name in HOSTILE:
        html = customers((name, 1, 0))
        assert html_module.escape(name) in html or "\ufffd" in html
        assert Page(html).actions[-1]["customer"] == name

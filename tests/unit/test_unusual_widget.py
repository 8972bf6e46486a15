"""The widget of incidents: which are shown, how they are drawn, and that names in them are obeyed by nobody."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_widgets import ARN, HOUR_MS, NOON_MS, Invocation, Page, bucket, event, stored, view  # noqa: F401

from functions.core.watch import page as incidents
from functions.core.watch.page import MOST_KEPT, Line, Shown, course
from functions.core.watch.signals import BIN_MS, Course, Measure, Subject, TrafficSignals
from functions.core.widgets import unusual
from functions.widgets import handler

FAILURES = Line("service", ("checkout",), "failures", "checkout: failures rose to 12 %", 0.1, 0.4)
ROUTE = Line("route", ("checkout", "POST /orders"), "latency", "POST /orders: latency rose to 900 ms", 100, 300)
CUSTOMER = Line("customer", ("acme",), "traffic", "acme: traffic fell to 0", 10, 20)
ERROR = Line("error", ("mailer", "f1"), "new", "mailer: KeyError: 'price', never seen before")


def shown(incident="a", since_ms=NOON_MS - 2 * HOUR_MS, over_ms=0, **members):
    at_ms = over_ms or NOON_MS
    return Shown(incident, f"title of {incident}", since_ms, at_ms, over_ms, **{"lines": (FAILURES,), **members})


def of(*found, days=9, **members):
    return incidents.Page(NOON_MS - days * 24 * HOUR_MS, NOON_MS, 312, shown=found, **members)


def seen_around(each, during=120):
    """One request in a hundred fails, or during the incident more."""
    start, end = unusual.window(each)
    return {
        at: {FAILURES.subject: Measure(1000, during if each.since_ms <= at < (each.over_ms or each.at_ms) else 10)}
        for at in range(start, end, BIN_MS)
    }


def test_what_goes_on_comes_first_then_the_latest_and_nothing_of_another_time():
    found = of(
        shown("old", NOON_MS - 9 * HOUR_MS, NOON_MS - 8 * HOUR_MS),
        shown("over", NOON_MS - 2 * HOUR_MS, NOON_MS - HOUR_MS),
        shown("later", NOON_MS - HOUR_MS, NOON_MS - HOUR_MS // 2),
        shown("open", NOON_MS - 20 * HOUR_MS),
    )
    assert [each.incident for each in unusual.drawn(found, view())] == ["open", "later", "over"]
    text = Page(unusual.render(found, {}, view())).text
    assert text.index("title of open") < text.index("title of later") < text.index("title of over")
    assert "1 going on" in text
    assert "2 incidents over" in text


def test_a_card_says_what_moved_the_likely_cause_what_was_deployed_and_who_is_hit():
    each = shown(
        lines=(FAILURES, ROUTE, CUSTOMER, ERROR),
        more=3,
        causes=("payments (0.7)",),
        customers=("Acme", "Globex"),
        deployed=("- 11:50 UTC, 10 min before: shop 42",),
    )
    found = Page(unusual.render(of(each), {"a": seen_around(each)}, view(width=1000)))
    for words in ("failures rose to 12 %", "and 3 more", "payments (0.7)", "11:50 UTC, 10 min before", "Acme, Globex"):
        assert words in found.text
    assert [action["widget"] for action in found.actions] == ["route", "customer", "error"]
    assert found.actions[2]["fingerprint"] == "f1"


def test_the_course_rises_where_the_incident_is_shaded():
    each = shown(since_ms=NOON_MS - HOUR_MS, over_ms=NOON_MS - HOUR_MS // 2)
    seen = seen_around(each)
    values = course(FAILURES, seen)
    assert (min(values), max(values)) == (1.0, 12.0)
    tags = Page(unusual.render(of(each), {"a": seen}, view(width=1000))).tags
    (shade,) = (attrs for tag, attrs in tags if tag == "rect" and attrs["class"] == "tl-during")
    first = values.index(12.0)
    assert (float(shade["x"]), float(shade["width"])) == (first, values.count(12.0))


def test_measures_are_drawn_in_the_unit_that_is_told():
    measure = Measure(count=200, failed=10, refused=40, total=50.0, latency={100: 9, 120: 1})
    for what, value in (("failures", 5), ("refusals", 20), ("mean", 0.25), ("traffic", 200), ("new", 200)):
        line = Line("service", ("s",), what, "")
        assert course(line, {0: {line.subject: measure}, BIN_MS: {}}) == [value, None if value < 100 else 0]
    assert course(Line("service", ("s",), "latency", ""), {0: {Subject("service", ("s",)): measure}}) == [
        measure.quantile(0.9)
    ]


@pytest.mark.parametrize(("days", "words"), [(0.1, "first 8 hours"), (1, "first two days"), (9, "")])
def test_as_long_as_little_is_known_it_says_so(days, words):
    text = Page(unusual.render(of(days=days), {}, view())).text
    assert "Nothing unusual" in text
    assert ("learning" in text) == bool(words)
    assert words in text


def incident(name, over_ms=0):
    return SimpleNamespace(name=name, over_ms=over_ms)


def state(*open_):
    return SimpleNamespace(
        first_ms=1, until_ms=NOON_MS, series=5, left_out=2, incidents=open_, silence=SimpleNamespace(told=False)
    )


def test_what_was_found_out_at_the_beginning_stays_when_it_ends():
    begun = shown(causes=("payments",), deployed=("- x",), customers=("Acme",))
    ended = shown(over_ms=NOON_MS, lines=())
    after = of(begun).after(state(), [ended])
    assert (after.first_ms, after.until_ms, after.series, after.left_out) == (1, NOON_MS, 5, 2)
    (found,) = after.shown
    assert (found.over_ms, found.causes, found.lines) == (NOON_MS, ("payments",), (FAILURES,))


def test_what_goes_on_goes_on_until_now_and_what_nobody_knows_any_more_is_over():
    one, other = shown("one"), shown("other", NOON_MS - HOUR_MS)
    later = state(incident("one"), incident("other", over_ms=5))
    later.until_ms += HOUR_MS
    after = of(one, other).after(later, [])
    assert [(each.at_ms, each.over_ms) for each in after.shown] == [(NOON_MS + HOUR_MS, 0), (NOON_MS, NOON_MS)]


def test_the_latest_are_kept_and_what_is_no_page_of_this_release_is_none():
    many = of().after(state(), [shown(str(number), since_ms=number) for number in range(MOST_KEPT + 5)])
    assert [each.incident for each in many.shown] == [str(number) for number in range(5, MOST_KEPT + 5)]
    assert incidents.decode(incidents.encode(many)) == many
    assert incidents.decode(b"{}") is incidents.decode(b"\xff") is None


def test_the_courses_are_read_from_the_signals_of_the_hours_around_and_only_those_needed(bucket):  # noqa: F811
    objects, read = bucket
    each = shown(since_ms=NOON_MS - HOUR_MS, over_ms=NOON_MS - HOUR_MS // 2)
    objects["summaries/incidents.json"] = incidents.encode(of(each))
    made = TrafficSignals()
    made.found["service"].add(("checkout",), Course({2: Measure(10, 1), 3: Measure(10, 9)}))
    objects["summaries/signals_traffic/hour=2026-11-20-11.json"] = stored(made)
    found = Page(handler.handle(event("unusual", context={"width": 900}), Invocation()))
    assert len([tag for tag, _ in found.tags if tag == "path"]) == 1
    assert {key.split("/")[1] for key in read} == {"incidents.json", "signals_traffic"}
    assert len(read) == 1 + 5


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x>', "\u202eevil", "</svg>", "&lt;"]
)


@given(HOSTILE, HOSTILE, st.sampled_from(["service", "route", "customer", "error"]))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_names_stay_text_whatever_they_are(name, words, kind):
    def named(name, words):
        line = Line(kind, (name, name), "traffic", words, 1, 2)
        return Shown("a", words, 0, NOON_MS, 0, (line,), 0, (name,), (words,), (words,))

    tags, expected = (
        [tag for tag, _ in Page(unusual.render(of(one), {}, view())).tags]
        for one in (named(name, words), named("x", "x"))
    )
    assert tags == expected

"""The widget of customers by day, and the popup that says what features cost."""

from datetime import timedelta

import pytest
from test_widgets import NOON, Invocation, Page, bucket, context, event, stored, view  # noqa: F401

from functions.core.customers.listing import Customer, Names, encode
from functions.core.ranked import Ranked, Requests
from functions.core.summaries import Traffic
from functions.core.widgets import details, usage
from functions.widgets import handler

HOURS = usage.hours_of(context()).names


def hours(days, others=0):
    """Customers with so many requests at noon of each day, the latest last: ``{"acme": [0, 5]}``."""
    found = [(hour, Ranked(Requests)) for hour in HOURS]
    for tenant, counts in days.items():
        for days_ago, count in enumerate(reversed(counts)):
            at = (NOON - timedelta(days=days_ago, hours=2)).strftime("%Y-%m-%d-%H")
            if count:
                found[HOURS.index(at)][1].add((tenant,), Requests(count))
    if others:
        found[-2][1].other_keys = others
    return found


def drawn(days, names=None, **given):
    return Page(usage.render(hours(days), view(**given), names or Names()))


def test_it_reads_the_whole_days_before_and_the_running_one():
    assert (HOURS[0], HOURS[-1], len(HOURS)) == ("2026-11-13-00", "2026-11-20-11", 7 * 24 + 12)
    midnight = usage.hours_of(context(timeRange={"start": 0.1, "end": (NOON - timedelta(hours=12)).timestamp() * 1e3}))
    assert (midnight.names[0], len(midnight.names)) == ("2026-11-12-00", 8 * 24)


def test_each_day_counts_customers_once_and_who_was_not_seen_before_is_new():
    found = usage.days(hours({"a": [3, 0, 2], "b": [0, 0, 4], "": [9, 9, 9]}))
    assert [(day.date.day, day.seen, day.new, day.active) for day in found] == [
        *((number, 0, 0, 0) for number in range(13, 18)), (18, 1, 0, 1), (19, 0, 0, 0), (20, 1, 1, 2)
    ]  # fmt: skip


def test_quiet_is_who_fell_below_half_of_its_usual_and_below_every_day():
    found = usage.quiet(
        hours({
            "gone": [1, 100, 100, 100, 0],
            "half": [1, 100, 100, 100, 49],
            "steady": [1, 100, 100, 100, 51],
            "sundays off": [1, 0, 100, 100, 100, 0],
            "small": [1, 19, 19, 19, 0],
            "young": [1, 100, 100, 0],
        })
    )  # fmt: skip
    assert [(each.tenant, each.requests, each.usual) for each in found] == [("gone", 0, 100.0), ("half", 49, 100.0)]


def test_a_customer_that_may_be_among_the_others_is_not_called_quiet():
    days = {"gone": [1, 100, 100, 100, 0], "big": [60] * 8}
    assert [each.tenant for each in usage.quiet(hours(days))] == ["gone"]
    assert usage.quiet(hours(days, others=3)) == []


def test_it_says_how_many_are_active_new_and_quiet_and_names_who():
    names = Names(encode([Customer("gone", "Gone & Co", "business")]))
    found = drawn({"gone": [1, 100, 100, 100, 0], "a": [5, 5], "b": [5]}, names, width=800)
    assert "2 customers active on 20 Nov, so far" in found.text
    assert "1 new" in found.text
    assert "1 quiet" in found.text
    assert found.rows[1] == ["Gone & Cogone \u00b7 business", "0", "100", "\u2212100 %"]
    assert {"widget": "unit_cost"} in found.actions


@pytest.mark.parametrize("width", [240, 420, 1100])
def test_bars_stay_inside_their_picture_and_are_as_high_as_their_numbers(width):
    tags = drawn({f"t{number}": [number % 2, 1] for number in range(200)}, width=width).tags
    [size] = [float(attrs["width"]) for tag, attrs in tags if tag == "svg"]
    bars = [
        {name: float(attrs[name]) for name in ("x", "y", "width", "height")} for tag, attrs in tags if tag == "rect"
    ]
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= size and bar["y"] >= 20 for bar in bars)
    # 100 on the first day; the same and 100 new ones on the second
    assert [round(bar["height"] / bars[0]["height"], 2) for bar in bars] == [1, 1, 1]


def test_customers_that_no_summary_names_make_it_at_least():
    found = Page(usage.render(hours({"a": [5]}, others=3), view()))
    assert "at least 1 customer active" in found.text
    assert "1+" in found.words


def test_days_without_requests_say_why_there_may_be_nothing():
    assert "No requests in this time range" in drawn({}).text
    assert "No requests in this time range" in drawn({"": [5]}).text


def test_it_is_drawn_from_the_summaries_of_traffic_alone(bucket):  # noqa: F811
    made = Traffic()
    made.customers.add(("acme",), Requests(5))
    objects, read = bucket
    objects[f"summaries/traffic/hour={HOURS[0]}.json"] = stored(made)
    objects[f"summaries/traffic/hour={HOURS[-1]}.json"] = stored(made)
    found = Page(handler.handle(event("usage"), Invocation()))
    assert "1 customer active" in found.text
    assert {key.split("/")[1] for key in read} == {"traffic", "tenants"}
    assert len(read) == len(HOURS) + 1


COST = {
    "feature": "export",
    "cost_usd": 2.0,
    "share_pct": 50.0,
    "requests": 1000,
    "usd_per_thousand": 2.0,
    "failed_usd": 0.5,
}
REST = {"feature": "(not attributed)", "cost_usd": -0.00001, "share_pct": None, "requests": 0, "usd_per_thousand": None,
        "failed_usd": 0.0}  # fmt: skip
WHO = {"customer": "acme", "customer_name": None, "feature": "<b>", "cost_usd": 2.0, "usd_per_thousand": 2.0,
       "times_usual": 1.5, "pct_of_price": 4.2}  # fmt: skip


def test_what_features_cost_is_shown_with_its_waste_and_who_uses_the_costly_ones():
    detail = details.of_unit_cost({})
    assert [section.question for section in detail.sections] == [
        "what_does_a_feature_cost", "what_does_a_feature_cost", "who_uses_costly_features"
    ]  # fmt: skip
    found = Page(details.render(detail, [[COST, REST], [COST], [WHO]], context(width=900)))
    assert found.rows[1] == ["export", "$2.00", "50 %", "1,000", "$2.00", "$0.50"]
    assert found.rows[2] == ["(not attributed)", "\u2212<$0.0001", "\u2013", "0", "\u2013", "$0.00"]
    assert found.rows[-1] == ["acme", "<b>", "$2.00", "$2.00", "1.5 \u00d7", "4.2 %"]

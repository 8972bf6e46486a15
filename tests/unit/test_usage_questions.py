"""Who is active, new, back, gone, who stays, adopts, drops out, is at risk and calls wrongly: counted by hand."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from test_questions_sql import NOON, Lake

from functions.core.customers.listing import Customer
from functions.core.questions import TimeRange

DAY = 24 * 60
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
ACTIVE, STAY = "how_many_customers_are_active", "which_customers_stay"
ADOPTED, FUNNEL = "which_features_are_adopted", "where_do_customers_drop_out"
RISK, WRONG, CLIENTS = "which_customers_are_at_risk", "who_calls_us_wrongly", "which_clients_call_us"


@pytest.fixture
def lake():
    return Lake()


def days(number, end=MIDNIGHT):
    """The days before, all of them whole."""
    return TimeRange(end - timedelta(days=number), end)


def use(lake, tenant, at, feature="export", **columns):
    lake.put("usage_events", (NOON - at).total_seconds() / 60, tenant=tenant, feature=feature, **columns)


def visit(lake, tenant, at, **columns):
    lake.put("requests", (NOON - at).total_seconds() / 60, tenant=tenant, **columns)


def on_days(lake, visits, end=MIDNIGHT, step=1):
    """One visit for each letter: of customer `a` in the first line `a.a` on the first and the third day."""
    length = max(map(len, visits))
    for line in visits:
        for number, who in enumerate(line):
            if who != ".":
                visit(lake, who, end - timedelta(days=step * (length - number), hours=-10))


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


MOVES = ("active", "new", "stayed", "returning", "gone", "new_or_not_unknown")


def test_customers_are_new_staying_returning_or_gone_by_day(lake):
    on_days(lake, ["aa.a", ".b..", "cccc", "...d"])
    rows = lake.ask(ACTIVE, days(4))
    assert columns(rows, *MOVES) == [(2, 0, 0, 0, 0, 2), (3, 1, 2, 0, 0, 0), (1, 0, 1, 0, 2, 0), (3, 1, 1, 1, 0, 0)]
    assert columns(rows, "gone_pct") == [(None,), (0.0,), (66.7,), (0.0,)]
    assert all(row["is_whole"] for row in rows)


def test_days_on_which_nobody_came_are_there_until_the_end_of_the_time_range(lake):
    on_days(lake, ["a.a..."])
    rows = lake.ask(ACTIVE, days(30))
    assert columns(rows, "active", "returning", "gone") == [
        (1, 0, 0), (0, 0, 1), (1, 1, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    assert rows[1]["uses"] == 0


def test_weeks_begin_on_monday_and_the_running_one_is_not_whole(lake):
    on_days(lake, ["ab", "a."], MONDAY + timedelta(days=7), step=7)
    rows = lake.ask(ACTIVE, TimeRange(MONDAY - timedelta(days=7), MIDNIGHT), period="week")
    assert columns(rows, "period_start", "is_whole", "active", "new", "gone") == [
        ((MONDAY - timedelta(days=7)).replace(tzinfo=None), True, 1, 0, 0),
        (MONDAY.replace(tzinfo=None), False, 1, 1, 1),
    ]


def test_requests_and_usage_events_count_and_who_has_no_customer_is_told(lake):
    yesterday = MIDNIGHT - timedelta(hours=5)
    use(lake, "a", yesterday, user_id="u1")
    visit(lake, "a", yesterday, user_id="u1")
    visit(lake, "", yesterday, user_id="u2")
    visit(lake, None, yesterday)
    [row] = lake.ask(ACTIVE, days(1))
    assert (row["active"], row["users"], row["uses"], row["uses_without_customer"]) == (1, 2, 4, 2)
    [row] = lake.ask(ACTIVE, days(1), feature="export")
    assert (row["active"], row["uses"]) == (1, 1)


def test_active_today_is_active_yesterday_less_gone_and_with_all_who_came():
    for seed in range(2):
        chance, lake = random.Random(seed), Lake()
        on_days(lake, ["".join(who if chance.random() < 0.4 else "." for _ in range(14)) for who in "abcdefgh"])
        rows = lake.ask(ACTIVE, days(20))
        for before, row in pairwise(rows):
            assert row["active"] == row["new"] + row["stayed"] + row["returning"]
            assert before["active"] == row["stayed"] + row["gone"]
        ever = {row["tenant"] for row in lake.rows["requests"]}
        assert sum(row["new"] + row["new_or_not_unknown"] for row in rows) == len(ever)


def test_cohorts_are_a_triangle_and_what_is_not_reached_is_empty(lake):
    on_days(lake, ["a.aa", "bb..", ".c.c", ".d..", "..ee"], MONDAY, step=7)
    rows = lake.ask(STAY, TimeRange(MONDAY - timedelta(days=28), MONDAY))
    weeks = [f"week_{number}_pct" for number in range(1, 9)]
    assert columns(rows, "week_of_first_use", "customers", "may_be_older", *weeks[:4]) == [
        # of c, d and e one came back in the week after, and of c and d one in the second
        ("(all new)", 3, False, 33.3, 50.0, None, None),
        ("2026-11-02", 1, False, 100.0, None, None, None),
        ("2026-10-26", 2, False, 0.0, 50.0, None, None),
        ("2026-10-19", 2, True, 50.0, 50.0, 50.0, None),
    ]
    assert {row[name] for row in rows for name in weeks[4:]} == {None}


def test_a_week_that_is_not_over_is_empty_in_the_triangle(lake):
    on_days(lake, ["aa"], MONDAY, step=7)
    visit(lake, "a", MONDAY + timedelta(days=1))
    [row] = lake.ask(STAY, TimeRange(MONDAY - timedelta(days=14), MIDNIGHT))
    assert (row["week_1_pct"], row["week_2_pct"]) == (100.0, None)


def test_a_customer_is_in_one_cohort_and_no_share_is_above_100():
    for seed in range(2):
        chance, lake = random.Random(seed), Lake()
        on_days(lake, ["".join(w if chance.random() < 0.5 else "." for _ in range(9)) for w in "abcdefgh"], MONDAY, 7)
        rows = lake.ask(STAY, TimeRange(MONDAY - timedelta(days=63), MONDAY))
        of_cohorts = [row["customers"] for row in rows if row["week_of_first_use"] != "(all new)"]
        assert sum(of_cohorts) == len({row["tenant"] for row in lake.rows["requests"]})
        cells = [value for row in rows for name, value in row.items() if name.startswith("week_") and "_pct" in name]
        assert all(cell is None or 0 <= cell <= 100 for cell in cells)


def test_a_feature_is_adopted_by_whom_uses_it_again_in_the_week_after(lake):
    start = MIDNIGHT - timedelta(days=20)
    for tenant, uses in {"a": (0, 3), "b": (0, 0.1), "c": (2, 9), "d": (2, 10), "e": (18,)}.items():
        for day in uses:
            use(lake, tenant, start + timedelta(days=day))
    use(lake, "f", start, "search", user_id="u1")
    use(lake, None, start)
    visit(lake, "g", start, feature="export", status=500)
    export, search = lake.ask(ADOPTED, days(21))
    assert (export["feature"], export["customers"], export["of_active_pct"]) == ("export", 5, 83.3)
    # e began less than a week ago; b used it twice on one day; d came back on the eighth day after
    assert (export["followed_for_a_week"], export["used_again"], export["used_again_pct"]) == (4, 2, 50.0)
    assert (export["on_one_day_only"], export["p50_days_to_second_use"]) == (2, 7)
    assert (export["uses"], export["uses_without_customer"]) == (10, 1)
    assert (search["feature"], search["customers"], search["users"]) == ("search", 1, 1)


def test_a_feature_that_only_unknown_customers_use_has_none(lake):
    use(lake, None, MIDNIGHT - timedelta(days=1))
    [row] = lake.ask(ADOPTED, days(7))
    assert (row["customers"], row["used_again_pct"], row["uses"]) == (0, None, 1)


def walk(lake, who, steps, **columns):
    """Uses in hours after a common beginning: ``{"a": 0, "b": 3}``, or more than one hour each."""
    for feature, hours in steps:
        use(lake, who, MIDNIGHT - timedelta(days=12) + timedelta(hours=hours), feature, **columns)


def test_a_funnel_counts_who_does_the_steps_in_order_and_in_time(lake):
    walk(lake, "all", [("a", 0), ("b", 2), ("c", 10)])
    walk(lake, "backwards", [("c", 0), ("b", 2), ("a", 10)])
    walk(lake, "late", [("a", 0), ("b", 24), ("c", 24 * 7 + 1)])
    walk(lake, "again", [("a", 0), ("a", 48), ("b", 49), ("c", 24 * 7 + 1)])
    walk(lake, "not first", [("b", 0), ("c", 1)])
    rows = lake.ask(FUNNEL, days(14), steps="a, b,c")
    assert columns(rows, "step", "name", "reached", "lost", "of_previous_pct", "of_first_pct") == [
        (1, "a", 4, 0, None, 100.0),
        (2, "b", 3, 1, 75.0, 75.0),
        (3, "c", 2, 1, 66.7, 50.0),
    ]
    assert columns(rows, "p50_hours")[1] == (2.0,)


def test_routes_are_steps_too_and_failed_requests_are_none(lake):
    yesterday = MIDNIGHT - timedelta(days=1)
    for tenant, status in (("good", 201), ("bad", 502)):
        visit(lake, tenant, yesterday, route="GET /products", status=200)
        visit(lake, tenant, yesterday + timedelta(hours=1), route="POST /orders", status=status)
    rows = lake.ask(FUNNEL, days(2), steps="GET /products,POST /orders")
    assert columns(rows, "name", "reached") == [("GET /products", 2), ("POST /orders", 1)]


def test_nothing_follows_itself_nor_what_happened_at_the_same_instant(lake):
    walk(lake, "once", [("a", 0), ("b", 0)])
    walk(lake, "twice", [("a", 0), ("a", 1)])
    assert columns(lake.ask(FUNNEL, days(14), steps="a,a"), "reached") == [(2,), (1,)]
    assert columns(lake.ask(FUNNEL, days(14), steps="a,b"), "reached") == [(2,), (0,)]


def test_a_step_that_was_never_taken_is_there_with_nobody(lake):
    walk(lake, "acme", [("a", 0)])
    rows = lake.ask(FUNNEL, days(14), steps="a,x,b")
    assert columns(rows, "name", "reached", "of_previous_pct") == [
        ("a", 1, None), ("(not seen)", 0, 0.0), ("(not seen)", 0, None)
    ]  # fmt: skip
    assert columns(lake.ask(FUNNEL, days(1), steps="a,b"), "reached", "of_first_pct") == [(0, None), (0, None)]


def test_a_funnel_by_user_follows_users(lake):
    walk(lake, "acme", [("a", 0)], user_id="u1")
    walk(lake, "acme", [("b", 1)], user_id="u2")
    assert columns(lake.ask(FUNNEL, days(14), steps="a,b"), "reached") == [(1,), (1,)]
    assert columns(lake.ask(FUNNEL, days(14), steps="a,b", by="user"), "reached") == [(1,), (0,)]


def _by_hand(uses, steps, within):
    """How many walked each step, trying every beginning."""
    reached = [0] * len(steps)
    for own in uses.values():
        best = 0
        for began in sorted(at for at, feature in own if feature == steps[0]):
            at, done = began, 1
            for step in steps[1:]:
                following = [t for t, feature in own if feature == step and at < t <= began + within]
                if not following:
                    break
                at, done = min(following), done + 1
            best = max(best, done)
        for step in range(best):
            reached[step] += 1
    return reached


@pytest.mark.parametrize("steps", ["a,b", "a,b,a", "c,a,b,c,a"])
def test_a_funnel_counts_what_trying_every_beginning_counts(steps):
    for seed in range(2):
        chance, lake = random.Random(seed), Lake()
        uses = {f"t{who}": [(chance.randrange(200), chance.choice("abcd")) for _ in range(12)] for who in range(25)}
        for who, own in uses.items():
            walk(lake, who, [(feature, at) for at, feature in own])
        rows = lake.ask(FUNNEL, days(14), steps=steps, within_days=2)
        assert [row["reached"] for row in rows] == _by_hand(uses, steps.split(","), 48)


def weekly(lake, tenant, counts, errors=0):
    """Requests a week until midnight, the earliest first; its first request stands a week before."""
    for weeks_ago, count in enumerate(reversed([1, *counts])):
        if count:
            at = MIDNIGHT - timedelta(days=7 * weeks_ago + 3)
            lake.put("traffic", (NOON - at).total_seconds() / 60, tenant=tenant, requests=count, errors=errors)


def test_at_risk_is_who_fell_below_half_of_its_usual_week_and_below_its_lowest(lake):
    lake.customers = [Customer("small", "Small", "starter", 9.0), Customer("big", "Big", "business", 249.0)]
    weekly(lake, "small", [100, 120, 80, 39], errors=3)
    weekly(lake, "big", [100, 100, 0])
    weekly(lake, "steady", [100, 100, 100])
    weekly(lake, "wavy", [300, 20, 300, 40])
    weekly(lake, "tiny", [5, 5, 0])
    weekly(lake, "young", [100, 0])
    everybody, first, second = lake.ask(RISK, days(42))
    assert (first["customer"], first["why"], first["requests_7d"]) == ("big", "nothing in 7 days", 0)
    assert columns([first], "customer_name", "plan", "monthly_price_usd") == [("Big", "business", 249.0)]
    assert (first["change_pct"], first["error_pct_7d"], first["weeks_compared"]) == (-100.0, None, 2)
    assert (second["customer"], second["requests_7d"], second["usual_week"]) == ("small", 39, 100.0)
    assert (second["lowest_week"], second["change_pct"], second["error_pct_7d"]) == (80, -61.0, 7.69)
    assert (everybody["customer"], everybody["requests_7d"]) == ("(everybody)", 179)


def test_the_rule_of_risk_can_be_made_stricter_or_laxer(lake):
    weekly(lake, "acme", [100, 100, 70])
    assert len(lake.ask(RISK, days(42))) == 1
    assert [row["customer"] for row in lake.ask(RISK, days(42), fell_to_pct=80)] == ["(everybody)", "acme"]
    assert len(lake.ask(RISK, days(42), fell_to_pct=80, min_requests=200)) == 1


def test_nobody_is_at_risk_before_three_weeks_are_known(lake):
    weekly(lake, "acme", [100])
    assert columns(lake.ask(RISK, days(42)), "customer", "change_pct") == [("(everybody)", None)]


def test_wrong_calls_are_told_by_customer_and_route_with_their_kind_and_client(lake):
    lake.customers = [Customer("acme", "Acme")]
    at = MIDNIGHT - timedelta(hours=1)
    for status, agent, times in ((200, "sdk/2.0", 6), (404, "sdk/1.0", 2), (422, "sdk/1.0", 1), (409, "curl/8", 1)):
        for _ in range(times):
            visit(lake, "acme", at, service="shop", route="GET /orders/{id}", status=status, user_agent=agent)
    visit(lake, None, at, service="shop", route="POST /login", status=401)
    visit(lake, "good", at, service="shop", route="GET /orders/{id}", status=500)
    acme, unknown = lake.ask(WRONG, days(1))
    assert (acme["customer"], acme["customer_name"]) == ("acme", "Acme")
    assert (acme["requests"], acme["client_errors"]) == (10, 4)
    assert (acme["client_error_pct"], acme["share_pct"]) == (40.0, 80.0)
    kinds = ("bad_input", "not_allowed", "not_found", "too_many", "other")
    assert columns([acme], *kinds) == [(1, 0, 2, 0, 1)]
    assert (acme["most_by_client"], acme["clients"]) == ("sdk/1.0", 2)
    assert (unknown["customer"], unknown["not_allowed"], unknown["most_by_client"]) == ("(unknown)", 1, "(unknown)")


AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":
        ("Chrome", "140"),
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.1":
        ("Edg", "140"),
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15": ("Safari", "26"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0": ("Firefox", "148"),
    "ShopApp/7.2 (iOS 20.1)": ("ShopApp", "7.2"),
    "Boto3/1.40.1 md/Botocore#1.40.1": ("Boto3", "1.40.1"),
    "okhttp": ("okhttp", "(unknown)"),
    "": ("(unknown)", "(unknown)"),
    None: ("(unknown)", "(unknown)"),
}  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_a_client_is_told_by_its_name_and_version(lake, agent):
    visit(lake, "acme", MIDNIGHT - timedelta(hours=1), user_agent=agent)
    [row] = lake.ask(CLIENTS, days(1))
    assert (row["client"], row["version"]) == AGENTS[agent]


def test_clients_are_counted_with_their_customers_and_failures(lake):
    at = MIDNIGHT - timedelta(hours=1)
    for tenant, status in (("a", 200), ("a", 500), ("b", 404), (None, 200)):
        visit(lake, tenant, at, status=status, user_agent="sdk/1.0")
    [row] = lake.ask(CLIENTS, days(1))
    assert (row["requests"], row["customers"], row["error_pct"], row["client_error_pct"]) == (4, 2, 25.0, 25.0)

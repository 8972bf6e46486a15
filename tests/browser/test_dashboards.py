"""The deployed dashboards, as somebody sees them in a browser."""

from __future__ import annotations

import json

import pytest

THEMES = ("light", "dark")
EMPTY = "No data available"
# CloudWatch has a metric of failed deliveries only after one has failed
GOOD_WHEN_EMPTY = {"Lost or slowed before the stream, by log group"}


def test_every_widget_of_every_dashboard_shows_data_in_both_themes(look, bodies):
    assert bodies
    for name, body in bodies.items():
        for theme in THEMES:
            seen = look(name, theme)
            cards = seen.page.locator("article.card")
            assert cards.count() == len(body["widgets"])
            for at, widget in enumerate(body["widgets"]):
                card = cards.nth(at)
                where = f"{name}, {widget['properties'].get('title', widget['type'])}, {theme}"
                assert card.get_attribute("data-failed") == "", where
                if widget["properties"].get("title") in GOOD_WHEN_EMPTY:
                    continue
                assert EMPTY not in card.inner_text(), where
                _shows_something(seen, card, widget, where)


def _shows_something(seen, card, widget, where):
    if widget["type"] == "metric":
        drawn = card.locator("canvas, .figure, .bar-row, .pie circle, .table td")
        assert drawn.count() > 0, where
        return
    text = seen.text(card)
    assert text.strip(), where
    assert "function of this widget failed" not in text, where


def test_the_page_takes_the_theme_of_the_system_and_can_be_switched(look, bodies):
    seen = look(next(iter(bodies)), "dark")
    assert seen.page.locator("html").get_attribute("data-theme") == "dark"
    seen.page.click("#theme")
    seen.settle()
    assert seen.page.locator("html").get_attribute("data-theme") == "light"
    seen.page.reload()
    seen.settle()
    assert seen.page.locator("html").get_attribute("data-theme") == "light"


def test_a_time_range_is_asked_for_and_kept_in_the_address(look, bodies):
    seen = look(next(iter(bodies)))
    asked = []
    seen.page.on("request", lambda request: request.post_data and asked.append((request.url, request.post_data)))
    seen.page.get_by_role("button", name="12h", exact=True).click()
    seen.page.wait_for_selector("#ranges .on:has-text('12h')")
    seen.settle()
    questions = [json.loads(data) for url, data in asked if url.endswith("/api/metrics")]
    assert questions
    assert {round(each["end"] - each["start"]) for each in questions} == {12 * 3600}
    assert seen.page.url.endswith("?range=12h")


def test_a_range_between_two_times_can_be_chosen(look):
    seen = look("test-views")
    seen.page.get_by_role("button", name="Custom").click()
    seen.page.fill("input[name=start]", "2026-01-02T03:00")
    seen.page.fill("input[name=end]", "2026-01-02T05:30")
    seen.page.get_by_role("button", name="Apply").click()
    seen.page.wait_for_url("**/#dashboards/test-views?range=*~*")
    start, end = seen.page.url.partition("range=")[2].split("~")
    assert int(end) - int(start) == 2.5 * 3_600_000
    seen.page.get_by_role("heading", name="lines", exact=True).wait_for()
    seen.card("lines").get_by_text(EMPTY).wait_for()


def test_a_widget_can_be_made_larger(look):
    seen = look("test-views", range_="1h")
    card = seen.card("lines")
    before = card.locator("canvas").bounding_box()["width"]
    card.hover()
    card.get_by_title("Larger or smaller").click()
    assert card.bounding_box()["width"] > 1300
    seen.page.wait_for_timeout(200)
    assert card.locator("canvas").bounding_box()["width"] > 2 * before


def test_dragging_over_a_chart_zooms_all_of_them(look):
    seen = look("test-views", range_="1h")
    box = seen.card("lines").locator(".u-over").bounding_box()
    seen.page.mouse.move(box["x"] + 100, box["y"] + 50)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + 250, box["y"] + 60, steps=4)
    seen.page.mouse.up()
    zoom = seen.page.locator("#zoom")
    zoom.wait_for()
    seen.settle()
    zoom.click()
    zoom.wait_for(state="hidden")
    seen.settle()


def test_the_pointer_tells_the_values_under_it(look):
    seen = look("test-views", range_="1h")
    box = seen.card("lines").locator(".u-over").bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 40)
    told = seen.page.locator("#tooltip")
    told.wait_for()
    assert told.locator(".row").count() == 3
    assert "function-001" in told.inner_text()


@pytest.mark.parametrize("theme", THEMES)
def test_every_view_of_a_metric_draws(look, theme):
    seen = look("test-views", theme, "1h")
    for title, drawn in {
        "lines": "canvas", "stacked": "canvas", "number": ".figure .sparkline", "bar": ".bar-row", "pie": "circle",
        "gauge": ".gauge", "table": "td", "math": "canvas", "threshold": "canvas",
    }.items():  # fmt: skip
        assert seen.card(title).locator(drawn).count() > 0, title
    assert seen.card("math").locator(".legend-item").all_inner_texts()[0] == "all of them"


def test_a_text_widget_shows_markdown_and_no_html_and_leads_to_another_dashboard(look):
    seen = look("test-views")
    text = seen.page.locator("article.text")
    assert "<b>no html</b>" in text.inner_text()
    text.get_by_text("To the many").click()
    seen.page.wait_for_selector("nav a[aria-current=page]:has-text('Test many')")
    seen.settle()


def test_a_search_with_many_series_is_drawn_and_listed(look):
    seen = look("test-many", range_="1h")
    legend = seen.card("many").locator(".legend-item")
    assert legend.count() == 150
    legend.first.click()
    assert seen.card("many").locator(".legend-item.off").count() == 149
    box = seen.card("many").locator(".u-over").bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
    assert seen.page.locator("#tooltip .row").count() == 1


def test_a_metric_without_data_says_so(look):
    assert EMPTY in look("test-empty").card("nothing").inner_text()


def test_alarms_are_listed_with_their_state_and_tell_more_when_asked(look, stack, bodies):
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    seen = look(next(iter(bodies)))
    chips = seen.page.locator("#alarms .chip")
    assert chips.count() == len(alarms)
    chips.first.click()
    popup = seen.page.locator("dialog.popup")
    told = popup.inner_text()
    assert any(alarm["AlarmName"] in told for alarm in alarms)
    popup.locator(".markdown a").first.click()
    seen.page.get_by_role("heading", name="Runbook", exact=True).wait_for()

"""What is still dark, in a browser: nothing sticks out at any width, nothing hostile runs, and lines can be copied."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pages import HOSTILE_NAMES
from unit.test_widgets import dark_of

from functions.core.widgets import dark
from functions.core.widgets.page import WidgetContext
from functions.core.widgets.parts import View
from functions.core.widgets.subscription_state import State
from local.viewer.chromium import POPUPS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REASON = "all its subscription filters are taken, by forwarder -> arn:aws:lambda:eu-west-1:1:function:forwarder"
REFUSED = State(refused_count=2, refused={"/aws/lambda/payments": REASON, HOSTILE_NAMES[0]: REASON})
FUNCTIONS = {
    "none": {},
    "one": {"checkout": 48_211},
    "two hundred": {f"team-{n % 9}-service-{n:03}-with-a-long-name-in-production": 10**6 - 997 * n for n in range(200)},
    "hostile": {name: 1000 + at for at, name in enumerate((*HOSTILE_NAMES, "A" * 400))},
}
STICKING_OUT = """() => [...document.querySelectorAll("td, th, p, h3, pre, .tl-sum")]
    .filter(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflow !== "hidden")
    .map(each => each.textContent)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("case", FUNCTIONS)
def test_it_fits_at_every_width(browser, theme, case):
    found, state = dark_of(FUNCTIONS[case]), None if case == "none" else REFUSED
    page = browser.new_page()
    for width in (320, 480, 700, 1000, 1400):
        page.set_viewport_size({"width": width + 16, "height": 600})
        context = WidgetContext.parse({"width": width, "theme": theme}, NOON)
        view = View(context, dark.hours_of(context), "arn:aws:lambda:eu-west-1:1:function:widgets")
        for drawn in (dark.render(found, state, view, top=20), dark.render_advice("http_access_log", found, context)):
            page.set_content(f"<!doctype html><style>cwdb-action{{display:none}}body{{margin:8px}}</style>{drawn}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width + 16, (width, case)
            assert page.evaluate(STICKING_OUT) == [], (width, case)
            assert page.evaluate("window.pwned") is None
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_click_opens_an_advice_and_a_click_on_its_lines_selects_them_all(look, bodies, theme):
    seen = look(next(name for name in bodies if name.startswith("tracelake-main-application")), theme)
    card = seen.card("What is still dark")
    assert "shop-checkout" in seen.text(card)
    card.locator(f".foreign {POPUPS}", has_text="Switch tracing on").first.click()
    lines = seen.page.locator("dialog .foreign pre").first
    lines.wait_for()
    lines.click()
    selected = seen.variable("document.querySelector('dialog .foreign').shadowRoot.getSelection().toString()")
    assert selected == lines.inner_text() == "tracing=lambda_.Tracing.ACTIVE"

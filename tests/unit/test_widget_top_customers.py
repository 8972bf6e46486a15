"""The widget of the top customers: what it shows, and that nothing in it is obeyed."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from answering import RefusedError, answering
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.widgets import page, top_customers
from functions.core.widgets.page import WidgetContext
from functions.core.widgets.top_customers import Customer, render
from functions.widget_top_customers import handler

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def context(**given):
    times = {"start": (NOON - timedelta(hours=3)).timestamp() * 1000, "end": NOON.timestamp() * 1000}
    return WidgetContext.parse({"timeRange": times, "width": 600, **given}, NOON)


class Page(HTMLParser):
    """Tags, attributes and visible text of a widget."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.cells, self.rows = [], [], [], []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if self._hidden:
            return
        self.words.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def test_each_customer_has_requests_share_failures_and_latency():
    found = Page(render([Customer("Acme", 750, 15, 182.4), Customer("Umbrella", 250, 0, None)], 20, context()))
    assert found.rows == [
        ["Customer", "Requests", "Share", "Failed", "p90"],
        ["Acme", "750", "75 %", "2.0 %", "182 ms"],
        ["Umbrella", "250", "25 %", "0 %", "\u2013"],
    ]
    assert "1,000 requests" in found.text
    assert "2 customers" in found.text
    assert "20 Nov 09:00 \u2013 12:00 UTC" in found.text


def test_bars_are_relative_to_the_busiest_and_show_the_failed_part():
    html = render([Customer("Acme", 200, 50, 1.0), Customer("Umbrella", 100, 0, 1.0)], 20, context())
    widths = [attrs["style"] for tag, attrs in Page(html).tags if tag == "div" and "tl-bar" in attrs.get("class", "")]
    assert widths == ["width:75.00%", "width:25.00%", "width:50.00%"]


def test_customers_beyond_the_top_are_one_row_together():
    customers = [Customer(f"tenant-{number}", 10, 1, 5.0) for number in range(200)]
    rows = Page(render(customers, 20, context())).rows
    assert len(rows) == 1 + 20 + 1
    assert rows[-1] == ["180 others", "1,800", "90 %", "10 %", "\u2013"]


def test_a_narrow_widget_leaves_columns_out():
    customers = [Customer("Acme", 10, 1, 5.0)]
    assert Page(render(customers, 20, context(width=300))).rows[0] == ["Customer", "Requests", "Failed"]
    assert Page(render(customers, 20, context(width=450))).rows[0] == ["Customer", "Requests", "Failed", "p90"]


def test_the_themes_differ_in_colours_alone():
    light, dark = (render([Customer("Acme", 10, 1, 5.0)], 20, context(theme=theme)) for theme in ("light", "dark"))
    assert light != dark
    assert Page(light).text == Page(dark).text
    assert "VAR(" not in light + dark


def test_an_empty_widget_says_why_and_what_to_do():
    text = Page(render([], 20, context())).text
    assert "No requests in this time range" in text
    assert "tenant_keys" in text
    assert "longer time range" in text


def test_an_error_is_shown_and_not_obeyed():
    found = Page(top_customers.failure(context(), "SYNTAX_ERROR: <script>alert(1)</script>"))
    assert "SYNTAX_ERROR: <script>alert(1)</script>" in found.text
    assert not [tag for tag, _ in found.tags if tag == "script"]


ALLOWED = {"div", "style", "span", "b", "table", "thead", "tbody", "tr", "th", "td", "bdi"}


@given(st.text(), st.integers(1, 10**12), st.integers(0, 10**12), st.none() | st.floats(0, 1e9))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_no_name_becomes_markup_or_leaves_its_place(name, requests, errors, p90):
    html = render([Customer(name, requests, min(errors, requests), p90)], 20, context())
    found = Page(html)
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert {key for _, attrs in found.tags for key in attrs} <= {"class", "style", "title"}
    assert not set(html) & set("\x00\x1b\u202e\u2066\u200f")
    assert len(found.rows) == 2


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='x",
        "</td></tr></table>",
        "&lt;b&gt;",
    ],
)
def test_a_hostile_name_is_shown_as_it_is(name):
    assert Page(render([Customer(name, 5, 0, 1.0)], 20, context())).rows[1][0] == name


def test_a_long_name_is_cut():
    assert Page(render([Customer("A" * 5000, 5, 0, 1.0)], 20, context())).rows[1][0] == "A" * 199 + "\u2026"


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


def test_durations_have_the_unit_that_suits_them():
    assert [context().duration(ms) for ms in (0.4, 9.97, 42.4, 999.4, 1234, 61000)] == [
        "0.4 ms", "10.0 ms", "42 ms", "999 ms", "1.23 s", "61.0 s"
    ]  # fmt: skip


def test_a_zoomed_dashboard_counts_instead_of_its_whole_range():
    hour = 3_600_000
    noon = int(NOON.timestamp() * 1000)
    given = {"timeRange": {"start": 0, "end": noon, "zoom": {"start": noon - 2 * hour, "end": noon - hour}}}
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


def contrast(one, other):
    """Contrast ratio of two colours (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""

    def luminance(colour):
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["text", "quiet", "bad", "warn"])
def test_text_can_be_read_in_both_themes(theme, colour):
    colours = page._COLOURS[theme]
    assert contrast(colours[colour], colours["back"]) >= 4.5
    assert contrast(colours[colour], colours["hover"]) >= 4.5


@pytest.fixture
def athena(monkeypatch):
    """The handler in its environment; gives what was asked of Athena, and what it answers."""
    asked = []
    columns = ("customer", "requests", "errors", "p90_ms")
    answers = {"rows": [["acme", "12", "3", "45.6"], ["(unknown)", "2", "0", None]]}

    def answer(operation, params):
        asked.append((operation, params))
        if "refuse" in answers:
            raise answers["refuse"]
        if operation == "StartQueryExecution":
            return {"QueryExecutionId": "q-1"}
        if operation == "GetQueryExecution":
            return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}
        rows = [list(columns), *answers["rows"]]
        data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows]
        kinds = ("varchar", "bigint", "bigint", "double")
        info = [{"Name": name, "Type": kind} for name, kind in zip(columns, kinds, strict=True)]
        return {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}

    client = answering("athena", answer)
    monkeypatch.setattr(handler, "client", lambda _name: client)
    monkeypatch.setenv("GLUE_DATABASE", "tracelake_main")
    monkeypatch.setenv("WORKGROUP", "tracelake-main")
    return asked, answers


def test_the_handler_asks_for_the_dashboards_time_range(athena):
    asked, _ = athena
    noon = int(NOON.timestamp() * 1000)
    event = {"service": "shop", "widgetContext": {"timeRange": {"start": noon - 3_600_000, "end": noon}, "width": 600}}
    assert Page(handler.handle(event, None)).rows[1:] == [
        ["acme", "12", "86 %", "25 %", "46 ms"],
        ["no customer", "2", "14 %", "0 %", "\u2013"],
    ]
    parameters = asked[0][1]["ExecutionParameters"]
    assert parameters[:4] == [
        "'2026-11-20-11'",
        "'2026-11-20-11'",
        "'2026-11-20 11:00:00.000'",
        "'2026-11-20 12:00:00.000'",
    ]
    assert "'shop'" in parameters


def test_the_handler_documents_itself(athena):
    asked, _ = athena
    assert handler.handle({"describe": True}, None).startswith("## Top customers")
    assert not asked


def test_the_handler_shows_why_athena_refuses(athena):
    _, answers = athena
    answers["refuse"] = RefusedError("InvalidRequestException", "WorkGroup <b>is</b> disabled")
    assert "WorkGroup <b>is</b> disabled" in Page(handler.handle({}, None)).text


@pytest.mark.parametrize(
    ("given", "top"), [(5, 5), ("7", 7), (None, 20), ("many", 20), (-1, 20), (0, 20), (10**9, 200)]
)
def test_the_number_of_rows_is_bounded(given, top):
    assert handler._top(given) == top

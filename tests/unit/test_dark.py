"""What is still dark: what is counted of the lake, which advice follows, and how the widget shows it."""

import html
import json
import re

import pytest
from core.feeding import NOW_MS, payload, taken
from test_widgets import NOON, Page, context, dark_of, view

from cli import doctor
from cli.log_events import Sample
from functions.core.dark import advice
from functions.core.dark.telemetry import KINDS, MOST_KEPT, Filled
from functions.core.dark.things import ALL_APIS, API, FUNCTION, LOG_GROUP, Thing, things
from functions.core.summaries import HourObject, encode
from functions.core.widgets import dark
from functions.core.widgets.subscription_state import State

REPORT = (
    "REPORT RequestId: 8edab1f8-7d34-4a8e-a965-15ccbbb78d4c\tDuration: 1 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB"
)
TRACED = f"{REPORT}\tXRAY TraceId: 1-5d83c0ad-b8eb33a0b1de97d804fac890"
JSON = {"level": "INFO", "message": "m", "tenant_id": "acme", "requestId": "r", "timestamp": "2026-11-20T09:00:00Z"}
REQUEST = {"httpMethod": "GET", "routeKey": "GET /a", "status": "200", "responseLatency": "12"}
CALL = {
    "traceId": "6759b1c50e59b643038a6a070e115043",
    "spanId": "2a22ad6d7aeb6ef2",
    "kind": "CLIENT",
    "startTimeUnixNano": NOW_MS * 1_000_000,
    "resource": {"attributes": {"service.name": "checkout", "faas.name": "checkout"}},
    "attributes": {"aws.remote.service": "DynamoDB"},
}


def telemetry(*payloads):
    """The summaries of all kinds of some payloads."""
    found = {name: kind() for name, kind in KINDS.items()}
    for part in taken(*payloads).flush("c"):
        for each in found.values():
            if each.table == part.table:
                each.add_rows(part.rows)
    return found


def of(group, *messages, **how):
    return payload(*messages, group=group, **how)


def found_things(*payloads):
    return {thing.name: thing for thing in things(telemetry(*payloads))}


def test_rows_are_counted_by_what_wrote_them_with_the_columns_that_are_filled():
    found = telemetry(of("/aws/lambda/a", "text", JSON), of("/aws/lambda/b", REPORT, TRACED))
    logs, invocations = found["telemetry_logs"].found.entries, found["telemetry_invocations"].found.entries
    assert logs["/aws/lambda/a",].plain()[:1] == [2]
    assert logs["/aws/lambda/a",].columns["tenant"] == 1
    assert logs["/aws/lambda/a",].sources == {"text_log": 1, "json_log": 1}
    assert invocations["b", "/aws/lambda/b"] == Filled(2, {"trace_id": 1}, {"lambda_platform": 2})


def test_hours_add_up_and_come_back_as_they_were_written():
    one, other = telemetry(of("/a", "x", JSON)), telemetry(of("/a", JSON), of("/b", "y"))
    for name, kind in KINDS.items():
        both = kind.of(json.loads(json.dumps(one[name].plain())))
        both.merge(other[name])
        assert both.found.total().rows == one[name].found.total().rows + other[name].found.total().rows
    assert telemetry(of("/a", "x", JSON), of("/a", JSON))["telemetry_logs"].found.entries["/a",].columns["level"] == 2


def test_the_columns_of_every_advice_are_counted():
    derived = {"traffic", "service_calls"}
    counted = {f"{kind.table}.{name}" for kind in KINDS.values() for name in kind.columns} | {"logs.line"}
    advised = {column for each in advice.load().advice for column in each.columns}
    assert {column for column in advised if column.partition(".")[0] not in derived} <= counted


def test_what_is_true_of_a_function_is_told_from_what_it_writes():
    found = found_things(
        of("/aws/lambda/dark", "plain", REPORT),
        of("/aws/lambda/checkout", JSON, TRACED),
        of("aws/spans", CALL),
        of("/ecs/app", "plain"),
    )
    assert (found["dark"].kind, found["/ecs/app"].kind) == (FUNCTION, LOG_GROUP)
    assert found["dark"].facts == {"function", "text_logs", "not_traced", "no_otel_layer"}
    assert found["checkout"].facts == {"function", "json_logs"}
    assert {name: each.rows for name, each in found["checkout"].filled.items()} == {
        "invocations": 1,
        "logs": 1,
        "spans": 1,
    }
    assert list(advice.due(found["dark"])) == ["json_logging", "tracing", "otel_layer"]
    assert advice.due(found["checkout"]) == {}
    assert advice.due(found["/ecs/app"]) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_a_column_that_one_of_several_services_of_a_function_fills_is_not_empty(order):
    other = {**CALL, "attributes": {}, "resource": {"attributes": {"service.name": "another", "faas.name": "checkout"}}}
    found = found_things(of("/aws/lambda/checkout", TRACED), of("aws/spans", *(CALL, other)[::order]))
    assert "no_otel_layer" not in found["checkout"].facts
    assert found["checkout"].filled["spans"].rows == 2


def test_an_account_without_spans_is_told_of_transaction_search():
    assert "transaction_search" in advice.due(found_things(of("/aws/lambda/a", REPORT))["a"])


def test_an_api_that_does_not_name_its_customers_and_one_that_writes_no_latency_are_told_apart():
    nameless = found_things(of("/apis/shop", REQUEST))["shop"]
    assert (nameless.kind, list(advice.due(nameless))) == (API, ["customer_in_access_log"])
    short = found_things(of("/apis/shop", {key: REQUEST[key] for key in ("httpMethod", "routeKey", "status")}))["shop"]
    assert list(advice.due(short)) == ["http_access_log", "rest_access_log"]
    named = found_things(of("/apis/shop", {**REQUEST, "tenant": "acme"}))["shop"]
    assert advice.due(named) == {}


def test_where_no_access_log_comes_at_all_that_is_told_once():
    found = found_things(of("/aws/lambda/a", REPORT), of("/aws/lambda/b", REPORT))
    assert [name for name, thing in found.items() if thing.kind == API] == [ALL_APIS]
    assert set(advice.due(found[ALL_APIS])) == {"http_access_log", "rest_access_log"}


@pytest.mark.parametrize("messages", [("plain", REPORT), (JSON, TRACED), (JSON, REPORT), ("plain", JSON, JSON, TRACED)])
def test_doctor_and_the_widget_give_the_same_advice_for_the_same_telemetry(messages):
    parts = taken(of("/aws/lambda/a", *messages)).flush("c")
    configured = {"function", "no_otel_layer"} | (set() if TRACED in messages else {"not_traced"})
    [of_doctor] = doctor.look(
        Sample("/aws/lambda/a", 0, 1, events=1), parts, [Thing(FUNCTION, "a", configured)], has_spans=False
    )
    assert advice.due(of_doctor) == advice.due(found_things(of("/aws/lambda/a", *messages))["a"])


def rendered(functions, state=None, top=20, **given):
    seen = view(**given)
    return dark.render(dark_of(functions), state, seen, top=top)


def test_the_loudest_come_first_and_the_rest_is_counted():
    found = Page(rendered({f"f{n}": n + 1 for n in range(30)}, top=3, width=1400))
    named = [row[0] for row in found.rows if row and row[0].endswith("function")]
    assert named == ["f29function", "f28function", "f27function"]
    assert "31 of 31 functions, APIs and log groups lack something" in found.text
    assert "28 quieter ones not listed" in found.text


def test_it_says_what_a_function_writes_and_what_stays_empty():
    [row] = [row for row in Page(rendered({"checkout": 1000}, width=1400)).rows if row[0].startswith("checkout")]
    assert row[2] == "1,000 invocations, 1,000 log lines in text"
    assert row[3].startswith("logs level, request_id, error_type, fingerprint, line")
    assert "spans" in row[3]


def test_log_groups_that_cannot_be_read_are_told_with_the_reason_and_the_rest_is_counted():
    refused = {f"/group-{n:02}": "all its subscription filters are taken" for n in range(12)}
    found = Page(rendered({}, State(refused_count=700, refused=refused)))
    assert "700 cannot be read" in found.text
    assert found.rows[1] == ["/group-00", "all its subscription filters are taken"]
    assert "690 more log groups cannot be read" in found.text


def test_where_nothing_is_dark_that_is_said():
    found = telemetry(
        of(
            "/aws/lambda/checkout",
            JSON,
            {**JSON, "level": "ERROR", "errorType": "E", "xray_trace_id": CALL["traceId"]},
            TRACED,
        ),
        of("aws/spans", CALL),
        of("/apis/shop", {**REQUEST, "tenant": "acme"}),
    )
    text = Page(dark.render(dark.Dark.of(found), State(), view(), top=20)).text
    assert text.startswith("Nothing is dark All 2 functions, APIs and log groups")


@pytest.mark.parametrize(("width", "columns"), [(340, 2), (700, 3), (900, 4), (1400, 5)])
def test_a_narrow_widget_leaves_columns_out(width, columns):
    [row] = [row for row in Page(rendered({"checkout": 5}, width=width)).rows if row[0].startswith("checkout")]
    assert len(row) == columns


def test_a_click_shows_the_lines_of_every_tool_to_the_letter():
    clicked = next(each for each in Page(rendered({"checkout": 5})).actions if each["advice"] == "json_logging")
    shown = dark.render_advice(clicked["advice"], dark_of({"checkout": 5}), context())
    [each] = [each for each in advice.load().advice if each.id == "json_logging"]
    written = [html.unescape(lines) for lines in re.findall(r"<pre>(.*?)</pre>", shown, re.DOTALL)]
    assert written == list(advice.lines(each).values())
    assert "For checkout" in Page(shown).text
    assert "user-select:all" in shown


def test_an_account_with_3000_functions_stays_small():
    found = {name: kind() for name, kind in KINDS.items()}
    for name, kind in found.items():
        for number in range(3000):
            key = tuple(f"/aws/lambda/team-{number:04}-with-a-name-of-usual-length" for _ in kind.by)
            kind.found.add(key, Filled(number + 1, dict.fromkeys(kind.columns, 0), {"text_log": number + 1}))
        assert len(encode(HourObject(content=kind.bounded().plain()))) < 100_000, name
    hours = {name: kind.bounded() for name, kind in found.items()}
    assert all(len(kind.found.entries) == MOST_KEPT for kind in hours.values())
    assert hours["telemetry_logs"].found.total().rows == sum(range(3001))
    drawn = dark.render(dark.Dark.of(hours), State(refused_count=3000), view(width=1400), top=20)
    assert len(drawn) < 64_000
    assert len(Page(drawn).rows) < 50
    assert "still quieter, known as a sum alone" in Page(drawn).text


def test_the_hours_do_not_depend_on_the_range_but_on_its_end():
    assert len(dark.hours_of(context()).names) == len(dark.hours_of(view().context).names) == 24
    assert dark.hours_of(context()).names[-1] == (NOON.replace(hour=11)).strftime("%Y-%m-%d-%H")

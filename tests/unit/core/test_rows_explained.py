from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from feeding import NOW_MS, REPORT, REQUEST, RULES, payload, span
from fuzzing import OBJECTS, SPANS, messages

from cli import alterations, explain, main, rows
from cli.explain import THE_LINE, Explained
from cli.explained import Explainer
from functions.core import subscriptions
from functions.core.redaction import Redactor
from functions.core.sources import SOURCES

GATEWAY = {
    "status": "200",
    "httpMethod": "GET",
    "routeKey": "GET /orders/{id}",
    "path": "/orders/7",
    "ip": "203.0.113.9",
    "authorizer": {"claims": {"tenant": "acme"}},
    "responseLatency": "12",
}
LOG = {
    "level": "info",
    "msg": "mail bob@example.com password=hunter2",
    "customerId": "acme",
    "xray_trace_id": "1-6759b1c5-0e59b643038a6a070e115043",
    "inner": {"api_key": "k", "clientIp": "203.0.113.9"},
}
ALB = (
    "https 2026-09-21T14:13:20.186641Z app/shop/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 "
    '200 0 57 "GET https://www.example.com:443/orders/7 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 '
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/shop/73e2d6bc24d8a067 "
    '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/1" '
    '1 2026-09-21T14:13:20.135000Z "waf,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90'
)


def told(*messages: Any, at: int = -1, **how: Any) -> Explained:
    """The explanation of the last row, or of another one."""
    return list(explain.explain(subscriptions.decode(payload(*messages, **how)), RULES))[at]


@pytest.fixture(scope="module")
def log() -> Explained:
    return told(LOG)


def origins(explained: Explained) -> dict[str, list[str]]:
    return {origin.column: origin.of for origin in explained.columns}


def column(explained: Explained, name: str) -> explain.Origin:
    return next(origin for origin in explained.columns if origin.column == name)


def test_each_column_of_a_json_line_comes_from_the_member_that_fills_it(log):
    found = origins(log)
    assert (log.table, log.source, log.because_of) == ("logs", "json_log", [])
    assert {name: found[name] for name in ("level", "message", "tenant", "trace_id", "service", "time", "line")} == {
        "level": ["level"],
        "message": ["msg"],
        "tenant": ["customerId"],
        "trace_id": ["xray_trace_id"],
        "service": ["the log group"],
        "time": ["the time of the log event"],
        "line": [THE_LINE],
    }
    assert found["source"] == []
    assert column(log, "tenant").as_written
    assert not column(log, "level").as_written


def test_the_setting_by_which_a_column_was_found_is_named(log):
    assert column(log, "tenant").rules == ["tenant key customerId"]
    assert column(log, "level").rules == []


def test_what_redaction_did_is_named_with_its_rule(log):
    assert column(log, "message").hidden == [
        "redacted: assignment to a secret name",
        "redacted: e-mail address",
    ]
    assert set(column(log, "line").hidden) > {
        "redacted: its name means a secret",
        "a person by its name, hashed with the key of the month",
    }
    assert column(told(GATEWAY), "client_ip_hash").hidden == ["hashed with the key of the month"]
    assert not any(origin.hidden for origin in told({"level": "INFO", "message": "m"}).columns)


def test_a_column_that_the_authorizer_fills_names_the_nested_member():
    explained = told(GATEWAY, group="/apis/shop")
    assert explained.because_of == ["status"]
    found = origins(explained)
    assert (found["tenant"], found["route"], found["service"]) == (
        ["authorizer.claims.tenant"],
        ["routeKey"],
        ["the log group"],
    )


def test_a_line_beside_the_event_is_an_origin_too():
    explained = told(f"START RequestId: {REQUEST} Version: 7\n", "hello\n", REPORT, at=0)
    assert explained.table == "invocations"
    found = origins(explained)
    assert found["duration_ms"] == ["Duration: 1711.87"]
    assert found["cost_usd"] == ["Billed Duration: 1800", "Memory Size: 128"]
    assert f"a line before: START RequestId: {REQUEST}"[:55] in [name[:55] for name in found["function_version"]]


def test_the_fields_of_a_load_balancers_line_are_named_by_what_stands_there():
    explained = told(ALB, group="/alb")
    found = origins(explained)
    assert explained.source == "alb_log"
    assert found["trace_id"] == ["Root=1-58337281-1d84f3d73c47ec4e58577259"]
    assert found["status"] == ["200"]
    assert found["route"] == ["GET", "GET https://www.example.com:443/orders/7"]


def test_attributes_of_a_span_and_of_its_resource_are_told_apart():
    found = origins(told(span(attributes={"http.method": "GET", "tenant.id": "acme"}), group="aws/spans"))
    assert found["tenant"] == ['attributes["tenant.id"]']
    assert found["service"] == ['resource.attributes["service.name"]']
    assert found["duration_ms"] == ["startTimeUnixNano", "endTimeUnixNano"]


def test_a_status_that_only_some_values_tell_comes_from_them_too():
    found = origins(told(span(attributes={"http.response.status_code": 200}, status={"code": "OK"}), group="aws/spans"))
    assert 'attributes["http.response.status_code"]' in found["status"]


# what explain says is held against the input, altered in a way of the tests' own


def place_of(document: Any, name: str) -> tuple[Any, Any]:
    """What holds the member of this name, and under which key."""
    steps = [
        json.loads(quoted) if quoted else int(number) if number else plain
        for plain, quoted, number in re.findall(r'([^.\[\]"]+)(?![^\[]*\])|\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]', name)
    ]
    for step in steps[:-1]:
        document = document[step]
    return document, steps[-1]


def mirrored(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 2, value * 3 + 7]
    if isinstance(value, str):
        rings = ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")
        table = {ord(old): new for ring in rings for old, new in zip(ring, reversed(ring), strict=True)}
        return [value.translate(table), "", "other"]
    return ["other"]


def altered(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = []
    holder, key = place_of(document, name)
    for other in mirrored(holder[key]):
        copied = json.loads(json.dumps(document))
        inner, _ = place_of(copied, name)
        inner[key] = other
        found.append(copied)
    without = json.loads(json.dumps(document))
    del place_of(without, name)[0][key]
    return [*found, without]


def values_of(document: dict[str, Any], explained: Explained, group: str) -> Any:
    """The row that is explained, of another document; None where it is not there."""
    found = explain.rows(subscriptions.decode(payload(document, group=group)), RULES)
    of_table = [each.row for each in found if (each.table, each.row["source"]) == (explained.table, explained.source)]
    own = [row for row in of_table if (row["event_id"], row["row_no"]) == (explained.event_id, explained.row_no)]
    return own[0] if own else of_table[0] if len(of_table) == 1 else None


def wrong(document: dict[str, Any], explained: Explained, group: str) -> list[tuple[str, str]]:
    """Columns with a member that they are said to come from, which does not alter them."""
    return [
        (origin.column, name)
        for origin in explained.columns
        for name in origin.of
        if name not in (THE_LINE, *OUTSIDE)
        and all(
            row is not None and row[origin.column] == origin.value
            for row in (values_of(other, explained, group) for other in altered(document, name))
        )
    ]


OUTSIDE = (
    *("the id of the log event", "the time of the log event", "the log group", "the log stream", "the account"),
    *("the region of the stage", "the account of the stage"),
)
FEW_OF_LAMBDA = ("platform.report", "platform.initReport", "platform.fault")
SAMPLES = [
    (document, "/shop/logs")
    for document in (LOG, GATEWAY, *OBJECTS, *SPANS)
    if not str(document.get("type")).startswith("platform.") or document["type"] in FEW_OF_LAMBDA
]


def missed(document: dict[str, Any], explained: Explained, group: str) -> list[tuple[str, str]]:
    """Columns with a member that alters them, though they are not said to come from it."""
    found = []
    for name in [piece.name for piece in alterations.pieces(json.dumps(document))[2]]:
        rows_ = [row for other in altered(document, name) if (row := values_of(other, explained, group)) is not None]
        found += [
            (origin.column, name)
            for origin in explained.columns
            if not {name, THE_LINE} & {*origin.of, *explained.because_of}
            and any(row[origin.column] != origin.value for row in rows_)
        ]
    return found


@pytest.mark.parametrize(("document", "group"), SAMPLES, ids=[f"{n}" for n in range(len(SAMPLES))])
def test_the_members_that_are_named_alter_the_column_and_no_others_do(document, group):
    for explained in explain.explain(subscriptions.decode(payload(document, group=group)), RULES, {}):
        assert wrong(document, explained, group) == []
        assert missed(document, explained, group) == []


def test_a_wrong_attribution_is_caught():
    explained = told(LOG, group="/shop/logs")
    planted = [replace(origin, of=["msg"]) if origin.column == "tenant" else origin for origin in explained.columns]
    assert wrong(LOG, explained, "/shop/logs") == []
    assert wrong(LOG, replace(explained, columns=planted), "/shop/logs") == [("tenant", "msg")]
    assert missed(LOG, replace(explained, columns=planted), "/shop/logs") == [("tenant", "customerId")]


def test_the_samples_are_of_every_source_whose_lines_are_json():
    lines = {"text_log", "alb_log", "nlb_log", "clb_log", "s3_log", "cloudfront_log", "vpc_flow_log", "otel_sdk"}
    lines |= {"own_format"}
    found = {
        each.row["source"]
        for document, group in SAMPLES
        for each in explain.rows(subscriptions.decode(payload(document, group=group)), RULES)
    }
    assert found == {source.name for source in SOURCES} - lines


def test_explaining_gives_the_rows_that_the_lake_would_hold(log):
    (row,) = [each.row for each in explain.rows(subscriptions.decode(payload(LOG)), RULES)]
    shown = {origin.column: origin.value for origin in log.columns if origin.column != "line"}
    assert shown == {name: row[name] for name in shown}
    assert set(row) == {*shown, "line", *log.empty}


def test_a_row_like_one_before_is_counted_and_not_explained_again():
    explainer = Explainer(RULES, every=False)
    explainer.add(payload(*[{"level": "INFO", "message": f"m{n}"} for n in range(5)], {"level": "INFO"}))
    out = io.StringIO()
    explainer.show(out, as_json=True)
    assert [(each["alike"], len(each["columns"])) for each in map(json.loads, out.getvalue().splitlines())] == [
        (4, 12),
        (0, 11),
    ]


def test_every_row_is_explained_where_that_is_asked_for():
    explainer = Explainer(RULES, every=True)
    explainer.add(payload({"level": "INFO", "message": "a"}, {"level": "INFO", "message": "b"}))
    out = io.StringIO()
    explainer.show(out, as_json=True)
    assert len(out.getvalue().splitlines()) == 2


@pytest.mark.parametrize("seed", range(5))
def test_damaged_telemetry_is_explained_as_far_as_it_has_rows(seed):
    lines = messages(Random(seed), 2, (*OBJECTS, *SPANS))
    found = subscriptions.decode(payload(*lines, group="/shop/logs"))
    known: dict[explain.Kind, Explained] = {}
    explained = list(explain.explain(found, RULES, known))
    assert len(explained) == len(known)
    assert len(explained) + sum(each.alike for each in explained) == len(explain.rows(found, RULES))


def test_hostile_telemetry_cannot_harm_the_terminal(tmp_path, capsys):
    file = tmp_path / "hostile.log"
    file.write_text(json.dumps({"level": "x", "message": "a\x1b[31m\u202e\nb", "\x1b[2Jname": 1, "tenant": "\x9b1m"}))
    for form in ([], ["--json"]):
        assert main.main(["rows", "--explain", *form, str(file)]) == 0
        printed = capsys.readouterr().out
        assert not set(printed) & {"\x1b", "\u202e", "\x9b"}
        assert "tenant key tenant" in printed


def test_what_cannot_be_read_is_told_as_without_explain(tmp_path, capsys):
    file = tmp_path / "x.log"
    file.write_bytes(b"\xff\xfe\x00\x01 no telemetry")
    assert main.main(["rows", "--explain", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["rejected"]["reason"]


def test_reading_does_not_ask_for_explanations(monkeypatch):
    monkeypatch.setattr(explain, "rows", lambda *_: pytest.fail("explained without being asked"))
    normalizer = rows.Normalizer(RULES)
    normalizer.add(payload(LOG), "s:1", NOW_MS)
    assert type(normalizer._context.redactor) is Redactor

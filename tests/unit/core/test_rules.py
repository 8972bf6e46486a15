"""What the user's rules say: names and paths of columns, path templates, features, own formats."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from feeding import NOW_MS, RULES, payload, rows, taken

from functions.core.accounting import Rules
from functions.core.meaning.meaning import Meaning
from functions.core.meaning.written import COLUMNS, RulesError, parse, steps_of
from functions.core.normalize import Normalizer
from functions.core.rows import Place
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS

REQUEST = {"requestId": "r", "httpMethod": "GET", "status": "200", "path": "/", "responseLatency": 3}


def by(text: str, **rules: Any) -> Rules:
    """Rules of a Normalizer with an object of the user."""
    return Rules("1", "r", meaning=Meaning(parse(text), DEFAULT_TENANT_KEYS), hash_key=b"test", **rules)


def read(text: str, table: str, *messages: Any, **how: Any) -> list[dict[str, Any]]:
    normalizer = taken(payload(*messages, **how), rules=by(text))
    assert not normalizer.rejected, normalizer.rejected
    return rows(normalizer, table)


def jwt(**claims: str) -> str:
    head, body = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({}, claims))
    return f"eyJ{head[3:]}.{body}.signature"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("customer", {"customer": "acme"}),
        ("customer.id", {"customer.id": "acme"}),
        ("customer.id", {"customer": {"id": "acme"}}),
        ("ctx.customer.id", {"ctx": {"customer.id": "acme"}}),
        ("ctx.customer.id", {"ctx.customer": {"id": "acme"}}),
        ("ids", {"ids": ["acme", "other"]}),
        ("headers.x-tenant", {"headers": {"X-Tenant": "acme"}}),
        ("multiValueHeaders.x-tenant", {"multiValueHeaders": {"X-Tenant": ["acme"]}}),
        ("body.customer", {"body": '{"customer": "acme"}'}),
        ("headers.authorization.iss", {"headers": {"Authorization": "JWT " + jwt(iss="acme")}}),
        ("token.iss", {"token": jwt(iss="acme")}),
        ("number", {"number": 7}),
    ],
)
@pytest.mark.parametrize("kind", ["log", "request"])
def test_a_name_is_a_member_or_a_path_through_objects(kind: str, name: str, line: dict[str, Any]) -> None:
    text, table = f'tenant = ["{name}"]', "logs" if kind == "log" else "requests"
    more = {"message": "m"} if kind == "log" else REQUEST
    [row] = read(text, table, {**more, **line})
    assert row["tenant"] == ("7" if name == "number" else "acme")


def test_rules_come_before_the_settings_and_the_usual_names_and_give_way_where_they_have_nothing() -> None:
    text = 'tenant = ["ctx.customer", "shop"]'
    lines = [
        {"tenant": "usual", "shop": "second", "ctx": {"customer": "first"}},
        {"tenant": "usual", "shop": "second", "ctx": {"customer": ""}},
        {"tenant": "usual", "shop": None, "ctx": 3},
        {"tenant": "usual"},
    ]
    assert [row["tenant"] for row in read(text, "logs", *lines)] == ["first", "second", "usual", "usual"]


def test_an_authorizer_names_customer_and_user() -> None:
    claims = {"clientKey": "site-1", "sub": "jane"}
    nested, flat = {"authorizer": {"claims": claims}}, {"authorizer.clientKey": "site-1", "authorizer.sub": "jane"}
    found = read("", "requests", {**REQUEST, **nested}, {**REQUEST, **flat}, {**REQUEST, "authorizer.sub": "-"})
    assert [row["tenant"] for row in found] == ["site-1", "site-1", None]
    assert found[0]["user_id"] == found[1]["user_id"] != found[2]["user_id"]
    assert found[2]["user_id"] is None


def test_users_are_kept_as_hashes_alone_and_the_same_in_every_table() -> None:
    usage = {"event_type": "usage", "feature": "export", "user": "jane"}
    normalizer = taken(payload({"message": "m", "user": {"id": "jane"}}, {**REQUEST, "user_id": "jane"}, usage))
    parts = {part.table: part.rows for part in normalizer.flush("chunk")}
    (user,) = {parts[table]["user_id"][0].as_py() for table in ("logs", "requests", "usage_events")}
    assert len(user) == 32
    # the member is called `user`, which means a person in an access log; in a log line it is what the line says
    assert "jane" not in parts["requests"]["line"][0].as_py()


def test_the_version_of_a_service_is_on_its_lines_and_spans() -> None:
    [row] = read("", "logs", {"message": "m", "service.version": "1.2.0"})
    assert row["service_version"] == "1.2.0"
    [row] = read(
        'version = ["build.sha"]', "logs", {"message": "m", "service.version": "1.2.0", "build": {"sha": "c0ffee"}}
    )
    assert row["service_version"] == "c0ffee"


PATHS = """
paths = ["/t/{tenant}/orders/{id}", "/t/{tenant}/users/{user}/*", "/f/{feature}"]
[features]
"GET /t/*/orders/*" = "orders"
"DELETE *" = "removal"
"* /t/*" = "never: a star is no method"
"/f/*" = "never: the path says it"
"""


@pytest.mark.parametrize(
    ("member", "route", "tenant", "feature"),
    [
        ({"path": "/t/acme/orders/17?x=1"}, "GET /t/{tenant}/orders/{id}", "acme", "orders"),
        ({"path": "/t/acme/orders/17", "tenant": "own"}, "GET /t/{tenant}/orders/{id}", "own", "orders"),
        ({"path": "/t/acme/users/jane/photos/991"}, "GET /t/{tenant}/users/{user}/photos/{id}", "acme", None),
        ({"path": "/t/acme/users/jane"}, "GET /t/{tenant}/users/{user}", "acme", None),
        ({"path": "/f/export"}, "GET /f/{feature}", None, "export"),
        ({"path": "/other/17"}, "GET /other/{id}", None, None),
        ({"path": "/t/acme/orders/17", "routeKey": "ANY /{proxy+}"}, "GET /t/{tenant}/orders/{id}", "acme", "orders"),
        ({"path": "/t/acme/orders/17", "routeKey": "GET /t/{t}/orders/{o}"}, "GET /t/{t}/orders/{o}", "acme", "orders"),
        ({"path": "/x", "httpMethod": "DELETE"}, "DELETE /x", None, "removal"),
        ({"path": "/f/export", "feature": "own"}, "GET /f/{feature}", None, "own"),
    ],
)
def test_a_path_tells_route_customer_user_and_feature(
    member: dict[str, str], route: str, tenant: str | None, feature: str | None
) -> None:
    [row] = read(PATHS, "requests", {**REQUEST, **member})
    assert (row["route"], row["tenant"], row["feature"]) == (route, tenant, feature)
    assert (row["user_id"] is not None) == ("/users/" in member["path"])


def test_paths_and_features_also_count_for_text_access_logs_and_webhooks() -> None:
    alb = (
        "h2 2026-09-21T14:13:20.186641Z app/shop/50dc6c495c0c9188 10.0.1.252:48160 10.0.0.66:9000 0.000 0.002 0.000 "
        '200 200 5 257 "GET https://10.0.2.105:773/t/acme/orders/17 HTTP/2.0" "curl/7.46.0" - - arn "Root=1-5" "d" "-" '
        '1 t "f" "-"'
    )
    webhook = {"event_type": "webhook", "method": "GET", "path": "/t/acme/orders/18", "status": 200}
    found = read(PATHS, "requests", alb, webhook, group="alb")
    assert [(row["tenant"], row["feature"]) for row in found] == [("acme", "orders")] * 2
    assert {row["route"] for row in found} == {"GET /t/{tenant}/orders/{id}"}


ACCESS = (
    r'^(?P<client_ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\w+) (?P<path>\S+) [^"]*" '
    r"(?P<status>\d+) (?P<response_bytes>\d+|-) (?P<shard>\w+)$"
)
NGINX = rf"""
[[formats]]
name = "nginx"
log_groups = ["/ecs/web"]
table = "requests"
pattern = '{ACCESS}'
[[formats]]
name = "worker"
log_groups = ["/ecs/"]
pattern = '^(?P<level>\w+)\|(?P<tenant>\w+)\|(?P<message>.*)$'
"""
LINE = '203.0.113.7 - jane [21/Sep/2026:14:13:19 +0000] "GET /orders/17?a=b HTTP/1.1" 200 312 blue'


def test_a_format_of_ones_own_fills_columns_and_keeps_what_has_none() -> None:
    [row] = read(NGINX, "requests", LINE, group="/ecs/web-1")
    assert (row["method"], row["route"], row["status"], row["response_bytes"]) == ("GET", "GET /orders/{id}", 200, 312)
    assert row["time"].isoformat() == "2026-09-21T14:13:19"
    assert row["source"] == "own_format"
    assert json.loads(row["line"])["shard"] == "blue"
    assert "203.0.113.7" not in str(row)
    assert "jane" not in str(row)
    assert len(row["user_id"]) == len(row["client_ip_hash"]) == 32


def test_formats_are_tried_in_order_within_their_log_groups_and_all_else_is_read_as_ever() -> None:
    lines = ["ERROR|acme|no stock", LINE, '{"level": "INFO", "message": "json"}', "plain text", ""]
    normalizer = taken(payload(*lines, group="/ecs/web"), rules=by(NGINX))
    parts = {part.table: part.rows.to_pylist() for part in normalizer.flush("chunk")}
    assert len(parts["requests"]) == 1
    logs = [(row["source"], row["level"], row["tenant"], row["message"]) for row in parts["logs"]]
    assert sorted(logs, key=str) == sorted(
        [
            ("own_format", "ERROR", "acme", "no stock"),
            ("json_log", "INFO", None, "json"),
            ("text_log", None, None, "plain text"),
            ("text_log", None, None, ""),
        ],
        key=str,
    )
    (error,) = [row for row in parts["logs"] if row["level"] == "ERROR"]
    assert error["fingerprint"]
    [row] = read(NGINX, "logs", "ERROR|acme|no stock", group="/aws/lambda/x")
    assert (row["source"], row["tenant"]) == ("text_log", None)


def test_a_stack_trace_beside_lines_of_a_format_stays_one_error() -> None:
    lines = ["java.lang.IllegalStateException: broken", "\tat shop.Cart.add(Cart.java:7)", "INFO|acme|next"]
    found = read(NGINX, "logs", *lines, group="/ecs/web")
    assert [row["source"] for row in found].count("own_format") == 1
    assert sum(row["fingerprint"] is not None for row in found) == 1


def of_file(text: str, content: str, bucket: str = "logs", key: str = "web/1.log") -> dict[str, list[dict[str, Any]]]:
    """Rows by table of a log file in a bucket."""
    normalizer = Normalizer(by(text))
    normalizer.add_piece(content.encode(), "f/0", Place("1", "r", f"s3://{bucket}", key), NOW_MS)
    assert not normalizer.rejected, normalizer.rejected
    found: dict[str, list[dict[str, Any]]] = {}
    for part in normalizer.flush("chunk"):
        found.setdefault(part.table, []).extend(part.rows.to_pylist())
    return found


FILES = NGINX.replace("/ecs/web", "s3://logs/web/").replace("/ecs/", "s3://logs/")


def test_a_format_also_reads_lines_of_files_in_buckets() -> None:
    lines = [f"{LINE}\r", "ERROR|acme|no stock\r", '{"level": "INFO",', '  "message": "json"}', "plain text", ""]
    found = of_file(FILES, "\n".join(lines))
    [request] = found["requests"]
    assert (request["source"], request["status"], request["route"]) == ("own_format", 200, "GET /orders/{id}")
    assert request["time"].isoformat() == "2026-09-21T14:13:19"
    assert sorted((row["event_id"], row["source"], row["message"], row["log_group"]) for row in found["logs"]) == [
        ("f/0:1", "own_format", "no stock", "s3://logs"),
        ("f/0:2", "json_log", "json", "s3://logs"),
        ("f/0:3", "text_log", "plain text", "s3://logs"),
    ]
    assert request["event_id"] == "f/0:0"


@pytest.mark.parametrize(("bucket", "key"), [("logs", "other/1.log"), ("other", "web/1.log")])
def test_a_format_reads_no_file_that_it_does_not_name(bucket: str, key: str) -> None:
    assert {row["source"] for row in of_file(FILES, LINE, bucket, key)["requests"]} != {"own_format"}


def test_a_line_of_a_format_may_begin_with_what_is_json_elsewhere() -> None:
    pattern = r"^\[(?P<request_id>\d+)\] (?P<message>.*)$"
    text = f"[[formats]]\nname = 'x'\nlog_groups = ['s3://logs']\npattern = '{pattern}'"
    found = of_file(text, "[17] first\n[18] second")["logs"]
    assert [(row["request_id"], row["message"]) for row in found] == [("17", "first"), ("18", "second")]


def test_a_byte_that_is_no_text_spoils_no_other_line_of_a_file() -> None:
    normalizer = Normalizer(by(FILES))
    content = b"ERROR|acme|caf\xe9\ncaf\xe9\nINFO|acme|fine"
    normalizer.add_piece(content, "f/0", Place("1", "r", "s3://logs", "1.log"), NOW_MS)
    assert sorted(row["message"] for row in rows(normalizer, "logs")) == ["caf\\xe9", "caf\\xe9", "fine"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenant = ", "it is not TOML"),
        ("tenants = ['a']", "unknown field `tenants`"),
        ("tenant = 'a'", "Expected `array`, got `str` - at `$.tenant`"),
        ("tenant = ['']", "length >= 1"),
        ("tenant = ['a', 'a']", "two rules are called tenant: a"),
        ("paths = ['t/{tenant}']", "does not begin with /"),
        ("paths = ['/t-{tenant}']", "not a whole part"),
        ("paths = ['/*/x']", "does not stand alone at the end"),
        ("paths = ['/{tenant}/{tenant}']", "names tenant twice"),
        ("[features]\n'/a' = 3", "Expected `str`, got `int`"),
        ("[[redact]]\nname = 'x'", "redact: x has neither names nor a pattern"),
        (f"[[redact]]\nname = 'x'\nnames = {['n' * 150 + str(at) for at in range(20)]}", "more than 2000 characters"),
        ("[[redact]]\nname = 'x'\npattern = 'a*'", "matches even where there is nothing"),
        ("[[redact]]\nname = 'x'\npattern = '(?=a)'", "that RE2 refuses: invalid perl operator: (?="),
        ("[[redact]]\nname = 'x'\npattern = '(a{1000}){1000}'", "that RE2 refuses: invalid repetition size"),
        ("[[redact]]\nname = 'x'\npattern = '[ab]{900}[cd]{900}[ef]{900}'", "about 2700 steps, repetitions counted"),
        ("[[redact]]\nname = 'x'\nnames = ['a']\nkind = 'public'", "Invalid enum value 'public'"),
        ("[[formats]]\nname = 'x'\nlog_groups = []\npattern = 'a'", "length >= 1"),
        ("[[formats]]\nname = 'x'\nlog_groups = ['/']\npattern = '(a)'", "a group without a name"),
        ("[[formats]]\nname = 'x'\nlog_groups = ['/']\npattern = 'a'", "no named group"),
        ("[[formats]]\nname = 'x'\nlog_groups = ['/']\npattern = '(?P<colour>a)'", "fills no column of logs"),
        ("tenant = [" + ",".join(f"'{number}'" for number in range(201)) + "]", "201 rules; at most 200"),
        ("#" * 70_000, "more than 64 KB"),
    ],
)
def test_what_is_wrong_with_rules_is_said_before_any_of_them_counts(text: str, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [("abc", 3), ("a{10}", 10), ("(ab){10}", 30), ("((a{3}b){4}){5}", 105), (r"\d{3}[a-z]{2,4}x*", 8), ("[]{9}]", 1)],
)
def test_the_size_of_a_pattern_counts_its_repetitions(pattern: str, steps: int) -> None:
    assert steps_of(pattern) == steps


def test_without_rules_nothing_but_new_columns_is_different() -> None:
    line = {**REQUEST, "tenant": "acme"}
    assert read("", "requests", line) == rows(taken(payload(line), rules=Rules("1", "r", hash_key=b"test")), "requests")
    assert RULES.meaning is None


def test_the_example_of_the_documentation_can_be_used() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    written = parse(page.split("```toml\n")[1].split("```")[0])
    assert {name.partition(":")[0] for name in written.rules()} == {
        *("tenant", "user", "route", "feature", "version", "paths", "features", "redact", "formats"),
    }
    for table, columns in COLUMNS.items():
        told = page.split(f"`{table}` `time`" if table == "logs" else f"For `{table}` these are")[1].split(
            ";" if table != "logs" else ". Other"
        )[0]
        assert columns - {"time"} <= set(re.findall(r"`(\w+)`", told)), table


def test_a_line_of_a_file_has_no_carriage_return_whatever_reads_it() -> None:
    lines = ["ERROR|acme|no stock", "plain text", "ValueError: broken", '{"level": "INFO", "message": "json"}']
    unix, windows = (
        sorted(of_file(FILES, end.join([*lines, ""]))["logs"], key=lambda row: row["event_id"])
        for end in ("\n", "\r\n")
    )
    assert [row["source"] for row in windows] == ["own_format", "text_log", "text_log", "json_log"]
    assert windows == unix
    assert not any("\r" in str(row) for row in windows)


def test_lines_are_counted_and_named_alike_whatever_ends_them() -> None:
    for end in ("\n", "\r\n", "\r\r\n"):
        normalizer = taken(end.join(["first", "", "{", "second"]).encode())
        assert (normalizer.counts.events, normalizer.counts.stored) == (3, 3), repr(end)
        assert [row["event_id"] for row in rows(normalizer, "logs")] == ["shard:0:0", "shard:0:1", "shard:0:2"]

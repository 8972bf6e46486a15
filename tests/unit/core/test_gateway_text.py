from __future__ import annotations

import json
from random import Random

import pytest
from feeding import REQUEST, payload, read, rows, taken

TIME = "21/Sep/2026:14:10:03 +0000"
GROUP = "API-Gateway-Access-Logs_a1b2c3/prod"
XML = (
    f'<request id="{REQUEST}"> <ip>203.0.113.7</ip> <caller>-</caller> <user>jane</user> <requestTime>{TIME}'
    "</requestTime> <httpMethod>GET</httpMethod> <resourcePath>/orders/{id}</resourcePath> <status>200</status> "
    "<protocol>HTTP/1.1</protocol> <responseLength>512</responseLength> </request>"
)


@pytest.mark.parametrize(
    "line",
    [
        f'203.0.113.7 - jane [{TIME}] "GET /orders/4711 HTTP/1.1" 200 512 {REQUEST}',
        f'203.0.113.7 - jane [{TIME}]"GET /orders/{{id}} HTTP/1.1" 200 512 {REQUEST} JKJaXmPLvHcESHA=',
        f"203.0.113.7,-,jane,{TIME},GET,/orders/{{id}},HTTP/1.1,200,512,{REQUEST},JKJaXmPLvHcESHA=",
        XML,
        f"requestId: {REQUEST}, ip: 203.0.113.7, user: jane, httpMethod: GET, resourcePath: /orders/{{id}}, "
        f'status: 200, responseLength: 512, requestTime: "{TIME}"',
        f'{{"requestId": "{REQUEST}", "ip": "203.0.113.7", "user": "jane", "requestTime": "{TIME}", '
        '"httpMethod": "GET", "resourcePath": "/orders/{id}", "status": 200, "responseLength": 512, "latency": -}',
    ],
    ids=["clf", "clf without a space", "csv", "xml", "named", "json with a bare dash"],
)
def test_a_request_of_a_rest_api(line: str) -> None:
    (row,) = read("requests", line, group=GROUP)
    assert (row["method"], row["route"], row["status"]) == ("GET", "GET /orders/{id}", 200)
    assert (row["response_bytes"], row["request_id"]) == (512, REQUEST)
    assert row["time"].isoformat() == "2026-09-21T14:10:03"
    assert row["client_ip_hash"]
    assert "203.0.113.7" not in str(row)
    assert "jane" not in str(row)


@pytest.mark.parametrize(
    "line",
    [
        f'2001:db8::1 - - [{TIME}] "GET GET /pets/{{id}} HTTP/1.1" 200 - JKJaXmPLvHcESHA=',
        f"2001:db8::1,{TIME},GET,GET /pets/{{id}},HTTP/1.1,200,-,JKJaXmPLvHcESHA=",
        f'[2001:db8:0::1] - - [{TIME}] "GET /pets/17 HTTP/1.1" 200 - JKJaXmPLvHcESHA=',
    ],
)
def test_a_request_of_an_http_api(line: str) -> None:
    same = f'2001:db8::1 - - [{TIME}] "GET GET /pets/{{id}} HTTP/1.1" 200 - JKJaXmPLvHcESHA='
    row, known = read("requests", line, same, group=GROUP)
    assert (row["method"], row["route"], row["status"], row["response_bytes"]) == ("GET", "GET /pets/{id}", 200, None)
    assert row["request_id"] == "JKJaXmPLvHcESHA="
    assert row["client_ip_hash"] == known["client_ip_hash"]


def test_a_message_of_a_websocket_api() -> None:
    line = f'203.0.113.7 - - [{TIME}] "MESSAGE $default Zk3fHcESHAMCJPw=" 200 JKJaXmPLvHcESHB='
    (row,) = read("requests", line, group=GROUP)
    assert (row["method"], row["route"], row["status"]) == (None, "$default", 200)
    assert json.loads(row["line"])["connectionId"] == "Zk3fHcESHAMCJPw="


def test_a_line_of_dashes_is_a_request_with_empty_columns() -> None:
    (row,) = read("requests", f'- - - [{TIME}] "- - -" - - {REQUEST}', group=GROUP)
    assert [row[name] for name in ("method", "route", "path", "status", "response_bytes", "client_ip_hash")] == [
        None
    ] * 6
    assert row["request_id"] == REQUEST


def test_the_combined_format_has_an_agent() -> None:
    line = f'203.0.113.7 - - [{TIME}] "GET /x?key=1 HTTP/1.0" 500 23 "http://a.example/s" "Mozilla/4 \\"en\\" (X; I)"'
    (row,) = read("requests", line, group="/ecs/web")
    assert (row["user_agent"], row["path"], row["status"]) == ('Mozilla/4 "en" (X; I)', "/x", 500)


def test_fields_of_an_own_format_are_told_by_their_shape() -> None:
    (row,) = read("requests", f"{REQUEST} GET /orders/4711 502 37", group=GROUP)
    assert (row["request_id"], row["route"], row["status"]) == (REQUEST, "GET /orders/{id}", 502)
    assert row["latency_ms"] is None, "a number that no name goes with means nothing"
    assert json.loads(row["line"])["field_4"] == "37"


@pytest.mark.parametrize(
    "line",
    [
        "GET /orders took 200 ms",
        f"{REQUEST} GET something happened at /orders 200",
        "203.0.113.7 connected",
        "status: all good",
        f"[{TIME}] nightly run is done",
        '<request id="1">too short</request>',
        "- item one\n- item two",
        "{not json",
    ],
)
def test_other_lines_stay_log_lines(line: str) -> None:
    (row,) = read("logs", line, group=GROUP)
    assert row["message"] == line


def test_what_a_function_prints_is_a_request_only_in_the_common_log_format() -> None:
    own, common = f"{REQUEST} GET /orders/4711 502 37", f'127.0.0.1 - - [{TIME}] "GET /a HTTP/1.1" 200 -'
    normalizer = taken(("\n".join([own, common])).encode())
    assert len(rows(normalizer, "requests")) == 2
    assert len(read("requests", own, common, group="/aws/lambda/web")) == 1


@pytest.mark.parametrize("hostile", ["<a>" * 20_000, '"' * 60_000, "a=" * 30_000, ",-" * 30_000, "[" * 60_000])
def test_a_hostile_line_is_kept(hostile: str) -> None:
    for head in (f'1.2.3.4 - - [{TIME}] "', "1.2.3.4,", "<request ", "status=", f"{REQUEST} "):
        normalizer = taken((head + hostile).encode())
        assert normalizer.counts.events == normalizer.counts.stored > 0


def test_no_damage_makes_a_line_get_lost() -> None:
    whole = [
        f'203.0.113.7 - jane [{TIME}] "GET /orders/4711 HTTP/1.1" 200 512 {REQUEST}',
        f"203.0.113.7,-,jane,{TIME},GET,/orders/{{id}},HTTP/1.1,200,512,{REQUEST},JKJaXmPLvHcESHA=",
        XML,
        f"requestId: {REQUEST}, ip: 203.0.113.7, httpMethod: GET, resourcePath: /a, status: 200",
        'https 2026-09-21T14:10:00.1Z app/a/b [2001:db8::1]:1 - 0.1 0.1 0.1 200 - 1 2 "GET http://a/b HTTP/1.1" "a"',
        '2026-09-21T14:10:00.1Z my-elb 1.2.3.4:80 - 0.1 0.1 0.1 200 200 0 29 "GET http://a:80/ HTTP/1.1" "b" - -',
        f'{"a" * 64} uploads [{TIME}] 1.2.3.4 - 3E57 REST.GET.OBJECT k "GET /k HTTP/1.1" 404 NoSuchKey 243 - 70 10 "-"',
        "2026-09-21\t14:10:31\tLAX1\t392\t192.0.2.100\tGET\td1.cloudfront.net\t/a\t200\t-\tMozilla",
        "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1790000010 1790000070 - NODATA",
        "version account-id interface-id srcaddr dstaddr start",
        "#Fields: date time c-ip sc-status",
    ]
    random = Random(5)
    odd = ["", " ", '"', "\\", "[", "]", "-", ",", "\t", "\x00", "\ud800", "%", "9" * 400, "é", "{", ":", "<", "NaN"]

    def damaged(line: str) -> str:
        for _ in range(random.randint(1, 4)):
            start = random.randrange(len(line) + 1)
            line = line[:start] + random.choice(odd) + line[start + random.choice((0, 1, 9)) :]
        return line

    lines = [damaged(line) for _ in range(200) for line in whole]
    normalizer = taken(payload(*lines, group=GROUP))
    counts = normalizer.counts
    assert (counts.events, counts.rejected) == (len(lines), 0)
    assert sum(part.rows.num_rows for part in normalizer.flush("chunk") if part.table in ("requests", "logs")) == (
        counts.stored
    )

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from feeding import REQUEST, rows, taken
from feeding import read as read_from

from functions.core.sources import line_formats

ALB = (
    "{type} 2026-09-21T14:10:00.186641Z app/shop/50dc6c495c0c9188 {client} 10.0.0.1:80 0.001 0.035 0.001 {status} 200 "
    '34 366 "{request}" "{agent}" ECDHE TLSv1.2 arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/t/73 '
    '"Root=1-58337262-36d228ad5d99923122bbe354" "shop.example.com" "session-reused" 0 2026-09-21T14:09:59.1Z '
    '"forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90'
)
S3 = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be uploads [21/Sep/2026:14:10:38 +0000] {client} "
    "arn:aws:iam::123456789012:user/jane 3E57427F3EXAMPLE REST.GET.OBJECT photos/1.jpg "
    '"{request}" 404 NoSuchKey 243 - 70 10 "-" "{agent}" - s9lz= SigV4 ECDHE AuthHeader uploads.s3.amazonaws.com '
    "TLSv1.2 - -"
)
FIELDS = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent) time-taken"
EDGE = "2026-09-21\t14:10:31\tLAX1\t392\t192.0.2.100\tGET\td1.cloudfront.net\t/a%20b/7\t200\tMozilla/5.0%20(X)\t0.25"
FLOW = "2 123456789010 eni-1235b8ca123456789 {source} 172.31.16.21 20641 22 6 20 4249 1790000010 1790000070 {end}"


def alb(**values: Any) -> str:
    given = {
        "type": "https",
        "client": "203.0.113.9:2817",
        "status": "502",
        "request": "GET https://shop.example.com:443/orders/4711?token=abc HTTP/1.1",
        "agent": "curl/7.46.0",
    }
    return ALB.format(**{**given, **values})


def s3(**values: Any) -> str:
    given = {"client": "192.0.2.3", "request": "GET /uploads/photos/1.jpg HTTP/1.1", "agent": "S3Console/0.4"}
    return S3.format(**{**given, **values})


def read(table: str, *lines: str) -> list[dict[str, Any]]:
    return read_from(table, *lines, group="/aws/vendedlogs/all")


def lines_of_a_file(*lines: str, table: str) -> list[dict[str, Any]]:
    normalizer = taken("\n".join(lines).encode())
    assert not normalizer.rejected
    return rows(normalizer, table)


def test_a_request_to_an_application_load_balancer() -> None:
    (row,) = read("requests", alb())
    assert (row["service"], row["method"], row["route"], row["path"]) == (
        "shop",
        "GET",
        "GET /orders/{id}",
        "/orders/4711",
    )
    assert (row["status"], row["latency_ms"], row["request_bytes"], row["response_bytes"]) == (502, 37.0, 34, 366)
    assert (row["user_agent"], row["trace_id"]) == ("curl/7.46.0", "5833726236d228ad5d99923122bbe354")
    assert row["time"].isoformat() == "2026-09-21T14:10:00.186000"
    assert json.loads(row["line"])["conn_trace_id"] == "TID_1234abcd5678ef90"


def test_neither_address_nor_token_is_kept() -> None:
    assert "203.0.113.9" not in str(read("requests", alb()))
    assert "token=abc" not in str(read("requests", alb()))
    assert "192.0.2.3" not in str(read("requests", s3()))
    assert "jane" not in str(read("requests", s3()))


@pytest.mark.parametrize(
    "client",
    ["2001:db8::1", "[2001:db8::1]:443", "[2001:db8::1]", "2001:0db8:0000:0000:0000:0000:0000:0001:443", "2001:DB8::1"],
)
def test_an_ipv6_client_is_one_client_however_it_is_written(client: str) -> None:
    first, second = read("requests", alb(client="[2001:db8:0::1]:1"), alb(client=client))
    assert first["client_ip_hash"] == second["client_ip_hash"] is not None
    (row,) = read("requests", s3(client=client))
    assert row["client_ip_hash"] == first["client_ip_hash"]


def test_a_quoted_field_may_have_escaped_quotes() -> None:
    (row,) = read("requests", alb(agent=r"Mozilla \"5.0\" \\ (X11)"))
    assert row["user_agent"] == r'Mozilla "5.0" \ (X11)'
    assert row["trace_id"]


def test_no_answer_of_a_target_is_no_latency() -> None:
    line = alb().replace("0.001 0.035 0.001", "0.001 -1 -1")
    assert read("requests", line)[0]["latency_ms"] is None


@pytest.mark.parametrize("request_", ["-", "- - -", "- http://10.0.0.1:80- -", "GET", "GET  HTTP/1.1", "GET http://["])
def test_a_broken_request_has_no_path(request_: str) -> None:
    (row,) = read("requests", alb(request=request_))
    assert row["path"] in (None, "/")
    assert row["status"] == 502


def test_a_field_without_value_leaves_its_column_empty() -> None:
    nothing = "http 2026-09-21T14:10:00.186641Z app/shop/50dc6c495c0c9188 " + "- " * 26
    (row,) = read("requests", nothing)
    empty = ("method", "path", "status", "latency_ms", "request_bytes", "user_agent", "client_ip_hash", "trace_id")
    assert all(row[name] is None for name in empty)


def test_a_type_that_is_not_known_stays_a_line_of_text() -> None:
    line = alb(type="gopher", request="GET / HTTP/1.1")
    (row,) = read("logs", line)
    assert row["message"] == line


def test_fields_that_aws_adds_later_are_kept() -> None:
    (row,) = read("requests", alb() + ' a b c d "e f"')
    assert json.loads(row["line"])["more"] == ["d", "e f"]


def test_an_object_of_s3_is_asked_for() -> None:
    (row,) = read("requests", s3())
    assert (row["service"], row["route"], row["path"]) == ("uploads", "REST.GET.OBJECT", "/uploads/photos/1.jpg")
    assert (row["status"], row["error_message"], row["latency_ms"]) == (404, "NoSuchKey", 70.0)


def test_the_header_decides_the_columns_of_cloudfront() -> None:
    other = "sc-status time-taken date time c-ip cs-method cs-uri-stem"
    first, second = lines_of_a_file(
        "#Version: 1.0",
        f"#Fields: {FIELDS}",
        EDGE,
        f"#Fields: {other}",
        "503\t1.5\t2026-09-21\t14:10:31\t2001:db8::1\tPOST\t/x",
        table="requests",
    )
    assert (first["status"], first["latency_ms"], first["response_bytes"], first["user_agent"]) == (
        200,
        250.0,
        392,
        "Mozilla/5.0 (X)",
    )
    assert first["path"] == "/a%20b/7"
    assert (second["status"], second["latency_ms"], second["method"]) == (503, 1500.0, "POST")


def test_header_lines_are_accounted_for_as_folded() -> None:
    normalizer = taken("\n".join(["#Version: 1.0", f"#Fields: {FIELDS}", EDGE]).encode())
    assert (normalizer.counts.events, normalizer.counts.folded, normalizer.counts.stored) == (3, 2, 1)


def test_a_flow_is_a_log_row_with_its_fields() -> None:
    (row,) = read("logs", FLOW.format(source="172.31.16.139", end="REJECT OK"))
    line = json.loads(row["line"])
    assert (row["message"], line["dstport"], line["interface-id"]) == ("REJECT", "22", "eni-1235b8ca123456789")
    assert row["time"].isoformat() == "2026-09-21T14:13:30"
    assert line["srcaddr"].startswith("~")
    assert "172.31.16.139" not in str(row)


@pytest.mark.parametrize("status", ["NODATA", "SKIPDATA"])
def test_a_flow_without_data_says_so(status: str) -> None:
    (row,) = read("logs", f"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1790000010 1790000070 - {status}")
    assert row["message"] == status
    assert json.loads(row["line"])["srcaddr"] == "-"


def test_a_header_in_the_middle_of_a_flow_log_renames_what_follows() -> None:
    found = lines_of_a_file(
        FLOW.format(source="10.0.0.1", end="ACCEPT OK"),
        "srcaddr dstaddr bytes pkt-srcaddr action start",
        "10.0.0.1 10.0.0.2 840 2001:db8::1 ACCEPT 1790000010",
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
        "log-status",
        FLOW.format(source="10.0.0.1", end="REJECT OK"),
        table="logs",
    )
    assert [(row["message"], json.loads(row["line"])["bytes"]) for row in found] == [
        ("ACCEPT", "4249"),
        ("ACCEPT", "840"),
        ("REJECT", "4249"),
    ]
    assert "2001:db8" not in str(found)


def test_prose_with_the_name_of_a_field_is_no_header() -> None:
    found = read("logs", "the interface-id srcaddr is missing", "2 apples")
    assert [row["message"] for row in found] == ["the interface-id srcaddr is missing", "2 apples"]


def test_a_line_longer_than_any_of_aws_stays_text() -> None:
    (row,) = read("logs", alb(agent="x" * line_formats.LONGEST_LINE))
    assert row["line"] is None


def test_a_request_to_an_own_bucket_is_refused() -> None:
    normalizer = taken(s3().replace(" uploads [", " tracelake-main-data-lake [").encode())
    assert normalizer.counts.loops == normalizer.counts.rejected == 1


def test_a_request_by_a_role_of_its_own_is_refused() -> None:
    role = "arn:aws:sts::123456789012:assumed-role/tracelake-main-ingest-ReadLogFilesRole/tracelake-main-read-log-files"
    normalizer = taken(s3().replace("arn:aws:iam::123456789012:user/jane", role).encode())
    assert normalizer.counts.loops == normalizer.counts.rejected == 1


@pytest.mark.parametrize("hostile", ['"' * 60_000, '"\\' * 30_000, "[ " * 30_000, '"\\" ' * 15_000, "- " * 30_000])
def test_a_hostile_line_has_no_more_fields_than_others(hostile: str) -> None:
    assert len(line_formats.tokens(hostile)) <= line_formats.MOST_FIELDS
    read("requests", "http 2026-09-21T14:10:00.186641Z app/a/b " + hostile)


def test_a_member_that_no_format_has_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="colour"):
        line_formats.load("[a]\ndoc=''\nhead=''\nfields=''\nleast=1\ncolour='red'")


@pytest.mark.parametrize(("name", "format"), line_formats.FORMATS.items())
def test_every_column_is_filled_by_a_field_that_there_is(name: str, format: line_formats.Format) -> None:
    named = {
        "time",
        "service",
        "client",
        "caller",
        "request",
        "method",
        "url",
        "route",
        "status",
        "latency_ms",
        "user_agent",
    }
    named |= {"request_bytes", "response_bytes", "request_id", "trace_id", "error_message", "message"}
    used = {field for column in named for field in getattr(format, column).split()}
    used |= {*format.encoded, *format.seconds}
    assert used <= set(format.fields.split()), name


def test_a_beginning_like_that_of_a_format_is_not_enough() -> None:
    found = read("logs", f"{REQUEST} done", "https://example.com/a is up", "tls handshake failed")
    assert len(found) == 3

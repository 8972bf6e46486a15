from __future__ import annotations

import json
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from feeding import payload, read, read_span, rows, taken
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.redaction import Redactor
from functions.core.secret_rules import CHECKED

SECRETS = {
    "access key": "AKIAIOSFODNN7EXAMPLE",
    "temporary key": "ASIAIOSFODNN7EXAMPLE",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "bearer": "Authorization: Bearer c2VjcmV0LXRva2Vu",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "cut off private key": "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA",
    "assignment": "password=hunter2hunter2",
    "aws secret": "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "json": '{"db": {"password": "hunter2hunter2"}}',
    "json in a string": '{\\"apiKey\\":\\"hunter2hunter2\\"}',
    "e-mail": "bob.smith@mail.example.com",
    "url": "postgres://admin:hunter2hunter2@db/prod",
    "github": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
}
HIDDEN = ("IOSFODNN7", "dozjgNryP4", "c2VjcmV0", "MIIEpA", "hunter2", "wJalrXU", "bob.smith", "abcdefghijkl")


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_written_nowhere(secret: str) -> None:
    written = [
        *read("logs", f"before {secret} after"),
        *read(
            "logs",
            {"level": "ERROR", "message": f"before {secret} after", "note": f"x {secret}", "deep": {"a": [secret]}},
        ),
        read_span(name=secret, attributes={"note": secret}, status={"code": "ERROR", "message": secret}),
        read_span(resource={"attributes": {"note": secret}}),
    ]
    for hidden in HIDDEN:
        assert hidden not in json.dumps(written, default=str)
    assert "before" in written[0]["message"]
    assert "after" in written[0]["message"] or "PRIVATE" in secret


@pytest.mark.parametrize(
    "name", ["password", "db_password", "clientSecret", "x-api-key", "Authorization", "accessToken", "cookie"]
)
def test_the_value_of_a_field_with_a_secret_name_is_not_written(name: str) -> None:
    (row,) = read("logs", {"message": "m", name: {"a": "1"}})
    assert json.loads(row["line"]) == {"message": "m", name: "[redacted]"}
    header = f"http.request.header.{name}"
    assert json.loads(read_span(attributes={header: ["v"]})["span_attributes"]) == {header: "[redacted]"}


def test_a_secret_or_an_identity_is_found_at_any_depth_and_however_it_is_escaped() -> None:
    deep = {"a": [{"b": {"password": ["hunter2"], "user_id": 7, "kept": "x"}}]}
    (row,) = read("logs", {"message": "m", "deep": deep})
    assert json.loads(row["line"])["deep"]["a"][0]["b"] == {
        "password": "[redacted]",
        "user_id": "~" + Redactor(b"test").hashed("7"),
        "kept": "x",
    }
    (row,) = read("logs", '{"message": "m", "p\\u0061ssword": "hunter2", "mail": "bob\\u0040example.com"}')
    assert json.loads(row["line"]) == {"message": "m", "password": "[redacted]", "mail": "[redacted email]"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("paid with 4111 1111 1111 1111.", "paid with [redacted card]."),
        ("paid with 378282246310005", "paid with [redacted card]"),
        ("order 4111111111111112 of 1790000000000", "order 4111111111111112 of 1790000000000"),
        ("4093609e-a79c-4011-4093-609377352809", "4093609e-a79c-4011-4093-609377352809"),
        ("trace 41111111111111110000aaaa", "trace 41111111111111110000aaaa"),
        ("from 10.0.0.7, version 1.2.3.400", "from 10.0.0.7, version 1.2.3.400"),
        (
            "at 20/Nov/2026:11:02:03, Chrome/120.0.0.0, std::string",
            "at 20/Nov/2026:11:02:03, Chrome/120.0.0.0, std::string",
        ),
    ],
)
def test_only_a_number_with_a_valid_checksum_is_a_card_and_only_a_public_address_names_a_person(
    text: str, shown: str
) -> None:
    json_line, plain = read("logs", text, {"message": text})
    assert plain["message"] == json_line["message"] == shown
    assert json.loads(json_line["line"])["message"] == shown


def test_every_address_but_those_of_10_and_127_is_looked_at() -> None:
    hint = next(rule.hint for rule in CHECKED if rule.name == "IPv4 address")
    texts = [f"from {first}.0.1.2 on" for first in range(256)]
    found = pc.match_substring_regex(pa.array(texts), hint).to_pylist()
    assert [first for first, looked_at in enumerate(found) if not looked_at] == [10, 127]


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "2606:2800::1:1893"])
def test_a_public_address_in_a_text_is_a_keyed_hash(address: str) -> None:
    json_line, plain = read("logs", f"GET from [{address}] ok", {"message": "m", "peer": {"at": [address]}})
    hashed = "~" + Redactor(b"test").hashed(address)
    assert plain["message"] == f"GET from [{hashed}] ok"
    assert json.loads(json_line["line"])["peer"] == {"at": [hashed]}


@pytest.mark.parametrize("text", ["93.184.216.34", "4111111111111111", "2606:2800::1:1893"])
def test_what_is_private_is_found_wherever_the_lines_beside_it_end_and_begin(text: str) -> None:
    assert text not in str(read("logs", "took 5 ms", text, "5 more"))


def test_an_identity_is_hashed_once_whatever_else_is_hidden_in_the_line() -> None:
    (row,) = read("logs", {"message": "mail to bob@example.com", "user_id": "u1"})
    assert json.loads(row["line"])["user_id"] == "~" + Redactor(b"test").hashed("u1")


def test_changed_values_are_counted() -> None:
    normalizer = taken(payload("mail to bob@example.com", "nothing", {"message": "m", "ip": "x", "password": "p"}))
    normalizer.flush("c")
    assert normalizer.counts.redacted == 2


TO_THE_LETTER = [
    '{"message":"m",  "n": 1.50, "deep": {"a": [1, {"b": null}]}}',
    r'{"message": "caf\u00e9 \/ \ud83d\ude00 \u003cb\u003e",  "n": 1.50}',
    '{"message": "caf\u00e9 a@b", "n": 1e2, "tokens": [ ]}',
    '{"message": "a@b \u2028 \u0085 c",  "password": "[redacted]"}',
]


@pytest.mark.parametrize("line", TO_THE_LETTER)
def test_a_line_without_anything_to_hide_stays_to_the_letter(line: str) -> None:
    (row,) = read("logs", line)
    assert row["line"] == line


def test_a_line_in_which_something_is_hidden_is_compact_json_of_the_same_content_and_those_beside_it_stay() -> None:
    kept = {"message": "m \u2028 \u0085 é", "big": 2**70, "n": -1.5, "deep": [{"a": [True, None, {}]}]}
    hidden = [json.dumps({**kept, "mail": "bob@example.com", "password": name}) for name in "abc"]
    found = [row["line"] for row in read("logs", *hidden, *TO_THE_LETTER)]
    shown = {**kept, "mail": "[redacted email]", "password": "[redacted]"}
    assert found == [json.dumps(shown, ensure_ascii=False, separators=(",", ":"))] * 3 + TO_THE_LETTER


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "m", "mail": "bob@example.com", "mail": "-"}',
        '{"message": "m", "password": "bob", "password": "[redacted]"}',
        '{"message": "m", "deep": [{"user_id": "bob", "user_id": ""}]}',
        r'{"message": "m", "password": "bob", "password": "", "note": "a\u003Ab"}',
        '{"message": "m", "a": {"password": "bob"}, "a": {}}',
    ],
)
def test_what_a_member_of_the_same_name_said_before_is_not_written_either(line: str) -> None:
    (row,) = read("logs", line)
    assert "bob" not in row["line"]


def test_a_card_that_is_written_as_a_number_is_hidden() -> None:
    (row,) = read("logs", {"message": "m", "paid": [{"card": 4111111111111111, "order": 4111111111111112}]})
    assert json.loads(row["line"])["paid"] == [{"card": "[redacted card]", "order": 4111111111111112}]


def test_what_is_no_json_is_redacted_as_a_text_whatever_stands_beside_it() -> None:
    written = [
        '{"a": "x@example.com"',
        '"b": 1}',
        '{"password": "p"}',
        '"x@example.com"',
        "[" * 100_000 + "x@example.com",
    ]
    shown = Redactor(b"").json(pa.array(written)).to_pylist()
    assert shown[:4] == ['{"a": "[redacted email]"', '"b": 1}', '{"password":"[redacted]"}', '"[redacted email]"']
    assert shown[4] == "[" * 100_000 + "[redacted email]"


@pytest.mark.parametrize("name", ["tokens_used", "passwordless", "keyboard", "secretary", "max_tokens"])
def test_a_name_that_only_resembles_a_secret_keeps_its_value(name: str) -> None:
    (row,) = read("logs", {"message": f"{name}: 7", name: "7"})
    assert (row["message"], json.loads(row["line"])[name]) == (f"{name}: 7", "7")


@pytest.mark.parametrize(
    "name", ["client.address", "clientIp", "sourceIp", "user.id", "enduser.id", "user_id", "http.client_ip"]
)
def test_addresses_and_users_are_keyed_hashes(name: str) -> None:
    spans = [read_span(attributes={name: "203.0.113.7"}) for _ in range(2)]
    first, same = (json.loads(row["span_attributes"])[name] for row in spans)
    assert first == same
    assert first == "~" + Redactor(b"test").hashed("203.0.113.7")
    assert Redactor(b"another key").hashed("203.0.113.7") not in first


PIECES = [
    *SECRETS.values(),
    "'",
    '"',
    "\\",
    "password=",
    "token: ",
    "://a:b",
    "@c.de",
    "secret",
    "user_id",
    "a b",
    "é",
    "{",
    "]",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
VALUES = st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, VALUES), st.sampled_from([True, False]))
def test_a_line_is_json_of_the_same_form_whatever_was_hidden_in_it(fields: dict[str, object], escaped: bool) -> None:
    line = {"message": "m", "rest": fields}
    (row,) = read("logs", json.dumps(line, ensure_ascii=escaped))
    shown = json.loads(row["line"])
    assert len(shown) == 2
    assert len(shown["rest"]) <= len(fields), "two names may become the same, but nothing is made up"


def test_neighbours_of_a_secret_are_left_as_they_are() -> None:
    found = read("logs", *["harmless"] * 3, "mail to bob@example.com", "also harmless")
    assert [row["message"] for row in found] == ["harmless"] * 3 + ["mail to [redacted email]", "also harmless"]


def test_text_made_to_be_slow_is_not() -> None:
    texts = pa.array(["a@" * 50_000, "password" * 20_000, "eyJ" * 50_000, '{"key":"' + "\\" * 100_000])
    started = time.process_time()
    Redactor(b"").text(texts)
    assert time.process_time() - started < 30, "far from it: milliseconds here, years for a backtracking matcher"


def test_a_dead_letter_keeps_the_event_as_it_came() -> None:
    normalizer = taken(payload({"traceId": "x", "spanId": "password=hunter2", "startTimeUnixNano": 1}))
    assert rows(normalizer, "logs") == []
    assert len(normalizer.rejected) == 1

from __future__ import annotations

import json

import pytest
from feeding import REQUEST, read

from functions.core.fingerprint import normalised

POWERTOOLS = {
    "level": "INFO",
    "location": "collect.handler:10",
    "message": "Collecting payment",
    "timestamp": "2021-05-03 11:47:12,494+0000",
    "service": "payment",
    "cold_start": True,
    "function_name": "test",
    "function_request_id": REQUEST,
    "xray_trace_id": "1-66828c55-2bb635c65eb609c820ebe7bc",
    "tenant_id": "acme",
    "order": {"items": [1, 2]},
}


def test_a_powertools_line_fills_the_columns_and_is_kept_as_it_is() -> None:
    (row,) = read("logs", POWERTOOLS)
    assert (row["level"], row["message"], row["service"]) == ("INFO", "Collecting payment", "payment")
    assert (row["request_id"], row["tenant"]) == (REQUEST, "acme")
    assert row["trace_id"] == "66828c552bb635c65eb609c820ebe7bc"
    assert json.loads(row["line"]) == POWERTOOLS


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ({"level": "warning", "message": "m"}, "WARN"),
        ({"level": 50, "msg": "m"}, "ERROR"),
        ({"severity": "CRITICAL", "message": "m"}, "FATAL"),
        ({"level": "whatever", "message": "m"}, None),
        ({"level": {"odd": 1}, "message": "m"}, None),
        (f"2020-03-05T16:30:36.113Z\t{REQUEST}\tDEBUG\tm\n", "DEBUG"),
        (f"[WARNING]\t2020-03-05T16:30:36.113Z\t{REQUEST}\tm\n", "WARN"),
        ("2020-03-05 16:30:36 ERROR c.e.App - m", "ERROR"),
        ("no level at all", None),
    ],
)
def test_levels_of_all_libraries_become_six_names(line: object, level: str | None) -> None:
    (row,) = read("logs", line)
    assert row["level"] == level


@pytest.mark.parametrize(
    "line",
    [
        f"2020-03-05T16:30:36.113Z\t{REQUEST}\tINFO\thello\n",
        f"[INFO]\t2020-03-05T16:30:36.113Z\t{REQUEST}\thello\n",
        f"2020-03-05T16:30:36.113Z {REQUEST} Task timed out after 3.00 seconds",
        {"requestId": REQUEST, "message": "hello"},
    ],
)
def test_the_request_id_of_a_line_is_found(line: object) -> None:
    (row,) = read("logs", line)
    assert row["request_id"] == REQUEST


def test_an_unnamed_service_is_the_function_of_the_log_group() -> None:
    first, second = read("logs", {"service": "service_undefined", "message": "m"}, "plain")
    assert (first["service"], second["service"]) == ("checkout", "checkout")


def test_a_trace_id_that_is_none_stays_in_the_line_alone() -> None:
    line = {"message": "m", "trace_id": "3172564172058669914", "span_id": 7}
    (row,) = read("logs", line)
    assert (row["trace_id"], row["span_id"]) == (None, None)
    assert json.loads(row["line"]) == line


@pytest.mark.parametrize(
    "line",
    [
        {
            "level": "ERROR",
            "message": "failed",
            "exception_name": "HTTPError",
            "exception": "Traceback (most recent call last):\n",
        },
        {
            "level": "ERROR",
            "message": "failed",
            "error": {"name": "HTTPError", "message": "500", "stack": "HTTPError: 500\n at f (a.js:1)"},
        },
        {"errorType": "HTTPError", "errorMessage": "500", "stackTrace": ['  File "a.py", line 1, in f\n']},
        {
            "level": "ERROR",
            "message": 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nHTTPError: 500',
            "exception": 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nHTTPError: 500',
        },
        '[ERROR] HTTPError: 500\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n    raise HTTPError',
    ],
)
def test_an_error_has_its_class_and_a_fingerprint(line: object) -> None:
    (row,) = read("logs", line)
    assert row["error_type"] == "HTTPError"
    assert len(row["fingerprint"]) == 16
    assert row["level"] == "ERROR"


def test_errors_of_one_cause_have_one_fingerprint_and_of_another_cause_another() -> None:
    first, same, other = read(
        "logs",
        {"level": "ERROR", "message": f'order 4711 of "bob" ({REQUEST}) not in /var/data/7/orders.db'},
        {"level": "ERROR", "message": f'order 12 of "eve" ({REQUEST.replace("8", "9")}) not in /var/data/9/x.db'},
        {"level": "ERROR", "message": "payment 12 refused"},
    )
    assert first["fingerprint"] == same["fingerprint"] != other["fingerprint"]


def test_a_message_is_normalised_to_what_does_not_vary() -> None:
    assert normalised("GET https://a.b/c took 12.5 ms, id 0xdeadbeef") == "GET <url> took <number> ms, id <id>"


@pytest.mark.parametrize(
    "line", ["[1, 2, 3]", '"text"', "{broken", "", "{}", "[" * 2000, "{" * 2000, '{"a": ' * 100 + "1" + "}" * 100]
)
def test_whatever_is_no_known_format_is_a_logs_row_with_the_line(line: str) -> None:
    (row,) = read("logs", line)
    assert row["message"] == (None if line == "{}" else line)

from __future__ import annotations

import json

import pytest
from feeding import REPORT, REQUEST, payload, read, rows, taken

TIME = "2026-09-21T14:13:20.113Z"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        # Lambda's own prefixes
        (f"{TIME}\t{REQUEST}\tINFO\tno ERROR found", "INFO"),
        (f"{TIME}\tundefined\tWARN\tm", "WARN"),
        (f"{TIME}\t{REQUEST}\tfail\tm", "ERROR"),
        (f"{TIME}\t{REQUEST}\tcrit\tm", "FATAL"),
        (f"[ERROR]\t{TIME}\t{REQUEST}\tm", "ERROR"),
        # Python
        ("ERROR:root:m", "ERROR"),
        ("2026-01-01 00:00:00,123 - shop.orders - WARNING - ERROR budget", "WARN"),
        ("2026-01-01 00:00:00.000 | CRITICAL | __main__:f:3 - m", "FATAL"),
        # Java
        (f"2026-01-01 00:00:00 {REQUEST} ERROR Handler:12 - m", "ERROR"),
        ("12:00:00.000 [main] WARN  com.shop.App - m", "WARN"),
        ("2026-01-01T00:00:00.000Z  INFO 8 --- [main] com.shop.App : ERROR in the name", "INFO"),
        ("Jan 01, 2026 12:00:00 AM com.shop.App run\nSEVERE: m", "ERROR"),
        # Go
        ('time=2026-01-01T00:00:00Z level=ERROR msg="m"', "ERROR"),
        ("2026/01/01 00:00:00 WARN m key=value", "WARN"),
        ('2026-01-01T00:00:00.000Z\terror\tpkg/a.go:12\tm\t{"k":1}', "ERROR"),
        ("2026-01-01T00:00:00Z ERR m error=x", "ERROR"),
        ("3:04PM WRN m", "WARN"),
        ("E0101 00:00:00.000000       1 file.go:12] m", "ERROR"),
        # Ruby
        ("E, [2026-01-01T00:00:00.000000 #8] ERROR -- : m", "ERROR"),
        (f"I, [2026-01-01T00:00:00.000000 #8]  INFO {REQUEST} -- : m", "INFO"),
        # Rust
        ("2026-01-01T00:00:00.000000Z ERROR shop: m k=1", "ERROR"),
        ("\x1b[2m2026-01-01T00:00:00.000000Z\x1b[0m \x1b[33m WARN\x1b[0m \x1b[2mshop\x1b[0m: m", "WARN"),
        # .NET, nginx, any
        ("fail: Shop.Orders[0]\n      m", "ERROR"),
        ("2026/01/01 00:00:00 [error] 7#7: *1 open() failed", "ERROR"),
        ("[main] DEBUG Foo - m", "DEBUG"),
        ("Error: connect ECONNREFUSED", "ERROR"),
        ("java.lang.IllegalStateException: m", "ERROR"),
        # a level within a sentence is none
        ("no ERROR found", None),
        ("found 3 ERROR lines, all INFO", None),
        ("error handling is good", None),
        ("INFORMATION-desk is open", None),
        ("ERRORS were found", None),
        ("the Error: is here", None),
        ("checked 12 files, 0 errors", None),
    ],
)
def test_a_level_is_found_where_loggers_write_it_and_nowhere_else(line: str, level: str | None) -> None:
    (row,) = read("logs", line)
    assert (row["level"], row["message"]) == (level, line)


@pytest.mark.parametrize(
    "line",
    [
        f"2026-01-01 00:00:00 {REQUEST} ERROR Handler:12 - m",
        f"I, [2026-01-01T00:00:00.000000 #8]  INFO {REQUEST} -- : m",
        f'time=2026-01-01T00:00:00Z level=INFO msg="m" requestId={REQUEST}',
        f'2026-01-01T00:00:00Z INFO Lambda runtime invoke{{requestId="{REQUEST}"}}: shop: m',
        f"[INFO] AWSRequestId: {REQUEST} m",
    ],
)
def test_the_request_id_is_found_in_text_of_every_logger(line: str) -> None:
    (row,) = read("logs", line)
    assert row["request_id"] == REQUEST


def test_an_id_within_a_sentence_is_no_request_id() -> None:
    (row,) = read("logs", f"INFO order {REQUEST} was sent")
    assert row["request_id"] is None


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ({"Level": "Warning", "Message": "m", "Service": "s", "FunctionRequestId": REQUEST}, "WARN", "m"),
        ({"level": "Information", "message": "m", "service": "s", "function_request_id": REQUEST}, "INFO", "m"),
        ({"@l": "Error", "@m": "m", "service": "s", "requestId": REQUEST}, "ERROR", "m"),
        ({"time": TIME, "level": "ERROR", "msg": "m", "service": "s", "requestId": REQUEST}, "ERROR", "m"),
        ({"level": "dpanic", "ts": 1.7e9, "msg": "m", "service": "s", "request_id": REQUEST}, "FATAL", "m"),
        (
            {"level": "INFO", "fields": {"message": "m"}, "span": {"requestId": REQUEST, "name": "i"}, "service": "s"},
            "INFO",
            "m",
        ),
        ({"log.level": "warn", "message": "m", "service.name": "s", "faas.invocation_id": REQUEST}, "WARN", "m"),
    ],
    ids=["powertools .NET, Pascal case", "powertools .NET", "serilog", "slog", "zap", "tracing", "ECS"],
)
def test_json_of_every_library_has_its_level_message_service_and_request(
    line: dict[str, object], level: str, message: str
) -> None:
    (row,) = read("logs", line)
    assert (row["level"], row["message"], row["service"], row["request_id"]) == (level, message, "s", REQUEST)


@pytest.mark.parametrize(
    "line",
    [
        {
            "timestamp": TIME,
            "level": "ERROR",
            "requestId": REQUEST,
            "message": {"errorType": "OrderError", "errorMessage": "m", "stackTrace": ["    at charge (/a/b.js:1:2)"]},
        },
        {"level": "ERROR", "message": "m", "error": {"name": "OrderError", "message": "m", "stack": "OrderError: m"}},
        {"level": "Error", "message": "m", "exception": {"type": "OrderError", "message": "m", "stack_trace": "x"}},
        {
            "errorMessage": "m",
            "errorType": "OrderError",
            "stackTrace": [{"path": "a.go", "line": 1, "label": "main.f"}],
        },
        {"errorMessage": "m", "errorType": "OrderError", "stackTrace": ["/var/task/app.rb:3:in 'charge'"]},
        f'{TIME}\t{REQUEST}\tERROR\tInvoke Error \t{{"errorType":"OrderError","errorMessage":"m","stack":["E: m"]}}',
    ],
)
def test_an_error_of_every_runtime_has_its_class(line: object) -> None:
    (row,) = read("logs", line)
    assert (row["level"], row["error_type"]) == ("ERROR", "OrderError")
    assert row["fingerprint"]


def test_an_error_has_the_same_fingerprint_as_text_and_as_json() -> None:
    trace = "OrderError: no stock\n    at charge (/var/task/orders.js:3:9)\n    at handler (/var/task/index.js:1:2)"
    text, json_line = read(
        "logs",
        f"{TIME}\t{REQUEST}\tERROR\t{trace}",
        {"level": "ERROR", "message": "failed", "error": {"name": "OrderError", "message": "no stock", "stack": trace}},
    )
    assert text["fingerprint"] == json_line["fingerprint"]


def test_messages_in_logfmt_are_told_apart_though_they_are_quoted() -> None:
    first, same, other = read(
        "logs",
        'time=2026-01-01T00:00:00Z level=ERROR msg="payment 12 refused"',
        'time=2026-01-01T00:00:09Z level=ERROR msg="payment 13 refused"',
        'time=2026-01-01T00:00:00Z level=ERROR msg="no stock"',
    )
    assert first["fingerprint"] == same["fingerprint"] != other["fingerprint"]


def test_json_behind_the_prefix_of_node_is_read_as_json() -> None:
    (row,) = read("logs", f'{TIME}\t{REQUEST}\tWARN\t{{"message": "m", "tenant_id": "acme"}}')
    assert (row["level"], row["message"], row["tenant"], row["request_id"]) == ("WARN", "m", "acme", REQUEST)
    (own,) = read("logs", f'{TIME}\t{REQUEST}\tINFO\t{{"level": "error", "msg": "m"}}')
    assert own["level"] == "ERROR"


def test_metrics_behind_the_prefix_of_node_are_metrics() -> None:
    emf = '{"_aws": {"CloudWatchMetrics": [{"Namespace": "a", "Metrics": [{"Name": "x"}]}]}, "x": 1}'
    (row,) = read("metrics", f"{TIME}\t{REQUEST}\tINFO\t{emf}")
    assert (row["name"], row["value"]) == ("x", 1.0)


JAVA = (
    'Exception in thread "main" com.shop.OrderError: no stock',
    "\tat com.shop.Orders.charge(Orders.java:12)",
    "\tat com.shop.App.run(App.java:7)",
    "Caused by: java.net.SocketException: reset",
    "\tat java.base/java.net.Socket.connect(Socket.java:1)",
    "\t... 2 more",
)
PYTHON = (
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 3, in handler',
    "    charge(order)",
    "ValueError: no stock",
)
GO = (
    "panic: no stock",
    "",
    "goroutine 1 [running]:",
    "main.charge(0xc000012345)",
    "\t/app/main.go:7 +0x1d",
    "exit status 2",
)
RUST = ("thread 'main' panicked at src/main.rs:2:5:", "no stock", "note: run with `RUST_BACKTRACE=1`")
DOTNET = (
    "Unhandled exception. Shop.OrderError: no stock",
    "   at Shop.Orders.Charge(Order o) in /src/Orders.cs:line 3",
    "   --- End of inner exception stack trace ---",
)
RUBY = ("/var/task/app.rb:3:in `charge': no stock (OrderError)", "\tfrom /var/task/app.rb:9:in `handler'")
TRACES = {"java": JAVA, "python": PYTHON, "go": GO, "rust": RUST, "dotnet": DOTNET, "ruby": RUBY}


@pytest.mark.parametrize("language", TRACES)
def test_a_stack_trace_of_many_events_is_one_error_whose_message_is_all_of_it(language: str) -> None:
    lines = TRACES[language]
    first, *rest, after = read("logs", *(line + "\n" for line in lines), "INFO going on")
    assert first["level"] == "ERROR"
    assert first["message"] == "\n".join(lines)
    assert [(row["level"], row["fingerprint"], row["message"]) for row in rest] == [(None, None, x) for x in lines[1:]]
    assert (after["level"], after["message"]) == ("INFO", "INFO going on")


@pytest.mark.parametrize("language", TRACES)
def test_a_stack_trace_has_the_same_fingerprint_in_one_event_and_in_many(language: str) -> None:
    many = [row for row in read("logs", *TRACES[language]) if row["fingerprint"]]
    (one,) = read("logs", "\n".join(TRACES[language]))
    assert [row["fingerprint"] for row in many] == [one["fingerprint"]]
    assert many[0]["error_type"] == one["error_type"]


@pytest.mark.parametrize("language", TRACES)
def test_wherever_a_stack_trace_is_cut_each_line_is_a_row_of_its_own(language: str) -> None:
    lines = TRACES[language]
    for cut in range(len(lines) + 1):
        parts = payload(*lines[:cut]), payload(*lines[cut:], first_id=cut)
        normalizer = taken(*parts)
        assert normalizer.counts.stored == len(lines)
        assert [row["event_id"] for row in rows(normalizer, "logs")] == [f"e{number}" for number in range(len(lines))]


def test_a_traceback_that_is_printed_after_an_error_belongs_to_it_to_its_last_line() -> None:
    first, *rest = read("logs", "[ERROR] could not charge", *PYTHON, "INFO going on")
    assert first["message"] == "\n".join(["[ERROR] could not charge", *PYTHON])
    assert first["error_type"] == "ValueError"
    assert [row["level"] for row in rest] == [None] * len(PYTHON) + ["INFO"]


def test_the_lines_of_a_trace_have_the_request_of_its_first_line() -> None:
    first, second = read("logs", f"{TIME}\t{REQUEST}\tERROR\tOrderError: m", "    at charge (/var/task/a.js:1:2)")
    assert (first["request_id"], second["request_id"]) == (REQUEST, REQUEST)


def test_a_trace_that_does_not_end_becomes_a_bounded_message() -> None:
    first, *_ = read("logs", "panic: m", *("\tat " + "x" * 1000 for _ in range(100)))
    assert 32_000 < len(first["message"]) < 34_000


@pytest.mark.parametrize(
    ("lines", "error_type"),
    [
        (GO, "panic"),
        (RUST, "panic"),
        (
            ("no stock: com.shop.OrderError\ncom.shop.OrderError: no stock\n\tat com.shop.A.b(A.java:1)",),
            "com.shop.OrderError",
        ),
        ((f"{TIME}\t{REQUEST}\tERROR\tUncaught Exception \t" + '{"errorType":"OrderError","stack":[]}',), "OrderError"),
        ((f"{TIME}\t{REQUEST}\tERROR\tUnhandled Promise Rejection \t" + '{"errorType":"E"}',), "E"),
    ],
)
def test_a_crash_that_only_the_log_shows_ends_its_invocation(lines: tuple[str, ...], error_type: str) -> None:
    (row,) = read("invocations", f"START RequestId: {REQUEST} Version: 1", *lines, REPORT)
    assert (row["status"], row["error_type"]) == ("error", error_type)


CUT = {"level": "ERROR", "tenant_id": "acme", "requestId": REQUEST, "message": "x" * 1000, "detail": {"a": [1, 2]}}


def test_what_stands_before_the_cut_of_a_truncated_object_is_read_and_marked() -> None:
    line = json.dumps(CUT)[:-6]
    (row,) = read("logs", line)
    assert (row["level"], row["tenant"], row["request_id"], row["message"]) == ("ERROR", "acme", REQUEST, "x" * 1000)
    assert json.loads(row["line"])["_truncated"] == '"detail": {"a": [1'


def test_a_text_that_was_cut_is_kept_as_far_as_it_came() -> None:
    (row,) = read("logs", '{"level": "INFO", "message": "first\\nsecond \\u00')
    assert (row["level"], row["message"]) == ("INFO", "first\nsecond ")


def test_wherever_an_object_is_cut_nothing_of_it_is_lost_and_it_is_one_row() -> None:
    line = json.dumps({**CUT, "message": 'a "b" \\ é \n\ud83d\ude00'})
    for end in range(1, len(line)):
        (row,) = read("logs", line[:end])
        if row["line"]:
            found = json.loads(row["line"])
            assert found["level"] == "ERROR" or end < 20
            assert line[:end].endswith(found["_truncated"])
        else:
            assert row["message"] == line[:end]


def test_secrets_before_and_behind_the_cut_are_redacted() -> None:
    line = '{"password": "hunter2a", "nested": {"password": "hunter2b", "x": [1, {"api_key": "hunter2c", "y": "hun'
    (row,) = read("logs", line)
    assert "hunter2" not in json.dumps(row, default=str)


def test_what_python_prints_instead_of_json_is_read() -> None:
    event = {"level": "WARNING", "message": 'it\'s "so"', "tenant_id": "acme", "ok": True, "none": None, "n": [1.5]}
    (row,) = read("logs", repr(event))
    assert (row["level"], row["message"], row["tenant"]) == ("WARN", 'it\'s "so"', "acme")
    assert json.loads(row["line"]) == event


@pytest.mark.parametrize(
    "line",
    [
        "{'a': datetime.datetime(2026, 1, 1)}",
        "{'a': 'cut",
        "{'a'",
        "{'a': " * 5000,
        "{'a': b'x'}",
        '{"a": 1} and more',
        '{"a": }',
        '{"a"',
        '{"a": [' * 5000,
        '{"a": 1, "b": ' + "[" * 10_000,
        "{" * 10_000,
        '{"' + '\\"' * 50_000,
        "{'" + "\\'" * 50_000,
    ],
    ids=range(13),
)
@pytest.mark.timeout(20)
def test_what_is_neither_is_a_line_of_text_or_marked_and_whole(line: str) -> None:
    (row,) = read("logs", line)
    if row["line"]:
        assert line.endswith(json.loads(row["line"])["_truncated"])
    else:
        assert row["message"] == line

"""`tracelake try`: what it answers from an account's logs, how much it reads, and that it only reads."""

import json
import sys
import time

import pytest
from answering import RefusedError, answering

from cli import log_events, try_out
from cli.log_events import Limits, Pages, sample
from cli.main import main

NOW_MS = int(time.time() * 1000)
READS = {"DescribeLogGroups", "FilterLogEvents"}
MINUTE_MS = 60_000


def report(number, *, function="checkout", memory=1024, used=100, ms=100.0, init=""):
    request = f"00000000-0000-4000-8000-{number:012}"
    return (
        f"REPORT RequestId: {request}\tDuration: {ms:.2f} ms\tBilled Duration: {ms:.0f} ms\tMemory Size: {memory} MB\t"
        f"Max Memory Used: {used} MB\t{init}\n"
    )


class Account:
    """CloudWatch Logs with some groups, newest events first, in pages of ``page``; notes every operation."""

    def __init__(self, page=100, **groups):
        self.groups = {f"/aws/lambda/{name}": events for name, events in groups.items()}
        self.page = page
        self.operations = []
        self.refused = {}

    def __call__(self, operation, params):
        self.operations.append(operation)
        if operation == "DescribeLogGroups":
            prefix = params["logGroupNamePrefix"]
            return {
                "logGroups": [
                    {"logGroupName": name, "storedBytes": len(events)}
                    for name, events in self.groups.items()
                    if name.startswith(prefix)
                ]
            }
        assert operation == "FilterLogEvents", f"{operation} is no reading of logs"
        if code := self.refused.get(params["logGroupName"]):
            raise RefusedError(code)
        events = [
            {"eventId": f"e{at}-{number}", "timestamp": at, "message": message, "logStreamName": "stream"}
            for number, (at, message) in enumerate(self.groups[params["logGroupName"]])
            if params["startTime"] <= at <= params["endTime"]
        ]
        events.sort(key=lambda event: event["timestamp"], reverse=not params["startFromHead"])
        start = int(params.get("nextToken", "0"))
        more = {"nextToken": str(start + self.page)} if start + self.page < len(events) else {}
        return {"events": events[start : start + self.page], "searchedLogStreams": [], **more}

    def logs(self):
        return answering("logs", self)


@pytest.fixture
def asked(monkeypatch, capsys):
    """Runs `tracelake try` against an account; gives what it printed as JSON."""

    def ask(account, *arguments, status=0):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
        monkeypatch.setattr(log_events, "SECONDS_BETWEEN_CALLS", 0)
        for module in (try_out, sys.modules["cli.target"]):
            monkeypatch.setattr(module, "client", lambda name: {"logs": account.logs}[name]())
        assert main(["try", *arguments, "--format", "json"]) == status
        printed = capsys.readouterr()
        return json.loads(printed.out) if status == 0 else printed.err

    return ask


def minutes_ago(*lines, step=1):
    """Lines, the last of them a minute old, ``step`` minutes apart."""
    return [(NOW_MS - (len(lines) - number) * step * MINUTE_MS, line) for number, line in enumerate(lines)]


def test_it_answers_cost_memory_errors_slowness_cold_starts_and_customers(asked):
    error = {"level": "ERROR", "message": "no stock for 17", "exception_name": "OutOfStock", "tenant": "acme"}
    error["function_request_id"] = "00000000-0000-4000-8000-000000000003"
    access = {
        "requestId": "r",
        "httpMethod": "GET",
        "routeKey": "GET /",
        "path": "/",
        "status": "200",
        "tenant": "acme",
    }
    lines = [report(number, init="Init Duration: 300.00 ms\t" if number == 0 else "") for number in range(60)]
    account = Account(checkout=minutes_ago(*lines, json.dumps(error)), api=minutes_ago(json.dumps(access)))

    answers = {name: each["rows"] for name, each in asked(account, "/aws/lambda/*")["answers"].items()}

    [cost] = answers["what_do_invocations_cost"]
    assert (cost["function_name"], cost["invocations"]) == ("checkout", 60)
    # 60 in 24 hours
    assert cost["usd_a_month"] == pytest.approx(cost["cost_usd"] * 730 / 24, abs=0.01)
    [memory] = answers["which_functions_waste_memory"]
    assert (memory["memory_size_mb"], memory["enough_mb"]) == (1024, 128)
    assert [(row["error"], row["occurrences"]) for row in answers["which_errors_occur"]] == [("OutOfStock", 1)]
    assert answers["what_is_slow"][0]["name"] == "checkout"
    assert [(row["cold_starts"], row["init_p50_ms"]) for row in answers["which_functions_start_cold"]] == [(1, 300.0)]
    assert [row["customer"] for row in answers["who_produces_which_traffic"]] == ["acme"]
    costs = {row["customer"]: row["invocations"] for row in answers["what_do_customers_cost"]}
    assert costs == {"acme": 1, "(unknown)": 59}
    assert set(account.operations) == READS


def test_customers_have_the_names_of_a_file_and_a_wrong_one_is_told_before_anything_is_read(asked, tmp_path):
    access = {"requestId": "r", "httpMethod": "GET", "routeKey": "GET /", "path": "/", "status": "200"}
    account = Account(api=minutes_ago(*(json.dumps(access | {"tenant": each}) for each in ("acme", "globex"))))
    file = tmp_path / "customers.csv"

    file.write_text("tenant,name\nacme,Acme Ltd\n")
    answers = asked(account, "/aws/lambda/api", "--customers", str(file))["answers"]
    assert {row["customer"]: row["customer_name"] for row in answers["who_produces_which_traffic"]["rows"]} == {
        "acme": "Acme Ltd",
        "globex": None,
    }

    account.operations.clear()
    file.write_text("tenant,name\nacme,\n")
    assert "line 2: name is empty" in asked(account, "/aws/lambda/api", "--customers", str(file), status=1)
    assert account.operations == []


def test_a_field_that_names_the_customer_can_be_named(asked):
    access = {"requestId": "r", "httpMethod": "GET", "routeKey": "GET /", "path": "/", "status": "200", "shop": "acme"}
    account = Account(api=minutes_ago(json.dumps(access)))

    unknown = asked(account, "/aws/lambda/api")["answers"]["who_produces_which_traffic"]
    named = asked(account, "/aws/lambda/api", "--tenant-key", "shop")["answers"]["who_produces_which_traffic"]

    assert unknown["rows"] == []
    assert "--tenant-key" in unknown["note"]
    assert [row["customer"] for row in named["rows"]] == ["acme"]


def test_of_many_events_the_newest_are_read_and_the_month_is_of_the_time_they_cover():
    account = Account(checkout=minutes_ago(*map(report, range(500))))

    [part] = sample(pages(account), ["/aws/lambda/checkout"], NOW_MS - 86_400_000, NOW_MS, Limits(events=150))

    assert part.events == 200  # whole pages
    assert part.hours == pytest.approx(200 / 60, abs=0.02)
    assert part.stopped == "150 events are read"


def test_groups_are_read_in_turns_so_that_a_busy_one_leaves_room_for_the_others():
    account = Account(busy=minutes_ago(*map(report, range(900))), quiet=minutes_ago(report(1)))
    groups = list(account.groups)

    busy, quiet = sample(pages(account), groups, NOW_MS - 86_400_000, NOW_MS, Limits(pages=4))

    assert (busy.events, busy.stopped) == (300, "4 pages are read")
    assert (quiet.events, quiet.stopped, quiet.hours) == (1, "", 24)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(size=10_000), "0 MB are read"),
        (Limits(seconds=-1), "-1 seconds are over"),
        (Limits(pages=1), "1 pages are read"),
    ],
)
def test_every_limit_ends_the_reading_and_says_so(limits, reason):
    account = Account(checkout=minutes_ago(*map(report, range(500))))
    [part] = sample(pages(account), ["/aws/lambda/checkout"], NOW_MS - 86_400_000, NOW_MS, limits)
    assert part.stopped == reason
    assert part.events < 500


def test_a_group_that_cannot_be_read_is_told_and_the_others_are_answered(asked):
    account = Account(rare=[], checkout=minutes_ago(report(1)))
    account.refused["/aws/lambda/rare"] = "InvalidParameterException"

    told = asked(account, "/aws/lambda/*")

    read = {row["log_group"]: row for row in told["read"]}
    assert read["/aws/lambda/rare"]["older events unread"].startswith("InvalidParameterException")
    assert told["answers"]["what_do_invocations_cost"]["rows"]


def test_calls_keep_their_distance():
    waits = []
    account = Account(page=1, checkout=minutes_ago(*map(report, range(3))))
    reading = Pages(account.logs(), clock=lambda: 0.0, sleep=waits.append)
    assert len(list(reading.read("/aws/lambda/checkout", 0, NOW_MS, newest_first=True))) == 3
    assert waits == [0, log_events.SECONDS_BETWEEN_CALLS, log_events.SECONDS_BETWEEN_CALLS]


def test_no_group_of_that_name_is_one_line(asked):
    assert "there is no log group /aws/lambda/gone" in asked(Account(), "/aws/lambda/gone", status=1)


def test_a_log_stream_is_read_in_the_order_it_was_written_in():
    same_millisecond = [(NOW_MS, f"{word}\n") for word in ("first", "second")]
    account = Account(checkout=[(NOW_MS - 5, "before\n"), *same_millisecond])
    newest_first = account
    original = Account.__call__

    def backwards(operation, params):
        found = original(newest_first, operation, params)
        return {**found, "events": [found["events"][1], found["events"][0], found["events"][2]]}

    [part] = sample(
        Pages(answering("logs", backwards), sleep=lambda _: None), ["/aws/lambda/checkout"], 0, NOW_MS + 1, Limits()
    )
    [payload] = part.payloads()
    assert [event["message"] for event in json.loads(payload)["logEvents"]] == ["before\n", "first\n", "second\n"]


def pages(account):
    return Pages(account.logs(), sleep=lambda _: None)

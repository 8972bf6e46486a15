"""`tracelake rules` and `find-features`: what they say, what they put, and what they leave alone."""

import io
import json

import pytest
from answering import RefusedError, answering
from botocore import xform_name
from core.feeding import NOW_MS, span
from simulated.errors import ServiceError
from simulated.services import S3
from test_try import Account, minutes_ago

from cli import find_features, log_events, rules, target, try_out
from cli.errors import CommandError
from cli.main import main
from functions.aws import objects
from functions.aws.athena import Result
from functions.core.meaning.status import RULES_KEY, STATUS_KEY, Off, Status, decode, encode

RULES = 'tenant = ["customer.id"]\npaths = ["/t/{tenant}/orders/{id}"]\n[features]\n"/t/*/orders/*" = "orders"\n'
LINES = [
    {"message": "m", "customer": {"id": "acme"}},
    {"httpMethod": "GET", "path": "/t/umbrella/orders/17", "status": "200", "responseLatency": 3},
]
SPAN = span(
    kind="SERVER", attributes={"http.request.method": "GET", "url.path": "/t/acme/orders/17", "user.id": "jane"}
)
TARGET = target.Target("AWS, eu-west-1, stage main", "d", "w", "s", "dead", "state", "lake")
PLACE = (False, None)


@pytest.fixture
def bucket(monkeypatch):
    """The lake bucket in memory."""
    s3 = S3()

    def answer(operation, params):
        try:
            return getattr(s3, xform_name(operation))(params)
        except ServiceError as error:
            raise RefusedError(error.answer["Error"]["Code"]) from None

    monkeypatch.setattr(objects, "client", lambda name: answering(name, answer))
    monkeypatch.setattr(target, "find", lambda stage, *, local: TARGET)
    return s3


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def telemetry(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)))
    return path


def said(capsys, *arguments, status=0):
    assert main([*map(str, arguments)]) == status
    return capsys.readouterr()


def test_a_file_is_checked_without_any_telemetry(capsys, file):
    assert "3 rules, all of them can be used." in said(capsys, "rules", "check", file).out


def test_what_is_wrong_with_a_file_is_one_line(capsys, file):
    file.write_text('[[redact]]\nname = "x"\npattern = "("\n')
    told = said(capsys, "rules", "check", file, status=1).err
    assert told == f"tracelake: {file}: redact: x has a pattern that RE2 refuses: missing ): (\n"


def test_a_check_compares_what_the_lake_would_hold(capsys, file, telemetry):
    told = said(capsys, "rules", "check", file, telemetry).out
    rows = {tuple(line.split()[:2]): line.split()[2:5] for line in told.splitlines() if line.startswith(" ")}
    assert rows["logs", "tenant"] == ["0", "1", "1"]
    assert rows["requests", "tenant"] == ["0", "1", "1"]
    assert rows["requests", "feature"] == ["0", "1", "1"]
    assert rows["requests", "route"] == ["1", "1", "1"]
    assert ("requests", "status") not in rows
    file.write_text('version = ["nothing"]')
    assert "Nothing in the lake would be different." in said(capsys, "rules", "check", file, telemetry).out


def test_a_check_says_what_spans_would_mean(capsys, file, telemetry):
    telemetry.write_text(json.dumps(SPAN))
    told = said(capsys, "rules", "check", file, telemetry).out
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in told.splitlines() if line.startswith(" ")}
    assert rows["spans", "tenant"] == ["0", "1", "1", "acme"]
    assert rows["spans", "feature"] == ["0", "1", "1", "orders"]
    assert rows["spans", "http_route"] == ["1", "1", "1", "/t/{tenant}/orders/{id}"]


def test_a_check_says_which_rule_would_be_switched_off(capsys, file, telemetry, monkeypatch):
    ticking = iter(range(0, 10_000, 5))
    monkeypatch.setattr("cli.rules_file.time.perf_counter", lambda: next(ticking))
    file.write_text('[[redact]]\nname = "slow"\npattern = "x"\n')
    told = said(capsys, "rules", "check", file, telemetry, status=1)
    assert "redact: slow would be switched off: it was slow: " in told.err


def test_a_check_reads_log_groups_and_writes_nothing(capsys, file, monkeypatch):
    account = Account(shop=minutes_ago(*map(json.dumps, LINES)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setattr(log_events, "SECONDS_BETWEEN_CALLS", 0)
    for module in (try_out, target):
        monkeypatch.setattr(module, "client", lambda name: {"logs": account.logs}[name]())
    told = said(capsys, "rules", "check", file, "--group", "/aws/lambda/shop").out
    assert "2 events were read once without and once with them." in told
    assert set(account.operations) == {"DescribeLogGroups", "FilterLogEvents"}


def test_rules_are_put_and_shown(capsys, bucket, file):
    assert "3 rules are put to AWS, eu-west-1, stage main" in said(capsys, "rules", "put", file).out
    assert bucket.objects["lake", RULES_KEY] == RULES.encode()
    assert said(capsys, "rules", "show").out == RULES
    assert "are these already" in said(capsys, "rules", "put", file).out


def test_rules_that_are_no_good_are_never_put(capsys, bucket, file):
    file.write_text("tenants = []")
    assert "unknown field `tenants`" in said(capsys, "rules", "put", file, status=1).err
    assert bucket.objects == {}


@pytest.mark.parametrize("before", [None, b"tenant = ['a']"])
def test_what_somebody_else_puts_at_the_same_time_is_not_overwritten(bucket, file, before, monkeypatch):
    if before:
        bucket.objects["lake", RULES_KEY] = before
    read = objects.Objects.read

    def read_and_then(self, key):
        found = read(self, key)
        bucket.objects["lake", RULES_KEY] = b"tenant = ['theirs']"
        return found

    monkeypatch.setattr(objects.Objects, "read", read_and_then)
    with pytest.raises(CommandError, match="somebody else put rules at the same time"):
        rules.put(str(file), PLACE, io.StringIO())
    assert bucket.objects["lake", RULES_KEY] == b"tenant = ['theirs']"


def test_without_rules_there_is_nothing_to_show(capsys, bucket):
    assert "there are no rules" in said(capsys, "rules", "show", status=1).err
    assert said(capsys, "rules", "status").out == "No rules are in force in AWS, eu-west-1, stage main.\n"


def test_the_status_says_what_counts_what_does_not_and_what_is_off(capsys, bucket, file):
    said(capsys, "rules", "put", file)
    assert "has not been read yet" in said(capsys, "rules", "status").out
    etag = bucket.get_object({"Bucket": "lake", "Key": RULES_KEY})["ETag"]
    good = Status().accepted(etag, RULES, NOW_MS)
    bucket.objects["lake", STATUS_KEY] = encode(good)
    assert said(capsys, "rules", "status").out == (
        "Rules are in force in AWS, eu-west-1, stage main since 2026-09-21 14:13:20Z.\n"
    )
    off = good.without(etag, {"tenant: customer.id": "it \x1b[31mexploded"}, NOW_MS).refused("x", "not TOML", NOW_MS)
    bucket.objects["lake", STATUS_KEY] = encode(off)
    told = said(capsys, "rules", "status", status=1).out
    assert "A newer version does not count (since 2026-09-21 14:13:20Z): not TOML" in told
    assert "Switched off since 2026-09-21 14:13:20Z: tenant: customer.id: it \ufffd[31mexploded" in told
    found = json.loads(said(capsys, "rules", "status", "--format", "json", status=1).out)
    assert (found["problem"], found["off"][0]["rule"], found["rules"]) == ("not TOML", "tenant: customer.id", RULES)


def test_a_status_is_told_once_for_each_version():
    status = Status().accepted("1", "a", 1)
    assert status.accepted("1", "a", 2) is not None
    assert status.accepted("1", "a", 2) == status
    bad = status.refused("2", "no", 5)
    assert bad.refused("2", "no", 9) == bad
    off = status.without("1", {"r": "slow"}, 7)
    assert off.without("1", {"r": "slower"}, 9) == off
    assert off.off == (Off("r", "slow", 7),)
    assert status.without("another", {"r": "slow"}, 7) == status
    assert off.accepted("3", "b", 9).off == ()
    assert decode(encode(off)) == off
    assert decode(b"\xff") == Status()


def test_features_are_proposed_for_a_file_of_rules_that_then_finds_them(capsys, file, telemetry):
    more = {**LINES[1], "path": "/t/umbrella/users"}
    telemetry.write_text("\n".join(map(json.dumps, [LINES[1], LINES[1], more])))
    file.write_text('paths = ["/t/{tenant}/orders/{id}", "/t/{tenant}/*"]')
    found = json.loads(said(capsys, "find-features", telemetry, "--rules", file, "--format", "json").out)
    assert [each["feature"] for each in found["features"]] == ["orders", "users"]
    table = said(capsys, "find-features", telemetry, "--rules", file).out
    assert table.endswith(found["rules"])
    file.write_text(found["rules"])
    features = [
        json.loads(line)["row"]["feature"]
        for line in said(capsys, "rows", telemetry, "--rules", file).out.splitlines()
        if '"table": "requests"' in line
    ]
    assert features == ["orders", "orders", "users"]


def test_features_are_proposed_from_the_lake(capsys, monkeypatch, bucket):
    rows = [
        {"route": "GET /orders", "requests": 30, "customers": 2, "service": "a"},
        {"route": "GET /orders", "requests": 5, "customers": 3, "service": "b"},
        {"route": "GET /users/{id}", "requests": 3, "customers": 0, "service": "a"},
        {"route": "(unknown)", "requests": 3, "customers": 0, "service": "a"},
    ]
    asked = []

    def run(client, sql, literals, **given):
        asked.append((sql, literals, given))
        return Result((), rows, 0)

    monkeypatch.setattr(find_features.athena, "run", run)
    monkeypatch.setattr(find_features, "client", lambda name: None)
    found = json.loads(said(capsys, "find-features", "--since", "7d", "--format", "json").out)
    assert [(each["feature"], each["requests"], each["customers_at_most"]) for each in found["features"]] == [
        ("orders", 35, 3),
        ("users", 3, 0),
    ]
    assert asked[0][2]["database"] == "d"


def test_routes_that_say_nothing_are_an_answer(capsys, telemetry):
    telemetry.write_text(json.dumps({**LINES[1], "path": "/health"}))
    assert "none of them says which feature it is" in said(capsys, "find-features", telemetry).out


def test_try_and_rows_refuse_a_file_of_rules_that_is_no_good(capsys, file, telemetry):
    file.write_text("x = 1")
    for arguments in (("rows", telemetry), ("try", "/aws/lambda/x"), ("doctor", "/aws/lambda/x")):
        assert "unknown field `x`" in said(capsys, *arguments, "--rules", file, status=1).err


def test_a_row_is_explained_by_the_rules_that_made_it(capsys, file, telemetry):
    told = said(capsys, "rows", telemetry, "--rules", file, "--explain", "--json").out
    found = {
        each["table"]: {origin["column"]: origin for origin in each["columns"]}
        for each in map(json.loads, told.splitlines())
    }
    assert found["logs"]["tenant"]["rules"] == ["rule tenant: customer.id"]
    assert found["requests"]["tenant"]["rules"] == ["rule paths: /t/{tenant}/orders/{id}"]
    assert found["requests"]["feature"]["rules"][0] == "rule features: /t/*/orders/*"
    assert found["requests"]["tenant"]["of"] == ["path"]


def test_what_rules_made_of_a_span_is_explained(capsys, file, telemetry):
    telemetry.write_text(json.dumps(SPAN))
    told = json.loads(said(capsys, "rows", telemetry, "--rules", file, "--explain", "--json").out)
    found = {origin["column"]: origin for origin in told["columns"]}
    for column in ("tenant", "http_route"):
        assert 'attributes["url.path"]' in found[column]["of"]
        assert found[column]["rules"] == ["rule paths: /t/{tenant}/orders/{id}"]
    assert "rule features: /t/*/orders/*" in found["feature"]["rules"]
    assert (found["user_id"]["of"], found["user_id"]["hidden"]) == (
        ['attributes["user.id"]'],
        ["hashed with the key of the month"],
    )


def test_a_format_that_no_line_was_compared_with_is_told_by_name(capsys, file, telemetry):
    file.write_text("[[formats]]\nname = 'web-1'\nlog_groups = ['/ecs/web']\npattern = '^(?P<message>.*)$'\n")
    for command in (("rules", "check", file), ("rows", "--rules", file)):
        assert "formats: web-1 was not tried" in said(capsys, *command, telemetry).err
    lines = [{"id": "1", "timestamp": 1_790_000_000_000, "message": "hello"}]
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "/ecs/web",
        "logStream": "s",
        "logEvents": lines,
    }
    telemetry.write_text(json.dumps(document))
    for command in (("rules", "check", file), ("rows", "--rules", file)):
        assert "was not tried" not in said(capsys, *command, telemetry).err
    assert said(capsys, "rules", "check", file).err == ""

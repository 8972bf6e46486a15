"""`tracelake doctor`: what it finds missing, that its advice works, and that it only reads."""

import json
import sys

import msgspec
import pytest
from answering import RefusedError, answering
from core.feeding import read, rows, taken
from test_try import Account, minutes_ago, report

from cli import configuration, doctor, log_events, try_out
from cli.main import main
from functions.core.dark import advice
from functions.core.dark.tools import CODE, TOOLS
from functions.core.meaning.status import STATUS_KEY, Status, encode
from functions.core.widgets.subscription_state import State

CONTEXT = {
    "$context.requestId": "r",
    "$context.requestTimeEpoch": "1763600000000",
    "$context.httpMethod": "GET",
    "$context.routeKey": "GET /orders/{id}",
    "$context.resourcePath": "/orders/{id}",
    "$context.path": "/orders/7",
    "$context.status": "200",
    "$context.responseLatency": "12",
    "$context.responseLength": "345",
    "$context.identity.sourceIp": "192.0.2.1",
    "$context.identity.userAgent": "curl",
    "$context.integrationErrorMessage": "-",
    "$context.error.message": "-",
    "$context.xrayTraceId": "1-6759b1c5-0e59b643038a6a070e115043",
    "$context.authorizer.tenant": "acme",
}


@pytest.mark.parametrize("kind", advice.load().formats)
def test_the_access_log_format_that_is_advised_fills_the_columns_that_it_promises(kind):
    line = {name: CONTEXT[variable] for name, variable in advice.load().formats[kind].items()}
    [each] = [each for each in advice.load().advice if kind in each.when]
    promised = [name for name in each.columns if name.startswith("requests.")]
    [row] = read("requests", line)
    assert [row[name.partition(".")[2]] for name in promised] == ["GET /orders/{id}", 200, 12.0, "acme"]


def test_json_logging_fills_the_columns_that_it_promises():
    error = {"timestamp": "2026-11-20T09:00:00Z", "level": "ERROR", "message": "no stock", "requestId": "r",
             "errorType": "OutOfStock", "tenant_id": "acme"}  # fmt: skip
    promised = {name for each in advice.load().advice if "logs.line" in each.columns for name in each.columns}
    [row] = rows(taken(payload_of(error)), "logs")
    assert all(row[name.partition(".")[2]] for name in promised)


def payload_of(line):
    event = {"id": "1", "timestamp": 1763600000000, "message": json.dumps(line)}
    return json.dumps(
        {"messageType": "DATA_MESSAGE", "logGroup": "/x", "logStream": "s", "logEvents": [event]}
    ).encode()


def test_every_advice_has_lines_for_each_tool_or_for_the_code():
    for each in advice.load().advice:
        assert set(each.lines) in (set(TOOLS), set(CODE)), each.id
        assert each.columns, each.id
        assert all(text.strip() for text in each.lines.values()), each.id


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"not_traced"', '"sunny"'), ('"logs.level"', '"logs.colour"'), ('cdk = "tracing=', 'pulumi = "tracing=')],
)
def test_a_word_column_or_tool_that_nobody_knows_is_refused(monkeypatch, tmp_path, right, wrong):
    text = advice.FILE.read_text()
    assert right in text
    file = tmp_path / "advice.toml"
    file.write_text(text.replace(right, wrong))
    monkeypatch.setattr(advice, "FILE", file)
    with pytest.raises(ValueError, match=r"advice \w+ names (sunny|logs.colour|pulumi)"):
        advice.load.__wrapped__()


FUNCTIONS = [
    {"FunctionName": "checkout", "TracingConfig": {"Mode": "PassThrough"}, "Layers": []},
    {
        "FunctionName": "traced",
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {"LogGroup": "/aws/lambda/shared"},
        "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:1:layer:AWSOpenTelemetryDistroPython:1"}],
    },
]
HTTP_STAGES = {
    "dark": {"StageName": "dark"},
    "plain": {"StageName": "plain", "AccessLogSettings": {"Format": "$context.requestId $context.status"}},
    "nameless": {"StageName": "nameless", "AccessLogSettings": {"Format": '{"status": "$context.status"}'}},
    "fine": {"StageName": "fine", "AccessLogSettings": {"Format": '{"t": "$context.authorizer.tenant"}'}},
}


class Whole(Account):
    """An account with functions and APIs too, perhaps with a stage of tracelake deployed."""

    state = None
    rules = Status()

    def client(self, name):
        return answering(name, self)

    def __call__(self, operation, params):
        others = {
            "ListFunctions": lambda: {"Functions": FUNCTIONS},
            "GetApis": lambda: {"Items": [{"ApiId": "a", "Name": "shop", "ProtocolType": "HTTP",
                                           "RouteSelectionExpression": "$request.method"}]},
            "GetStages": lambda: {"Items": list(HTTP_STAGES.values())} if "ApiId" in params
            else {"item": [{"stageName": "prod"}]},
            "GetRestApis": lambda: {"items": [{"id": "b", "name": "old"}]},
            "GetParameter": self._parameter,
            "GetObject": lambda: {"Body": self._object(params["Key"]), "ETag": "e"},
        }  # fmt: skip
        if operation not in others:
            return super().__call__(operation, params)
        self.operations.append(operation)
        if code := self.refused.get(operation):
            raise RefusedError(code)
        return others[operation]()

    def _object(self, key):
        return encode(self.rules) if key == STATUS_KEY else msgspec.json.encode(self.state)

    def _parameter(self):
        if self.state is None:
            raise RefusedError("ParameterNotFound")
        return {"Parameter": {"Value": "lake"}}


@pytest.fixture
def seen(monkeypatch, capsys):
    """Runs `tracelake doctor` against an account; gives its things by name, its advice by id, and standard error."""

    def see(account, *arguments):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
        monkeypatch.setattr(log_events, "SECONDS_BETWEEN_CALLS", 0)
        modules = (doctor, configuration, try_out, sys.modules["cli.target"], sys.modules["functions.aws.objects"])
        for module in modules:
            monkeypatch.setattr(module, "client", account.client)
        assert main(["doctor", "/aws/lambda/*", "--format", "json", *arguments]) == 0
        printed = capsys.readouterr()
        told = json.loads(printed.out)
        return (
            {each["name"]: each for each in told["things"]},
            {each["id"]: each for each in told["advice"]},
            printed.err,
        )

    return see


def account():
    structured = json.dumps({"level": "INFO", "message": "order", "tenant_id": "acme"})
    return Whole(checkout=minutes_ago("order 7 placed\n", report(1)), shared=minutes_ago(structured, report(2)))


def test_what_is_missing_is_told_for_each_function_and_api_with_the_lines_that_fill_it(seen):
    whole = account()
    things, due, _ = seen(whole, "--tool", "terraform")

    assert things["checkout"]["advice"] == "json_logging, tracing, transaction_search, otel_layer"
    assert {"logs.level", "logs.line", "invocations.trace_id"} <= set(things["checkout"]["stays empty"].split(", "))
    assert things["traced"]["advice"] == "transaction_search"
    assert {name: each["advice"] for name, each in things.items() if each["what"] == "api"} == {
        "shop dark": "http_access_log",
        "shop plain": "http_access_log",
        "shop nameless": "customer_in_access_log",
        "shop fine": None,
        "old prod": "rest_access_log",
    }
    # what is no JSON is understood, but for who called and how long it took
    assert things["shop plain"]["stays empty"] == "requests.latency_ms, requests.tenant"
    assert due["tracing"]["lines"] == {
        "terraform": 'tracing_config {              # aws_lambda_function\n  mode = "Active"\n}'
    }
    assert (due["http_access_log"]["for"], due["rest_access_log"]["for"]) == (["shop dark", "shop plain"], ["old prod"])
    assert '"routeKey": "$context.routeKey"' in due["http_access_log"]["lines"]["terraform"]
    assert '"resourcePath": "$context.resourcePath"' in due["rest_access_log"]["lines"]["terraform"]


def test_it_only_reads(seen):
    whole = account()
    seen(whole)
    assert {"ListFunctions", "GetApis", "GetRestApis", "FilterLogEvents"} <= set(whole.operations)
    assert all(name.startswith(("Describe", "Filter", "Get", "List")) for name in whole.operations)


def test_a_column_that_is_filled_is_no_reason_for_advice(seen):
    whole = account()
    whole.groups["aws/spans"] = []
    things, due, _ = seen(whole)
    assert "transaction_search" not in due
    assert things["traced"]["advice"] is None


def test_why_a_log_group_cannot_be_subscribed_is_told_as_the_stage_found_it(seen):
    whole = account()
    whole.state = State(refused={"/aws/lambda/checkout": "all its subscription filters are taken, by others"})
    things, _, _ = seen(whole)
    assert things["checkout"]["cannot be subscribed, or read"] == "all its subscription filters are taken, by others"
    assert things["traced"]["cannot be subscribed, or read"] is None


def test_what_is_wrong_with_the_rules_of_the_stage_is_told(seen):
    whole = account()
    whole.state = State()
    assert "rules:" not in seen(whole)[2]
    whole.rules = Status("1", "").without("1", {"redact: iban": "it was slow"}, 1).refused("2", "it is not TOML", 1)
    err = seen(whole)[2]
    assert "rules: a newer version does not count: it is not TOML" in err
    assert "rules: redact: iban is switched off: it was slow" in err


def test_what_may_not_be_looked_at_is_told_and_the_rest_is_there(seen):
    whole = account()
    whole.refused["GetRestApis"] = "AccessDeniedException"
    things, _, err = seen(whole)
    assert "not looked at: APIs: An error occurred (AccessDeniedException)" in err
    assert "shop dark" in things
    assert "old prod" not in things

"""The code keeps AWS's quotas, also in an account with 3,000 log groups and as many functions."""

import json
import math

import msgspec
import pytest
from answering import RefusedError, answering
from test_account_policy import OWN, PolicyAccount, mode
from test_subscribe_log_groups import NOW, Account, request, sweep
from test_widgets import context, failures, of_customers, view

from cli import target
from functions.aws import (
    athena,
    catalog,
    clients,
    custom_resource,
    environment,
    generations,
    items,
    lake,
    logs,
    put_records,
)
from functions.aws import metrics as aws_metrics
from functions.aws.dead_letters import DeadLetter
from functions.aws.messages import publish
from functions.aws.state import HOURS_IN_TRANSACTION, Commit, Range, State
from functions.check_delivery import deliveries
from functions.core import account_policy, questions, sql_checks
from functions.core.incidents import wording
from functions.core.incidents.rules import RULES
from functions.core.lake_files import LakeFile
from functions.core.schema import HOUR_MS, TABLES, hour_of
from functions.core.selection import SWEEP_MS, SWEEPS_PER_ROUND, LogGroup, due
from functions.core.summaries import LONGEST_NAME
from functions.core.tally import Datum
from functions.core.widgets import errors, subscriptions, traffic
from functions.snapshot_configuration import handler as snapshot_configuration
from functions.subscribe_log_groups import handler, written_down
from stacks.quotas import quota

GROUPS = [f"/aws/lambda/team-{index % 40:02}-service-{index:04}-production" for index in range(3_000)]
FUNCTIONS = [name.removeprefix("/aws/lambda/") for name in GROUPS[:1_000]]


@pytest.mark.parametrize(
    ("constant", "name"),
    [
        (account_policy.CRITERIA_BYTES, "logs.account_policy"),
        (logs.CALLS_PER_SECOND, "logs.calls_per_second"),
        (catalog.BATCH, "glue.partitions_of_a_request"),
        (custom_resource.MAX_BODY_BYTES, "cloudformation.custom_resource_answer"),
        (items.TRANSACTION_ITEMS, "dynamodb.items_of_a_transaction"),
        (HOURS_IN_TRANSACTION + 20, "dynamodb.items_of_a_transaction"),
        (lake._DELETE_LIMIT, "s3.keys_of_a_deletion"),
        (aws_metrics.VALUES_LIMIT, "put_metric_data.values_of_a_datum"),
        (aws_metrics._DATA_IN_REQUEST, "put_metric_data.data"),
        (aws_metrics.OLDEST_MS // 86_400_000, "put_metric_data.oldest_days"),
        (put_records.MAX_RECORDS, "kinesis.records_of_a_request"),
        (put_records.MAX_REQUEST_BYTES, "kinesis.request"),
        (put_records.MAX_RECORD_BYTES, "kinesis.record"),
        (wording.SUBJECT_LIMIT, "sns.subject_characters"),
        (questions.LONGEST_LITERAL, "athena.parameter_characters"),
        (2 * LONGEST_NAME + 2, "athena.parameter_characters"),
        (max(len(each.sql) for each in questions.load_all().values()), "athena.statement"),
        (sql_checks.MAX_STATEMENT_BYTES, "athena.statement"),
        (athena._PAGE_ROWS, "athena_results.rows_of_a_page"),
        (len(target.NAMES), "ssm_read.names_of_a_request"),
        (max(len(rule.metrics) for rule in RULES.values()), "cloudwatch.queries_of_get_metric_data"),
    ],
)
def test_a_constant_is_within_the_quota_it_stands_for(constant, name):
    assert 0 < constant <= quota(name)


# the sweep


def test_all_groups_of_a_large_account_are_subscribed_within_the_functions_time():
    account = Account(GROUPS)
    circumstances = sweep(account)
    clock = circumstances.sleep.__self__
    report = circumstances.run(NOW, everything=True)
    assert (len(report.put), report.left) == (3_000, 0)
    for call in ("DescribeSubscriptionFilters", "PutSubscriptionFilter"):
        assert account.calls.count(call) / quota("logs.calls_per_second") < clock.seconds
    assert account.calls.count("DescribeLogGroups") == math.ceil(3_000 / quota("logs.page_of_log_groups"))
    assert clock.seconds + handler.RESERVE_MS / 1000 < 14 * 60


def test_a_scheduled_sweep_of_a_large_account_ends_before_the_next_and_a_round_sees_every_group():
    groups = [LogGroup(name, 1) for name in GROUPS]
    turns = [due(groups, NOW + turn * SWEEP_MS) for turn in range(SWEEPS_PER_ROUND)]
    assert {group.name for turn in turns for group in turn} == set(GROUPS)
    pages = 3_000 / quota("logs.page_of_log_groups")
    assert max((pages + len(turn)) / logs.CALLS_PER_SECOND * 1_000 for turn in turns) < SWEEP_MS


def test_a_large_account_whose_groups_have_no_slot_left_is_reported_in_the_same_time():
    account = Account(GROUPS)
    for group in GROUPS:
        account.hold(group, "datadog", "splunk")
    circumstances = sweep(account)
    report = circumstances.run(NOW, everything=True)
    assert (len(report.refused), report.left) == (3_000, 0)
    assert account.calls.count("PutSubscriptionFilter") == 3_000
    told = written_down.state_of(report, NOW)
    assert len(msgspec.json.encode(told)) < quota("lambda.answer") / 10
    page = subscriptions.render(told, context())
    assert "100 more are not listed" in page
    assert len(page.encode()) < quota("lambda.answer") / 10


# the account's policy


def test_a_policy_that_cannot_name_3000_groups_gives_way_to_filters_and_the_stack_says_why():
    trails = [f"aws-cloudtrail-logs-{index:04}-organisation" for index in range(3_000)]
    account = PolicyAccount(["/shop", *trails])
    report = mode(account).run(NOW, everything=True)
    assert account.policies == {}
    assert account.own() == {"/shop"}
    assert "an account policy holds 25000" in report.policy_refused
    told = {"groups": report.groups, "policy_refused": report.policy_refused}
    answer = json.loads(custom_resource.body(request("Create"), "SUCCESS", "", told))
    assert answer["Data"]["policy_refused"] == report.policy_refused


def test_a_policy_for_3000_groups_names_only_those_it_leaves_out():
    account = PolicyAccount(GROUPS)
    mode(account).run(NOW, everything=True)
    assert set(account.left_out()) == {*OWN, "aws/spans"}


@pytest.mark.parametrize("reason", ["x" * 9_000, "\u00fc" * 9_000, '"' * 9_000, "\0" * 9_000, "\U0001f600" * 9_000])
def test_a_custom_resource_answers_within_its_quota_whatever_the_reason(reason):
    asked = {**request("Delete"), "PhysicalResourceId": "p" * 1_024, "StackId": f"arn:{'s' * 250}"}
    answer = custom_resource.body(asked, "FAILED", reason, {"refused": dict.fromkeys(GROUPS, reason[:99])})
    assert len(answer) <= quota("cloudformation.custom_resource_answer")
    assert json.loads(answer)["Status"] == "FAILED"


# messages and widgets


@pytest.mark.parametrize("filling", ["x", '"', "\\", "\u00fc", "\U0001f600", "\n"])
def test_a_message_fits_whatever_stands_in_the_event(filling):
    sent = []
    topic = answering("sns", lambda _operation, params: sent.append(params) or {"MessageId": "1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", lambda _name: topic)
        publish("arn:aws:sns:eu-west-1:1:alerts", wording.raw({"alarmData": filling * 300_000}, "main", filling * 999))
    [message] = sent
    attributes = sum(len(name) + sum(map(len, each.values())) for name, each in message["MessageAttributes"].items())
    assert len(message["Message"].encode()) + attributes <= quota("sns.message")
    assert len(message["Subject"]) < quota("sns.subject_characters")


def test_widgets_of_1000_functions_and_customers_are_small_enough_to_be_answered():
    customers = of_customers(*((name * 3, 10, 1) for name in FUNCTIONS))
    pages = [
        traffic.render(traffic.CUSTOMERS, customers.customers, view(), top=200, wanted=""),
        traffic.render(traffic.ROUTES, customers.routes, view(), top=200, wanted=""),
        errors.render([failures(*((name, 1, FUNCTIONS[:50]) for name in FUNCTIONS))], set(), view(), top=200),
    ]
    assert max(len(page.encode()) for page in pages) < quota("lambda.answer") / 10


def test_delivery_errors_of_3000_groups_are_added_up_from_all_pages_within_a_bounded_number_of_calls():
    asked = []

    def answer(operation, params):
        asked.append(operation)
        if operation == "GetMetricStatistics":
            return {"Datapoints": [{"Sum": 1.0}]}
        named = [{"Name": "FilterName", "Value": "tracelake-main"}]
        return {
            "Metrics": [
                {
                    "Namespace": "AWS/Logs",
                    "MetricName": "DeliveryErrors",
                    "Dimensions": [*named, {"Name": "LogGroupName", "Value": name}],
                }
                for name in GROUPS[:100]
            ]
        }

    cloudwatch = answering("cloudwatch", answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", lambda _name: cloudwatch)
        assert sum(deliveries.errors("tracelake-main", NOW).values()) == deliveries.MOST_GROUPS
    assert asked.count("GetMetricStatistics") == deliveries.MOST_GROUPS


def test_a_parameter_that_athena_does_not_take_is_refused_by_its_name():
    tenant = next(param for param in questions.load_all()["which_errors_occur"].params if param.name == "tenant")
    assert tenant.parse("x" * 1_022) == "x" * 1_022
    with pytest.raises(questions.QuestionError, match="parameter tenant is too long: Athena takes 1,024 characters"):
        tenant.parse("'" * 512)


# what is written


def committed(hours, files_in_an_hour):
    """The transactions of one commit with files of every table in so many hours."""
    sent = []
    dynamodb = answering("dynamodb", lambda _operation, params: sent.append(params["TransactItems"]))
    at = "20261120T112233-9f86d081884c"
    files = [
        LakeFile(table, hour, f"hot/{table}/hour={hour}/{at}.{chunk}.parquet", 10**6, 10**8, 10**9, NOW, NOW + HOUR_MS)
        for hour in (hour_of(NOW - back * HOUR_MS) for back in range(hours))
        for table in TABLES
        for chunk in range(files_in_an_hour)
    ]
    letters = [f"rejected/hour=2026-11-20-11/{at}.{number}.jsonl.gz" for number in range(50)]
    counts = dict.fromkeys(("records", "events", "stored"), 10**9)
    span = Range("4" * 56, "5" * 56)
    commit = Commit(at, NOW, hour_of(NOW), "normalize", "tracelake-main", "shard", [span], counts, files, letters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", lambda _name: dynamodb)
        State("state").commit_batch(commit)
    return sent


def size(write):
    """Bytes of an item as DynamoDB counts them: names and values."""
    (request,) = write.values()
    item = request.get("Item") or {**request["Key"], **request["ExpressionAttributeValues"]}
    values = (next(iter(attribute.values())) for attribute in item.values())
    return sum(map(len, item)) + sum(len(v.encode() if isinstance(v, str) else v) for v in values)


# a batch of the largest age of the defaults in every table; one hour with as many chunks as a batch can have
@pytest.mark.parametrize(("hours", "files"), [(35 * 24, 2), (80, 8), (1, 60)])
def test_a_commit_of_very_many_hours_and_files_fits_into_items_and_transactions(hours, files):
    transactions = committed(hours, files)
    assert sum(len(writes) for writes in transactions) == hours + 3
    for writes in transactions:
        assert len(writes) <= quota("dynamodb.items_of_a_transaction")
        assert sum(map(size, writes)) <= quota("dynamodb.transaction")
        assert max(map(size, writes)) <= quota("dynamodb.item")


def test_garbage_of_very_many_files_fits_into_items():
    sent = []
    dynamodb = answering("dynamodb", lambda _operation, params: sent.append(params["TransactItems"]))
    key = "hot/service_calls/hour=2026-11-20-11/20261120T112233-9f86d081884c.12.parquet"
    files = [LakeFile("service_calls", "2026-11-20-11", key, 1, 1, 1, 1, 1)] * 60
    pending = [generations.Pending(f"2026-11-20-11#{index:06}", files, frozenset(), NOW) for index in range(500)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", lambda _name: dynamodb)
        generations.Generations("state", "me").settle(pending)
    puts = [write for writes in sent for write in writes if "Put" in write]
    assert max(map(size, puts)) <= quota("dynamodb.item")
    assert max(map(len, sent)) <= quota("dynamodb.items_of_a_transaction")


def test_metrics_of_full_distributions_fit_into_a_request():
    sizes = []
    cloudwatch = answering("cloudwatch", lambda _operation, _params: None)
    events = cloudwatch.meta.events
    events.register("before-call.cloudwatch.*", lambda params, **_: sizes.append(len(params["body"])))
    values = [1.0 / (number + 3) for number in range(quota("put_metric_data.values_of_a_datum") * 400)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", lambda _name: cloudwatch)
        patch.setattr(environment, "now_ms", lambda: NOW)
        aws_metrics.put_data([Datum("RequestLatencyMs", "Milliseconds", NOW, values, values)])
    assert len(sizes) == 4
    assert max(sizes) <= quota("put_metric_data.request")


def test_letters_go_back_in_requests_that_kinesis_takes():
    taken = []

    def answer(_operation, params):
        taken.append(params["Records"])
        return {"Records": [{"SequenceNumber": "1", "ShardId": "s"}] * len(params["Records"])}

    kinesis = answering("kinesis", answer)
    large = [DeadLetter("r", "p", "e", "g", "\U0001f600" * 300, b"x" * (1_048_576 - 1_024))] * 12
    small = [DeadLetter("r", "p", "e", "g", "s", b"x")] * 1_300
    assert len(put_records.put(kinesis, "stream", [*large, *small], sleep=lambda _seconds: None)) == 1_312
    for records in taken:
        sizes = [len(each["Data"]) + len(each["PartitionKey"].encode()) for each in records]
        assert len(records) <= quota("kinesis.records_of_a_request")
        assert sum(sizes) <= quota("kinesis.request")
        assert max(sizes) <= quota("kinesis.record")
        assert all(len(each["PartitionKey"]) <= quota("kinesis.partition_key_characters") for each in records)


def test_a_snapshot_of_3000_functions_is_one_object_and_all_of_their_changes_come_onto_the_stream(monkeypatch):
    names = [f"function-{index:04}-of-an-application-with-a-long-name" for index in range(3_000)]
    layer = {"Arn": f"arn:aws:lambda:eu-west-1:111122223333:layer:{'l' * 100}:1"}
    state = {"memory": 128, "body": b"", "records": 0, "requests": 0}

    def functions(operation, params):
        assert operation == "ListFunctions"
        start = int(params.get("Marker", 0))
        page = [
            {"FunctionName": name, "FunctionArn": f"arn:aws:lambda:eu-west-1:111122223333:function:{name}",
             "MemorySize": state["memory"], "Layers": [layer] * 5,
             "Environment": {"Variables": {f"VARIABLE_{number}": "secret" for number in range(20)}}}
            for name in names[start : start + 50]
        ]  # fmt: skip
        return {"Functions": page, "NextMarker": str(start + 50)} if start + 50 < len(names) else {"Functions": page}

    def objects(operation, params):
        if operation == "PutObject":
            state["body"] = params["Body"]
            return {"ETag": '"1"'}
        if not state["body"]:
            raise RefusedError("NoSuchKey", status=404)
        return {"Body": state["body"], "ETag": '"1"'}

    def stream(_operation, params):
        state["records"] += len(params["Records"])
        state["requests"] += 1
        return {"Records": [{"SequenceNumber": "1", "ShardId": "shardId-0"} for _ in params["Records"]]}

    made = {"lambda": functions, "s3": objects, "kinesis": stream}
    monkeypatch.setattr(clients, "_client", {name: answering(name, answer) for name, answer in made.items()}.get)
    monkeypatch.setenv("LAKE_BUCKET", "lake")
    monkeypatch.setenv("STREAM_NAME", "tracelake-main")
    assert snapshot_configuration.handle({}, None) == {"functions": 3_000, "changes": 0}
    assert b"secret" not in state["body"]
    assert len(state["body"]) < 10_000_000
    state["memory"] = 256
    assert snapshot_configuration.handle({}, None) == {"functions": 3_000, "changes": 3_000}
    assert (state["records"], state["requests"]) == (3_000, 6)

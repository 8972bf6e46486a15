"""Reading what Lambda writes to its failure destination."""

import base64
import json

import pytest

from functions.record_poison.given_up import GivenUp, NotAnInvocationRecordError

# https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html, with the payload filled in
DOCUMENT = {
    "requestContext": {
        "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
        "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 1,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "version": "1.0",
    "timestamp": "2019-11-14T00:38:06.021Z",
    "KinesisBatchInfo": {
        "shardId": "shardId-000000000001",
        "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
        "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
        "batchSize": 1,
        "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
    },
    "payload": json.dumps(
        {"Records": [{"kinesis": {"sequenceNumber": "49", "data": base64.b64encode(b"hello").decode()}}]}
    ),
}


def test_an_invocation_record_is_read():
    found = GivenUp.parse("key", DOCUMENT)
    assert found.records == [("49", b"hello")]
    assert (found.shard, found.at_ms) == ("shardId-000000000001", 1_573_691_886_021)
    assert found.reason == "given up by the event source: RetryAttemptsExhausted (Unhandled)"


def test_a_record_that_never_reached_the_function_has_no_answer():
    found = GivenUp.parse("key", {**DOCUMENT, "responseContext": None})
    assert found.reason.endswith("(no answer)")


def test_the_same_object_gives_the_same_commit():
    assert GivenUp.parse("key", DOCUMENT).commit_id == GivenUp.parse("key", DOCUMENT).commit_id
    assert GivenUp.parse("key", DOCUMENT).commit_id != GivenUp.parse("other", DOCUMENT).commit_id


@pytest.mark.parametrize("change", [
    {"payload": None},
    {"payload": "no JSON"},
    {"payload": '{"Records": []}'},
    {"KinesisBatchInfo": {}},
    {"timestamp": "yesterday"},
])  # fmt: skip
def test_anything_else_is_an_error_that_names_the_object(change):
    with pytest.raises(NotAnInvocationRecordError, match="key"):
        GivenUp.parse("key", {**DOCUMENT, **change})

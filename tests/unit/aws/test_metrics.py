"""Metrics as CloudWatch takes them, checked against botocore's model."""

import boto3
import pytest
from botocore.stub import ANY, Stubber

from functions.aws import environment, metrics
from functions.core.tally import Datum

NOW = 1_795_168_800_000


@pytest.fixture
def cloudwatch(monkeypatch):
    one = boto3.client("cloudwatch", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(metrics, "client", lambda name: one)
    monkeypatch.setattr(environment, "now_ms", lambda: NOW)
    with Stubber(one) as stub:
        yield stub
        stub.assert_no_pending_responses()


def _entry(name, count):
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "Stage", "Value": "main"}],
        "Timestamp": ANY,
        "Unit": "Milliseconds",
        "Values": [float(number) for number in range(count)],
        "Counts": [1.0] * count,
    }


def test_a_distribution_of_many_values_is_sent_in_parts_of_150(cloudwatch):
    values = [float(number) for number in range(310)]
    parts = [_entry("L", 150), _entry("L", 150), _entry("L", 10)]
    parts[1]["Values"], parts[2]["Values"] = values[150:300], values[300:]
    cloudwatch.add_response("put_metric_data", {}, {"Namespace": "tracelake", "MetricData": parts})
    metrics.put_data([Datum("L", "Milliseconds", NOW, values, [1.0] * 310)])


def test_many_data_are_sent_in_several_requests(cloudwatch):
    for size in (100, 100, 50):
        cloudwatch.add_response(
            "put_metric_data", {}, {"Namespace": "tracelake", "MetricData": [_entry("L", 1)] * size}
        )
    metrics.put_data([Datum("L", "Milliseconds", NOW, [0.0], [1.0])] * 250)


def test_what_cloudwatch_would_refuse_as_too_old_is_not_sent(cloudwatch):
    metrics.put_data([Datum("L", "Milliseconds", NOW - 15 * 86_400_000, [0.0], [1.0])])


def test_a_refusal_is_logged_and_no_more(cloudwatch):
    cloudwatch.add_client_error("put_metric_data", "Throttling")
    metrics.put_data([Datum("L", "Milliseconds", NOW, [0.0], [1.0])])

"""Metrics as CloudWatch takes them."""

import pytest
from answering import RefusedError, answering

from functions.aws import clients, environment, metrics
from functions.core.tally import Datum

NOW = 1_795_168_800_000


@pytest.fixture
def cloudwatch(monkeypatch):
    """The requests that were sent, and the errors that the next ones get."""
    sent, errors = [], []

    def answer(_operation, params):
        if errors:
            raise errors.pop()
        sent.append(params)

    client = answering("cloudwatch", answer)
    monkeypatch.setattr(clients, "_client", lambda _name: client)
    monkeypatch.setattr(environment, "now_ms", lambda: NOW)
    return sent, errors


def test_a_distribution_of_many_values_is_sent_in_parts_of_150(cloudwatch):
    sent, _ = cloudwatch
    values = [float(number) for number in range(310)]
    metrics.put_data([Datum("L", "Milliseconds", NOW, values, [1.0] * 310)])
    [request] = sent
    data = request["MetricData"]
    assert request["Namespace"] == "tracelake"
    assert [len(datum["Values"]) for datum in data] == [len(datum["Counts"]) for datum in data] == [150, 150, 10]
    assert [value for datum in data for value in datum["Values"]] == values
    assert {(datum["MetricName"], datum["Unit"]) for datum in data} == {("L", "Milliseconds")}
    assert data[0]["Dimensions"] == [{"Name": "Stage", "Value": "main"}]


def test_many_data_are_sent_in_several_requests(cloudwatch):
    metrics.put_data([Datum("L", "Milliseconds", NOW, [0.0], [1.0])] * 250)
    assert [len(request["MetricData"]) for request in cloudwatch[0]] == [100, 100, 50]


def test_what_cloudwatch_would_refuse_as_too_old_is_not_sent(cloudwatch):
    metrics.put_data([Datum("L", "Milliseconds", NOW - 15 * 86_400_000, [0.0], [1.0])])
    assert cloudwatch[0] == []


def test_a_refusal_is_logged_and_no_more(cloudwatch, caplog):
    cloudwatch[1].append(RefusedError("InvalidParameterValue"))
    metrics.put_data([Datum("L", "Milliseconds", NOW, [0.0], [1.0])])
    assert "metrics of this batch are lost" in caplog.text

"""Search expressions of CloudWatch."""

from __future__ import annotations

import pytest

from local.simulators.metric_search import parse
from local.simulators.metrics import Metric

ERRORS = Metric("AWS/Lambda", "Errors", {"FunctionName": "shop-checkout"})


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ('{AWS/Lambda,FunctionName} MetricName="Errors"', True),
        ('{AWS/Lambda, FunctionName} MetricName="Errors"', True),
        ('{AWS/Lambda} MetricName="Errors"', False),
        ('{AWS/Lambda,FunctionName,Resource} MetricName="Errors"', False),
        ('{AWS/Logs,FunctionName} MetricName="Errors"', False),
        ('{AWS/Lambda,FunctionName} MetricName="Error"', False),
        ("{AWS/Lambda,FunctionName} MetricName=error", True),
        ('{AWS/Lambda,FunctionName} FunctionName="shop-checkout" MetricName="Errors"', True),
        ('{AWS/Lambda,FunctionName} FunctionName="checkout" MetricName="Errors"', False),
        ("{AWS/Lambda,FunctionName} checkout", True),
        ("{AWS/Lambda,FunctionName} billing", False),
        ('{AWS/Lambda,FunctionName} MetricName=("Errors" OR "Throttles")', True),
        ('{AWS/Lambda,FunctionName} (MetricName="Throttles" OR MetricName="Errors") shop', True),
        ('{AWS/Lambda,FunctionName} NOT MetricName="Errors"', False),
        ("{AWS/Lambda,FunctionName} shop AND NOT billing", True),
        ('Namespace="AWS/Lambda" errors', True),
        ("{AWS/Lambda,FunctionName}", True),
    ],
)
def test_a_search_finds_what_it_says(search, found):
    assert parse(search)(ERRORS) is found


@pytest.mark.parametrize("search", ["{n,D} (a", "{n,D} a )"])
def test_brackets_that_do_not_match_are_an_error(search):
    with pytest.raises(ValueError, match="search expression"):
        parse(search)

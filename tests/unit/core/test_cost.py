"""Prices are dated and have a source; what volume costs is a linear function of the ledger's counts."""

from dataclasses import asdict, fields
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.accounting import Counts
from functions.core.cost import by_volume
from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.by_volume import CHARGES, Volume, charges, cost, cost_by_part, of_gigabytes, of_month
from functions.core.cost.prices import PRICES
from functions.core.ledger import numbers
from functions.core.tally import Tally

COUNTS = [field.name for field in fields(Volume)]
VOLUMES = st.builds(Volume, **{name: st.floats(0, 1e12) for name in COUNTS})


def test_every_price_is_of_one_region_and_day_and_names_the_page_it_is_from():
    assert (PRICES.region, PRICES.currency) == ("us-east-1", "USD")
    assert len(PRICES.as_of) == len("2026-11-20")
    for name, price in PRICES.prices.items():
        assert price.usd > 0, name
        assert price.per, name
        assert price.source.startswith("https://aws.amazon.com/"), name
        assert price.source.endswith(("/pricing/", "/pricing/on-demand/")), name


def test_no_price_is_kept_that_nothing_is_priced_with():
    folder = Path(by_volume.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    built = {"lambda_gb_second_arm64", "lambda_gb_second_x86_64"}  # the name follows from the architecture
    assert {name for name in PRICES.prices if f'"{name}"' not in code} <= built


def test_a_price_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError):
        PRICES.usd("lambda_second")


def test_what_happens_now_and_then_costs_what_aws_says():
    usd = by_volume.occasional()
    assert usd["an alert by e-mail"] == pytest.approx(2 / 100_000)
    assert usd["a query for each GB that it reads"] == pytest.approx(0.005)
    assert usd["one more shard, a month"] == pytest.approx(10.95)
    assert usd["an on-demand stream instead of a shard, a month"] == pytest.approx(29.20)


def test_nothing_costs_nothing():
    assert cost(Volume()) == 0


@settings(derandomize=True, max_examples=50, deadline=None)
@given(VOLUMES, VOLUMES)
def test_two_ledgers_cost_together_what_they_cost_apart(one, other):
    both = Volume(**{name: asdict(one)[name] + asdict(other)[name] for name in COUNTS})
    assert cost(both) == pytest.approx(cost(one) + cost(other))


def test_every_count_of_the_ledger_has_a_price():
    assert {charge.count for charge in CHARGES} == set(COUNTS)
    assert all(charge.usd > 0 for charge in CHARGES)


def test_a_thousand_commits_cost_what_their_requests_do():
    """By hand: seven files and the ledger's, each written once and read three times (to publish and for two summaries);
    transactions; one call for metrics."""
    parts = cost_by_part(Volume(commits=1000, files=7000))
    assert parts["S3 requests"] == pytest.approx(8000 * (0.000005 + 3 * 0.0000004))
    assert parts["DynamoDB"] == pytest.approx(1000 * (20 * 0.000000625 + 4 * 0.000000125))
    assert parts["normalize"] == pytest.approx(1000 * (0.3 * 1769 / 1024 * 0.0000133334 + 0.0000002))
    assert parts["CloudWatch metrics"] == pytest.approx(0.01)


def test_a_month_of_metrics_costs_what_the_metrics_do():
    assert cost_by_part(Volume(hours=730))["CloudWatch metrics"] == pytest.approx(0.30 * len(ASSUMED.load.metrics))


def test_a_dearer_price_makes_its_part_dearer_and_no_other():
    dear = msgspec.structs.replace(
        PRICES, prices={**PRICES.prices, "s3_put": msgspec.structs.replace(PRICES.prices["s3_put"], usd=1.0)}
    )
    before, after = (cost_by_part(of_month(10), charges(prices)) for prices in (PRICES, dear))
    assert {part for part in before if after[part] != before[part]} == {"S3 requests"}


def test_a_month_costs_more_with_more_telemetry_and_something_as_soon_as_any_comes():
    months = [cost(of_month(gigabytes)) for gigabytes in (0, 1, 100, 10_000, 100_000)]
    assert months == sorted(months)
    assert months[0] > 0
    assert cost(of_month(100_000)) >= cost(of_gigabytes(100_000))


def test_a_million_requests_cost_what_their_telemetry_does():
    gigabytes = ASSUMED.load.raw_bytes_a_request / 1000
    assert by_volume.usd_per_million_requests() == pytest.approx(gigabytes * by_volume.usd_per_gigabyte())


def test_the_metrics_that_are_priced_are_those_that_normalize_sends():
    counts = {**asdict(Counts(redacted=1)), "duplicates": 0}
    tallied = {"Requests", "RequestErrors", "RequestLatencyMs"}
    tallied |= {"Invocations", "InvocationErrors", "ColdStarts", "InvocationDurationMs"}
    assert all(name in (Tally.__doc__ or "") for name in tallied)
    of_batches = {"DuplicateRecords", "CommitLagMs"}
    assert set(ASSUMED.load.metrics) == set(numbers(counts, [])) | of_batches | tallied

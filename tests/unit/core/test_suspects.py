"""Each kind of fault is seen where it is, told from what it brings about elsewhere, and said in words."""

from __future__ import annotations

import random

import pytest
from made_incidents import incident, usual

from functions.core.traces.suspect_words import confidence, sentence
from functions.core.traces.suspects import Rows, Suspect, rank


def first(now: Rows) -> Suspect:
    return rank(usual(), now)[0]


def words(suspect: Suspect) -> str:
    return "\n".join(map(sentence, suspect.evidence))


@pytest.mark.parametrize("service", ["gateway", "orders", "stock", "mailer"])
def test_a_service_that_works_longer_itself_is_the_suspect_and_not_who_waits_for_it(service: str) -> None:
    ranked = rank(usual(), incident(slow={service: 100.0}))
    assert [suspect.service for suspect in ranked if confidence(suspect) != "weak"] == [service]
    assert "own time of" in words(ranked[0])


@pytest.mark.parametrize("service", ["orders", "stock", "mailer"])
def test_a_service_that_is_far_away_is_the_suspect_though_nobody_works_longer(service: str) -> None:
    suspect = first(incident(far={service: 300.0}))
    assert suspect.service == service
    assert f"-> {service}:" in words(suspect)


@pytest.mark.parametrize("service", ["gateway", "orders", "stock"])
def test_errors_are_blamed_on_where_they_begin(service: str) -> None:
    suspect = first(incident(failing={service: 0.5}))
    assert suspect.service == service
    assert "fails, and nothing that it calls: 0% -> " in words(suspect)
    assert "first seen now" in words(suspect)
    assert f"new ERROR line '{service} failed'" in words(suspect)


@pytest.mark.parametrize("service", ["payments.example.com", "DynamoDB orders"])
@pytest.mark.parametrize("fault", [{"slow": 400.0}, {"failing": 0.5}, {"throttled": 0.5}])
def test_what_has_no_spans_of_its_own_can_be_the_suspect(service: str, fault: dict[str, float]) -> None:
    ((kind, amount),) = fault.items()
    assert first(incident(**{kind: {service: amount}})).service == service


def test_a_service_that_does_not_answer_is_the_suspect_and_not_its_caller() -> None:
    suspect = first(incident(silent={"stock": 0.5}))
    assert suspect.service == "stock"
    assert "does not answer: 0% -> " in words(suspect)


def test_a_service_that_returns_early_is_known_by_the_calls_it_no_longer_makes() -> None:
    suspect = first(incident(returning_early={"orders"}))
    assert suspect.service == "orders"
    assert "INFO line 'orders has done its work' with 4 more is gone: 1 -> 0 per call of GET /orders" in words(suspect)


def test_a_line_that_is_no_longer_written_is_enough() -> None:
    suspect = first(incident(line_missing={"stock"}))
    assert suspect.service == "stock"
    assert (
        words(suspect)
        == "INFO line 'stock has done its work' is gone: 1 -> 0 per call of GET /stock (requests: 60 before, 40 now)"
    )


@pytest.mark.parametrize("seed", range(2, 12))
def test_two_times_without_a_fault_give_no_confident_suspect(seed: int) -> None:
    assert all(confidence(suspect) == "weak" for suspect in rank(usual(), incident(seed=seed)))


def test_the_order_of_the_rows_does_not_matter() -> None:
    before, now = usual(), incident(slow={"stock": 100.0}, failing={"orders": 0.3})

    def shuffled(rows: Rows) -> Rows:
        return Rows(*(table.take(random.Random(7).sample(range(len(table)), len(table))) for table in rows))

    assert rank(shuffled(before), shuffled(now)) == rank(before, now)

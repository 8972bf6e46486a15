from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from customers.applications import Sample, application
from customers.families import HELD_OUT, TUNING
from customers.measure import measure

from functions.core.usage import field_columns, field_statistics
from functions.core.usage.field_names import form_of, suggestion
from functions.core.usage.find_tenants import propose

SEEDS = range(30_001, 30_013)


def company(lines: int = 1500, **names: str) -> Iterator[Sample]:
    """Telemetry of 30 customers of uneven size with ten users each, who work in sessions."""
    draw = random.Random(7)
    weights = [1 / (rank + 1) for rank in range(30)]
    for number in range(lines // 3):
        customer = draw.choices(range(30), weights)[0]
        user, start = f"person {customer}.{draw.randrange(10)}", draw.randrange(10**7)
        for step in range(3):
            line = {"who": user, "visit": number, "cust": f"c{customer}", "region": "eu-1", "took": draw.randrange(900)}
            yield start + step * 90_000, f"service {step % 2}", {names.get(name, name): line[name] for name in line}


def test_customers_are_found_and_none_is_invented() -> None:
    measured = [measure(family, SEEDS) for family in (TUNING, HELD_OUT)]
    wrong = "\n".join(line for each in measured for line in each.wrong)
    assert sum(each.found for each in measured) / 2 >= 0.95, wrong
    assert sum(each.false for each in measured) / 2 <= 0.05, wrong


def test_no_name_is_needed() -> None:
    found = propose(company(who="f1", visit="f2", cust="f3", region="f4", took="f5")).found
    assert found is not None
    assert found.paths == ("f3",)
    assert {each.name for each in found.evidence if each.weight > 0} >= {"unevenness", "members", "company", "coverage"}


def test_a_promising_name_is_not_enough() -> None:
    constant = [(time, service, line | {"tenant": "default"}) for time, service, line in company(cust="zz")]
    found = propose(constant).found
    assert found is not None
    assert found.paths == ("zz",)
    assert propose((time, "api", {"tenant": "default", "took": time % 7}) for time in range(500)).found is None


def test_a_user_who_is_called_customer_is_not_proposed() -> None:
    draw = random.Random(3)
    busy = [draw.paretovariate(1) for _ in range(200)]
    samples = []
    for session in range(400):
        buyer, start = draw.choices(range(200), busy)[0], session * 100_000
        browser = f"Mozilla/5.0 (X11; {buyer})"
        for step in range(4):
            line = {"customer_id": buyer, "user_agent": browser, "session": session}
            samples.append((start + step * 1000, "shop", line))
    assert propose(samples).found is None


def test_names_of_several_services_for_one_thing_are_one_candidate() -> None:
    samples = [
        (time, service, {("org" if name == "cust" and service == "service 1" else name): line[name] for name in line})
        for time, service, line in company()
    ]
    found = propose(samples).found
    assert found is not None
    assert set(found.paths) == {"org", "cust"}
    assert found.lines == 1500


def test_lists_of_attributes_are_read_by_their_keys() -> None:
    samples = [
        (time, service, {"attributes": [{"key": name, "value": {"stringValue": str(line[name])}} for name in line]})
        for time, service, line in company()
    ]
    found = propose(samples).found
    assert found is not None
    assert found.paths == ("attributes.cust",)


def test_the_order_of_lines_is_of_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_columns, "MOST_LINES", 700)
    samples = application(TUNING, 5, multi_tenant=True).samples
    assert len(samples) > 700
    proposal = propose(samples)
    assert proposal.lines == 700
    for seed in range(3):
        random.Random(seed).shuffle(samples)
        assert propose(samples) == proposal


def test_what_is_kept_of_lines_and_fields_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_columns, "MOST_CELLS", 5_000)
    proposal = propose((time, "a", {f"field {time} {n}": n for n in range(500)}) for time in range(200))
    assert proposal.lines == 5_000 // field_columns.MOST_MEMBERS
    assert proposal.fields == field_columns.MOST_FIELDS


def test_hostile_lines_do_no_harm() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    hostile = [
        *(deep, {}, {"a": []}, {"a": [{"key": ["x"], "value": {"b": 1}}]}, {"a": [{"key": None, "value": None}]}),
        *({"a": float("nan")}, {"a": 10**400}, {"a": "\ud800"}, {"a" * 10_000: 1}, {"a": "b" * 10**6}, {"": {"": "x"}}),
    ]
    assert propose((0, "\ud800", line) for line in hostile * 20).found is None
    assert propose([]).found is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        *(("tenantId", "tenant"), ("custom:tenant_id", "tenant"), ("ctx.organization.id", "tenant")),
        *(("customer", "company or person"), ("user.organization", "tenant"), ("enduser.id", "user")),
        *(
            ("aws.region", "other"),
            ("zz_ref", "unknown"),
            ("requestContext.domainPrefix", "other"),
            ("kunden_nr", "maybe tenant"),
        ),
    ],
)
def test_what_a_name_suggests(path: str, said: str) -> None:
    assert suggestion(path) == said


@pytest.mark.parametrize(
    ("value", "form"),
    [
        *(("eu-central-1", "region"), ("de-DE", "locale"), ("1.2.3", "version"), ("a@b.example", "e-mail")),
        *(("10.0.0.1", "IP address"), ("premium", "word of a list"), ("acme-42", "id"), ("Acme Ltd", "words")),
    ],
)
def test_the_form_of_values(value: str, form: str) -> None:
    assert form_of((value,)) == form


def test_agreement_is_corrected_for_chance() -> None:
    draw = random.Random(1)
    users = [draw.randrange(50) for _ in range(5_000)]
    assert field_statistics.agreement((user, user % 5) for user in users)[0] == 1
    assert abs(field_statistics.agreement((user, draw.random() < 0.9) for user in users)[0]) < 0.05


def test_counts_that_a_lottery_makes_are_even_and_those_of_customers_are_not() -> None:
    draw = random.Random(1)
    lottery = [0] * 20
    for _ in range(2_000):
        lottery[draw.randrange(20)] += 1
    assert field_statistics.unevenness(lottery) < 0.02
    assert field_statistics.unevenness([1000 // rank for rank in range(1, 21)]) > 1

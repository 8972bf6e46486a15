"""Customers from items of a DynamoDB table: which attributes are taken, what is refused, and how it is written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.customers.items import MOST_REASONS, Reading, Taken, attributes, decode, encode
from functions.core.customers.listing import Customer


def taken(*items, named=()):
    found = Taken()
    for item in items:
        found.add(item, attributes(named))
    return found


@pytest.mark.parametrize(
    "item",
    [
        {"tenant_id": {"S": "7"}, "name": {"S": " Acme "}, "plan": {"S": "free"}, "monthly_price": {"N": "49.5"}},
        {"id": {"N": "7"}, "companyName": {"S": "no"}, "company": {"S": "Acme"}, "tier": {"S": "free"},
         "monthlyPrice": {"S": "49.50"}},
        {"tenantId": {"S": "7"}, "id": {"S": "row-1"}, "customerName": {"S": "Acme"}, "plan": {"S": "free"},
         "monthlyPriceUsd": {"N": "49.5"}},
    ],
)  # fmt: skip
def test_an_item_is_read_by_the_usual_names_of_attributes(item):
    assert list(taken(item).customers.values()) == [Customer("7", "Acme", "free", 49.5)]


def test_an_attribute_that_is_named_is_taken_in_the_place_of_the_usual_ones():
    item = {"id": {"S": "row-1"}, "account.no": {"S": "acme"}, "name": {"S": "Acme"}, "plan": {"NULL": True}}
    assert taken(item, named=["tenant=account.no"]).customers == {"acme": Customer("acme", "Acme")}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({}, "tenant is empty"),
        ({"id": {"S": "a"}}, "name is empty"),
        ({"id": {"M": {}}, "name": {"S": "A"}}, "tenant is of the type M, not a text or a number"),
        ({"id": {"S": "a"}, "name": {"S": "A"}, "monthly_price": {"S": "$4"}}, "monthly_price_usd is '$4'"),
        ({"id": {"S": "a"}, "name": {"S": "A"}, "monthly_price": {"N": "1E+9"}}, "monthly_price_usd is '1E+9'"),
        ({"id": {"S": "a"}, "name": {"S": "A\x1b[0m"}}, "name holds the character U+001B"),
    ],
)
def test_an_item_that_names_no_customer_is_refused_alone_with_the_reason(item, reason):
    found = taken(item, {"id": {"S": "b"}, "name": {"S": "B"}})
    assert list(found.customers) == ["b"]
    assert found.refused == 1
    assert found.reasons[0].startswith(reason)


def test_two_items_of_one_customer_that_say_the_same_are_one_and_others_are_refused():
    one, other = ({"id": {"S": "a"}, "name": {"S": name}} for name in ("A", "B"))
    assert taken(one, one).refused == 0
    found = taken(one, other)
    assert (found.customers["a"].name, found.reasons) == ("A", ["tenant 'a' stands in another item as well"])


def test_reasons_are_few_and_the_refused_are_counted():
    found = taken(*[{}] * 100)
    assert (found.refused, len(found.reasons)) == (100, MOST_REASONS)


def test_how_it_was_read_comes_back_as_it_was_written_and_anything_else_is_nothing():
    reading = Reading("crm", 1_795_169_820_000, 3, 1, ["why"], "")
    assert decode(encode(reading)) == reading
    assert [decode(body) for body in (b"", b"{}", b"[1]", b"\xff")] == [None] * 4


VALUES = st.one_of(
    st.builds(lambda text: {"S": text}, st.text()),
    st.builds(lambda number: {"N": str(number)}, st.decimals(allow_nan=False, allow_infinity=False)),
    st.sampled_from([{"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {}}, {"B": b"\xff"}, {"SS": ["a"]}]),
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "tenant", "name", "plan", "monthly_price"]), VALUES)))
def test_whatever_items_hold_each_is_taken_or_refused(items):
    found = taken(*items)
    assert len(found.customers) + found.refused <= len(items)
    assert all(tenant == each.tenant and each.name for tenant, each in found.customers.items())

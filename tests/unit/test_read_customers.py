"""read_customers: the list is what the table holds, and stays what it was where the table cannot be read."""

import pytest
from answering import RefusedError, answering

from functions.aws import clients
from functions.core.customers import items
from functions.core.customers.listing import Customer, Names, encode
from functions.core.schema import TENANTS
from functions.read_customers import handler, table

TABLE = "crm-customers"
NOW_MS = 1_795_169_820_000
READING = "summaries/customers.json"
OLD = encode([Customer("old", "Old")])


class Account:
    """The user's table, and the lake bucket with what was written into it."""

    def __init__(self):
        self.items = [item(number) for number in range(5)]
        self.objects, self.written, self.scans = {}, [], []
        self.refuse, self.milliseconds_left = None, 300_000
        self.clients = {"s3": answering("s3", self._s3), "dynamodb": answering("dynamodb", self._dynamodb)}

    def _dynamodb(self, operation, params):
        assert operation == "Scan"
        self.scans.append(params)
        if self.refuse:
            raise self.refuse
        names = {params["ExpressionAttributeNames"][each] for each in params["ProjectionExpression"].split(", ")}
        return {"Items": [{name: each[name] for name in each.keys() & names} for each in self.items]}

    def _s3(self, operation, params):
        key = params["Key"]
        if operation == "PutObject":
            body = params["Body"]
            self.objects[key] = body if isinstance(body, bytes) else body.read()
            self.written.append(key)
            return {"ETag": '"2"'}
        if key not in self.objects:
            raise RefusedError("NoSuchKey")
        return {"Body": Body(self.objects[key]), "ETag": '"1"'}

    def get_remaining_time_in_millis(self):
        return self.milliseconds_left

    @property
    def customers(self):
        return Names(self.objects[TENANTS.file]).all()

    @property
    def reading(self):
        return items.decode(self.objects[READING])


class Body(bytes):
    def read(self):
        return bytes(self)


def item(number):
    return {"id": {"S": f"t{number}"}, "name": {"S": f"Name {number}"}, "secret": {"S": "not read"}}


@pytest.fixture
def account(monkeypatch):
    made = Account()
    monkeypatch.setattr(clients, "_client", made.clients.get)
    for name, value in {"LAKE_BUCKET": "lake", "TENANTS_TABLE": TABLE, "TENANTS_ATTRIBUTES": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(handler.environment, "now_ms", lambda: NOW_MS)
    return made


def test_all_pages_of_the_table_become_the_list(account):
    assert handler.handle({}, account) == {"customers": 5, "refused": 0, "changed": True}
    assert account.customers == [Customer(f"t{number}", f"Name {number}") for number in range(5)]
    assert account.reading == items.Reading(TABLE, NOW_MS, 5)


def test_only_what_the_list_has_is_read_of_an_item(account):
    handler.handle({}, account)
    [names] = {tuple(each["ExpressionAttributeNames"].values()) for each in account.scans}
    assert "secret" not in names
    assert {"id", "tenant", "tenantId", "name", "plan", "monthly_price"} <= set(names)


def test_attributes_of_other_names_are_those_of_the_setting(account, monkeypatch):
    monkeypatch.setenv("TENANTS_ATTRIBUTES", "tenant=account.no,name=secret")
    account.items = [{**item(1), "account.no": {"N": "77"}}]
    handler.handle({}, account)
    assert account.customers == [Customer("77", "not read")]


def test_a_list_that_has_not_changed_is_not_written_again(account):
    handler.handle({}, account)
    account.written.clear()
    assert handler.handle({}, account)["changed"] is False
    assert account.written == [READING]


def test_an_item_that_names_no_customer_is_told_and_the_others_are_taken(account):
    account.items.append({"id": {"S": "x"}})
    assert handler.handle({}, account)["refused"] == 1
    assert account.reading.reasons == ["name is empty"]
    assert len(account.customers) == 5


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", "ResourceNotFoundException"),
        ("AccessDeniedException", "AccessDeniedException"),
        ("ProvisionedThroughputExceededException", "ProvisionedThroughputExceededException"),
    ],
)
def test_where_the_table_cannot_be_read_the_list_stays_and_the_reason_is_told(account, code, error):
    account.objects[TENANTS.file] = OLD
    account.refuse = RefusedError(code)
    with pytest.raises(Exception, match=error):
        handler.handle({}, account)
    assert account.objects[TENANTS.file] == OLD
    assert error in account.reading.error


def too_many(account, monkeypatch):
    monkeypatch.setattr(table, "MOST_CUSTOMERS", 3)


def too_large(account, monkeypatch):
    monkeypatch.setattr(table, "MOST_PAGES", 2)


def too_slow(account, monkeypatch):
    account.milliseconds_left = handler.RESERVE_MS


def empty(account, monkeypatch):
    account.items = []


def of_something_else(account, monkeypatch):
    account.items = [{"pk": {"S": "ORDER#1"}}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (too_many, "more than 3 customers"),
        (too_large, "more than 2 MB"),
        (too_slow, "not read to its end in time"),
        (empty, "it is empty"),
        (of_something_else, "tenant is empty"),
    ],
)
def test_a_table_that_gives_no_whole_list_changes_nothing(account, monkeypatch, change, reason):
    account.objects[TENANTS.file] = OLD
    change(account, monkeypatch)
    with pytest.raises(table.UnreadError, match=reason):
        handler.handle({}, account)
    assert account.objects[TENANTS.file] == OLD
    assert reason in account.reading.error


def test_an_object_that_is_no_list_is_replaced(account):
    account.objects[TENANTS.file] = b"PAR1 broken"
    assert handler.handle({}, account)["changed"] is True
    assert len(account.customers) == 5

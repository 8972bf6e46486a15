"""All functions of the pipeline while lists come in pages and AWS throttles: the same stories, the same audit."""

import pytest
from answering import RefusedError, answering
from botocore import xform_name

from functions.aws import clients

from . import audit
from .account import Account
from .errors import ServiceError
from .world import entered

SERVICES = ("cloudwatch", "dynamodb", "glue", "s3")
KINDS = ("logs", "emf", "spans", "journey", "invocation", "split", "usage", "webhook", "garbage", "repeat")


def _client(account, service, asked):
    def answer(operation, params):
        asked.add(operation)
        try:
            return account.world.call(service, xform_name(operation), params)
        except ServiceError as error:
            parsed = dict(error.answer)
            found = parsed.pop("Error")
            raise RefusedError(found["Code"], found["Message"], **parsed) from None

    return answering(service, answer)


@pytest.fixture
def account(monkeypatch):
    """An account whose clients throttle the first call of each operation; `asked` is what was called."""
    one = Account()
    one.asked = set()
    made = {service: _client(one, service, one.asked) for service in SERVICES}
    monkeypatch.setattr(clients, "_client", made.get)
    with entered(one.world):
        one.create_partitions()
        yield one


def test_nothing_is_lost_or_doubled_though_each_operation_is_throttled_and_each_list_comes_in_pages(account):
    account.source.batch_size = 4
    for number in range(6):
        for kind in KINDS:
            account.applications.write(kind)
        account.applications.write("poison" if number == 3 else "logs")
        account.wait(40)
        while account.normalize():
            pass
        account.compact()
    account.heal()
    audit.check(account)
    account.wait(26 * 60)
    account.compact()
    audit.check_nothing_is_left_over(account)
    assert account.asked >= {"TransactWriteItems", "Query", "ListObjectsV2", "DeleteObjects", "BatchUpdatePartition"}

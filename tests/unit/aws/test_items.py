"""Transactions of the state table: what passes is tried again, and a lost condition is not."""

import pytest
from answering import RefusedError, answering
from botocore.exceptions import ClientError

from functions.aws import clients, items


@pytest.fixture
def cancelled(monkeypatch):
    """Reasons with which the next transactions are cancelled; gives also how long was waited between them."""
    reasons, pauses = [], []

    def answer(_operation, _params):
        if reasons:
            found = [{"Code": "None"}, {"Code": reasons.pop(0)}]
            raise RefusedError("TransactionCanceledException", CancellationReasons=found)

    client = answering("dynamodb", answer)
    monkeypatch.setattr(clients, "_client", lambda _name: client)
    monkeypatch.setattr(items.time, "sleep", lambda seconds: pauses.append(seconds) if seconds else None)
    return reasons, pauses


def _transact():
    items.transact([items.put("state", {"pk": "a", "sk": "b"})])


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_something_passing_cancelled_is_tried_again(cancelled, reason):
    reasons, pauses = cancelled
    reasons += [reason] * 4
    _transact()
    assert reasons == []
    assert len(pauses) == 4
    assert pauses == sorted(pauses)


def test_it_is_given_up_after_some_attempts_and_at_once_where_it_is_wrong(cancelled):
    reasons, _ = cancelled
    reasons += ["ThrottlingError"] * 6
    with pytest.raises(ClientError):
        _transact()
    assert len(reasons) == 1
    reasons[:] = ["ValidationError", "ThrottlingError"]
    with pytest.raises(ClientError):
        _transact()
    assert reasons == ["ThrottlingError"]


def test_a_lost_condition_is_not_tried_again(cancelled):
    reasons, pauses = cancelled
    reasons.append("ConditionalCheckFailed")
    with pytest.raises(items.ConditionLostError):
        _transact()
    assert pauses == []

"""Summaries in the bucket: absent ones are empty, and nobody overwrites what he has not seen."""

import io

import pytest
from answering import RefusedError, answering

from functions.aws import objects
from functions.aws.objects import Stored
from functions.aws.summaries import Summaries, key_of


@pytest.fixture
def bucket(monkeypatch):
    """What was asked of the bucket, and what it refuses with."""
    asked, refused = [], {}

    def answer(operation, params):
        asked.append((operation, params))
        if operation in refused:
            raise RefusedError(refused[operation])
        if operation == "GetObject":
            if params["Key"].endswith("absent"):
                raise RefusedError("NoSuchKey")
            return {"Body": io.BytesIO(params["Key"].encode()), "ETag": '"7"'}
        return {}

    client = answering("s3", answer)
    monkeypatch.setattr(objects, "client", lambda _name: client)
    return asked, refused


def test_an_object_is_read_with_what_tells_whether_it_has_changed(bucket):
    assert Summaries("lake").read("a") == Stored(b"a", '"7"')
    assert Summaries("lake").read("absent") == Stored()


def test_hours_come_in_the_order_they_were_asked_for(bucket, monkeypatch):
    monkeypatch.setattr(Summaries, "workers", 1)
    hours = ["2026-11-20-11", "2026-11-20-10"]
    assert Summaries("lake").read_hours("errors", hours) == [key_of("errors", hour).encode() for hour in hours]
    assert key_of("errors", hours[0]) == "summaries/errors/hour=2026-11-20-11.json"


def test_whatever_else_goes_wrong_is_told(bucket):
    bucket[1]["GetObject"] = "AccessDenied"
    with pytest.raises(Exception, match="AccessDenied"):
        Summaries("lake").read("a")


@pytest.mark.parametrize(
    ("read", "condition"),
    [(Stored(b"old", '"7"'), {"IfMatch": '"7"'}), (Stored(), {"IfNoneMatch": "*"})],
)
def test_an_object_is_replaced_only_if_it_still_is_what_was_read(bucket, read, condition):
    asked, refused = bucket
    assert Summaries("lake").replace("a", b"new", read)
    [(_, params)] = asked
    assert condition.items() <= params.items()
    assert len({"IfMatch", "IfNoneMatch"} & set(params)) == 1
    for lost in ("PreconditionFailed", "ConditionalRequestConflict"):
        refused["PutObject"] = lost
        assert not Summaries("lake").replace("a", b"new", read)
    refused["PutObject"] = "AccessDenied"
    with pytest.raises(Exception, match="AccessDenied"):
        Summaries("lake").replace("a", b"new", read)

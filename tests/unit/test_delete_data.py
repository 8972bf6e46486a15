"""delete-data: goes through all versions, can be started again wherever it was interrupted, and stops where it must."""

import io

import pytest
from answering import RefusedError, answering

from cli import delete_data
from cli.errors import CommandError

STACK = "tracelake-main-data"
KEPT = {
    "Lake": ("AWS::S3::Bucket", "the-lake"),
    "Key": ("AWS::KMS::Key", "the-key"),
    "State": ("AWS::DynamoDB::Table", "the-state"),
    "Database": ("AWS::Glue::Database", "tracelake_main"),
}


class Account:
    """What is there, and every call that deletes, in order."""

    def __init__(self):
        self.stacks = {STACK}
        self.versions = [("a", "1"), ("a", "2"), ("b", "3")]
        self.there = {"the-lake", "the-key", "the-state"}
        self.done = []
        self.refuses = ""
        services = ("cloudformation", "s3", "dynamodb", "kms")
        self._clients = {name: answering(name, self._answer) for name in services}

    def client(self, name):
        return self._clients[name]

    def _answer(self, operation, params):
        handler = getattr(self, f"_{operation}")
        if operation == self.refuses:
            raise RefusedError("ThrottlingException")
        return handler(params)

    def _DescribeStacks(self, params):
        if params["StackName"] not in self.stacks:
            raise RefusedError("ValidationError", f"Stack with id {params['StackName']} does not exist")
        return {"Stacks": [{"StackName": STACK, "CreationTime": "2026-11-20", "StackStatus": "CREATE_COMPLETE"}]}

    def _ListStackResources(self, params):
        first = "NextToken" not in params
        page = list(KEPT.items())[:2] if first else list(KEPT.items())[2:]
        summaries = [
            {
                "LogicalResourceId": id,
                "PhysicalResourceId": name,
                "ResourceType": kind,
                "LastUpdatedTimestamp": "2026-11-20",
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for id, (kind, name) in page
        ]
        return {"StackResourceSummaries": summaries} | ({"NextToken": "more"} if first else {})

    def _ListObjectVersions(self, params):
        self._must_be("the-lake", "NoSuchBucket")
        first = "KeyMarker" not in params
        page = self.versions[:2] if first else self.versions[2:]
        versions = [{"Key": key, "VersionId": version} for key, version in page]
        if first:
            return {"Versions": versions, "IsTruncated": True, "NextKeyMarker": "b", "NextVersionIdMarker": "3"}
        return {"DeleteMarkers": versions, "IsTruncated": False}

    def _DeleteObjects(self, params):
        gone = [(each["Key"], each["VersionId"]) for each in params["Delete"]["Objects"]]
        self.done.append(("objects", gone))
        return {}

    def _DeleteBucket(self, params):
        self._gone("the-lake", "NoSuchBucket")
        return {}

    def _DeleteTable(self, params):
        self._gone("the-state", "ResourceNotFoundException")
        return {}

    def _ScheduleKeyDeletion(self, params):
        assert params == {"KeyId": "the-key", "PendingWindowInDays": 7}
        self._gone("the-key", "KMSInvalidStateException")
        return {}

    def _must_be(self, name, code):
        if name not in self.there:
            raise RefusedError(code)

    def _gone(self, name, code):
        self._must_be(name, code)
        self.there.remove(name)
        self.done.append(("deleted", name))

    def _UpdateTerminationProtection(self, params):
        assert params["EnableTerminationProtection"] is False
        self.done.append(("unprotected", params["StackName"]))
        return {}

    def _DeleteStack(self, params):
        self.stacks.remove(params["StackName"])
        self.done.append(("deleted", params["StackName"]))
        return {}


@pytest.fixture
def account(monkeypatch):
    made = Account()
    monkeypatch.setattr(delete_data, "client", made.client)
    return made


def run(answer="main", **more):
    return delete_data.run("main", **{"yes": False, **more}, ask=lambda _: answer, out=io.StringIO(), err=io.StringIO())


def test_every_version_goes_then_what_held_it_then_the_key_and_the_stack_that_names_them_last(account):
    assert run() == 0
    assert account.done == [
        ("objects", [("a", "1"), ("a", "2")]),
        ("objects", [("b", "3")]),
        ("deleted", "the-lake"),
        ("deleted", "the-state"),
        ("deleted", "the-key"),
        ("unprotected", STACK),
        ("deleted", STACK),
    ]


@pytest.mark.parametrize("call", ["DeleteObjects", "DeleteBucket", "DeleteTable", "ScheduleKeyDeletion", "DeleteStack"])
def test_an_interrupted_run_is_started_again_and_ends_with_nothing_left(account, call):
    account.refuses = call
    with pytest.raises(CommandError, match="ThrottlingException"):
        run()
    assert account.stacks == {STACK}, "the list of what there is to delete"
    account.refuses = ""
    assert run() == 0
    assert not account.there | account.stacks


@pytest.mark.parametrize("answer", ["", "y", "yes", "dev"])
def test_only_the_name_of_the_stage_deletes_anything(account, answer):
    with pytest.raises(CommandError, match="nothing was deleted"):
        run(answer)
    assert account.done == []


def test_whoever_says_yes_is_not_asked(account):
    assert run("no", yes=True) == 0


@pytest.mark.parametrize("writer", ["ingest", "insight"])
def test_as_long_as_somebody_writes_nothing_is_deleted(account, writer):
    account.stacks.add(f"tracelake-main-{writer}")
    with pytest.raises(CommandError, match=f"still has its {writer} stack: run `make destroy` first"):
        run(yes=True)
    assert account.done == []


def test_without_a_stack_there_is_nothing_to_delete(account):
    account.stacks.clear()
    with pytest.raises(CommandError, match="has no stack tracelake-main-data"):
        run(yes=True)


def test_objects_that_cannot_be_deleted_end_it(account, monkeypatch):
    error = {"Key": "a", "Code": "AccessDenied"}
    monkeypatch.setattr(account, "_DeleteObjects", lambda _: {"Errors": [error]})
    with pytest.raises(CommandError, match=r"1 objects of the-lake cannot be deleted.*AccessDenied"):
        run()
    assert account.done == []

"""Partitions: what Glue answers in the list of errors is read."""

import pytest
from answering import RefusedError, answering

from functions.aws import catalog, clients

TABLE = {"Table": {"Name": "logs", "StorageDescriptor": {"Columns": [], "Location": "s3://lake/"}}}
PLACE = {"DatabaseName": "db", "TableName": "logs"}


class Glue:
    """Answers each operation with what comes next for it; `asked` is what it was asked."""

    def __init__(self):
        self.answers, self.asked = {"GetTable": [TABLE]}, []
        self.client = answering("glue", self._answer)

    def then(self, operation, answer):
        self.answers.setdefault(operation, []).append(answer)

    def operations(self):
        return [operation for operation, _ in self.asked]

    def _answer(self, operation, params):
        self.asked.append((operation, params))
        answer = self.answers[operation].pop(0)
        if isinstance(answer, RefusedError):
            raise answer
        return answer


@pytest.fixture
def glue(monkeypatch):
    made = Glue()
    monkeypatch.setattr(clients, "_client", lambda _name: made.client)
    return made


def _updated(code=None):
    detail = {"PartitionValueList": ["h"], "ErrorDetail": {"ErrorCode": code, "ErrorMessage": ""}}
    return {"Errors": [detail] if code else []}


def _created(code=None):
    detail = {"PartitionValues": ["h"], "ErrorDetail": {"ErrorCode": code, "ErrorMessage": ""}}
    return {"Errors": [detail] if code else []}


def _point():
    catalog.Partitions("db", "logs").point("h", "s3://lake/settled/")


def test_a_partition_that_exists_is_moved_with_the_tables_own_format(glue):
    glue.then("BatchUpdatePartition", _updated())
    _point()
    descriptor = {"Columns": [], "Location": "s3://lake/settled/"}
    entry = {"PartitionValueList": ["h"], "PartitionInput": {"Values": ["h"], "StorageDescriptor": descriptor}}
    assert glue.asked[1:] == [("BatchUpdatePartition", {**PLACE, "Entries": [entry]})]


def test_a_missing_partition_is_created(glue):
    glue.then("BatchUpdatePartition", _updated("EntityNotFoundException"))
    glue.then("BatchCreatePartition", _created())
    _point()
    assert glue.operations()[1:] == ["BatchUpdatePartition", "BatchCreatePartition"]


def test_a_partition_that_somebody_creates_in_between_is_moved(glue):
    glue.then("BatchUpdatePartition", _updated("EntityNotFoundException"))
    glue.then("BatchCreatePartition", _created("AlreadyExistsException"))
    glue.then("BatchUpdatePartition", _updated())
    _point()
    assert glue.operations()[1:] == ["BatchUpdatePartition", "BatchCreatePartition", "BatchUpdatePartition"]


def test_any_other_error_in_the_list_is_raised(glue):
    glue.then("BatchUpdatePartition", _updated("InternalServiceException"))
    with pytest.raises(catalog.PartitionError, match="InternalServiceException"):
        _point()


def test_a_table_gets_its_index_on_the_hour_once(glue):
    glue.then("GetPartitionIndexes", {"PartitionIndexDescriptorList": []})
    glue.then("CreatePartitionIndex", {})
    assert catalog.Partitions("db", "logs").index()
    index = {"Keys": ["hour"], "IndexName": "hour"}
    assert glue.asked[-1] == ("CreatePartitionIndex", {**PLACE, "PartitionIndex": index})
    keys = [{"Name": "hour", "Type": "string"}]
    found = {"IndexName": "hour", "Keys": keys, "IndexStatus": "CREATING"}
    glue.then("GetPartitionIndexes", {"PartitionIndexDescriptorList": [found]})
    assert not catalog.Partitions("db", "logs").index()


def test_an_index_that_another_run_creates_in_between_is_as_good(glue):
    glue.then("GetPartitionIndexes", {"PartitionIndexDescriptorList": []})
    glue.then("CreatePartitionIndex", RefusedError("AlreadyExistsException"))
    assert catalog.Partitions("db", "logs").index()


def test_an_index_that_glue_refuses_is_an_error(glue):
    glue.then("GetPartitionIndexes", {"PartitionIndexDescriptorList": []})
    glue.then("CreatePartitionIndex", RefusedError("ResourceNumberLimitExceededException"))
    with pytest.raises(glue.client.exceptions.ResourceNumberLimitExceededException):
        catalog.Partitions("db", "logs").index()

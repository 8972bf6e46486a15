"""Partitions: what Glue answers in the list of errors is read."""

import boto3
import pytest
from botocore.stub import Stubber

from functions.aws import catalog

TABLE = {"Table": {"Name": "logs", "StorageDescriptor": {"Columns": [], "Location": "s3://lake/"}}}


@pytest.fixture
def empty_glue(monkeypatch):
    one = boto3.client("glue", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(catalog, "client", lambda name: one)
    with Stubber(one) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def glue(empty_glue):
    empty_glue.add_response("get_table", TABLE)
    return empty_glue


def _updated(code=None):
    detail = {"PartitionValueList": ["h"], "ErrorDetail": {"ErrorCode": code, "ErrorMessage": ""}}
    return {"Errors": [detail] if code else []}


def _created(code=None):
    detail = {"PartitionValues": ["h"], "ErrorDetail": {"ErrorCode": code, "ErrorMessage": ""}}
    return {"Errors": [detail] if code else []}


def _point():
    catalog.Partitions("db", "logs").point("h", "s3://lake/settled/")


def test_a_partition_that_exists_is_moved_with_the_tables_own_format(glue):
    descriptor = {"Columns": [], "Location": "s3://lake/settled/"}
    entry = {"PartitionValueList": ["h"], "PartitionInput": {"Values": ["h"], "StorageDescriptor": descriptor}}
    request = {"DatabaseName": "db", "TableName": "logs", "Entries": [entry]}
    glue.add_response("batch_update_partition", _updated(), request)
    _point()


def test_a_missing_partition_is_created(glue):
    glue.add_response("batch_update_partition", _updated("EntityNotFoundException"))
    glue.add_response("batch_create_partition", _created())
    _point()


def test_a_partition_that_somebody_creates_in_between_is_moved(glue):
    glue.add_response("batch_update_partition", _updated("EntityNotFoundException"))
    glue.add_response("batch_create_partition", _created("AlreadyExistsException"))
    glue.add_response("batch_update_partition", _updated())
    _point()


def test_any_other_error_in_the_list_is_raised(glue):
    glue.add_response("batch_update_partition", _updated("InternalServiceException"))
    with pytest.raises(catalog.PartitionError, match="InternalServiceException"):
        _point()


def test_a_table_gets_its_index_on_the_hour_once(empty_glue):
    place = {"DatabaseName": "db", "TableName": "logs"}
    empty_glue.add_response("get_partition_indexes", {"PartitionIndexDescriptorList": []}, place)
    index = {"Keys": ["hour"], "IndexName": "hour"}
    empty_glue.add_response("create_partition_index", {}, {**place, "PartitionIndex": index})
    assert catalog.Partitions("db", "logs").index()
    keys = [{"Name": "hour", "Type": "string"}]
    found = {"IndexName": "hour", "Keys": keys, "IndexStatus": "CREATING"}
    empty_glue.add_response("get_partition_indexes", {"PartitionIndexDescriptorList": [found]}, place)
    assert not catalog.Partitions("db", "logs").index()


def test_an_index_that_another_run_creates_in_between_is_as_good(empty_glue):
    empty_glue.add_response("get_partition_indexes", {"PartitionIndexDescriptorList": []})
    empty_glue.add_client_error("create_partition_index", "AlreadyExistsException")
    assert catalog.Partitions("db", "logs").index()


def test_an_index_that_glue_refuses_is_an_error(empty_glue):
    empty_glue.add_response("get_partition_indexes", {"PartitionIndexDescriptorList": []})
    empty_glue.add_client_error("create_partition_index", "ResourceNumberLimitExceededException")
    with pytest.raises(empty_glue.client.exceptions.ResourceNumberLimitExceededException):
        catalog.Partitions("db", "logs").index()

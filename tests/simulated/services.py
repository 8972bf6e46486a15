"""S3, Glue and CloudWatch in memory: only the calls that the project uses."""

import io
import zlib
from datetime import UTC, datetime
from urllib.parse import unquote

from .errors import ServiceError

WRITTEN = datetime(2026, 11, 20, 9, 55, tzinfo=UTC)
"""When every object was written, for who asks."""


class S3:
    def __init__(self):
        self.objects = {}

    def put_object(self, params):
        body, place = params["Body"], (params["Bucket"], params["Key"])
        if params.get("IfNoneMatch") == "*" and place in self.objects:
            raise ServiceError("PreconditionFailed", params["Key"])
        if "IfMatch" in params and (place not in self.objects or _etag(self.objects[place]) != params["IfMatch"]):
            raise ServiceError("PreconditionFailed", params["Key"])
        self.objects[place] = body if isinstance(body, bytes) else body.getvalue()
        return {"ETag": _etag(self.objects[place])}

    def get_object(self, params):
        place = params["Bucket"], params["Key"]
        if place not in self.objects:
            raise ServiceError("NoSuchKey", params["Key"])
        etag = _etag(self.objects[place])
        if params.get("IfMatch", etag) != etag:
            raise ServiceError("PreconditionFailed", params["Key"])
        if params.get("IfNoneMatch") == etag:
            raise ServiceError("304", "Not Modified")
        return {"Body": io.BytesIO(self.objects[place]), "ETag": etag, "LastModified": WRITTEN}

    def copy_object(self, params):
        source = tuple(unquote(params["CopySource"]).split("/", 1))
        self.objects[params["Bucket"], params["Key"]] = self.objects[source]
        return {}

    def delete_object(self, params):
        self.objects.pop((params["Bucket"], params["Key"]), None)
        return {}

    def delete_objects(self, params):
        assert 0 < len(params["Delete"]["Objects"]) <= 1000
        for found in params["Delete"]["Objects"]:
            self.objects.pop((params["Bucket"], found["Key"]), None)
        return {}

    def list_objects_v2(self, params):
        keys = self.keys(params["Bucket"], params.get("Prefix", ""))
        keys = [key for key in keys if key > params.get("StartAfter", "")][: params.get("MaxKeys")]
        return {"Contents": [{"Key": key} for key in keys], "IsTruncated": False} if keys else {"IsTruncated": False}

    def keys(self, bucket, prefix):
        return sorted(key for name, key in self.objects if name == bucket and key.startswith(prefix))


def _etag(body):
    return f'"{zlib.crc32(body):08x}"'


class Glue:
    def __init__(self):
        self.locations = {}
        self.indexes = {}

    def get_partition_indexes(self, params):
        return {"PartitionIndexDescriptorList": self.indexes.get(params["TableName"], [])}

    def create_partition_index(self, params):
        if params["TableName"] in self.indexes:
            raise ServiceError("AlreadyExistsException", params["TableName"])
        wanted = params["PartitionIndex"]
        keys = [{"Name": name, "Type": "string"} for name in wanted["Keys"]]
        found = {"IndexName": wanted["IndexName"], "Keys": keys, "IndexStatus": "CREATING"}
        self.indexes[params["TableName"]] = [found]
        return {}

    def get_table(self, params):
        descriptor = {"Columns": [{"Name": "time", "Type": "timestamp"}], "Location": "s3://lake/nowhere/"}
        return {"Table": {"Name": params["Name"], "StorageDescriptor": descriptor}}

    def batch_create_partition(self, params):
        assert len(params["PartitionInputList"]) <= 100
        errors = []
        for wanted in params["PartitionInputList"]:
            place = params["TableName"], wanted["Values"][0]
            if place in self.locations:
                detail = {"ErrorCode": "AlreadyExistsException", "ErrorMessage": "Partition already exists."}
                errors.append({"PartitionValues": wanted["Values"], "ErrorDetail": detail})
            else:
                self.locations[place] = wanted["StorageDescriptor"]["Location"]
        return {"Errors": errors}

    def batch_update_partition(self, params):
        errors = []
        for entry in params["Entries"]:
            place = params["TableName"], entry["PartitionValueList"][0]
            if place in self.locations:
                self.locations[place] = entry["PartitionInput"]["StorageDescriptor"]["Location"]
            else:
                detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."}
                errors.append({"PartitionValueList": entry["PartitionValueList"], "ErrorDetail": detail})
        return {"Errors": errors}


class CloudWatch:
    def __init__(self):
        self.data = []

    def put_metric_data(self, params):
        for datum in params["MetricData"]:
            assert len(datum["Values"]) == len(datum["Counts"]) <= 150
        self.data += params["MetricData"]
        return {}


class SNS:
    def __init__(self):
        self.subjects = []

    def publish(self, params):
        self.subjects.append(params["Subject"])
        return {"MessageId": str(len(self.subjects))}

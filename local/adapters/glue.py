"""Gap: Glue answers with storage descriptors as they were put, and with texts that were not put as empty ones.

AWS fills in the former and leaves out the latter, and readers of a Hive catalog count on it, as Trino does.
"""

from typing import Any

from ministack.services import glue

_FILLED_IN = {"NumberOfBuckets": 0, "Compressed": False, "StoredAsSubDirectories": False}
_LEFT_OUT = {"Description", "Owner"}


def install() -> None:
    answer = glue.json_response
    glue.json_response = lambda data, *more: answer(_as_on_aws(data), *more)


def _as_on_aws(data: Any) -> Any:
    match data:
        case {"StorageDescriptor": dict() as descriptor, **others}:
            given = {name: value for name, value in others.items() if value or name not in _LEFT_OUT}
            return {**given, "StorageDescriptor": {**_FILLED_IN, **descriptor}}
        case dict():
            return {name: _as_on_aws(value) for name, value in data.items()}
        case list():
            return [_as_on_aws(value) for value in data]
    return data

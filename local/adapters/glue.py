"""Gap: Glue answers with storage descriptors as they were put.

AWS fills in what was left out, and readers of a Hive catalog count on it, as Trino does.
"""

from typing import Any

from ministack.services import glue

_FILLED_IN = {"NumberOfBuckets": 0, "Compressed": False, "StoredAsSubDirectories": False}


def install() -> None:
    answer = glue.json_response
    glue.json_response = lambda data, *more: answer(_completed(data), *more)


def _completed(data: Any) -> Any:
    match data:
        case {"StorageDescriptor": dict() as descriptor, **others}:
            return {**others, "StorageDescriptor": {**_FILLED_IN, **descriptor}}
        case dict():
            return {name: _completed(value) for name, value in data.items()}
        case list():
            return [_completed(value) for value in data]
    return data

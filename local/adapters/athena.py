"""Gap: Athena is DuckDB's SQL on a table's location; parameters, registered partitions and views are ignored.

On AWS a query is Trino's SQL and reads exactly the locations of the partitions that are registered in Glue. Objects are
copied once to local files under `hour=...` folders, so that DuckDB skips the hours that a query does not ask for.
"""

import asyncio
import base64
import json
import os
import tempfile
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
from ministack.services import athena, glue, s3
from sqlglot import exp

from local.adapters import athena_sql

_FILES = Path(tempfile.gettempdir()) / f"athena-{os.getpid()}"
_VIEW_PREFIX = "/* Presto View: "


class _Query(str):
    """A query that carries its parameters to where it runs."""

    parameters: list[str]


def install() -> None:
    start = athena._start_query_execution

    def start_with_parameters(request: dict[str, Any]) -> Any:
        query = _Query(request.get("QueryString", ""))
        query.parameters = request.get("ExecutionParameters", [])
        return start({**request, "QueryString": query})

    async def run(query: str, database: str, _catalog: str | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(execute, query, getattr(query, "parameters", []), database)

    athena._start_query_execution = start_with_parameters
    athena._run_duckdb = run


def execute(query: str, parameters: list[str], database: str) -> dict[str, Any]:
    """Columns, Athena types and rows as Athena's text; raises with the reason where the query is wrong."""
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET integer_division = true;" + athena_sql.MACROS)
        tree = athena_sql.parse(query, parameters)
        relation = connection.sql(_prepare(connection, tree, database))
        if relation is None:
            return {"columns": [], "column_types": [], "rows": []}
        names, types = _column_names(tree, relation.columns), [str(each) for each in relation.types]
        shown = [
            f"strftime(timezone('UTC', #{number}), '%Y-%m-%d %H:%M:%S.%g UTC')" if "ZONE" in type_ else f"#{number}"
            for number, type_ in enumerate(types, 1)
        ]
        rows = relation.project(", ".join(shown)).fetchall()
        return {
            "columns": names,
            "column_types": [_athena_type(each) for each in types],
            "rows": [[None if value is None else _text(value) for value in row] for row in rows],
        }


def _column_names(tree: exp.Expression, names: list[str]) -> list[str]:
    """Athena calls the third column `_col2` where the query gives it no name."""
    selected = tree.selects if isinstance(tree, exp.Query) else []
    if len(selected) != len(names) or any(each.is_star for each in selected if not each.alias):
        return names
    return [
        each.alias or (each.name if isinstance(each, exp.Column) else f"_col{number}")
        for number, each in enumerate(selected)
    ]


def _prepare(connection: duckdb.DuckDBPyConnection, tree: exp.Expression, database: str) -> str:
    """Makes each Glue table that the query names a view, and gives the query in DuckDB's SQL."""
    defined_here = {cte.alias for cte in tree.find_all(exp.CTE)}
    types: dict[str, str] = {}
    for reference in list(tree.find_all(exp.Table)):
        table_database = reference.db or database
        table = glue._tables.get(f"{table_database}/{reference.name}")
        if table is None:
            if reference.db or reference.name not in defined_here:
                raise ValueError(f"TABLE_NOT_FOUND: Table '{table_database}.{reference.name}' does not exist")
            continue
        types.update({column["Name"]: column["Type"] for column in _columns(table)})
        reference.set("catalog", None)
        reference.set("db", exp.to_identifier(table_database, quoted=True))
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table_database}"')
        definition = _definition(connection, table, table_database)
        connection.execute(f'CREATE OR REPLACE VIEW "{table_database}"."{reference.name}" AS {definition}')
    return athena_sql.to_duckdb(tree, types.get)


def _columns(table: dict[str, Any]) -> list[dict[str, str]]:
    return table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])


def _definition(connection: duckdb.DuckDBPyConnection, table: dict[str, Any], database: str) -> str:
    original = table.get("ViewOriginalText") or ""
    if original.startswith(_VIEW_PREFIX):
        view = json.loads(base64.b64decode(original.removeprefix(_VIEW_PREFIX).removesuffix(" */")))
        return _prepare(connection, athena_sql.parse(view["originalSql"], []), view.get("schema") or database)
    empty = ", ".join(
        f'CAST(NULL AS {exp.DataType.build(column["Type"], dialect="hive").sql("duckdb")}) AS "{column["Name"]}"'
        for column in _columns(table)
    )
    names = ", ".join(f'"{column["Name"]}"' for column in _columns(table))
    files = ", ".join(f"'{path}'" for path in _local_files(table))
    if not files:
        return f"SELECT {empty} WHERE false"
    keys = ", ".join(f"'{key['Name']}': VARCHAR" for key in table.get("PartitionKeys", []))
    hive = f"hive_partitioning = true, hive_types = {{{keys}}}" if keys else "hive_partitioning = false"
    rows = f"SELECT * FROM read_parquet([{files}], union_by_name = true, {hive})"
    return f"SELECT {names} FROM (SELECT {empty} WHERE false UNION ALL BY NAME {rows})"


def _local_files(table: dict[str, Any]) -> list[Path]:
    """Local copies of the objects under the table's registered partitions."""
    keys = [key["Name"] for key in table.get("PartitionKeys", [])]
    partitions = glue._partitions.get(f"{table['DatabaseName']}/{table['Name']}", []) if keys else [table]
    folders: dict[str, dict[str, list[str]]] = {}
    files = []
    for partition in list(partitions):
        location = urlparse(partition["StorageDescriptor"].get("Location", ""))
        if location.netloc not in folders:
            folders[location.netloc] = _objects_by_folder(location.netloc)
        named = "/".join(f"{key}={value}" for key, value in zip(keys, partition.get("Values", []), strict=False))
        for key in folders[location.netloc].get(location.path.strip("/"), []):
            files.append(_local_copy(location.netloc, key, named))
    return files


def _objects_by_folder(bucket: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in list((s3._buckets.get(bucket) or {"objects": {}})["objects"]):
        folder, _, name = key.rpartition("/")
        if not name.startswith((".", "_")):
            found.setdefault(folder, []).append(key)
    return found


def _local_copy(bucket: str, key: str, partition: str) -> Path:
    data_id = sha256(f"{bucket}/{key}/{s3._buckets[bucket]['objects'][key]['etag']}".encode()).hexdigest()
    path = _FILES / partition / f"{data_id}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.urandom(4).hex()}")
        unfinished.write_bytes(s3._get_object_data(bucket, key) or b"")
        unfinished.rename(path)
    return path


def _athena_type(duckdb_type: str) -> str:
    name = duckdb_type.partition("(")[0]
    if duckdb_type.endswith("[]"):
        return "array"
    if "ZONE" in name:
        return "timestamp with time zone"
    renamed = {
        "STRUCT": "row",
        "BLOB": "varbinary",
        "HUGEINT": "bigint",
        "UBIGINT": "bigint",
        "TIMESTAMP_MS": "timestamp",
    }
    return renamed.get(name, name.lower())


def _text(value: Any) -> str:
    """A value as Athena's results show it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _double(value)
        case datetime():
            return value.isoformat(" ", "milliseconds")
        case date() | Decimal() | int() | str():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_text(key)}={_text(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_text(item) for item in value) + "]"
        case bytes():
            return value.hex(" ")
        case _:
            return str(value)


def _double(value: float) -> str:
    """Java's Double.toString: scientific from ten million on and below a thousandth."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return str(value)
    digits, exponent = f"{Decimal(repr(value)).normalize():E}".split("E")
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"

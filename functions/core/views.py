"""Views: what questions and people read like a table, one file each in sql/views.

A file begins with header comments and goes on with one query in Athena's SQL::

    -- view: One failure: ...
    -- column: hour string Hour of time ...
    -- column: kind string log, invocation or request.
    SELECT hour, ... AS kind FROM logs WHERE level IN ('ERROR', 'FATAL') UNION ALL ...

``column`` is name, Athena type and meaning, in the order of the query's columns. A view hands on the ``hour`` of its
tables, so that a condition on it reaches them; a file that does not is refused when it is read.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

from functions.core import sql_checks
from functions.core.schema import TABLES, Column

FOLDER = Path(__file__).parents[2] / "sql" / "views"
CATALOG = "awsdatacatalog"

_HEADER = re.compile(r"--\s*(view|column):\s*(.*)")
_COLUMN = re.compile(r"(\w+) (\S+) (.+)")
# as Trino names what is named otherwise in Glue
_TRINO_TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}


class ViewError(ValueError):
    """A view file that cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class View:
    """One view: what a row is, its columns, and the query that gives them."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    sql: str

    def definition(self, database: str) -> str:
        """What Athena keeps of a view in Glue, as ViewOriginalText: Trino's form of a view, as JSON in base64.

        Trino's io.trino.spi.connector.ConnectorViewDefinition; Athena's own CREATE VIEW writes the same.
        """
        columns = [{"name": each.name, "type": _TRINO_TYPES.get(each.type, each.type)} for each in self.columns]
        plain = {"originalSql": self.sql, "catalog": CATALOG, "schema": database, "columns": columns}
        return f"/* Presto View: {base64.b64encode(json.dumps(plain).encode()).decode()} */"


def names() -> set[str]:
    """Names of all views."""
    return {path.stem for path in FOLDER.glob("*.sql")}


def load(path: Path) -> View:
    """Read one view; ``ViewError`` names the file and what is wrong with it."""
    doc = ""
    columns: list[Column] = []
    body: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        header = None if body else _HEADER.match(line)
        if header is None:
            body.append(line)
        elif header[1] == "view":
            doc = header[2]
        elif column := _COLUMN.fullmatch(header[2]):
            columns.append(Column(column[1], column[2], column[3]))
        else:
            raise ViewError(f"{path.name} has a column that is not name, type and meaning: {header[2]!r}")
    sql = "\n".join(body).strip().rstrip(";")
    problems = [] if doc else ["has no header 'view'"]
    problems += [f"uses :{name}, but a view takes no parameter" for name in sorted(sql_checks.params(sql))]
    problems += sql_checks.problems_of_view(sql, TABLES)
    if problems:
        raise ViewError(f"{path.name} " + "; ".join(problems))
    return View(path.stem, doc, tuple(columns), sql)


def load_all(folder: Path = FOLDER) -> dict[str, View]:
    """All views of a folder by name, sorted."""
    return {path.stem: load(path) for path in sorted(folder.glob("*.sql"))}

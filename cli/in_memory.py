"""Lake tables in this process, asked with the questions of sql/questions: DuckDB in the place of Athena.

DuckDB understands the SQL of the questions but for a few functions; tests on Trino hold them to what Athena takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cli.errors import CommandError
from functions.core import questions, views
from functions.core.accounting import Part
from functions.core.customers.listing import Customer, table_of
from functions.core.questions import TimeRange, Value
from functions.core.schema import TABLES, TENANTS

if TYPE_CHECKING:
    from cli.terminal import Cell

SETTINGS = "SET TimeZone = 'UTC'; SET integer_division = true;"
"""What Athena does."""

FUNCTIONS = """
CREATE MACRO sequence(a, b) AS range(a, b + 1);
CREATE MACRO approx_percentile(x, p) AS quantile_disc(x, p);
CREATE MACRO date_format(t, f) AS strftime(t, replace(f, '%i', '%M'));
CREATE MACRO array_join(a, s) AS array_to_string(a, s);
CREATE MACRO json_format(j) AS CAST(j AS varchar);
"""


class InMemory:
    """All tables and views of the lake, with the rows of some parts and a list of customers."""

    def __init__(self, parts: Iterable[Part], customers: Iterable[Customer] = ()) -> None:
        try:
            import duckdb  # noqa: PLC0415
        except ImportError:
            raise CommandError("this needs DuckDB: install tracelake[try], or duckdb") from None
        self._db = duckdb.connect(config={"autoinstall_known_extensions": False})
        self._db.execute(SETTINGS + FUNCTIONS)
        pieces: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        for part in parts:
            hours = pa.repeat(pa.scalar(part.hour, pa.string()), part.rows.num_rows)
            pieces[part.table].append(part.rows.append_column("hour", hours))
        for name, table in TABLES.items():
            schema = table.arrow_schema.append(pa.field("hour", pa.string()))
            self._put(name, pa.concat_tables([schema.empty_table(), *pieces[name]]))
        self._put(TENANTS.name, table_of(customers))
        for view in views.load_all().values():
            self._db.execute(f'CREATE VIEW "{view.name}" AS {view.sql}')

    def _put(self, name: str, rows: pa.Table) -> None:
        self._db.register(f"{name}_rows", rows)
        self._db.execute(f'CREATE TABLE "{name}" AS SELECT * FROM "{name}_rows"')  # noqa: S608 - of the schema
        self._db.unregister(f"{name}_rows")

    def ask(
        self, question: questions.Question, values: Mapping[str, Value], times: TimeRange
    ) -> tuple[list[str], list[dict[str, Cell]]]:
        """Names of the columns and the rows of a question; ``QuestionError`` for a parameter it does not have."""
        sql, literals = question.bind(values, times)
        return self.select(sql, [_value(each) for each in literals])

    def select(self, sql: str, values: Sequence[Value] = ()) -> tuple[list[str], list[dict[str, Cell]]]:
        """Names of the columns and the rows of any query, with a value for each ``?``."""
        found = self._db.execute(sql, list(values))
        columns = [each[0] for each in found.description or ()]
        rows = [dict(zip(columns, map(_cell, row), strict=True)) for row in found.fetchall()]
        return columns, rows


def _value(literal: str) -> Value:
    """What ``questions.literal`` made a literal of."""
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    return float(literal) if "." in literal or "e" in literal else int(literal)


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)

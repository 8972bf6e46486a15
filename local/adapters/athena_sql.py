"""Athena's SQL for DuckDB: what sqlglot's translation leaves different.

Trino is stricter than DuckDB (types, division by zero), so a query that runs here may still be refused on AWS; one that
runs on both gives the same rows.
"""

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

DIALECT = "athena"

_MAPS = ("map(", "map_agg(", "map_concat(", "map_from_entries(", "histogram(")

MACROS = """
CREATE MACRO map_agg(k, v) AS map(list_distinct(list(k)),
  list_transform(list_distinct(list(k)), LAMBDA each: list(v)[list_position(list(k), each)]));
CREATE MACRO width_bucket(x, low, high, n) AS
  CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
  ELSE CAST(floor((x - low) * 1.0 * n / (high - low)) AS BIGINT) + 1 END;
CREATE MACRO url_extract_host(u) AS regexp_extract(u, '^[a-z]+://([^/:?#]+)', 1);
CREATE MACRO url_extract_path(u) AS regexp_extract(u, '^[a-z]+://[^/?#]+([^?#]*)', 1);
CREATE MACRO url_extract_query(u) AS regexp_extract(u, '[?]([^#]*)', 1);
CREATE MACRO to_iso8601(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ');
CREATE MACRO format_datetime(t, f) AS
  strftime(t, replace(replace(replace(replace(replace(replace(f, 'yyyy', '%Y'), 'MM', '%m'), 'dd', '%d'), 'HH', '%H'),
  'mm', '%M'), 'ss', '%S'));
"""


def parse(query: str, parameters: list[str]) -> exp.Expression:
    """The query with every `?` replaced; a parameter is one SQL literal, as Athena's ExecutionParameters are."""
    query = query.strip().rstrip(";")
    places = [token for token in sqlglot.tokenize(query, read=DIALECT) if token.token_type is TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        expected = f"expected {len(places)} but found {len(parameters)}"
        raise ValueError(f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: {expected}")
    for place, parameter in reversed(list(zip(places, parameters, strict=True))):
        query = f"{query[: place.start]}{_literal(parameter)}{query[place.end + 1 :]}"
    return sqlglot.parse_one(query, read=DIALECT)


def _literal(text: str) -> str:
    value = sqlglot.parse_one(text, read=DIALECT)
    inner = value.this if isinstance(value, exp.Neg | exp.Cast) else value
    if not isinstance(inner, exp.Literal | exp.Boolean | exp.Null):
        raise ValueError(f"INVALID_PARAMETER_USAGE: {text!r} is not a literal; strings need single quotes")
    return value.sql(DIALECT)


def to_duckdb(tree: exp.Expression, type_of: Callable[[str], str | None]) -> str:
    """SQL for DuckDB; `type_of` gives the Glue type of a column by its name."""

    def is_map(node: exp.Expression) -> bool:
        if isinstance(node, exp.Column):
            return (type_of(node.name) or "").startswith("map")
        return node.sql(DIALECT).lower().startswith(_MAPS)

    def rewrite(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Unnest) and not node.args.get("offset") and len(node.expressions) == 1:
            return _unnest(node, is_map)
        if isinstance(node, exp.ArraySize) and is_map(node.this):
            return exp.func("cardinality", node.this)
        if isinstance(node, exp.DateDiff):
            unit = exp.Literal.string(node.args["unit"].name.lower())
            return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
        if isinstance(node, exp.ArgMax | exp.ArgMin):  # DuckDB's own pass over rows whose value is null
            name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
            return exp.Anonymous(this=name, expressions=[node.this, node.expression])
        if isinstance(node, exp.ApproxQuantile):
            quantile = node.args["quantile"]
            node.set("quantile", exp.cast(quantile, "array<float>" if isinstance(quantile, exp.Array) else "float"))
        if isinstance(node, exp.Format):
            return exp.Anonymous(this="printf", expressions=[node.this, *node.expressions])
        return node

    return tree.transform(rewrite).sql("duckdb")


def _unnest(node: exp.Unnest, is_map: Callable[[exp.Expression], bool]) -> exp.Expression:
    """UNNEST of a map or of rows gives one column per field in Trino, and one struct or an error in DuckDB."""
    source, alias = node.expressions[0], node.args.get("alias")
    if is_map(source):
        columns = f"unnest(map_keys({source.sql('duckdb')})), unnest(map_values({source.sql('duckdb')}))"
    elif alias and len(alias.columns) > 1:
        columns = f"unnest({source.sql('duckdb')}, recursive := true)"
    else:
        return node
    rows = sqlglot.parse_one(f"SELECT {columns}", read="duckdb").subquery()
    return exp.Lateral(this=rows, alias=alias)

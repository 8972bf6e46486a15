"""The emulator answers SQL as Athena does where DuckDB, which runs it, would not; Trino says how Athena does."""

from __future__ import annotations

import pytest
from on_the_emulator import Deployed
from trino_server import Trino

from functions.aws.athena import QueryFailedError

ANSWERS = {
    "SELECT 7 / 2 AS x": 3,
    "SELECT sum(v) AS x FROM (VALUES 1) CROSS JOIN UNNEST(map(ARRAY['a', 'b'], ARRAY[1, 2])) AS e (k, v)": 3,
    "SELECT sum(v) AS x FROM UNNEST(map(ARRAY['a', 'b'], ARRAY[1, 2])) AS e (k, v)": 3,
    "SELECT map_agg(k, v)['b'] AS x FROM (VALUES ('a', 1), ('b', 2), ('b', 2)) AS t (k, v)": 2,
    "SELECT cardinality(map_agg(k, k)) AS x FROM (VALUES 'a', 'b') AS t (k)": 2,
    "SELECT width_bucket(25.0e0, 0.0e0, 100.0e0, 4) AS x": 2,
    "SELECT date_diff('hour', TIMESTAMP '2026-01-01 00:59:00', TIMESTAMP '2026-01-01 01:01:00') AS x": 0,
    "SELECT date_format(TIMESTAMP '2026-01-01 05:06:07', '%Y-%m-%d-%H') AS x": "2026-01-01-05",
    "SELECT url_extract_host('https://shop.example:8443/orders?id=7') AS x": "shop.example",
    "SELECT CAST(map(ARRAY['a'], ARRAY[1]) AS json) AS x": '{"a":1}',
    "SELECT max_by(v, t) AS x FROM (VALUES ('a', 1), (NULL, 2)) AS t (v, t)": None,
    "SELECT min_by(v, ROW(-t, v)) AS x FROM (VALUES ('b', 1), ('a', 1), ('0', 0)) AS t (v, t)": "a",
    "SELECT 'a;b' AS x;": "a;b",
}


@pytest.mark.parametrize("sql", ANSWERS)
def test_one_value(deployed: Deployed, sql: str) -> None:
    assert [row["x"] for row in deployed.ask(sql)] == [ANSWERS[sql]]


@pytest.mark.parametrize("sql", ANSWERS)
def test_athena_s_engine_says_the_same(trino: Trino, sql: str) -> None:
    assert [row["x"] for row in trino.ask(sql.rstrip(";")).rows] == [ANSWERS[sql]]


def test_a_parameter_is_a_value_and_never_sql(deployed: Deployed) -> None:
    sql = "SELECT 1 AS x FROM (VALUES ('it''s ? :x -- /*')) AS t (v) WHERE v = ?"
    assert deployed.ask(sql, ["'it''s ? :x -- /*'"]) == [{"x": 1}]
    for attack in ("v", "1 OR true", "'' OR true", "(SELECT 1)", "''; DROP TABLE logs"):
        with pytest.raises(QueryFailedError):
            deployed.ask(sql, [attack])


@pytest.mark.parametrize(
    ("sql", "parameters", "reason"),
    [
        ("SELECT * FROM nowhere", [], "nowhere"),
        ("SELECT nothing FROM logs WHERE hour = '2026-01-01-00'", [], "nothing"),
        ("SELECT ? AS x", [], "INVALID_PARAMETER_USAGE"),
        ("SELEC 1", [], "."),
    ],
)
def test_a_wrong_query_fails_with_the_reason(deployed: Deployed, sql: str, parameters: list[str], reason: str) -> None:
    with pytest.raises(QueryFailedError, match=reason):
        deployed.ask(sql, parameters)


def test_an_hour_without_rows_has_the_columns_of_its_table(deployed: Deployed) -> None:
    assert deployed.ask("SELECT count(latency_histogram) AS x FROM traffic WHERE hour = '1999-01-01-00'") == [{"x": 0}]

"""Question files: how they are read, bound and checked."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core import sql_checks
from functions.core.questions import FOLDER, QuestionError, TimeRange, literal, load, load_all, parse_span
from functions.core.schema import LISTS, TABLES

RANGE = TimeRange(datetime(2026, 11, 20, 8, 30, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC))
BODY = """SELECT tenant FROM requests
WHERE hour BETWEEN :from_hour AND :to_hour AND time >= CAST(:from_time AS timestamp)
    AND time < CAST(:to_time AS timestamp) AND tenant = :tenant AND status >= :status"""
FILE = f"""-- question: Which tenants?
-- needs: access logs
-- since: 7d
-- param: tenant=acme whose
-- param: status=500 from which status
{BODY}
"""


@pytest.fixture
def question_file(tmp_path):
    def write(text):
        path = tmp_path / "which_tenants.sql"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_question_is_read_with_its_parameters_typed_by_their_defaults(question_file):
    question = load(question_file(FILE))
    assert (question.name, question.title, question.needs) == ("which_tenants", "Which tenants?", "access logs")
    assert [(param.name, param.default, param.doc) for param in question.params] == [
        ("tenant", "acme", "whose"),
        ("status", 500, "from which status"),
    ]
    assert question.since == timedelta(days=7)


def test_binding_gives_literals_in_the_order_of_the_question_marks(question_file):
    sql, literals = load(question_file(FILE)).bind({"tenant": "o'neil"}, RANGE)
    assert literals == [
        "'2026-11-20-08'",
        "'2026-11-20-09'",
        "'2026-11-20 08:30:00.000'",
        "'2026-11-20 10:00:00.000'",
        "'o''neil'",
        "500",
    ]
    assert sql.count("?") == len(literals)
    assert ":" not in sql


def test_the_hours_of_a_time_range_are_utc_and_end_where_the_range_ends():
    berlin = timezone(timedelta(hours=1))
    values = TimeRange(datetime(2026, 11, 20, 0, 30, tzinfo=berlin), datetime(2026, 11, 20, 1, 0, 1, tzinfo=berlin))
    assert (values.values["from_hour"], values.values["to_hour"]) == ("2026-11-19-23", "2026-11-20-00")


def test_a_time_range_can_be_widened_to_whole_minutes():
    start = datetime(2026, 11, 20, 8, 59, 59, 999_999, tzinfo=UTC)
    values = TimeRange(start, datetime(2026, 11, 20, 9, 59, 0, 1, tzinfo=UTC)).whole_minutes().values
    assert (values["from_time"], values["to_time"]) == ("2026-11-20 08:59:00.000", "2026-11-20 10:00:00.000")
    assert (values["from_hour"], values["to_hour"]) == ("2026-11-20-08", "2026-11-20-09")


def test_a_parameter_that_the_question_does_not_have_is_refused_with_those_it_has(question_file):
    with pytest.raises(QuestionError, match=r"no parameter user \(it has: tenant, status\)"):
        load(question_file(FILE)).bind({"user": "x"}, RANGE)


def test_a_value_of_the_wrong_type_is_refused(question_file):
    status = load(question_file(FILE)).params[1]
    assert status.parse("404") == 404
    with pytest.raises(QuestionError, match="status must be a whole number, not 'many'"):
        status.parse("many")


def test_the_console_form_needs_nothing_else(question_file):
    sql = load(question_file(FILE)).console_sql("tracelake_main")
    assert "FROM tracelake_main.requests" in sql
    assert "tenant = 'acme' AND status >= 500" in sql
    assert "INTERVAL '7' DAY" in sql
    assert not sql_checks.params(sql)
    assert '"tracelake_a-b".requests' in load(question_file(FILE)).console_sql("tracelake_a-b")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("-- needs: access logs\n", ""), "has no header 'needs'"),
        (lambda text: text.replace("-- param: tenant=acme whose\n", ""), "uses :tenant without declaring it"),
        (lambda text: text.replace(" AND tenant = :tenant", ""), "declares tenant without using it"),
        (lambda text: text.replace("SELECT tenant", "SELECT :tenant"), "has :tenant outside a WHERE clause"),
        (lambda text: text.replace(":tenant", "?"), "contains a question mark"),
        (lambda text: text.replace("hour BETWEEN :from_hour AND :to_hour AND", ""), "reads requests without"),
        (lambda text: text.replace("tenant=acme whose", "tenant"), "not name=default"),
    ],
)  # fmt: skip
def test_a_broken_question_file_is_refused_with_the_reason(question_file, change, problem):
    with pytest.raises(QuestionError, match=re.escape(problem)):
        load(question_file(change(FILE)))


def problems(sql):
    return sql_checks.problems(sql, TABLES)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM logs",
        "SELECT * FROM logs WHERE time > current_timestamp - INTERVAL '1' DAY",
        "SELECT hour FROM logs GROUP BY hour",
        "SELECT * FROM logs WHERE hour <= '2026-11-20-09'",
        "SELECT * FROM logs WHERE NOT hour = '2026-11-20-09'",
        "SELECT * FROM logs WHERE hour = '2026-11-20-09' OR level = 'ERROR'",
        "SELECT * FROM logs WHERE 'hour = 1' = level",
        "SELECT * FROM logs WHERE level = 'x' -- AND hour = '2026-11-20-09'",
        "SELECT * FROM (SELECT * FROM logs) WHERE hour = '2026-11-20-09'",
        "WITH a AS (SELECT * FROM logs) SELECT * FROM a WHERE hour = '2026-11-20-09'",
        "SELECT * FROM logs l JOIN spans s ON l.trace_id = s.trace_id WHERE l.hour = '2026-11-20-09'",
        "SELECT * FROM logs WHERE hour = '2026-11-20-09' UNION ALL SELECT * FROM logs",
        'SELECT * FROM "logs"',
        "SELECT * FROM tracelake_main.logs",
        "SELECT * FROM spans s, logs WHERE s.hour = '2026-11-20-09'",
        "SELECT count(*), (SELECT max(time) FROM logs) FROM spans WHERE hour = '2026-11-20-09'",
    ],
)
def test_sql_that_would_open_every_hour_is_refused(sql):
    assert any("without a condition on hour" in problem for problem in problems(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM logs WHERE hour = '2026-11-20-09'",
        "SELECT * FROM logs WHERE level = 'ERROR' AND hour >= '2026-11-20-09'",
        "select * from logs where hour between '2026-11-20-08' and '2026-11-20-09'",
        "SELECT * FROM logs WHERE hour > '2026-11-20-09' AND (level = 'ERROR' OR level = 'FATAL')",
        "SELECT * FROM logs l JOIN spans AS s ON l.trace_id = s.trace_id"
        " WHERE l.hour = '2026-11-20-09' AND s.hour >= '2026-11-20-08'",
        "WITH a AS (SELECT * FROM logs WHERE hour = '2026-11-20-09') SELECT * FROM a",
        "SELECT * FROM tracelake_main.logs WHERE hour = '2026-11-20-09'",
    ],
)
def test_sql_that_bounds_the_hour_is_accepted(sql):
    assert problems(sql) == []


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT 1 -- " + "x" * 262_144, "is longer than 262,144 bytes"),
        ("SELECT '" + "\u00e9" * 131_080 + "'", "is longer than 262,144 bytes"),
        ("DELETE FROM logs WHERE hour = '2026-11-20-09'", "is no statement that Athena takes"),
        ("UPDATE logs SET level = 'x' WHERE hour = '2026-11-20-09'", "is no statement that Athena takes"),
        ("CREATE TABLE other LIKE logs", "is no statement that Athena takes"),
        ("DROP TABLE logs", "is no statement that Athena takes"),
        ("", "is no statement that Athena takes"),
        ("INSERT INTO traffic SELECT * FROM traffic WHERE hour > '2026-11-20-09'", "without naming one hour"),
        ("CREATE TABLE t WITH (partitioned_by = ARRAY['hour']) AS SELECT 1 AS x, '2026' AS hour", "without naming"),
        ("SELECT min(time) AS first FROM logs WHERE hour = '2026-11-20-09'", "reserved word first"),
        ("WITH last AS (SELECT 1 AS x) SELECT x FROM last", "reserved word last"),
        ("SELECT x FROM (VALUES 1) AS t (skip)", "reserved word skip"),
        ("SELECT t.end FROM t", "reserved word end"),
    ],
)
def test_what_athena_refuses_is_refused_before(sql, problem):
    assert any(problem in each for each in problems(sql))


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT min(time) AS "first" FROM logs WHERE hour = \'2026-11-20-09\' ORDER BY "first" NULLS LAST',
        "SELECT CAST(first_value(1) OVER () AS varchar) AS x",
        "INSERT INTO traffic SELECT * FROM traffic WHERE hour = '2026-11-20-09'",
        "CREATE TABLE t WITH (format = 'PARQUET') AS SELECT * FROM logs WHERE hour = '2026-11-20-09'",
        "CREATE OR REPLACE VIEW v AS SELECT 1 AS x",
        "UNLOAD (SELECT * FROM logs WHERE hour = '2026-11-20-09') TO 's3://x/' WITH (format = 'JSON')",
    ],
)
def test_what_athena_takes_is_accepted(sql):
    assert problems(sql) == []


def test_tables_and_columns_have_names_that_need_no_quotes_in_a_query():
    for table in TABLES.values():
        for name in (table.name, *(column.name for column in table.columns)):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
            assert name.upper() not in sql_checks.RESERVED


def test_all_questions_are_accepted_and_the_four_of_the_product_are_there():
    questions = load_all()
    assert {
        "which_settings_are_popular",
        "which_errors_occur",
        "which_access_patterns_exist",
        "who_produces_which_traffic",
    } <= questions.keys()
    assert len(questions) <= 32, "nobody finds his question among more"
    for question in questions.values():
        # Athena's console takes no more
        assert sum(token.kind == "param" for token in sql_checks.tokens(question.sql)) <= 25


def test_questions_name_columns_that_the_schema_has():
    known = {column.name for table in (*TABLES.values(), *LISTS.values()) for column in table.columns} | {"hour"}
    for path in FOLDER.glob("*.sql"):
        sql = load(path).sql
        computed = set(re.findall(r"\bAS (?:\w+ \()?(\w+)", sql))
        for line in sql.splitlines():
            if match := re.match(r"\s+WHERE (?:NOT )?(\w+)(?![\w(.])|\s+AND (\w+) (?:IS|IN|>=|=)", line):
                name = match[1] or match[2]
                assert name in known | computed, f"{path.name}: {name}"


@pytest.mark.parametrize(("text", "hours"), [("90m", 1.5), ("24h", 24), ("7d", 168), (" 2 h ", 2)])
def test_spans_are_minutes_hours_and_days(text, hours):
    assert parse_span(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "7", "h", "-1h", "0h", "1w", "999999d", "9999999999999h", "1.5h"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(QuestionError):
        parse_span(text)


@given(st.text())
@settings(derandomize=True, max_examples=200)
def test_no_text_gets_out_of_its_literal(text):
    quoted = literal(text)
    assert quoted[0] == quoted[-1] == "'"
    assert "'" not in quoted[1:-1].replace("''", "")
    [token] = sql_checks.tokens(quoted)
    assert token.kind == "text"


@given(st.text(alphabet="abc'\"-/*:?()\n ,.=<>1_"))
@settings(derandomize=True, max_examples=200)
def test_tokens_give_back_the_sql_that_they_are_made_of(sql):
    assert "".join(token.text for token in sql_checks.tokens(sql)) == sql

"""Files that earlier releases wrote into the lake are read, published and asked about like those of the present one.

``files/0`` does not exist: as version 0, the tests read the oldest files without the last column of each table, so that
there is always a release that did not know a column yet.
"""

import re
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulated import account as simulated
from simulated.conftest import simulated as endpoints  # noqa: F401  (a fixture: all clients talk to the simulation)
from simulated.world import LAKE, STATE, entered

from cli.in_memory import FUNCTIONS, SETTINGS
from functions.aws.state import Commit, Range, State
from functions.core import publish, questions, views
from functions.core.customers.listing import table_of
from functions.core.lake_files import LakeFile
from functions.core.schema import TABLES, Table

from . import write
from .events import HOUR, SHARD, START_MS, rows_of

VERSIONS = [0, *write.versions()]
QUESTIONS = questions.load_all()
PRESENT = "newcorp"
DAY = questions.TimeRange(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
tables = pytest.mark.parametrize("table", sorted(TABLES))
versions = pytest.mark.parametrize("version", VERSIONS)


def kept(version, table):
    """Rows of a file that a release wrote, in the schema it had; None where it had no such table."""
    file = write.path(max(version, 1), table)
    if not file.exists():
        return None
    rows = pq.read_table(file, partitioning=None)
    return rows if version else rows.drop_columns([rows.column_names[-1]])


def test_what_the_present_release_writes_is_kept_for_later_ones():
    newest = write.versions()[-1]
    assert write.differences(newest) == [], (
        f"the schema is no longer that of tests/upgrade/files/{newest}: run `python -m tests.upgrade.write`, which "
        f"keeps files of the new one beside it"
    )


def test_a_changed_schema_is_written_beside_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "FILES", tmp_path)
    assert write.write() == "schema 1 is written"
    assert write.write() == "schema 1 is the present one"
    without_a_column = pq.read_table(write.path(1, "spans"), partitioning=None).drop_columns(["span_attributes"])
    pq.write_table(without_a_column, write.path(1, "spans"))
    before = write.path(1, "spans").read_bytes()
    assert write.differences(1) == ["spans"]
    assert write.write() == "schema 2 is written"
    assert write.path(1, "spans").read_bytes() == before
    assert write.differences(2) == []


@tables
def test_the_files_that_are_kept_have_rows_of_every_table(table):
    assert pq.read_metadata(write.path(write.versions()[-1], table)).num_rows > 0
    assert rows_of(PRESENT)[table].num_rows > 0


@versions
@tables
def test_an_old_file_is_read_in_the_present_schema(version, table):
    old = kept(version, table)
    if old is None:
        pytest.skip(f"schema {version} had no {table}")
    read = publish.conform(TABLES[table], old)
    assert read.schema.equals(TABLES[table].arrow_schema)
    for name in read.column_names:
        if name in old.column_names:
            assert read[name].to_pylist() == old[name].to_pylist()
        else:
            assert read[name].null_count == read.num_rows == old.num_rows


def test_a_column_of_another_type_is_noticed():
    column = TABLES["logs"].own_columns[0]
    planted = Table("logs", "", (type(column)(column.name, "double", ""),), ())
    with pytest.raises(pa.ArrowInvalid):
        publish.conform(planted, kept(1, "logs"))


def answers(files):
    """Each question's answer over Parquet files by table, as the local engine reads them."""
    db = duckdb.connect()
    db.execute(SETTINGS + FUNCTIONS)
    for name, table in TABLES.items():
        db.register("nothing", table.arrow_schema.empty_table())
        there = [str(path) for path in files.get(name, ())]
        rows = f"UNION ALL BY NAME SELECT * FROM read_parquet({there}, union_by_name = true)" if there else ""
        db.execute(f"CREATE TABLE {name} AS SELECT *, '{HOUR}' AS hour FROM (FROM nothing {rows})")
    db.register("nobody", table_of([]))
    db.execute("CREATE TABLE tenants AS FROM nobody")
    for view in views.load_all().values():
        db.execute(f"CREATE VIEW {view.name} AS {view.sql}")
    found = {}
    for name, question in QUESTIONS.items():
        names = {param.name for param in question.params}
        asked = {each: 1 for each in names if each.startswith("min_")}
        asked |= {"steps": "orders,export"} if "steps" in names else {}
        found[name] = []
        for customer in (write.CUSTOMER, PRESENT) if name == "what_happened" else ("",):
            by_trace = {"id": f"{sum(customer.encode()):032x}"} if customer else {}
            sql, literals = question.bind(asked | by_trace, DAY)
            whole = "".join(piece + value for piece, value in zip(sql.split("?"), [*literals, ""], strict=True))
            found[name] += db.execute(whole).fetchall()
    return found


def reads(question, tables):
    """Whether a question is about one of some tables."""
    return not tables.isdisjoint(re.findall(r"\w+", QUESTIONS[question].sql))


@pytest.fixture
def files(tmp_path):
    """Writes rows by table as files, in whatever schema they have."""

    def written(label, rows):
        paths = {}
        for name, table in rows.items():
            paths[name] = [tmp_path / f"{label}-{name}.parquet"]
            pq.write_table(table, paths[name][0])
        return paths

    return written


@versions
def test_every_question_answers_over_old_files_and_over_old_and_new_ones(version, files):
    old = files("old", {name: rows for name in TABLES if (rows := kept(version, name)) is not None})
    new = files("new", rows_of(PRESENT))
    from_old, from_new = answers(old), answers(new)
    mixed = answers({name: [*old.get(name, []), *new.get(name, [])] for name in TABLES})
    # nothing in the events was answered with 4xx
    unanswered = [name for name, rows in from_new.items() if not rows]
    assert unanswered == ["who_calls_us_wrongly"], "each question has an answer in the events"
    later = {name for name in TABLES if name not in old}
    # what a question about log groups sums up is in columns of the ledger that came later
    ledger = kept(version, "ingest_ledger")
    later |= {name for name in TABLES["ingest_ledger"].arrow_schema.names if name not in ledger.column_names}
    assert [name for name, rows in from_old.items() if not rows and not reads(name, later)] == unanswered
    for name, rows in mixed.items():
        assert len(rows) >= max(len(from_old[name]), len(from_new[name])), name
    assert {row[0] for row in mixed["who_produces_which_traffic"]} == {write.CUSTOMER, PRESENT}


@versions
def test_an_hour_of_old_and_new_files_is_published_whole(version):
    account = simulated.Account()
    with entered(account.world):
        account.create_partitions()
        kept_tables = {name: rows for name in TABLES if (rows := kept(version, name)) is not None}
        for number, rows in enumerate((kept_tables, rows_of(PRESENT))):
            commit(account, number, rows)
        account.heal()
        for name, table in TABLES.items():
            settled = account.reader.table(name)
            both = [rows[name] for rows in (kept_tables, rows_of(PRESENT)) if name in rows]
            expected = [event_id for rows in both for event_id in rows["event_id"].to_pylist()]
            if table.of_events:
                assert sorted(row["event_id"] for row in settled) == sorted(expected), name
            (schema,) = {tuple(row) for row in settled}
            assert schema == (*table.arrow_schema.names, "hour"), name
        assert sum(row["requests"] for row in account.reader.table("traffic")) == 6


def commit(account, number, rows):
    """As `normalize` does, of a release that made these rows."""
    files = []
    for name, table in rows.items():
        if TABLES[name].assembled:
            continue
        key = f"hot/{name}/hour={HOUR}/release-{number}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        body = account.world.s3.objects[LAKE, key] = sink.getvalue().to_pybytes()
        files.append(LakeFile.of(name, HOUR, key, table, len(body)))
    counts = dict.fromkeys(("records", "duplicates", "events", "stored", "folded", "rejected", "sampled"), 0)
    taken = [Range(str(number), str(number))]
    State(STATE).commit_batch(
        Commit(f"commit-{number}", START_MS, HOUR, "normalize", "tracelake-main", SHARD, taken, counts, files)
    )

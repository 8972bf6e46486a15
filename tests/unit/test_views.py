"""View files: how they are read and checked."""

import re

import pytest

from functions.core.schema import TABLES
from functions.core.views import ViewError, load, load_all

FILE = """-- view: One slow request.
-- column: hour string Hour.
-- column: took double How long it took, in ms.
SELECT hour, latency_ms AS took FROM requests WHERE latency_ms > 1000
"""


@pytest.fixture
def view_file(tmp_path):
    def write(text):
        path = tmp_path / "slow_requests.sql"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_view_is_read_with_its_columns(view_file):
    view = load(view_file(FILE))
    assert (view.name, view.doc) == ("slow_requests", "One slow request.")
    assert [(column.name, column.type) for column in view.columns] == [("hour", "string"), ("took", "double")]
    assert view.columns[1].doc == "How long it took, in ms."


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("-- view: One slow request.\n", ""), "has no header 'view'"),
        (("took double How long it took, in ms.", "took"), "not name, type and meaning"),
        (("1000", ":least"), "uses :least"),
        (("SELECT hour,", "SELECT"), "does not hand on the hour of requests"),
        (("SELECT hour, latency_ms AS took", "SELECT max(hour) AS hour, route"), "does not hand on the hour"),
        (("> 1000", "> 1000 UNION ALL SELECT service, duration_ms FROM spans"), "does not hand on the hour of spans"),
        (("SELECT hour", "SELECT DISTINCT hour"), "does not hand on the hour"),
        (("> 1000", "> 1000 LIMIT 9"), "does not hand on the hour"),
        (("SELECT hour, latency_ms AS took FROM requests", "DELETE FROM requests"), "is no statement"),
    ],
)
def test_a_broken_view_file_is_refused_with_the_reason(view_file, change, problem):
    broken = FILE.replace(*change)
    assert broken != FILE
    with pytest.raises(ViewError, match=re.escape(problem)):
        load(view_file(broken))


def test_no_view_has_the_name_of_a_table():
    assert load_all()
    assert not load_all().keys() & TABLES.keys()

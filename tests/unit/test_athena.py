"""A query on Athena, from text to typed rows."""

from datetime import UTC, datetime

import pytest
from answering import RefusedError, answering

from functions.aws import athena

COLUMNS = [
    ("customer", "varchar"),
    ("requests", "bigint"),
    ("share", "double"),
    ("cold", "boolean"),
    ("seen", "timestamp"),
    ("labels", "map"),
]


class Athena:
    """Answers as Athena does: `states` one after the other, then rows in pages of `per_page`."""

    def __init__(self, states=("SUCCEEDED",), rows=(), per_page=1000, reason=None):
        self.states, self.rows, self.per_page, self.reason = list(states), list(rows), per_page, reason
        self.started, self.stopped = [], []
        self.client = answering("athena", lambda operation, params: getattr(self, f"_{operation}")(params))

    def _StartQueryExecution(self, params):
        self.started.append(params)
        return {"QueryExecutionId": "q-1"}

    def _GetQueryExecution(self, params):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        status = {"State": state} | ({"StateChangeReason": self.reason} if self.reason else {})
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 1234}}}

    def _StopQueryExecution(self, params):
        self.stopped.append(params["QueryExecutionId"])

    def _GetQueryResults(self, params):
        start = int(params.get("NextToken", 0))
        head = [[name for name, _ in COLUMNS]] if start == 0 else []
        rows = head + self.rows[start : start + self.per_page]
        data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows]
        info = [{"Name": name, "Type": kind} for name, kind in COLUMNS]
        more = {"NextToken": str(start + self.per_page)} if start + self.per_page < len(self.rows) else {}
        return {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}} | more


class Clock:
    def __init__(self):
        self.seconds = 0.0
        self.pauses = []

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.seconds += seconds


def run(fake, parameters=(), clock=None, **options):
    clock = clock or Clock()
    options = {"timeout_seconds": 60} | options
    return athena.run(
        fake.client,
        "SELECT ?",
        parameters,
        database="db",
        workgroup="wg",
        clock=clock.now,
        sleep=clock.sleep,
        **options,
    )


def test_cells_have_the_types_of_their_columns_and_null_is_none():
    row = ["acme", "12", "1.5", "true", "2026-11-20 09:00:00.000", "{a=1}"]
    result = run(Athena(rows=[row, [None] * 6]))
    assert result.columns == tuple(name for name, _ in COLUMNS)
    assert list(result.rows[0].values()) == ["acme", 12, 1.5, True, datetime(2026, 11, 20, 9, tzinfo=UTC), "{a=1}"]
    assert list(result.rows[1].values()) == [None] * 6
    assert result.scanned_bytes == 1234
    [infinite] = run(Athena(rows=[["acme", "1", "Infinity", None, None, None]])).rows
    assert infinite["share"] is None


def test_all_pages_are_read_and_only_the_first_has_a_header():
    rows = [[str(number), *[None] * 5] for number in range(25)]
    result = run(Athena(rows=rows, per_page=10))
    assert [row["customer"] for row in result.rows] == [str(number) for number in range(25)]


def test_the_request_says_where_and_with_which_literals():
    fake = Athena()
    run(fake, ["'acme'", "5"], reuse_minutes=2)
    [started] = fake.started
    assert started["ExecutionParameters"] == ["'acme'", "5"]
    assert (started["WorkGroup"], started["QueryExecutionContext"]) == ("wg", {"Database": "db"})
    assert started["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]["MaxAgeInMinutes"] == 2


def test_a_running_query_is_polled_ever_more_slowly():
    clock = Clock()
    run(Athena(states=["QUEUED", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED"]), clock=clock)
    assert len(clock.pauses) == 4
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] <= 2.0


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_failed_query_raises_the_reason_that_athena_gives(state):
    with pytest.raises(athena.QueryFailedError, match="COLUMN_NOT_FOUND: line 1:8"):
        run(Athena(states=[state], reason="COLUMN_NOT_FOUND: line 1:8"))


def test_a_query_that_takes_too_long_is_stopped():
    fake = Athena(states=["RUNNING"])
    with pytest.raises(athena.QueryTimeoutError, match="longer than 20 seconds"):
        run(fake, timeout_seconds=20)
    assert fake.stopped == ["q-1"]


def test_a_query_whose_asker_interrupts_is_stopped():
    fake = Athena(states=["RUNNING"])

    class Interrupted(Clock):
        def sleep(self, seconds):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(fake, clock=Interrupted())
    assert fake.stopped == ["q-1"]


def test_a_request_that_athena_refuses_is_botocores_error():
    fake = Athena()
    fake._StartQueryExecution = lambda _params: (_ for _ in ()).throw(RefusedError("InvalidRequestException", "no"))
    with pytest.raises(fake.client.exceptions.InvalidRequestException):
        run(fake)

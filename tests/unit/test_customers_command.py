"""`tracelake customers`: a list is put whole or not at all, after it was shown what changes, and shown as it is."""

import builtins
import json

import pytest
from answering import RefusedError, answering

from cli.main import main
from cli.target import Target
from functions.aws import objects
from functions.core.customers import items
from functions.core.customers.listing import Customer, Names, encode
from functions.core.schema import TENANTS

ACME = Customer("acme", "Acme Ltd", "business", 49.5)
HEADING = "tenant,name,plan,monthly_price_usd\n"
PLACE = ("AWS, eu-west-1, stage main", "db", "wg", "stream", "letters", "state", "lake")


class Bucket:
    """The lake bucket with at most one object, which ``meanwhile`` replaces just before it is written."""

    def __init__(self):
        self.body, self.version, self.meanwhile, self.reading = None, 0, None, None
        self.client = answering("s3", self)

    def __call__(self, operation, params):
        assert params["Bucket"] == "lake"
        if params["Key"] == "summaries/customers.json":
            if self.reading is None:
                raise RefusedError("NoSuchKey")
            return {"Body": Body(self.reading), "ETag": '"1"'}
        assert params["Key"] == TENANTS.file
        if operation == "GetObject":
            if self.body is None:
                raise RefusedError("NoSuchKey")
            return {"Body": Body(self.body), "ETag": f'"{self.version}"'}
        if self.meanwhile is not None:
            self.body, self.version, self.meanwhile = self.meanwhile, self.version + 1, None
        expected = f'"{self.version}"' if self.body is not None else None
        if params.get("IfMatch") != expected or (params.get("IfNoneMatch") == "*") != (self.body is None):
            raise RefusedError("PreconditionFailed", status=412)
        body = params["Body"]
        self.body, self.version = body if isinstance(body, bytes) else body.read(), self.version + 1
        return {"ETag": f'"{self.version}"'}

    @property
    def customers(self):
        return Names(self.body or b"").all()


class Body(bytes):
    def read(self):
        return bytes(self)


@pytest.fixture
def bucket(monkeypatch):
    made = Bucket()
    monkeypatch.setattr(objects, "client", lambda _name: made.client)
    monkeypatch.setattr("cli.target.find", lambda _stage, local: Target(*PLACE))
    monkeypatch.setattr(builtins, "input", lambda _question: "yes")
    return made


@pytest.fixture
def file(tmp_path):
    def write(rows, heading=HEADING):
        path = tmp_path / "customers.csv"
        path.write_text(heading + rows, encoding="utf-8")
        return str(path)

    return write


def test_a_list_is_put_after_what_it_changes_was_shown(bucket, file, capsys):
    bucket.body = encode([ACME, Customer("gone", "Gone")])
    assert main(["customers", "put", file("acme,Acme Ltd,enterprise,99\nnew,New,,\n")]) == 0
    assert bucket.customers == [Customer("acme", "Acme Ltd", "enterprise", 99.0), Customer("new", "New")]
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines() if line.strip() and "─" not in line] == [
        ["change", "tenant"],
        ["gone", "gone"],
        ["was", "acme"],
        ["is", "acme"],
        ["new", "new"],
    ]
    assert "2 customers for AWS, eu-west-1, stage main: 1 new, 1 changed, 1 gone" in err


def test_the_first_list_is_put_where_there_was_none(bucket, file):
    assert main(["customers", "put", "--yes", file("acme,Acme Ltd,business,49.50\n")]) == 0
    assert bucket.customers == [ACME]


@pytest.mark.parametrize("arguments", [["--dry-run"], []])
def test_a_dry_run_and_a_no_change_nothing(bucket, file, monkeypatch, arguments):
    monkeypatch.setattr(builtins, "input", lambda _question: "no")
    bucket.body = encode([ACME])
    assert main(["customers", "put", *arguments, file("new,New,,\n")]) == (0 if arguments else 1)
    assert (bucket.version, bucket.customers) == (0, [ACME])


def test_where_nobody_can_answer_nothing_is_put(bucket, file, monkeypatch, capsys):
    def closed(_question):
        raise EOFError

    monkeypatch.setattr(builtins, "input", closed)
    assert main(["customers", "put", file("new,New,,\n")]) == 1
    assert bucket.body is None
    assert "nobody answered: --yes does not ask" in capsys.readouterr().err


def test_a_list_that_changes_nothing_is_not_written_again(bucket, file, capsys):
    bucket.body = encode([ACME])
    assert main(["customers", "put", file("acme,Acme Ltd,business,49.5\n")]) == 0
    assert bucket.version == 0
    assert "nothing changes" in capsys.readouterr().err


def test_a_file_with_a_wrong_row_puts_nothing_and_every_reason_is_told(bucket, file, capsys):
    rows = "a,A,,1\nb,B,,$2\na,A,,\n" + "".join(f"c{number},C,,x\n" for number in range(30))
    assert main(["customers", "put", "--yes", file(rows)]) == 1
    err = capsys.readouterr().err
    assert "line 3: monthly_price_usd is '$2'" in err
    assert "line 4: tenant 'a' stands on line 2 already" in err
    assert err.count("\nline ") == 19
    assert "32 rows cannot be taken as they stand, so none is" in err
    assert bucket.body is None


def test_which_columns_were_taken_and_which_were_not_is_told(bucket, file, capsys):
    assert (
        main(
            [
                "customers",
                "put",
                "--yes",
                file("acme,Acme Ltd,a@example.com\n", "ID;Company;E-Mail\n".replace(";", ",")),
            ]
        )
        == 0
    )
    err = capsys.readouterr().err
    assert "tenant is read from the column ID\nname is read from the column Company\nnot taken: E-Mail\n" in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "it is empty"), ("a,b\n", "line 1 has no heading for tenant"), (HEADING, "there is no customer in it")],
)
def test_a_file_that_is_no_list_is_told_in_one_line(bucket, file, capsys, content, reason):
    assert main(["customers", "put", "--yes", file(content, "")]) == 1
    assert f"customers.csv: {reason}" in capsys.readouterr().err
    assert main(["customers", "put", "--yes", "/nowhere.csv"]) == 1
    assert "/nowhere.csv: No such file" in capsys.readouterr().err


def test_two_who_put_at_the_same_time_do_not_undo_each_other(bucket, file, capsys):
    bucket.body = encode([ACME])
    bucket.meanwhile = encode([Customer("other", "Other")])
    assert main(["customers", "put", "--yes", file("new,New,,\n")]) == 1
    assert bucket.customers == [Customer("other", "Other")]
    assert "somebody else has put a list meanwhile" in capsys.readouterr().err


def test_what_is_no_list_is_told_when_it_is_shown_and_replaced_when_one_is_put(bucket, file, capsys):
    bucket.body = b"PAR1 broken"
    assert main(["customers", "show"]) == 1
    assert "is no list of customers" in capsys.readouterr().err
    assert main(["customers", "put", "--yes", file("new,New,,\n")]) == 0
    assert bucket.customers == [Customer("new", "New")]


def test_a_list_that_comes_from_dynamodb_is_not_put(bucket, file, monkeypatch, capsys):
    monkeypatch.setattr("cli.target.find", lambda _stage, local: Target(*PLACE, "crm-customers"))
    assert main(["customers", "put", "--yes", file("new,New,,\n")]) == 1
    assert "come from the DynamoDB table crm-customers" in capsys.readouterr().err
    assert main(["customers", "show"]) == 0
    assert "DynamoDB table crm-customers, which is read every hour and was not yet" in capsys.readouterr().err
    bucket.reading = items.encode(items.Reading("crm-customers", 1_795_169_820_000, 3, 2, ["na\x1bme is empty"]))
    assert main(["customers", "show"]) == 0
    err = capsys.readouterr().err
    assert "at 2026-11-20 10:17 UTC it was read\n2 items are not taken, the first because:\n  na\ufffdme" in err
    bucket.reading = items.encode(items.Reading("crm-customers", 1_795_169_820_000, error="no such table"))
    assert main(["customers", "show"]) == 0
    assert "it could not be read: no such table" in capsys.readouterr().err


def test_the_list_is_shown_and_put_again_as_it_was_shown(bucket, tmp_path, capsys):
    listed = [ACME, Customer("b", '<b>"B", Sons</b>'), Customer("c", "C", None, 0.125)]
    bucket.body = encode(listed)
    assert main(["customers", "show", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "tenant": "acme", "name": "Acme Ltd", "plan": "business", "monthly_price_usd": 49.5
    }  # fmt: skip
    assert main(["customers", "show", "--format", "csv"]) == 0
    path = tmp_path / "again.csv"
    path.write_text(capsys.readouterr().out)
    bucket.body = encode([])
    assert main(["customers", "put", "--yes", str(path)]) == 0
    assert bucket.customers == listed


def test_without_a_list_it_is_said_how_one_is_put(bucket, capsys):
    assert main(["customers", "show"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "0 customers in AWS" in err
    assert "tracelake customers put FILE.csv" in err


def test_what_a_terminal_would_obey_is_not_told_to_it(bucket, tmp_path, capsys):
    path = tmp_path / "hostile.csv"
    path.write_bytes(b"tenant,name,\x1b]0;owned\x07\nacme,\x1b[2JAcme,x\n\x1b[31mb,B,y\n")
    assert main(["customers", "put", "--yes", str(path)]) == 1
    out, err = capsys.readouterr()
    assert "U+001B" in err
    assert not set(out + err) & set("\x1b\x07")

"""The command: what it prints, where it looks and how it fails."""

import csv
import gzip
import importlib
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from answering import RefusedError, answering
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cli import ask, retry_rejected, target, terminal
from cli.commands import COMMANDS
from cli.errors import CommandError
from cli.main import main
from cli.text import CONTROL, safe
from functions.aws import clients, put_records
from functions.aws.dead_letters import DeadLetter, DeadLetters
from functions.core.questions import load_all

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    {"customer": "acme", "requests": 1234, "share_pct": 61.5, "seen": datetime(2026, 11, 20, 9, tzinfo=UTC)},
    {"customer": None, "requests": 7, "share_pct": None, "seen": None},
]


def shown(rows, form):
    out = io.StringIO()
    terminal.show(list(rows[0]), rows, form, out)
    return out.getvalue()


def test_a_table_aligns_numbers_and_has_no_trailing_blanks():
    lines = shown(ROWS, "table").splitlines()
    assert [line.split() for line in lines if "acme" in line] == [["acme", "1,234", "61.5", "2026-11-20", "09:00:00Z"]]
    assert [line.split() for line in lines if "7" in line] == [["-", "7", "-", "-"]]
    assert all(line == line.rstrip() for line in lines)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def test_rows_too_wide_for_the_terminal_become_blocks(monkeypatch):
    monkeypatch.setattr(terminal, "console", lambda out: Console(file=out, width=60, force_terminal=False))
    row = {f"a_rather_long_column_{number}": number for number in range(6)}
    out = Screen()
    terminal.show(list(row), [row, row], "table", out)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.split() == ["a_rather_long_column_3", "3"] for line in lines) == 2
    monkeypatch.setattr(terminal, "console", lambda out: Console(file=out, width=200, force_terminal=False))
    out = Screen()
    terminal.show(list(row), [row], "table", out)
    assert out.getvalue().splitlines()[1].split() == list(row)


def test_json_and_csv_hold_the_same_rows():
    parsed = json.loads(shown(ROWS, "json"))
    assert parsed[0] == {"customer": "acme", "requests": 1234, "share_pct": 61.5, "seen": "2026-11-20T09:00:00+00:00"}
    assert parsed[1]["customer"] is None
    first, _ = csv.DictReader(io.StringIO(shown(ROWS, "csv")))
    assert first == {
        "customer": "acme", "requests": "1234", "share_pct": "61.5", "seen": "2026-11-20T09:00:00+00:00"
    }  # fmt: skip


@given(st.text(), st.sampled_from(terminal.FORMATS))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_nothing_that_a_terminal_obeys_comes_out(text, form):
    out = shown([{"name": text + "\x1b[31m\u202e\x9b"}], form)
    assert not CONTROL.search(out.replace("\n", ""))


def test_json_keeps_every_character_as_an_escape():
    assert json.loads(shown([{"name": "\x1b[2J\u202e \u00e4\u682a"}], "json")) == [
        {"name": "\x1b[2J\u202e \u00e4\u682a"}
    ]


def test_markup_of_the_table_library_stays_text():
    assert "[bold]x[/bold] [link=http://x]" in shown([{"name": "[bold]x[/bold] [link=http://x]"}], "table")


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(A1)"])
def test_no_text_becomes_a_formula_in_a_spreadsheet(formula):
    assert list(csv.reader(io.StringIO(shown([{"name": formula}], "csv"))))[1] == [f"'{formula}"]
    assert shown([{"number": -1.5}], "csv") == "number\n-1.5\n"


def test_ask_alone_lists_all_questions_with_what_they_need(capsys):
    assert main(["ask"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for question in load_all().values():
        assert question.name in out
        assert question.needs in out


def test_the_list_is_there_for_programs_too(capsys):
    assert main(["ask", "--format", "json"]) == 0
    assert {row["question"] for row in json.loads(capsys.readouterr().out)} == set(load_all())


@pytest.mark.parametrize(
    "words", [["which_errors_occur"], ["which-errors-occur"], ["Which errors occur?"], ["which", "errors", "occur"]]
)
def test_a_question_is_found_however_it_is_written(words):
    assert ask.find(words).name == "which_errors_occur"


def test_an_unknown_question_is_answered_with_the_nearest(capsys):
    assert main(["ask", "which_error_occurs"]) == 1
    assert "did you mean which_errors_occur" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--param", "tenant"], "--param takes name=value, not 'tenant'"),
        (["--param", "colour=red"], "no parameter 'colour'; it has: tenant, top"),
        (["--param", "top=many"], "parameter top must be a whole number, not 'many'"),
        (["--since", "yesterday"], "'yesterday' is no time span"),
    ],
)
def test_a_wrong_argument_is_one_line_that_says_what_is_allowed(capsys, arguments, message):
    assert main(["ask", "which_errors_occur", *arguments]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["dance"], ["ask", "--format", "xml"], ["rows"]])
def test_wrong_usage_exits_with_two(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["rows", "--help"],
        ["ask", "--help"],
        ["retry-rejected", "--help"],
        ["budget", "--help"],
        ["delete-data", "--help"],
    ],
)
def test_help_is_there_for_every_command(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "usage: tracelake" in capsys.readouterr().out


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without AWS credentials and with no local stack; gives the file that would name one."""
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    asked = []

    def answer(operation, params):
        asked.append((operation, params, dict(os.environ)))
        values = {name: name.rsplit("/", 1)[1].upper() for name in params["Names"] if "/tracelake/gone/" not in name}
        return {"Parameters": [{"Name": name, "Value": value} for name, value in values.items()]}

    monkeypatch.setattr(target, "client", lambda _name: answering("ssm", answer))
    # what the command sets is taken back with what the test sets
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return tmp_path / "current.json", asked


def running(path):
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "123456789012"}
    path.write_text(json.dumps({"endpoint": "http://127.0.0.1:4566", "environment": environment, "stage": "demo"}))


def test_a_stage_in_aws_is_found_by_its_parameters(nowhere, monkeypatch):
    current, asked = nowhere
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    running(current)
    found = target.find("dev", local=False, current=current)
    assert found.place == "AWS, eu-west-1, stage dev"
    assert (found.database, found.dead_letter_bucket) == ("DATABASE", "DEAD-LETTER-BUCKET")
    assert "/tracelake/dev/state-table" in asked[0][1]["Names"]
    assert "AWS_ENDPOINT_URL" not in asked[0][2]


@pytest.mark.parametrize("local", [True, False])
def test_the_local_stack_is_used_where_it_is_asked_for_or_nothing_else_is_configured(nowhere, monkeypatch, local):
    current, asked = nowhere
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real" if local else "")
    running(current)
    found = target.find(None, local=local, current=current)
    assert found.place == "the stack on this machine (http://127.0.0.1:4566, stage demo)"
    assert "/tracelake/demo/database" in asked[0][1]["Names"]
    assert asked[0][2]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


def test_a_stage_that_is_not_deployed_is_said_to_be(nowhere):
    current, _ = nowhere
    with pytest.raises(CommandError, match="not deployed in AWS, eu-west-1, stage gone"):
        target.find("gone", local=False, current=current)


def test_no_local_stack_is_an_error_that_says_how_to_start_one(nowhere):
    current, _ = nowhere
    with pytest.raises(CommandError, match="make demo"):
        target.find(None, local=True, current=current)
    current.write_text("[]")
    with pytest.raises(CommandError, match="does not describe a local stack"):
        target.find(None, local=True, current=current)


def letter(number, reason="json_too_deep", size=10):
    return DeadLetter(reason, f"shard:{number}", f"event-{number}", "/shop", "stream", b"x" * size)


def test_batches_keep_to_the_limits_of_a_request():
    many = list(put_records.batches([letter(number) for number in range(1201)]))
    assert [len(batch) for batch in many] == [500, 500, 201]
    large = list(put_records.batches([letter(number, size=1_000_000) for number in range(11)]))
    assert max(sum(len(each.payload) for each in batch) for batch in large) <= 5_000_000
    assert sum(len(batch) for batch in large) == 11
    assert list(put_records.batches([letter(1, size=1_048_577)])) == []


class Stream:
    """Takes records as Kinesis does; `failing` says which requests fail for which of their records."""

    def __init__(self, failing):
        self.failing, self.requests = failing, []
        self.client = answering("kinesis", self.answer)

    def answer(self, operation, params):
        assert operation == "PutRecords"
        failed = self.failing(len(self.requests))
        self.requests.append(params["Records"])
        error = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
        records = [
            error if failed(index) else {"SequenceNumber": str(index), "ShardId": "shardId-0"}
            for index in range(len(params["Records"]))
        ]
        return {"Records": records}


def test_only_what_the_stream_refused_is_put_again():
    stream = Stream(lambda attempt: lambda index: attempt == 0 and index % 2 == 1)
    letters = [letter(number) for number in range(5)]
    taken = put_records.put(stream.client, "stream", letters, sleep=lambda _seconds: None)
    assert [len(request) for request in stream.requests] == [5, 2]
    assert sorted(each.event_id for each in taken) == [f"event-{number}" for number in range(5)]


def test_what_the_stream_never_takes_is_given_up_and_not_called_taken():
    stream = Stream(lambda _attempt: lambda index: index == 0)
    taken = put_records.put(stream.client, "stream", [letter(0), letter(1)], sleep=lambda _seconds: None)
    assert [each.event_id for each in taken] == ["event-1"]
    assert len(stream.requests) == put_records.ATTEMPTS


class Store:
    """The dead-letter bucket and the commits that name its files."""

    def __init__(self, files):
        self.objects = {}
        self.s3, self.dynamodb = answering("s3", self._s3), answering("dynamodb", self._dynamodb)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "_client", lambda _name: self.s3)
            for name, letters in files.items():
                DeadLetters("bucket").write("2026-11-20-10", name, "0", letters)

    def letters(self, folder="rejected/"):
        """Letters of the files of a folder, by the commit's id."""
        found = {}
        for key, body in self.objects.items():
            if key.startswith(folder):
                rows = [json.loads(line) for line in gzip.decompress(body).splitlines()]
                found.setdefault(key.rsplit("/", 1)[1].split(".")[0], []).extend(row["event_id"] for row in rows)
        return found

    def _s3(self, operation, params):
        if operation == "ListObjectsV2":
            return {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(params["Prefix"])]}
        if operation == "GetObject":
            return {"Body": self.objects[params["Key"]]}
        if operation == "PutObject":
            self.objects[params["Key"]] = params["Body"]
        elif operation == "CopyObject":
            self.objects[params["Key"]] = self.objects[unquote(params["CopySource"]).split("/", 1)[1]]
        else:
            self.objects.pop(params["Key"])
        return {}

    def _dynamodb(self, _operation, params):
        commit = params["Key"]["sk"]["S"]
        named = [f"rejected/hour=2026-11-20-10/{commit}.0.jsonl.gz"]
        return {"Item": {"dead_letters": {"S": json.dumps(named)}}} if commit != "crashed" else {}


@pytest.fixture
def store(monkeypatch):
    rejected = {"a": [letter(1), letter(2, "unknown\x1b[2J")], "b": [letter(3)], "c": [letter(4, "other")]}
    found = Store({**rejected, "crashed": [letter(5)]})
    stream = Stream(lambda _attempt: lambda _index: False)
    place = target.Target("here", "db", "wg", "stream", "bucket", "table", "lake")
    made = {"s3": found.s3, "dynamodb": found.dynamodb, "kinesis": stream.client}
    monkeypatch.setattr(clients, "_client", made.get)
    monkeypatch.setattr(retry_rejected.target, "find", lambda _stage, local: place)
    monkeypatch.setattr(put_records, "ATTEMPTS", 1)
    return found, stream


def test_a_retry_puts_all_letters_on_the_stream_and_moves_their_files(store, capsys):
    found, stream = store
    assert main(["retry-rejected"]) == 0
    assert sum(map(len, stream.requests)) == 4
    assert found.letters() == {"crashed": ["event-5"]}
    assert found.letters("retried/") == {"a": ["event-1", "event-2"], "b": ["event-3"], "c": ["event-4"]}
    captured = capsys.readouterr()
    assert "2  json_too_deep" in captured.out
    assert "\x1b" not in captured.out
    assert "4 retried, 0 not taken" in captured.err


def test_a_reason_moves_only_its_letters(store):
    found, stream = store
    assert main(["retry-rejected", "--reason", "deep"]) == 0
    assert found.letters() == {"a": ["event-2"], "c": ["event-4"], "crashed": ["event-5"]}
    assert sum(map(len, stream.requests)) == 2


def test_a_dry_run_changes_nothing(store, capsys):
    found, stream = store
    assert main(["retry-rejected", "--dry-run"]) == 0
    assert (len(found.letters()), stream.requests) == (4, [])
    assert "4 would be retried" in capsys.readouterr().err


def test_letters_that_the_stream_does_not_take_stay_and_are_a_failure(store, capsys):
    found, stream = store
    stream.failing = lambda _attempt: lambda index: index == 0
    assert main(["retry-rejected"]) == 1
    assert found.letters() == {"a": ["event-1"], "b": ["event-3"], "c": ["event-4"], "crashed": ["event-5"]}
    assert "1 retried, 3 not taken" in capsys.readouterr().err


def test_an_error_of_aws_is_one_line(monkeypatch, capsys):
    def refuse(operation, params):
        raise RefusedError("AccessDeniedException", "not allowed to read /tracelake/main/database\x1b[2J")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setattr(target, "client", lambda _name: answering("ssm", refuse))
    assert main(["ask", "which_errors_occur", "--stage", "main"]) == 1
    err = capsys.readouterr().err
    assert "AccessDeniedException" in err
    assert err.count("\n") == 1
    assert safe(err.strip()) == err.strip()


def test_help_imports_neither_arrow_nor_aws():
    """Nor does any command import what another one needs; the list of them is the whole of what they share."""
    code = "import sys; from cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "retry-rejected" in done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "argparse" in loaded
    assert loaded & {"pyarrow", "boto3", "botocore", "duckdb", "rich", "aws_lambda_powertools"} == set()


def test_every_command_has_the_function_that_runs_it():
    for command in COMMANDS:
        module, _, function = command.run.partition(".")
        assert command.kinds or callable(getattr(importlib.import_module(f"cli.{module}"), function)), command.name

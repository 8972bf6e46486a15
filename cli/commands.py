"""Every subcommand of ``tracelake``: its help, its arguments, and where it is run.

Only what runs is imported: AWS's client alone takes longer than reading a file.
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cli.raw_files import FORMATS
from cli.text import safe
from functions.core.dark.tools import TOOLS


class Argument(NamedTuple):
    """What ``add_argument`` is given."""

    names: tuple[str, ...]
    how: dict[str, Any]


class Command(NamedTuple):
    """``run`` is the module of cli/ and its function, which takes the arguments as parsed and returns the exit status;
    without it the command has only ``kinds`` (so they are called in its help), named after it: ``rules check``."""

    name: str
    help: str
    description: str | None = None
    arguments: Sequence[Argument] = ()
    run: str = ""
    kinds: str = ""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add all commands; the parsed arguments have the one to run as ``run``."""
    below = {"": parser.add_subparsers(dest="command", required=True, metavar="COMMAND")}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        made = below[group].add_parser(name, help=command.help, description=command.description)
        for argument in command.arguments:
            made.add_argument(*argument.names, **argument.how)
        if command.kinds:
            below[command.name] = made.add_subparsers(dest=command.kinds.lower(), required=True, metavar=command.kinds)
        else:
            made.set_defaults(run=command.run)


def run(arguments: argparse.Namespace) -> int:
    """Run what the arguments name."""
    module, _, function = arguments.run.partition(".")
    status: int = getattr(importlib.import_module(f"cli.{module}"), function)(arguments)
    return status


def place_of(arguments: argparse.Namespace) -> tuple[bool, str | None]:
    """Which deployment is meant: the arguments ``_PLACE``."""
    return arguments.local, arguments.stage


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", text):
        raise argparse.ArgumentTypeError(f"{safe(text)!r} is no commit: 7 to 64 hex digits")
    return text.lower()


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{safe(text)!r} is no amount: a number from 0 on")
    return amount


def _argument(*names: str, **how: Any) -> Argument:
    return Argument(names, how)


def _text(name: str, metavar: str | None, help: str, **how: Any) -> Argument:
    return Argument((name,), {"default": "", "metavar": metavar, "help": help} | how)


def _flag(name: str, help: str) -> Argument:
    return Argument((name,), {"action": "store_true", "help": help})


def _many(name: str, metavar: str, help: str, **how: Any) -> Argument:
    return Argument((name,), {"action": "append", "default": [], "metavar": metavar, "help": help} | how)


def _one_of(name: str, choices: Sequence[str], default: str, help: str = "default: {}") -> Argument:
    return Argument((name,), {"choices": choices, "default": default, "help": help.format(default)})


_FORMAT = _one_of("--format", ("table", "json"), "table")
_WITH_CSV = _one_of("--format", ("table", "json", "csv"), "table")
_RULES = _text("--rules", "FILE", "rules of your own (docs/rules.md)")
_YES = _flag("--yes", "do not ask")
_PRINT_JSON = _flag("--json", "print JSON")
_FILES = _argument("paths", nargs="+", metavar="PATH", help="a file, gzipped or not; a folder; - for standard input")
_BACK_A_DAY = _text("--since", "SPAN", "how far to look back (default: 24h)", default="24h")
_LOCAL = "--local"
_PLACE = (
    _argument("--stage", help="the deployment (default: main)"),
    _flag(_LOCAL, "the stack that runs on this machine"),
)
_GROUPS = (
    _argument("log_groups", nargs="+", metavar="LOGGROUP", help="a log group, or a prefix of several with *"),
    _BACK_A_DAY,
    _argument("--seconds", type=float, default=40, help="stop reading then (default: 40)"),
    _many("--tenant-key", "NAME", "a field that names the customer"),
    _RULES,
    _flag(_LOCAL, "the account that runs on this machine"),
)
_TELEMETRY = (
    _argument("paths", nargs="*", metavar="PATH", help="a file with raw telemetry; a folder; - for standard input"),
    _many("--group", "LOGGROUP", "a log group, or a prefix with *"),
    _BACK_A_DAY,
    _argument("--seconds", type=float, default=40, help="stop reading log groups then (default: 40)"),
    *_PLACE,
)

COMMANDS = (
    Command(
        "try",
        "answer from your own logs, with nothing deployed and nothing written",
        "Reads the newest events of some log groups, at most 64 MB and 40 seconds of them, and answers what "
        "invocations cost, which memory and errors to look at, what is slow, what starts cold, and who the "
        "customers are. Calls DescribeLogGroups and FilterLogEvents, and nothing else.",
        (
            *_GROUPS,
            _argument("--top", type=int, default=10, help="at most so many rows of each answer (default: 10)"),
            _text("--customers", "FILE.csv", "names, plans and prices, as `tracelake customers put` reads"),
            _FORMAT,
        ),
        "try_out.command",
    ),
    Command(
        "doctor",
        "say which telemetry is missing, and the lines that would make it",
        "Looks at the newest events of log groups and at how functions and APIs are configured, and says which "
        "columns of the lake stay empty, which lines of your tool would fill them and what they cost, and which log "
        "groups cannot be subscribed. Reads only; nothing need be deployed.",
        (
            *_GROUPS,
            _one_of("--tool", TOOLS, "cdk", "whose lines to show (default: {})"),
            _argument("--stage", default="main", help="the deployment that is asked too, if there is one"),
            _FORMAT,
        ),
        "doctor.command",
    ),
    Command(
        "import",
        "bring what log groups hold already into the lake",
        "Reads the events of log groups from the oldest on and puts them on the stream, as their subscription "
        "would; says before how much that is and what it costs. An import that was interrupted goes on where it "
        "stopped when the command is given again, and no event is counted twice.",
        (
            _many("--group", "LOGGROUP", "a log group, or a prefix with *; repeatable", default=None, required=True),
            _text("--since", "SPAN", "how far to go back: 24h, 7d", required=True),
            _argument("--most-gb", type=float, default=10, metavar="GB", help="refuse more than this (default: 10)"),
            _YES,
            *_PLACE,
        ),
        "import_logs.command",
    ),
    Command(
        "rows",
        "read raw telemetry from files and print what the lake would hold of it",
        "Reads raw telemetry and prints, as JSON lines, the rows that the lake would hold and what is rejected with "
        "the reason; the last line on stderr counts the events. No AWS account is needed.",
        (
            _FILES,
            _RULES,
            _argument("--format", choices=FORMATS, help="what the files hold, where finding it out goes wrong"),
            _flag("--explain", "say for a row of each kind which source, rule and redaction made each column"),
            _flag("--every", "explain every row: about a fifth of a second each"),
            _flag("--json", "explain in lines of JSON"),
        ),
        "rows.command",
    ),
    Command(
        "find-customers",
        "find the field of raw telemetry that names the customer",
        "Compares the fields of JSON lines, spans and access logs and proposes the one that names the customer, "
        "with the evidence and the line for cdk.json. No AWS account is needed.",
        (_FILES, _FORMAT),
        "find_customers.command",
    ),
    Command(
        "suspects",
        "rank the services by how likely each is the root cause of an incident",
        "Compares spans and log lines of an incident with those of a time without a fault and ranks the services, "
        "with the evidence (docs/root_cause.md). Both times are in the lake (--since), or in files (--baseline and "
        "--incident), which needs no AWS account.",
        (
            _text("--since", "TIME", "the incident began: 14:00 (UTC), 20m, or ISO 8601"),
            _text("--until", "TIME", "it was over (default: it is not)"),
            _text("--baseline-since", "TIME", "a time without a fault (default: half an hour before)"),
            _text("--baseline-until", "TIME", "its end"),
            _text(
                "--baseline", "PATH", "files or folders with telemetry of a time without a fault", nargs="+", default=[]
            ),
            _text("--incident", "PATH", "files or folders with telemetry of the incident", nargs="+", default=[]),
            _text("--rules", "FILE", "rules of your own for files (docs/rules.md)"),
            _flag("--json", "for programs"),
            _argument("--timeout", type=float, default=300, metavar="SECONDS", help="stop the queries then"),
            *_PLACE,
        ),
        "suspects.command",
    ),
    Command(
        "rules",
        "check, put and show the rules that say what fields mean and what is private",
        "Rules of your own (docs/rules.md) lie in one object of the lake bucket and count within a minute, without "
        "a deployment.",
        kinds="WHAT",
    ),
    Command(
        "rules check",
        "validate a file, and say what it would change",
        "Validates a file of rules. With files of telemetry, or log groups, it reads them once without and once "
        "with the rules and compares what the lake would hold.",
        (_argument("file", metavar="FILE", help="the rules"), *_TELEMETRY),
        "rules.check_command",
    ),
    Command(
        "rules put",
        "validate a file and make it count",
        arguments=(_argument("file", metavar="FILE", help="the rules"), *_PLACE),
        run="rules.put_command",
    ),
    Command("rules show", "print the rules that lie in the lake bucket", arguments=_PLACE, run="rules.show_command"),
    Command(
        "rules status",
        "say which rules count, and which were switched off and why; exit status 1 where one is",
        arguments=(_FORMAT, *_PLACE),
        run="rules.status_command",
    ),
    Command(
        "find-features",
        "propose which routes are one feature",
        "Groups the routes of access logs into features and prints the lines for a file of rules, with the "
        "evidence. The routes are those of files, of log groups, or where neither is named of the lake.",
        (*_TELEMETRY, _text("--rules", "FILE", "rules of your own, whose paths make routes"), _FORMAT),
        "find_features.command",
    ),
    Command(
        "ask",
        "answer a question from the lake; without one, list the questions",
        "Answers one of the named questions from the lake. Without a question it lists them all, with the telemetry "
        "that each needs.",
        (
            _argument("question", nargs="*", metavar="QUESTION", help="its name, or its words"),
            _many("--param", "NAME=VALUE", "a parameter; can be repeated"),
            _argument(
                "--since", metavar="SPAN", help="how far to look back: 90m, 24h, 7d (default: the question's own)"
            ),
            _WITH_CSV,
            _argument(
                "--timeout", type=float, default=300, metavar="SECONDS", help="stop the query then (default: 300)"
            ),
            *_PLACE,
        ),
        "ask.command",
    ),
    Command(
        "trace",
        "show what happened to one request, over functions, queues and third parties",
        "Shows one request with all that it caused: steps on a time line, what it cost, where the time went, and "
        "who is the likely cause where it failed or was slow.",
        (
            _argument("id", metavar="ID", help="a trace id, of X-Ray or W3C, or a request id"),
            _many("--file", "PATH", "look in raw telemetry, not in the lake; repeatable"),
            _argument("--since", metavar="SPAN", help="how far to look back: 90m, 24h, 7d (default: 24h)"),
            _FORMAT,
            _argument("--timeout", type=float, default=300, metavar="SECONDS", help="stop the query then"),
            *_PLACE,
        ),
        "trace.command",
    ),
    Command(
        "customers",
        "give customers their names, plans and prices",
        "The list of customers: dashboards, answers and alerts show their names instead of ids, and "
        "what_do_customers_cost compares what they cost with what they pay.",
        kinds="ACTION",
    ),
    Command(
        "customers put",
        "replace the list by that of a CSV file",
        "Replaces the list by that of a CSV file with the columns tenant (the id as telemetry has it), name, plan "
        "and monthly_price_usd, after showing what changes. A file with one wrong row changes nothing.",
        (
            _argument("path", metavar="FILE.csv", help="in UTF-8, with commas, semicolons or tabs"),
            _flag("--dry-run", "show what would change and leave it"),
            _YES,
            *_PLACE,
        ),
        "customers.put_command",
    ),
    Command(
        "customers show", "show the list", "Shows the list as it is.", (_WITH_CSV, *_PLACE), "customers.show_command"
    ),
    Command(
        "deployed",
        "tell of a deployment, from the pipeline that did it",
        "Puts one record on the stream: a commit was deployed. A minute later it is in the table `deployments`, "
        "beside what AWS itself tells of the change.",
        (
            _argument("--commit", required=True, type=_commit, metavar="SHA", help="the commit that was deployed"),
            _argument("--service", help="the service, named as its logs name it"),
            _argument("--version", help="its version"),
            _argument("--url", help="the run of the pipeline"),
            _one_of("--status", ("succeeded", "failed"), "succeeded", "how it ended (default: {})"),
            *_PLACE,
        ),
        "deployed.command",
    ),
    Command(
        "detect",
        "say which alerts a series would have given, and why",
        "Reads a CSV file with the columns timestamp and value, learns what is usual as it goes, and prints what it "
        "would have told of and why. Three value columns or more are a group whose members should behave alike. No "
        "AWS account is needed.",
        (
            _argument("path", metavar="FILE.csv", help="times in ISO form (UTC without a zone) or seconds since 1970"),
            _PRINT_JSON,
            _one_of("--direction", ("both", "up", "down"), "both"),
            _one_of("--sensitivity", ("standard", "fewer alerts"), "standard"),
            _text("--min-level", "X", "no alert of a rise to less than this", type=_amount, default=0.0),
            _text("--min-volume", "N", "values made of less say nothing", type=_amount, default=0.0),
            _text("--volume", "COLUMN", "how much each value was made of, e.g. requests"),
            _text("--scores", "OUT.csv", "write timestamp,value,anomaly_score per row"),
        ),
        "detect.command",
    ),
    Command(
        "retry-rejected",
        "put rejected events back on the stream after a fix",
        "Puts dead letters back on the stream, moves them to retried/ in their bucket and counts them by reason.",
        (
            _text("--reason", "TEXT", "only those whose reason contains this"),
            _flag("--dry-run", "count them and leave them where they are"),
            *_PLACE,
        ),
        "retry_rejected.command",
    ),
    Command(
        "alerts",
        "what was unusual, and what would have been told of",
        "Says what detect found unusual. With --replay, what it would have told with the rules in force, or with "
        "another number of false alerts a week.",
        (
            _text("--since", "SPAN", "how far to look back (default: 7d)", default="7d"),
            _flag("--replay", "judge that time again, and say what would be told"),
            _argument("--per-week", type=float, metavar="N", help="with --replay: so many false alerts a week"),
            _flag("--learn-again", "have detect learn anew from the last 14 days"),
            _PRINT_JSON,
            *_PLACE,
        ),
        "alerts.command",
    ),
    Command(
        "budget",
        "say what this month has cost, and which lines are left out because of it",
        "Says what check_budget found last: what this month has cost, what it will, and which lines are left out "
        "because the budget is spent.",
        (_flag("--off", "leave nothing out any more, for the rest of the month"), *_PLACE),
        "budget.command",
    ),
    Command(
        "price",
        "say what an installation costs, line by line",
        "Prices the templates of an installation: at rest, by volume, and a month with telemetry around the clock. "
        "Needs no AWS account.",
        (
            _text("--templates", "FOLDER", "as `make synth` writes them: cdk.out"),
            _many("--set", "KEY=VALUE", "a setting over cdk.json's; can be repeated"),
            _FORMAT,
        ),
        "price.command",
    ),
    Command(
        "policies",
        "write IAM policies for who deploys, who looks and who asks",
        "Writes IAM policies: what CloudFormation needs to deploy tracelake and no more, and what people need who "
        "look at dashboards (viewer) or ask the lake (analyst). Needs no AWS account.",
        (
            _text("folder", "FOLDER", "for a file each (default: print)", nargs="?"),
            _text("--stage", None, "the deployment (default: main)", default="main"),
            _text("--account", None, "12 digits (default: any)"),
            _text("--region", None, "for example eu-central-1 (default: any)"),
        ),
        "policies.command",
    ),
    Command(
        "delete-data",
        "delete what `make destroy` leaves: lake, dead letters and state",
        "Deletes the data stack of a stage with the buckets, the table and the key that it would leave. Asks "
        "before; `make destroy DATA=delete` runs it after everything else is gone.",
        (_argument("--stage", required=True, help="the deployment"), _YES),
        "delete_data.command",
    ),
)

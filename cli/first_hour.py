"""Subcommands for the first hour: what an account's logs can tell, what is missing in them, and how they get in."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cli.arguments import add_place
from functions.core.dark.tools import TOOLS


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands."""
    _add_try(commands)
    _add_doctor(commands)
    _add_import(commands)


def _try(arguments: argparse.Namespace) -> int:
    from cli import try_out  # noqa: PLC0415

    return try_out.run(
        arguments.log_groups,
        **_reading(arguments),
        top=arguments.top,
        customers=arguments.customers,
        form=arguments.format,
        local=arguments.local,
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from cli import doctor  # noqa: PLC0415

    return doctor.run(
        arguments.log_groups,
        **_reading(arguments),
        tool=arguments.tool,
        form=arguments.format,
        place=(arguments.local, arguments.stage),
    )


def _import(arguments: argparse.Namespace) -> int:
    from cli import import_logs  # noqa: PLC0415

    return import_logs.run(
        arguments.group,
        since=arguments.since,
        most_gb=arguments.most_gb,
        yes=arguments.yes,
        place=(arguments.local, arguments.stage),
        ask=input,
        out=sys.stdout,
        err=sys.stderr,
    )


def _reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `_add_groups` asks for, and where to tell."""
    from cli.log_events import Limits  # noqa: PLC0415

    limits = Limits(seconds=arguments.seconds)
    return {
        "since": arguments.since,
        "tenant_keys": arguments.tenant_key,
        "rules": arguments.rules,
        "limits": limits,
        "out": sys.stdout,
        "err": sys.stderr,
    }


def _add_try(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    try_ = commands.add_parser(
        "try",
        help="answer from your own logs, with nothing deployed and nothing written",
        description="Reads the newest events of some log groups, at most 64 MB and 40 seconds of them, and answers "
        "what invocations cost, which memory and errors to look at, what is slow, what starts cold, and who the "
        "customers are. Calls DescribeLogGroups and FilterLogEvents, and nothing else.",
    )
    try_.set_defaults(run=_try)
    _add_groups(try_)
    try_.add_argument("--top", type=int, default=10, help="at most so many rows of each answer (default: 10)")
    try_.add_argument(
        "--customers",
        default="",
        metavar="FILE.csv",
        help="names, plans and prices, as `tracelake customers put` reads",
    )
    try_.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="say which telemetry is missing, and the lines that would make it",
        description="Looks at the newest events of log groups and at how functions and APIs are configured, and says "
        "which columns of the lake stay empty, which lines of your tool would fill them and what they cost, and which "
        "log groups cannot be subscribed. Reads only; nothing need be deployed.",
    )
    doctor.set_defaults(run=_doctor)
    _add_groups(doctor)
    doctor.add_argument("--tool", choices=TOOLS, default="cdk", help="whose lines to show (default: cdk)")
    doctor.add_argument("--stage", default="main", help="the deployment that is asked too, if there is one")
    doctor.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    import_ = commands.add_parser(
        "import",
        help="bring what log groups hold already into the lake",
        description="Reads the events of log groups from the oldest on and puts them on the stream, as their "
        "subscription would; says before how much that is and what it costs. An import that was interrupted goes on "
        "where it stopped when the command is given again, and no event is counted twice.",
    )
    import_.set_defaults(run=_import)
    import_.add_argument(
        "--group",
        action="append",
        required=True,
        metavar="LOGGROUP",
        help="a log group, or a prefix with *; repeatable",
    )
    import_.add_argument("--since", required=True, metavar="SPAN", help="how far to go back: 24h, 7d")
    import_.add_argument("--most-gb", type=float, default=10, metavar="GB", help="refuse more than this (default: 10)")
    import_.add_argument("--yes", action="store_true", help="do not ask")
    add_place(import_)


def _add_groups(parser: argparse.ArgumentParser) -> None:
    """Which log groups are read, how far back and how long."""
    parser.add_argument("log_groups", nargs="+", metavar="LOGGROUP", help="a log group, or a prefix of several with *")
    parser.add_argument("--since", default="24h", metavar="SPAN", help="how far to look back (default: 24h)")
    parser.add_argument("--seconds", type=float, default=40, help="stop reading then (default: 40)")
    parser.add_argument(
        "--tenant-key", action="append", default=[], metavar="NAME", help="a field that names the customer"
    )
    parser.add_argument("--rules", default="", metavar="FILE", help="rules of your own (docs/rules.md)")
    parser.add_argument("--local", action="store_true", help="the account that runs on this machine")

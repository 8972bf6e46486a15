"""Subcommands about the rules of one's own: `tracelake rules` and `tracelake find-features`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cli.arguments import add_place

if TYPE_CHECKING:
    from cli.telemetry import Telemetry


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands."""
    rules = commands.add_parser(
        "rules",
        help="check, put and show the rules that say what fields mean and what is private",
        description="Rules of your own (docs/rules.md) lie in one object of the lake bucket and count within a minute, "
        "without a deployment.",
    )
    what = rules.add_subparsers(dest="what", required=True, metavar="WHAT")
    check = what.add_parser(
        "check",
        help="validate a file, and say what it would change",
        description="Validates a file of rules. With files of telemetry, or log groups, it reads them once without "
        "and once with the rules and compares what the lake would hold.",
    )
    check.set_defaults(run=_check)
    check.add_argument("file", metavar="FILE", help="the rules")
    _add_telemetry(check)
    put = what.add_parser("put", help="validate a file and make it count")
    put.set_defaults(run=_put)
    put.add_argument("file", metavar="FILE", help="the rules")
    add_place(put)
    show = what.add_parser("show", help="print the rules that lie in the lake bucket")
    show.set_defaults(run=_show)
    add_place(show)
    status = what.add_parser(
        "status", help="say which rules count, and which were switched off and why; exit status 1 where one is"
    )
    status.set_defaults(run=_status)
    status.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    add_place(status)
    find = commands.add_parser(
        "find-features",
        help="propose which routes are one feature",
        description="Groups the routes of access logs into features and prints the lines for a file of rules, with the "
        "evidence. The routes are those of files, of log groups, or where neither is named of the lake.",
    )
    find.set_defaults(run=_find)
    _add_telemetry(find)
    find.add_argument("--rules", default="", metavar="FILE", help="rules of your own, whose paths make routes")
    find.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _check(arguments: argparse.Namespace) -> int:
    from cli import rules  # noqa: PLC0415

    return rules.check(arguments.file, _telemetry(arguments), sys.stdout, sys.stderr)


def _put(arguments: argparse.Namespace) -> int:
    from cli import rules  # noqa: PLC0415

    return rules.put(arguments.file, (arguments.local, arguments.stage), sys.stdout)


def _show(arguments: argparse.Namespace) -> int:
    from cli import rules  # noqa: PLC0415

    return rules.show((arguments.local, arguments.stage), sys.stdout)


def _status(arguments: argparse.Namespace) -> int:
    from cli import rules  # noqa: PLC0415

    return rules.status((arguments.local, arguments.stage), arguments.format, sys.stdout)


def _find(arguments: argparse.Namespace) -> int:
    from cli import find_features  # noqa: PLC0415

    return find_features.run(_telemetry(arguments), arguments.format, sys.stdout, sys.stderr, arguments.rules)


def _telemetry(arguments: argparse.Namespace) -> Telemetry:
    from cli.telemetry import Telemetry  # noqa: PLC0415

    return Telemetry(
        arguments.paths, arguments.group, arguments.since, (arguments.local, arguments.stage), arguments.seconds
    )


def _add_telemetry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a file with raw telemetry; a folder; - for standard input"
    )
    parser.add_argument(
        "--group", action="append", default=[], metavar="LOGGROUP", help="a log group, or a prefix with *"
    )
    parser.add_argument("--since", default="24h", metavar="SPAN", help="how far to look back (default: 24h)")
    parser.add_argument("--seconds", type=float, default=40, help="stop reading log groups then (default: 40)")
    add_place(parser)

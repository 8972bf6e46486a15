"""The ``tracelake`` command."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence

from cli import first_hour, rules_commands
from cli.arguments import add_place
from cli.errors import FAILED, INTERRUPTED, CommandError
from cli.raw_files import FORMATS
from cli.text import safe

_DESCRIPTION = "Who did what, why was it slow, what did it cost: answers from the logs and traces of your AWS account."
_EPILOG = """\
examples:
  tracelake try /aws/lambda/checkout                  answers from logs as they are, nothing deployed or written
  tracelake ask                                       which questions there are, and what each needs
  tracelake ask who_produces_which_traffic --since 7d
  tracelake ask which errors occur --param tenant=acme --format json
  tracelake trace 1-5759e988-bd862e3fe1be46a994272793 what happened to one request, and why
  tracelake rows lambda.log                           what the lake would hold of a file
  tracelake find-customers lambda.log                 which field names the customer
  tracelake customers put customers.csv               names, plans and prices for the ids of telemetry
  tracelake deployed --commit "$SHA" --service shop   what a pipeline says when it has deployed
  tracelake find-features access.log                  which features there are, by the routes
  tracelake rules check rules.toml lambda.log         what rules of your own would change
  tracelake suspects --baseline usual.json --incident now.json   which service is the root cause
  tracelake detect errors.csv --direction up          which alerts a series would have given, and why
  tracelake retry-rejected --dry-run                  which dead letters there are, by reason
  tracelake alerts                                    what was unusual, and what would have been told of
  tracelake budget                                    what this month has cost, and what is left out because of it
  tracelake price --set kinesis_mode=on-demand        what an installation would cost, line by line
  tracelake policies iam --region eu-central-1        IAM policies to deploy and to use it, a file each in iam/

alerts, ask, budget, customers, deployed, retry-rejected and trace work on AWS (--stage), or on the stack that runs on
this machine: with --local, or where no AWS credentials are configured.
exit status: 0 done, 1 failed, 2 wrong usage
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; errors a user can act on are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a letter gets its escape, not half the answer and a stack trace
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"tracelake: {safe(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("tracelake: interrupted", file=sys.stderr)
        return INTERRUPTED
    except EOFError:
        print("tracelake: nobody answered: --yes does not ask", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # whoever read our output has seen enough, e.g. `head`; Python would complain again when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


# each subcommand imports only what it needs: AWS's client alone takes longer than reading a file


def _rows(arguments: argparse.Namespace) -> int:
    from dataclasses import replace  # noqa: PLC0415

    from cli import rules_file  # noqa: PLC0415
    from cli.explained import Explainer  # noqa: PLC0415
    from cli.rows import RULES, run  # noqa: PLC0415

    rules = replace(RULES, meaning=rules_file.load(arguments.rules))
    explainer = Explainer(rules, every=arguments.every) if arguments.explain else None
    status = run(arguments.paths, arguments.format, sys.stdout, sys.stderr, explainer, rules)
    if explainer:
        explainer.show(sys.stdout, as_json=arguments.json)
    return status


def _find_customers(arguments: argparse.Namespace) -> int:
    from cli import find_customers  # noqa: PLC0415

    return find_customers.run(arguments.paths, arguments.format, sys.stdout, sys.stderr)


def _suspects(arguments: argparse.Namespace) -> int:
    from cli import suspects  # noqa: PLC0415

    given = vars(arguments)
    incident, baseline = (suspects.times(given[f"{name}since"], given[f"{name}until"]) for name in ("", "baseline_"))
    if arguments.baseline and arguments.incident and not incident and not baseline:
        return suspects.run(arguments.baseline, arguments.incident, arguments.rules, arguments.json, sys.stdout)
    if not incident or arguments.baseline or arguments.incident:
        raise CommandError(
            "give --since, and --until where it is over; or files of two times, --baseline and --incident"
        )
    return suspects.run_on_lake(
        incident,
        baseline,
        arguments.json,
        place=(arguments.local, arguments.stage),
        timeout_seconds=arguments.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )


def _put_customers(arguments: argparse.Namespace) -> int:
    from cli import customers  # noqa: PLC0415

    return customers.put(
        arguments.path,
        place=(arguments.local, arguments.stage),
        dry_run=arguments.dry_run,
        yes=arguments.yes,
        ask=input,
        out=sys.stdout,
        err=sys.stderr,
    )


def _show_customers(arguments: argparse.Namespace) -> int:
    from cli import customers  # noqa: PLC0415

    return customers.show(arguments.format, place=(arguments.local, arguments.stage), out=sys.stdout, err=sys.stderr)


def _price(arguments: argparse.Namespace) -> int:
    from cli import price  # noqa: PLC0415

    return price.run(arguments.templates, arguments.set, arguments.format, sys.stdout)


def _policies(arguments: argparse.Namespace) -> int:
    from cli import policies  # noqa: PLC0415

    where = policies.place(arguments.stage, arguments.account, arguments.region)
    return policies.run(arguments.folder, where, sys.stdout)


def _delete(arguments: argparse.Namespace) -> int:
    from cli import delete_data  # noqa: PLC0415

    return delete_data.run(arguments.stage, yes=arguments.yes, ask=input, out=sys.stdout, err=sys.stderr)


def _retry(arguments: argparse.Namespace) -> int:
    from cli import retry_rejected  # noqa: PLC0415

    place = (arguments.local, arguments.stage)
    return retry_rejected.run(place, reason=arguments.reason, dry_run=arguments.dry_run, out=sys.stdout, err=sys.stderr)


def _deployed(arguments: argparse.Namespace) -> int:
    from cli import deployed  # noqa: PLC0415

    told = {name: getattr(arguments, name) for name in ("commit", "service", "version", "url", "status")}
    return deployed.run((arguments.local, arguments.stage), told, sys.stdout)


def _detect(arguments: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415

    from cli import detect  # noqa: PLC0415
    from functions.core.detect.series import Options  # noqa: PLC0415

    names = ("direction", "min_level", "min_volume", "sensitivity")
    options = msgspec.convert({name: getattr(arguments, name) for name in names}, Options)
    return detect.run(
        arguments.path,
        options,
        sys.stdout,
        as_json=arguments.json,
        scores=arguments.scores,
        volume=arguments.volume,
    )


def _alerts(arguments: argparse.Namespace) -> int:
    from cli import alerts  # noqa: PLC0415

    place = (arguments.local, arguments.stage)
    if arguments.learn_again:
        return alerts.learn_again(place, out=sys.stdout)
    return alerts.run(
        place,
        since=arguments.since,
        replays=arguments.replay,
        per_week=arguments.per_week,
        as_json=arguments.json,
        out=sys.stdout,
    )


def _budget(arguments: argparse.Namespace) -> int:
    from cli import budget  # noqa: PLC0415

    return budget.run((arguments.local, arguments.stage), off=arguments.off, out=sys.stdout)


def _ask(arguments: argparse.Namespace) -> int:
    from cli import ask  # noqa: PLC0415

    if not arguments.question:
        return ask.list_questions(arguments.format, sys.stdout)
    return ask.answer(
        arguments.question,
        arguments.param,
        arguments.since,
        arguments.format,
        place=(arguments.local, arguments.stage),
        timeout_seconds=arguments.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )


def _trace(arguments: argparse.Namespace) -> int:
    from cli import trace  # noqa: PLC0415

    return trace.run(
        arguments.id,
        arguments.file,
        arguments.since,
        arguments.format,
        place=(arguments.local, arguments.stage),
        timeout_seconds=arguments.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tracelake", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    first_hour.add_to(commands)
    _add_rows(commands)
    _add_find_customers(commands)
    _add_suspects(commands)
    rules_commands.add_to(commands)
    _add_ask(commands)
    _add_trace(commands)
    _add_customers(commands)
    _add_deployed(commands)
    _add_detect(commands)
    _add_retry(commands)
    _add_alerts(commands)
    _add_budget(commands)
    _add_price(commands)
    _add_policies(commands)
    _add_delete(commands)
    return parser


def _add_rows(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rows = commands.add_parser(
        "rows",
        help="read raw telemetry from files and print what the lake would hold of it",
        description="Reads raw telemetry and prints, as JSON lines, the rows that the lake would hold and what is "
        "rejected with the reason; the last line on stderr counts the events. No AWS account is needed.",
    )
    rows.set_defaults(run=_rows)
    rows.add_argument("paths", nargs="+", metavar="PATH", help="a file, gzipped or not; a folder; - for standard input")
    rows.add_argument("--rules", default="", metavar="FILE", help="rules of your own (docs/rules.md)")
    rows.add_argument("--format", choices=FORMATS, help="what the files hold, where finding it out goes wrong")
    rows.add_argument(
        "--explain",
        action="store_true",
        help="say for a row of each kind which source, rule and redaction made each column",
    )
    rows.add_argument("--every", action="store_true", help="explain every row: about a fifth of a second each")
    rows.add_argument("--json", action="store_true", help="explain in lines of JSON")


def _add_find_customers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    find = commands.add_parser(
        "find-customers",
        help="find the field of raw telemetry that names the customer",
        description="Compares the fields of JSON lines, spans and access logs and proposes the one that names the "
        "customer, with the evidence and the line for cdk.json. No AWS account is needed.",
    )
    find.add_argument("paths", nargs="+", metavar="PATH", help="a file, gzipped or not; a folder; - for standard input")
    find.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    find.set_defaults(run=_find_customers)


def _add_suspects(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    suspects = commands.add_parser(
        "suspects",
        help="rank the services by how likely each is the root cause of an incident",
        description="Compares spans and log lines of an incident with those of a time without a fault and ranks the "
        "services, with the evidence (docs/root_cause.md). Both times are in the lake (--since), or in files "
        "(--baseline and --incident), which needs no AWS account.",
    )
    suspects.set_defaults(run=_suspects)
    suspects.add_argument(
        "--since", default="", metavar="TIME", help="the incident began: 14:00 (UTC), 20m, or ISO 8601"
    )
    suspects.add_argument("--until", default="", metavar="TIME", help="it was over (default: it is not)")
    suspects.add_argument(
        "--baseline-since", default="", metavar="TIME", help="a time without a fault (default: half an hour before)"
    )
    suspects.add_argument("--baseline-until", default="", metavar="TIME", help="its end")
    for time, what in (("baseline", "a time without a fault"), ("incident", "the incident")):
        suspects.add_argument(
            f"--{time}", nargs="+", default=[], metavar="PATH", help=f"files or folders with telemetry of {what}"
        )
    suspects.add_argument("--rules", default="", metavar="FILE", help="rules of your own for files (docs/rules.md)")
    suspects.add_argument("--json", action="store_true", help="for programs")
    suspects.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="stop the queries then")
    add_place(suspects)


def _add_ask(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ask = commands.add_parser(
        "ask",
        help="answer a question from the lake; without one, list the questions",
        description="Answers one of the named questions from the lake. Without a question it lists them all, with the "
        "telemetry that each needs.",
    )
    ask.set_defaults(run=_ask)
    ask.add_argument("question", nargs="*", metavar="QUESTION", help="its name, or its words")
    ask.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter; can be repeated")
    ask.add_argument("--since", metavar="SPAN", help="how far to look back: 90m, 24h, 7d (default: the question's own)")
    ask.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    ask.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="stop the query then (default: 300)")
    add_place(ask)


def _add_trace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    trace = commands.add_parser(
        "trace",
        help="show what happened to one request, over functions, queues and third parties",
        description="Shows one request with all that it caused: steps on a time line, what it cost, where the time "
        "went, and who is the likely cause where it failed or was slow.",
    )
    trace.set_defaults(run=_trace)
    trace.add_argument("id", metavar="ID", help="a trace id, of X-Ray or W3C, or a request id")
    trace.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="look in raw telemetry, not in the lake; repeatable"
    )
    trace.add_argument("--since", metavar="SPAN", help="how far to look back: 90m, 24h, 7d (default: 24h)")
    trace.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    trace.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="stop the query then")
    add_place(trace)


def _add_deployed(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    deployed = commands.add_parser(
        "deployed",
        help="tell of a deployment, from the pipeline that did it",
        description="Puts one record on the stream: a commit was deployed. A minute later it is in the table "
        "`deployments`, beside what AWS itself tells of the change.",
    )
    deployed.set_defaults(run=_deployed)
    deployed.add_argument("--commit", required=True, type=_commit, metavar="SHA", help="the commit that was deployed")
    deployed.add_argument("--service", help="the service, named as its logs name it")
    deployed.add_argument("--version", help="its version")
    deployed.add_argument("--url", help="the run of the pipeline")
    deployed.add_argument(
        "--status", choices=("succeeded", "failed"), default="succeeded", help="how it ended (default: succeeded)"
    )
    add_place(deployed)


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", text):
        raise argparse.ArgumentTypeError(f"{safe(text)!r} is no commit: 7 to 64 hex digits")
    return text.lower()


def _add_customers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    customers = commands.add_parser(
        "customers",
        help="give customers their names, plans and prices",
        description="The list of customers: dashboards, answers and alerts show their names instead of ids, and "
        "what_do_customers_cost compares what they cost with what they pay.",
    )
    actions = customers.add_subparsers(dest="action", required=True, metavar="ACTION")
    put = actions.add_parser(
        "put",
        help="replace the list by that of a CSV file",
        description="Replaces the list by that of a CSV file with the columns tenant (the id as telemetry has it), "
        "name, plan and monthly_price_usd, after showing what changes. A file with one wrong row changes nothing.",
    )
    put.set_defaults(run=_put_customers)
    put.add_argument("path", metavar="FILE.csv", help="in UTF-8, with commas, semicolons or tabs")
    put.add_argument("--dry-run", action="store_true", help="show what would change and leave it")
    put.add_argument("--yes", action="store_true", help="do not ask")
    add_place(put)
    show = actions.add_parser("show", help="show the list", description="Shows the list as it is.")
    show.set_defaults(run=_show_customers)
    show.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    add_place(show)


def _add_detect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    detect = commands.add_parser(
        "detect",
        help="say which alerts a series would have given, and why",
        description="Reads a CSV file with the columns timestamp and value, learns what is usual as it goes, and "
        "prints what it would have told of and why. Three value columns or more are a group whose members should "
        "behave alike. No AWS account is needed.",
    )
    detect.set_defaults(run=_detect)
    detect.add_argument("path", metavar="FILE.csv", help="times in ISO form (UTC without a zone) or seconds since 1970")
    detect.add_argument("--json", action="store_true", help="print JSON")
    detect.add_argument("--direction", choices=("both", "up", "down"), default="both", help="default: both")
    detect.add_argument(
        "--sensitivity",
        choices=("standard", "fewer alerts"),
        default="standard",
        help="default: standard",
    )
    detect.add_argument(
        "--min-level", type=_amount, default=0.0, metavar="X", help="no alert of a rise to less than this"
    )
    detect.add_argument("--min-volume", type=_amount, default=0.0, metavar="N", help="values made of less say nothing")
    detect.add_argument("--volume", default="", metavar="COLUMN", help="how much each value was made of, e.g. requests")
    detect.add_argument("--scores", default="", metavar="OUT.csv", help="write timestamp,value,anomaly_score per row")


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{safe(text)!r} is no amount: a number from 0 on")
    return amount


def _add_retry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    retry = commands.add_parser(
        "retry-rejected",
        help="put rejected events back on the stream after a fix",
        description="Puts dead letters back on the stream, moves them to retried/ in their bucket and counts them by "
        "reason.",
    )
    retry.set_defaults(run=_retry)
    retry.add_argument("--reason", default="", metavar="TEXT", help="only those whose reason contains this")
    retry.add_argument("--dry-run", action="store_true", help="count them and leave them where they are")
    add_place(retry)


def _add_alerts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    alerts = commands.add_parser(
        "alerts",
        help="what was unusual, and what would have been told of",
        description="Says what detect found unusual. With --replay, what it would have told with the rules in force, "
        "or with another number of false alerts a week.",
    )
    alerts.set_defaults(run=_alerts)
    alerts.add_argument("--since", default="7d", metavar="SPAN", help="how far to look back (default: 7d)")
    alerts.add_argument("--replay", action="store_true", help="judge that time again, and say what would be told")
    alerts.add_argument("--per-week", type=float, metavar="N", help="with --replay: so many false alerts a week")
    alerts.add_argument("--learn-again", action="store_true", help="have detect learn anew from the last 14 days")
    alerts.add_argument("--json", action="store_true", help="print JSON")
    add_place(alerts)


def _add_budget(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    budget = commands.add_parser(
        "budget",
        help="say what this month has cost, and which lines are left out because of it",
        description="Says what check_budget found last: what this month has cost, what it will, and which lines are "
        "left out because the budget is spent.",
    )
    budget.set_defaults(run=_budget)
    budget.add_argument("--off", action="store_true", help="leave nothing out any more, for the rest of the month")
    add_place(budget)


def _add_price(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    price = commands.add_parser(
        "price",
        help="say what an installation costs, line by line",
        description="Prices the templates of an installation: at rest, by volume, and a month with telemetry around "
        "the clock. Needs no AWS account.",
    )
    price.set_defaults(run=_price)
    price.add_argument("--templates", default="", metavar="FOLDER", help="as `make synth` writes them: cdk.out")
    price.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting over cdk.json's; can be repeated"
    )
    price.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _add_policies(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    policies = commands.add_parser(
        "policies",
        help="write IAM policies for who deploys, who looks and who asks",
        description="Writes IAM policies: what CloudFormation needs to deploy tracelake and no more, and what people "
        "need who look at dashboards (viewer) or ask the lake (analyst). Needs no AWS account.",
    )
    policies.set_defaults(run=_policies)
    policies.add_argument("folder", nargs="?", default="", metavar="FOLDER", help="for a file each (default: print)")
    policies.add_argument("--stage", default="main", help="the deployment (default: main)")
    policies.add_argument("--account", default="", help="12 digits (default: any)")
    policies.add_argument("--region", default="", help="for example eu-central-1 (default: any)")


def _add_delete(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    delete = commands.add_parser(
        "delete-data",
        help="delete what `make destroy` leaves: lake, dead letters and state",
        description="Deletes the data stack of a stage with the buckets, the table and the key that it would leave. "
        "Asks before; `make destroy DATA=delete` runs it after everything else is gone.",
    )
    delete.set_defaults(run=_delete)
    delete.add_argument("--stage", required=True, help="the deployment")
    delete.add_argument("--yes", action="store_true", help="do not ask")


if __name__ == "__main__":
    sys.exit(main())

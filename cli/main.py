"""The ``tracelake`` command."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from cli import commands
from cli.errors import FAILED, INTERRUPTED, CommandError
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
        status = commands.run(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tracelake", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands.add_to(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())

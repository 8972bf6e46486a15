"""``tracelake policies``: IAM policies for who deploys, who looks, who asks, and for pipelines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, TextIO

from cli.errors import OK, CommandError
from stacks.names import Names
from stacks.policies.deployment import deployment
from stacks.policies.documents import Place
from stacks.policies.people import analyst, pipeline, viewer


def run(folder: str, where: Place, out: TextIO) -> int:
    """Write each policy into a file of the folder and say how IAM gets it; print all where there is no folder."""
    found = policies(where)
    if not folder:
        out.write(json.dumps(found, indent=2) + "\n")
        return OK
    for name, document in found.items():
        path = Path(folder) / f"{name}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        out.write(f"aws iam create-policy --policy-name {name} --policy-document file://{path}\n")
    return OK


def place(stage: str, account: str, region: str) -> Place:
    """One stage, in any account or region where none is given."""
    return Place(Names(stage), region or "*", account or "*")


def policies(where: Place) -> dict[str, dict[str, Any]]:
    """All policies by name."""
    prefix = where.names.prefix
    return {
        **{f"{prefix}-deployment-{number}": each for number, each in enumerate(deployment(where), 1)},
        f"{prefix}-viewer": viewer(where),
        f"{prefix}-analyst": analyst(where),
        f"{prefix}-pipeline": pipeline(where),
    }


def command(given: argparse.Namespace) -> int:
    """``tracelake policies``."""
    return run(given.folder, place(given.stage, given.account, given.region), sys.stdout)

"""``tracelake deployed``: a pipeline tells of what it has deployed, as one record on the stream."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from typing import TextIO

from cli import target
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.text import safe
from functions.aws.clients import client
from functions.aws.put_records import Message, put


def run(place: tuple[bool, str | None], told: dict[str, str | None], out: TextIO) -> int:
    """Put the deployment on the stream; ``told`` are the members of the event, without those that are None."""
    local, stage = place
    event = {"event_type": "deployment", "id": str(uuid.uuid4()), "time": time.time_ns() // 1_000_000}
    event |= {name: value for name, value in told.items() if value}
    with target.explained():
        where = target.find(stage, local=local)
        taken = put(client("kinesis"), where.stream, [Message(json.dumps(event).encode(), str(event["id"]))])
    if not taken:
        raise CommandError(f"the stream {where.stream} did not take the deployment: try again")
    what = " ".join(filter(None, (told.get("service"), told.get("version"), told["commit"])))
    print(f"deployed: {safe(what)} ({safe(where.place)})", file=out)
    return OK


def command(given: argparse.Namespace) -> int:
    """``tracelake deployed``."""
    told = {name: getattr(given, name) for name in ("commit", "service", "version", "url", "status")}
    return run(place_of(given), told, sys.stdout)

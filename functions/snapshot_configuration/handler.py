"""snapshot_configuration: what changed of any function since yesterday goes onto the stream, also without a trail.

The new snapshot and its changes are written in one object, only where the last one still is what was read; then the
changes are sent, then struck off. Whoever finds changes in the object sends them again: their ids are the same, so they
vanish in the lake. So a run may die anywhere, or be started twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

from functions.aws import environment
from functions.aws.clients import client
from functions.aws.put_records import Message, put
from functions.aws.summaries import Summaries
from functions.core.configurations import Snapshot, decode, differences, encode
from functions.snapshot_configuration import lambda_functions

KEY = "configuration/functions.json"

log = Logger(service="tracelake-snapshot-configuration")


class OvertakenError(Exception):
    """Another run wrote its snapshot meanwhile; the next attempt compares with that one."""


class NotTakenError(Exception):
    """The stream did not take all changes; they stay in the snapshot, and the next attempt sends them."""


def handle(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Take a snapshot; returns how many functions there are and how many changed. The first one tells of no change."""
    store, now_ms = Summaries(environment.required("LAKE_BUCKET")), environment.now_ms()
    stored = store.read(KEY)
    before = decode(stored.body)
    if before is None and stored.body:
        log.warning("the last snapshot cannot be read; this one is the first")
    if before is not None:
        _send(before.changes)
    functions = lambda_functions.listed()
    if before is not None:
        functions |= lambda_functions.still_there(sorted(before.functions.keys() - functions.keys()))
    changes = differences(before, functions, now_ms)
    written = encode(Snapshot(now_ms, functions, changes))
    if not store.replace(KEY, written, stored):
        raise OvertakenError(KEY)
    if changes:
        _send(changes)
        stored = store.read(KEY)
        if stored.body == written:
            store.replace(KEY, encode(Snapshot(now_ms, functions)), stored)
    return {"functions": len(functions), "changes": len(changes)}


def _send(changes: Sequence[dict[str, Any]]) -> None:
    if not changes:
        return
    records = [Message(json.dumps(change).encode(), str(change["id"])) for change in changes]
    taken = put(client("kinesis"), environment.required("STREAM_NAME"), records)
    if len(taken) < len(records):
        raise NotTakenError(f"{len(records) - len(taken)} of {len(records)} changes")

"""``tracelake find-customers``: which field of some raw telemetry names the customer, and the line for cdk.json.

Nothing is deployed or sent anywhere. Names of customers are shown as they stand in the files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, TextIO

import msgspec

from cli import raw_files
from cli.errors import FAILED, OK, CommandError
from cli.rows import files, read, records
from cli.terminal import Rows, console, show, to_json
from cli.text import safe
from functions.core import documents, subscriptions, values
from functions.core.usage.find_tenants import Candidate, Proposal, Sample, propose

MOST_SHOWN = 5
_SERVICES = ("service", "service.name", "serviceName", "service_name", "function_name", "apiId")
_TIMES = ("timestamp", "time", "@timestamp", "ts", "startTimeUnixNano", "start_time", "requestTimeEpoch", "requestTime")
_AUTHORIZERS = ("authorizer.", "claims.", "jwt.", "lambda.", "requestContext.")
_COLUMNS = ("field", "score", "values", "on lines", "most frequent")


def run(paths: Iterable[str], format: str, out: TextIO, err: TextIO) -> int:
    """Prints the candidates of files (``-`` is standard input, a folder all files in it) as a table or JSON.

    Exit status 1 where a file cannot be read; that there is no customer is an answer. CommandError where no line is a
    JSON object.
    """
    unread: list[str] = []
    proposal = propose(_samples(paths, unread, err))
    if not proposal.lines:
        raise CommandError(
            "no JSON objects found: a customer can be found in JSON lines, spans and access logs in JSON"
        )
    if format == "json":
        out.write(to_json(asdict(proposal) | {"tenant_keys": keys_of(proposal.found)}) + "\n")
    else:
        _print(proposal, out)
    return FAILED if unread else OK


def keys_of(found: Candidate | None) -> list[str]:
    """The field's names as the setting ``tenant_keys`` has them: without the path of an authorizer or of attributes."""
    return list(dict.fromkeys(map(_key, found.paths))) if found else []


def names_of(found: Candidate) -> list[str]:
    """The field's paths as rules have them: without what holds the attributes of a span."""
    return list(dict.fromkeys(map(_name, found.paths)))


def _name(path: str) -> str:
    return path.removeprefix("resource.").removeprefix("attributes.") if "attributes." in path else path


def _key(path: str) -> str:
    name = _name(path)
    return name.rpartition(".")[2] if name.startswith(_AUTHORIZERS) else name


def _print(proposal: Proposal, out: TextIO) -> None:
    print(f"{proposal.lines:,} lines with {proposal.fields:,} fields were compared.", file=out)
    found = proposal.found
    if found is None:
        print("No customer field found: no field behaves like one. An application of one customer has none.", file=out)
        return
    print(f"\nThe customer is {safe(' or '.join(found.paths))}:", file=out)
    for each in sorted(found.evidence, key=lambda each: -each.weight):
        mark = "+" if each.weight > 0 else "-" if each.weight < 0 else " "
        print(f"  {mark} {safe(each.sentence)}", file=out)
    rows: Rows = [
        {
            "field": ", ".join(each.paths),
            "score": each.score,
            "values": each.values,
            "on lines": each.lines,
            "most frequent": ", ".join(value for value, _ in each.top[:3]),
        }
        for each in proposal.candidates[:MOST_SHOWN]
    ]
    print(file=out)
    show(_COLUMNS, rows, "table", out)
    print("In cdk.json, under context.tracelake:", file=out)
    console(out).print(f'  "tenant_keys": {to_json(keys_of(found))}', markup=False, soft_wrap=True)
    print("Or in a file of rules (docs/rules.md), which also reads what lies deeper, without a deployment:", file=out)
    console(out).print(f"  tenant = {to_json(names_of(found))}", markup=False, soft_wrap=True)


def _samples(paths: Iterable[str], unread: list[str], err: TextIO) -> Iterator[Sample]:
    for path in files(paths):
        try:
            content, modified_ms = read(path)
        except OSError as error:
            print(f"tracelake: {path}: {error.strerror or error}", file=err)
            unread.append(str(path))
            continue
        for record in records(path, content, modified_ms, raw_files.AUTO):
            yield from of_record(record)


def of_record(record: bytes) -> Iterator[Sample]:
    """The JSON objects among the log events of a record, each with time and service; nothing of what is no payload."""
    try:
        payload = subscriptions.decode(record)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return
    place = subscriptions.service_of(payload.logGroup, payload.logStream) or payload.logGroup or payload.logStream
    for event in payload.logEvents:
        if event.message.startswith("{"):
            try:
                members = documents.parse(event.message, raw_files.MAX_JSON_DEPTH)
            except documents.NotJsonError:
                continue
            if isinstance(members, dict):
                yield _time(members, event.timestamp), _service(members, place), members


def _time(members: dict[str, Any], logged: int | None) -> int:
    written = (values.time_ms(members.get(name)) for name in _TIMES)
    return next((time for time in written if time is not None), logged or 0)


def _service(members: dict[str, Any], place: str) -> str:
    return next((name for key in _SERVICES if isinstance(name := members.get(key), str) and name), place)


def command(given: argparse.Namespace) -> int:
    """``tracelake find-customers``."""
    return run(given.paths, given.format, sys.stdout, sys.stderr)

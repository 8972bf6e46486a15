"""``tracelake find-features``: which routes are one feature, with the evidence and the lines for a file of rules."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

from cli import rules_file, target, terminal, try_out
from cli.errors import OK, CommandError
from cli.telemetry import Telemetry, normalised, telemetry_of
from cli.text import safe
from functions.aws import athena
from functions.aws.clients import client
from functions.core import questions
from functions.core.accounting import Part
from functions.core.questions import TimeRange
from functions.core.usage.find_features import Feature, Use, propose

MOST_ROUTES = 1000
_QUESTION = "which_access_patterns_exist"
_COLUMNS = ("feature", "requests", "share_pct", "routes", "customers_at_most", "reads_pct", "for example")


def run(telemetry: Telemetry, form: str, out: TextIO, err: TextIO, rules: str = "") -> int:
    """Prints the proposal as a table or JSON; that there is none is an answer.

    ``rules`` is a file of rules, whose path templates make routes.
    """
    if telemetry:
        parts, _ = normalised(telemetry.records(err), rules_file.load(rules))
        uses = list(of_parts(parts))
    else:
        uses = list(_of_lake(telemetry))
    features = propose(uses)
    total = sum(each.requests for each in features)
    if form == "json":
        found = [{"feature": each.name, "patterns": each.patterns, **_row(each, total)} for each in features]
        out.write(terminal.to_json({"routes": len(uses), "features": found, "rules": lines(features)}) + "\n")
    elif not features:
        print(f"{len(uses):,} routes were read, and none of them says which feature it is.", file=out)
    else:
        print(f"{len(uses):,} routes were read.", file=out)
        terminal.show(_COLUMNS, [_row(each, total) for each in features], "table", out)
        print("In a file of rules (docs/rules.md), for `tracelake rules check` and `put`:\n", file=out)
        out.write("".join(f"{safe(line)}\n" for line in lines(features).splitlines()))
    return OK


def lines(features: Iterable[Feature]) -> str:
    """The proposal as TOML."""
    found = [f"{_quoted(pattern)} = {_quoted(each.name)}" for each in features for pattern in each.patterns]
    return "\n".join(["[features]", *dict.fromkeys(found)]) + "\n"


def _quoted(value: str) -> str:
    """A TOML basic string: what JSON escapes, TOML understands, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def of_parts(parts: Iterable[Part]) -> Iterable[Use]:
    """The routes of rows, with their requests and customers."""
    requests: dict[str, int] = defaultdict(int)
    customers: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        if part.table == "requests":
            for route, tenant in zip(*(part.rows[name].to_pylist() for name in ("route", "tenant")), strict=True):
                if route:
                    requests[route] += 1
                    customers[route] |= {tenant} - {None}
    return (Use(route, count, len(customers[route])) for route, count in requests.items())


def _of_lake(telemetry: Telemetry) -> Iterable[Use]:
    local, stage = telemetry.place
    end = datetime.now(UTC)
    times = TimeRange(end - try_out.span_of(telemetry.since), end).whole_minutes()
    question = questions.load(questions.FOLDER / f"{_QUESTION}.sql")
    with target.explained():
        found = target.find(stage, local=local)
        sql, literals = question.bind({"top": MOST_ROUTES}, times)
        try:
            answer = athena.run(
                client("athena"), sql, literals, database=found.database, workgroup=found.workgroup, timeout_seconds=300
            )
        except athena.QueryFailedError as error:
            raise CommandError(str(error)) from None
    uses: dict[str, Use] = {}
    for row in answer.rows:
        route, requests, customers = str(row["route"]), int(row["requests"] or 0), int(row["customers"] or 0)  # type: ignore[arg-type]
        known = uses.get(route, Use(route, 0))
        uses[route] = Use(route, known.requests + requests, max(known.customers, customers))
    return uses.values()


def _row(feature: Feature, total: int) -> dict[str, terminal.Cell]:
    shown = (
        *(feature.name, feature.requests, round(100 * feature.requests / max(1, total), 1), len(feature.routes)),
        *(feature.customers, round(100 * feature.read_share, 1), ", ".join(use.route for use in feature.routes[:3])),
    )
    return dict(zip(_COLUMNS, shown, strict=True))


def command(given: argparse.Namespace) -> int:
    """``tracelake find-features``."""
    return run(telemetry_of(given), given.format, sys.stdout, sys.stderr, given.rules)

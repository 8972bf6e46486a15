"""``tracelake doctor``: which telemetry exists, which columns stay empty without more of it, and what would fill them.

It looks at the newest events of log groups as ``tracelake try`` does, and at how functions and APIs are configured. It
reads only; nothing need be deployed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from botocore.exceptions import ClientError

from cli import configuration, rules_file, target, terminal
from cli.errors import OK
from cli.log_events import Limits, Sample
from cli.terminal import Cell
from cli.text import safe
from cli.try_out import Findings, normalise, read, span_of
from functions.aws.clients import client
from functions.aws.summaries import SUBSCRIPTIONS, Summaries
from functions.core.cost.at_rest import HOURS
from functions.core.cost.prices import PRICES
from functions.core.dark import advice
from functions.core.dark.advice import Advice
from functions.core.dark.telemetry import KINDS
from functions.core.dark.things import Thing
from functions.core.meaning import status as rules_status
from functions.core.normalize import Part
from functions.core.selection import LogGroup, Selection
from functions.core.widgets.subscription_state import decode

SPANS_GROUP = "aws/spans"
LONGER_COLD_START_S = (0.2, 0.8)
"""What the OpenTelemetry layer adds to a cold start, as published measurements go; Java more."""


def run(
    names: Sequence[str],
    *,
    since: str,
    tenant_keys: Sequence[str],
    rules: str,
    limits: Limits,
    tool: str,
    form: str,
    place: tuple[bool, str],
    out: TextIO,
    err: TextIO,
) -> int:
    """Say what is there, what is missing, and which lines would change that."""
    local, stage = place
    meaning = rules_file.load(rules, tenant_keys)
    notes: list[str] = []
    with target.explained():
        print(f"Looking at {' '.join(map(safe, names))} in {target.reach(local)}; nothing is written", file=err)
        groups, found = read(names, span_of(since), limits)
        has_spans = _has_spans()
        functions = configuration.functions_by_log_group(notes.append)
        stages = configuration.stages(notes.append)
        problems = _problems(stage, groups)
        notes_of_rules = _notes_of_rules(stage)
    things: list[Thing] = []
    costs: list[str] = []
    for sample in found.samples:
        alone = Findings([sample], found.times)
        normalise(alone, meaning)
        things += look(sample, alone.parts, functions.get(sample.group, []), has_spans=has_spans)
        costs += _longer_cold_starts(sample, alone.parts)
    for thing in things:
        thing.problem = thing.problem or problems.get(thing.name, problems.get(f"/aws/lambda/{thing.name}", ""))
    things += stages
    due = {id(thing): advice.due(thing) for thing in things}
    rows = [_row(thing, due[id(thing)]) for thing in things]
    wanted = [
        (each, [thing for thing in things if each.id in due[id(thing)]])
        for each in advice.load().advice
        if any(each.id in found for found in due.values())
    ]
    if form == "json":
        out.write(terminal.to_json({"things": rows, "advice": [_told(*each, tool) for each in wanted]}) + "\n")
    else:
        terminal.show(list(rows[0]), rows, "table", out)
        for each, those in wanted:
            _show(each, those, tool, costs if each.id == "otel_layer" else [], out)
    for note in notes:
        print(f"not looked at: {safe(note)}", file=err)
    for note in notes_of_rules:
        print(f"rules: {safe(note)}", file=err)
    return OK


def look(sample: Sample, parts: Sequence[Part], functions: Sequence[Thing], *, has_spans: bool) -> list[Thing]:
    """What the telemetry of one log group is, as the function that writes it or as the log group."""
    known = list(functions)
    if not known and any(part.table == "invocations" for part in parts):
        known = [Thing("function", sample.group.removeprefix("/aws/lambda/"), {"function"})]
    things = known or [Thing("log group", sample.group)]
    for kind in KINDS.values():
        found = kind()
        for part in parts:
            if part.table == kind.table:
                found.add_rows(part.rows)
        for thing in things:
            thing.take(kind.table, found.found.total())
    for thing in things:
        thing.tables |= {part.table for part in parts}
        if "function" in thing.facts and not has_spans:
            thing.facts.add("no_spans")
        thing.problem = sample.stopped if not sample.events else ""
    return things


def _has_spans() -> bool:
    groups = client("logs").describe_log_groups(logGroupNamePrefix=SPANS_GROUP)["logGroups"]
    return any(each["logGroupName"] == SPANS_GROUP for each in groups)


def _problems(stage: str, groups: Sequence[LogGroup]) -> dict[str, str]:
    """Why log groups cannot be subscribed: as the deployed stage found out, or as far as it can be told without."""
    found = {
        each.name: verdict.reason
        for each in groups
        if (verdict := Selection().verdict(each)).kind in ("guarded", "impossible")
    }
    state = decode(_deployed(stage, SUBSCRIPTIONS))
    return found | (state.refused if state else {})


def _notes_of_rules(stage: str) -> list[str]:
    """What is wrong with the rules of the deployed stage."""
    status = rules_status.decode(_deployed(stage, rules_status.STATUS_KEY))
    problem = [f"a newer version does not count: {status.problem}"] if status.problem else []
    return problem + [f"{each.rule} is switched off: {each.reason}" for each in status.off]


def _deployed(stage: str, key: str) -> bytes:
    """An object of the lake bucket; nothing where the stage is not deployed, or may not be read."""
    try:
        bucket = client("ssm").get_parameter(Name=f"/tracelake/{stage}/lake-bucket")["Parameter"]["Value"]
        return Summaries(bucket).read(key).body
    except ClientError:
        return b""


def _longer_cold_starts(sample: Sample, parts: Iterable[Part]) -> list[str]:
    """What the OpenTelemetry layer would cost a function, from the cold starts that were read."""
    rows = [
        row
        for part in parts
        if part.table == "invocations"
        for row in part.rows.select(["function_name", "cold_start", "memory_size_mb"]).to_pylist()
        if row["cold_start"] and row["memory_size_mb"]
    ]
    told = []
    for name in sorted({row["function_name"] for row in rows}):
        memory = [row["memory_size_mb"] / 1024 for row in rows if row["function_name"] == name]
        a_month = HOURS / sample.hours if sample.hours else 0
        price = PRICES.prices["lambda_gb_second_x86_64"].usd
        low, high = (sum(memory) * a_month * seconds * price for seconds in LONGER_COLD_START_S)
        told.append(f"{name}: about {len(memory) * a_month:,.0f} cold starts a month, ${low:.2f} to ${high:.2f} more")
    return told


def _row(thing: Thing, due: dict[str, list[str]]) -> dict[str, Cell]:
    empty = sorted({column for columns in due.values() for column in columns})
    return {
        "what": thing.kind,
        "name": thing.name,
        "telemetry": ", ".join(sorted(thing.tables)) or "none that was read",
        "stays empty": ", ".join(empty) or None,
        "advice": ", ".join(due) or None,
        "cannot be subscribed, or read": thing.problem or None,
    }


def _told(each: Advice, things: Sequence[Thing], tool: str) -> dict[str, object]:
    return {
        "id": each.id,
        "title": each.title,
        "why": each.why,
        "costs": each.costs,
        "for": [thing.name for thing in things],
        "lines": advice.lines(each, tool),
    }


def _show(each: Advice, things: Sequence[Thing], tool: str, costs: Sequence[str], out: TextIO) -> None:
    names = ", ".join(safe(thing.name) for thing in things)
    out.write(f"\n{each.id}: {each.title}\nfor {names}\n{each.why}\nCosts {each.costs}.\n")
    out.writelines(f"  {safe(cost)}\n" for cost in costs)
    for name, text in advice.lines(each, tool).items():
        out.write(f"\n  {name}:\n")
        out.writelines(f"    {line}\n" for line in text.splitlines())


def command(given: argparse.Namespace) -> int:
    """``tracelake doctor``."""
    return run(
        given.log_groups,
        since=given.since,
        tenant_keys=given.tenant_key,
        rules=given.rules,
        limits=Limits(seconds=given.seconds),
        tool=given.tool,
        form=given.format,
        place=(given.local, given.stage),
        out=sys.stdout,
        err=sys.stderr,
    )

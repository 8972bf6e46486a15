"""``tracelake price``: what an installation costs, line by line, before it is deployed."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from cli.errors import OK, CommandError
from cli.terminal import Cell, show, to_json
from functions.core.cost import at_rest, by_volume
from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.at_rest import Line, UnpricedError
from functions.core.cost.prices import PRICES

Templates = Mapping[str, Mapping[str, Any]]
EXAMPLES_GB = (0, 1, 10, 100, 1000)
FREE_NOTE = (
    "free: what AWS gives every account each month, as far as nobody else in the account uses it: of CloudWatch 10 "
    "custom metrics, 10 alarm metrics, 3 dashboards of up to 50 metrics and a million requests; of the Glue catalog a "
    "million objects and a million requests. What it gives of Lambda, DynamoDB, logs and KMS is not taken off: "
    "applications use that up."
)
_SUFFIX = ".template.json"


def run(folder: str, settings: Sequence[str], form: str, out: TextIO) -> int:
    """Print the price of the templates in ``folder``, or of those synthesised now with ``settings`` (KEY=VALUE)."""
    templates = read(Path(folder)) if folder else synthesise(settings)
    try:
        lines = at_rest.lines(templates)
    except UnpricedError as error:
        raise CommandError(str(error)) from error
    if form == "json":
        out.write(to_json(as_values(lines, templates)) + "\n")
        return OK
    out.write(f"List prices of {PRICES.region}, {PRICES.as_of}, in US dollars; no discounts, no taxes.\n\nAt rest:\n")
    _table([*map(_readable, map(_row, lines)), _total(lines)], form, out)
    out.write(f"{FREE_NOTE}\n\nA month with telemetry around the clock, with what is deployed:\n")
    _table(months(templates), form, out)
    out.write(f"{volume_sentence()}\n")
    return OK


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Templates of a folder that CDK wrote, by stack name; ``CommandError`` where there are none."""
    paths = sorted(folder.glob(f"*{_SUFFIX}"))
    if not paths:
        raise CommandError(f"{folder} holds no templates: `make synth` writes them to cdk.out")
    try:
        return {path.name.removesuffix(_SUFFIX): json.loads(path.read_text(encoding="utf-8")) for path in paths}
    except ValueError as error:
        raise CommandError(f"{folder} holds a template that is no JSON: {error}") from error


def synthesise(settings: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Templates of cdk.json with these settings over it, each ``KEY=VALUE``; ``CommandError`` for a wrong one."""
    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise CommandError(f"--set takes KEY=VALUE, not {setting!r}")
        overrides[f"tracelake.{key}"] = value
    # what it reports is for who deploys, and it takes ten times as long as all else
    os.environ.setdefault("CDK_VALIDATION", "false")
    # not by name: type checkers would read all of aws_cdk for these three calls
    application: Any = importlib.import_module("stacks.application")
    cdk: Any = importlib.import_module("aws_cdk")
    problems: Any = importlib.import_module("stacks.settings").SettingsError
    context = {**application.context_of_cdk_json(), **overrides, "aws:cdk:disable-asset-staging": True}
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, context=context)
        try:
            application.build(app, application.read_settings(app))
        except problems as error:
            raise CommandError(str(error)) from error
        return {stack.stack_name: stack.template for stack in app.synth().stacks}


def as_values(lines: list[Line], templates: Templates) -> dict[str, Any]:
    """Everything the command knows, for programs."""
    usd, usd_after_free = at_rest.total(lines)
    return {
        "as_of": PRICES.as_of,
        "region": PRICES.region,
        "currency": PRICES.currency,
        "at_rest": {
            "lines": [_row(line) | {"source": PRICES.prices[line.price].source} for line in lines],
            "usd_a_month": round(usd, 4),
            "usd_a_month_after_free": round(usd_after_free, 4),
        },
        "months": months(templates),
        "usd_a_gb": round(by_volume.usd_per_gigabyte(), 6),
        "usd_a_million_requests": round(by_volume.usd_per_million_requests(), 6),
    }


def months(templates: Templates) -> list[dict[str, Cell]]:
    """What a month costs by gigabytes of raw telemetry, with its parts; custom metrics of volume at list price.

    What is deployed is priced as it is in use: a dashboard that shows each log group is not a free one then.
    """
    searched = ASSUMED.load.metrics_of_a_search
    in_use = msgspec.structs.replace(ASSUMED.at_rest, metrics_of_a_search=searched)
    rest = at_rest.total(at_rest.lines(templates, assumed=in_use))[1]
    found: list[dict[str, Cell]] = []
    for gigabytes in EXAMPLES_GB:
        parts = by_volume.cost_by_part(by_volume.of_month(gigabytes))
        row: dict[str, Cell] = {"raw_gb": gigabytes, "usd": round(rest + sum(parts.values()), 2)}
        found.append(row | {"deployed": round(rest, 2)} | {part: round(usd, 3) for part, usd in parts.items()})
    return found


def volume_sentence() -> str:
    """Dollars for one more gigabyte and for a million more requests."""
    return (
        f"One more GB of raw telemetry costs ${by_volume.usd_per_gigabyte():.4f} where batches are full, and a million "
        f"more requests ${by_volume.usd_per_million_requests():.3f}; storage is for one month."
    )


def _row(line: Line) -> dict[str, Cell]:
    return {
        "stack": line.stack.rsplit("-", 1)[-1],
        "resource": line.resource,
        "billed by": PRICES.prices[line.price].per,
        "quantity": round(line.quantity, 4),
        "usd_each": line.usd_each,
        "usd": round(line.usd, 4),
        "usd_after_free": round(line.usd_after_free, 4),
    }


def _readable(row: dict[str, Cell]) -> dict[str, Cell]:
    """A row whose small prices keep their digits."""
    return row | {"usd_each": f"{row['usd_each']:.10f}".rstrip("0").rstrip(".")}


def _total(lines: list[Line]) -> dict[str, Cell]:
    usd, usd_after_free = at_rest.total(lines)
    empty: dict[str, Cell] = {"stack": "", "resource": "a month", "billed by": "", "quantity": None, "usd_each": ""}
    return empty | {"usd": round(usd, 4), "usd_after_free": round(usd_after_free, 4)}


def _table(rows: list[dict[str, Cell]], form: str, out: TextIO) -> None:
    show(list(rows[0]), rows, form, out)


def command(given: argparse.Namespace) -> int:
    """``tracelake price``."""
    return run(given.templates, given.set, given.format, sys.stdout)

"""``tracelake suspects``: which service is most likely the root cause of an incident, with the evidence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

import pyarrow as pa

from cli import rules_file
from cli.errors import OK, CommandError
from cli.telemetry import Telemetry, normalised
from cli.terminal import console, to_json
from cli.text import safe
from functions.core.schema import TABLES
from functions.core.traces.suspect_words import confidence, sentence, stands_out
from functions.core.traces.suspects import Rows, Suspect, rank

MOST_SHOWN, MOST_EVIDENCE = 5, 4


def run(baseline: Sequence[str], incident: Sequence[str], rules: str, as_json: bool, out: TextIO) -> int:
    """Prints the suspects that the files of two times give, for people or as JSON; that there are none is an answer.

    CommandError where a file cannot be read, or one of the times has neither a span nor a log line.
    """
    ranked = rank(_rows("baseline", baseline, rules), _rows("incident", incident, rules))
    if as_json:
        found = [_json(suspect) for suspect in ranked]
        out.write(to_json({"found": any(map(stands_out, ranked)), "suspects": found}) + "\n")
    else:
        _print(ranked, out)
    return OK


def _rows(time: str, paths: Sequence[str], rules: str) -> Rows:
    parts, _ = normalised(Telemetry(paths, (), "", (False, None)).records(sys.stderr), rules_file.load(rules))
    spans, logs = (
        pa.concat_tables(
            [TABLES[name].arrow_schema.empty_table(), *(part.rows for part in parts if part.table == name)]
        )
        for name in ("spans", "logs")
    )
    if not spans.num_rows and not logs.num_rows:
        raise CommandError(f"no spans or log lines in the files of the {time}")
    return Rows(spans, logs)


def _json(suspect: Suspect) -> dict[str, Any]:
    evidence = [
        {"sentence": sentence(each), **asdict(each), "item": each.item.text, "level": each.item.level}
        for each in suspect.evidence
    ]
    return {
        "service": suspect.service,
        "score": round(suspect.score, 3),
        "confidence": confidence(suspect),
        "routes": sorted({route for each in suspect.evidence for route in each.routes}),
        "evidence": evidence,
    }


def _print(ranked: Sequence[Suspect], out: TextIO) -> None:
    shown = [suspect for suspect in ranked if stands_out(suspect)]
    if not shown:
        print("No difference found that points to a service.", file=out)
        if ranked:
            print("What differs a little, as it does between any two times:", file=out)
    for number, suspect in enumerate((shown or ranked)[:MOST_SHOWN], 1):
        heading = f"{number}. {safe(suspect.service)}: {confidence(suspect)} ({suspect.score:.2f})"
        lines = [f"   - {safe(sentence(each))}" for each in suspect.evidence[:MOST_EVIDENCE]]
        more = len(suspect.evidence) - len(lines)
        for line in [heading, *lines, *([f"   - and {more:,} smaller ones"] if more else [])]:
            console(out).print(line, markup=False, soft_wrap=True)

"""``tracelake suspects``: which service is most likely the root cause of an incident, with the evidence."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

import pyarrow as pa

from cli import ask, rules_file
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.telemetry import Telemetry, normalised
from cli.terminal import console, to_json
from cli.text import safe
from functions.core.questions import QuestionError, TimeRange, parse_span
from functions.core.schema import TABLES
from functions.core.traces.compared import requests_of, usual_before
from functions.core.traces.facts import links
from functions.core.traces.suspect_words import NOTHING_STANDS_OUT, confidence, sentence, stands_out
from functions.core.traces.suspects import Rows, Suspect, rank

MOST_SHOWN, MOST_EVIDENCE = 5, 4
QUESTION = "what_did_requests_do"
_CLOCK = re.compile(r"\d{1,2}:\d\d")


def run(baseline: Sequence[str], incident: Sequence[str], rules: str, as_json: bool, out: TextIO) -> int:
    """Prints the suspects that the files of two times give, for people or as JSON; that there are none is an answer.

    CommandError where a file cannot be read, or one of the times has neither a span nor a log line.
    """
    return _say(_rows("baseline", baseline, rules), _rows("incident", incident, rules), as_json, out)


def run_on_lake(
    incident: TimeRange,
    baseline: TimeRange | None,
    as_json: bool,
    *,
    place: tuple[bool, str | None],
    timeout_seconds: float,
    out: TextIO,
    err: TextIO,
) -> int:
    """The same of two times in the lake, which Athena reads: that takes no more than `tracelake ask`, while the state
    table, which names the files, also holds the key that people are hashed with. Without ``baseline`` it is the usual
    time before the incident."""
    baseline = baseline or _before(incident)
    both = []
    for name, times in (("baseline", baseline), ("incident", incident)):
        rows = ask.rows_between(QUESTION, {}, times, place, timeout_seconds, err)
        if not rows:
            raise CommandError(f"no spans or log lines of requests in the {name}: were requests traced then?")
        both.append(of_rows(rows))
    before, now = both
    print(f"{requests_of(before):,} traces of the baseline, {requests_of(now):,} of the incident", file=err)
    return _say(before, now, as_json, out)


def times(since: str, until: str) -> TimeRange | None:
    """Two times as they are typed; ``None`` where neither is. ``CommandError`` where they are none or in no order."""
    if not since and not until:
        return None
    now = datetime.now(UTC)
    try:
        begin, end = moment(since, now), moment(until, now) if until else now
    except ValueError:
        raise CommandError(
            f"{safe(since)!r} to {safe(until or 'now')!r} is no time: 14:00, 20m or 2026-11-20T14:00"
        ) from None
    if not begin < end <= now:
        raise CommandError(f"from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC is no time that is over")
    return TimeRange(begin, end)


def moment(text: str, now: datetime) -> datetime:
    """A time in UTC: ``14:00`` is the latest one that is over, ``20m`` is so long ago, else ISO 8601.

    ValueError for anything else."""
    if _CLOCK.fullmatch(text):
        hour, minute = map(int, text.split(":"))
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return at if at <= now else at - timedelta(days=1)
    try:
        return now - parse_span(text)
    except QuestionError:
        at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def of_rows(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows of the lake from those of the question."""
    spans = [
        {**row, "links": [{"trace_id": trace, "span_id": span} for trace, span in links(row["links"])]}
        for row in rows
        if row["fact"] == "span"
    ]
    lines = [row for row in rows if row["fact"] == "log"]
    return Rows(
        *(pa.Table.from_pylist(of, TABLES[name].arrow_schema) for name, of in (("spans", spans), ("logs", lines)))
    )


def _before(incident: TimeRange) -> TimeRange:
    found = usual_before((_ms(incident.start), _ms(incident.end)))
    if found is None:
        raise CommandError(
            "the incident is longer than a day: give a baseline with --baseline-since and --baseline-until"
        )
    return TimeRange(*(datetime.fromtimestamp(at / 1000, UTC) for at in found))


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _say(baseline: Rows, incident: Rows, as_json: bool, out: TextIO) -> int:
    ranked = rank(baseline, incident)
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
        print(NOTHING_STANDS_OUT, file=out)
        if ranked:
            print("What differs a little, as it does between any two times:", file=out)
    for number, suspect in enumerate((shown or ranked)[:MOST_SHOWN], 1):
        heading = f"{number}. {safe(suspect.service)}: {confidence(suspect)} ({suspect.score:.2f})"
        lines = [f"   - {safe(sentence(each))}" for each in suspect.evidence[:MOST_EVIDENCE]]
        more = len(suspect.evidence) - len(lines)
        for line in [heading, *lines, *([f"   - and {more:,} smaller ones"] if more else [])]:
            console(out).print(line, markup=False, soft_wrap=True)


def command(given: argparse.Namespace) -> int:
    """``tracelake suspects``."""
    incident, baseline = times(given.since, given.until), times(given.baseline_since, given.baseline_until)
    if given.baseline and given.incident and not incident and not baseline:
        return run(given.baseline, given.incident, given.rules, given.json, sys.stdout)
    if not incident or given.baseline or given.incident:
        raise CommandError(
            "give --since, and --until where it is over; or files of two times, --baseline and --incident"
        )
    return run_on_lake(
        incident,
        baseline,
        given.json,
        place=place_of(given),
        timeout_seconds=given.timeout,
        out=sys.stdout,
        err=sys.stderr,
    )

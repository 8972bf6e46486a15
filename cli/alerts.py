"""``tracelake alerts``: what detect has told of, and what it would have told with other wishes."""

from __future__ import annotations

import argparse
import sys
from typing import Any, TextIO

import msgspec

from cli import target
from cli.commands import place_of
from cli.errors import OK, CommandError
from cli.target import Target
from cli.terminal import to_json
from cli.text import safe
from cli.try_out import span_of
from functions.aws import environment, signals
from functions.aws.rules_object import wishes_in_force
from functions.aws.summaries import INCIDENTS, Summaries
from functions.core.detect.wording import clock, span
from functions.core.watch import page, words
from functions.core.watch.page import Page, Shown
from functions.core.watch.watching import Replay, replay
from functions.core.watch.wishes import Wishes

LEARNT_MS = 14 * 24 * 3_600_000
"""A replay learns from so much before the time that it is about."""


def run(
    place: tuple[bool, str | None],
    *,
    since: str,
    replays: bool,
    per_week: float | None,
    as_json: bool,
    out: TextIO,
) -> int:
    """Prints the incidents of the last ``since`` (``7d``); with ``replays`` those that there would have been with the
    rules in force, or with so many false alerts ``per_week``. ``CommandError`` where nothing was judged yet."""
    local, stage = place
    since_ms = environment.now_ms() - round(span_of(since).total_seconds() * 1000)
    with target.explained():
        where = target.find(stage, local=local)
        if replays:
            _told(_replayed(where, since_ms, per_week), as_json, out)
            return OK
        found = page.decode(Summaries(where.lake_bucket).read(INCIDENTS).body)
    if found is None:
        raise CommandError(
            f"detect has judged nothing yet in {where.place}: it begins minutes after the first telemetry"
        )
    shown = [each for each in found.shown if not each.over_ms or each.over_ms >= since_ms]
    if as_json:
        out.write(to_json({**msgspec.to_builtins(found), "shown": msgspec.to_builtins(shown)}) + "\n")
    else:
        _show(found, shown, where, out)
    return OK


def learn_again(place: tuple[bool, str | None], *, out: TextIO) -> int:
    """Has detect forget what it has learnt: its next look learns from all signals of the last 14 days, as is wanted
    when what happened before was imported."""
    local, stage = place
    with target.explained():
        where = target.find(stage, local=local)
        Summaries(where.lake_bucket).write(signals.STATE_KEY, b"")
        signals.write_mark(where.state_table, "judged", 0)
    out.write(f"detect learns anew in {where.place}, with its next look.\n")
    return OK


def _replayed(where: Target, since_ms: int, per_week: float | None) -> Replay:
    wishes = wishes_in_force(where.lake_bucket)
    if per_week is not None:
        wishes = _checked({**msgspec.to_builtins(wishes), "per_week": per_week})
    begin_ms = signals.first_ms(where.lake_bucket, since_ms - LEARNT_MS)
    return replay(signals.seen(where.lake_bucket, begin_ms, environment.now_ms()), wishes, since_ms)


def _checked(wishes: dict[str, Any]) -> Wishes:
    try:
        return msgspec.convert(wishes, Wishes)
    except msgspec.ValidationError as error:
        raise CommandError(f"--per-week: {error}") from None


def _show(found: Page, shown: list[Shown], where: Target, out: TextIO) -> None:
    watched = span((found.until_ms - found.first_ms) / 1000)
    out.write(f"{found.series:,} series are watched in {where.place}, since {watched}.\n")
    if found.left_out:
        out.write(f"{found.left_out:,} small subjects are not watched.\n")
    for each in reversed(shown):
        lasted = f"lasted {span((each.over_ms - each.since_ms) / 1000)}" if each.over_ms else "goes on"
        out.write(f"\n{_clock(each.since_ms)}  {safe(each.title)} ({lasted})\n")
        out.writelines(f"  - {safe(line.words)}\n" for line in each.lines)
        out.write(f"  - and {each.more:,} more\n" if each.more else "")
        for name, lines in (("likely cause", each.causes), ("deployed", each.deployed)):
            out.writelines(f"  {name}: {safe(line.removeprefix('- '))}\n" for line in lines)
    if not shown:
        out.write("Nothing unusual in this time.\n")


def _told(found: Replay, as_json: bool, out: TextIO) -> None:
    told: list[dict[str, Any]] = [
        {"time": _clock(change.at_ms), "event": change.event, "title": words.title(change)} for change in found.told
    ]
    if as_json:
        out.write(to_json({"incidents": found.fired, "seconds": found.seconds, "told": told}) + "\n")
        return
    out.writelines(f"{each['time']}  {safe(each['title'])}\n" for each in told)
    out.write(f"It {found}.\n")


def _clock(ms: int) -> str:
    return f"{clock(ms / 1000)} UTC"


def command(given: argparse.Namespace) -> int:
    """``tracelake alerts``."""
    if given.learn_again:
        return learn_again(place_of(given), out=sys.stdout)
    return run(
        place_of(given),
        since=given.since,
        replays=given.replay,
        per_week=given.per_week,
        as_json=given.json,
        out=sys.stdout,
    )

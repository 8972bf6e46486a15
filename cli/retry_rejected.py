"""``tracelake retry-rejected``: dead letters back onto the stream, after what rejected them has been mended."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from cli import target
from cli.commands import place_of
from cli.errors import FAILED, OK
from cli.text import safe
from functions.aws.clients import client
from functions.aws.dead_letters import DeadLetter, DeadLetters
from functions.aws.put_records import put
from functions.aws.state import State


def run(place: tuple[bool, str | None], *, reason: str, dry_run: bool, out: TextIO, err: TextIO) -> int:
    """Put committed dead letters whose reason contains ``reason`` on the stream and move them to ``retried/``.

    A letter is moved only when the stream has taken it; what it did not take stays and is counted. Exit code 1 where
    something stayed.
    """
    local, stage = place
    done: Counter[str] = Counter()
    found = 0
    with target.explained():
        where = target.find(stage, local=local)
        print(f"Dead letters in {where.place}", file=err)
        store = DeadLetters(where.dead_letter_bucket)
        for key, letters in store.committed(State(where.state_table)):
            chosen = [letter for letter in letters if reason in letter.reason]
            taken = chosen if dry_run else put(client("kinesis"), where.stream, chosen)
            done.update(letter.reason for letter in taken)
            found += len(chosen)
            if taken and not dry_run:
                _move(store, key, letters, taken)
    left = found - done.total()
    for each, count in done.most_common():
        print(f"{count:>8,}  {safe(each)}", file=out)
    print(
        f"{done.total():,} {'would be retried' if dry_run else 'retried'}, {left:,} not taken by the stream",
        file=err,
    )
    return FAILED if left else OK


def _move(store: DeadLetters, key: str, letters: Sequence[DeadLetter], taken: Sequence[DeadLetter]) -> None:
    gone = {id(letter) for letter in taken}
    kept = [letter for letter in letters if id(letter) not in gone]
    if not kept:
        store.mark_retried(key)
    else:
        store.split_retried(key, taken, kept)


def command(given: argparse.Namespace) -> int:
    """``tracelake retry-rejected``."""
    return run(place_of(given), reason=given.reason, dry_run=given.dry_run, out=sys.stdout, err=sys.stderr)

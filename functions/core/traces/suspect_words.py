"""The evidence against a suspect in words."""

from __future__ import annotations

import textwrap

from functions.core.incidents.wording import plain
from functions.core.traces.compared import Causes
from functions.core.traces.suspects import CONTENT, ERRORS, NO_ANSWER, SELF_TIME, Evidence, Suspect

LIKELY, POSSIBLE = 0.5, 0.3
"""Scores from which on a suspect is called so; see docs/root_cause.md for what two times without a fault give."""

LONGEST_ITEM = 120
NOTHING_STANDS_OUT = "No difference found that points to a service."

WIDTH = 78
MOST_SENTENCES = 3
LONGEST_SENTENCE = 300
MOST_OTHERS = 3


def lines(causes: Causes) -> tuple[str, ...]:
    """What came out as lines of a mail of 80 columns; names are stripped of what is not plain writing.

    The likeliest cause with its score and the strongest of its evidence, and the names of others that stand out.
    """
    if causes.not_looked:
        return tuple(textwrap.wrap(plain(f"Not looked for: {causes.not_looked}.", LONGEST_SENTENCE), WIDTH))
    found = [suspect for suspect in causes.suspects if stands_out(suspect)]
    if not found:
        return (NOTHING_STANDS_OUT,)
    first, *others = found
    said = [line for each in first.evidence[:MOST_SENTENCES] for line in _item(sentence(each))]
    also = [_named(suspect) for suspect in others[:MOST_OTHERS]]
    also += [f"{len(others) - MOST_OTHERS:,} more"] if len(others) > MOST_OTHERS else []
    return (_named(first), *said, *(_item(f"also: {', '.join(also)}") if also else []))


def _named(suspect: Suspect) -> str:
    return f"{plain(suspect.service) or '(not named)'}: {confidence(suspect)} ({suspect.score:.2f})"


def _item(text: str) -> list[str]:
    shown = plain(text, LONGEST_SENTENCE)
    return textwrap.wrap(shown, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def stands_out(suspect: Suspect) -> bool:
    """Whether there is more against a suspect than two times without a fault give."""
    return suspect.score >= POSSIBLE


def confidence(suspect: Suspect) -> str:
    """How much a suspect stands out: ``likely``, ``possible`` or ``weak``."""
    return "likely" if suspect.score >= LIKELY else "possible" if stands_out(suspect) else "weak"


def sentence(evidence: Evidence) -> str:
    """One difference in words. Names and log lines are in it as they are."""
    where, item = evidence.operation, evidence.item
    numbers = f"requests: {evidence.requests_before:,} before, {evidence.requests_now:,} now"
    if evidence.kind == ERRORS:
        first = ", first seen now" if not evidence.before else ""
        change = f"{_share(evidence.before)} -> {_share(evidence.now)}{first}"
        return f"{where or 'requests'} fails, and nothing that it calls: {change} ({numbers})"
    if evidence.kind == NO_ANSWER:
        return f"{where} does not answer: {_share(evidence.before)} -> {_share(evidence.now)} ({numbers})"
    if evidence.kind == CONTENT:
        return f"{_content(evidence)} per call{' of ' if where else ''}{where} ({numbers})"
    change = f"{_time(evidence.before)} -> {_time(evidence.now)}"
    if evidence.kind == SELF_TIME:
        most = f", most of it in {item.text}" if item.text not in ("", where) else ""
        return f"own time of {where}: {change}{most} ({numbers})"
    return f"time between call and start, {where}: {change} ({numbers})"


def _content(evidence: Evidence) -> str:
    text, level = evidence.item
    shown = text if len(text) <= LONGEST_ITEM else f"{text[:LONGEST_ITEM]}..."
    what = f"{level} line '{shown}'" if level else f"span '{shown}'"
    what += f" with {evidence.others} more" if evidence.others else ""
    change = " -> ".join(f"{mean:.2g}" if mean < 10 else f"{mean:,.0f}" for mean in (evidence.before, evidence.now))
    if not evidence.before:
        return f"new {what}: {change}"
    return f"{what} {'is gone' if not evidence.now else 'is seen'}: {change}"


def _share(part: float) -> str:
    return f"{part:.1%}" if 0 < part < 0.1 else f"{part:.0%}"


def _time(ms: float) -> str:
    if ms >= 10_000:
        return f"{ms / 1000:,.1f} s"
    return f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.1f} ms"

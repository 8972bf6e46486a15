"""The evidence against a suspect in words."""

from __future__ import annotations

from functions.core.traces.suspects import CONTENT, ERRORS, NO_ANSWER, SELF_TIME, Evidence, Suspect

LIKELY, POSSIBLE = 0.5, 0.3
"""Scores from which on a suspect is called so; see docs/root_cause.md for what two times without a fault give."""

LONGEST_ITEM = 120


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

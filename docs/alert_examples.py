"""The messages in docs/alerts.md: what a small made-up application would have told on its fourth day."""

from __future__ import annotations

from functools import cache

from functions.core.incidents.wording import Place
from functions.core.watch import words
from functions.core.watch.signals import BIN_MS
from functions.core.watch.watching import State, observe
from tests.conformance.watch_world import DAY, MONDAY_MS, Trouble, World

_LEARNT = 3 * DAY
_TROUBLES = (
    Trouble("failing dependency", _LEARNT + 120, _LEARNT + 128, "search", 0.3),
    Trouble("customer fails", _LEARNT + 168, _LEARNT + 171, "customer-1", 0.4),
    Trouble("new error", _LEARNT + 204, _LEARNT + 205, "orders", 0),
    Trouble("all silent", _LEARNT + 222, _LEARNT + 230, "", 0),
)
_PLACE = Place("prod", "123456789012", "eu-west-1", "tracelake-prod-application")


@cache
def messages() -> str:
    """Each message as it is sent, one after the other."""
    state, told = State(), []
    for start_ms, seen in World(3, 5, 2, _TROUBLES, deploys=0).bins(0, _LEARNT + 234):
        state, changes = observe(state, start_ms, seen)
        told += [words.compose(change, _PLACE) for change in changes if start_ms >= MONDAY_MS + _LEARNT * BIN_MS]
    return "\n".join(f"```\nSubject: {each.subject}\n\n{each.text}\n```\n" for each in told)

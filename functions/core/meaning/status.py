"""What became of the rules object: the last good version itself, what is wrong with a newer one, what is switched off.

It is one JSON object beside the rules. Functions read it when they start, so that the last good version and what was
switched off outlive them; `tracelake rules status` and the dashboard show it. No Arrow is loaded for it.
"""

from __future__ import annotations

import msgspec

RULES_KEY = "config/rules.toml"
STATUS_KEY = "config/rules.state.json"
"""Where both lie in the lake bucket."""

MOST_OFF = 200


class Off(msgspec.Struct, frozen=True):
    """A rule that is switched off, why, and since when (ms)."""

    rule: str
    reason: str
    since_ms: int


class Status(msgspec.Struct, frozen=True):
    """``etag`` and ``text`` of the version in force (empty without rules), and since when it is (ms).

    ``problem`` says what is wrong with the version ``bad_etag``, which is not in force.
    """

    etag: str = ""
    text: str = ""
    since_ms: int = 0
    bad_etag: str = ""
    problem: str = ""
    problem_since_ms: int = 0
    off: tuple[Off, ...] = ()

    def accepted(self, etag: str, text: str, now_ms: int) -> Status:
        """A good version is in force; what was switched off of another one is forgotten."""
        if etag == self.etag:
            return msgspec.structs.replace(self, bad_etag="", problem="", problem_since_ms=0)
        return Status(etag, text, now_ms)

    def refused(self, etag: str, problem: str, now_ms: int) -> Status:
        """A version is no good; the one in force stays."""
        if etag == self.bad_etag:
            return self
        return msgspec.structs.replace(self, bad_etag=etag, problem=problem, problem_since_ms=now_ms)

    def without(self, etag: str, reasons: dict[str, str], now_ms: int) -> Status:
        """Rules of a version are switched off, each with the reason; of another version they do not count."""
        if etag != self.etag:
            return self
        known = {each.rule for each in self.off}
        fresh = [Off(rule, reason, now_ms) for rule, reason in reasons.items() if rule not in known]
        return msgspec.structs.replace(self, off=(*self.off, *fresh)[:MOST_OFF]) if fresh else self

    @property
    def reasons(self) -> dict[str, str]:
        """Rules that are switched off, with the reasons."""
        return {each.rule: each.reason for each in self.off}


def encode(status: Status) -> bytes:
    """As it is written."""
    return msgspec.json.encode(status)


def decode(body: bytes) -> Status:
    """Inverse of ``encode``; nothing is known where there is no status that can be read."""
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        return Status()

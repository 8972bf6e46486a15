"""What the owner wants to hear of: section ``[alerts]`` of the rules.

[alerts]
per_week = 1                                     # false alerts a week that are worth it; more of them: told earlier
mute = [{ kind = "customer", name = "acme*" },   # of these nothing is told, for good or until a day (UTC)
        { name = "batch-*", until = 2026-12-24 }]
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from functions.core.watch.signals import Subject, SubjectKind

MOST_MUTES = 100


class Mute(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Subjects one of whose names (or all of them, joined by a blank) is ``name``, where ``*`` is anything and ``?``
    any character; of one ``kind``, or of all. It ends with the day before ``until``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: SubjectKind | None = None
    until: date | None = None

    def covers(self, subject: Subject, at_ms: int) -> bool:
        """Whether nothing is to be told of the subject at this time."""
        if self.kind not in (None, subject.kind):
            return False
        if self.until and at_ms >= datetime.combine(self.until, time(), UTC).timestamp() * 1000:
            return False
        return any(fnmatchcase(name, self.name) for name in (*subject.names, " ".join(subject.names)))


class Wishes(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``per_week``: about so many times a week an alert may be a false one."""

    per_week: Annotated[float, msgspec.Meta(ge=0.01, le=100)] = 1.0
    mute: Annotated[tuple[Mute, ...], msgspec.Meta(max_length=MOST_MUTES)] = ()

    def mutes(self, subject: Subject, at_ms: int) -> bool:
        """Whether nothing is to be told of the subject at this time."""
        return any(mute.covers(subject, at_ms) for mute in self.mute)


DEFAULT = Wishes()

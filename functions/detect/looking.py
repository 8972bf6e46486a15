"""One look at what happened since the last one: read, judged, told, kept.

What was seen in five minutes is judged once, when all of it should be there: `compact` notes until when the signals
have what was committed, and the ledger how long events waited on the stream. People are told before what was learnt is
kept: after a failure in between they hear it twice, and never not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from functions.aws import signals
from functions.aws.objects import Objects
from functions.aws.summaries import Summaries
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import Ledger, decode
from functions.core.watch import watching
from functions.core.watch.signals import BIN_MS
from functions.core.watch.watching import Change, State
from functions.core.watch.wishes import Wishes

LEARN_MS = 14 * 24 * HOUR_MS
"""So far back the first look learns from what is there."""

NEWS_MS = HOUR_MS
"""What is older is learnt, and no news."""

SETTLE_MS = 120_000
"""So long after it happened an event should be on the stream: CloudWatch Logs delivers within a minute or two."""

LOOK_MS = 75_000
"""Judging ends after so long, and goes on with the next look, which begins three minutes after this one."""

log = Logger(service="tracelake-detect")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to: what is known now, how many times five minutes were judged, and what was found. What is
    older than ``news_ms`` is no news."""

    state: State
    judged: int
    changes: Sequence[Change]
    news_ms: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched: ``table`` of the state and ``bucket`` of the lake; ``now_ms`` is the clock."""

    table: str
    bucket: str
    now_ms: Callable[[], int]

    def look(self, wishes: Callable[[], Wishes], tell: Callable[[Looked], None]) -> Looked | None:
        """Judges what can be judged now, as far as time allows, and has it told; ``None`` where there is nothing."""
        complete_ms, anything = self._complete_ms()
        begun_ms = self.now_ms()
        if complete_ms < signals.read_mark(self.table, "judged") + BIN_MS:
            return None
        objects = Objects(self.bucket)
        stored = objects.read(signals.STATE_KEY)
        state = watching.unpack(stored.body)
        judged, changes = 0, list[Change]()
        begin_ms = max(state.until_ms, complete_ms - LEARN_MS)
        if not state.subjects:
            if not anything:
                return None
            state, begin_ms = State(), signals.first_ms(self.bucket, complete_ms - LEARN_MS)
        wanted = wishes()
        for start_ms, seen in signals.seen(self.bucket, begin_ms, complete_ms):
            state, found = watching.observe(state, start_ms, seen, wanted)
            changes += found
            judged += 1
            if self.now_ms() - begun_ms > LOOK_MS:
                break
        looked = Looked(state, judged, changes, complete_ms - NEWS_MS)
        tell(looked)
        if not objects.replace(signals.STATE_KEY, watching.pack(state), stored):
            log.warning("another look was faster; what it has learnt stays")
        signals.write_mark(self.table, "judged", state.until_ms)
        return looked

    def _complete_ms(self) -> tuple[int, bool]:
        """Until when the signals have all that happened (less than any time where nobody knows), and whether anything
        came in lately."""
        seen_ms = signals.read_mark(self.table, "seen")
        hours = sorted({hour_of(max(0, seen_ms - HOUR_MS // 6)), hour_of(seen_ms)})
        lately = Ledger()
        for body in Summaries(self.bucket).read_hours("ledger", hours):
            found = decode(body).summary("ledger")
            if isinstance(found, Ledger):
                lately.merge(found)
        complete_ms = int(seen_ms - SETTLE_MS - lately.longest_lag_ms) // BIN_MS * BIN_MS
        return complete_ms, lately.sums["commits"] > 0

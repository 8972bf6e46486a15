"""What is told of an incident: the message, with what was deployed before, and what the dashboard shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from aws_lambda_powertools import Logger

from functions.aws import messages, signals
from functions.aws.causes import likely_causes
from functions.aws.customers import known_names
from functions.aws.messages import Memories, or_nothing
from functions.aws.summaries import INCIDENTS, Summaries
from functions.core.incidents import memory
from functions.core.incidents.wording import Place
from functions.core.schema import HOUR_MS, hour_of
from functions.core.summaries import decode
from functions.core.traces import suspect_words
from functions.core.traces.compared import usual_before
from functions.core.watch import deployed, page, words
from functions.core.watch.deployed import Deployments
from functions.core.watch.page import MOST_CUSTOMERS
from functions.core.watch.watching import Change, State
from functions.detect.looking import Looked, Watch

DEPLOYED_BEFORE_MS = HOUR_MS
LAST = ("This is the last message of this hour: there were too many. The dashboard has", "all of them.")

log = Logger(service="tracelake-detect")


@dataclass(slots=True)
class Teller:
    """Tells people, over a topic, and the dashboard. ``remaining_ms`` tells how long the function may still run;
    ``told`` are the titles of what was sent."""

    watch: Watch
    topic: str
    place: Place
    remaining_ms: Callable[[], int]
    told: list[str] = field(default_factory=list)

    def tell(self, looked: Looked) -> None:
        """What is news of all that a look has found; the end of what people know of always is."""
        summaries = Summaries(self.watch.bucket)
        before = page.decode(summaries.read(INCIDENTS).body) or page.Page()
        known = {each.incident for each in before.shown if not each.over_ms}
        news = [
            change
            for change in looked.changes
            if change.at_ms > looked.news_ms or (change.event == "ended" and change.incident in known)
        ]
        looks = bool(news) and self._may_look_for_causes(looked.state.until_ms)
        shown = [self._told(change, looked.state, looks) for change in news]
        summaries.write(INCIDENTS, page.encode(before.after(looked.state, shown)))

    def _may_look_for_causes(self, until_ms: int) -> bool:
        """Once for each state: a look that died of it shall not keep the next one from telling people."""
        if signals.read_mark(self.watch.table, "causes") == until_ms:
            log.warning("the last look ended while it looked for causes; this one does not")
            return False
        signals.write_mark(self.watch.table, "causes", until_ms)
        return True

    def _told(self, change: Change, state: State, looks: bool) -> page.Shown:
        begins = change.event != "ended"
        lines = self._deployed(change) if begins else []
        causes = self._causes(change, state) if looks and begins and change.kind != "silence" else ()
        named = self._named(change)
        memories = Memories(self.watch.table)
        sent = or_nothing(lambda: memories.count(hour_of(change.at_ms), change.at_ms), "how many were sent", log) or 0
        if memory.room(sent):
            notes = LAST if memory.room(sent) == 1 else ()
            message = words.compose(named, self.place, causes, lines, notes)
            messages.publish(self.topic, message)
            self.told.append(message.subject)
        return page.shown(named, causes, lines)

    def _causes(self, change: Change, state: State) -> Sequence[str]:
        """Who is the likely cause, compared with a time before it in which nothing else was unusual."""
        times = change.since_ms, change.at_ms
        others = [
            (other.since_ms, other.over_ms or change.at_ms)
            for other in state.incidents
            if other.name != change.incident
        ]
        usual = usual_before(times, others)
        found = likely_causes(self.watch.table, self.watch.bucket, times, usual, self.remaining_ms)
        if found.not_looked:
            # without tracing that would stand in every message
            log.info("the likely cause was not looked for", reason=found.not_looked)
            return ()
        return suspect_words.lines(found)

    def _deployed(self, change: Change) -> list[str]:
        begin_ms = change.since_ms - DEPLOYED_BEFORE_MS
        hours = [hour_of(start) for start in range(begin_ms // HOUR_MS * HOUR_MS, change.at_ms, HOUR_MS)]
        summaries = Summaries(self.watch.bucket)
        bodies = or_nothing(lambda: summaries.read_hours("deployments", hours), "what was deployed", log) or ()
        found = [decode(body).summary("deployments") for body in bodies]
        known = [each for each in found if isinstance(each, Deployments)]
        return deployed.lines(deployed.between(known, begin_ms, change.at_ms), change.since_ms)

    def _named(self, change: Change) -> Change:
        """With the customers' names, where the list of customers has them."""
        if not change.customers:
            return change
        worst = change.customers[:MOST_CUSTOMERS]
        known = known_names(self.watch.bucket).of(each.tenant for each in worst)
        named = [
            msgspec.structs.replace(each, tenant=f"{found.name} ({each.tenant})")
            if (found := known.get(each.tenant)) and found.name
            else each
            for each in worst
        ]
        return msgspec.structs.replace(change, customers=(*named, *change.customers[MOST_CUSTOMERS:]))

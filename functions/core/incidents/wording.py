"""The message about an alarm: what, since when, how bad against usual, which customers, where to look, what to do.

It is plain text of short lines, as it is read in a mail of 80 columns and on a phone of 40. Names in it may come from
anybody's log line, so they are stripped of everything that is not plain writing.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.core.incidents.changes import Change
from functions.core.incidents.figures import Figures, Measure
from functions.core.incidents.memory import Telling
from functions.core.incidents.rules import Rule

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_LIMIT = 99
TEXT_LIMIT = 100_000
SHORT_LIMIT = 140
NAME_LIMIT = 40
CUSTOMERS = 5
AROUND_MS = 1_800_000
"""What the dashboard shows before and after."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Requests of one customer, and how many of them failed; name and plan where the list of customers has them."""

    tenant: str
    requests: int
    errors: int
    name: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Customers:
    """Who is affected, worst first, in the hours that ``when`` names; ``more`` says that there are others."""

    when: str
    worst: Sequence[Customer]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where this happens and where one looks."""

    stage: str
    account: str
    region: str
    dashboard: str
    runbooks_url: str = ""

    def dashboard_url(self, start_ms: int, end_ms: int) -> str:
        """Address of the dashboard with its time range."""
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        return f"{console}#dashboards/dashboard/{self.dashboard}?start={_instant(start_ms)}&end={_instant(end_ms)}"

    def runbook(self, rule: Rule) -> str:
        """Where the alarm's runbook is read."""
        return f"{self.runbooks_url.rstrip('/')}/{rule.runbook}.md" if self.runbooks_url else rule.page


@dataclass(frozen=True, slots=True)
class Message:
    """``subject`` and ``text`` of a mail, ``short`` for a text message, ``attributes`` for machines."""

    subject: str
    text: str
    short: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """All that a message is made of. ``customers`` is ``None`` where they are not known (yet)."""

    name: str
    rule: Rule
    change: Change
    telling: Telling
    figures: Figures
    place: Place
    customers: Customers | None = None
    times: int = 1
    last_this_hour: bool = False


def compose(story: Story) -> Message:
    """The message that tells the story."""
    over = story.telling is Telling.OVER
    head = _over_head(story) if over else _head(story)
    paragraphs = [_happened(story)] if over else [_happened(story), _customers(story), _look(story), _do(story)]
    if story.last_this_hour:
        paragraphs.append(
            ["This is the last message of this hour:", "there were too many. Look at the alarms", "on the dashboard."]
        )
    paragraphs.append(_foot(story))
    text = "\n\n".join("\n".join(lines) for lines in paragraphs if lines)
    return Message(subject(head, story.place.stage), text[:TEXT_LIMIT], plain(head, SHORT_LIMIT), _attributes(story))


def raw(event: object, stage: str, why: str) -> Message:
    """What is sent where no message can be composed: the event itself, so that nothing is lost."""
    data = event.get("alarmData", {}) if isinstance(event, dict) else {}
    data = data if isinstance(data, dict) else {}
    name = plain(str(data.get("alarmName", "an alarm")), 60)
    state = data.get("state")
    value = plain(str(state.get("value", "")) if isinstance(state, dict) else "", 20)
    body = json.dumps(event, indent=1, default=str)
    text = f"No readable message could be composed ({plain(why, 200)}).\nThis is what CloudWatch said:\n\n{body}"
    head = f"{value or 'News'}: {name}"
    return Message(subject(head, stage), text[:TEXT_LIMIT], head[:SHORT_LIMIT], {"alarm": name, "state": value or "?"})


def subject(head: str, stage: str) -> str:
    """What a mail is called: plain ASCII, with the stage behind it."""
    where = f" [tracelake {stage}]"
    ascii_only = head.encode("ascii", "replace").decode()
    return plain(ascii_only, SUBJECT_LIMIT - len(where)) + where


def threshold(rule: Rule) -> str:
    """The value from which on an alarm goes off."""
    amount = _amount(Measure(rule.at_least), rule)
    if rule.unit in ("%", "ms"):
        return amount
    return f"{amount} {rule.unit if amount != '1' else rule.unit.removesuffix('s')}"


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """Text from outside as one line of at most so many characters, without control and direction characters."""
    kept = "".join(" " if letter.isspace() else letter for letter in text if _is_writing(letter))
    line = " ".join(kept.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _is_writing(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter)[0] not in "CM"


def _head(story: Story) -> str:
    now, usual = story.figures.now, story.figures.usual
    if not now:
        head = story.rule.title
    elif story.rule.share:
        head = f"{_amount(now, story.rule)} of {story.rule.share.words}"
    else:
        head = f"{story.rule.title}: {_amount(now, story.rule)}"
    head = f"{head}, usually {_amount(usual, story.rule)}" if now and usual else head
    return f"Again: {head}" if story.telling in (Telling.BACK, Telling.STILL) else head


def _over_head(story: Story) -> str:
    over = story.rule.over or f"{story.rule.title}: no more"
    return f"Over after {_duration(story.change.at_ms - story.figures.since_ms)}: {over[0].lower()}{over[1:]}"


def _happened(story: Story) -> list[str]:
    now, usual, since = story.figures.now, story.figures.usual, story.figures.since_ms
    if story.telling is Telling.OVER:
        until = story.change.at_ms
        lines = [
            f"{story.rule.over}.",
            f"It lasted {_duration(until - since)}: {_clock(since, until)} UTC, {_day(since)}.",
        ]
        if now and story.rule.share:
            lines.append(f"In that time {_sentence(now, story.rule)}")
        return lines
    lines = [_sentence(now, story.rule)] if now else [story.rule.means]
    lines.append(f"Since {_clock(since)} UTC, {_day(since)}.")
    if usual:
        lines.append(f"Usual: {_amount(usual, story.rule)} ({story.figures.usual_time}).")
    elif now:
        lines.append("What is usual is not known yet.")
    if story.telling is Telling.BACK:
        lines += [
            "It was over, and is back: it comes and goes.",
            "For the next hour you hear no more of it, nor of its end.",
        ]
    if story.telling is Telling.STILL:
        lines += [
            f"It comes and goes: {story.times} times by now.",
            "For the next hour you hear no more of it, nor of its end.",
        ]
    return lines


def _customers(story: Story) -> list[str]:
    if not story.rule.customers:
        return []
    known = story.customers
    if known is None:
        return ["CUSTOMERS", "Not known yet."]
    if not known.worst:
        return ["CUSTOMERS", f"None of those known is hit ({known.when})."]
    lines = [f"CUSTOMERS ({known.when})"]
    for each in known.worst[:CUSTOMERS]:
        called = plain(each.name) or plain(each.tenant) or "(not named)"
        lines.append(f"- {called}: {each.errors:,} of {each.requests:,} failed")
        if each.name:
            lines.append("  " + ", ".join(plain(known) for known in (each.tenant, each.plan) if known))
    more = known.more + max(0, len(known.worst) - CUSTOMERS)
    return [*lines, f"- and {more:,} more"] if more else lines


def _look(story: Story) -> list[str]:
    since = story.figures.since_ms
    lines = ["LOOK", story.place.dashboard_url(since - AROUND_MS, story.change.at_ms + AROUND_MS)]
    if story.rule.question:
        hours = max(1, -(-(story.change.at_ms - since) // 3_600_000))
        lines.append(f"tracelake ask {story.rule.question} --since {hours}h")
    return lines


def _do(story: Story) -> list[str]:
    steps = [f"{number}. {step}" for number, step in enumerate(story.rule.do, 1)]
    return ["DO", *steps, f"More: {story.place.runbook(story.rule)}"]


def _foot(story: Story) -> list[str]:
    rule, place = story.rule, story.place
    periods = f"{rule.beyond} of {rule.of} periods of {rule.minutes} min" if rule.of > 1 else f"{rule.minutes} min"
    return [
        f"tracelake {place.stage}, account {place.account}, {place.region}",
        f"Alarm {story.name} ({rule.severity}): at least {threshold(rule)} in {periods}",
    ]


def _attributes(story: Story) -> dict[str, str]:
    figures = story.figures
    values = {
        "value": round(figures.now.value, 3) if figures.now else None,
        "usual": round(figures.usual.value, 3) if figures.usual else None,
        "unit": story.rule.unit,
        "customers": [plain(each.tenant) for each in story.customers.worst[:CUSTOMERS]] if story.customers else None,
        "times": story.times,
        "runbook": story.place.runbook(story.rule),
    }
    return {
        "alarm": story.name,
        "stage": story.place.stage,
        "state": story.change.state,
        "severity": story.rule.severity,
        "telling": str(story.telling),
        "since": _instant(figures.since_ms),
        "details": json.dumps(values, separators=(",", ":")),
    }


def _sentence(found: Measure, rule: Rule) -> str:
    if rule.share:
        return f"{_amount(found, rule)} of {rule.share.words}: {found.part:,.0f} of {found.whole:,.0f}."
    return f"{rule.value.words.format(_amount(found, rule))}." if rule.value else rule.means


def _amount(found: Measure, rule: Rule) -> str:
    value = found.value
    if rule.unit == "%":
        return f"{value:.{0 if value >= 10 else 1}f}".removesuffix(".0") + " %"
    if rule.unit == "ms":
        return _time(value)
    return f"{value:,.0f}"


def _time(ms: float) -> str:
    if ms >= 60_000:
        return _duration(round(ms))
    return f"{ms / 1000:.1f}".removesuffix(".0") + " s" if ms >= 1000 else f"{ms:.0f} ms"


def _duration(ms: int) -> str:
    minutes = max(0, round(ms / 60_000))
    if minutes < 1:
        return f"{max(0, ms) // 1000} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _clock(*instants: int) -> str:
    return " to ".join(f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M}" for ms in instants)


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%a %d %b}"


def _instant(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

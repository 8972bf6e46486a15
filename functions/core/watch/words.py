"""The message about an incident: what happened first, where it is strongest, since when, against what was usual; what
else moved, who is hit, where to look, and how to say that it is no news.

Plain text of lines under 80 columns, as `functions.core.incidents.wording` has it. Names in it may come from anybody's
log line.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from functions.core.detect.wording import explain, figure, span
from functions.core.incidents.wording import (
    AROUND_MS,
    CUSTOMERS,
    SHORT_LIMIT,
    TEXT_LIMIT,
    Message,
    Place,
    plain,
    subject,
)
from functions.core.watch.incidents import Member
from functions.core.watch.signals import NO_SERVICE, Subject
from functions.core.watch.watched import QUANTITIES
from functions.core.watch.watching import Change

WIDTH = 78
MOST_LINES = 5
LONGEST_PATTERN = 60
MUTED_FOR = timedelta(days=7)
PAGE = "docs/alerts.md"
_NEW: dict[str, str] = {"new": "was never seen before", "returned": "is back after two weeks"}


def compose(
    change: Change, place: Place, causes: Sequence[str] = (), deployed: Sequence[str] = (), notes: Sequence[str] = ()
) -> Message:
    """The message of a change. ``causes`` are lines of likely causes, ``deployed`` of deployments, ``notes`` of
    anything else that is to be said at the end; they are taken as they are."""
    head = title(change)
    until_ms = change.at_ms + AROUND_MS
    paragraphs: list[Sequence[str]] = [_happened(change)]
    if change.event != "ended":
        paragraphs += [
            _others(change),
            _customers(change),
            ["LIKELY CAUSE", *causes] if causes else [],
            ["DEPLOYED", *deployed] if deployed else [],
            ["LOOK", place.dashboard_url(change.since_ms - AROUND_MS, until_ms)],
            _mute(change),
        ]
    paragraphs += [notes, [f"tracelake {place.stage}, account {place.account}, {place.region}"]]
    text = "\n\n".join("\n".join(lines) for lines in paragraphs if lines)
    return Message(subject(head, place.stage), text[:TEXT_LIMIT], plain(head, SHORT_LIMIT), _attributes(change, place))


def title(change: Change) -> str:
    """What a mail about it is called."""
    if change.kind == "silence":
        return "Nothing arrives any more" if change.event == "began" else f"It arrives again, after {_lasted(change)}"
    worst = change.members[0]
    more = len(change.members) - 1
    others = f" and {more:,} more" if more else ""
    if change.event == "ended":
        return f"Over after {_lasted(change)}: {name(worst)}{others}"
    prefix = {"worse": "Worse: ", "back again": "Again: "}.get(change.event, "")
    return f"{prefix}{_short(worst)}{others}"


def line(member: Member) -> str:
    """Something unusual, in a sentence."""
    if member.what in _NEW:
        return f"{name(member)} {_NEW[member.what]}, and happened {_times(member)}"
    return explain(member.alert, name(member), QUANTITIES[member.what].unit)


def name(member: Member) -> str:
    """What it is that moved."""
    if member.what in _NEW:
        return f"error '{plain(member.example, 60)}' of {plain(member.subject.names[0])}"
    of = f"error '{plain(member.example)}' of {plain(member.subject.names[0])}" if member.example else None
    return f"{QUANTITIES[member.what].words} of {of or _of(member.subject)}"


def _of(subject: Subject) -> str:
    kind, names = subject[0], [plain(each) for each in subject[1]]
    if kind == "dependency":
        return f"calls from {names[0]} to {names[1]}"
    if kind == "route":
        return f"{names[1]} of {names[0]}"
    if kind == "metric":
        return f"{names[1]} ({names[0]})" + (f" of {names[2]}" if names[2] != NO_SERVICE else "")
    return names[0] if kind == "service" else f"{kind} {names[-1]}"


def _short(member: Member) -> str:
    alert = member.alert
    if member.what in _NEW:
        return f"{member.what.capitalize()} {name(member)}, {_times(member)}"
    unit = QUANTITIES[member.what].unit
    unit = f" {unit}" if unit else ""
    return f"{_capital(name(member))}: {figure(alert.value)}{unit}, expected {figure(alert.expected)}{unit}"


def _times(member: Member) -> str:
    count = member.alert.value
    return "once" if count == 1 else f"{count:,.0f} times"


def _happened(change: Change) -> list[str]:
    since = datetime.fromtimestamp(change.since_ms / 1000, UTC)
    when = f"{since:%H:%M} UTC, {since:%a %d %b}"
    if change.kind == "silence" and change.event == "began":
        return [
            f"Since {when}, nothing arrives: no request, call, error",
            "or metric. At this time of day something always did. Either the application",
            "is down, or what it says does not reach tracelake: tracelake doctor",
        ]
    if change.kind == "silence":
        return ["What happens is judged again.", f"Nothing was seen for {_lasted(change)}, since {when}."]
    if change.event == "ended":
        lines = [part for member in change.members[:MOST_LINES] for part in _ended(member)]
        lines += _more(len(change.members) - MOST_LINES)
        return [f"It lasted {_lasted(change)}, since {when}.", *lines]
    worst, first = change.members[0], min(change.members, key=lambda member: member.alert.since)
    lines = _wrapped(f"{_capital(line(worst))}.")
    if change.event == "back again":
        lines += [
            "It was over, and is back: it comes and goes. You hear of it again when",
            "it has stayed away for an hour.",
        ]
    lines.append(f"Since {when}.")
    if first.alert.since < worst.alert.since:
        lines += _wrapped(f"First was {name(first)}, {span(worst.alert.since - first.alert.since)} before that.")
    return lines


def _ended(member: Member) -> list[str]:
    if member.what in _NEW:
        return _item(line(member))
    if member.end:
        return _item(explain(member.end, name(member), QUANTITIES[member.what].unit))
    return _item(f"{name(member)}: nothing is seen of it any more")


def _others(change: Change) -> list[str]:
    others = change.members[1:]
    if not others:
        return []
    lines = [part for member in others[:MOST_LINES] for part in _item(_short(member))]
    return [f"AT THE SAME TIME ({len(others):,})", *lines, *_more(len(others) - MOST_LINES)]


def _customers(change: Change) -> list[str]:
    moved = [m.subject.names[0] for m in change.members if m.subject.kind == "customer" and m.what != "failures"]
    lines = [
        f"- {plain(each.tenant) or '(not named)'}: {each.failed:,} of {each.requests:,} failed"
        for each in change.customers[:CUSTOMERS]
    ]
    lines += _more(len(change.customers) - CUSTOMERS)
    lines += [f"- {plain(each)}: see above" for each in moved[:CUSTOMERS] if not lines]
    return ["CUSTOMERS (in the last 5 minutes)", *lines] if lines else []


def _mute(change: Change) -> list[str]:
    if not change.members:
        return []
    worst = change.members[0].subject
    pattern = " ".join(worst.names).replace("[", "[[]")
    if len(pattern) > LONGEST_PATTERN:
        pattern = f"{pattern[:LONGEST_PATTERN]}*"
    until = datetime.fromtimestamp(change.at_ms / 1000, UTC).date() + MUTED_FOR
    return [
        "IF THIS IS NO NEWS",
        "Add this to config/rules.toml, and it is not told (without until: for good).",
        "[[alerts.mute]]",
        f'kind = "{worst.kind}"',
        f"name = {json.dumps(plain(pattern, 200))}",
        f"until = {until}",
        f"More: {PAGE}",
    ]


def _attributes(change: Change, place: Place) -> dict[str, str]:
    since = datetime.fromtimestamp(change.since_ms // 1000, UTC)
    details = {
        "incident": change.incident,
        "services": [plain(each) for each in change.services[:20]],
        "customers": [plain(each.tenant) for each in change.customers[:CUSTOMERS]],
        "unusual": [[m.subject.kind, *(plain(n) for n in m.subject.names), m.what] for m in change.members[:20]],
    }
    return {
        "alarm": "unusual",
        "stage": place.stage,
        "state": "OK" if change.event == "ended" else "ALARM",
        "severity": "high" if change.kind != "new errors" else "medium",
        "telling": change.event,
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "details": json.dumps(details, separators=(",", ":")),
    }


def _lasted(change: Change) -> str:
    return span((change.at_ms - change.since_ms) / 1000)


def _more(count: int) -> list[str]:
    return [f"- and {count:,} more"] if count > 0 else []


def _item(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""What all custom widgets of a dashboard share: their context, two themes, escaping and numbers for people.

CloudWatch shows the HTML a function returns, without scripts, inside a dashboard that is light or dark
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
_SEPARATORS = {
    "de": (".", ","),
    "es": (".", ","),
    "fr": ("\u202f", ","),
    "id": (".", ","),
    "it": (".", ","),
    "pt": (".", ","),
}

# The colours of Cloudscape, the console's design system: each pair has a contrast of at least 4.5 to the background.
_COLOURS = {
    "light": {
        "text": "#0f141a",
        "quiet": "#5f6b7a",
        "line": "#e9ebed",
        "track": "#eef1f4",
        "bar": "#539fe5",
        "bad": "#d91515",
        "warn": "#8d6605",
        "bad-bar": "#e5484d",
        "hover": "#f6f8fa",
        "back": "#ffffff",
    },
    "dark": {
        "text": "#dedee3",
        "quiet": "#a4a4ad",
        "line": "#2d3643",
        "track": "#232b37",
        "bar": "#3b82d6",
        "bad": "#ff7a7a",
        "warn": "#fbd332",
        "bad-bar": "#eb6f6f",
        "hover": "#1b232d",
        "back": "#161d26",
    },
}

_CSS = """
.tl{font:13px/1.45 "Amazon Ember","Helvetica Neue",Roboto,Inter,Arial,sans-serif;color:VAR(text);
font-variant-numeric:tabular-nums;box-sizing:border-box;padding:2px 4px}
.tl *{box-sizing:border-box}
.tl-sum{display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline;padding:0 4px 8px;color:VAR(quiet)}
.tl-sum b{color:VAR(text);font-size:18px;font-weight:600}
.tl-sum .tl-when{margin-left:auto;font-size:12px;white-space:nowrap}
.tl table{width:100%;border-collapse:collapse;table-layout:fixed;margin:0;background:none}
.tl th{position:sticky;top:0;background:VAR(back);font-size:12px;font-weight:600;color:VAR(quiet);text-align:right;
padding:4px 8px;border-bottom:1px solid VAR(line);white-space:nowrap}
.tl th:first-child,.tl td:first-child{text-align:left;padding-left:4px}
.tl td{padding:5px 8px;border-bottom:1px solid VAR(line);text-align:right;white-space:nowrap;height:30px}
.tl tbody tr:hover td{background:VAR(hover)}
.tl tbody tr:last-child td{border-bottom:0}
.tl .tl-name{overflow:hidden;text-overflow:ellipsis}
.tl .tl-quiet{color:VAR(quiet)}
.tl .tl-bad{color:VAR(bad);font-weight:600}
.tl .tl-warn{color:VAR(warn);font-weight:600}
.tl .tl-meter{display:flex;align-items:center;gap:8px}
.tl .tl-meter span{flex:none;text-align:right}
.tl .tl-track{flex:1;height:10px;border-radius:2px;background:VAR(track);overflow:hidden;display:flex;min-width:24px}
.tl .tl-bar{height:100%;background:VAR(bar);flex:none}
.tl .tl-bar.tl-failed{background:VAR(bad-bar)}
.tl-note{padding:12px 4px;max-width:640px}
.tl-note h3{font-size:15px;font-weight:600;margin:0 0 4px;color:VAR(text)}
.tl-note p{margin:0 0 8px;color:VAR(quiet)}
.tl-note ul{margin:0;padding-left:18px;color:VAR(quiet)}
.tl-note li{margin:0 0 4px}
.tl-note code,.tl-note pre{font:12px/1.5 Monaco,Menlo,Consolas,monospace;color:VAR(text);background:VAR(track);
border-radius:3px}
.tl-note code{padding:1px 4px}
.tl-note pre{padding:8px;margin:0 0 8px;white-space:pre-wrap;overflow-wrap:anywhere}
"""


@dataclass(frozen=True, slots=True)
class WidgetContext:
    """Where a widget is shown: what its dashboard says in ``widgetContext``; ``width`` is in pixels."""

    start: datetime
    end: datetime
    theme: str
    width: int
    locale: str
    offset: timezone

    @classmethod
    def parse(cls, given: Mapping[str, Any], now: datetime) -> WidgetContext:
        """The context, with a default for all that is missing: three hours until now, light, 600 pixels, English."""
        times = given.get("timeRange") or {}
        times = times.get("zoom") or times
        start, end = _time(times.get("start")), _time(times.get("end"))
        if start is None or end is None or start >= end:
            start, end = now - timedelta(hours=3), now
        return cls(
            start=start,
            end=end,
            theme="dark" if given.get("theme") == "dark" else "light",
            width=width if isinstance(width := given.get("width"), int) and width > 0 else 600,
            locale=str(given.get("locale") or "en"),
            offset=_offset((given.get("timezone") or {}).get("offsetISO")),
        )

    def number(self, value: float, digits: int = 0) -> str:
        """A number as the locale writes it."""
        thousands, point = _SEPARATORS.get(self.locale[:2], (",", "."))
        whole, dot, part = f"{value:,.{digits}f}".partition(".")
        return whole.replace(",", thousands) + (point + part if dot else "")

    def percent(self, value: float) -> str:
        """A percentage with one digit below ten; what is not zero never looks like it."""
        if 0 < value < 0.1:
            return f"<{self.number(0.1, 1)} %"
        return f"{self.number(value, 1 if 0 < value < 9.95 else 0)} %"

    def duration(self, ms: float) -> str:
        """A duration in the unit that suits it."""
        if ms < 10:
            return f"{self.number(ms, 1)} ms"
        if ms < 999.5:
            return f"{self.number(ms)} ms"
        return f"{self.number(ms / 1000, 2 if ms < 9995 else 1)} s"

    def period(self) -> str:
        """The time range in the dashboard's time zone."""
        start, end = self.start.astimezone(self.offset), self.end.astimezone(self.offset)
        last = end.strftime("%H:%M") if start.date() == end.date() else f"{end.day} {end:%b %H:%M}"
        zone = "UTC" if self.offset.utcoffset(None) == timedelta(0) else f"UTC{start.isoformat()[-6:]}"
        return f"{start.day} {start:%b %H:%M} \u2013 {last} {zone}"


def text(value: object, longest: int = 200) -> str:
    """Any value as HTML text that stays text, and that stays in its place."""
    cleaned = _UNPRINTABLE.sub("\ufffd", str(value))
    if len(cleaned) > longest:
        cleaned = cleaned[: longest - 1] + "\u2026"
    return html.escape(cleaned, quote=True)


def page(context: WidgetContext, content: str) -> str:
    """A whole widget: style of the theme, and the content, which must be HTML already."""
    css = _CSS
    for name, colour in _COLOURS[context.theme].items():
        css = css.replace(f"VAR({name})", colour)
    return f'<div class="cwdb-no-default-styles"></div><style>{css}</style><div class="tl">{content}</div>'


def note(context: WidgetContext, title: str, content: str) -> str:
    """A widget that has a message instead of data; ``content`` is HTML."""
    return page(context, f'<div class="tl-note"><h3>{text(title)}</h3>{content}</div>')


def _time(value: object) -> datetime | None:
    if not isinstance(value, (int, float)) or not 0 < value < 4e12:
        return None
    return datetime.fromtimestamp(value / 1000, UTC)


def _offset(value: object) -> timezone:
    match = _OFFSET.fullmatch(str(value))
    if match is None:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset) if offset < timedelta(hours=24) else UTC

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
        "link": "#006ce0",
        "good": "#037f0c",
        "folded": "#8fbdee",
        "sampled": "#c9ced6",
        "new": "#fff1e0",
        "new-text": "#9a3a00",
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
        "link": "#75b3ff",
        "good": "#2bb534",
        "folded": "#9cc4f2",
        "sampled": "#5f6b7a",
        "new": "#4a2a12",
        "new-text": "#ffb27a",
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
.tl .tl-bar.tl-folded{background:VAR(folded)}
.tl .tl-bar.tl-sampled{background:VAR(sampled)}
.tl .tl-bar:first-child{border-radius:2px 0 0 2px}
.tl .tl-good{color:VAR(good);font-weight:600}
.tl .tl-link{color:VAR(link);cursor:pointer;text-decoration:none;font-weight:500}
.tl .tl-link:hover{text-decoration:underline}
.tl .tl-tag{background:VAR(new);color:VAR(new-text);border-radius:8px;padding:1px 7px;font-size:11px;font-weight:600;
margin-right:6px}
.tl .tl-dot{display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:7px;background:currentColor}
.tl .tl-two{display:block;overflow:hidden;text-overflow:ellipsis;overflow-wrap:anywhere;
color:VAR(quiet);font-size:12px;line-height:1.3}
.tl td.tl-left,.tl th.tl-left{text-align:left}
.tl .tl-wrap{white-space:normal;overflow-wrap:anywhere}
.tl td.tl-tall{padding-top:6px;padding-bottom:6px;vertical-align:top}
.tl h3{font-size:14px;font-weight:600;margin:14px 4px 4px;color:VAR(text)}
.tl h3:first-child{margin-top:2px}
.tl .tl-foot{padding:6px 4px 0;color:VAR(quiet);font-size:12px}
.tl .tl-form{display:flex;gap:8px;padding:0 4px 8px;align-items:center}
.tl .tl-form input{flex:0 1 240px;min-width:80px;height:28px;padding:0 8px;border:1px solid VAR(quiet);
border-radius:4px;background:VAR(back);color:VAR(text);font:inherit}
.tl .tl-form.tl-wide{flex-wrap:wrap}
.tl .tl-button{display:inline-block;height:28px;line-height:26px;padding:0 12px;border:1px solid VAR(link);
border-radius:14px;color:VAR(link);cursor:pointer;font-weight:600;white-space:nowrap;text-decoration:none}
.tl .tl-button:hover{background:VAR(hover)}
.tl .tl-key{display:inline-flex;align-items:center;gap:5px}
.tl .tl-key i{width:10px;height:10px;border-radius:2px;background:VAR(bar)}
.tl .tl-key i.tl-folded{background:VAR(folded)}
.tl .tl-key i.tl-failed{background:VAR(bad-bar)}
.tl .tl-key i.tl-sampled{background:VAR(sampled)}
.tl svg.tl-trend{display:block;width:100%;height:18px}
.tl svg.tl-trend rect{fill:VAR(bad-bar)}
.tl svg.tl-days{display:block;max-width:100%}
.tl-days rect{fill:VAR(bar)}
.tl-days rect.tl-fresh{fill:VAR(folded)}
.tl-days line{stroke:VAR(line)}
.tl-days text{fill:VAR(quiet);font-size:12px;text-anchor:middle}
.tl-days text.tl-n{fill:VAR(text);font-weight:600}
.tl .tl-keys{display:flex;flex-wrap:wrap;gap:2px 16px;padding-bottom:8px}
.tl .tl-meter .tl-money{min-width:5em}
.tl .tl-below{padding-top:10px}
.tl .tl-inc{border-left:3px solid VAR(line);padding:6px 4px 8px 10px;margin:0 4px 10px}
.tl .tl-inc.tl-open{border-left-color:VAR(bad-bar)}
.tl .tl-inc-head{display:flex;align-items:baseline;padding-bottom:4px}
.tl .tl-inc-head .tl-when{margin-left:auto;padding-left:16px;font-size:12px;white-space:nowrap}
.tl .tl-inc-head .tl-dot{flex:none}
.tl .tl-inc-line{display:flex;flex-wrap:wrap;align-items:center;gap:2px 16px;padding:2px 0;min-height:30px}
.tl .tl-inc-line .tl-wrap{flex:1 1 320px}
.tl .tl-spark{flex:0 1 340px;min-width:200px}
.tl .tl-spark svg{display:block;width:100%;height:28px}
.tl .tl-spark path{fill:none;stroke:VAR(bar);stroke-width:1.6}
.tl .tl-spark .tl-usual{fill:VAR(track)}
.tl .tl-spark .tl-during{fill:VAR(new)}
.tl .tl-fact{padding:4px 0 0;color:VAR(quiet);font-size:12px}
.tl .tl-fact b{color:VAR(text);margin-right:8px}
.tl-lines{max-width:860px}
.tl-lines p{margin:0 4px 8px;color:VAR(quiet)}
.tl-lines summary{cursor:pointer;padding:6px 4px;font-weight:600;color:VAR(text)}
.tl-lines pre{font:12px/1.5 Monaco,Menlo,Consolas,monospace;color:VAR(text);background:VAR(track);border-radius:4px;
padding:10px 12px;margin:0 4px 8px;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;-webkit-user-select:all;
cursor:copy}
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

    def size(self, value: float) -> str:
        """A number of bytes in the unit that suits it (powers of 1,000, as AWS bills)."""
        units = ("B", "kB", "MB", "GB", "TB")
        place = 0
        while value >= 999.5 and place < len(units) - 1:
            value, place = value / 1000, place + 1
        return f"{self.number(value, 1 if place and value < 99.95 else 0)} {units[place]}"

    def dollars(self, value: float) -> str:
        """An amount of money with as many digits as it takes not to look like nothing."""
        digits = 2 if value >= 0.1 or value == 0 else 4
        return f"${self.number(value, digits)}" if value == 0 or value >= 0.0001 else f"<${self.number(0.0001, 4)}"

    def clock(self, time: datetime) -> str:
        """A time of day; with the date unless it is the day on which the time range ends."""
        local = time.astimezone(self.offset)
        if local.date() == self.end.astimezone(self.offset).date():
            return f"{local:%H:%M}"
        return f"{local.day} {local:%b %H:%M}"

    def period(self, start: datetime | None = None, end: datetime | None = None) -> str:
        """The time range (or another one) in the dashboard's time zone."""
        start = (start or self.start).astimezone(self.offset)
        end = (end or self.end).astimezone(self.offset)
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


def failure(context: WidgetContext, reason: str) -> str:
    """A widget that cannot be drawn, and what to try."""
    return note(
        context,
        "This widget could not be drawn",
        f"<pre>{text(reason, 1000)}</pre><p>Refresh it, or try a shorter time range. The log group of the function "
        "<code>widgets</code> says more.</p>",
    )


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

"""Log levels of all libraries as six names, also where they stand in a line of text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

LONGEST_LEVEL = 16
ERROR_LEVELS = frozenset({"ERROR", "FATAL"})

_NAMES = {
    "TRACE": "TRACE",
    "FINEST": "TRACE",
    "VERBOSE": "TRACE",
    "SILLY": "TRACE",
    "DEBUG": "DEBUG",
    "FINE": "DEBUG",
    "INFO": "INFO",
    "INFORMATION": "INFO",
    "NOTICE": "INFO",
    "HTTP": "INFO",
    "WARN": "WARN",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "FATAL": "FATAL",
    "CRITICAL": "FATAL",
    "ALERT": "FATAL",
    "EMERG": "FATAL",
    "EMERGENCY": "FATAL",
    "PANIC": "FATAL",
    "DPANIC": "FATAL",
    # .NET, and loggers that write three or four letters
    "TRCE": "TRACE",
    "TRC": "TRACE",
    "VRB": "TRACE",
    "DBUG": "DEBUG",
    "DBG": "DEBUG",
    "INF": "INFO",
    "WRN": "WARN",
    "FAIL": "ERROR",
    "CRIT": "FATAL",
    "FTL": "FATAL",
    "PNC": "FATAL",
}
_PINO = {"10": "TRACE", "20": "DEBUG", "30": "INFO", "40": "WARN", "50": "ERROR", "60": "FATAL"}


@lru_cache(maxsize=1024)
def level_name(level: str) -> str | None:
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL for a level of any library (words or pino's numbers); else None."""
    return _NAMES.get(level.upper()) or _PINO.get(level)


UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
HEAD = 300
"""What is looked for in front of a message stands in so many characters."""

_UPPER = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE|ALERT|EMERG"
_ANY = rf"(?i:{_UPPER}|VERBOSE|INFORMATION|TRCE|DBUG|FAIL|CRIT)"
_SHORT = "TRC|VRB|DBG|INF|WRN|ERR|FTL|PNC"
_TIME = r"\d[\dTZ:.,+/-]*(?:[AP]M)?"
_ID = re.compile(UUID)
_PREFIX = re.compile(
    rf"(?:[DIWEFA], )?(?P<skipped>(?:{UUID}|{_TIME}|\[(?!\s*{_ANY}\s*\])[^\]\n]{{0,80}}\]|[-|,]|\s)*+)"
    rf"(?:[\[(<]\s*(?P<enclosed>{_ANY})\s*[\])>]|(?P<upper>{_UPPER})(?=[\s:|,-]|$)|(?P<marked>{_ANY})(?=:\s|:$)"
    rf"|(?<=[\dZM]\s)(?P<short>{_SHORT})(?=\s)|(?<=\t)(?P<between>{_ANY})(?=\t))"
    rf"[\s:|,-]*(?:{_TIME}\s+)?(?P<id>{UUID})?[\s:|,-]*"
)
_DELIMITED = re.compile(
    rf"[\[|\t]\s*({_ANY})\s*[\]|\t]|\s-\s({_UPPER})\s-\s|\n({_UPPER}): "
    r"""|(?:^|[\s{,])["']?(?:level|lvl|severity|log\.level)["']?[=:]\s?["']?(\w{3,11})\b"""
)
_DELIMITERS = ("[", "|", "\t", " - ", "\n", "level", "lvl", "severity")
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
_KLOG_LEVELS = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_COLOUR = re.compile(r"\x1b\[[\d;]{0,20}m")


class Prefix(NamedTuple):
    """What stands in front of a message: level, request id, and the message itself."""

    level: str | None
    request_id: str | None
    message: str


def prefix_of(line: str) -> Prefix:
    """Finds the level of a line of text where loggers write it: after times, threads and ids, or between marks.

    A level within a sentence is none. Formats: log4j, logback, Spring, java.util.logging, Python's logging, loguru,
    Ruby's Logger, slog, zap, zerolog, klog, tracing, .NET, nginx.
    """
    if "\x1b" in line:
        line = _COLOUR.sub("", line)
    match = _PREFIX.match(line, 0, HEAD)
    if match:
        named = match["enclosed"] or match["upper"] or match["marked"] or match["short"] or match["between"]
        found = _ID.search(match["skipped"])
        if match["marked"] and not named.isupper():  # "Error: ..." is a level, and a class
            return Prefix(level_name(named), found and found[0], line)
        return Prefix(level_name(named), found[0] if found else match["id"], line[match.end() :])
    match = _KLOG.match(line)
    if match:
        return Prefix(_KLOG_LEVELS[match[1]], None, line.partition("] ")[2] or line)
    head = line[:HEAD]
    match = _DELIMITED.search(head) if any(map(head.__contains__, _DELIMITERS)) else None
    level = level_name(next(filter(None, match.groups()))) if match else None
    return Prefix(level, None, line)

"""Log levels of all libraries as six names."""

from __future__ import annotations

from functools import lru_cache

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
}
_PINO = {"10": "TRACE", "20": "DEBUG", "30": "INFO", "40": "WARN", "50": "ERROR", "60": "FATAL"}


@lru_cache(maxsize=1024)
def level_name(level: str) -> str | None:
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL for a level of any library (words or pino's numbers); else None."""
    return _NAMES.get(level.upper()) or _PINO.get(level)

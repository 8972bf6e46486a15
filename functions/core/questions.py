"""Questions: the named queries in sql/questions, one file each.

A file begins with header comments and goes on with one SELECT in Athena's SQL::

    -- question: Which errors occur?
    -- needs: nothing to change: ...
    -- since: 24h
    -- param: tenant= only this customer
    -- param: top=50 at most so many rows
    SELECT ... WHERE hour BETWEEN :from_hour AND :to_hour AND time >= CAST(:from_time AS timestamp) ...

``param`` is ``name=default`` and what it is for; the default gives the type (int, float, or text). The four names of
the time range are always there. Athena takes ``?`` in WHERE clauses alone, as literals in order
(https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html), so that is where parameters may
stand; a file that breaks this, or reads a table or view without a condition on ``hour``, is refused when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.core import sql_checks, views
from functions.core.schema import HOUR_FORMAT, TABLES

FOLDER = Path(__file__).parents[2] / "sql" / "questions"
LONGEST_LITERAL = 1_024
"""https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html, ExecutionParameters"""
TIME_PARAMS = ("from_hour", "to_hour", "from_time", "to_time")

_HEADER = re.compile(r"--\s*(question|needs|since|param):\s*(.*)")
_PARAM = re.compile(r"([a-z_]+)=(\S*)\s*(.*)")
_SPAN = re.compile(r"(\d+)\s*([mhd])")
_MINUTE = timedelta(minutes=1)
_SPAN_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

type_names: dict[type, str] = {int: "a whole number", float: "a number", str: "text"}
Value = str | int | float


class QuestionError(ValueError):
    """A question file, a parameter or a time range that cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a question; its type is that of its default."""

    name: str
    default: Value
    doc: str

    def parse(self, text: str) -> Value:
        """The value of a parameter given as text; ``QuestionError`` where it is not of the type or too long."""
        try:
            value: Value = type(self.default)(text)
        except ValueError:
            kind = type_names[type(self.default)]
            raise QuestionError(f"parameter {self.name} must be {kind}, not {text!r}") from None
        if len(literal(value)) > LONGEST_LITERAL:
            raise QuestionError(f"parameter {self.name} is too long: Athena takes {LONGEST_LITERAL:,} characters")
        return value


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``start`` to just before ``end``, both with a time zone."""

    start: datetime
    end: datetime

    @property
    def values(self) -> dict[str, Value]:
        """The four parameters of the time range: hours as partitions are named, times in UTC with milliseconds."""
        last = max(self.start, self.end - timedelta(milliseconds=1))
        return {
            "from_hour": self.start.astimezone(UTC).strftime(HOUR_FORMAT),
            "to_hour": last.astimezone(UTC).strftime(HOUR_FORMAT),
            "from_time": _timestamp(self.start),
            "to_time": _timestamp(self.end),
        }

    def whole_minutes(self) -> TimeRange:
        """The range widened to whole minutes, as aggregates are; equal questions of a minute can share an answer."""
        end = self.end.replace(second=0, microsecond=0)
        return TimeRange(self.start.replace(second=0, microsecond=0), end if end == self.end else end + _MINUTE)


@dataclass(frozen=True, slots=True)
class Question:
    """One named query. ``sql`` has ``:name`` where a value goes."""

    name: str
    title: str
    needs: str
    params: tuple[Param, ...]
    sql: str
    since: timedelta

    def bind(self, values: Mapping[str, Value], time_range: TimeRange) -> tuple[str, list[str]]:
        """SQL with ``?`` and the literals for Athena's ExecutionParameters, in order.

        Parameters that are not given have their default; ``QuestionError`` for one the question does not have.
        """
        known = {param.name: param.default for param in self.params}
        unknown = set(values) - set(known)
        if unknown:
            has = ", ".join(known) or "none"
            raise QuestionError(f"{self.name} has no parameter {', '.join(sorted(unknown))} (it has: {has})")
        bound: dict[str, Value] = {**known, **values, **time_range.values}
        literals: list[str] = []

        def place(name: str) -> str:
            literals.append(literal(bound[name]))
            return "?"

        return _fill(self.sql, place), literals

    def console_sql(self, database: str) -> str:
        """A form that runs as it is in Athena's console: tables with their database, defaults filled in, and a time
        range that ends now."""
        span, unit = _largest_unit(self.since)
        start = f"current_timestamp - INTERVAL '{span}' {unit.upper()}"
        times = {
            "from_hour": f"date_format({start}, '%Y-%m-%d-%H')",
            "to_hour": "date_format(current_timestamp, '%Y-%m-%d-%H')",
            "from_time": start,
            "to_time": "current_timestamp",
        }
        defaults = {param.name: literal(param.default) for param in self.params}
        head = [f"-- {self.title}", f"-- Needs: {self.needs}"]
        head.append(
            f"-- Looks back {span} {unit}{'s' if span > 1 else ''}: change every INTERVAL to look back further."
        )
        return "\n".join(head) + "\n" + sql_checks.qualify(_fill(self.sql, (times | defaults).__getitem__), database)


def load(path: Path) -> Question:
    """Read one question; ``QuestionError`` names the file and what is wrong with it."""
    heads: dict[str, str] = {}
    params: list[Param] = []
    body: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        header = None if body else _HEADER.match(line)
        if header is None:
            body.append(line)
        elif header[1] == "param":
            params.append(_param(header[2], path.name))
        else:
            heads[header[1]] = f"{heads[header[1]]} {header[2]}" if header[1] in heads else header[2]
    sql = "\n".join(body).strip().rstrip(";")
    missing = {"question", "needs"} - heads.keys()
    problems = [f"has no header {name!r}" for name in sorted(missing)]
    problems += sql_checks.problems(sql, TABLES.keys() | views.names())
    used = sql_checks.params(sql)
    declared = {param.name for param in params}
    problems += [f"uses :{name} without declaring it" for name in sorted(used - declared - set(TIME_PARAMS))]
    problems += [f"declares {name} without using it" for name in sorted(declared - used)]
    if problems:
        raise QuestionError(f"{path.name} " + "; ".join(problems))
    return Question(
        path.stem, heads["question"], heads["needs"], tuple(params), sql, parse_span(heads.get("since", "24h"))
    )


def load_all(folder: Path = FOLDER) -> dict[str, Question]:
    """All questions of a folder by name, sorted."""
    return {path.stem: load(path) for path in sorted(folder.glob("*.sql"))}


def parse_span(text: str) -> timedelta:
    """``90m``, ``24h`` or ``7d``; ``QuestionError`` for anything else and for spans longer than ten years."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or len(match[1]) > 6:
        raise QuestionError(f"{text!r} is no time span: use minutes, hours or days, such as 90m, 24h or 7d")
    span = timedelta(**{_SPAN_UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < span <= timedelta(days=3660):
        raise QuestionError(f"the time span {text!r} must be between 1m and 3660d")
    return span


def literal(value: Value) -> str:
    """A value as an SQL literal; text in single quotes, with quotes in it doubled."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _param(text: str, file: str) -> Param:
    match = _PARAM.fullmatch(text.strip())
    if match is None:
        raise QuestionError(f"{file} has a parameter that is not name=default: {text!r}")
    for kind in (int, float):
        try:
            return Param(match[1], kind(match[2]), match[3])
        except ValueError:
            continue
    return Param(match[1], match[2], match[3])


def _fill(sql: str, place: Callable[[str], str]) -> str:
    return "".join(place(token.text[1:]) if token.kind == "param" else token.text for token in sql_checks.tokens(sql))


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _largest_unit(span: timedelta) -> tuple[int, str]:
    minutes = int(span.total_seconds() // 60)
    if minutes % 1440 == 0 and minutes > 1440:
        return minutes // 1440, "day"
    return (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")

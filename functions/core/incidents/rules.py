"""The alarms, from alarms.toml: what CloudWatch watches, and what people are told about it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

FILE = Path(__file__).with_name("alarms.toml")
RUNBOOKS = "docs/runbooks"

Severity = Literal["critical", "high", "medium"]
Missing = Literal["notBreaching", "missing", "breaching"]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric and its statistic. ``function`` is one of tracelake's (a folder of functions/), ``stream`` its stream;
    without either and without a namespace it is tracelake's own metric."""

    name: str
    stat: str
    namespace: str = ""
    function: str = ""
    stream: bool = False


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The alarm is about ``part`` in a hundred of ``whole``; both are names of metrics. Completes "34 % of the ..."."""

    part: str
    whole: str
    words: str


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The alarm is about the metric ``of``, whose value the ``words`` hold as {}."""

    of: str
    words: str


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One alarm; alarms.toml says what each field means."""

    title: str
    over: str
    severity: Severity
    told: Literal["people", "notify"]
    metrics: dict[str, Source]
    at_least: float
    unit: str
    floor: str
    reason: str
    minutes: int
    beyond: int
    of: int
    missing: Missing
    recovers: bool
    default: bool
    usd: float
    means: str
    question: str
    do: list[str]
    runbook: str
    expression: str = ""
    setting: str = ""
    silence: bool = False
    customers: bool = False
    share: Share | None = None
    value: Value | None = None

    @property
    def page(self) -> str:
        """Its runbook, as a path in the repository."""
        return f"{RUNBOOKS}/{self.runbook}.md"

    @property
    def period_ms(self) -> int:
        return self.minutes * 60_000

    @property
    def window_ms(self) -> int:
        """What the alarm looks at."""
        return self.of * self.period_ms


def parse(text: str) -> dict[str, Rule]:
    """Alarms by name; ``msgspec.ValidationError`` where one lacks a field or has one too many."""
    return msgspec.convert(tomllib.loads(text), dict[str, Rule])


RULES = parse(FILE.read_text())

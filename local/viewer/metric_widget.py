"""What a metric widget of a dashboard asks for, as queries of GetMetricData.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Query = dict[str, Any]

DEFAULT_PERIOD = 300
DEFAULT_STAT = "Average"
# the longest range in seconds that is shown with a period; CloudWatch chooses likewise where a dashboard says auto
_AUTO_PERIODS = ((3 * 3600, 60), (24 * 3600, 300), (3 * 86400, 900), (15 * 86400, 3600), (63 * 86400, 21600))
_LONGEST_PERIOD = 86400
_SEARCH_PERIOD = re.compile(r"(SEARCH\s*\(\s*(?:'[^']*'|\"[^\"]*\")\s*,\s*(?:'[^']*'|\"[^\"]*\"))\s*(?:,\s*\d+\s*)?\)")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a widget's ``metrics``: what to ask for, and how to show it."""

    query: Query
    label: str = ""
    visible: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def period(self) -> int | None:
        """Seconds; None where an expression takes it from what it is calculated from."""
        stat: Mapping[str, Any] = self.query.get("MetricStat", self.query)
        return stat.get("Period")


def auto_period(seconds: float) -> int:
    """The period in seconds for a time range of so many seconds."""
    return next((period for longest, period in _AUTO_PERIODS if seconds <= longest), _LONGEST_PERIOD)


def one_period(end: float) -> int:
    """A period in seconds that holds everything until ``end`` (seconds since 1970), as periods start at 1970."""
    return (int(end) // 60 + 1) * 60


def lines(properties: Mapping[str, Any], period: int | None) -> list[Line]:
    """The rows of a widget; ``period`` overrides every period that the widget names.

    Raises ``ValueError`` where the widget has a row that CloudWatch would refuse.
    """
    rows: list[Line] = []
    names: list[str] = []
    metrics = []
    for number, row in enumerate(properties.get("metrics") or []):
        given = list(row)
        options = given.pop() if given and isinstance(given[-1], Mapping) else {}
        query: Query = {"Id": options.get("id") or f"q{number}", "ReturnData": options.get("visible", True)}
        if "expression" in options:
            metrics.append([])
            query["Expression"] = _with_period(str(options["expression"]), period)
            if period or options.get("period") or properties.get("period"):
                query["Period"] = period or int(options.get("period") or properties["period"])
        else:
            names = _full(given, names)
            metrics.append(names)
            query["MetricStat"] = {
                "Metric": {
                    "Namespace": names[0],
                    "MetricName": names[1],
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in zip(names[2::2], names[3::2], strict=True)
                    ],
                },
                "Period": period or int(options.get("period") or properties.get("period") or DEFAULT_PERIOD),
                "Stat": options.get("stat") or properties.get("stat") or DEFAULT_STAT,
            }
        rows.append(Line(query, str(options.get("label") or ""), options.get("visible", True), options))
    labels = _labels(metrics)
    return [_labelled(line, label) for line, label in zip(rows, labels, strict=True)]


def _full(given: Sequence[Any], before: Sequence[str]) -> list[str]:
    """A row without its abbreviations: "." is what stood above it, "..." is the whole beginning of the row above."""
    items = [str(each) for each in given]
    if items[:1] == ["..."]:
        items = [*before[: len(before) - len(items) + 1], *items[1:]]
    full = [before[at] if each == "." and at < len(before) else each for at, each in enumerate(items)]
    if len(full) < 2 or len(full) % 2:
        raise ValueError(f"{list(given)} is no metric: a namespace, a name, and pairs of dimension and value")
    return full


def _with_period(expression: str, period: int | None) -> str:
    if period is None:
        return expression
    return _SEARCH_PERIOD.sub(lambda found: f"{found[1]}, {period})", expression)


def _labels(metrics: Sequence[Sequence[str]]) -> list[str]:
    """What tells metrics apart: the name, the dimensions' values, or both; nothing for an expression."""
    names = [each[1] for each in metrics if each]
    labels = []
    for each in metrics:
        values = " ".join(each[3::2])
        if not each:
            labels.append("")
        elif len(set(names)) == len(names) or not values:
            labels.append(each[1])
        else:
            labels.append(values if len(set(names)) == 1 else f"{values} {each[1]}")
    return labels


def _labelled(line: Line, label: str) -> Line:
    if text := line.label or label or line.query.get("Expression", "")[:60]:
        searches = "SEARCH" in line.query.get("Expression", "")
        query = line.query if searches and not line.label else {**line.query, "Label": text}
        return Line(query, text, line.visible, line.options)
    return line

"""CloudWatch's embedded metric format: one metrics row for each value.

Labels are the dimensions of all dimension sets of the directive: a value counts once, however many sets CloudWatch cuts
it by. What is neither metric nor dimension goes to one logs row of the same event, so nothing of the line is lost.
Specification: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.rows import Event, Row
from functions.core.shapes import plain
from functions.core.sources import json_logs

SOURCE = "emf"


def read(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the rows of an EMF line; ``line`` is used up. Raises OwnEventError for a service of this product."""
    header = line.pop("_aws", None)
    directives = header.get("CloudWatchMetrics") if isinstance(header, dict) else None
    rows: list[Row] = []
    used: set[str] = set()
    for directive in directives if isinstance(directives, list) else ():
        if isinstance(directive, dict):
            _read_directive(event, line, directive, rows, used)
    service = line.get("service")
    if isinstance(service, str) and service.startswith(context.own_services):
        raise OwnEventError(f"metrics of own service {service}")
    rest = {name: value for name, value in line.items() if name not in used}
    if not rows:
        rest["_aws"] = header
    if rest:
        json_logs.read(event, rest, context, SOURCE, row_no=len(rows))
    context.rows.metrics += rows


def _read_directive(
    event: Event, line: dict[str, Any], directive: dict[str, Any], rows: list[Row], used: set[str]
) -> None:
    namespace = values.text(directive.get("Namespace"))
    labels = _labels(line, directive.get("Dimensions"))
    used.update(labels)
    cell = plain(dict(labels))
    service = labels.get("service") or event.service
    definitions = directive.get("Metrics")
    for definition in definitions if isinstance(definitions, list) else ():
        name = definition.get("Name") if isinstance(definition, dict) else None
        if type(name) is not str or name not in line:
            continue
        written = line[name]
        numbers = _numbers(written)
        if numbers and type(written) is not dict:
            used.add(name)
        unit = values.text(definition.get("Unit")) or "None"
        for value in numbers:
            rows.append(
                (
                    event.time,
                    event.id,
                    len(rows),
                    event.account,
                    event.region,
                    SOURCE,
                    event.event_time,
                    namespace,
                    name,
                    value,
                    unit,
                    service,
                    cell,
                )
            )


def _labels(line: dict[str, Any], dimension_sets: Any) -> dict[str, str | None]:
    labels: dict[str, str | None] = {}
    for names in dimension_sets if isinstance(dimension_sets, list) else ():
        for name in names if isinstance(names, list) else (names,):
            if type(name) is str and name in line:
                labels[name] = values.text(line[name])
    return labels


def _numbers(value: Any) -> list[float]:
    """The numbers of a metric's value: a number, a list, or ``{"Values": [...], "Counts": [...]}``."""
    if type(value) is float and isfinite(value):
        return [value]
    if isinstance(value, dict):
        value = value.get("Values")
    if isinstance(value, list):
        if len(value) == 1 and type(value[0]) is float and isfinite(value[0]):
            return value
        found = [values.number(item) for item in value]
        return [number for number in found if number is not None] if None not in found else []
    single = values.number(value) if type(value) is not str else None
    return [] if single is None else [single]

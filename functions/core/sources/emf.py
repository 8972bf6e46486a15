"""CloudWatch's embedded metric format: one metrics row for each value.

Labels are the dimensions of all dimension sets of the directive: a value counts once, however many sets CloudWatch cuts
it by. What is neither metric nor dimension goes to one logs row of the same event, so nothing of the line is lost.
Specification: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple

from functions.core import values
from functions.core.context import Context, OwnEventError
from functions.core.piles import ApartError, Pile, Reader, any_starts
from functions.core.rows import Same
from functions.core.shapes import Keys, Names, Shapes
from functions.core.sources import json_logs
from functions.core.text_maps import Maps

SOURCE = "emf"
_LOG = Reader(SOURCE, json_logs.shapes, json_logs.read)


class _Metric(NamedTuple):
    """A metric of a directive: the place of its value among the members, and the places of its labels."""

    namespace: str | None
    name: str
    unit: str
    place: int
    labels: tuple[int, ...]


def shapes(_: Context) -> Shapes:
    """Lines are read by their directives; no member has a column."""
    return Shapes(also=lambda _: True)


def read(pile: Pile, context: Context) -> None:
    """Adds the rows of EMF lines with the same members; their headers are the pile's records.

    Lines whose directives or kinds of values differ are read apart. Raises OwnEventError for a service of this product.
    """
    members = pile.shape.members
    for name in json_logs.SERVICE:
        own = any_starts(map(values.text, pile.also().get(name, ())), context.own_services)
        if own is not None:
            raise OwnEventError(f"metrics of own service {own}")
    directives = [header.get("CloudWatchMetrics") if isinstance(header, dict) else None for header in pile.records]
    _only_alike(pile, list(map(values.text, directives)))
    metrics = _metrics(directives[0], members)
    numbers = [list(map(_numbers, pile.taken[metric.place])) for metric in metrics]
    forms = [_forms(pile.taken[metric.place], found) for metric, found in zip(metrics, numbers, strict=True)]
    _only_alike(pile, list(zip(*forms, strict=True)))
    row_no, used = 0, set(chain.from_iterable(metric.labels for metric in metrics))
    for metric, found in zip(metrics, numbers, strict=True):
        for nth in zip(*found, strict=True):
            _add(pile, metric, row_no, nth, context)
            row_no += 1
        if found[0] and type(pile.taken[metric.place][0]) is not dict:
            used.add(metric.place)
    _add_rest(pile, used, row_no, context)


def _only_alike(pile: Pile, marks: Sequence[Any]) -> None:
    """Raises ApartError where the marks of the lines differ."""
    if len(set(marks)) > 1:
        places: dict[Any, list[int]] = {}
        for place, mark in enumerate(marks):
            places.setdefault(mark, []).append(place)
        raise ApartError(*map(pile.part, places.values()))


def _metrics(directives: Any, members: Names) -> list[_Metric]:
    """What the directives say, as far as the line has it."""
    found = []
    for directive in directives if isinstance(directives, list) else ():
        if isinstance(directive, dict):
            labels = _labels(directive.get("Dimensions"), members)
            definitions = directive.get("Metrics")
            for definition in definitions if isinstance(definitions, list) else ():
                name = definition.get("Name") if isinstance(definition, dict) else None
                if type(name) is str and name in members:
                    unit = values.text(definition.get("Unit")) or "None"
                    namespace = values.text(directive.get("Namespace"))
                    found.append(_Metric(namespace, name, unit, members.index(name), labels))
    return found


def _labels(dimension_sets: Any, members: Names) -> tuple[int, ...]:
    """Places of the dimensions of all sets, each once."""
    names: dict[int, None] = {}
    for dimensions in dimension_sets if isinstance(dimension_sets, list) else ():
        for name in dimensions if isinstance(dimensions, list) else (dimensions,):
            if type(name) is str and name in members:
                names[members.index(name)] = None
    return tuple(names)


def _add(pile: Pile, metric: _Metric, row_no: int, numbers: Sequence[float], context: Context) -> None:
    """Adds one value of a metric for each line."""
    rows, members = len(pile.events), pile.shape.members
    time, event_id, _, *others = pile.of_events()
    names = tuple(members[place] for place in metric.labels)
    columns = [list(map(values.text, pile.taken[place])) for place in metric.labels]
    services = [place.service for place in pile.places]
    if "service" in names:
        named = columns[names.index("service")]
        services = [own or other for own, other in zip(named, services, strict=True)]
    context.rows.metrics.extend(
        time,
        event_id,
        Same(row_no, rows),
        *others,
        Same(metric.namespace, rows),
        Same(metric.name, rows),
        numbers,
        Same(metric.unit, rows),
        services,
        Maps(Keys(names, names), rows, list(chain.from_iterable(zip(*columns, strict=True)))),
    )


def _add_rest(pile: Pile, used: set[int], row_no: int, context: Context) -> None:
    """What is neither metric nor dimension becomes a log line; so does a line without any metric."""
    names = [(place, name) for place, name in enumerate(pile.shape.members) if place not in used]
    if not names and row_no:
        return
    for event, line in zip(pile.events, pile.values, strict=True):
        context.add(_LOG, event, {name: line[place] for place, name in names}, row_no=row_no)


def _forms(written: Sequence[Any], numbers: Sequence[list[float]]) -> list[tuple[int, bool]]:
    """How many values each cell has, and whether it is an object, which stays among the fields."""
    return [(len(found), type(cell) is dict) for cell, found in zip(written, numbers, strict=True)]


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


READER = Reader(SOURCE, shapes, read)

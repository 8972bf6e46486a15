"""CloudWatch's embedded metric format: one metrics row for each value.

Labels are the dimensions of all dimension sets of the directive: a value counts once, however many sets CloudWatch cuts
it by, and however often it is defined. Of a statistic set each statistic is a row, with the label ``statistic``. What
is neither metric nor dimension goes to one logs row of the same event, so nothing of the line is lost; a value that is
missing or no finite number is left out alone, and ``rejected_metrics`` in this row's line names its metric.
Specification: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from math import isfinite
from operator import ne
from typing import Any, NamedTuple

from functions.core import documents, values
from functions.core.context import Context, OwnEventError
from functions.core.piles import ApartError, Pile, Reader, any_starts, of_type
from functions.core.rows import Cells, Event, Same
from functions.core.shapes import Keys, Names, Shapes
from functions.core.sources import json_logs
from functions.core.text_maps import Maps

SOURCE = "emf"
STATISTIC = "statistic"
REJECTED_METRICS = "rejected_metrics"
_STATISTICS = ("Max", "Min", "Count", "Sum")
_SERVICE = ("service", "Service", "ServiceName", "function_name")
_LOG = Reader(SOURCE, json_logs.shapes, json_logs.read)


class _Metric(NamedTuple):
    """A metric of a directive: the place of its value among the members, and the places of its labels."""

    namespace: str | None
    name: str
    unit: str
    place: int
    labels: tuple[int, ...]


class _Form(NamedTuple):
    """What the values of a metric are: how many, each of which statistic if it is one; ``complete`` says whether all
    that was written is among them. An object stays among the fields."""

    values: int
    statistics: tuple[str, ...] = ()
    is_object: bool = False
    complete: bool = True


_ONE, _NONE = _Form(1), _Form(0, complete=False)


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
    if any(map(partial(ne, directives[0]), directives)):
        _only_alike(pile, list(map(values.text, directives)))
    metrics, missing = _metrics(directives[0], members)
    found = [_values(pile.taken[metric.place]) for metric in metrics]
    if any(forms.count(forms[0]) < len(forms) for _, forms in found):
        _only_alike(pile, list(zip(*(forms for _, forms in found), strict=True)))
    row_no, used = 0, set(chain.from_iterable(metric.labels for metric in metrics))
    of_events, labels = pile.of_events(), {places: _Labels(pile, places) for places in {m.labels for m in metrics}}
    for metric, (columns, (form, *_)) in zip(metrics, found, strict=True):
        for number, column in enumerate(columns):
            statistic = form.statistics[number : number + 1]
            _add(of_events, metric, labels[metric.labels], row_no, column, statistic, context)
            row_no += 1
        if not form.complete:
            missing.append(metric.name)
        elif not form.is_object:
            used.add(metric.place)
    _add_rest(pile, used, row_no, missing, context)


def _only_alike(pile: Pile, marks: Sequence[Any]) -> None:
    """Raises ApartError where the marks of the lines differ."""
    if len(set(marks)) > 1:
        places: dict[Any, list[int]] = {}
        for place, mark in enumerate(marks):
            places.setdefault(mark, []).append(place)
        raise ApartError(*map(pile.part, places.values()))


def _metrics(directives: Any, members: Names) -> tuple[list[_Metric], list[str]]:
    """What the directives say, each once, as far as the line has it; and the metrics that it has not."""
    found: dict[_Metric, None] = {}
    missing: dict[str, None] = {}
    places = {name: place for place, name in enumerate(members)}
    for directive in directives if isinstance(directives, list) else ():
        if isinstance(directive, dict):
            labels = _labels(directive.get("Dimensions"), places)
            definitions = directive.get("Metrics")
            namespace = values.text(directive.get("Namespace"))
            for definition in definitions if isinstance(definitions, list) else ():
                name = definition.get("Name") if isinstance(definition, dict) else None
                if type(name) is not str:
                    continue
                if name in places:
                    unit = values.text(definition.get("Unit")) or "None"
                    found[_Metric(namespace, name, unit, places[name], labels)] = None
                else:
                    missing[name] = None
    return list(found), list(missing)


def _labels(dimension_sets: Any, places: dict[str, int]) -> tuple[int, ...]:
    """Places of the dimensions of all sets, each once."""
    names: dict[int, None] = {}
    for dimensions in dimension_sets if isinstance(dimension_sets, list) else ():
        for name in dimensions if isinstance(dimensions, list) else (dimensions,):
            if type(name) is str and name in places:
                names[places[name]] = None
    return tuple(names)


class _Labels:
    """The dimensions of a metric, and the services that they name or the places are of."""

    def __init__(self, pile: Pile, places: tuple[int, ...]) -> None:
        self.names = tuple(pile.shape.members[place] for place in places)
        self.columns = [of_type(pile.taken[place], str, values.text) for place in places]
        self.services = [place.service for place in pile.places]
        naming = next((name for name in _SERVICE if name in self.names), None)
        if naming is not None:
            named = self.columns[self.names.index(naming)]
            self.services = [own or other for own, other in zip(named, self.services, strict=True)]


def _add(
    of_events: tuple[Cells, ...],
    metric: _Metric,
    labels: _Labels,
    row_no: int,
    numbers: Sequence[float],
    statistic: tuple[str, ...],
    context: Context,
) -> None:
    """Adds one value of a metric for each line."""
    rows, (time, event_id, _, *others) = len(numbers), of_events
    names, columns = labels.names, labels.columns
    if statistic:
        names, columns = (*names, STATISTIC), [*columns, [*statistic] * rows]
    context.rows.metrics.extend(
        time,
        event_id,
        Same(row_no, rows),
        *others,
        Same(metric.namespace, rows),
        Same(metric.name, rows),
        numbers,
        Same(metric.unit, rows),
        labels.services,
        Maps(Keys(names, names), rows, list(chain.from_iterable(zip(*columns, strict=True)))),
    )


def _add_rest(pile: Pile, used: set[int], row_no: int, rejected: list[str], context: Context) -> None:
    """What is neither metric nor dimension becomes a log line; so does a line without any metric."""
    names = [(place, name) for place, name in enumerate(pile.shape.members) if place not in used]
    if not names and row_no and not rejected:
        return
    if rejected:
        for event in pile.events:
            note_rejected(event, rejected)
    rest = context.pile(_LOG, {name: pile.values[0][place] for place, name in names})
    wanted = [(place, name) for place, name in names if name in rest.shape.wanted]
    rest.extend(pile.events, ({name: line[place] for place, name in wanted} for line in pile.values), row_no=row_no)


def note_rejected(event: Event, metrics: Sequence[str]) -> None:
    """Writes into an event's line which of its metrics have a value that could not be taken."""
    line = documents.parse(event.line, json_logs.MAX_DEPTH)
    event.line = values.text({**line, REJECTED_METRICS: metrics}) or ""


def _values(written: Sequence[Any]) -> tuple[Sequence[Sequence[float]], Sequence[_Form]]:
    """The values of a metric, column by column, and their forms; the columns mean nothing where the forms differ."""
    single = written
    if set(map(type, written)) == {list} and set(map(len, written)) == {1}:
        single = [value for (value,) in written]
    if set(map(type, single)) == {float} and all(map(isfinite, single)):
        return [single], [_ONE] * len(single)
    numbers = list(map(_numbers, written))
    return list(zip(*numbers, strict=False)), list(map(_form, written, numbers))


def _form(written: Any, numbers: list[float]) -> _Form:
    if type(written) is dict:
        if "Values" in written:
            listed = written["Values"]
            complete = isinstance(listed, list) and len(listed) == len(numbers) > 0
            return _Form(len(numbers), (), True, complete)
        usable = tuple(name.lower() for name in _STATISTICS if _finite(written.get(name)) is not None)
        return _Form(len(numbers), usable, True, len(usable) == len(_STATISTICS))
    if type(written) is list:
        return _Form(len(numbers), (), False, len(numbers) == len(written) > 0)
    return _ONE if numbers else _NONE


def _numbers(value: Any) -> list[float]:
    """The numbers of a metric's value: a number, a list, ``{"Values": [...], "Counts": [...]}`` or a statistic set."""
    if type(value) is float and isfinite(value):
        return [value]
    if type(value) is dict:
        value = value["Values"] if "Values" in value else [value.get(name) for name in _STATISTICS]
    if type(value) is list:
        if len(value) == 1 and type(value[0]) is float and isfinite(value[0]):
            return value
        return [number for number in map(_finite, value) if number is not None]
    single = _finite(value)
    return [] if single is None else [single]


def _finite(value: Any) -> float | None:
    """A number that is written as one."""
    return values.number(value) if type(value) is not str else None


READER = Reader(SOURCE, shapes, read)

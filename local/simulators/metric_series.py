"""What GetMetricData answers, with metric math over time.

Metric math (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html) as `metric_math`
knows it for one period, and over time SEARCH, METRICS, SORT, SLICE, REMOVE_EMPTY, RATE, DIFF, RUNNING_SUM and FILL with
REPEAT. Each function that needs more than one period is replaced by the series it gives, before periods are looked at.
"""

import ast
import itertools
import re
from collections.abc import Callable, Iterable
from statistics import mean
from typing import Any, NamedTuple

from local.simulators import metric_math, metric_search
from local.simulators.metrics import Metric, Metrics, Values

_UNTOLD_PERIOD = 60
_OVER_TIME: dict[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum, "AVG": mean}
_LABELS: dict[str, Callable[[list[float]], float]] = {
    **_OVER_TIME,
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "DATAPOINT_COUNT": len,
}
_TOKEN = re.compile(r"\$\{(?:PROP\('([^']+)'\)|(\w+))\}")


class Result(NamedTuple):
    """One line of the answer; `error` is what cannot be evaluated."""

    id: str
    label: str
    values: Values
    error: str = ""


def evaluate(queries: list[dict[str, Any]], metrics: Metrics, start: int, end: int) -> list[Result]:
    """The series of all queries that return data, between `start` and `end` in seconds since 1970."""
    return _Evaluation(queries, metrics, start, end).results()


class _Series:
    """Values by the start of their period; `label` is what it is called where nobody names it."""

    def __init__(self, values: Values, period: int, label: str = "", properties: dict[str, str] | None = None) -> None:
        self.values = values
        self.period = period
        self.label = label
        self.properties = properties or {}


class _Evaluation:
    """One call of GetMetricData, between `start` and `end` in seconds since 1970."""

    def __init__(self, queries: list[dict[str, Any]], metrics: Metrics, start: int, end: int) -> None:
        self._metrics = metrics
        self._queries = {query["Id"]: query for query in queries}
        self._range = (start, end)
        self._series: dict[str, _Series] = {}
        self._found: dict[str, list[str]] = {}

    def results(self) -> list[Result]:
        results = []
        for name, query in self._queries.items():
            if str(query.get("ReturnData", True)).lower() == "false":
                continue
            try:
                results += [self._result(query, self._series[each]) for each in self.series_of(name)]
            except (ValueError, SyntaxError, KeyError, RecursionError) as error:
                results.append(Result(name, name, {}, f"{query.get('Expression')}: {error}"))
        return results

    def series_of(self, name: str) -> list[str]:
        """Names of the series that a query gives: one, or as many as a search finds."""
        if name in self._series:
            return [name]
        if name not in self._found:
            query = self._queries[name]
            if "MetricStat" in query:
                stat = query["MetricStat"]
                metric = stat["Metric"]
                dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
                wanted = Metric(metric["Namespace"], metric["MetricName"], dimensions)
                self._found[name] = [self._add(self._statistic(wanted, stat["Stat"], int(stat["Period"])))]
            else:
                tree = ast.parse(metric_math._python(query["Expression"]), mode="eval").body
                self._found[name] = self._evaluate(_Expansion(self).visit(tree), name)
        return self._found[name]

    def search(self, expression: str, stat: str, period: int) -> list[str]:
        matches = metric_search.parse(expression)
        found = sorted(filter(matches, self._metrics.names()), key=lambda each: (each.name, str(each)))
        series = [self._statistic(metric, stat, period) for metric in found]
        several = len({metric.name for metric in found}) > 1
        for metric, each in zip(found, series, strict=True):
            values = " ".join(metric.dimensions.values())
            each.label = f"{values} {metric.name}".strip() if several or not values else values
        return [self._add(each) for each in series if each.values]

    def metrics(self, part: str) -> list[str]:
        """Series of the queries that are metrics and whose id has `part` in it."""
        ids = [name for name, query in self._queries.items() if "MetricStat" in query and part in name]
        return [series for name in ids for series in self.series_of(name)]

    def derive(self, node: ast.expr, change: Callable[[Values, int], Values]) -> ast.expr:
        """Nodes of the series that `change` makes of those a node gives; None stands for nothing."""
        made = [
            self._add(_Series(change(old.values, old.period), old.period, old.label, old.properties))
            for old in (self._series[name] for name in self._evaluate(node, ""))
        ]
        return as_list(made) if isinstance(node, ast.List) else ast.Name(made[0])

    def series(self, name: str) -> _Series:
        return self._series[name]

    def _evaluate(self, node: ast.expr, label: str) -> list[str]:
        if isinstance(node, ast.List):
            return [name for each in node.elts for name in self._evaluate(each, label)]
        if isinstance(node, ast.Name):
            return self.series_of(node.id)
        used = [
            self._series[each.id] for each in ast.walk(node) if isinstance(each, ast.Name) if each.id in self._series
        ]
        period = max((each.period for each in used), default=_UNTOLD_PERIOD)
        start, end = self._range
        values: Values = {}
        for at in range(start // period * period, end, period):
            value = metric_math._value(node, lambda name, at=at: self._series[name].values.get(at), period)
            if value is not None:
                values[at] = value
        return [self._add(_Series(values, period, used[0].label if len(used) == 1 else label))]

    def _add(self, series: _Series) -> str:
        name = f"series{len(self._series)}"
        self._series[name] = series
        return name

    def _statistic(self, metric: Metric, stat: str, period: int) -> _Series:
        start, end = self._range
        values = self._metrics.values(metric, stat, period, start // period * period, end)
        properties = {"Namespace": metric.namespace, "MetricName": metric.name, "Stat": stat, "Period": str(period)}
        properties |= {f"Dim.{name}": value for name, value in metric.dimensions.items()}
        return _Series(values, period, metric.name, properties)

    @staticmethod
    def _result(query: dict[str, Any], series: _Series) -> Result:
        searched = "SEARCH" in query.get("Expression", "")
        return Result(query["Id"], _label(query.get("Label"), series, searched=searched), series.values)


class _Expansion(ast.NodeTransformer):
    """Replaces what gives or takes several series, or more than one period, by series and lists of series."""

    def __init__(self, evaluation: _Evaluation) -> None:
        self._evaluation = evaluation

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("REPEAT", "LINEAR", "ASC", "DESC", *_OVER_TIME):
            return node
        names = self._evaluation.series_of(node.id)
        return ast.Name(names[0]) if len(names) == 1 else as_list(names)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.left, ast.List):
            return ast.List([ast.BinOp(each, node.op, node.right) for each in node.left.elts])
        if isinstance(node.right, ast.List):
            return ast.List([ast.BinOp(node.left, node.op, each) for each in node.right.elts])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        node.args = [self.visit(each) for each in node.args]
        match name, node.args:
            case "SEARCH", [ast.Constant(value=str() as search), ast.Constant(value=str() as stat), *rest]:
                period = rest[0].value if rest and isinstance(rest[0], ast.Constant) else 300
                return as_list(self._evaluation.search(search, stat, int(str(period))))
            case "METRICS", rest:
                return as_list(self._evaluation.metrics(str(rest[0].value) if rest else ""))  # type: ignore[attr-defined]
            case "FILL", [series, ast.Name(id="REPEAT" | "LINEAR")]:
                return self._evaluation.derive(series, _repeated)
            case "FILL", [ast.List(elts=items), default]:
                return ast.List([ast.Call(node.func, [each, default], []) for each in items])
            case "RATE" | "DIFF" | "RUNNING_SUM", [series]:
                return self._evaluation.derive(series, _CHANGES[name])
            case "REMOVE_EMPTY" | "SORT" | "SLICE", [ast.List() as series, *rest]:
                return self._chosen(name, series, rest)
            case _, [ast.Name(id=series)] if name in _OVER_TIME:
                values = list(self._evaluation.series(series).values.values())
                return ast.Constant(_OVER_TIME[name](values)) if values else ast.Name(series)
        return node

    def _chosen(self, name: str, series: ast.List, rest: list[ast.expr]) -> ast.expr:
        names = [self.visit_name(each) for each in series.elts]
        words = [each.id if isinstance(each, ast.Name) else ast.literal_eval(each) for each in rest]
        if name == "REMOVE_EMPTY":
            return as_list(each for each in names if self._evaluation.series(each).values)
        if name == "SLICE":
            first, last = [*words, None][:2] if words else (0, None)
            return as_list(names[int(first) : last])
        over_time = _OVER_TIME[words[0]]
        names.sort(
            key=lambda each: over_time(list(self._evaluation.series(each).values.values()) or [0.0]),
            reverse=words[1:2] == ["DESC"],
        )
        return as_list(names[: words[2]] if len(words) > 2 else names)

    def visit_name(self, node: ast.expr) -> str:
        """The name of the one series that a part of a list gives."""
        return self._evaluation._evaluate(node, "")[0]


def as_list(names: Iterable[str]) -> ast.List:
    """A list of series."""
    return ast.List([ast.Name(name) for name in names])


def _running_sum(values: Values, _period: int) -> Values:
    total, sums = 0.0, {}
    for at, value in values.items():
        sums[at] = total = total + value
    return sums


def _difference(values: Values, _period: int) -> Values:
    times = list(values)
    return {at: values[at] - values[before] for before, at in itertools.pairwise(times)}


def _rate(values: Values, _period: int) -> Values:
    times = list(values)
    return {at: (values[at] - values[before]) / (at - before) for before, at in itertools.pairwise(times)}


def _repeated(values: Values, period: int) -> Values:
    filled: Values = {}
    for at in range(min(values, default=0), max(values, default=-1) + 1, period):
        filled[at] = values.get(at, filled.get(at - period, 0.0))
    return filled


_CHANGES = {"RATE": _rate, "DIFF": _difference, "RUNNING_SUM": _running_sum}


def _label(wanted: str | None, series: _Series, *, searched: bool) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html"""
    if not wanted:
        return series.label
    if "${" not in wanted:
        return f"{wanted} {series.label}" if searched and series.properties else wanted
    values = list(series.values.values())

    def said(token: re.Match[str]) -> str:
        if token[1]:
            return series.properties.get(token[1], "")
        if token[2] == "LABEL":
            return series.label
        return f"{_LABELS[token[2]](values):.6g}" if values and token[2] in _LABELS else "--"

    return _TOKEN.sub(said, wanted)

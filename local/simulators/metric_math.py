"""Metric math, the part of it that alarms and dashboards here use: arithmetic, comparisons, IF, FILL, MAX, MIN,
SUM, AVG over a list, ABS, PERIOD
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html)."""

import ast
import operator
import re
from collections.abc import Callable
from functools import cache
from statistics import mean
from typing import Any

from local.simulators.metrics import Metric, Metrics

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SPELLINGS = ((r"&&|\bAND\b", " and "), (r"\|\||\bOR\b", " or "), (r"\^", "**"))
_OVER_A_LIST: dict[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum, "AVG": mean}


Statistic = Callable[[dict[str, Any], int, int], float | None]
"""Value of a `MetricStat` in the period from a second since 1970, of so many seconds; None where it is missing."""


def statistic_of(metrics: Metrics) -> Statistic:
    """The values of what is kept there."""

    def statistic(asked: dict[str, Any], start: int, period: int) -> float | None:
        dimensions = {each["Name"]: each["Value"] for each in asked["Metric"].get("Dimensions") or []}
        metric = Metric(asked["Metric"]["Namespace"], asked["Metric"]["MetricName"], dimensions)
        return metrics.values(metric, asked["Stat"], period, start, start + period).get(start)

    return statistic


def evaluate(queries: list[dict[str, Any]], start: int, period: int, statistic: Statistic) -> float | None:
    """The value of the query that returns data, in the period from `start` (seconds); None where it is missing."""
    by_id = {query["Id"]: query for query in queries}

    def value_of(name: str) -> float | None:
        if "Expression" in by_id[name]:
            return _value(_parsed(by_id[name]["Expression"]), value_of, period)
        return statistic(by_id[name]["MetricStat"], start, period)

    return value_of(next(query["Id"] for query in queries if str(query.get("ReturnData", True)).lower() != "false"))


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(_python(expression), mode="eval").body


def _python(expression: str) -> str:
    for spelling, pythons in _SPELLINGS:
        expression = re.sub(spelling, pythons, expression)
    return expression.strip()


def _value(node: ast.expr, value_of: Callable[[str], float | None], period: int) -> float | None:
    """None, a missing datapoint, makes everything missing that is calculated from it, save in FILL and over lists."""

    def value(inner: ast.expr) -> float | None:
        return _value(inner, value_of, period)

    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return value_of(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = value(operand)
            return None if number is None else -number
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            first, second = value(left), value(right)
            if first is None or second is None or (isinstance(op, ast.Div) and second == 0):
                return None
            return float(_OPERATORS[type(op)](first, second))
        case ast.BoolOp(op=op, values=parts):
            truths = [value(part) for part in parts]
            if None in truths:
                return None
            return float(all(truths) if isinstance(op, ast.And) else any(truths))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, arguments, value, period)
    raise ValueError(f"metric math {ast.unparse(node)!r} is not supported here")


def _call(name: str, arguments: list[ast.expr], value: Callable[[ast.expr], float | None], period: int) -> float | None:
    match name, arguments:
        case "IF", [condition, then, *otherwise]:
            truth = value(condition)
            chosen = [then] if truth else otherwise
            return value(chosen[0]) if chosen and truth is not None else None
        case "FILL", [series, default]:
            number = value(series)
            return value(default) if number is None else number
        case "ABS", [series]:
            number = value(series)
            return None if number is None else abs(number)
        case "PERIOD", _:
            return float(period)
        case _, [ast.List(elts=items)] if name in _OVER_A_LIST:
            numbers = [number for item in items if (number := value(item)) is not None]
            return _OVER_A_LIST[name](numbers) if numbers else None
    raise ValueError(f"metric math {name} is not supported here")

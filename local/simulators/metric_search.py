"""The search expressions of CloudWatch, as far as dashboards here use them.

`{Namespace,Dimension,...} MetricName="Errors" (one OR two) NOT three`: the schema in braces says which dimensions a
metric has, no more and no less; a quoted value is compared as it is, any other word is looked for without case
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html).
"""

import re
from collections.abc import Callable

from local.simulators.metrics import Metric

_TOKEN = re.compile(r'[()]|(?:[\w.:/-]+|"[^"]*")\s*=|"[^"]*"|[^\s()]+')
_SCHEMA = re.compile(r"\s*\{([^}]*)\}(.*)", re.DOTALL)


Matches = Callable[[Metric], bool]


def parse(search: str) -> Matches:
    """Whether a metric is found by a search expression; raises ValueError where it cannot be read."""
    schema = _SCHEMA.fullmatch(search)
    if schema is None:
        return _Reader(search).read()
    namespace, *dimensions = [part.strip().strip('"') for part in schema[1].split(",")]
    rest = _Reader(schema[2]).read()
    return lambda metric: metric.namespace == namespace and metric.dimensions.keys() == set(dimensions) and rest(metric)


class _Reader:
    """Recursive descent over the words of a search: OR binds weakest, then the unspoken AND, then NOT."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)

    def read(self) -> Matches:
        found = self._either("")
        if self._tokens:
            raise ValueError(f"search expression ends at {self._tokens[0]!r}")
        return found

    def _either(self, of: str) -> Matches:
        parts = [self._all(of)]
        while self._next_is("OR"):
            self._tokens.pop(0)
            parts.append(self._all(of))
        return lambda metric: any(part(metric) for part in parts)

    def _all(self, of: str) -> Matches:
        parts: list[Matches] = []
        while self._tokens and not (self._next_is("OR") or self._next_is(")")):
            if self._next_is("AND"):
                self._tokens.pop(0)
            else:
                parts.append(self._one(of))
        return lambda metric: all(part(metric) for part in parts)

    def _one(self, of: str) -> Matches:
        token = self._tokens.pop(0)
        if token.upper() == "NOT":
            inner = self._one(of)
            return lambda metric: not inner(metric)
        if token == "(":
            inner = self._either(of)
            if not self._next_is(")"):
                raise ValueError("a bracket of the search expression is not closed")
            self._tokens.pop(0)
            return inner
        if token.endswith("=") and self._tokens:
            return self._one(token.rstrip("= ").strip('"'))
        return lambda metric: _has(metric, of, token)

    def _next_is(self, word: str) -> bool:
        return bool(self._tokens) and self._tokens[0].upper() == word


def _has(metric: Metric, of: str, value: str) -> bool:
    known = {"Namespace": metric.namespace, "MetricName": metric.name, **metric.dimensions}
    looked_at = [known.get(of, "")] if of else [*known.values(), *metric.dimensions]
    if value.startswith('"'):
        return value.strip('"') in looked_at
    return any(value.lower() in each.lower() for each in looked_at)

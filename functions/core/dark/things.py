"""The functions, APIs and log groups that telemetry comes from, or should come from: what each has, what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from functions.core.dark.telemetry import TEXT, Filled, Telemetry

FUNCTION, API, LOG_GROUP = "function", "api", "log group"
OF_LAMBDA = "/aws/lambda/"
ALL_APIS = "every API"
_JSON = "json_log"
_ACCESS_LOG = "access_log"
_TABLES = ("logs", "invocations", "requests", "spans")


@dataclass(slots=True)
class Thing:
    """A function, an API's stage or a log group: what is true of it, what it writes, and which columns are empty.

    ``tables`` are those that its telemetry has rows in, ``filled`` what is known of these rows; of a table without rows
    every column is empty. ``problem`` says why it cannot be read.
    """

    kind: str
    name: str
    facts: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    problem: str = ""
    filled: dict[str, Filled] = field(default_factory=dict)

    def lacks(self, column: str) -> bool:
        """Whether ``table.column`` is empty."""
        return column in self.empty or column.partition(".")[0] not in self.tables

    def take(self, table: str, more: Filled) -> None:
        """Notes what rows of a table tell of it; there may be rows of several log groups or services."""
        if not more.rows:
            return
        filled = self.filled.setdefault(table, Filled())
        filled.add(more)
        self.tables.add(table)
        self._set_empty(table, {name for name, count in filled.columns.items() if not count})
        if table == "logs":
            text, json = filled.sources.get(TEXT, 0), filled.sources.get(_JSON, 0)
            self.facts -= {"text_logs", "json_logs"}
            self.facts |= {"text_logs"} if text > json else {"json_logs"} if json else set()
            self.empty |= {"logs.line"} if text == filled.rows else set()
        elif table == "requests":
            self.tables.add("traffic")
            self._set_empty("traffic", {"tenant"} if not filled.columns["tenant"] else set())
        elif table == "spans" and filled.columns["remote_service"]:
            self.tables.add("service_calls")

    def _set_empty(self, table: str, columns: set[str]) -> None:
        others = {name for name in self.empty if not name.startswith(f"{table}.")}
        self.empty = others | {f"{table}.{name}" for name in columns}

    @property
    def loudness(self) -> int:
        """Rows of all tables."""
        return sum(each.rows for each in self.filled.values())


def things(found: Mapping[str, Telemetry]) -> list[Thing]:
    """What has written telemetry, by its summaries (``telemetry.KINDS``), the loudest first. What is true of functions
    is told from what they write: tracing is off where no invocation has a trace id."""
    logs, invocations, requests, spans = (found[f"telemetry_{table}"].found.entries for table in _TABLES)
    has_spans = found["telemetry_spans"].found.total().rows > 0
    functions: dict[str, Thing] = {}
    groups: dict[str, list[Thing]] = {}
    for (name, group), filled in invocations.items():
        thing = functions.setdefault(name or group, Thing(FUNCTION, name or group, {"function"}))
        thing.take("invocations", filled)
        groups.setdefault(group, []).append(thing)
    for (group,), filled in logs.items():
        if group not in groups and group.startswith(OF_LAMBDA):
            name = group.removeprefix(OF_LAMBDA)
            groups[group] = [functions.setdefault(name, Thing(FUNCTION, name, {"function"}))]
        for thing in groups.get(group) or groups.setdefault(group, [Thing(LOG_GROUP, group)]):
            if group:
                thing.take("logs", filled)
    for (service, resource), filled in spans.items():
        function = functions.get(resource) or functions.get(service)
        if function:
            function.take("spans", filled)
    for function in functions.values():
        function.facts |= _facts(function, has_spans=has_spans)
    others = [thing for those in groups.values() for thing in those if thing.kind == LOG_GROUP and thing.filled]
    made = [*functions.values(), *others, *_apis(requests, bool(functions))]
    return sorted(made, key=lambda thing: (-thing.loudness, thing.kind, thing.name))


def _facts(function: Thing, *, has_spans: bool) -> set[str]:
    facts = set() if has_spans else {"no_spans"}
    if "invocations.trace_id" in function.empty:
        facts.add("not_traced")
    if "spans" not in function.tables or "spans.remote_service" in function.empty:
        facts.add("no_otel_layer")
    return facts


def _apis(requests: Mapping[tuple[str, ...], Filled], has_functions: bool) -> Iterator[Thing]:
    """APIs by their access logs. Where no access log comes at all, an account that has functions may well have APIs
    that write none: what writes nothing has no name here."""
    apis = {service: filled for (service,), filled in requests.items() if filled.sources.get(_ACCESS_LOG)}
    for service, filled in apis.items():
        thing = Thing(API, service, {"api"})
        thing.take("requests", filled)
        if "requests.latency_ms" in thing.empty or "requests.route" in thing.empty:
            thing.facts |= {"http_api", "rest_api", "no_json_access_log"}
        elif "requests.tenant" in thing.empty:
            thing.facts.add("no_customer_in_access_log")
        yield thing
    if not apis and has_functions:
        yield Thing(API, ALL_APIS, {"api", "http_api", "rest_api", "no_json_access_log"})

"""Applications that write telemetry: tenants, users in sessions, requests through services, and decoys of every kind.

A Family holds the names and distributions that applications are drawn from; see families.py. Everything follows from
the seed.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

Sample = tuple[int, str, dict[str, Any]]
Values = Callable[[random.Random, int], Any]
START_MS = 1_764_000_000_000
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Decoy:
    """A field that is no customer. ``per`` is what has one value of it: a line, a request, a session, a user, a tenant,
    a service, a statement or the application."""

    names: tuple[str, ...]
    per: str
    of: Values
    likely: float = 0.5


@dataclass(frozen=True)
class Family:
    """What applications are drawn from. ``weights`` gives the relative traffic of n tenants or users."""

    tenant_names: tuple[str, ...]
    odd_tenant_names: tuple[str, ...]
    user_names: tuple[str, ...]
    decoys: tuple[Decoy, ...]
    tenant_values: tuple[Values, ...]
    user_values: tuple[Values, ...]
    nests: tuple[str, ...]
    weights: Callable[[random.Random, int], list[float]]
    tenants: Callable[[random.Random], int]
    lines: tuple[int, int]


@dataclass
class Application:
    """Telemetry of one application; ``truth`` are the paths that name the tenant, none in a single-tenant one."""

    seed: int
    about: str
    truth: frozenset[str]
    samples: list[Sample] = field(repr=False)


@dataclass
class _Session:
    tenant: int
    user: int
    number: int


def application(family: Family, seed: int, multi_tenant: bool) -> Application:
    """The application of a seed, its lines in an order of their own."""
    draw = random.Random(f"{seed}{multi_tenant}")
    return _Writer(family, draw, multi_tenant).application(seed)


class _Writer:
    def __init__(self, family: Family, draw: random.Random, multi_tenant: bool) -> None:
        self.family, self.draw, self.multi = family, draw, multi_tenant
        self.tenants = family.tenants(draw) if multi_tenant else 1
        self.most_users = draw.choice((8, 12, 40, 200)) if multi_tenant else draw.choice((8, 60, 500, 5000))
        self.services = [f"service-{number}" for number in range(draw.choice((1, 1, 2, 3, 5)))]
        self.tenant_value = draw.choice(family.tenant_values)
        self.user_value = draw.choice(family.user_values)
        self.obvious = draw.random() < 0.5
        self.nest = draw.choice(family.nests) if draw.random() < 0.4 else ""
        self.coverage = draw.choice((1.0, 1.0, 0.8, 0.5, 0.3))
        self.has_user = draw.random() < (0.75 if multi_tenant else 0.85)
        self.user_name = draw.choice(family.user_names)
        self.hours = draw.choice((1, 6, 24, 24 * 7))
        self.decoys = [(draw.choice(decoy.names), decoy) for decoy in family.decoys if draw.random() < decoy.likely]
        self.tenant_paths = self._tenant_paths()
        self._misleading()
        self.statements = [self._statement(service) for service in self.services for _ in range(draw.randint(2, 4))]
        self.cache: dict[tuple[Any, ...], Any] = {}
        self.salt = draw.random()

    def _tenant_paths(self) -> dict[str, str]:
        """The path of the tenant in each service: one name, or in one of four applications several."""
        names = self.family.tenant_names if self.obvious else self.family.odd_tenant_names
        name = self.nest + self.draw.choice(names)
        if self.draw.random() < 0.75:
            return dict.fromkeys(self.services, name)
        return {service: self.draw.choice((name, self.draw.choice(names))) for service in self.services}

    def _misleading(self) -> None:
        """Names that promise a tenant and hold none: a constant, or the end user."""
        taken = {path.rpartition(".")[2] for path in self.tenant_paths.values()} if self.multi else set()
        if self.draw.random() < 0.25 and not {"tenant"} & taken:
            self.decoys.append(("tenant", Decoy(("tenant",), "application", lambda _, __: "default")))
        if self.has_user and self.draw.random() < 0.2 and not {"customer", "customer_id"} & taken:
            self.user_name = self.draw.choice(("customer", "customer_id"))

    def _statement(self, service: str) -> tuple[str, bool, bool, list[tuple[str, Decoy]], str]:
        """A log statement: its service, whether it has tenant and user, its decoys, its message."""
        draw = self.draw
        decoys = [each for each in self.decoys if draw.random() < (0.8 if each[1].likely > 0.4 else 0.5)]
        has_user = self.has_user and draw.random() < 0.8
        return service, draw.random() < self.coverage, has_user, decoys, f"statement {draw.randrange(10**6)}"

    def application(self, seed: int) -> Application:
        samples = list(self._samples())
        used: set[str] = set()
        if self.multi:
            used = {path for path in self.tenant_paths.values() if any(_has(each[2], path) for each in samples)}
            if not used:  # each statement happened to leave it out
                path = next(iter(self.tenant_paths.values()))
                return application(self.family, seed + 1_000_003, True) if path else self.application(seed)
        self.draw.shuffle(samples)
        about = f"{self.tenants} tenants, {'+'.join(sorted(used)) or 'none'}, user {self.has_user and self.user_name}"
        return Application(seed, about, frozenset(used), samples)

    def _samples(self) -> Iterator[Sample]:
        draw, family = self.draw, self.family
        wanted, number, written = draw.randint(*family.lines), 0, 0
        tenant_weights = family.weights(draw, self.tenants)
        chosen = cycle(draw.choices(range(self.tenants), tenant_weights, k=wanted))
        while written < wanted and number < 2 * wanted:
            tenant = next(chosen)
            size = self._users_of(tenant)
            user = min(int(draw.paretovariate(0.7)) - 1, size - 1) if draw.random() < 0.4 else draw.randrange(size)
            session = _Session(tenant, tenant * 10_000 + user, number)
            number += 1
            for start in self._free_times(session):
                for sample in self._request(session, start):
                    written += 1
                    yield sample

    def _free_times(self, session: _Session) -> list[int]:
        """When the requests of a session are: a minute apart on average, and not while the user has another session."""
        draw = self.draw
        busy = self.cache.setdefault(("busy", session.user), [])
        for _ in range(20):
            time, times = START_MS + draw.random() * self.hours * HOUR_MS, []
            for _ in range(draw.randint(1, 6)):
                time += draw.expovariate(1 / 60_000)
                times.append(int(time))
            if all(times[-1] < start or end < times[0] for start, end in busy):
                busy.append((times[0] - 1000, times[-1] + 1000))
                return times
        return []

    def _users_of(self, tenant: int) -> int:
        if not self.multi:
            return self.most_users
        key = ("users", tenant)
        if key not in self.cache:
            self.cache[key] = max(2, int(self.most_users * self.draw.random() ** 2))
        return int(self.cache[key])

    def _request(self, session: _Session, start: int) -> Iterator[Sample]:
        draw = self.draw
        request = draw.random()
        for service, has_tenant, has_user, decoys, message in draw.choices(
            self.statements, k=draw.choice((1, 1, 2, 3))
        ):
            line: dict[str, Any] = {"message": message}
            if self.multi and has_tenant:
                _put(line, self.tenant_paths[service], self._value("tenant", session.tenant, self.tenant_value))
            if has_user:
                _put(line, self.user_name, self._value("user", session.user, self.user_value))
            for name, decoy in decoys:
                key = {
                    "line": None,
                    "request": request,
                    "session": session.number,
                    "user": session.user,
                    "tenant": session.tenant,
                    "service": service,
                    "statement": message,
                    "application": 0,
                }[decoy.per]
                _put(line, name, decoy.of(draw, 0) if key is None else self._value(name, key, decoy.of))
            yield int(start + draw.random() * 500), service, line

    def _value(self, name: str, key: Any, of: Values) -> Any:
        found = self.cache.get((name, key))
        if found is None:
            number = key if isinstance(key, int) else 0
            found = self.cache[(name, key)] = of(random.Random(f"{self.salt}{name}{key}"), number)
        return found


def _put(line: dict[str, Any], path: str, value: Any) -> None:
    """Sets a member; ``a/b`` is a member of a member."""
    *outer, name = path.split("/")
    for each in outer:
        line = line.setdefault(each, {})
    line[name] = value


def _has(line: dict[str, Any], path: str) -> bool:
    value: Any = line
    for name in path.split("/"):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def some_uuid(draw: random.Random, _number: int) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def some_hex(length: int) -> Values:
    return lambda draw, _: f"{draw.getrandbits(4 * length):0{length}x}"


def word(draw: random.Random) -> str:
    return "".join(draw.choice("bcdfghklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))


def one_of(*values: Any) -> Values:
    return lambda draw, _: draw.choice(values)


def skewed(*values: Any) -> Values:
    return lambda draw, _: values[min(int(draw.expovariate(0.9)), len(values) - 1)]

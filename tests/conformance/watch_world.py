"""A made-up application, in bins of five minutes: services that call each other, their routes, functions, errors and
metrics, and customers; with day and week, chance, deployments, and what goes wrong.

Its figures come from chance alone and a seed: the same seed is the same application.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from functions.core.watch.signals import BIN_MS, Measure, Subject

DAY = 288
MONDAY_MS = 1_767_571_200_000
"""2026-01-05."""

_NAMES = ("checkout", "orders", "search", "login", "basket", "mail", "stock", "prices", "reports", "images")


class Seen(Measure):
    """A measure that knows its percentile, so that no histogram has to be made up."""

    __slots__ = ("p90",)
    p90: float

    def quantile(self, share: float) -> float | None:
        return self.p90


@dataclass(frozen=True)
class Trouble:
    """What goes wrong from bin ``start`` to ``end``: ``of`` is a service, or a customer; ``size`` a share that
    fails, or a factor."""

    kind: str
    start: int
    end: int
    of: str
    size: float


@dataclass
class Wobble:
    """A factor around 1 that remembers: log-normal, as an autoregression of the first order."""

    chance: random.Random
    sigma: float
    memory: float = 0.8
    at: float = 0.0

    def next(self) -> float:
        self.at = self.memory * self.at + self.chance.gauss(0, self.sigma * math.sqrt(1 - self.memory**2))
        return math.exp(self.at)


@dataclass
class Service:
    name: str
    rate: float
    fails: float
    refuses: float
    latency: float
    calls: list[str]
    routes: list[tuple[str, float]]
    traffic: Wobble
    trouble: Wobble
    pace: Wobble
    memory: Wobble
    queue: Wobble
    function: bool


@dataclass
class World:
    """``services``: how many; ``customers``: how many. ``deploys``: deployments a week of each service that move its
    level by a little."""

    services: int
    customers: int
    seed: int
    troubles: Sequence[Trouble] = ()
    deploys: float = 0.3
    chance: random.Random = field(init=False)
    all: dict[str, Service] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        names = [f"{_NAMES[n % 10]}{n // 10 or ''}" for n in range(self.services)]
        self.all = {name: self._service(name, names[at + 1 :]) for at, name in enumerate(names)}
        weights = [1 / (n + 1) for n in range(self.customers)]
        self.shares = [weight / sum(weights) for weight in weights]
        self.activity = [Wobble(self.chance, self.chance.uniform(0.1, 0.6), 0.9) for _ in self.shares]

    def _service(self, name: str, later: Sequence[str]) -> Service:
        chance = self.chance
        routes = [f"GET /{name}/{n}" for n in range(chance.randint(2, 5))]
        parts = [chance.expovariate(1) for _ in routes]
        return Service(
            name,
            10 ** chance.uniform(0.5, 3.7),
            10 ** chance.uniform(-4, -2),
            10 ** chance.uniform(-3, -1.3),
            10 ** chance.uniform(1.3, 3),
            chance.sample(later, min(len(later), chance.randint(0, 2))),
            [(route, part / sum(parts)) for route, part in zip(routes, parts, strict=True)],
            Wobble(chance, chance.uniform(0.03, 0.2)),
            Wobble(chance, chance.uniform(0.2, 0.6), 0.5),
            Wobble(chance, chance.uniform(0.02, 0.1), 0.9),
            Wobble(chance, 0.1, 0.995),
            Wobble(chance, 0.6, 0.6),
            chance.random() < 0.5,
        )

    def bins(self, first: int, last: int) -> Iterator[tuple[int, dict[Subject, Measure]]]:
        """What was seen in each bin from ``first`` on, counted from a Monday."""
        for number in range(first, last):
            yield MONDAY_MS + number * BIN_MS, self._bin(number)

    def _bin(self, number: int) -> dict[Subject, Measure]:
        chance = self.chance
        hour, day = number % DAY / 12, number // DAY % 7
        busy = (0.55 + 0.45 * math.sin(2 * math.pi * (hour - 9) / 24)) * (0.6 if day >= 5 else 1.0)
        going = [each for each in self.troubles if each.start <= number < each.end]
        if any(each.kind == "all silent" for each in going):
            return {}
        seen: dict[Subject, Measure] = {}
        total, failed_of_all = 0, 0
        slower: dict[str, float] = {}
        failing: dict[str, float] = {}
        for name in reversed(self.all):
            service = self.all[name]
            if chance.random() < self.deploys / (7 * DAY):
                service.latency *= math.exp(chance.gauss(0, 0.07))
                service.rate *= math.exp(chance.gauss(0, 0.05))
                service.fails *= math.exp(chance.gauss(0, 0.1))
            mine = [each for each in going if each.of == name]
            rate = service.rate * busy * service.traffic.next()
            share = min(0.5, service.fails * service.trouble.next())
            pace = service.pace.next() * (1 + 0.1 * busy)
            for each in mine:
                rate *= each.size if each.kind in ("traffic up", "traffic gone") else 1
                share += each.size if each.kind in ("failures", "failing dependency") else 0
                done = (number - each.start) / (each.end - each.start)
                pace *= {"latency": each.size, "creeping": each.size ** min(1, 2 * done)}.get(each.kind, 1)
            for callee in service.calls:
                share += 0.5 * failing.get(callee, 0)
                pace *= 1 + 0.4 * (slower.get(callee, 1) - 1)
            if any(each.kind == "failing dependency" for each in mine):
                failing[name] = share
            slower[name] = max((each.size for each in mine if each.kind == "latency"), default=1.0)
            counts = [self._poisson(rate * part) for _, part in service.routes]
            whole = self._measured(sum(counts), share, service, pace, 0.02)
            seen[Subject("service", (name,))] = whole
            total += whole.count
            failed_of_all += whole.failed
            for (route, _), count in zip(service.routes, counts, strict=True):
                if count:
                    seen[Subject("route", (name, route))] = self._measured(count, share, service, pace, 0.04)
            for callee in service.calls:
                called = self._measured(
                    sum(counts), self.all[callee].fails + failing.get(callee, 0), service, pace, 0.03
                )
                seen[Subject("dependency", (name, callee))] = called
            if service.function:
                seen[Subject("function", (f"prod-{name}-handler",))] = self._measured(
                    whole.count, share, service, pace, 0.02
                )
            if whole.failed:
                seen[Subject("error", (name, f"{name}-error"))] = Measure(
                    whole.failed, example="TimeoutError: no answer"
                )
            if any(each.kind == "new error" for each in mine):
                count = self._poisson(20)
                seen[Subject("error", (name, f"{name}-new-{mine[0].start}"))] = Measure(
                    count, example="KeyError: 'vat'"
                )
            seen[Subject("metric", ("App", "MemoryPercent", name))] = Measure(5, total=5 * 40 * service.memory.next())
            seen[Subject("metric", ("App", "QueueDepth", name))] = Measure(
                5, total=float(self._poisson(50 * busy * service.queue.next()))
            )
        fails = failed_of_all / total if total else 0.0
        for at, share in enumerate(self.shares):
            name = f"customer-{at}"
            mine = [each for each in going if each.of == name]
            count = self._poisson(total * share * self.activity[at].next())
            more = sum(each.size for each in mine if each.kind == "customer fails")
            if count:
                measure = Measure(count, min(count, self._poisson(count * (fails + more))), self._poisson(count * 0.01))
                seen[Subject("customer", (name,))] = measure
        return seen

    def _measured(self, count: int, share: float, service: Service, pace: float, noise: float) -> Measure:
        """Failures are made a few at a time: clients try again."""
        chance = self.chance
        failed = min(count, 2 * self._poisson(count * share / 2))
        measure = Seen(count, failed, min(count - failed, self._poisson(count * service.refuses)))
        heavy = math.exp(chance.gauss(0, noise + 1.2 / math.sqrt(count + 1)) + (chance.random() < 0.003) * 0.5)
        measure.p90 = service.latency * pace * heavy
        return measure

    def _poisson(self, mean: float) -> int:
        if mean > 30:
            return max(0, round(self.chance.gauss(mean, math.sqrt(mean))))
        limit, product, count = math.exp(-mean), self.chance.random(), 0
        while product > limit:
            product *= self.chance.random()
            count += 1
        return count

"""How good the watching of a whole application is: made-up applications with labelled incidents.

``python -m tests.conformance.watch_runs [SERVICES ...]`` prints what docs/alerts.md reports (ten minutes); figures
come from seeds alone, so they are the same everywhere.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median

from functions.core.watch.signals import BIN_MS
from functions.core.watch.watching import Change, State, observe
from functions.core.watch.wishes import Wishes
from tests.conformance.watch_world import DAY, MONDAY_MS, Trouble, World

LEARNT = 14 * DAY
"""Bins before the first incident."""

APART = 120
"""Bins between the beginnings of two incidents, the shortest; an incident is over before the next begins."""

AFTER = 24
"""What begins so many bins after the end of an incident is still of it, if it is connected."""

FOLLOWED = 100
"""Requests in five minutes that a service or customer has at least, but at night, where something goes wrong."""

KINDS: dict[str, tuple[float, int]] = {
    "failures": (0.05, 12),
    "latency": (2.0, 12),
    "traffic gone": (0.0, 12),
    "traffic up": (3.0, 12),
    "customer fails": (0.3, 12),
    "failing dependency": (0.3, 12),
    "creeping": (2.0, 72),
    "all silent": (0.0, 12),
    "new error": (0.0, 6),
}
"""Size and length in bins of what goes wrong."""


@dataclass
class Found:
    """What became of the incidents of one application."""

    services: int
    series: int = 0
    weeks: float = 0.0
    ms_a_bin: float = 0.0
    false: int = 0
    told: dict[str, list[list[int]]] = field(default_factory=dict)
    """Of each kind, for each incident: bins until each beginning that was told of it."""


def troubles(world: World, seed: int, days: int) -> list[Trouble]:
    """One after another, of each kind in turn, at any time of day."""
    chance = random.Random(seed)
    rates = {name: 0.3 * service.rate for name, service in world.all.items()}
    busy = [name for name, rate in rates.items() if rate >= FOLLOWED] or [max(rates, key=rates.__getitem__)]
    shares = [share * sum(rates.values()) for share in world.shares]
    large = [f"customer-{at}" for at, rate in enumerate(shares) if rate >= FOLLOWED] or ["customer-0"]
    found: list[Trouble] = []
    at, kinds = LEARNT + 30, list(KINDS)
    chance.shuffle(kinds)
    while at < LEARNT + days * DAY - APART:
        kind = kinds[len(found) % len(kinds)]
        size, length = KINDS[kind]
        # of a dependency somebody must depend
        called = [name for name in busy if any(name in service.calls for service in world.all.values())] or busy
        of = {"customer fails": large, "failing dependency": called, "all silent": [""]}.get(kind, busy)
        found.append(Trouble(kind, at, at + length, chance.choice(of), size))
        at += APART + chance.randrange(APART)
    return found


def of(change: Change, trouble: Trouble, world: World) -> bool:
    """Whether what was told is about the trouble: it has to name what goes wrong, or who calls it."""
    if trouble.kind == "all silent":
        return True
    if trouble.kind == "customer fails":
        return any(member.subject.kind in ("customer", "service", "route", "function") for member in change.members)
    callers = {name for name, service in world.all.items() if trouble.of in service.calls}
    names = {part for member in change.members for part in member.subject.names}
    return not names.isdisjoint({trouble.of, f"prod-{trouble.of}-handler", *callers})


def run(services: int, customers: int, seed: int, days: int, wishes: Wishes) -> Found:
    """An application with incidents, of which the first two weeks are learnt."""
    world = World(services, customers, seed)
    world.troubles = troubles(world, seed, days)
    found = Found(services, weeks=days / 7)
    for trouble in world.troubles:
        found.told.setdefault(trouble.kind, []).append([])
    state, seconds = State(), 0.0
    numbers = {
        id(each): [k.kind for k in world.troubles[:at]].count(each.kind) for at, each in enumerate(world.troubles)
    }
    for start_ms, seen in world.bins(0, LEARNT + days * DAY):
        began = time.perf_counter()
        state, changes = observe(state, start_ms, seen, wishes)
        seconds += time.perf_counter() - began
        number = (start_ms - MONDAY_MS) // BIN_MS
        for change in changes:
            if number < LEARNT or change.event != "began":
                continue
            about = [
                each for each in world.troubles if each.start <= number < each.end + AFTER and of(change, each, world)
            ]
            if about:
                found.told[about[0].kind][numbers[id(about[0])]].append(number - about[0].start + 1)
            else:
                found.false += 1
    found.series = state.series
    found.ms_a_bin = 1000 * seconds / (LEARNT + days * DAY)
    return found


def report(found: Sequence[Found]) -> str:
    """Two tables: applications, and kinds of incidents."""
    lines = [
        "| services | series | false a week | told | as exactly one | ms for five minutes |",
        "|---|---|---|---|---|---|",
    ]
    for size in sorted({each.services for each in found}):
        some = [each for each in found if each.services == size]
        cases = [case for each in some for kind in each.told.values() for case in kind]
        lines.append(
            f"| {size} | {median(each.series for each in some):,.0f} "
            f"| {sum(each.false for each in some) / sum(each.weeks for each in some):.1f} "
            f"| {_share(cases, bool)} | {_share([case for case in cases if case], lambda case: len(case) == 1)} "
            f"| {median(each.ms_a_bin for each in some):.0f} |"
        )
    lines += [
        "",
        "| what goes wrong | told | after, median | slowest of ten | as exactly one |",
        "|---|---|---|---|---|",
    ]
    for kind in KINDS:
        cases = [case for each in found for case in each.told.get(kind, [])]
        delays = sorted(case[0] for case in cases if case)
        if delays:
            lines.append(
                f"| {kind} | {_share(cases, bool)} | {5 * median(delays):.0f} min "
                f"| {5 * delays[int(0.9 * (len(delays) - 1))]:.0f} min "
                f"| {_share([case for case in cases if case], lambda case: len(case) == 1)} |"
            )
    return "\n".join(lines)


def _share(cases: Iterable[list[int]], is_so: Callable[[list[int]], bool]) -> str:
    cases = list(cases)
    return f"{sum(map(is_so, cases))} of {len(cases)}"


def main(sizes: Sequence[int]) -> int:
    jobs = [
        (size, max(10, min(200, 2 * size)), seed, 14 if size < 100 else 7)
        for size in sorted(sizes, reverse=True)
        for seed in range(1, 2 + 60 // (size + 15))
    ]
    with ProcessPoolExecutor(2) as pool:
        futures = [pool.submit(run, *job, Wishes()) for job in jobs]
        sys.stdout.write(report([each.result() for each in futures]) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main([int(each) for each in sys.argv[1:]] or [5, 20, 50]))

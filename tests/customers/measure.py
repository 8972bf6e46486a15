"""How well customers are found: ``PYTHONPATH=tests python -m customers.measure [SEEDS] [-v]``."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from customers.applications import Application, Family, application
from customers.families import HELD_OUT, TUNING
from functions.core.usage.find_tenants import Proposal, propose


@dataclass
class Measured:
    """Shares of right answers: the tenant first where there is one, and something proposed where there is none."""

    applications: int
    found: float
    false: float
    wrong: list[str]


def measure(family: Family, seeds: Iterable[int], nameless: bool = False) -> Measured:
    """Two applications for each seed, one with tenants and one without; ``nameless`` with names that say nothing."""
    found, false, wrong = [], [], []
    for seed in seeds:
        for multi in (True, False):
            given = application(family, seed, multi)
            if nameless:
                given = _nameless(given)
            proposal = propose(given.samples)
            paths = set(proposal.found.paths) if proposal.found else set()
            truth = {path.replace("/", ".") for path in given.truth}
            if multi:
                right = bool(paths & truth) and proposal.found is not None and proposal.found.paths[0] in truth
                found.append(right)
            else:
                right = not paths
                false.append(not right)
            if not right:
                wrong.append(f"{seed} {given.about}: {_said(proposal, truth)}")
    return Measured(len(found) + len(false), sum(found) / len(found), sum(false) / len(false), wrong)


def _said(proposal: Proposal, truth: set[str]) -> str:
    said = [f"{proposal.lines} lines"]
    for rank, candidate in enumerate(proposal.candidates):
        right = bool(truth & set(candidate.paths))
        if right or rank == 0:
            weights = " ".join(f"{each.name}={each.value:g}({each.weight:+g})" for each in candidate.evidence)
            said.append(f"  {'*' if right else '-'} {'|'.join(candidate.paths)} {candidate.score} {weights}")
    return "\n".join(said)


def _nameless(given: Application) -> Application:
    names: dict[str, str] = {}
    draw = random.Random(given.seed)

    def renamed(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {names.setdefault(name, f"f{draw.randrange(10**9)}"): renamed(each) for name, each in value.items()}

    samples = [(time, service, renamed(line)) for time, service, line in given.samples]
    truth = frozenset("/".join(names[part] for part in path.split("/")) for path in given.truth)
    return Application(given.seed, given.about, truth, samples)  # type: ignore[arg-type]


if __name__ == "__main__":
    seeds = range(10_000, 10_000 + (int(sys.argv[1]) if len(sys.argv) > 1 else 100))
    for title, family in (("tuning", TUNING), ("held out", HELD_OUT)):
        for nameless in (False, True):
            result = measure(family, seeds, nameless)
            names = ", names that say nothing" if nameless else ""
            print(f"{title}{names}: {result.found:.1%} found, {result.false:.1%} false of {result.applications}")
            if "-v" in sys.argv:
                print("\n".join(result.wrong))

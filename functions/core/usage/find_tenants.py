"""Which field names the customer: proposed from a sample of telemetry, with the evidence for it.

A customer (tenant) is told from everything else that a line can name by how its values behave: they come again all the
time, some far more than others, in all services and on all routes; one request has one; a user belongs to one, and has
colleagues who work at the same time. The name of the field counts too, but is not needed.

Weights are in doublings of the odds, as in a naive Bayes classifier; they were set on the generated applications of
tests/customers, and are measured on others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from functions.core.usage import field_names, field_statistics
from functions.core.usage.field_columns import Column, Columns, Sample, columns_of
from functions.core.usage.field_names import COMPANY_OR_PERSON, MAYBE_TENANT, OTHER, TENANT, UNKNOWN, USER

__all__ = ["Candidate", "Evidence", "Proposal", "Sample", "propose"]

FEWEST_LINES = 30
LEAST_SCORE = 1.0
MOST_COMPARED = 16
"""Fields that are compared with each other, the most promising ones."""

TOP_VALUES = 5
_ENOUGH = 20
_BRIEF = 0.3
_NAMES = {TENANT: 5.0, MAYBE_TENANT: 1.5, COMPANY_OR_PERSON: 1.5, UNKNOWN: 0.0, USER: -4.0, OTHER: -5.0}
_PEOPLE = frozenset({"members", "company", "traits"})
_NO_THINGS = frozenset({"version", "time", "decimal number", "path"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding: what was measured, its value, how much it counts, and a sentence."""

    name: str
    value: float
    weight: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A field that may name the customer; ``paths`` are its names, of services that call it differently too.

    ``top`` are its most frequent values with the number of lines.
    """

    paths: tuple[str, ...]
    score: float
    values: int
    lines: int
    top: tuple[tuple[str, int], ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Candidates, the best first. ``found`` is the customer, or None where no field is one."""

    lines: int
    fields: int
    candidates: tuple[Candidate, ...]
    found: Candidate | None


def propose(objects: Iterable[Sample]) -> Proposal:
    """The field that names the customer, from lines as parsed objects; see field_columns for how much is looked at."""
    columns = columns_of(objects)
    fields = [_Field(column, columns) for column in columns.fields if len(column.labels) > 1]
    suspects = [_Suspect(field, columns) for field in fields if field.may_be_tenant]
    suspects.sort(key=lambda suspect: (-suspect.score, suspect.column.path))
    suspects = suspects[:MOST_COMPARED]
    finer = sorted(
        (each for each in fields if each.has_owner), key=lambda each: (-len(each.column.of_request), each.column.path)
    )
    traits = [each for each in fields if each.is_trait][:MOST_COMPARED]
    for suspect in suspects:
        suspect.compare_with_users(columns, finer[:MOST_COMPARED])
        suspect.compare_with_traits(columns, traits)
        suspect.doubt()
    _compare_with_each_other(suspects, columns)
    ranked = sorted(_without_aliases(suspects), key=lambda candidate: (-candidate.score, candidate.paths))
    enough = columns.lines >= FEWEST_LINES
    found = ranked[0] if ranked and ranked[0].score >= LEAST_SCORE and enough else None
    return Proposal(columns.lines, len(columns.fields), tuple(ranked), found)


class _Field:
    """A field with what is said of it once."""

    def __init__(self, column: Column, columns: Columns) -> None:
        self.column = column
        self.name = field_names.suggestion(column.path)
        self.form = field_names.form_of(column.labels)
        self.is_person = self.name == USER or self.form == "e-mail"
        self.is_trait = field_names.is_trait(column.path, self.form)
        self.persistence = field_statistics.persistence(column, columns)
        self.is_session = self.persistence < _BRIEF and field_statistics.brevity(column, columns) < 0.12
        distinct, requests = len(column.labels), len(column.of_request)
        self.may_be_tenant = (
            not column.types & {bool, float} and self.form not in field_names.NEVER and distinct <= 0.9 * requests
        )
        self.has_owner = (
            8 <= distinct <= 0.95 * requests and column.path != columns.request_id and self.form not in _NO_THINGS
        )


class _Suspect:
    """A field under examination; its evidence grows."""

    def __init__(self, field: _Field, columns: Columns) -> None:
        self.column, self.name, self.form, self.is_person = field.column, field.name, field.form, field.is_person
        self.persistence = field.persistence
        self.counts = Counter(self.column.codes)
        self.evidence: list[Evidence] = []
        self.has_members = False
        self._by_name()
        self._by_values()
        self._by_places(columns)

    @property
    def score(self) -> float:
        return sum(each.weight for each in self.evidence)

    def note(self, name: str, value: float, weight: float, sentence: str) -> None:
        self.evidence.append(Evidence(name, round(value, 3), weight, sentence))

    def _by_name(self) -> None:
        weight = _NAMES[self.name]
        self.note("name", weight, weight, f"the name {self.column.path} says: {self.name}")
        form = -3.0 if self.form in field_names.LISTED else -3.0 if self.form == "e-mail" else 0.0
        form += 0.5 if self.form in field_names.SPECIFIC else 0.0
        self.note("form", form, form, f"its values have the form: {self.form}")

    def _by_values(self) -> None:
        distinct = len(self.column.labels)
        requests = Counter(self.column.of_request.values())
        total = requests.total()
        self.note(
            "values",
            distinct,
            _step(distinct, (3, -1.0), (5, -0.5), (10, 0.5), default=1.0),
            f"{distinct:,} values on {total:,} requests",
        )
        repeats = 1 - distinct / total
        self.note("repeats", repeats, _step(repeats, (0.2, -2.0)), f"{repeats:.0%} of its values were seen before")
        uneven = field_statistics.unevenness(list(requests.values()))
        often = min(1.0, total / distinct / 10)  # few requests of each say little
        spread = field_statistics.entropy(list(requests.values()))
        self.note(
            "unevenness",
            uneven,
            _step(uneven, (0.05, -2.0 * often), (0.15, -0.5 * often), (0.3, 0.0), default=1.0),
            f"counts vary by {max(uneven, 0):.2f} more than chance; entropy {spread:.0%} of the most",
        )
        self.note(
            "stability",
            self.persistence,
            _step(self.persistence, (0.08, -3.0), (0.2, -1.5), (0.35, -0.75), (0.6, 0.0), default=0.5),
            f"{self.persistence:.0%} of its requests have a value that comes again at other times",
        )

    def _by_places(self, columns: Columns) -> None:
        coverage = len(self.column.lines) / columns.lines
        self.note(
            "coverage", coverage, _step(coverage, (0.05, -1.5), (0.2, -0.5), default=0.5),
            f"on {coverage:.0%} of the lines",
        )  # fmt: skip
        services = len({columns.services[line] for line in self.column.lines}) / len(set(columns.services))
        self.note(
            "services",
            services,
            _step(services, (0.15, -1.5), (0.5, -0.5), default=0.25),
            f"in {services:.0%} of the services",
        )
        bound = field_statistics.bound_to_place(self.column, columns)
        self.note(
            "routes",
            bound,
            _step(bound, (0.5, 0.0), default=-4.0),
            f"follows from the place in the code to {bound:.0%}",
        )
        one, observed = field_statistics.within_requests(self.column, columns)
        if observed >= _ENOUGH:
            weight = _step(one, (0.7, -4.0), (0.9, -1.0), default=0.5)
            self.note("requests", one, weight, f"the lines of one request agree on it to {one:.0%}")

    def doubt(self) -> None:
        """A customer may be a company or who buys: without a sign of several people, it is taken for a person."""
        people = sum(each.weight for each in self.evidence if each.name in _PEOPLE)
        if self.name == COMPANY_OR_PERSON and people <= 0:
            self.note("people", people, -4.0, "nothing shows that several people stand behind one of its values")

    def compare_with_traits(self, columns: Columns, traits: list[_Field]) -> None:
        """Looks at what one person has one of, as a browser or a language."""
        shares = []
        for trait in traits:
            share, observed = field_statistics.belongs(self.column, trait.column, columns)
            if trait.column is not self.column and observed >= _ENOUGH:
                shares.append((share, trait.column.path))
        if shares:
            share, path = max(shares)
            weight = _step(share, (0.6, 1.0), (0.85, 0.0), (0.97, -1.5), default=-3.0)
            self.note("traits", share, weight, f"one of its values has one {path}, to {share:.0%}")

    def compare_with_users(self, columns: Columns, others: list[_Field]) -> None:
        """Looks for something finer that belongs to its values: users and what they use."""
        together: list[tuple[float, str]] = []
        members: list[tuple[float, str]] = []
        strangers: list[tuple[float, str]] = []
        for finer in others:
            path = finer.column.path
            if finer.column is self.column:
                continue
            nested, observed = field_statistics.agreement(_shared(finer.column, self.column))
            if observed < _ENOUGH:
                continue
            if nested < 0.5 and (finer.is_person or finer.is_session):
                strangers.append((nested, path))
            if nested < 0.85 or len(finer.column.labels) < 1.5 * len(self.column.labels):
                continue
            if finer.persistence < _BRIEF:
                overlap, expected = field_statistics.overlaps(finer.column, self.column, columns)
                if expected >= 8:
                    together.append((overlap, path))
            else:
                belonging, observed = field_statistics.belongs(finer.column, self.column, columns)
                if belonging >= 0.85 and observed >= _ENOUGH:
                    members.append((belonging, path))
        if members:
            self.has_members = True
            share, path = max(members)
            self.note("members", share, 2.0, f"a value of {path} belongs to one of its values, to {share:.0%}")
        if strangers:
            share, path = min(strangers)
            self.note("strangers", share, -4.0, f"one value of {path} has several of its values")
        if together:
            share, path = min(together)
            weight = _step(share, (0.06, -4.0), (0.15, -1.5), (0.25, 0.0), (0.4, 1.0), default=2.0)
            self.note(
                "company", share, weight, f"values of {path} are at work at once as often as chance has it: {share:.0%}"
            )


def _step(value: float, *steps: tuple[float, float], default: float = 0.0) -> float:
    """The weight of the first step that the value is below."""
    return next((weight for bound, weight in steps if value < bound), default)


def _shared(one: Column, other: Column) -> list[tuple[int, int]]:
    second = other.of_request
    return [(code, second[request]) for request, code in one.of_request.items() if request in second]


def _compare_with_each_other(suspects: list[_Suspect], columns: Columns) -> None:
    """Of two fields of which one belongs to the other, tells the customer from users and from what it has (a plan)."""
    viable = [suspect for suspect in suspects if suspect.score >= 0]
    for finer in viable:
        for coarser in viable:
            if finer is coarser or len(finer.column.labels) < 1.3 * len(coarser.column.labels):
                continue
            belonging, observed = field_statistics.belongs(finer.column, coarser.column, columns)
            if belonging < 0.9 or observed < _ENOUGH:
                continue
            if finer.name == TENANT or (not finer.is_person and (finer.has_members or len(coarser.column.labels) < 5)):
                coarser.note("owner", belonging, -2.5, f"follows from {finer.column.path}")
            elif coarser.score >= 1.5:
                finer.note("owner", belonging, -1.5, f"belongs to {coarser.column.path}, which may be the customer")


def _without_aliases(suspects: list[_Suspect]) -> list[Candidate]:
    """Candidates, fields that hold the same values under several names as one."""
    groups: list[list[_Suspect]] = []
    for suspect in sorted(suspects, key=lambda each: (-each.score, each.column.path)):
        for group in groups:
            if _same(group[0].column, suspect.column):
                group.append(suspect)
                break
        else:
            groups.append([suspect])
    return [_candidate(group) for group in groups]


def _same(one: Column, other: Column) -> bool:
    fewer, more = sorted((set(one.labels), set(other.labels)), key=len)
    if len(fewer & more) < 0.6 * len(fewer) or len(fewer) * 10 < len(more):
        return False
    pairs = [(one.labels[a], other.labels[b]) for a, b in _shared(one, other)]
    return sum(a == b for a, b in pairs) >= 0.9 * len(pairs)


def _candidate(group: list[_Suspect]) -> Candidate:
    best = group[0]
    counts: Counter[str] = Counter()
    for each in group:
        counts.update({each.column.labels[code]: count for code, count in each.counts.items()})
    paths = tuple(each.column.path for each in group)
    top = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES])
    lines = len({line for each in group for line in each.column.lines})
    return Candidate(paths, round(best.score, 2), len(counts), lines, top, tuple(best.evidence))

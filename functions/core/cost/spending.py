"""What a month has cost so far, and will: what is deployed by the hour, what came in by the ledger's counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.at_rest import GB
from functions.core.cost.by_volume import CHARGES, Volume, cost, cost_by_part
from functions.core.schema import HOUR_MS, hour_of, hour_start_ms
from functions.core.summaries import Ledger

DEPLOYED = "what is deployed"
RECENT_HOURS = 24
_COUNTS = ("commits", "records", "raw_bytes", "stored_bytes", "files", "rows")


@dataclass
class Hours:
    """Sums of some hours' commits; ``hours`` counts those with a commit, ``first`` is the earliest of them."""

    ledger: Ledger = field(default_factory=Ledger)
    hours: int = 0
    first: str = ""

    def add(self, hour: str, ledger: Ledger) -> None:
        """Add an hour."""
        if ledger.sums["commits"]:
            self.ledger.merge(ledger)
            self.hours += 1
            self.first = min(self.first or hour, hour)

    def join(self, others: Hours) -> None:
        """Add other hours."""
        self.ledger.merge(others.ledger)
        self.hours += others.hours

    def volume(self) -> Volume:
        """What is billed of it."""
        return Volume(hours=self.hours, **{name: self.ledger.sums[name] for name in _COUNTS})


@dataclass(frozen=True, slots=True)
class Month:
    """A month of UTC in ms."""

    name: str
    start_ms: int
    end_ms: int

    @classmethod
    def of(cls, now_ms: int) -> Month:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        start = datetime(now.year, now.month, 1, tzinfo=UTC)
        end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        return cls(f"{start:%Y-%m}", int(start.timestamp()) * 1000, int(end.timestamp()) * 1000)

    def hours(self, now_ms: int) -> Iterable[str]:
        """Its hours until now, oldest first."""
        return [hour_of(start) for start in range(self.start_ms, min(now_ms, self.end_ms - 1) + 1, HOUR_MS)]


@dataclass(frozen=True, slots=True)
class Loud:
    """A log group in the last hours: raw bytes, and those of lines that could be left out."""

    log_group: str
    raw: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Spending:
    """Dollars of a month so far by part, dollars an hour of late, and what is loud of late, loudest first."""

    month: Month
    now_ms: int
    budget_usd: float
    by_part: dict[str, float]
    usd_an_hour: float
    recent_bytes: int
    loud: tuple[Loud, ...] = ()
    sampled: int = 0

    @property
    def usd(self) -> float:
        return sum(self.by_part.values())

    @property
    def share(self) -> float:
        """Of the budget; 1 is all of it."""
        return self.usd / self.budget_usd

    @property
    def projected_usd(self) -> float:
        """At the end of the month, if it goes on like this."""
        return self.usd + self.usd_an_hour * (self.month.end_ms - self.now_ms) / HOUR_MS


def spending(
    month: Month, now_ms: int, budget_usd: float, rest_usd: float, since_ms: int, so_far: Hours, recent: Hours
) -> Spending:
    """``rest_usd`` is what the installation costs in a month at rest, ``since_ms`` since when this month it is there;
    ``recent`` are the hours of ``so_far`` that ended in the last
    ``RECENT_HOURS``."""
    rest_an_hour = rest_usd * HOUR_MS / (month.end_ms - month.start_ms)
    passed = (now_ms - since_ms) / HOUR_MS
    late = hour_start_ms(hour_of(now_ms - RECENT_HOURS * HOUR_MS))
    hours = max(1.0, min(passed, (now_ms - late) / HOUR_MS))
    quiet, raw = (recent.ledger.log_groups[f"{kind}bytes_by_log_group"] for kind in ("quiet_", ""))
    names = sorted(raw.keys() | quiet.keys(), key=lambda name: (-max(raw[name], quiet[name]), name))
    return Spending(
        month,
        now_ms,
        budget_usd,
        {DEPLOYED: rest_an_hour * passed, **cost_by_part(so_far.volume())},
        rest_an_hour + cost(recent.volume()) / hours,
        recent.ledger.sums["raw_bytes"],
        tuple(Loud(name, raw[name], quiet[name]) for name in names if name),
        so_far.ledger.sums["sampled"],
    )


def usd_saved(quiet_bytes: float) -> float:
    """Dollars that are not spent on lines that are left out: on files kept and rows published, no more."""
    load = ASSUMED.load
    counts = {"stored_bytes": quiet_bytes * load.stored, "rows": quiet_bytes * load.rows_a_raw_byte}
    return sum(charge.usd * counts.get(charge.count, 0) for charge in CHARGES)


def gigabytes(amount: float) -> str:
    """In words, e.g. ``4.8 GB``."""
    return f"{amount / GB:,.1f} GB" if amount >= 1e8 else f"{amount / 1e6:,.1f} MB"

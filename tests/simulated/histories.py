"""Random histories: what applications do, what the schedules start, and what goes wrong at which call."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from . import audit
from .account import Account
from .telemetry import Applications
from .world import FAULTS, entered

KINDS = sorted(
    name.removeprefix("_")
    for name in vars(Applications)
    if name.startswith("_") and not name.startswith("__") and name not in ("_put", "_log_events")
)
MINUTES, HOURS, DAYS = 60_000, 3_600_000, 86_400_000

tried = {"histories": 0, "calls": 0, "looks": 0}


def examples(share):
    """So many examples; TRACELAKE_EXAMPLES is the number for all properties together."""
    return max(1, int(int(os.environ.get("TRACELAKE_EXAMPLES", "100")) * share))


def bounded(share):
    return settings(
        max_examples=examples(share),
        derandomize="TRACELAKE_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


plans = st.dictionaries(st.integers(0, 40), st.sampled_from(FAULTS), max_size=2)
small_plans = st.dictionaries(st.integers(0, 16), st.sampled_from(FAULTS), max_size=2)
shards = st.integers(0, 1)

writes = st.tuples(
    st.just("write"),
    st.sampled_from(KINDS),
    shards,
    st.integers(1, 3),
    st.sampled_from([0, 0, 0, 20 * MINUTES, 3 * HOURS, 3 * DAYS]),
)
steps = st.one_of(
    writes,
    writes,
    st.tuples(st.just("wait"), st.sampled_from([0.5, 5, 17, 45, 70, 300])),
    st.tuples(st.just("normalize"), small_plans, shards),
    st.tuples(st.just("compact"), plans),
    st.tuples(st.just("record_poison"), small_plans, st.booleans()),
)
histories = st.lists(steps, min_size=5, max_size=40)
sources = st.fixed_dictionaries({
    "batch_size": st.sampled_from([1, 3, 10_000]),
    "retries": st.sampled_from([1, 5]),
    "bisect": st.sampled_from([True, True, False]),
    "progress_counts_as_retry": st.booleans(),
})


def play(history, source, *, partitions=True):
    """Live through a history; afterwards nothing goes wrong any more and everything is settled."""
    account = Account(shards=2, **source)
    with entered(account.world):
        if partitions:
            account.create_partitions()
        for step in history:
            _take(account, *step)
        account.heal()
        audit.check(account)
        account.wait(25 * 60)
        account.compact()
        audit.check_nothing_is_left_over(account)
    tried["histories"] += 1
    tried["looks"] += account.reader.looks
    return account


def _take(account, what, *details):
    if what == "write":
        account.applications.write(*details)
    elif what == "wait":
        account.wait(*details)
    elif what == "normalize":
        account.normalize(*details)
    elif what == "compact":
        account.compact(*details)
    else:
        plan, twice = details
        account.record_poison(plan, twice=twice)

"""Random histories: what applications do, what the schedules start, and what goes wrong at which call."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from . import audit
from .account import Account
from .kinesis import KEYS
from .telemetry import Applications
from .world import FAULTS, entered

_HELPERS = ("_put", "_deliver", "_log_events", "_write_spans")
KINDS = sorted(
    name.removeprefix("_")
    for name in vars(Applications)
    if name.startswith("_") and not name.startswith("__") and name not in _HELPERS
)
MINUTES, HOURS, DAYS = 60_000, 3_600_000, 86_400_000


def examples(share):
    """So many examples; TRACELAKE_EXAMPLES is the number for all properties together."""
    return max(1, int(int(os.environ.get("TRACELAKE_EXAMPLES", "70")) * share))


def bounded(share):
    return settings(
        max_examples=examples(share),
        derandomize="TRACELAKE_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def _plans(operations, calls):
    """What goes wrong in one invocation: at its n-th call of all, or of one operation."""
    exact = st.builds("{}#{}".format, st.sampled_from(operations), st.integers(0, 3))
    return st.dictionaries(st.one_of(st.integers(0, calls), exact), st.sampled_from(FAULTS), max_size=2)


normalize_plans = _plans(["transact_write_items", "transact_write_items", "put_object", "get_item"], 16)
compact_plans = _plans(["transact_write_items", "batch_update_partition", "put_object", "get_object"], 60)
poison_plans = _plans(["transact_write_items", "put_object", "get_item"], 6)

episodes = st.fixed_dictionaries(
    {
        "edge": st.booleans(),
        "writes": st.lists(
            st.tuples(
                st.sampled_from(KINDS),
                st.integers(0, KEYS - 1),
                st.integers(1, 3),
                st.sampled_from([0, 0, 0, 20 * MINUTES, 3 * HOURS, 3 * DAYS]),
            ),
            min_size=1,
            max_size=6,
        ),
        "delivery": st.sampled_from([None, None, None, "throttled", "refused", "lost"]),
        "reshard": st.sampled_from([None, None, "split", "merge"]),
        "again": st.sampled_from([False, False, False, True]),
        "normalize": st.lists(st.tuples(normalize_plans, st.integers(0, KEYS - 1)), max_size=5),
        "record_poison": st.lists(st.tuples(poison_plans, st.booleans()), max_size=2),
        "wait": st.sampled_from([1, 10, 62, 65, 130, 800]),
        "compact": st.lists(compact_plans, max_size=2),
    }
)
histories = st.lists(episodes, min_size=2, max_size=5)
sources = st.fixed_dictionaries(
    {
        "batch_size": st.sampled_from([1, 3, 10_000]),
        "window_ms": st.sampled_from([0, 20_000, 5 * MINUTES]),
        "retries": st.sampled_from([0, 1, 5]),
        "bisect": st.sampled_from([True, True, False]),
        "progress_counts_as_retry": st.booleans(),
    }
)


def play(history, source, *, partitions=True):
    """Live through a history; afterwards nothing goes wrong any more and everything is settled."""
    account = Account(shards=2, **source)
    with entered(account.world):
        if partitions:
            account.create_partitions()
        for episode in history:
            _live(account, episode)
        account.heal()
        audit.check(account)
        account.wait(25 * 60)
        account.compact()
        audit.check_nothing_is_left_over(account)


def _live(account, episode):
    if episode["edge"]:
        account.wait(57 - account.world.now_ms // MINUTES % 60 if account.world.now_ms // MINUTES % 60 < 57 else 0)
    account.applications.fault = episode["delivery"]
    for write in episode["writes"]:
        account.applications.write(*write)
    account.applications.fault = None
    if episode["reshard"]:
        getattr(account.stream, episode["reshard"])(len(episode["writes"]))
        for write in episode["writes"][:2]:
            account.applications.write(*write)
    if episode["again"]:
        account.read_from_the_beginning()
    account.wait(1)
    for plan, shard in episode["normalize"]:
        account.normalize(plan, shard)
    account.wait(episode["wait"])
    for plan, twice in episode["record_poison"]:
        account.record_poison(plan, twice=twice)
    for plan in episode["compact"]:
        account.compact(plan)
        account.wait(5)

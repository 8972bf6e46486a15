"""Every kind of event, late, broken and repeated, until their hot files are deleted."""

from . import audit
from .account import HOUR_MS, Account
from .world import entered

KINDS = (
    "logs",
    "emf",
    "spans",
    "journey",
    "invocation",
    "split",
    "usage",
    "webhook",
    "garbage",
    "unfinished",
    "repeat",
    "poison",
)
A_DAY_MINUTES = 25 * 60


def test_what_a_day_brings_is_accounted_for_and_nothing_is_left_over():
    account = Account()
    with entered(account.world):
        account.create_partitions()
        for _ in range(3):
            for kind in KINDS:
                account.applications.write(kind)
            account.wait(47)
            account.normalize()
        account.heal()
        for age_ms in (3 * HOUR_MS, 72 * HOUR_MS):  # of an hour that is published, and of one that was not
            account.applications.write("logs", age_ms=age_ms)
            account.normalize()
        account.heal()
        account.wait(A_DAY_MINUTES)
        account.compact()
        audit.check(account)
        audit.check_nothing_is_left_over(account)

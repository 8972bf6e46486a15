"""What begins together and is connected is one incident; it is told a bounded number of times."""

from __future__ import annotations

import pytest

from functions.core.detect.alerts import Alert
from functions.core.watch import incidents
from functions.core.watch.incidents import Incident, Member, Told, What, follow, services_of
from functions.core.watch.signals import BIN_MS, Subject

SERVICES = {"shop", "orders", "mail", "search"}
NEIGHBOURS = {"shop": {"orders"}, "orders": {"shop", "mail"}, "mail": {"orders"}}


def alert(bin_: int, times: float = 2.0) -> Alert:
    at = bin_ * BIN_MS / 1000
    return Alert("begins", at, at, True, 5.0, 0.2, 0.1, 0.4, 5.0, 1e-9, "step", times, 86400.0)


class Story:
    """Bins in a row; what is unusual in each."""

    def __init__(self) -> None:
        self.bin, self.incidents, self.told = 0, list[Incident](), list[tuple[int, Told]]()
        self.still: set[tuple[Subject, str]] = set()

    def next(
        self, *begin: Subject, end: tuple[Subject, ...] = (), what: What = "failures", times: float = 2.0
    ) -> list[str]:
        """Another bin; what is told in it."""
        begun = [Member(subject, what, alert(self.bin, times), open=what != "new") for subject in begin]
        self.still |= {(subject, what) for subject in begin if what != "new"}
        self.still -= {(subject, what) for subject in end}
        self.bin += 1
        self.incidents, told = follow(self.incidents, begun, {}, self.bin * BIN_MS, SERVICES, NEIGHBOURS, self.still)
        self.told += [(self.bin, each) for each in told]
        return [each.event for each in told]

    def wait(self, bins: int) -> list[str]:
        return [event for _ in range(bins) for event in self.next()]


def service(name: str) -> Subject:
    return Subject("service", (name,))


ORDERS, SEARCH, CUSTOMER = service("orders"), service("search"), Subject("customer", ("acme",))
METRIC = Subject("metric", ("App", "QueueDepth", "-"))


@pytest.mark.parametrize(
    "other",
    [
        Subject("route", ("orders", "GET /orders")),
        Subject("dependency", ("shop", "orders")),
        Subject("function", ("prod-Orders-handler",)),
        Subject("metric", ("App", "Memory", "orders")),
        Subject("error", ("orders", "ab12")),
        service("mail"),
        CUSTOMER,
        METRIC,
    ],
)
def test_what_is_connected_is_one_incident_at_once_and_soon_after(other: Subject) -> None:
    assert Story().next(ORDERS, other) == ["began"]
    story = Story()
    assert story.next(ORDERS) == ["began"]
    assert "began" not in [*story.wait(2), *story.next(other)]
    reversed_ = Story()
    assert reversed_.next(other) == ["began"]
    assert "began" not in [*reversed_.wait(2), *reversed_.next(ORDERS)]


def test_what_nothing_connects_is_an_incident_of_its_own() -> None:
    assert Story().next(ORDERS, SEARCH) == ["began", "began"]
    story = Story()
    assert [story.next(ORDERS), story.next(SEARCH)] == [["began"], ["began"]]


def test_three_services_that_nothing_connects_are_the_whole_application() -> None:
    assert Story().next(service("shop"), SEARCH, service("login")) == ["began"]
    story = Story()
    story.next(ORDERS, SEARCH)
    assert story.next(service("login")) == []


def test_what_is_connected_in_time_alone_is_no_longer_so_after_half_an_hour() -> None:
    story = Story()
    story.next(ORDERS)
    assert story.wait(7) == []
    assert story.next(CUSTOMER) == ["began"]


def test_the_end_is_told_when_nothing_is_unusual_any_more() -> None:
    story = Story()
    story.next(ORDERS, CUSTOMER)
    assert story.next(end=(ORDERS,)) == []
    assert story.next(end=(CUSTOMER,)) == ["ended"]
    assert story.wait(30) == []
    assert story.incidents == []


def test_a_wider_incident_is_told_when_half_an_hour_has_passed() -> None:
    story = Story()
    story.next(ORDERS)
    assert story.next(service("mail")) == []
    assert story.wait(4) == []
    assert story.next() == ["worse"]
    assert story.wait(20) == []


def test_what_is_much_worse_is_told_at_once() -> None:
    story = Story()
    story.next(Subject("metric", ("App", "Memory", "orders")), what="mean")
    assert story.next(ORDERS) == ["worse"]


def test_an_incident_that_grows_for_ever_is_told_four_times() -> None:
    story = Story()
    story.next(ORDERS)
    for number in range(50):
        story.next(*(Subject("route", ("orders", f"{number}-{n}")) for n in range(10 * (number + 1))))
    assert [told.event for _, told in story.told] == ["began", "worse", "worse", "worse"]
    assert len(story.incidents[0].members) == incidents.MOST_MEMBERS


def test_what_comes_and_goes_is_told_once_and_ends_when_it_stays_away() -> None:
    story = Story()
    for _ in range(10):
        story.next(ORDERS)
        story.wait(2)
        story.next(end=(ORDERS,))
        story.wait(3)
    assert story.wait(12) == ["ended"]
    assert [told.event for _, told in story.told] == ["began", "ended", "back again", "ended"]
    assert story.incidents == []
    assert story.next(ORDERS) == ["began"]


def test_new_errors_of_an_hour_are_one_incident_that_has_no_end() -> None:
    story = Story()
    assert story.next(Subject("error", ("orders", "1")), what="new") == ["began"]
    story.wait(3)
    assert story.next(Subject("error", ("orders", "2")), what="new") == []
    assert story.wait(20) == []
    assert story.next(Subject("error", ("orders", "3")), what="new") == ["began"]


def test_failures_after_a_new_error_are_a_part_of_it() -> None:
    story = Story()
    story.next(Subject("error", ("orders", "1")), what="new")
    assert story.next(ORDERS, times=9.0) == ["worse"]
    assert story.next(end=(ORDERS,)) == ["ended"]


def test_a_function_belongs_to_the_services_it_is_called_like() -> None:
    assert services_of(Subject("function", ("prod-OrderS-api",)), SERVICES) == {"orders"}
    assert services_of(Subject("function", ("cron",)), SERVICES) == {"cron"}

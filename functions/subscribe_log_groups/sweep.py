"""One sweep over the log groups of an account: missing filters are put, those that should not be are removed."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from functions.aws.logs import DestinationError, NoSlotError, RefusedError, Subscriptions, ThrottledError
from functions.core.selection import Filter, LogGroup, Selection, due, slots_taken, wanted_filter

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import SubscriptionFilterTypeDef

RETRY_DESTINATION_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where filters deliver, and their name, which tells the stage's own filters from all others."""

    filter_name: str
    stream_arn: str
    role_arn: str


@dataclass
class Report:
    """What one sweep found and did.

    ``names`` are the log groups to subscribe, ``refused`` is log group -> reason, ``guarded`` reason -> log groups;
    ``left`` were not looked at because time ran out or CloudWatch throttled, and come next time. ``policy_refused``
    says why the account policy that was asked for does not carry the log groups, so that filters do.
    """

    groups: int = 0
    wanted: int = 0
    names: list[str] = field(default_factory=list)
    put: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    guarded: dict[str, list[str]] = field(default_factory=dict)
    left: int = 0
    stopped_by: str = ""
    policy_refused: str = ""

    @property
    def subscribed(self) -> int:
        return max(0, self.wanted - len(self.refused))


def _none(_: str) -> bool:
    return False


@dataclass
class Sweep:
    """The circumstances of a sweep.

    ``refused`` is remembered between sweeps: log group -> reason, for groups that not every sweep looks at.
    ``has_time`` says whether there is time for another log group; ``patience_seconds`` is how long an unreachable
    stream is tried again, which a new role needs.
    """

    subscriptions: Subscriptions
    selection: Selection
    target: Target
    refused: MutableMapping[str, str]
    has_time: Callable[[], bool]
    patience_seconds: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def run(
        self,
        now_ms: int,
        *,
        everything: bool,
        groups: list[LogGroup] | None = None,
        of_policy: Callable[[str], bool] = _none,
        removes: bool = True,
    ) -> Report:
        """Bring the filters of the groups that are due (or of all) in line; ``DestinationError`` where no group can.

        ``groups`` are those there are, where they have been listed. Groups ``of_policy`` are subscribed by the
        account's policy: they get no filter, and lose one if it ``removes``.
        """
        report = Report()
        groups = self.groups() if groups is None else groups
        report.groups = len(groups)
        wanted = {name for name in self._judge(groups, report) if not of_policy(name)}
        chosen = due(groups, now_ms) if not everything else groups
        if not removes:
            chosen = [group for group in chosen if not of_policy(group.name)]
        chosen.sort(key=lambda group: group.name not in wanted)
        for done, group in enumerate(chosen):
            if not self.has_time():
                report.left, report.stopped_by = len(chosen) - done, "the end of the function's time"
                break
            try:
                self._align(group, group.name in wanted, report)
            except ThrottledError as error:
                report.left, report.stopped_by = len(chosen) - done, str(error)
                break
        report.refused |= {name: reason for name, reason in self.refused.items() if name in wanted}
        return report

    def remove_all(self) -> Report:
        """Remove the stage's filter from every group."""
        report = Report()
        groups = self.groups()
        report.groups = len(groups)
        wanted = self._judge(groups, Report())
        groups.sort(key=lambda group: group.name not in wanted)
        for done, group in enumerate(groups):
            if not self.has_time():
                report.left, report.stopped_by = len(groups) - done, "the end of the function's time"
                break
            try:
                if self.subscriptions.delete(group.name, self.target.filter_name):
                    report.removed.append(group.name)
            except RefusedError as error:
                report.refused[group.name] = str(error)
            except ThrottledError as error:
                report.left, report.stopped_by = len(groups) - done, str(error)
                break
        return report

    def groups(self) -> list[LogGroup]:
        """All log groups of the account and region."""
        return [
            LogGroup(each["logGroupName"], each.get("creationTime", 0), each.get("logGroupClass", "STANDARD"))
            for each in self.subscriptions.log_groups()
        ]

    def _judge(self, groups: list[LogGroup], report: Report) -> set[str]:
        """Names of the groups to subscribe; the others that the user may miss go into the report."""
        wanted = set()
        for group in groups:
            verdict = self.selection.verdict(group)
            if verdict.kind == "wanted":
                wanted.add(group.name)
            elif verdict.kind == "impossible":
                report.refused[group.name] = verdict.reason
            elif verdict.kind == "guarded":
                report.guarded.setdefault(verdict.reason, []).append(group.name)
        only = self.selection.only
        if only and all(group.name != only for group in groups):
            report.refused[only] = "there is no log group of this name (yet)"
        report.wanted = len(wanted) + len(report.refused)
        report.names = sorted(wanted)
        return wanted

    def _align(self, group: LogGroup, wanted: bool, report: Report) -> None:
        found = self.subscriptions.filters(group.name)
        if found is None:
            return
        present = [_filter(each) for each in found]
        own = next((each for each in present if each.name == self.target.filter_name), None)
        if not wanted:
            if own and self.subscriptions.delete(group.name, own.name):
                report.removed.append(group.name)
            return
        should = wanted_filter(group, self.target.filter_name, self.target.stream_arn, self.target.role_arn)
        self.refused.pop(group.name, None)
        if own == should:
            return
        try:
            if self._put(group.name, should):
                report.put.append(group.name)
        except NoSlotError:
            self.refused[group.name] = slots_taken(present)
        except RefusedError as error:
            self.refused[group.name] = str(error)

    def _put(self, name: str, should: Filter) -> bool:
        return self.patiently(
            lambda: self.subscriptions.put(name, should.name, should.destination, should.role, should.distribution)
        )

    def patiently(self, put: Callable[[], T]) -> T:
        """What ``put`` gives, tried again while the stream cannot be reached and there is patience left."""
        while True:
            try:
                return put()
            except DestinationError:
                if self.patience_seconds <= 0 or not self.has_time():
                    raise
                self.patience_seconds -= RETRY_DESTINATION_SECONDS
                self.sleep(RETRY_DESTINATION_SECONDS)


def _filter(found: SubscriptionFilterTypeDef) -> Filter:
    return Filter(
        name=found.get("filterName", ""),
        destination=found.get("destinationArn", ""),
        role=found.get("roleArn", ""),
        distribution=found.get("distribution", "ByLogStream"),
        pattern=found.get("filterPattern", ""),
    )

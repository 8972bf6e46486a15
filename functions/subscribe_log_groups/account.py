"""The account mode: one policy subscribes every log group, also those to come; filters do the rest, or all of it.

What cannot be done by the policy is done by filters: groups whose events are spread over the shards always, and all of
them where somebody else holds the account's one policy or AWS refuses ours. The two overlap while one takes over from
the other, so that nothing is missed: an event that comes twice has one id, and vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass

from functions.aws.account_policies import AccountPolicies
from functions.aws.logs import RefusedError
from functions.core.account_policy import Policy, TooManyExcludedError, excluded, held_by, wanted_policy
from functions.core.selection import SPREAD_GROUPS, LogGroup
from functions.subscribe_log_groups.sweep import Report, Sweep


@dataclass
class AccountMode:
    """Keeps the policy of the stage. ``own_groups`` are tracelake's log groups by their fixed names."""

    policies: AccountPolicies
    sweep: Sweep
    own_groups: tuple[str, ...]

    def run(self, now_ms: int, *, everything: bool) -> Report:
        """Bring policy and filters in line; ``DestinationError`` where neither can deliver."""
        groups = self.sweep.groups()
        present = self.policies.found()
        try:
            since_ms = self._keep_policy(groups, present, now_ms)
        except (RefusedError, TooManyExcludedError) as error:
            return self._fall_back(now_ms, str(error), present, everything=everything)
        # a policy holds everywhere only after some minutes: until then a filter that is there stays
        settled = Policy(self._name, "", "", since_ms).has_settled(now_ms)
        return self.sweep.run(now_ms, everything=everything, groups=groups, of_policy=_is_of_policy, removes=settled)

    def leave(self, now_ms: int) -> Report:
        """Go over to filters: all of them first, then the policy goes, unless a log group was not reached."""
        report = self.sweep.run(now_ms, everything=True)
        if not report.left:
            self.policies.delete(self._name)
        return report

    def remove(self) -> Report:
        """Remove the policy, then every filter."""
        self.policies.delete(self._name)
        return self.sweep.remove_all()

    @property
    def _name(self) -> str:
        return self.sweep.target.filter_name

    def _keep_policy(self, groups: list[LogGroup], present: list[Policy], now_ms: int) -> int:
        """Put the policy unless it is as wanted; since when it has been so, in milliseconds."""
        held = held_by(present, self._name)
        if held:
            raise RefusedError(held)
        target = self.sweep.target
        names = excluded(groups, self.sweep.selection, self.own_groups)
        wanted = wanted_policy(self._name, target.stream_arn, target.role_arn, names)
        for policy in present:
            if policy.says(wanted):
                return policy.updated_ms
        self.sweep.patiently(lambda: self.policies.put(wanted))
        return now_ms

    def _fall_back(self, now_ms: int, reason: str, present: list[Policy], *, everything: bool) -> Report:
        own = any(policy.name == self._name for policy in present)
        # an own policy that cannot be changed any more leaves out too little
        report = self.leave(now_ms) if own else self.sweep.run(now_ms, everything=everything)
        report.policy_refused = f"the account policy cannot be used: {reason}"
        return report


def _is_of_policy(log_group: str) -> bool:
    return log_group not in SPREAD_GROUPS

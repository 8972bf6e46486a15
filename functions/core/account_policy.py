"""The account's subscription policy: which log groups it leaves out, what it says, and who else may hold it.

An account has one such policy per region. It selects by ``LogGroupName NOT IN [...]`` with exact names alone, in at
most 25 KB (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from functions.core.selection import SPREAD_GROUPS, LogGroup, Selection

# "25KB" in UTF-8; whether that is 25,000 or 25,600 is not said
CRITERIA_BYTES = 25_000
# after a change CloudWatch needs up to five minutes until it holds for every log group
SETTLED_MS = 10 * 60_000


class TooManyExcludedError(ValueError):
    """The names to leave out do not fit into a policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A subscription policy; ``document`` and ``criteria`` as CloudWatch Logs keeps them, ``updated_ms`` is 0 for one
    that is only wanted."""

    name: str
    document: str
    criteria: str
    updated_ms: int = 0

    def says(self, other: Policy) -> bool:
        """Whether both deliver the same to the same stream."""
        return self._content() == other._content()

    def _content(self) -> tuple[str, dict[str, Any], str]:
        document = json.loads(self.document or "{}")
        document.setdefault("FilterPattern", "")
        document.setdefault("Distribution", "ByLogStream")
        return self.name, document, self.criteria

    @property
    def destination(self) -> str:
        """ARN of what it delivers to; empty where it cannot be read."""
        try:
            return str(json.loads(self.document).get("DestinationArn", ""))
        except (ValueError, AttributeError):
            return ""

    def has_settled(self, now_ms: int) -> bool:
        """Whether it has been in force for so long that it holds for every log group."""
        return now_ms - self.updated_ms >= SETTLED_MS


def excluded(groups: Iterable[LogGroup], selection: Selection, own_groups: Iterable[str]) -> list[str]:
    """Exact names that the policy leaves out.

    ``own_groups`` and the user's exact names are left out before they exist; tracelake's groups of other stages, and
    what else would loop, as soon as they are seen. Groups whose events are to be spread over the shards have a filter
    of their own, because a policy has one distribution for all.
    """
    seen = {group.name for group in groups if selection.verdict(group).kind in ("guarded", "unselected")}
    return sorted(seen | {*own_groups, *selection.exclude_names, *SPREAD_GROUPS})


def wanted_policy(name: str, stream_arn: str, role_arn: str, names: Iterable[str]) -> Policy:
    """The policy that delivers every log group but these; ``TooManyExcludedError`` where they do not fit."""
    criteria = f"LogGroupName NOT IN {json.dumps(list(names))}"
    size = len(criteria.encode())
    if size > CRITERIA_BYTES:
        raise TooManyExcludedError(
            f"the names to leave out take {size} bytes and an account policy holds {CRITERIA_BYTES}"
        )
    document = {
        "DestinationArn": stream_arn,
        "RoleArn": role_arn,
        "FilterPattern": "",
        "Distribution": "ByLogStream",
    }
    return Policy(name, json.dumps(document), criteria)


def held_by(policies: Iterable[Policy], own_name: str) -> str:
    """Who holds the one policy of the account, in words; empty where nobody else does."""
    others = [policy for policy in policies if policy.name != own_name]
    holders = ", ".join(
        f"{policy.name} -> {policy.destination or 'a destination that cannot be read'}" for policy in others
    )
    return f"the account's one subscription policy is held by {holders}" if others else ""

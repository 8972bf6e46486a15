"""How IAM decides one request within one account, as far as tracelake's policies go.

An explicit Deny anywhere ends it. A role may what its own policies or the resource's policy allow it; of a KMS key the
key's policy has to allow it, or to leave it to the account's policies by allowing the account itself. A service may
what the resource's policy allows it. What is not known here (an element of a statement, an operator of a condition) is
an error, never passed over.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Context = Mapping[str, str | Sequence[str]]


class PolicyError(Exception):
    """A policy says something that is not understood here."""


@dataclass(frozen=True)
class Request:
    """Who wants to do what on which resource: ``principal`` is the ARN of a role or user, or a service's name."""

    principal: str
    action: str
    resource: str
    context: Context = field(default_factory=dict, hash=False)

    @property
    def account(self) -> str:
        """Of the principal; empty for a service."""
        return self.principal.split(":")[4] if self.principal.startswith("arn:") else ""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, whose texts are resolved."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...] = ()
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    sid: str = ""
    all_but: frozenset[str] = frozenset()
    """Which of Action and Resource are NotAction and NotResource."""

    @classmethod
    def parse(cls, statement: Mapping[str, Any]) -> Statement:
        known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}
        if unknown := set(statement) - known:
            raise PolicyError(f"elements of a statement that are not known here: {sorted(unknown)}")
        return cls(
            allows={"Allow": True, "Deny": False}[statement["Effect"]],
            actions=_listed(statement.get("NotAction", statement.get("Action"))),
            resources=_listed(statement.get("NotResource", statement.get("Resource", "*"))),
            principals=tuple(_principals(statement.get("Principal", {}))),
            conditions=statement.get("Condition", {}),
            sid=statement.get("Sid", ""),
            all_but=frozenset({"Action", "Resource"} & {name[3:] for name in statement if name.startswith("Not")}),
        )

    def covers(self, request: Request) -> bool:
        """Whether action, resource and conditions are those of the request."""
        action = any(like(each.lower(), request.action.lower()) for each in self.actions)
        resource = any(like(each, request.resource) for each in self.resources)
        return (
            action is not ("Action" in self.all_but)
            and resource is not ("Resource" in self.all_but)
            and all(_holds(operator, keys, request.context) for operator, keys in self.conditions.items())
        )

    def names(self, request: Request) -> bool:
        """Whether it is about this principal, by its own name."""
        kind = "AWS" if request.account else "Service"
        return any(each == "*" or (of == kind and each == request.principal) for of, each in self.principals)

    def names_account_of(self, request: Request) -> bool:
        """Whether it leaves it to the account's own policies."""
        root = f":iam::{request.account}:root"
        return bool(request.account) and any(of == "AWS" and each.endswith(root) for of, each in self.principals)


def parse(document: Mapping[str, Any]) -> list[Statement]:
    """The statements of a policy document."""
    found = document["Statement"]
    return [Statement.parse(each) for each in ([found] if isinstance(found, Mapping) else found)]


def allowed(request: Request, identity: Sequence[Statement] = (), resource: Sequence[Statement] = ()) -> bool:
    """Whether the principal's own policies and that of the resource allow the request."""
    own = [statement for statement in identity if statement.covers(request)]
    others = [each for each in resource if each.covers(request)]
    named = [each for each in others if each.names(request)]
    delegated = [each for each in others if each.names_account_of(request)]
    if not all(each.allows for each in [*own, *named, *delegated]):
        return False
    if named:
        return True
    if request.action.startswith("kms:"):
        return bool(own and delegated)
    return bool(own)


def why_not(request: Request) -> str:
    """The request as an error shows it."""
    context = "".join(f" {key}={value}" for key, value in request.context.items())
    return f"{request.principal} may not {request.action} on {request.resource}{context}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in text), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    """``*`` stands for any letters, ``?`` for one."""
    return bool(_pattern(pattern).fullmatch(text))


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    if value == "*":
        yield "*", "*"
        return
    for kind, names in value.items():
        if kind not in ("AWS", "Service"):
            raise PolicyError(f"a principal that is not known here: {kind}")
        yield from ((kind, name) for name in _listed(names))


def _arn_like(pattern: str, text: str) -> bool:
    parts = pattern.split(":", 5), text.split(":", 5)
    return len(parts[0]) == len(parts[1]) and all(map(like, *parts))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": like,
    "ArnLike": _arn_like,
    "ArnEquals": _arn_like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
    "NumericLessThan": lambda wanted, found: float(found) < float(wanted),
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""


def _holds(operator: str, keys: Mapping[str, Any], context: Context) -> bool:
    every, _, name = operator.rpartition(":")
    if name not in _OPERATORS or every not in ("", "ForAllValues"):
        raise PolicyError(f"an operator of a condition that is not known here: {operator}")
    # keys are compared without case, their values by the operator
    given = {key.lower(): value for key, value in context.items()}
    return all(
        _holds_key(_OPERATORS[name], _texts(wanted), given.get(key.lower()), every=bool(every))
        for key, wanted in keys.items()
    )


def _holds_key(compare: Callable[[str, str], bool], wanted: Sequence[str], found: Any, *, every: bool) -> bool:
    if found is None:
        return every  # ForAllValues is true of nothing; every other operator is not
    return all(any(compare(each, value) for each in wanted) for value in _listed(found))


def _texts(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value])]

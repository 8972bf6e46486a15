"""What rows mean: who the customer and the user are, which route, feature and version, and what is private.

The user's rules come first, then the setting ``tenant_keys``, then the names that are usual. It is made once for many
batches; rules that are switched off are left out when it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from functions.core.meaning.formats import Formats
from functions.core.meaning.hiding import Hiding
from functions.core.meaning.lookup import CONTAINERS, Lookup
from functions.core.meaning.paths import Features, Paths
from functions.core.meaning.watch import Watch, no_clock
from functions.core.meaning.written import Written

_USER = ("user_id", "userId", "user.id", "enduser.id", "usr.id", "user", "username", "userName")
_FEATURE = ("feature", "feature.name", "feature_name", "featureName")
_VERSION = ("service.version", "service_version", "serviceVersion", "app.version", "app_version", "appVersion")
_NESTED = {"user": ("user.id", "usr.id")}
_CLAIMS = {"tenant": ("clientKey",), "user": ("sub", "username", "cognito:username", "principalId")}
"""What authorizers call them; ``clientKey`` is Atlassian's name of the site that has an app
(https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/)."""


class Meaning:
    """Rules made ready for use. ``clock`` gives seconds; ``off`` are rules not to use, with the reason."""

    def __init__(
        self,
        written: Written,
        tenant_keys: tuple[str, ...],
        clock: Callable[[], float] = no_clock,
        off: Mapping[str, str] | None = None,
    ) -> None:
        self.written, self.tenant_keys = written, tenant_keys
        self.watch = Watch(clock)
        self.watch.off.update(off or {})
        self._made_without = frozenset(self.watch.off)
        self.tenant = self._lookup("tenant", written.tenant, tenant_keys)
        self.user = self._lookup("user", written.user, _USER)
        self.feature = self._lookup("feature", written.feature, _FEATURE)
        self.version = self._lookup("version", written.version, _VERSION)
        self.route = self._lookup("route", written.route, ())
        self.features = Features(
            {pattern: feature for pattern, feature in written.features.items() if self._on(f"features: {pattern}")}
        )
        self.paths = Paths([path for path in written.paths if self._on(f"paths: {path}")])
        self.hiding = Hiding([rule for rule in written.redact if self._on(f"redact: {rule.name}")], self.watch)
        self.formats = Formats([rule for rule in written.formats if self._on(f"formats: {rule.name}")], self.watch)
        self.in_logs = self.tenant.heads | self.user.heads | self.version.heads
        self.in_spans = self.in_logs | self.feature.heads | self.route.heads
        self._claims = self.tenant.claims | self.user.claims

    def renewed(self) -> Meaning:
        """The same, without the rules that were switched off since it was made."""
        if self._made_without == self.watch.off.keys():
            return self
        return Meaning(self.written, self.tenant_keys, self.watch.clock, self.watch.off)

    def without(self, *, rule: str = "", key: str = "") -> Meaning:
        """The same without one rule, or one tenant key."""
        keys = tuple(each for each in self.tenant_keys if each != key)
        return Meaning(self.written, keys, self.watch.clock, {**self.watch.off, rule: "left out"})

    def in_requests(self, name: str) -> bool:
        """Whether a member of an access log is looked at."""
        return name in self.in_spans or name in CONTAINERS or ("." in name and name.rpartition(".")[2] in self._claims)

    def _lookup(self, column: str, rules: Iterable[str], defaults: Iterable[str]) -> Lookup:
        own = [name for name in rules if self._on(f"{column}: {name}")]
        nested, claims = _NESTED.get(column, ()), _CLAIMS.get(column, ())
        return Lookup(column, own, defaults, self.watch, nested=nested, claims=claims)

    def _on(self, rule: str) -> bool:
        return rule not in self.watch.off


@lru_cache(maxsize=8)
def standard(tenant_keys: tuple[str, ...]) -> Meaning:
    """What rows mean without rules of the user."""
    return Meaning(Written(), tenant_keys)

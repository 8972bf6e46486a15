"""What a user can set: the ``tracelake`` object of cdk.json's context, as one typed object.

``-c tracelake.<key>=<value>`` overrides one key for a single run; a list is written with commas. A wrong setting raises
``SettingsError``: one sentence that names the key and says what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from functions.core.customers.listing import COLUMNS
from functions.core.incidents.rules import RULES
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS
from stacks.quotas import quota

CONTEXT_KEY = "tracelake"
OWN_LOG_GROUPS = "/tracelake/"
# what most regions allow an account without asking: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
MAX_SHARDS = 500

EXTRA_ALARMS = tuple(name for name, rule in RULES.items() if not rule.default and not rule.setting)
MAX_LOG_BUCKETS = 10
# they stand beside the tenant keys among the variables of one function
MAX_LOG_BUCKETS_LENGTH = 800

# names and prefixes are variables of one function, beside about a kilobyte of others
MAX_NAMES_LENGTH = quota("lambda.environment") // 2
_LOG_GROUP = re.compile(r"[A-Za-z0-9_./#-]{1,512}")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
# names of buckets: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_LOG_BUCKET = re.compile(r"(?!tracelake-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.'()/=-]{0,100})?")
_EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one sentence that names the key and what is allowed."""


def _setting(default: Any, doc: str, allowed: str, check: Callable[[Any], object]) -> Any:
    return field(default=default, metadata={"doc": doc, "allowed": allowed, "check": check})


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _whole(low: int, high: int) -> Callable[[int], bool]:
    return lambda value: low <= value <= high


def _names(value: tuple[str, ...]) -> bool:
    return all(map(_LOG_GROUP.fullmatch, value)) and len(",".join(value)) <= MAX_NAMES_LENGTH


def _maps_attributes(value: tuple[str, ...]) -> bool:
    pairs = [each.partition("=") for each in value]
    columns = {column for column, _, _ in pairs}
    named = all(_ATTRIBUTE.fullmatch(attribute) for _, _, attribute in pairs)
    return named and columns <= COLUMNS.keys() and len(columns) == len(pairs)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; what each means and allows is in its ``metadata`` (and in docs/settings.md)."""

    stage: str = _setting(
        "main",
        "Name of this installation; part of every name, so that several can live in one account.",
        "1 to 16 lower-case letters and digits, beginning with a letter",
        _matches(r"[a-z][a-z0-9]{0,15}"),
    )
    account: str = _setting(
        "",
        "AWS account to deploy to; empty means that of the credentials.",
        "12 digits, or empty for the account of the credentials",
        _matches(r"(\d{12})?"),
    )
    region: str = _setting(
        "",
        "AWS region to deploy to; empty means that of the credentials.",
        "the name of a region such as eu-central-1, or empty for that of the credentials",
        _matches(r"([a-z]{2}(-[a-z]+)+-\d)?"),
    )
    ingest_mode: str = _setting(
        "per-group",
        "How log groups reach the stream: `per-group` keeps a subscription filter on each, one of the few that a group "
        "can have; `account` one policy for all log groups of account and region, of which there can be one.",
        '"per-group" or "account"',
        lambda value: value in ("per-group", "account"),
    )
    include: tuple[str, ...] = _setting(
        (),
        "Prefixes of the log groups to subscribe; empty means all.",
        "a list of prefixes of log group names, none of them of tracelake's own groups under /tracelake/, of at most "
        f"{MAX_NAMES_LENGTH} characters together",
        lambda value: _names(value) and not any(p.startswith(OWN_LOG_GROUPS) for p in value),
    )
    exclude: tuple[str, ...] = _setting(
        (),
        "Prefixes of the log groups to leave out; wins over `include`. Those of tracelake are always left out.",
        f"a list of prefixes of log group names, of at most {MAX_NAMES_LENGTH} characters together",
        _names,
    )
    exclude_names: tuple[str, ...] = _setting(
        (),
        "Full names of log groups to leave out; the only selection that ingest mode `account` can express.",
        f"a list of full names of log groups, of at most {MAX_NAMES_LENGTH} characters together",
        _names,
    )
    only: str = _setting(
        "",
        "Exactly one log group to subscribe, for a first try.",
        "the full name of one log group that is not one of tracelake's own under /tracelake/, or empty",
        lambda value: not value or (_LOG_GROUP.fullmatch(value) and not value.startswith(OWN_LOG_GROUPS)),
    )
    log_buckets: tuple[str, ...] = _setting(
        (),
        "Buckets with log files to read (load balancers, CloudFront, S3, VPC flow logs, CloudTrail), each "
        "`<bucket>` or `<bucket>/<prefix>`; each must tell EventBridge of new objects (docs/log_files.md).",
        f"a list of at most {MAX_LOG_BUCKETS} names of buckets, each with a prefix behind a / or none, of at most "
        f"{MAX_LOG_BUCKETS_LENGTH} characters together, none of them of tracelake's own buckets (tracelake-...)",
        lambda value: (
            len(value) <= MAX_LOG_BUCKETS
            and len(",".join(value)) <= MAX_LOG_BUCKETS_LENGTH
            and all(map(_LOG_BUCKET.fullmatch, value))
        ),
    )
    tenant_keys: tuple[str, ...] = _setting(
        DEFAULT_TENANT_KEYS,
        "Attributes and log fields that name the customer; the first that is present counts. [Rules](rules.md) come "
        "before them, and change without a deployment.",
        "a list of 1 to 20 names of fields, of letters, digits and _ . : @ -",
        lambda value: 1 <= len(value) <= 20 and all(_ATTRIBUTE.fullmatch(key) for key in value),
    )
    tenants_table: str = _setting(
        "",
        "DynamoDB table of this account and region that holds the customers (docs/customers.md), read every hour; "
        "empty for a list that `tracelake customers put` brings, or none.",
        "the name of one DynamoDB table, of 3 to 255 letters, digits and _ . -, or empty",
        _matches(r"([A-Za-z0-9_.-]{3,255})?"),
    )
    tenants_attributes: tuple[str, ...] = _setting(
        (),
        "Attributes of `tenants_table` where they are not called as usual, each `<column>=<attribute>`, such as "
        "`tenant=accountNumber`; the columns are tenant, name, plan and monthly_price_usd.",
        f"a list of <column>=<attribute>, of the columns {', '.join(COLUMNS)}, each once, and attributes of letters, "
        "digits and _ . : @ -",
        _maps_attributes,
    )
    alert_email: str = _setting(
        "",
        "Address that is subscribed to the alerts (AWS asks it to confirm); empty means none.",
        "one e-mail address, or empty",
        lambda value: not value or _EMAIL.fullmatch(value),
    )
    extra_alarms: tuple[str, ...] = _setting(
        (),
        "Alarms to deploy beyond the default ones, by name (docs/alarms.md lists them).",
        f"a list of names of alarms that are not deployed by default: {', '.join(EXTRA_ALARMS)}",
        lambda value: set(value) <= set(EXTRA_ALARMS),
    )
    runbooks_url: str = _setting(
        "",
        "Address under which docs/runbooks can be read, for the links in messages; empty names the file.",
        "an address that begins with https://, of at most 200 characters, or empty",
        _matches(r"(https://[!-~]{1,192})?"),
    )
    kinesis_mode: str = _setting(
        "provisioned",
        "How the stream is paid: `provisioned` ($11 a month for each shard) or `on-demand` ($29, and $0.12 per GB).",
        '"provisioned" or "on-demand"',
        lambda value: value in ("provisioned", "on-demand"),
    )
    shards: int = _setting(
        1,
        "Shards of a provisioned stream; each takes 1 MB a second of compressed logs.",
        f"a whole number from 1 to {MAX_SHARDS}",
        _whole(1, MAX_SHARDS),
    )
    retention_days: int = _setting(
        400,
        "Days that settled rows are kept.",
        "a whole number from 1 to 3650",
        _whole(1, 3650),
    )
    dead_letter_days: int = _setting(
        14,
        "Days that rejected events are kept; they hold raw data, so not long.",
        "a whole number from 1 to 90",
        _whole(1, 90),
    )
    max_event_age_days: int = _setting(
        35,
        "An event whose own time is longer before its arrival than this counts at its arrival.",
        "a whole number from 1 to 400, and not more than retention_days",
        _whole(1, 400),
    )
    scan_limit_gb: int = _setting(
        100,
        "Gigabytes that one Athena query may read at most ($5 per 1000).",
        "a whole number from 1 to 100000",
        _whole(1, 100_000),
    )
    monthly_budget_usd: int = _setting(
        0,
        "Tells the alerts when tracelake's own cost of a month comes to 80 % and to 100 % of this many dollars; 0 is "
        "no budget.",
        "a whole number from 0 to 1000000",
        _whole(0, 1_000_000),
    )
    over_budget: str = _setting(
        "tell",
        "What happens when the budget is spent: `tell` says so; `sample` leaves out nine in ten of the DEBUG, TRACE "
        "and INFO lines of the loudest log groups too, until the month ends (docs/cost.md).",
        '"tell" or "sample"',
        lambda value: value in ("tell", "sample"),
    )

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not _has_type_of(value, entry.default) or not entry.metadata["check"](value):
                raise SettingsError(_sentence(entry.name, value, entry.metadata["allowed"]))
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.only and (self.include or self.exclude or self.exclude_names):
            raise SettingsError(
                "tracelake.only names the one log group; include and exclude must be empty with it, exclude_names too."
            )
        if len(",".join((*self.include, *self.exclude, *self.exclude_names))) > MAX_NAMES_LENGTH:
            raise SettingsError(
                "tracelake.include, exclude and exclude_names must be of at most "
                f"{MAX_NAMES_LENGTH} characters together: they are variables of one function."
            )
        if self.ingest_mode == "account" and (self.include or self.exclude or self.only):
            raise SettingsError(
                'tracelake.ingest_mode "account" subscribes every log group but those of exclude_names: AWS knows no '
                'prefixes there, so include, exclude and only must be empty; "per-group" has them.'
            )
        if self.kinesis_mode == "on-demand" and self.shards != 1:
            raise SettingsError(
                'tracelake.shards must be left at 1 where kinesis_mode is "on-demand": AWS adds shards.'
            )
        if self.max_event_age_days > self.retention_days:
            raise SettingsError(
                "tracelake.max_event_age_days must not be more than retention_days, or rows expire at once."
            )
        if self.tenants_attributes and not self.tenants_table:
            raise SettingsError("tracelake.tenants_attributes needs tenants_table, the table that has them.")
        if self.over_budget == "sample" and not self.monthly_budget_usd:
            raise SettingsError('tracelake.over_budget "sample" needs monthly_budget_usd, the dollars it is about.')

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Settings:
        """Settings of a CDK context: the object under ``tracelake``, and over it each ``tracelake.<key>`` of ``-c``."""
        given = context.get(CONTEXT_KEY, {})
        if not isinstance(given, Mapping):
            raise SettingsError(f"tracelake must be an object of settings in the context, but is {given!r}.")
        prefix = f"{CONTEXT_KEY}."
        overrides = {key.removeprefix(prefix): value for key, value in context.items() if key.startswith(prefix)}
        defaults = {entry.name: entry.default for entry in fields(cls)}
        if unknown := sorted((given.keys() | overrides.keys()) - defaults.keys()):
            raise SettingsError(f"tracelake.{unknown[0]} is not a setting; there are {', '.join(defaults)}.")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        values |= {key: _parsed(value, defaults[key]) for key, value in overrides.items()}
        return cls(**values)


def _parsed(value: Any, default: object) -> Any:
    """A string of ``-c`` in the type of the setting; what cannot be parsed stays as it is, and is refused later."""
    if not isinstance(value, str):
        return tuple(value) if isinstance(value, list) else value
    if isinstance(default, tuple):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(default, int) and re.fullmatch(r"-?\d+", value.strip()):
        return int(value)
    return value


def _has_type_of(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    return type(value) is type(default)


def _sentence(key: str, value: object, allowed: str) -> str:
    shown = list(value) if isinstance(value, tuple) else value
    return f"tracelake.{key} is {shown!r}, but must be {allowed}."

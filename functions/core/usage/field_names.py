"""What a field's name and the form of its values suggest: a prior, which the values' behaviour can overrule."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

TENANT, MAYBE_TENANT, COMPANY_OR_PERSON = "tenant", "maybe tenant", "company or person"
USER, OTHER, UNKNOWN = "user", "other", "unknown"

_LISTS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_KINDS = tuple(
    (kind, frozenset(_LISTS[kind.replace(" ", "_")])) for kind in (TENANT, USER, COMPANY_OR_PERSON, MAYBE_TENANT, OTHER)
)
_TRAITS, _SUFFIXES = frozenset(_LISTS["trait"]), frozenset(_LISTS["suffix"])
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\da-zA-Z_]+|\d+")

_FORMS = (
    ("e-mail", re.compile(r"[^@\s]+@[^@\s]+\.\w+\Z")),
    ("IP address", re.compile(r"\d{1,3}(\.\d{1,3}){3}\Z|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}\Z")),
    ("UUID", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)),
    ("time", re.compile(r"\d{4}-\d\d-\d\d|\d\d/\w{3}/\d{4}|1[0-9]{9}\Z|1[0-9]{12}\Z")),
    ("version", re.compile(r"v?\d+(\.\d+){1,3}([-+.]\w+)*\Z")),
    ("truth value", re.compile(r"(true|false|yes|no|on|off|y|n)\Z", re.IGNORECASE)),
    ("region", re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us|cn)(-gov)?-[a-z]{4,9}-?\d[a-z]?\Z|(eu|us|ap)-?\d\Z")),
    ("locale", re.compile(r"[a-z]{2}([-_]([A-Z]{2}|[A-Z][a-z]{3}))?\Z")),
    ("country or currency", re.compile(r"[A-Z]{2,3}\Z")),
    ("path", re.compile(r"/|[A-Z]{3,7} /|arn:aws")),
    ("user agent", re.compile(r"\w+/\d[\w.]* \(")),
    (
        "word of a list",
        re.compile(
            r"(prod|production|staging|stage|dev|development|test|qa|live|sandbox|free|trial|basic|starter|standard|plus|pro|"
            r"premium|business|enterprise|ultimate|gold|silver|bronze|platinum|new|admin|member|guest|owner|get|post|put|"
            r"patch|delete|head|options|debug|info|notice|warn|warning|error|fatal|critical|trace|control|treatment|blue|green|"
            r"hit|miss|ok|success|failed|failure|pending|active|internal|server|client|producer|consumer|chrome|safari|"
            r"firefox|edge|ios|android|web|mobile|desktop|api|direct|search|[a-c])\Z",
            re.IGNORECASE,
        ),
    ),
    ("whole number", re.compile(r"-?\d{1,18}\Z")),
    ("decimal number", re.compile(r"-?\d+\.\d+([eE][-+]?\d+)?\Z")),
    ("address", re.compile(r"https?://")),
    ("id", re.compile(r"(?=.*\d)[\w|:.-]{6,}\Z")),
    ("word", re.compile(r"[\w.-]+\Z")),
    ("words", re.compile(r"[^/\n]{1,60}\Z")),
)
NEVER = frozenset(
    {"IP address", "time", "version", "truth value", "region", "path", "user agent", "decimal number", "text"}
)
"""Forms that no name of a customer has."""

LISTED = frozenset({"locale", "country or currency", "word of a list"})
SPECIFIC = frozenset({"UUID", "id", "address", "words"})
"""Forms that somebody gave to one thing, unlike plain words and small numbers."""


def suggestion(path: str) -> str:
    """What the name says the field is: its last part, or the part before where the last one says nothing."""
    for part in reversed(path.split(".")):
        words = [word.lower() for word in _WORDS.findall(part)]
        telling = [word for word in words if word not in _SUFFIXES]
        joined = "".join(words)
        if joined in _LISTS["other"]:
            return OTHER
        for kind, known in _KINDS:
            if joined in known or any(word in known for word in telling):
                return kind
        if telling or (words and part.lower() not in _SUFFIXES):
            return UNKNOWN
    return UNKNOWN


def is_trait(path: str, form: str) -> bool:
    """Whether it is something that one person has one of, or few."""
    words = {word.lower() for word in _WORDS.findall(path.rpartition(".")[2])}
    return form in {"user agent", "locale"} or not words.isdisjoint(_TRAITS)


def form_of(labels: tuple[str, ...]) -> str:
    """The form that at least four of five values have; ``mixed`` where there is none."""
    forms = Counter(map(_form, labels[:500]))
    form, count = max(forms.items(), key=lambda item: (item[1], item[0]))
    return form if count >= 0.8 * forms.total() else "mixed"


def _form(label: str) -> str:
    return next((name for name, pattern in _FORMS if pattern.match(label)), "text")

"""Rules that hide, and rules that are wrong, slow or explosive: each is switched off alone, and events stay whole."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from feeding import payload, rows, span, taken
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core import json_texts
from functions.core.accounting import Rules
from functions.core.meaning import hiding, watch
from functions.core.meaning.meaning import Meaning
from functions.core.meaning.written import RulesError, Written, checked, parse, steps_of
from functions.core.normalize import Normalizer
from functions.core.rows import Place

HIDE = r"""
[[redact]]
name = "iban"
names = ["iban", "card.holder"]
[[redact]]
name = "order"
pattern = 'ORD-\d{6}|\b7{10}\b'
kind = "identity"
[[redact]]
name = "badge"
pattern = 'badge (?P<n>\d+)'
[[redact]]
name = "plate"
names = ["plate"]
kind = "identity"
"""


class Clock:
    """Seconds that pass when a pattern is at work: what RE2 takes where its automaton has no room and it keeps a list
    of states, so many million steps a second."""

    STEPS_A_SECOND = 2e8

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def charge(self, texts: pa.Array, pattern: str) -> None:
        self.now += texts.nbytes * steps_of(pattern) / self.STEPS_A_SECOND


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    class Charging:
        def __getattr__(self, name: str) -> Any:
            function = getattr(pc, name)
            if not name.endswith("_regex"):
                return function

            def charged(texts: pa.Array, pattern: str, *more: Any) -> Any:
                made.charge(texts, pattern)
                return function(texts, pattern, *more)

            return charged

    for module in (hiding, json_texts):
        monkeypatch.setattr(module, "pc", Charging())
    return made


def meant(text: str, clock: Any = watch.no_clock) -> Meaning:
    return Meaning(parse(text), ("tenant",), clock)


def read(meaning: Meaning, *messages: Any, **how: Any) -> Normalizer:
    normalizer = taken(payload(*messages, **how), rules=Rules("1", "r", meaning=meaning, hash_key=b"test"))
    assert not normalizer.rejected, normalizer.rejected
    return normalizer


@pytest.mark.parametrize(
    "message",
    [
        {"message": "m", "iban": "DE02120300000000202051"},
        {"message": "m", "a": [{"IBAN": ["DE02120300000000202051"]}]},
        {"message": "m", "pay.iban": "DE02120300000000202051"},
        {"message": "m", "card.holder": "DE02120300000000202051"},
        {"message": 'holder: {"card.holder": "Jane 02120300000000202051"}'},
        {"message": "m", "body": '{"card.holder": "Jane 02120300000000202051 Doe", "x": 1}'},
        {"message": "m", "body": {"deeper": '{"card.holder": "Jane \\"02120300000000202051\\" Doe"}'}},
        "card.holder='Jane 02120300000000202051'",
        {"message": "paid iban=DE02120300000000202051 today"},
        {"message": 'body {"iban": "DE02120300000000202051"}'},
        {"message": "m", "body": '{"iban":"DE02120300000000202051"}'},
        "paid, iban: DE02120300000000202051",
        {"message": "badge 02120300000000202051"},
        {"message": "m", "deep": {"badge 02120300000000202051": 1}},
        "badge 02120300000000202051",
    ],
)
def test_a_secret_of_ones_own_rules_is_nowhere(message: Any) -> None:
    normalizer = read(meant(HIDE), message)
    [row] = rows(normalizer, "logs")
    assert "02120300000000202051" not in str(row)
    assert "[redacted]" in str(row)
    assert normalizer.counts.redacted >= 1
    if row["line"]:
        json.loads(row["line"])


@pytest.mark.parametrize(
    "message",
    [{"message": "for ORD-123456 twice ORD-123456"}, {"message": "m", "a": "ORD-123456"}, "for ORD-123456"],
)
def test_an_identity_becomes_the_same_hash_everywhere(message: Any) -> None:
    [row], [other] = (rows(read(meant(HIDE), each), "logs") for each in (message, "ORD-123456"))
    assert "123456" not in str(row)
    assert other["message"].startswith("~")
    assert other["message"] in str(row)


def test_names_and_numbers_become_hashes_too_and_maps_are_looked_at() -> None:
    [row] = rows(read(meant(HIDE), {"message": "m", "plate": "B-X 1", "n": 7777777777, "k": 777}), "logs")
    line = json.loads(row["line"])
    assert re.fullmatch("~[0-9a-f]{32}", line["plate"])
    assert re.fullmatch("~[0-9a-f]{32}", line["n"])
    assert line["k"] == 777
    usage = {"event_type": "usage", "feature": "f", "plate": "B-X 1", "note": "badge 12", "order": "ORD-123456"}
    [row] = rows(read(meant(HIDE), usage), "usage_events")
    assert row["properties"]["plate"] == line["plate"]
    assert row["properties"]["note"] == "[redacted]"
    assert row["properties"]["order"].startswith("~")


def test_lines_in_which_nothing_is_hidden_stay_to_the_letter() -> None:
    line = '{"message" : "café iban",  "n": 1.50, "iban": null}'
    [row] = rows(read(meant(HIDE), line), "logs")
    assert row["line"] == line


def test_attributes_of_processes_are_hidden_as_well() -> None:
    resource = {"attributes": {"service.name": "s", "iban": "DE02120300000000202051"}}
    [row] = rows(read(meant(HIDE), span(resource=resource), group="aws/spans"), "spans")
    assert "[redacted]" in row["resource_attributes"]
    assert "DE0212" not in str(row)


CATASTROPHE = "[[redact]]\nname = 'catastrophe'\npattern = '(a+)+$'\n"
SLOW = "[[redact]]\nname = 'slow'\npattern = '[ab]*a[ab]{900}c'\n"


def test_a_catastrophic_pattern_is_harmless_because_nothing_is_tried_twice(clock: Clock) -> None:
    """A backtracking engine needs 2^n steps for this line and would never come back."""
    meaning = meant(CATASTROPHE + HIDE, clock)
    hostile = "a" * 200_000 + "!"
    normalizer = read(meaning, hostile, {"message": hostile}, "badge 7")
    assert {row["message"] for row in rows(normalizer, "logs")} == {hostile, "[redacted]"}
    assert meaning.watch.off == {}


def test_a_slow_rule_is_switched_off_within_one_batch_and_the_others_go_on(clock: Clock) -> None:
    meaning = meant(SLOW + HIDE, clock)
    hostile = "ab" * 100_000
    normalizer = read(meaning, *[hostile] * 20, "badge 7", "ORD-123456")
    found = [row["message"] for row in rows(normalizer, "logs")]
    assert found[:20] == [hostile] * 20
    assert found[20] == "[redacted]"
    assert found[21].startswith("~")
    assert list(meaning.watch.off) == ["redact: slow"]
    assert "it was slow: " in meaning.watch.off["redact: slow"]
    # one look at the clock for every slice: it overruns its budget by one slice at most
    most = watch.BUDGET_SECONDS + watch.BUDGET_SECONDS_A_MB * 4 + 2 * 200_001 * 910 * 2 / Clock.STEPS_A_SECOND
    assert meaning.watch.seconds["redact: slow"] < most
    assert normalizer.counts.events == normalizer.counts.stored == 22


def test_what_is_off_stays_off_for_the_batches_that_follow_and_is_not_tried(clock: Clock) -> None:
    meaning = meant(SLOW + HIDE, clock)
    rows(read(meaning, *["ab" * 100_000] * 20), "logs")
    renewed = meaning.renewed()
    assert renewed is not meaning
    assert renewed.watch.off == meaning.watch.off
    before = clock.now
    rows(read(renewed, "ab" * 100_000), "logs")
    assert "redact: slow" not in renewed.watch.seconds
    assert clock.now > before, "the others are at work"
    assert renewed.renewed() is renewed


def test_a_rule_is_measured_anew_in_each_batch(clock: Clock) -> None:
    meaning = meant(SLOW, clock)
    for _ in range(10):
        rows(read(meaning, "ab" * 20_000), "logs")
    assert meaning.watch.off == {}


def test_a_rule_that_fails_is_switched_off_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, array: pa.Array, redactor: Any) -> pa.Array:
        if "iban" in self.label:
            raise ValueError("a defect")
        return original(self, array, redactor)

    original = hiding._Rule.in_texts
    monkeypatch.setattr(hiding._Rule, "in_texts", broken)
    meaning = meant(HIDE)
    [row] = rows(read(meaning, "badge 7"), "logs")
    assert row["message"] == "[redacted]"
    assert meaning.watch.off == {"redact: iban": "it failed: ValueError: a defect"}


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ('tenant = ["id"]', "tenant: id", {"id": "{}"}),
        ('tenant = ["a.id"]', "tenant: a.id", {"a": {"id": "{}"}}),
        ('version = ["build"]', "version: build", {"build": "{}"}),
        (
            'feature = ["f"]',
            "feature: f",
            {"f": "{}", "httpMethod": "GET", "status": 200, "path": "/", "routeKey": "r"},
        ),
        (
            'paths = ["/t/{tenant}"]',
            "paths: /t/{tenant}",
            {"path": "/t/{}", "httpMethod": "GET", "status": 200, "requestTimeEpoch": 1},
        ),
        ('tenant = ["id"]', "tenant: id", span(attributes={"id": "{}"})),
        ('route = ["r"]', "route: r", span(attributes={"r": "{}"})),
        ('paths = ["/t/{tenant}"]', "paths: /t/{tenant}", span(kind="SERVER", attributes={"url.path": "/t/{}"})),
    ],
)
def test_a_rule_without_bound_on_its_values_is_switched_off_within_one_batch(
    text: str, rule: str, line: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_VALUES", dict.fromkeys(watch.MOST_VALUES, 50))
    meaning = meant(text + "\n" + HIDE)
    lines = [json.loads(json.dumps(line).replace("{}", f"v{number}")) for number in range(200)]
    table = "spans" if "spanId" in line else "requests" if "path" in line else "logs"
    column = rule.partition(":")[0].replace("version", "service_version").replace("paths", "tenant")
    column = column.replace("route", "http_route")
    normalizer = read(meaning, *[{"message": "m", "tenant": "own", **each} for each in lines[:40]])
    assert len(rows(normalizer, table)) == 40
    assert meaning.watch.off == {}
    found = rows(read(meaning, *lines), table)
    assert len(found) == 200
    assert list(meaning.watch.off) == [rule]
    assert "it exploded: more than 50 different values" in meaning.watch.off[rule]
    assert len({row[column] for row in found}) <= 51
    lines[0].setdefault("attributes", {})["tenant"] = "usual"
    usual = rows(read(meaning.renewed(), {"message": "m", "tenant": "usual", **lines[0]}), table)
    assert usual[0]["tenant"] == "usual"


def of_file(meaning: Meaning, text: str) -> Normalizer:
    """A Normalizer that has been given a log file."""
    normalizer = Normalizer(Rules("1", "r", meaning=meaning, hash_key=b"test"))
    normalizer.add_piece(text.encode(), "b/k/e/0", Place("1", "r", "s3://b", "x/k.log"), 1_790_000_000_000)
    return normalizer


@pytest.mark.parametrize("where", ["/x", "s3://b/x/"])
def test_a_format_with_a_slow_pattern_gives_its_lines_back(where: str) -> None:
    ticking = iter(range(0, 1000, 5))
    text = f"[[formats]]\nname = 'slow'\nlog_groups = ['{where}']\npattern = '^(?P<level>[A-Z]+) (?P<message>.*)$'\n"
    meaning = meant(text + HIDE, lambda: float(next(ticking)))
    lines = ["INFO " + "x" * 200_000] * 4
    normalizer = of_file(meaning, "\n".join(lines)) if where[0] == "s" else read(meaning, *lines, group=where)
    assert normalizer.counts.events == normalizer.counts.stored == 4
    found = rows(normalizer, "logs")
    assert [row["source"] for row in found] == ["own_format", "text_log", "text_log", "text_log"]
    assert next(iter(meaning.watch.off)) == "formats: slow"


def test_a_usual_format_is_not_slow_however_large_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The eight groups of an access log take RE2 and Arrow about 25 ms a megabyte."""
    monkeypatch.setattr(watch, "BUDGET_SECONDS", 0)
    seconds = itertools.accumulate(itertools.cycle([0.0, 0.025 * watch.SLICE_BYTES / 1e6]))
    text = "[[formats]]\nname = 'f'\nlog_groups = ['s3://b']\npattern = '^(?P<level>[A-Z]+) (?P<message>.*)$'\n"
    meaning = meant(text, lambda: next(seconds))
    # the last slice is small, and for this clock as slow as the others
    found = rows(of_file(meaning, ("INFO " + "x" * 1000 + "\n") * 3000), "logs")
    assert {row["source"] for row in found} == {"own_format"}
    assert meaning.watch.off == {}


@given(st.lists(st.text(max_size=40) | st.none(), max_size=30), st.integers(0, 5))
def test_slices_are_the_array_and_none_is_larger_than_allowed_or_one_cell(cells: list[str | None], start: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "SLICE_BYTES", 50)
        array = pa.array(cells, pa.string()).slice(start)
        found = list(watch.slices(array))
    assert [cell for part, _ in found for cell in part.to_pylist()] == array.to_pylist()
    for part, size in found:
        assert size == sum(len((cell or "").encode()) for cell in part.to_pylist())
        assert size <= 50 or len([cell for cell in part.to_pylist() if cell]) == 1 or len(part) == 1


_NAMES = st.sampled_from(["tenant", "customer.id", "a", "a.b", "headers.x", "body.id", "message", "*", "ключ", "user"])
_PATTERNS = st.sampled_from(
    (
        *(r"(a+)+$", r"[ab]*a[ab]{400}", r".", r"\d+", r'"', r"[{}\[\]]", r"(?i)x|y", r"\S+@\S+", r"\x{e000}", r"^"),
        *(r"(?s).*", r"\bmessage\b", "[redacted]", "~", r"(a)(b)(?P<n>c)", r"[^\n]{3}", "(", r"\pL+"),
    )
)
_REDACT = st.builds(
    lambda number, names, pattern, kind: {
        "name": f"r{number}",
        "names": names,
        "kind": kind,
        **({"pattern": pattern} if pattern else {}),
    },
    st.integers(0, 50),
    st.lists(_NAMES, max_size=3),
    _PATTERNS | st.none(),
    st.sampled_from(["secret", "identity"]),
)
_LISTS = st.lists(_NAMES, max_size=3, unique=True)
_RULES = st.fixed_dictionaries(
    {},
    optional={
        "tenant": _LISTS,
        "user": _LISTS,
        "route": _LISTS,
        "feature": _LISTS,
        "version": _LISTS,
        "paths": st.lists(
            st.sampled_from(["/{tenant}", "/a/{user}/*", "/{x}/{feature}", "/*"]), max_size=2, unique=True
        ),
        "features": st.dictionaries(
            st.sampled_from(["*", "GET /*", "/a*b*", "POST *x", "* *"]), st.just("f"), max_size=3
        ),
        "redact": st.lists(_REDACT, max_size=3),
        "formats": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from("fg"),
                    "log_groups": st.just(["/aws/", "s3://b"]),
                    "pattern": st.sampled_from(
                        [r"(?P<tenant>\w+)", r"(?P<time>.*)", r"^(?P<status>.)(?P<path>.*)$", r"(?P<level>[^ ]*) ?"]
                    ),
                    "table": st.sampled_from(["logs", "requests"]),
                }
            ),
            max_size=2,
        ),
    },
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["a" * 3000, "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
_LINES = st.lists(
    st.text(max_size=60)
    | st.dictionaries(
        _NAMES | st.sampled_from(["httpMethod", "status", "path", "authorizer", "level"]), _JSON, max_size=6
    ),
    min_size=1,
    max_size=6,
)
_ATTRIBUTES = st.dictionaries(_NAMES | st.sampled_from(["url.path", "url.full", "http.route", "http.method"]), _JSON)
_SPANS = st.lists(
    st.builds(
        lambda attributes, kind: span(attributes=attributes, kind=kind), _ATTRIBUTES, st.sampled_from(["SERVER", 3])
    ),
    max_size=3,
)


def _without_refused(found: dict[str, Any]) -> Iterator[Written]:
    try:
        yield checked(found)
    except RulesError:
        return


@settings(max_examples=150, deadline=None)
@given(_RULES, _LINES, _SPANS)
def test_whatever_rules_say_no_event_is_lost_or_doubled_and_its_name_stays(
    found: dict[str, Any], lines: list[Any], spans: list[Any]
) -> None:
    def names(normalizer: Normalizer) -> list[tuple[str, int]]:
        parts = normalizer.flush("chunk")
        return sorted(
            (row["event_id"], row["row_no"])
            for part in parts
            if part.table in ("logs", "requests", "spans")
            for row in part.rows.select(["event_id", "row_no"]).to_pylist()
        )

    record = payload(*lines, *spans)
    plain = taken(record, rules=Rules("1", "r", hash_key=b"test"))
    for written in _without_refused(found):
        meaning = Meaning(written, ("tenant",))
        normalizer = taken(record, rules=Rules("1", "r", meaning=meaning, hash_key=b"test"))
        counts = normalizer.counts
        assert counts.events == counts.stored + counts.folded + counts.rejected == plain.counts.events
        assert counts.rejected == plain.counts.rejected
        assert names(normalizer) == names(plain)
        assert meaning.watch.off == {}
        file = of_file(meaning, "\n".join(line if type(line) is str else json.dumps(line) for line in [*lines, *spans]))
        counts = file.counts
        assert counts.events == counts.stored + counts.folded + counts.rejected
        stored = names(file)
        assert len(stored) == len(set(stored)) >= counts.stored

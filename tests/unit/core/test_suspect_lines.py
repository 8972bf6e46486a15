"""The likely cause in the lines of a mail."""

from __future__ import annotations

from dataclasses import replace

from functions.core.traces.compared import Causes
from functions.core.traces.suspect_words import lines
from functions.core.traces.suspects import CONTENT, ERRORS, SELF_TIME, Evidence, Item, Suspect

HOSTILE = "pay\x1b[2J\u202ements\n" + "x" * 500


def evidence(kind: str = SELF_TIME, operation: str = "POST /charges", item: str = "") -> Evidence:
    return Evidence(kind, operation, 0.6, 80.0, 480.0, 1_040, 980, ("GET /",), Item(item, "ERROR"), 0)


def test_the_likeliest_cause_comes_with_its_score_and_three_sentences() -> None:
    failing = replace(evidence(ERRORS), before=0.0, now=0.5)
    found = Suspect("payments", 0.654, (evidence(), failing, evidence(CONTENT, item="declined"), evidence()))
    assert lines(Causes((found,))) == (
        "payments: likely (0.65)",
        "- own time of POST /charges: 80 ms -> 480 ms (requests: 1,040 before, 980 now)",
        "- POST /charges fails, and nothing that it calls: 0% -> 50%, first seen now",
        "  (requests: 1,040 before, 980 now)",
        "- ERROR line 'declined' is seen: 80 -> 480 per call of POST /charges",
        "  (requests: 1,040 before, 980 now)",
    )


def test_others_that_stand_out_are_named() -> None:
    found = [Suspect(f"s{number}", 0.9 - number / 10, (evidence(),)) for number in range(8)]
    assert lines(Causes(tuple(found)))[2:] == (
        "- also: s1: likely (0.80), s2: likely (0.70), s3: likely (0.60), 3 more",
    )


def test_where_nothing_stands_out_that_is_said_and_nobody_is_named() -> None:
    nothing = ("No difference found that points to a service.",)
    assert lines(Causes((Suspect("payments", 0.29, (evidence(),)),))) == lines(Causes()) == nothing


def test_why_nobody_looked_is_said() -> None:
    assert lines(Causes(not_looked="the time was over")) == ("Not looked for: the time was over.",)


def test_lines_fit_into_a_mail_and_names_cannot_write_anything_else() -> None:
    found = Suspect(HOSTILE, 0.9, tuple(evidence(kind, HOSTILE, HOSTILE) for kind in (SELF_TIME, ERRORS, CONTENT)))
    said = lines(Causes((found, found)))
    assert max(map(len, said)) <= 78
    assert not {"\x1b", "\u202e", "\n"} & set("".join(said))
